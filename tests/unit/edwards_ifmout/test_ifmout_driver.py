"""Session, simulated device and manifest; that nothing can be sent."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_ifmout_frames import WORKED

import drivers.edwards_ifmout
from drivers.edwards_ifmout.driver import DRIVER
from drivers.edwards_ifmout.frames import encode
from drivers.kit.contract import Alive, Message, Problem, Send
from drivers.kit.faults import simulated
from drivers.kit.playback import BedState, SimClock
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.vocabulary import Quality, Reading, Unmapped

FOLDER = Path(drivers.edwards_ifmout.__file__).parent
START = 1000.0
SIGNALS = {
    "art_map": 65.0,
    "cvp": -2.0,
    "cardiac_output": 5.2,
    "cardiac_index": 2.7,
    "svr": 1031.0,
    "heart_rate": 96.0,
}


class Ward:
    """Two beds; the first has what is given."""

    length = float("inf")

    def __init__(self, signals):
        self.signals = signals

    def at(self, elapsed):
        return [BedState("ICU7", self.signals, ()), BedState("ICU8", {"heart_rate": 80.0}, ())]


def frames(seconds, signals=SIGNALS, **options):
    """Time and bytes of what the simulated device sends."""
    clock = SimClock(START, datetime(2026, 1, 1, tzinfo=UTC))
    device = simulated(DRIVER, options, Ward(signals), clock)
    sent = [(0.0, chunk) for chunk in device.connected(START)]
    while device.due() <= START + seconds:
        now = device.due()
        sent += [(now - START, chunk) for chunk in device.wake(now)]
    assert device.feed(b"anything", START) == []
    return sent


def read(chunks, **options):
    session = DRIVER.session(options)
    effects = [*session.connected(0.0)]
    for chunk in chunks:
        effects += session.feed(chunk, 0.0)
    return [*effects, *session.lost(0.0)]


def rows(effects):
    return [row for e in effects if isinstance(e, Message) for row in e.rows]


def test_everything_that_is_played_arrives_every_two_seconds():
    sent = frames(10)
    assert [at for at, _ in sent] == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    found = rows(read([sent[0][1]]))
    assert {row.signal: row.value for row in found} == SIGNALS
    assert {r.signal for r in found if r.quality is Quality.QUESTIONABLE} == {"art_map"}


def test_what_is_not_played_or_does_not_fit_has_no_value():
    [(_, wire)] = frames(0, {"art_map": 65.4, "svr": 12345.0})
    assert wire == encode("P065p---C----c----R----H---")


def test_the_bed_of_the_play_can_be_picked():
    assert frames(0, bed="ICU8")[0][1] == encode("P---p---C----c----R----H080")
    assert b"H---" in frames(0, bed="ICU9")[0][1]


def test_faults_of_the_simulated_device():
    assert [at for at, _ in frames(10, mute_after=5)] == [0.0, 2.0, 4.0]
    assert [at for at, _ in frames(36, restart_at=3, restart_for=30)] == [0.0, 2.0, 33.0, 35.0]
    assert {at for at, wire in frames(14, corrupt_every=3) if wire != encode_played()} == {
        4.0,
        10.0,
    }


def test_a_simulated_wrong_check_byte_looks_like_the_beginning_of_a_frame_and_costs_nothing():
    chunks = [wire for _, wire in frames(4, fault="check_byte")]
    assert {wire[-1] for wire in chunks} == {0x02}
    effects = read(chunks)
    assert [row.value for row in rows(effects) if row.signal == "art_map"] == [65.0] * 3
    assert not any(isinstance(effect, Problem) for effect in effects)
    assert rows(read(chunks, check_byte="required")) == []


def test_a_simulated_unknown_key_hides_what_follows_unless_the_site_tells_its_width():
    chunks = [wire for _, wire in frames(0, fault="unknown_key")]
    found = rows(read(chunks))
    assert {row.signal for row in found[:-1]} == {"art_map", "cvp"}
    assert found[-1] == Unmapped("Z", "12C05.2c02.7R1031H096")
    told = rows(read(chunks, widths={"Z": 2}))
    assert {row.signal: row.value for row in told if isinstance(row, Reading)} == SIGNALS
    assert Unmapped("Z", "12") in told


def test_a_simulated_half_frame_gives_no_value():
    effects = read([wire for _, wire in frames(2, fault="cut")])
    assert rows(effects) == []
    assert [e.fault.reason for e in effects if isinstance(e, Problem)] == [
        "a new frame begins before ETX",
        "the bytes end within a frame",
    ]


def encode_played():
    return encode("P065p-02C05.2c02.7R1031H096")


def test_damaged_frames_are_refused_where_the_check_byte_is_required():
    chunks = [wire for _, wire in frames(20, corrupt_every=4)]
    effects = read(chunks, check_byte="required")
    assert any(isinstance(e, Problem) for e in effects)
    assert {r.signal: r.value for r in rows(effects) if isinstance(r, Reading)} == SIGNALS


def test_a_person_learns_whether_check_bytes_are_as_computed():
    other = WORKED[:-1] + b"\x02"
    notes = [e.detail for e in read([WORKED, WORKED, other, WORKED]) if isinstance(e, Alive)]
    assert notes == [
        "check bytes are as computed",
        "check bytes are not as computed",
        "check bytes are as computed",
    ]


def test_a_connection_that_ends_within_a_frame_says_so():
    [problem] = read([WORKED[:9]])
    assert (problem.fault.code, problem.fault.offset) == ("FRAME", 0)


@given(st.lists(st.sampled_from([WORKED, WORKED[:7], b"\x02"]) | st.binary()), st.floats(0, 1e6))
def test_nothing_is_ever_sent(chunks, now):
    effects = read(chunks)
    assert not [e for e in effects if isinstance(e, Send)]
    assert all(e.reply is None for e in effects if isinstance(e, Message | Problem))
    session = DRIVER.session({})
    assert session.due() is None
    assert session.wake(now) == []


@given(st.binary())
def test_the_list_of_what_may_be_sent_is_empty(data):
    assert not DRIVER.may_send(data)


@given(st.lists(st.sampled_from([WORKED, WORKED[:7], b"\x03"]) | st.binary()))
def test_any_split_gives_the_session_the_same_effects(chunks):
    data = b"".join(chunks)
    assert read([data]) == read([bytes([b]) for b in data])


@pytest.mark.parametrize(
    "options", [{"passive": False}, {"map_quality": "stale"}, {"check_byte": True}]
)
def test_a_wrong_option_is_refused(options):
    with pytest.raises(ValueError, match="one of"):
        DRIVER.session(options)


@pytest.mark.parametrize(
    "widths", [{"P": 4}, {"ZZ": 2}, {"7": 2}, {"": 2}, {"Z": 0}, {"Z": 13}, {"Z": 2.0}, {"Z": "2"}]
)
def test_a_width_that_cannot_be_is_a_configuration_error(widths):
    with pytest.raises(ConfigError, match=r"widths: .* = .*: a letter, none of PpCcTtRH = 1 to 12"):
        DRIVER.session({"widths": widths})


@pytest.mark.parametrize("widths", ["Z4", 4, None, ["Z"]])
def test_widths_that_are_no_table_are_a_configuration_error(widths):
    with pytest.raises(ConfigError, match=r"widths = .*: a table of key letter = characters"):
        DRIVER.decoder("serial", {"widths": widths})


def test_the_manifest_says_that_it_rests_on_a_single_source():
    assert DRIVER.sources.startswith("Single source")
    assert DRIVER.serial == {"baudrate": 9600, "byte_size": 8, "parity": "N", "stopbits": 1}


def test_sample_configuration_is_accepted():
    [link] = tomllib.loads((FOLDER / "sample.toml").read_text())["links"]
    assert link["driver"] == DRIVER.name
    DRIVER.session(link["options"])


def test_manual_names_every_option():
    manual = (FOLDER / "README.md").read_text()
    assert [o.name for o in DRIVER.options if f"| `{o.name}` |" not in manual] == []
