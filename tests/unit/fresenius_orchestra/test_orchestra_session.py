"""Session, allow-list and simulator, joined in memory on a virtual clock."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import drivers.fresenius_orchestra
from drivers.fresenius_orchestra.driver import DRIVER
from drivers.fresenius_orchestra.frames import ACK, DC4, NAK_CHECKSUM, encode, parse
from drivers.fresenius_orchestra.session import ALLOWED
from drivers.kit.contract import Close, Message, Problem, Send
from drivers.kit.faults import simulated
from drivers.kit.playback import BedState, PumpState, SimClock
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.vocabulary import Fault, Infusion, PumpStatus, Quality, Unmapped

START = 1000.0
NOREPINEPHRINE = PumpState("ne", "Norepinephrine", 10.0, volume_ml=2.892)
VASOPRESSIN = PumpState("vp", "Vasopressin", 1.8, volume_ml=0.5)
BOTH = (0, (NOREPINEPHRINE, VASOPRESSIN))


class Script:
    """A play in which a bed's pumps hold until the next entry (seconds, pumps)."""

    length = float("inf")

    def __init__(self, *entries):
        self.entries = entries

    def at(self, elapsed):
        return [BedState("ICU7", {}, [p for since, p in self.entries if since <= elapsed][-1])]


class Bench:
    """Session and rack without transport; everything sent passes the allow-list."""

    def __init__(self, *entries, rack=None, **options):
        clock = SimClock(START, datetime(2026, 1, 1, tzinfo=UTC))
        self.session = DRIVER.session(options)
        self.rack = simulated(DRIVER, options | (rack or {}), Script(*(entries or (BOTH,))), clock)
        self.now = START
        self.sent, self.rows, self.problems = [], [], []
        self.closed = None
        self.rack.connected(self.now)
        self.take(self.session.connected(self.now))

    def run(self, seconds):
        """Lets `seconds` pass; returns the rows of that time."""
        end, before = self.now + seconds, len(self.rows)
        while self.closed is None:
            times = [t for t in (self.session.due(), self.rack.due()) if t is not None]
            if not times or min(times) > end:
                break
            self.now = max(self.now, min(times))
            self.take(self.session.wake(self.now))
            self.hear(self.rack.wake(self.now))
        self.now = end
        return self.rows[before:]

    def hear(self, chunks):
        for chunk in chunks:
            self.take(self.session.feed(chunk, self.now))

    def take(self, effects):
        for effect in effects:
            match effect:
                case Send(data):
                    self.send(data)
                case Message(reply=reply):
                    self.rows += effect.rows
                    if reply:
                        self.send(reply)
                    self.take(self.session.stored(effect, self.now))
                case Problem(reply=reply):
                    self.problems.append(effect.fault)
                    if reply:
                        self.send(reply)
                case Close(reason):
                    self.closed = reason

    def send(self, data):
        assert DRIVER.may_send(data)
        self.sent.append(data)
        self.hear(self.rack.feed(data, self.now))

    def requests(self):
        return [parse(data).text for data in self.sent if data[:1] == b"\x02"]


def infusions(rows):
    return [row for row in rows if isinstance(row, Infusion)]


def test_dialogue_of_a_start_and_two_rounds():
    bench = Bench()
    assert bench.sent == [b"\x020DC48\x03", ACK]
    bench.run(0.99)
    assert len(bench.sent) == 2
    bench.run(4.5)
    first = ["0DC", "0LE;b", "1DC", "1LE;dr", "2DC", "2LE;dr"]
    assert bench.requests() == [*first, "0LE;b", "1LE;dr", "2LE;dr"]
    assert bench.sent.count(ACK) == len(bench.requests())


def test_rows_of_a_round_over_the_wire():
    assert infusions(Bench().run(1.0)) == [
        Infusion(channel="1", rate_ml_h=10.0, volume_ml=2.892),
        Infusion(channel="2", rate_ml_h=1.8, volume_ml=0.5),
    ]


def test_a_pump_connected_directly_has_no_address():
    bench = Bench(connection="pump")
    assert bench.requests() == ["DC", "LE;dr"]
    assert infusions(bench.rows) == [Infusion(channel=None, rate_ml_h=10.0, volume_ml=2.892)]


def test_flags_are_read_raw_if_wanted():
    rows = Bench((0, (NOREPINEPHRINE,)), read_flags=True).run(1.0)
    assert rows[1:] == [Unmapped("1C a", "0"), Unmapped("1C e", "0"), Unmapped("1C m", "0")]


def test_passive_hears_another_computers_answers_and_sends_nothing():
    bench = Bench(passive=True)
    rows = infusions(bench.run(5.0))
    assert [row.rate_ml_h for row in rows] == [10.0, 1.8] * 2
    bench.hear([b"\x05", encode("1E;r000B50"), b"\x021C00\x03"])
    assert bench.sent == []
    assert bench.problems[0].code == "FRAME"


def test_module_taken_out_is_unknown_once():
    bench = Bench(BOTH, (7, (VASOPRESSIN,)))
    bench.run(7.0)
    assert infusions(bench.run(3.0)) == [
        Infusion(channel="1", quality=Quality.NO_VALUE),
        Infusion(channel="2", rate_ml_h=1.8, volume_ml=0.5),
    ]
    assert [row.channel for row in infusions(bench.run(5.0))] == ["2"]


def test_module_that_comes_back_is_opened_again():
    bench = Bench(BOTH, (4, (VASOPRESSIN,)), (9, BOTH[1]))
    bench.run(11.0)
    assert bench.requests().count("1DC") == 2
    assert infusions(bench.rows)[-2].rate_ml_h == 10.0


@pytest.mark.parametrize("status", [s for s in PumpStatus if s is not PumpStatus.OFF])
@pytest.mark.parametrize("keeps", [True, False])
def test_whether_a_module_runs_is_never_known(status, keeps):
    bench = Bench(
        (0, (replace(NOREPINEPHRINE, status=status),)),
        rack={"programmed_rate_while_stopped": keeps},
    )
    [row] = infusions(bench.run(1.0))
    assert row.status is PumpStatus.UNKNOWN
    assert row.rate_ml_h in ({10.0} if keeps else {10.0, 0.0})


def test_enquiry_is_answered_at_once():
    assert Bench().session.feed(b"\x05", START) == [Send(DC4)]


@pytest.mark.parametrize(("text", "echo"), [("1E;r000B50", "1E"), ("2M;d1", "2M")])
def test_what_comes_by_itself_is_acknowledged_twice(text, echo):
    [message] = Bench().session.feed(encode(text), START)
    assert message.reply == ACK + encode(echo)
    assert DRIVER.may_send(message.reply)


def test_damaged_frames_are_asked_for_again():
    bench = Bench(rack={"corrupt_every": 4})
    rows = infusions(bench.run(30.0))
    assert bench.closed is None
    assert NAK_CHECKSUM in bench.sent
    assert {row.rate_ml_h for row in rows} == {10.0, 1.8}


def test_base_that_sends_only_damaged_frames_is_given_up():
    bench = Bench(rack={"corrupt_every": 1})
    bench.run(10.0)
    assert bench.closed == "no answer to 3 requests in a row"
    assert bench.sent.count(NAK_CHECKSUM) == 3


def test_mute_base_is_asked_twice_and_given_up():
    bench = Bench(rack={"mute_after": 0})
    bench.run(10.0)
    assert bench.closed
    assert bench.requests() == ["0DC", "0DC", "0LE;b", "0LE;b", "0DC", "0DC"]


def test_module_that_does_not_answer_costs_only_itself():
    bench = Bench()
    bench.run(2.0)
    answer = bench.rack._answer
    bench.rack._answer = lambda text, elapsed: "?" if text[0] == "1" else answer(text, elapsed)
    rows = infusions(bench.run(60.0))
    assert bench.closed is None
    assert {row.channel for row in rows} == {"2"}


def test_base_that_was_restarted_is_opened_again_and_counts_anew():
    later = replace(NOREPINEPHRINE, volume_ml=3.0)
    bench = Bench((0, (NOREPINEPHRINE,)), (8, (later,)), rack={"restart_at": 7})
    bench.run(25.0)
    assert [row.code for row in bench.rows if isinstance(row, Fault)] == ["REFUSED"]
    assert bench.requests().count("0DC") == 2
    volumes = [row.volume_ml for row in infusions(bench.rows)]
    assert volumes[0] == 2.892
    assert volumes[-1] == 0.108


def test_a_refused_frame_is_reported_and_asked_again_by_the_time_out():
    session = DRIVER.session({})
    [first] = session.connected(START)
    [problem] = session.feed(b"\x156", START)
    assert problem.fault == Fault("REFUSED", 0, "NAK 6: receiver not ready")
    assert session.wake(session.due()) == [first]


def test_a_late_answer_to_another_question_is_none():
    session = DRIVER.session({"connection": "pump"})
    session.connected(START)
    [opened] = session.feed(encode("C"), START)
    assert session.stored(opened, START) == [Send(encode("LE;dr"))]
    [late] = session.feed(encode("C"), START)
    assert session.stored(late, START) == []
    assert session.due() == START + 1.0


def answered(session, text):
    """What the session does with one stored answer."""
    [message] = session.feed(encode(text), START)
    return message, list(session.stored(message, START))


@pytest.mark.parametrize("data", ["d10.0;r000B4C", "d00c8;r000b4c"])
def test_a_rate_that_cannot_be_read_is_an_answer_and_shown(data):
    session = DRIVER.session({"connection": "pump", "poll_period": 60.0})
    session.connected(START)
    assert answered(session, "C")[1] == [Send(encode("LE;dr"))]
    message, _ = answered(session, f"C;{data}")
    assert Unmapped("C text", data[:5]) in message.rows
    assert {row.rate_ml_h for row in message.rows if isinstance(row, Infusion)} <= {None}
    assert session.due() == START + 60.0  # the next round, no time-out


def test_a_list_of_modules_that_cannot_be_read_is_no_answer():
    session = DRIVER.session({})
    session.connected(START)
    answered(session, "0C")
    now = session.due()
    assert session.wake(now) == [Send(encode("0LE;b"))]
    answered(session, "0C;bxx")
    assert session.wake(session.due()) == [Send(encode("0LE;b"))]


def test_nothing_is_asked_before_the_answer_is_stored():
    session = DRIVER.session({"connection": "pump"})
    session.connected(START)
    [message] = session.feed(encode("C"), START)
    assert session.due() is None
    assert session.wake(START + 20) == []
    assert session.stored(message, START + 20) == [Send(encode("LE;dr"))]


def test_a_frame_cut_off_by_the_loss_of_the_connection_is_said():
    session = DRIVER.session({})
    session.feed(encode("1C;d0064")[:5], START)
    assert [effect.fault.code for effect in session.lost(START)] == ["FRAME"]


@pytest.mark.parametrize(
    ("request_text", "answer"),
    [("1LE;dr", "1I;1E"), ("1PR;d0064", "1I;01"), ("5DC", "5I;0E"), ("0LE;d", "0I;0A")],
)
def test_simulated_base_refuses(request_text, answer):
    [wire] = Bench().rack.feed(encode(request_text), START)
    assert parse(wire).text == answer


def test_the_closed_list():
    texts = {
        "DC", "LE;dr", "LE;draem", "0DC", "0LE;b",
        *(f"{n}{request}" for n in range(1, 9) for request in ("DC", "LE;dr", "LE;draem")),
        *(f"{n}FC" for n in ["", *range(9)]),
    }  # fmt: skip
    echoes = {f"{n}{word}" for n in ["", *range(9)] for word in "EM"}
    expected = {ACK, DC4, b"\x152", *map(encode, texts), *(ACK + encode(e) for e in echoes)}
    assert expected == ALLOWED
    assert all(map(DRIVER.may_send, expected))


#: Words that change a pump.
CONTROL = ["MO", "RZ", "OF", "SI", "EP", "AP", "EN", "PR", "PO", "PB", "PF", "PV", "RV", "PP", "PS"]


@pytest.mark.parametrize("word", CONTROL)
@pytest.mark.parametrize("address", ["", "0", "1", "8"])
def test_words_that_change_a_pump_are_refused(word, address):
    for text in (address + word, f"{address}{word};d0064"):
        assert not DRIVER.may_send(encode(text))
        assert not DRIVER.may_send(ACK + encode(text))


@given(st.binary() | st.text("01DCLEdrbaem;PR", min_size=1, max_size=9).map(encode))
def test_random_bytes_are_refused(data):
    assert DRIVER.may_send(data) == (data in ALLOWED)


@given(
    st.lists(
        st.sampled_from([b"\x05", b"\x06", b"\x156", b"\x15", b"\x02"])
        | st.sampled_from(["0C", "0C;b03", "0C;bFFFF", "1C", "1C;d0064;r0", "0I;0D", "1I;1E",
                           "1E;r1", "2M", "0LE;b"]).map(encode)
        | st.binary(max_size=20),
        max_size=14,
    ),
    st.sampled_from([{}, {"connection": "pump"}, {"read_flags": True}, {"passive": True}]),
    st.floats(0, 3),
)  # fmt: skip
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
    said = [e.data for e in effects if isinstance(e, Send)]
    said += [e.reply for e in effects if isinstance(e, Message | Problem) and e.reply]
    assert all(map(DRIVER.may_send, said))
    assert not said or not options.get("passive")


@pytest.mark.parametrize("period", [0.99, 0, -1, float("nan"), float("inf"), "5", True, 10**400])
def test_a_poll_period_below_one_second_is_a_configuration_error(period):
    clock = SimClock(START, datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(ConfigError, match=r"poll_period = .*: at least 1"):
        DRIVER.session({"poll_period": period})
    with pytest.raises(ConfigError, match=r"poll_period = .*: at least 1"):
        DRIVER.simulator({"poll_period": period}, Script(BOTH), clock)


def test_sample_configuration_is_accepted():
    sample = Path(drivers.fresenius_orchestra.__file__).with_name("sample.toml")
    [link] = tomllib.loads(sample.read_text())["links"]
    assert link["driver"] == DRIVER.name
    DRIVER.session(link["options"])


def test_manual_names_every_option():
    manual = Path(drivers.fresenius_orchestra.__file__).with_name("README.md").read_text()
    assert [o.name for o in DRIVER.options if f"| `{o.name}` |" not in manual] == []


def test_the_line_has_seven_bits_and_even_parity():
    assert DRIVER.serial == {"baudrate": 19200, "byte_size": 7, "parity": "E", "stopbits": 1}
