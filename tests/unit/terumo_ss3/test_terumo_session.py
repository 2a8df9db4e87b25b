"""Session, allow-list and simulator, joined in memory on a virtual clock."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import drivers.terumo_ss3
from drivers.kit.contract import Alive, Close, Message, Problem, Send
from drivers.kit.faults import simulated
from drivers.kit.playback import BedState, PumpState, SimClock
from drivers.terumo_ss3.commands import ASK_DEVICE, Body, ask_status, read, write
from drivers.terumo_ss3.driver import DRIVER
from drivers.terumo_ss3.frames import Packet, encode, parse
from drivers.terumo_ss3.session import ANSWER_TIMEOUT
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.vocabulary import Alarm, Infusion, PumpStatus

START = 1000.0
DEVICE = "000100700000001201000001"
OTHER = "000100700000001201000002"
NOREPINEPHRINE = PumpState(
    channel="ne",
    drug="Norepinephrine",
    rate_ml_h=5.0,
    concentration=80.0,
    concentration_unit="ug/mL",
    dose=0.1,
    dose_unit="ug/kg/min",
    weight_kg=70.0,
    volume_ml=12.5,
)


class Script:
    """A play in which a bed's pumps hold until the next entry (seconds, pumps)."""

    length = float("inf")

    def __init__(self, *entries):
        self.entries = entries

    def at(self, elapsed):
        return [BedState("ICU7", {}, [p for since, p in self.entries if since <= elapsed][-1])]


class Bench:
    """Session and pump without transport; everything sent passes the allow-list."""

    def __init__(self, *entries, pump=None, **options):
        play = Script(*(entries or ((0, (NOREPINEPHRINE,)),)))
        clock = SimClock(START, datetime(2026, 1, 1, tzinfo=UTC))
        self.session = DRIVER.session(options)
        self.pump = simulated(DRIVER, pump or {}, play, clock)
        self.now = START
        self.sent, self.rows, self.notes, self.problems = [], [], [], []
        self.closed = None
        self.pump.connected(self.now)
        self.take(self.session.connected(self.now))

    def run(self, seconds):
        """Lets `seconds` pass; returns the rows of that time."""
        end, before = self.now + seconds, len(self.rows)
        while self.closed is None and self.session.due() is not None and self.session.due() <= end:
            self.now = max(self.now, self.session.due())
            self.take(self.session.wake(self.now))
        self.now = end
        return self.rows[before:]

    def take(self, effects):
        for effect in effects:
            match effect:
                case Send(data):
                    assert DRIVER.may_send(data)
                    self.sent.append(data)
                    for answer in self.pump.feed(data, self.now):
                        self.take(self.session.feed(answer, self.now))
                case Message():
                    assert effect.reply is None
                    self.rows += effect.rows
                    self.take(self.session.stored(effect, self.now))
                case Problem():
                    self.problems.append(effect.fault)
                case Alive(detail):
                    self.notes.append(detail)
                case Close(reason):
                    self.closed = reason


def commands(sent):
    return [read(parse(data).text).command for data in sent]


def infusions(rows):
    return [row for row in rows if isinstance(row, Infusion)]


def test_dialogue_of_a_start_and_two_polls():
    bench = Bench()
    bench.run(5.0)
    assert bench.sent == [ASK_DEVICE, ask_status(DEVICE, 0), ask_status(DEVICE, 1)]
    assert bench.notes == [f"pump {DEVICE}"]


def test_row_of_a_poll_over_the_wire():
    bench = Bench(dilution_unit="mg/mL")
    assert infusions(bench.rows) == [
        Infusion(
            channel=DEVICE,
            rate_ml_h=5.0,
            status=PumpStatus.RUNNING,
            concentration=0.08,
            concentration_unit="mg/mL",
            dose=0.1,
            dose_unit="ug/kg/min",
            weight_kg=70.0,
            volume_ml=12.5,
        )
    ]


def test_sequence_stays_below_that_of_a_rack():
    bench = Bench()
    bench.run(5.0 * 130)
    numbers = [command[0] for command in commands(bench.sent[1:])]
    assert numbers[:128] == [*range(0x7F), 0]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (PumpStatus.RUNNING, PumpStatus.RUNNING),
        (PumpStatus.KVO, PumpStatus.RUNNING),
        (PumpStatus.STOPPED, PumpStatus.STOPPED),
        (PumpStatus.PAUSED, PumpStatus.STOPPED),
        (PumpStatus.ALARM, PumpStatus.STOPPED),
        (PumpStatus.STANDBY, PumpStatus.STANDBY),
        (PumpStatus.PURGE, PumpStatus.PURGE),
        (PumpStatus.BOLUS, PumpStatus.BOLUS),
        (PumpStatus.UNKNOWN, PumpStatus.UNKNOWN),
    ],
)
def test_every_status_of_a_simulated_pump_arrives(status, expected):
    pump = PumpState("ne", "", 5.0, status=status)
    rows = Bench((0, (pump,))).rows
    assert infusions(rows)[0].status is expected
    assert any(isinstance(row, Alarm) for row in rows) == (status is PumpStatus.ALARM)


@pytest.mark.parametrize("keeps", [True, False])
def test_set_rate_of_a_stopped_pump_is_never_delivered(keeps):
    stopped = PumpState("ne", "", 5.0, status=PumpStatus.STOPPED)
    bench = Bench((0, (stopped,)), pump={"programmed_rate_while_stopped": keeps})
    assert infusions(bench.rows)[0].rate_ml_h == 0.0


def test_pump_that_is_switched_off_is_given_up_after_three_silences():
    off = PumpState("ne", "", 5.0, status=PumpStatus.OFF)
    bench = Bench((0, (NOREPINEPHRINE,)), (7, (off,)))
    bench.run(30.0)
    assert bench.closed == "the pump did not answer 3 times"
    assert bench.sent[-2:] == [ASK_DEVICE, ASK_DEVICE]


def test_mute_pump_is_given_up():
    bench = Bench(pump={"mute_after": 0})
    bench.run(3 * ANSWER_TIMEOUT)
    assert bench.closed
    assert bench.rows == []


def test_damaged_answers_are_reported_and_polling_goes_on():
    bench = Bench(pump={"corrupt_every": 3})
    rows = infusions(bench.run(60.0))
    assert bench.closed is None
    assert bench.problems
    assert {row.rate_ml_h for row in rows} == {5.0}


def test_a_pump_that_was_restarted_counts_volume_anew():
    later = PumpState("ne", "", 5.0, volume_ml=13.0)
    bench = Bench((0, (NOREPINEPHRINE,)), (8, (later,)), pump={"restart_at": 7})
    bench.run(10.0)
    assert [row.volume_ml for row in infusions(bench.rows)] == [12.5, 12.5, 0.5]


def test_another_pump_on_the_same_connection_is_asked_for_its_name():
    bench = Bench()
    bench.pump._settings["device_id"] = OTHER
    bench.run(5.0 + ANSWER_TIMEOUT)
    assert infusions(bench.rows)[-1].channel == OTHER


def test_a_late_answer_is_kept_and_answers_no_other_request():
    bench = Bench(pump={"mute_after": 3})
    bench.run(5.0)
    late = write("REP", DEVICE, bytes.fromhex("0001000012000000"))
    [message] = bench.session.feed(late, bench.now)
    assert message.rows[0].code == "REFUSED"
    bench.session.stored(message, bench.now)
    assert bench.session.due() == START + 5.0 + ANSWER_TIMEOUT


def test_nothing_is_asked_before_the_answer_is_stored():
    session = DRIVER.session({})
    session.connected(START)
    session.feed(write("REP", DEVICE), START)
    reply = bytes.fromhex("00010000") + bytes(30)
    [message] = session.feed(write("REP", DEVICE, reply), START + 1)
    assert session.due() is None
    assert session.wake(START + 20) == []
    session.stored(message, START + 20)
    assert session.due() == START + 20


def test_a_packet_cut_off_by_the_loss_of_the_connection_is_said():
    session = DRIVER.session({})
    session.feed(ASK_DEVICE[:10], START)
    assert [effect.fault.code for effect in session.lost(START)] == ["FRAME"]


def test_pump_ignores_what_is_damaged_and_refuses_other_commands():
    pump = Bench().pump
    assert pump.feed(ASK_DEVICE.replace(b"8411", b"8412"), START) == []
    assert pump.feed(write("REQ", OTHER, b"\x01\x01\x00\x00"), START) == []
    [answer] = pump.feed(write("REQ", DEVICE, b"\x01\x02\x00\x00"), START)
    assert read(parse(answer).text).command == bytes.fromhex("0102000011000000")


def test_the_closed_list_of_requests():
    for sequence in range(0x100):
        request = write("REQ", DEVICE, bytes([sequence, 1, 0, 0]))
        assert DRIVER.may_send(request) == (sequence <= 0x7E)
    assert DRIVER.may_send(ASK_DEVICE)


@pytest.mark.parametrize(
    "data",
    [
        write("REP", DEVICE),
        write("REQ", DEVICE),
        write("REQ", DEVICE, b""),
        write("REQ", DEVICE, b"\x01\x02\x00\x00"),
        write("REQ", DEVICE, b"\x01\x01\x00\x01"),
        write("REQ", DEVICE, b"\x01\x01\x00\x00\x00"),
        write("REP", DEVICE, b"\x01\x01\x00\x00"),
        ASK_DEVICE + ASK_DEVICE,
        encode(b"AQEAAA=="),
        # The same four bytes in other base64: only one spelling is on the list.
        encode(parse(ask_status(DEVICE, 1)).text.replace(b"AA==", b"AB==")),
    ],
)
def test_other_requests_are_refused(data):
    assert not DRIVER.may_send(data)


@given(st.binary() | st.binary(max_size=8).map(lambda c: write("REQ", DEVICE, c)))
def test_random_bytes_are_refused(data):
    allowed = {ASK_DEVICE, *(ask_status(DEVICE, n) for n in range(0x7F))}
    assert DRIVER.may_send(data) == (data in allowed)


@given(
    st.lists(
        st.sampled_from([write("REP", DEVICE), write("REP", OTHER, bytes(40)), b"\x02"])
        | st.binary(max_size=8).map(lambda c: write("REP", DEVICE, c))
        | st.binary(max_size=20),
        max_size=12,
    ),
    st.floats(0, 10),
)
def test_whatever_arrives_the_session_says_only_what_it_may(chunks, pause):
    session = DRIVER.session({})
    effects = [*session.connected(START)]
    now = START
    for chunk in chunks:
        now += pause
        effects += session.wake(now)
        fresh = session.feed(chunk, now)
        effects += fresh
        for effect in fresh:
            if isinstance(effect, Message):
                effects += session.stored(effect, now)
    assert all(DRIVER.may_send(e.data) for e in effects if isinstance(e, Send))


def test_every_packet_of_a_simulated_pump_is_whole():
    for answer in Bench().pump.feed(ASK_DEVICE + ask_status(DEVICE, 5), START):
        packet = parse(answer)
        assert isinstance(packet, Packet)
        assert isinstance(read(packet.text), Body)


@pytest.mark.parametrize("period", [0.99, 0, -1, float("nan"), float("inf"), "5", True, 10**400])
def test_a_poll_period_below_one_second_is_a_configuration_error(period):
    with pytest.raises(ConfigError, match=r"poll_period = .*: at least 1"):
        DRIVER.session({"poll_period": period})


def test_a_simulated_device_id_that_is_none_is_a_configuration_error():
    with pytest.raises(ConfigError, match="device_id = 'pump': 24 hexadecimal digits"):
        Bench(pump={"device_id": "pump"})


def test_sample_configuration_is_accepted():
    sample = Path(drivers.terumo_ss3.__file__).with_name("sample.toml")
    [link] = tomllib.loads(sample.read_text())["links"]
    assert link["driver"] == DRIVER.name
    DRIVER.session(link["options"])


def test_manual_names_every_option():
    manual = Path(drivers.terumo_ss3.__file__).with_name("README.md").read_text()
    assert [o.name for o in DRIVER.options if f"| `{o.name}` |" not in manual] == []
