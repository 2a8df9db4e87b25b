"""One connection: what is answered, when it ends, and what can never be sent."""

from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.hl7.driver import DRIVER, Hl7Session
from drivers.kit.contract import Alive, Close, Message, Problem
from drivers.kit.repeats import Repeatable
from monitor_daemon.core.vocabulary import Fault, Identity, Reading
from monitor_daemon.hl7.mllp import framed

DATA = Path(__file__).parents[2] / "data" / "hl7"
MONITOR = (DATA / "composed-pcd01-monitor.hl7").read_bytes()


def session(**options):
    wall = lambda: datetime(2026, 11, 21, 1, 15, 4, tzinfo=UTC)  # noqa: E731 - a clock that stands
    return Hl7Session(DRIVER.settings(options), wall, count(1))


def plain(kind="ORU^R01", processing="P"):
    head = f"MSH|^~\\&|A|B|C|D|20261121101503+0900||{kind}|M1|{processing}|2.5\r"
    return (head + "PID|||1\rPV1||I|X^1^2\r").encode()


def test_a_message_carries_its_bytes_its_rows_and_the_answer_it_asks_for():
    [effect] = session().feed(framed(MONITOR), 0.0)
    assert isinstance(effect, Message)
    assert effect.raw == MONITOR
    assert sum(isinstance(row, Reading) for row in effect.rows) == 9
    assert effect.sent_at == "2026-11-21T10:15:03.250+09:00"
    assert effect.reply is not None
    assert b"\rMSA|CA|MON-20261121-000417\r" in effect.reply
    assert b"|20261121011504+0000||ACK^R01^ACK|" in effect.reply


def test_pipelined_messages_are_answered_in_order_with_control_ids_of_their_own():
    effects = session().feed(framed(MONITOR) * 3, 0.0)
    ids = [effect.reply.split(b"|")[9] for effect in effects]
    assert len(ids) == len(set(ids)) == 3


def test_a_message_without_a_header_ends_the_connection_unanswered():
    connection = session()
    effects = connection.feed(framed(b"PID|||1\r") + framed(MONITOR), 0.0)
    assert isinstance(effects[0], Problem)
    assert (effects[0].fault.code, effects[0].reply) == ("HL7_HEADER", None)
    assert isinstance(effects[1], Close)
    assert len(effects) == 2
    assert connection.feed(framed(MONITOR), 1.0) == []


@pytest.mark.parametrize(
    ("data", "code"), [(b"\x0b" + b"x" * 2000, "HL7_TOO_LONG"), (b"x" * 5000, "HL7_JUNK")]
)
def test_a_peer_that_does_not_speak_mllp_is_hung_up_on(data, code):
    effects = session(max_bytes=1000).feed(data, 0.0)
    assert isinstance(effects[-1], Close)
    assert effects[-2].fault.code == code


def test_junk_between_frames_is_counted_and_nothing_is_sent_for_it():
    problem, message = session().feed(b"xyz" + framed(MONITOR), 0.0)
    assert (problem.fault, problem.reply) == (
        Fault("HL7_JUNK", 0, "byte 0x78 outside of a frame"),
        None,
    )
    assert isinstance(message, Message)


@pytest.mark.parametrize(
    ("kind", "code"), [("RGV^O15^RGV_O15", b"AR"), ("QRY^R02", b"AR"), ("", b"AR")]
)
def test_a_foreign_message_class_is_refused(kind, code):
    [effect] = session().feed(framed(plain(kind)), 0.0)
    assert isinstance(effect, Problem)
    assert effect.fault.code == "HL7_MESSAGE_TYPE"
    assert b"\rMSA|" + code + b"|M1\rERR||MSH^1^9|200^" in effect.reply


BATCH = b"FHS|^~\\&|GW\rBHS|^~\\&|GW\r%bBTS|7\rFTS|1\r"


@pytest.mark.parametrize("wrapped", [BATCH, b"BHS|^~\\&|GW\r%bBTS|7", b"%b"])
def test_each_message_of_a_batch_is_stored_and_answered_by_itself(wrapped):
    other = plain().replace(b"|M1|", b"|M2|")
    effects = session().feed(framed(wrapped % (plain() + other)), 0.0)
    assert [effect.raw for effect in effects] == [plain(), other]
    assert [effect.reply.split(b"\rMSA|")[1][:5] for effect in effects] == [b"AA|M1", b"AA|M2"]


def test_a_batch_without_a_message_has_nothing_to_answer():
    [effect] = session().feed(framed(BATCH % b""), 0.0)
    assert effect == Problem(Fault("HL7_EMPTY", 0, "a batch without a message"))


def test_what_stands_before_the_first_of_several_messages_is_counted():
    problem, one, two = session().feed(framed(b"PID|||1\r" + plain() + plain()), 0.0)
    assert (problem.fault.code, problem.fault.offset) == ("HL7_JUNK", 1)
    assert (one.raw, two.raw) == (plain(), plain())


def test_a_note_that_speaks_of_msh_is_no_second_message():
    note = plain() + b"NTE|1||see\rMSH-9 of\rMSH|x\r"
    [effect] = session().feed(framed(note), 0.0)
    assert effect.raw == note


@pytest.mark.parametrize(("pointer", "answer"), [(b"DSC|page2", b"AR|M1"), (b"DSC|", b"AA|M1")])
def test_a_message_that_goes_on_in_another_one_is_refused(pointer, answer):
    [effect] = session().feed(framed(plain() + pointer + b"\r"), 0.0)
    assert b"\rMSA|" + answer in effect.reply
    if answer.startswith(b"AR"):
        assert effect.fault.code == "HL7_CONTINUED"
        assert b"\rERR||DSC^1^1|207^" in effect.reply


def test_only_a_message_of_which_the_character_set_leaves_nothing_is_an_error():
    head = plain().replace(b"|2.5\r", b"|2.5||||||UNICODE UTF-8\r")
    [effect] = session().feed(framed(head + b"NTE|1||\xff\r"), 0.0)
    assert b"\rMSA|AE|M1\rERR||MSH^1^18|102^" in effect.reply
    assert [row.code for row in effect.rows] == ["HL7_CHARSET"]
    heart = b"OBR|1\rOBX|1|NM|147842^MDC_ECG_HEART_RATE^MDC||88|264864^MDC_DIM_BEAT_PER_MIN^MDC\r"
    [effect] = session().feed(framed(head + heart + b"NTE|1||\xff\r"), 0.0)
    assert b"\rMSA|AA|M1\r" in effect.reply


def test_a_repeat_can_be_told_by_identifier_and_time_and_only_then():
    [effect] = session().feed(framed(MONITOR), 0.0)
    assert isinstance(effect, Repeatable)
    assert effect.sender == b"ICUGW^0022330000000A01^EUI-64|ST_ELSEWHERE_ICU"
    for missing in (b"|20261121101503+0900|", b"|M1|"):
        [effect] = session().feed(framed(plain().replace(missing, b"||")), 0.0)
        assert type(effect) is Message


def test_a_message_that_does_not_end_is_given_up():
    connection = session(frame_seconds=30.0)
    assert connection.feed(framed(MONITOR) + b"\x0bMSH|", 100.0)
    assert connection.due() == 130.0
    assert list(connection.feed(b"x", 129.0)) == []
    assert connection.due() == 130.0
    assert list(connection.wake(129.0)) == []
    problem, close = connection.wake(130.0)
    assert (problem.fault.code, problem.fault.offset) == ("HL7_SLOW", len(framed(MONITOR)))
    assert isinstance(close, Close)
    assert connection.due() is None
    assert list(connection.feed(framed(MONITOR), 131.0)) == list(connection.lost(131.0)) == []


def test_a_message_that_ends_in_time_starts_no_clock():
    connection = session(frame_seconds=30.0)
    connection.feed(framed(MONITOR)[:9], 100.0)
    [effect] = connection.feed(framed(MONITOR)[9:], 129.0)
    assert isinstance(effect, Message)
    assert connection.due() is None
    connection.feed(b"\x0b", 200.0)
    assert connection.due() == 230.0


def test_a_flood_of_faults_ends_the_connection_and_a_few_do_not():
    effects = list(session().feed(b"\x0b\x1c\r" * 5000, 0.0))
    assert [effect.fault.code for effect in effects[:-1]] == ["HL7_EMPTY"] * 101
    assert effects[-1] == Close("more than 100 faults in a second and no message")
    patient = session()
    for second in range(5000):
        [effect] = patient.feed(b"\x0b\x1c\r", float(second))
        assert isinstance(effect, Problem)


def test_an_admission_event_that_we_do_not_use_is_accepted():
    said, effect = session().feed(framed(plain("ADT^A05")), 0.0)
    assert said == Alive("ADT^A05 ignored: it moves nobody")
    assert isinstance(effect, Message)
    assert b"\rMSA|AA|M1\r" in effect.reply


def test_an_acknowledgement_is_never_acknowledged():
    [effect] = session().feed(framed(plain("ACK^R01^ACK")), 0.0)
    assert isinstance(effect, Alive)


def test_a_heartbeat_without_values_is_a_message_without_rows():
    [effect] = session().feed(framed(b"MSH|^~\\&|||||||ORU^R01|106|P|2.3.1|\r"), 0.0)
    assert effect.rows == ()
    assert b"\rMSA|AA|106\r" in effect.reply


def test_an_admission_of_a_training_system_moves_nobody():
    [effect] = session().feed(framed(plain("ADT^A01", "T")), 0.0)
    assert [row.code for row in effect.rows] == ["HL7_PROCESSING_ID"]
    [effect] = session().feed(framed(plain("ADT^A01")), 0.0)
    assert [type(row) for row in effect.rows] == [Identity]


def test_nothing_is_ever_asked_for():
    connection = session()
    assert list(connection.connected(0.0)) == []
    assert connection.due() is None
    assert list(connection.wake(0.0)) == []
    [message] = connection.feed(framed(MONITOR), 0.0)
    assert list(connection.stored(message, 0.0)) == []


PIECES = st.lists(
    st.sampled_from([framed(MONITOR), framed(plain("XXX")), b"\x0b", b"\x1c", b"\r", b"MSH|^~\\&|"])
    | st.binary(max_size=20)
).map(b"".join)


@given(PIECES, st.data())
def test_any_bytes_give_effects_and_only_allowed_replies_however_they_are_cut(stream, data):
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6).map(sorted))
    whole, parts = session(), session()
    expected = list(whole.feed(stream, 0.0))
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += parts.feed(stream[start:end], 0.0)
    assert found == expected
    for effect in expected:
        reply = getattr(effect, "reply", None)
        assert reply is None or DRIVER.may_send(reply)


def test_two_connections_never_send_the_same_control_id():
    wall = lambda: datetime(2026, 11, 21, 1, 2, 3, tzinfo=UTC)  # noqa: E731 - one instant for both
    ids = set()
    for _ in range(2):
        (message,) = Hl7Session(DRIVER.settings({}), wall).feed(framed(MONITOR), 0.0)
        ids.add(message.reply.split(b"|")[9])
    assert len(ids) == 2
