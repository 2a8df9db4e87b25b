"""ORA^R41 (PCD-05): segments of HL7 v2.8 (MSH MSA [ERR] [PRT]), composed by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.hl7.er7 import Er7Message, read
from monitor_daemon.hl7.ora_r41 import (
    OTHER,
    STATUSES,
    AlertStatus,
    Answer,
    answer,
    is_status,
    statuses,
)

HEAD = "MSH|^~\\&|ALERTMGR|ICU|MONITOR-DAEMON|icu|20261121101510+0900||{kind}|S1|P|2.6|||AL|NE"
ORA = HEAD.format(kind="ORA^R41^ORA_R41")


def message(*segments):
    found = read("\r".join(segments).encode())
    assert isinstance(found, Er7Message)
    return found


@pytest.mark.parametrize(
    ("prt", "status", "person"),
    [
        ("PRT||UC|^Delivered|RCT|7731^SATO^HANAKO", "delivered", "7731"),
        ("PRT||UC|Read|AAP|7731", "read", "7731"),
        ("PRT||UC|^Accepted as True Positive|AAP|7731^SATO", "accepted", "7731"),
        ("PRT||UC||^Rejected", "rejected", ""),
        ("PRT||UC|^Undeliverable|RCT", "undeliverable", ""),
        ("PRT||UC|^Lost in the lift|RCT|7", OTHER, "7"),
        ("PRT", OTHER, ""),
    ],
)
def test_a_recipient_and_what_became_of_it(prt, status, person):
    assert statuses(message(ORA, "MSA|AA|abc-1", prt)) == [AlertStatus("abc-1", status, person)]


def test_a_row_for_each_recipient_in_order():
    found = statuses(
        message(ORA, "MSA|AA|abc-1", "PRT||UC|Delivered|RCT|1", "PRT||UC|Read|RCT|2")
    )  # fmt: skip
    assert [(s.status, s.person) for s in found] == [("delivered", "1"), ("read", "2")]


def test_an_acknowledgement_is_no_status():
    ack = message(HEAD.format(kind="ACK^R40^ACK"), "MSA|CA|abc-1", "PRT||UC|Read|RCT|2")
    assert not is_status(ack)
    assert statuses(ack) == []
    assert answer(ack) == Answer("CA", "abc-1", "")


def test_a_refusal_says_which_code_and_not_which_words():
    ack = message(
        HEAD.format(kind="ACK"),
        "MSA|AE|abc-1|patient SATO",
        "ERR||PID^1^3|204^SATO unknown^HL70357|E",
    )
    assert answer(ack) == Answer("AE", "abc-1", "204")


def test_the_control_id_is_taken_byte_for_byte():
    assert answer(message(HEAD.format(kind="ACK"), "MSA|AA| abc-1")) == Answer("AA", " abc-1", "")


def test_a_status_without_msa_is_about_nothing():
    assert statuses(message(ORA, "PRT||UC|Read|RCT|2")) == []


@given(st.lists(st.text(max_size=30), max_size=6))
def test_any_segments_at_all_give_rows_and_no_exception(lines):
    found = read((ORA + "\r" + "\r".join(["MSA|AA|x", *lines])).encode("utf-8", "replace"))
    assert isinstance(found, Er7Message)
    assert answer(found) is not None
    assert all(row.status in {*STATUSES, OTHER} for row in statuses(found))
