"""The session against the simulated monitor, joined in memory on a virtual monotonic clock."""

from datetime import UTC, datetime

import pytest
from dri_records import basic, pressure, record
from hypothesis import given
from hypothesis import strategies as st
from test_dri_frames import REQUEST_10

from drivers.ge_dri.driver import DRIVER
from drivers.kit.contract import Alive, Message, Problem, Send
from drivers.kit.faults import simulated
from drivers.kit.playback import BedState, SimClock
from monitor_daemon.core.vocabulary import Quality, Reading, Unmapped

START = 1000.0
SIGNALS = {
    "art_map": 65.25,
    "art_sys": 118.0,
    "art_dia": 42.0,
    "pulse_rate": 95.0,
    "cvp": 9.0,
    "pap_map": 18.5,
    "heart_rate": 96.0,
    "respiration_rate": 18.0,
    "spo2": 97.0,
    "nibp_sys": 121.0,
    "nibp_dia": 58.0,
    "nibp_map": 79.0,
    "temperature": 37.1,
    "cardiac_output": 5.25,
    "cardiac_index": 2.9,
}


class Ward:
    """Two beds; the first has what is given."""

    length = float("inf")

    def __init__(self, signals):
        self.signals = signals

    def at(self, elapsed):
        return [BedState("ICU7", self.signals, ()), BedState("ICU8", {"art_map": 80.0}, ())]


class Bench:
    """Session and monitor without transport; everything sent passes the allow-list."""

    def __init__(self, signals=SIGNALS, *, monitor=None, **options):
        clock = SimClock(START, datetime(2026, 1, 1, 8, tzinfo=UTC))
        self.session = DRIVER.session(options)
        self.monitor = simulated(DRIVER, options | (monitor or {}), Ward(signals), clock)
        self.now = START
        self.sent, self.messages, self.problems, self.notes = [], [], [], []
        self.monitor.connected(self.now)
        self.take(self.session.connected(self.now))

    def run(self, seconds):
        """Lets `seconds` pass; returns the rows of that time."""
        end, before = self.now + seconds, len(self.messages)
        while True:
            times = [t for t in (self.session.due(), self.monitor.due()) if t is not None]
            if not times or min(times) > end:
                break
            self.now = max(self.now, min(times))
            for chunk in self.monitor.wake(self.now):
                self.take(self.session.feed(chunk, self.now))
            self.take(self.session.wake(self.now))
        self.now = end
        return [row for _, message in self.messages[before:] for row in message.rows]

    def take(self, effects):
        for effect in effects:
            match effect:
                case Send(data):
                    assert DRIVER.may_send(data)
                    self.sent.append((self.now - START, data))
                    self.monitor.feed(data, self.now)
                case Message():
                    assert effect.reply is None
                    self.messages.append((self.now - START, effect))
                case Problem():
                    assert effect.reply is None
                    self.problems.append(effect)
                case Alive(detail):
                    self.notes.append(detail)

    def times(self):
        return [at for at, _ in self.messages]


def values(rows):
    return {r.signal: r.value for r in rows if isinstance(r, Reading) and r.value is not None}


def test_everything_that_is_played_arrives():
    rows = Bench().run(1.0)
    assert values(rows) == SIGNALS
    assert {row.device_time for row in rows} == {"2026-01-01T08:00:00"}


def test_one_request_then_a_record_every_interval():
    bench = Bench(interval=10)
    bench.run(60.0)
    assert bench.sent == [(0.0, REQUEST_10)]
    assert bench.times() == [10.0 * n for n in range(7)]
    assert [m.sent_at for _, m in bench.messages[:2]] == [
        "2026-01-01T08:00:00",
        "2026-01-01T08:00:10",
    ]


def test_nothing_is_sent_by_a_passive_session():
    bench = Bench(passive=True)
    bench.run(60.0)
    assert bench.sent == []
    assert bench.session.due() is None
    assert bench.session.wake(1e9) == []
    assert len(bench.messages) == 13


def test_a_passive_session_does_not_ask_a_silent_monitor():
    bench = Bench(passive=True, monitor={"passive": False})
    bench.run(120.0)
    assert (bench.sent, bench.messages) == ([], [])


@pytest.mark.parametrize(("interval", "again"), [(5, 15.0), (20, 60.0)])
def test_a_monitor_without_values_is_asked_again_after_three_intervals(interval, again):
    bench = Bench(interval=interval, monitor={"mute_after": 0})
    bench.run(again * 2)
    assert [at for at, _ in bench.sent] == [0.0, again, 2 * again]


def test_other_records_are_no_answer():
    session = DRIVER.session({})
    session.connected(0.0)
    [effect] = session.feed(record(basic(), main_type=4), 14.0)
    assert effect == Alive("record of main type 4 without displayed values")
    assert session.due() == 15.0


def test_a_monitor_that_restarts_has_forgotten_the_request_and_gets_it_again():
    bench = Bench(monitor={"restart_at": 12, "restart_for": 30})
    bench.run(80.0)
    gaps = [
        later - earlier for earlier, later in zip(bench.times(), bench.times()[1:], strict=False)
    ]
    assert max(gaps) <= 30 + 15 + 5
    # Asked at 25, 40 (still off until 42) and 55, when it hears.
    assert [at for at, _ in bench.sent] == [0.0, 25.0, 40.0, 55.0]
    assert bench.times()[-1] == 80.0


def test_a_damaged_record_is_a_problem_and_nothing_more():
    bench = Bench(monitor={"corrupt_every": 3})
    bench.run(60.0)
    assert bench.times() == [5.0 * n for n in range(13) if n % 3 != 2]
    assert len(bench.problems) >= 4
    assert values([r for _, m in bench.messages for r in m.rows])["art_map"] == 65.25
    assert len(bench.sent) == 1


def test_records_of_other_kinds_hide_nothing_that_a_person_should_know():
    session = DRIVER.session({"passive": True})
    two = record(basic((48, pressure(8, 12000, 5000, 7300))))
    wires = two, record(basic(), main_type=4), two
    notes = [e.detail for wire in wires for e in session.feed(wire, 0.0) if isinstance(e, Alive)]
    # Once when it becomes known; once more with the alarm record, which is an answer too.
    expected = "DRI level 8, arterial pressure: P1 ART and P3 ABP; arterial_channels can choose"
    assert notes == [expected, expected]


@pytest.mark.parametrize(
    ("state", "quality"),
    [
        ("measuring", Quality.GOOD),
        ("zeroing", Quality.CALIBRATING),
        ("unzeroed", Quality.NO_VALUE),
        ("off", Quality.NO_VALUE),
    ],
)
def test_a_state_of_the_simulated_arterial_line_is_that_of_no_other(state, quality):
    rows = [row for row in Bench(monitor={"state": state}).run(1.0) if isinstance(row, Reading)]
    assert {row.quality for row in rows if row.signal == "art_map"} == {quality}
    assert {row.quality for row in rows if row.signal == "cvp"} == {Quality.GOOD}


def test_a_simulated_monitor_can_have_the_line_twice():
    bench = Bench(monitor={"twin": True})
    rows = [row for row in bench.run(1.0) if isinstance(row, Reading)]
    assert [row.channel for row in rows if row.signal == "art_map"] == ["P1", "P2"]
    assert bench.notes == [
        "DRI level 11, arterial pressure: P1 ART and P2 ART; arterial_channels can choose"
    ]


def test_a_monitor_whose_line_is_labelled_p1_has_no_arterial_pressure():
    bench = Bench(monitor={"label": "P1"})
    rows = bench.run(1.0)
    assert Unmapped("P1 P1.mean", "65.25", "mmHg") in rows
    assert "art_map" not in values(rows)
    assert bench.notes == ["DRI level 11, arterial pressure: no channel"]


def test_the_bed_of_the_play_can_be_picked():
    assert values(Bench(monitor={"bed": "ICU8"}).run(1.0)) == {"art_map": 80.0}
    assert Bench(monitor={"bed": "ICU9"}).run(1.0) == []


def test_signals_that_are_not_played_are_not_there():
    rows = Bench({"art_map": 70.0}).run(1.0)
    assert {r.signal: r.quality for r in rows} == {
        "art_map": Quality.GOOD,
        "art_sys": Quality.NO_VALUE,
        "art_dia": Quality.NO_VALUE,
        "pulse_rate": Quality.NO_VALUE,
    }


def test_several_arterial_lines_are_told_once_and_again_when_they_change():
    session = DRIVER.session({"passive": True})
    one = record(basic())
    two = record(basic((48, pressure(8, 12000, 5000, 7300))))
    effects = [e for wire in (one, one, two, one) for e in session.feed(wire, 0.0)]
    assert [e.detail for e in effects if isinstance(e, Alive)] == [
        "DRI level 8, arterial pressure: P1 ART",
        "DRI level 8, arterial pressure: P1 ART and P3 ABP; arterial_channels can choose",
        "DRI level 8, arterial pressure: P1 ART",
    ]


def test_a_connection_that_ends_within_a_record_says_so():
    session = DRIVER.session({})
    assert session.feed(record(basic())[:100], 0.0) == []
    [problem] = session.lost(1.0)
    assert (problem.fault.code, problem.fault.offset) == ("FRAME", 0)


def test_raw_bytes_are_kept_as_received():
    wire = record(basic((30, b"\x7e\x7d")))
    [_, message] = DRIVER.session({}).feed(wire, 0.0)
    assert message.raw == wire
    assert values(message.rows)["art_map"] == 0x7D7E / 100


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("01 FF FF 0E 00 00 00 00 00", [0.0]),  # one shot
        ("01 05 00 00 00 00 00 00 00", [0.0, 5.0, 10.0]),  # basic class only
        ("01 00 00 00 00 00 00 00 00", []),  # stop
        ("01 04 00 0E 00 00 00 00 00", []),  # too often: ignored
        ("03 3C 00 0E 00 00 00 00 00", []),  # trend
    ],
)
def test_the_simulated_monitor_does_as_the_request_says(body, expected):
    monitor = Bench(passive=True, monitor={"passive": False}).monitor
    plain = REQUEST_10[1:41] + bytes.fromhex(body)
    wire = plain + bytes([sum(plain) % 256])
    monitor.feed(b"\x7e" + wire.replace(b"\x7d", b"\x7d\x5d") + b"\x7e", START)
    times, sizes = [], set()
    while monitor.due() is not None and monitor.due() <= START + 10:
        now = monitor.due()
        sizes |= {int.from_bytes(chunk[1:3], "little") for chunk in monitor.wake(now)}
        times.append(now - START)
    assert times == expected
    basic_only = "00 00 00 00 00 00" in body
    assert sizes <= ({40 + 278} if basic_only else {40 + 4 * 278})


wire_chunks = st.lists(
    st.sampled_from(
        [record(basic()), record(basic(), main_type=1), record(basic())[:90], REQUEST_10, b"\x7e"]
    )
    | st.binary(max_size=20),
    max_size=12,
)


@given(wire_chunks, st.booleans(), st.floats(0, 20))
def test_whatever_arrives_the_session_says_only_what_it_may(chunks, passive, pause):
    session = DRIVER.session({"passive": passive})
    now = 0.0
    effects = list(session.connected(now))
    for chunk in chunks:
        now += pause
        effects += [*session.wake(now), *session.feed(chunk, now)]
    effects += session.lost(now)
    sends = [effect.data for effect in effects if isinstance(effect, Send)]
    assert all(map(DRIVER.may_send, sends))
    assert bool(sends) != passive
    assert all(e.reply is None for e in effects if isinstance(e, Message | Problem))


@given(wire_chunks)
def test_any_split_gives_the_session_the_same_effects(chunks):
    def effects(pieces):
        session = DRIVER.session({})
        return [e for piece in pieces for e in session.feed(piece, 0.0)]

    data = b"".join(chunks)
    assert effects([data]) == effects([bytes([b]) for b in data])
