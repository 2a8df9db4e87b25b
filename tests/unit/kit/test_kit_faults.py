"""Simulated devices that misbehave; the device here says the second and what a pump delivered."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.kit.capture import Chunk
from drivers.kit.capture_player import CapturePlayer
from drivers.kit.contract import SIMULATOR_FAULTS
from drivers.kit.faults import faulty, simulated
from drivers.kit.playback import BedState, PumpState, SimClock, bed_at, pump_at
from drivers.kit.simulate import Simulation
from drivers.kit.template.driver import DRIVER
from monitor_daemon.core.errors import ConfigError

START = 500.0
NONE = {fault.name: fault.default for fault in SIMULATOR_FAULTS}


class Drip:
    """One pump that delivers 1 mL a second."""

    length = 100.0

    def at(self, elapsed):
        pump = PumpState("1", "", 3600.0, volume_ml=elapsed)
        return [BedState("A", {"art_map": elapsed}, [pump]), BedState("B", {}, [])]


class Counting:
    """Says every second, in its own time: second, volume, pressure, how often it was asked."""

    def __init__(self, play, clock):
        self.play, self.clock = play, clock
        self.next = None
        self.asked = 0

    def connected(self, now):
        self.next = now
        return []

    def feed(self, data, now):
        self.asked += 1
        return [b"yes"]

    def due(self):
        return self.next

    def wake(self, now):
        if now < self.next:
            return []
        self.next += 1.0
        elapsed = self.clock.elapsed(now)
        [bed, _] = self.play.at(elapsed)
        words = (elapsed, bed.pumps[0].volume_ml, bed.signals["art_map"], self.asked)
        return [b"%g %g %g %d" % words]


def device(speed=1.0, **faults):
    clock = SimClock(START, datetime(2026, 1, 1, tzinfo=UTC), speed)
    return faulty(Counting, NONE | faults, Drip(), clock)


def played(device, seconds, asked=()):
    """What arrives, with the second: whatever is asked comes at its second too."""
    found = [(0.0, chunk) for chunk in device.connected(START)]
    questions = [START + at for at in asked]
    while True:
        times = [t for t in (device.due(), questions[0] if questions else None) if t is not None]
        now = min(times)
        if now > START + seconds:
            return found
        if questions and now == questions[0]:
            questions.pop(0)
            found += [(now - START, chunk) for chunk in device.feed(b"?", now)]
        else:
            found += [(now - START, chunk) for chunk in device.wake(now)]


def test_without_faults_it_is_the_device_itself():
    assert isinstance(device(), Counting)


def test_late_by_the_delay_and_in_order():
    found = played(device(delay=2.5), 5.0, asked=[0.5])
    assert found == [(2.5, b"0 0 0 0"), (3.0, b"yes"), (3.5, b"1 1 1 1"), (4.5, b"2 2 2 1")]


def test_silent_from_a_second_on():
    assert [at for at, _ in played(device(mute_after=2), 9.0)] == [0.0, 1.0]
    assert played(device(mute_after=0), 9.0) == []
    # Simulated seconds.
    assert [at for at, _ in played(device(speed=4.0, mute_after=8), 9.0)] == [0.0, 1.0]


def test_every_third_is_damaged_in_one_bit():
    right = [chunk for _, chunk in played(device(), 8.0)]
    found = [chunk for _, chunk in played(device(corrupt_every=3), 8.0)]
    bits = [
        sum((a ^ b).bit_count() for a, b in zip(one, two, strict=True))
        for one, two in zip(right, found, strict=True)
    ]
    assert bits == [0, 0, 1] * 3


def test_a_restart_forgets_all_counts_anew_and_the_world_has_gone_on():
    found = played(device(restart_at=2.5, restart_for=3), 7.0, asked=[1.5, 3.0, 6.0])
    assert found == [
        (0.0, b"0 0 0 0"), (1.0, b"1 1 1 0"), (1.5, b"yes"), (2.0, b"2 2 2 1"),
        # Off from 2.5 to 5.5: the question at 3 is not heard.
        (5.5, b"0 0 5.5 0"), (6.0, b"yes"), (6.5, b"1 1 6.5 1"),
    ]  # fmt: skip


def test_what_was_under_way_at_a_restart_is_lost():
    assert [at for at, _ in played(device(delay=2.0, restart_at=1.5), 4.0)] == [3.5]


@given(st.floats(0, 5), st.floats(0, 3), st.integers(0, 4), st.floats(0, 5), st.floats(0.5, 10))
def test_any_faults_together_end_and_never_break(delay, off, corrupt, at, speed):
    faults = {"delay": delay, "restart_for": off, "corrupt_every": corrupt, "restart_at": at}
    found = played(device(speed=speed, **faults), 10.0, asked=[1.0, 4.0])
    times = [when for when, _ in found]
    assert times == sorted(times)


CHUNKS = [Chunk(100.0, "rx", b"a"), Chunk(101.5, "rx", b"b"), Chunk(101.5, "rx", b"c")]


def player(speed=1.0, chunks=CHUNKS):
    return CapturePlayer(chunks, SimClock(START, datetime(2026, 1, 1, tzinfo=UTC), speed))


def test_a_capture_is_played_with_its_pauses():
    found = player()
    assert found.connected(START) == [b"a"]
    assert found.feed(b"anything", START) == ()
    assert found.due() == START + 1.5
    assert found.wake(START + 1.4) == []
    assert found.wake(START + 1.5) == [b"b", b"c"]
    assert found.due() is None


def test_a_capture_is_played_faster_and_to_the_next_reader_again():
    found = player(speed=3.0)
    found.connected(START)
    assert found.due() == START + 0.5
    assert found.connected(START + 9) == [b"a"]
    assert found.due() == START + 9.5


def test_a_clock_that_was_set_back_makes_no_negative_pause():
    back = [replace_time(CHUNKS[0], 100.0), replace_time(CHUNKS[1], 90.0)]
    assert player(chunks=back).connected(START) == [b"a", b"b"]


def replace_time(chunk, t):
    return Chunk(t, chunk.dir, chunk.data)


def test_beds_and_pumps_of_a_play_are_found_by_name():
    assert bed_at(Drip(), 5.0, "").bed == "A"
    assert bed_at(Drip(), 5.0, "B").pumps == []
    assert bed_at(Drip(), 5.0, "C") == BedState("C", {}, ())
    assert bed_at(Drip(), -5.0, "A").signals == {"art_map": 0.0}
    assert pump_at(Drip(), 5.0, "", "").channel == "1"
    assert pump_at(Drip(), 5.0, "", "2") is None
    assert pump_at(Drip(), 5.0, "B", "") is None


def test_a_fault_of_an_unknown_name_is_refused_with_those_that_there_are():
    with pytest.raises(KeyError, match=r"mute: driver acme_line knows only .*mute_after"):
        simulated(DRIVER, {"mute": 1}, Drip(), SimClock(START, datetime.now(UTC)))


@pytest.mark.parametrize("name", NONE)
@pytest.mark.parametrize("value", ["abc", -1, float("nan"), [1]])
def test_a_fault_that_is_no_number_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"{name} = .*: a number"):
        device(**{name: value})
    clock = SimClock(START, datetime(2026, 1, 1, tzinfo=UTC))
    simulation = Simulation(DRIVER, Drip(), clock, {name: value}, [Chunk(0.0, "rx", b"x")])
    with pytest.raises(ConfigError, match=f"driver acme_line: option {name} = "):
        simulation.device()


def simulation(bed, chunks=()):
    clock = SimClock(START, datetime(2026, 1, 1, tzinfo=UTC))
    return Simulation(DRIVER, Drip(), clock, {"bed": bed}, chunks)


@pytest.mark.parametrize("bed", ["nobody", "a", 7, None, ["A"]])
def test_a_bed_that_the_play_does_not_have_is_refused_with_those_it_has(bed):
    with pytest.raises(ConfigError) as refused:
        simulation(bed).device()
    assert str(refused.value) == f"driver acme_line: option bed = {bed!r}: the play has 'A', 'B'"
    assert refused.value.code == "CONFIG"


@pytest.mark.parametrize("bed", ["", "A", "B"])
def test_the_beds_of_the_play_are_taken(bed):
    assert simulation(bed).device()


def test_a_capture_is_played_whatever_bed_it_is_of():
    assert isinstance(simulation("nobody", [Chunk(0.0, "rx", b"x")]).device(), CapturePlayer)
