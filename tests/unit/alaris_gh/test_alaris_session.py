"""Session, refusal, allow-list and simulator, joined in memory on a virtual clock."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import drivers.alaris_gh
from drivers.alaris_gh.driver import DRIVER
from drivers.alaris_gh.frames import encode
from drivers.alaris_gh.session import ANSWER_TIMEOUT, MAX_TRIES, REFUSAL
from drivers.kit.contract import Alive, Close, Message, Problem, Send
from drivers.kit.faults import simulated
from drivers.kit.playback import BedState, PumpState, SimClock
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.vocabulary import Alarm, Infusion, PumpStatus

START = 1000.0
POLLING = {"passive": False, "accept_risk_of_polling": True}
RUNNING = PumpState("ne", "Norepinephrine", 5.0, volume_ml=12.5)
INF = b"!INF^8002-51740^-^SET^5.00^ml/h^^12.500^ml^17.91^mmHg^24+^EVENT^127904|E2CE\r"
QUESTIONS = [
    b"!INST_SERIALNO|457D\r",
    b"!COMMS_PROTOCOL|E8DA\r",
    b"!COMMS_RESPONSE_MAX|7E29\r",
    b"!INF|4961\r",
]


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
        play = Script(*(entries or ((0, (RUNNING,)),)))
        clock = SimClock(START, datetime(2026, 1, 1, tzinfo=UTC))
        self.session = DRIVER.session(options)
        self.pump = simulated(DRIVER, options | (pump or {}), play, clock)
        self.now = START
        self.sent, self.rows, self.notes, self.problems = [], [], [], []
        self.closed = None
        self.pump.connected(self.now)
        self.take(self.session.connected(self.now))

    def run(self, seconds):
        """Lets `seconds` pass; returns the rows of that time."""
        end, before = self.now + seconds, len(self.rows)
        while self.closed is None:
            times = [t for t in (self.session.due(), self.pump.due()) if t is not None]
            if not times or min(times) > end:
                break
            self.now = max(self.now, min(times))
            self.take(self.session.wake(self.now))
            self.hear(self.pump.wake(self.now))
        self.now = end
        return self.rows[before:]

    def hear(self, chunks):
        for chunk in chunks:
            self.take(self.session.feed(chunk, self.now))

    def take(self, effects):
        for effect in effects:
            match effect:
                case Send(data):
                    assert DRIVER.may_send(data)
                    self.sent.append(data)
                    self.hear(self.pump.feed(data, self.now))
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


def infusions(rows):
    return [row for row in rows if isinstance(row, Infusion)]


def test_as_delivered_nothing_is_sent_and_a_tapped_pump_is_read():
    bench = Bench()
    rows = infusions(bench.run(10.0))
    assert bench.sent == []
    assert len(rows) == 11
    assert {(row.channel, row.rate_ml_h) for row in rows} == {("8002-51740", 5.0)}


def test_polling_without_accepting_its_risk_is_refused_with_the_reason():
    bench = Bench(passive=False)
    bench.run(60.0)
    assert bench.sent == []
    assert bench.closed == REFUSAL
    assert "remote control" in bench.closed
    assert "accept_risk_of_polling" in bench.closed


def test_accepting_the_risk_alone_does_not_poll():
    bench = Bench(accept_risk_of_polling=True)
    bench.run(10.0)
    assert bench.sent == []


@pytest.mark.parametrize("option", ["passive", "accept_risk_of_polling"])
def test_a_word_is_no_yes(option):
    with pytest.raises(ValueError, match=option):
        DRIVER.settings({option: "yes"})


def test_dialogue_of_a_start_and_three_polls():
    bench = Bench(**POLLING)
    rows = infusions(bench.run(2.0))
    assert bench.sent == [*QUESTIONS, QUESTIONS[-1], QUESTIONS[-1]]
    assert bench.notes == [
        "INST_SERIALNO 8002-51740",
        "COMMS_PROTOCOL Asena Rev 2.1.5",
        "COMMS_RESPONSE_MAX 4000 ms",
    ]
    assert {row.rate_ml_h for row in rows} == {5.0}


def test_pump_that_does_not_answer_is_given_up_with_the_likely_reason():
    bench = Bench(pump={"mute_after": 0}, **POLLING)
    bench.run(MAX_TRIES * ANSWER_TIMEOUT)
    assert bench.sent == [QUESTIONS[0]] * 5
    assert bench.closed == "no answer to INST_SERIALNO: does the pump want remote control?"


def test_damaged_answers_are_asked_for_again():
    bench = Bench(pump={"corrupt_every": 3}, **POLLING)
    rows = infusions(bench.run(10.0))
    assert bench.closed is None
    assert bench.problems
    assert {row.rate_ml_h for row in rows} == {5.0}


@pytest.mark.parametrize("options", [{}, POLLING])
def test_whether_the_pump_stands_is_never_known(options):
    stopped = PumpState("ne", "", 5.0, status=PumpStatus.STOPPED)
    rows = infusions(Bench((0, (stopped,)), **options).run(1.0))
    assert {(row.status, row.rate_ml_h) for row in rows} == {(PumpStatus.UNKNOWN, 5.0)}


def test_pump_that_shows_zero_while_it_stands():
    stopped = PumpState("ne", "", 5.0, status=PumpStatus.ALARM)
    bench = Bench((0, (stopped,)), pump={"programmed_rate_while_stopped": False})
    infusion, alarm, _mode, *_ = bench.run(1.0)
    assert infusion.rate_ml_h == 0.0
    assert isinstance(alarm, Alarm)


def test_pump_that_is_switched_off_says_nothing():
    off = PumpState("ne", "", 5.0, status=PumpStatus.OFF)
    assert Bench((0, (off,))).run(5.0) == []


def test_a_pump_that_was_restarted_counts_volume_anew():
    later = PumpState("ne", "", 5.0, volume_ml=13.0)
    bench = Bench((0, (RUNNING,)), (2, (later,)), pump={"restart_at": 1.5})
    assert [row.volume_ml for row in infusions(bench.run(2.5))] == [12.5, 12.5, 0.0, 0.5]


def test_nothing_is_asked_before_the_answer_is_stored():
    session = DRIVER.session(POLLING)
    session.connected(START)
    for name in ("INST_SERIALNO", "COMMS_PROTOCOL", "COMMS_RESPONSE_MAX"):
        session.feed(encode(name, "x"), START)
    [message] = session.feed(INF, START)
    assert session.due() is None
    assert session.wake(START + 20) == []
    session.stored(message, START + 20)
    assert session.due() == START + 20


def test_a_line_cut_off_by_the_loss_of_the_connection_is_said():
    session = DRIVER.session({})
    session.feed(INF[:10], START)
    assert [effect.fault.code for effect in session.lost(START)] == ["FRAME"]


def test_the_closed_list_of_questions():
    assert all(map(DRIVER.may_send, QUESTIONS))


@pytest.mark.parametrize(
    "fields",
    [
        ["REMOTE_CTRL", "ENABLED", "050B"], ["REMOTE_CTRL"], ["REMOTE_CFG", "1"], ["REMQUERY"],
        ["INF_START"], ["INF_STOP"], ["INF_RATE"], ["INF_RATE", "5.0", "ml/h"], ["INF_VTBI"],
        ["INF_VTBI", "5"], ["INF_VI_CLEAR"], ["INF_BOLUS", "1"], ["INF", ""], ["INF", "1"], [""],
    ],
)  # fmt: skip
def test_what_controls_a_pump_or_may_is_refused(fields):
    assert not DRIVER.may_send(encode(*fields))


@given(st.binary() | st.text("INFSTARO_^", max_size=8).map(encode))
def test_random_bytes_are_refused(data):
    assert DRIVER.may_send(data) == (data in QUESTIONS)


@given(
    st.lists(
        st.sampled_from([INF, *QUESTIONS, encode("INST_SERIALNO", "x"), b"!", b"\x1b"])
        | st.binary(max_size=20),
        max_size=12,
    ),
    st.sampled_from([{}, {"passive": False}, POLLING]),
    st.floats(0, 10),
)
def test_whatever_arrives_the_session_says_only_what_it_may(chunks, options, pause):
    session = DRIVER.session(options)
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
    sent = [effect.data for effect in effects if isinstance(effect, Send)]
    assert all(map(DRIVER.may_send, sent))
    assert not sent or options == POLLING


@pytest.mark.parametrize(
    "period", [0.99, 0, -1, float("nan"), float("inf"), "5", "abc", None, True, 10**400]
)
def test_a_poll_period_below_one_second_is_a_configuration_error(period):
    with pytest.raises(ConfigError, match=r"poll_period = .*: at least 1"):
        DRIVER.session({"poll_period": period})
    with pytest.raises(ConfigError, match=r"poll_period = .*: at least 1"):
        Bench(pump={"poll_period": period})


def test_sample_configuration_is_accepted():
    sample = Path(drivers.alaris_gh.__file__).with_name("sample.toml")
    [link] = tomllib.loads(sample.read_text())["links"]
    assert link["driver"] == DRIVER.name
    DRIVER.session(link["options"])


def test_manual_names_every_option():
    manual = Path(drivers.alaris_gh.__file__).with_name("README.md").read_text()
    assert [o.name for o in DRIVER.options if f"| `{o.name}` |" not in manual] == []
