"""One connection: what is answered, when it ends, and what can never be sent."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.hl7.driver import DRIVER, Hl7Session
from drivers.kit.contract import Alive, Close, Message, Problem
from monitor_daemon.core.vocabulary import Fault, Identity, Reading
from monitor_daemon.hl7.mllp import framed

DATA = Path(__file__).parents[2] / "data" / "hl7"
MONITOR = (DATA / "composed-pcd01-monitor.hl7").read_bytes()


def session(**options):
    wall = lambda: datetime(2026, 11, 21, 1, 15, 4, tzinfo=UTC)  # noqa: E731 - a clock that stands
    return Hl7Session(DRIVER.settings(options), wall)


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


def test_an_admission_event_that_we_do_not_use_is_accepted():
    [effect] = session().feed(framed(plain("ADT^A05")), 0.0)
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
