"""Who lies where: admission, transfer and merge messages (HL7 v2.9 chapter 3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.hl7.driver import DRIVER
from monitor_daemon.core.vocabulary import Fault, Identity


def decode(trigger, *segments, kind="ADT", processing="P"):
    head = f"MSH|^~\\&|REG|H|X||20260101||{kind}^{trigger}^ADT_A01|1|{processing}|2.5"
    decoder = DRIVER.decoder("mllp", DRIVER.settings({}))
    return [*decoder.feed("\r".join([head, *segments]).encode()), *decoder.finish()]


EVN = "EVN||20260101121000||||20260101120000"
PID = "PID|||4711^^^H&1.2.3&ISO^MR~99^^^USSSA^SS||DOE^JO"
PV1 = "PV1||I| SICU^0001^02 |||6N^1234^A"


@pytest.mark.parametrize(
    ("trigger", "event"),
    [
        ("A01", "admit"), ("A04", "admit"), ("A02", "transfer"), ("A06", "transfer"),
        ("A03", "discharge"), ("A08", "update"), ("A11", "cancel_admit"),
        ("A12", "cancel_transfer"), ("A13", "cancel_discharge"),
    ],
)  # fmt: skip
def test_events_about_one_patient(trigger, event):
    assert decode(trigger, EVN, PID, PV1) == [
        Identity(
            event=event,
            patient="4711",
            bed="SICU^0001^02",
            prior_bed="6N^1234^A",
            device_time="2026-01-01T12:00:00",
        )
    ]


@pytest.mark.parametrize("trigger", ["A05", "A09", "A10", "A14", "A20", "A21", "A22", "A60", "Z99"])
def test_events_that_move_nobody(trigger):
    assert decode(trigger, EVN, PID, PV1) == []


def test_a_merge_names_both_numbers():
    assert decode("A40", EVN, PID, "MRG|0815^^^H^MR") == [
        Identity(
            event="merge", patient="4711", prior_patient="0815", device_time="2026-01-01T12:00:00"
        )
    ]


def test_several_merges_in_one_message():
    rows = decode("A40", EVN, "PID|||1", "MRG|2", "PID|||3", "MRG|4")
    assert [(row.patient, row.prior_patient) for row in rows] == [("1", "2"), ("3", "4")]


def test_the_event_counts_only_where_the_message_type_leaves_it_open():
    assert decode("A12", "EVN|A02|20260101", PID, PV1)[0].event == "cancel_transfer"
    assert decode("", "EVN|A02|20260101", PID, PV1)[0].event == "transfer"


def test_the_time_of_the_event_goes_before_that_of_its_entry():
    assert decode("A01", "EVN||20260101121000", PID, PV1)[0].device_time == "2026-01-01T12:10:00"
    unreadable = "EVN||20260101121000||||noon"
    assert decode("A01", unreadable, PID, PV1)[0].device_time == "2026-01-01T12:10:00"
    assert decode("A01", PID, PV1)[0].device_time is None  # never that of MSH-7


def test_a_time_that_is_none_is_reported():
    rows = decode("A02", "EVN||20260101121000||||noon", PID, PV1)
    assert rows[0].device_time == "2026-01-01T12:10:00"
    assert [(row.code, "noon" in row.reason) for row in rows[1:]] == [("HL7_TIME", True)]


def test_an_update_without_a_bed_moves_nobody():
    [row] = decode("A08", EVN, PID)
    assert (row.event, row.bed, row.prior_bed) == ("update", None, None)


def test_null_and_empty_say_nothing():
    [row] = decode("A01", EVN, 'PID||""|""|77', 'PV1||I|""|||""')
    assert (row.patient, row.bed, row.prior_bed) == ("77", None, None)


def test_a_measurement_inside_an_admission_message_is_no_reading():
    obx = "OBX|27|NM|8867-4^heartrate^LN||60~120|beats/min^^ISO|||||F"
    assert [row.event for row in decode("A08", EVN, PID, PV1, obx)] == ["update"]


def test_a_message_without_a_patient_gives_nothing():
    assert decode("A01", EVN, PV1) == []


@given(
    st.sampled_from(["A01", "A02", "A17", "A40", ""]),
    st.lists(
        st.tuples(
            st.sampled_from(["PID", "PV1", "MRG", "EVN", "ZZZ"]),
            st.lists(st.text(alphabet='|^~\\&"AX0126. ', max_size=6), max_size=8),
        ),
        max_size=6,
    ),
)
def test_any_segments_give_identities_and_no_exception(trigger, segments):
    rows = decode(trigger, *("|".join([name, *fields]) for name, fields in segments))
    assert all(isinstance(row, Identity | Fault) for row in rows)


def test_a_message_type_in_small_letters_is_the_same():
    [row] = decode("a02", EVN, PID, PV1, kind="adt")
    assert (row.event, row.bed) == ("transfer", "SICU^0001^02")
