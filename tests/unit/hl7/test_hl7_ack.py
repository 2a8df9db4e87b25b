"""Acknowledgements: the modes of HL7 v2.9 2.9, and what must come back byte for byte."""

import hl7apy.parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.hl7.ack import AckError, Outcome, acknowledgement, is_acknowledgement
from monitor_daemon.hl7.er7 import Er7Message, read

A, E, R = Outcome.ACCEPTED, Outcome.ERROR, Outcome.REJECTED


def header(accept="", application="", control_id=b"M1", charset=b"UNICODE UTF-8"):
    payload = (
        b"MSH|^~\\&|GW^1^EUI-64|ICU|APP|HOSP|20261121||ORU^R01^ORU_R01|" + control_id
        + f"|P|2.6|||{accept}|{application}||".encode() + charset + b"\r"
    )  # fmt: skip
    found = read(payload)
    assert isinstance(found, Er7Message)
    return found.header


def reply(head, outcome=A, **more):
    return acknowledgement(head, outcome, now="20261121101504+0900", control_id="A7", **more)


@pytest.mark.parametrize(
    ("accept", "application", "outcome", "code"),
    [
        ("", "", A, "AA"), ("", "", E, "AE"), ("", "", R, "AR"),
        ("AL", "NE", A, "CA"), ("AL", "NE", E, "CE"), ("AL", "NE", R, "CR"),
        ("NE", "AL", A, "AA"), ("NE", "AL", R, "AR"),
        ("AL", "AL", A, "CA"), ("AL", "ER", A, "CA"),
        ("NE", "NE", A, None), ("NE", "NE", R, None),
        ("ER", "NE", A, None), ("ER", "NE", E, "CE"), ("ER", "AL", A, "AA"),
        ("SU", "NE", A, "CA"), ("SU", "NE", E, None),
        ("NE", "ER", A, None), ("NE", "ER", R, "AR"), ("", "AL", A, "AA"), ("AL", "", A, "CA"),
        ("al", "ne", A, "CA"), ('""', '""', A, "AA"), ('""', "AL", A, "AA"), ("AL", '""', A, "CA"),
    ],
)  # fmt: skip
def test_the_sender_chooses_the_mode(accept, application, outcome, code):
    found = reply(header(accept, application), outcome)
    assert (found and found.split(b"\rMSA|")[1][:2].decode()) == code


def test_an_acknowledgement_byte_for_byte():
    assert reply(header("AL", "NE")) == (
        b"\x0bMSH|^~\\&|APP|HOSP|GW^1^EUI-64|ICU|20261121101504+0900||ACK^R01^ACK|A7|P|2.6"
        b"||||||UNICODE UTF-8\rMSA|CA|M1\r\x1c\r"
    )


@pytest.mark.parametrize("control_id", [b" 1233532926265-02", b"\xe5\x8a\x9f", b"", b"a^b"])
def test_the_control_id_comes_back_as_it_came(control_id):
    assert b"\rMSA|AA|" + control_id + b"\r" in reply(header(control_id=control_id))


def test_the_delimiters_of_the_sender_are_mirrored():
    found = read(b"MSH*!~?&*GW*ICU*APP*HOSP*20261121**ORU!R01*1*P*2.6\r")
    assert isinstance(found, Er7Message)
    text = reply(found.header, R, error=AckError("200", "Unsupported", "MSH^1^9"))
    assert b"**ACK!R01!ACK*A7*P*2.6\rMSA*AR*1\rERR**MSH!1!9*200!Unsupported!HL70357*E\r" in text
    assert is_acknowledgement(text)


def test_hl7apy_reads_our_acknowledgement():
    text = reply(header("NE", "AL"), E, error=AckError("102", "Data type error", "OBX^3^5"))
    message = hl7apy.parser.parse_message(text[1:-2].decode())
    assert (message.msa.msa_1.value, message.msa.msa_2.value) == ("AE", "M1")
    assert message.err.err_3.to_er7() == "102^Data type error^HL70357"
    assert message.msh.msh_9.to_er7() == "ACK^R01^ACK"


def test_only_acknowledgements_may_be_sent():
    good = reply(header())
    assert is_acknowledgement(good)
    order = good.replace(b"ACK^R01^ACK", b"RGV^O15^RGV_O15")
    for bad in (b"", b"\x06", good[1:], good[:-1], good + good, good + b"x", order,
                good.replace(b"MSA|AA|M1", b"MSA|XX|M1"), good.replace(b"MSA|AA|M1\r", b""),
                good.replace(b"M1\r", b"M1\rOBX|1\r")):  # fmt: skip
        assert not is_acknowledgement(bad)


@given(st.binary())
def test_any_bytes_are_judged_without_an_exception(data):
    assert is_acknowledgement(b"\x0bMSH" + data + b"\r\x1c\r") in {True, False}
    assert not is_acknowledgement(data)


@given(st.binary().map(lambda b: b.translate(None, b"\x0b\x1c")))
def test_whatever_the_sender_wrote_our_answer_is_an_acknowledgement(rest):
    found = read(b"MSH|^~\\&|" + rest)
    if isinstance(found, Er7Message):
        text = reply(found.header)
        assert text is None or is_acknowledgement(text)
