"""Linked results, refusals, and whatever else may come: rows, and never an exception."""

import struct

import philips_golden as golden
import pytest
from hypothesis import given
from hypothesis import strategies as st
from philips_messages import START, compound, result, rows, value

from drivers.philips_intellivue.decode import PhilipsDecoder
from drivers.philips_intellivue.wire import text
from monitor_daemon.core.vocabulary import Fault, Quality, Reading

GOOD, QUESTIONABLE = Quality.GOOD, Quality.QUESTIONABLE


def part(measured, linked, invoke=1, ticks=START, code=0x4A17):
    shown = {0x0950: value(code, number=f"{measured:08X}")}
    return result((0, measured, shown), invoke=invoke, linked=linked, ticks=ticks)


def closing(invoke=1, ticks=START):
    return result(invoke=invoke, ticks=ticks)


def values(found):
    return [row.value if isinstance(row, Reading) else row.code for row in found]


def test_parts_of_a_linked_result_are_joined():
    decoder = PhilipsDecoder("udp")
    parts = [part(1, (1, 1)), part(2, (2, 2)), part(3, (2, 3)), part(4, (3, 4))]
    assert [row for message in parts for row in decoder.feed(message)] == []
    assert values(decoder.feed(closing())) == [1, 2, 3, 4]
    assert values(rows(part(1, (3, 1)), part(2, None))) == [1, 2]


def test_two_linked_results_at_a_time():
    one_of, other = part(1, (1, 1)), part(9, (3, 1), invoke=2)
    sent = one_of, other, part(2, (3, 2)), closing(2), closing()
    assert values(rows(*sent)) == [9, 1, 2]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([part(1, (1, 1)), part(3, (3, 3)), closing()], [1, 3, "RECORD"]),
        ([part(2, (3, 2)), closing()], [2, "RECORD"]),
        ([part(1, (1, 1)), closing()], [1, "RECORD"]),
        ([part(1, (1, 1)), part(2, (2, 2))], [1, 2, "RECORD"]),
        ([part(1, (1, 1)), part(1, (1, 1)), part(2, (3, 2)), closing()], [1, 2]),
        # Datagrams overtake each other: what came counts.
        ([part(2, (2, 2)), part(1, (1, 1)), part(3, (3, 3)), closing()], [2, 1, 3]),
        ([part(1, (1, 1)), part(3, (3, 3)), part(2, (2, 2)), closing()], [1, 3, 2]),
        ([part(1, (1, 1)), part(5, None, ticks=START + 8192)], [1, "RECORD", 5]),
        (
            [part(1, (1, 1)), part(5, (3, 1), ticks=START + 8192), closing(ticks=START + 8192)],
            [1, "RECORD", 5],
        ),
    ],
)
def test_a_part_that_is_missing_comes_twice_or_is_overtaken(sent, expected):
    assert values(rows(*sent)) == expected


def test_parts_without_an_end_fill_no_memory():
    sent = [part(n, (1, 1), invoke=n) for n in range(1, 20)]
    decoder = PhilipsDecoder("udp")
    during = [row for message in sent for row in decoder.feed(message)]
    assert len(values(during)) == 2 * 15
    assert len(values(decoder.finish())) == 2 * 4


def test_a_refusal_of_the_monitor_is_an_error_row():
    refused = bytes.fromhex("E100 0002 0003 0006 0007 000A 0000")
    [row] = rows(refused)
    assert (row.code, row.offset) == ("REFUSED", 0)
    assert row.reason.startswith("poll refused: processing failure")
    assert rows(refused[:-4] + b"\x00\x63\x00\x00")[0].reason.endswith("undocumented (99)")


def test_what_a_client_says_gives_no_rows():
    sent = (
        golden.REQUEST,
        golden.MDS_RESULT,
        golden.NUMERICS_POLL,
        golden.KEEP_ALIVE,
        golden.RELEASE,
        golden.RELEASE_RESPONSE,
        golden.REFUSE,
        golden.ABORT,
    )
    assert rows(*sent) == rows(*sent, framing="serial") == []


def test_one_object_that_cannot_be_read_costs_only_itself():
    short = {0x094B: compound(value(0x4A17), value(0x4A15))[:-3]}
    good = {0x0950: value(0x4182, unit=0x0AA0)}
    pressure, fault, rate = rows(result((0, 5, short), (0, 6, good)))
    assert (pressure.signal, rate.signal) == ("art_map", "heart_rate")
    assert (fault.code, fault.offset) == ("RECORD", 0)
    assert fault.reason.startswith("object 0005: 4 bytes announced at byte 20")


def test_a_message_that_ends_too_early_keeps_the_objects_before():
    good = {0x0950: value(0x4A17)}
    whole = result((0, 1, good), (0, 2, good))
    broken = bytearray(whole)
    broken[-11] = 200  # the length of the last attribute
    pressure, fault = rows(bytes(broken))
    assert pressure.value == 65.0
    assert fault.code == "RECORD"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "2 bytes announced"),
        (b"\x3a\x71", "session id 3a71"),
        (golden.ABP[:60], "120 bytes announced at byte 8, 52 there"),
        (golden.MDS_CREATE[:7] + b"\x05\x00\x01\x00\x01\x00", "2 bytes announced"),
    ],
)
def test_a_message_that_cannot_be_read_is_an_error_row(payload, reason):
    [row] = rows(payload, framing="serial")
    assert isinstance(row, Fault)
    assert (row.code, row.offset) == ("RECORD", 0)
    assert row.reason.startswith(reason)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_words_in_a_string(words):
    encoded = words.encode("utf-16-be")
    assert text(struct.pack(">H", len(encoded)) + encoded) == (
        words.replace("\0", "").replace("\ufeff", "").strip()
    )


known = st.sampled_from(
    [0x0950, 0x094B, 0x0924, 0x0990, 0x0991, 0x0902, 0x0904, 0x0987, 0x098F, 0x0946, 0x091E, 0x0928]
)
found_attributes = st.dictionaries(known, st.binary(max_size=40), max_size=5)
any_result = st.builds(
    lambda objects, code, ticks, linked: result(*objects, code=code, ticks=ticks, linked=linked),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), found_attributes), max_size=3),
    st.sampled_from([6, 0x36, 0x21]),
    st.integers(0, 2**32 - 1),
    st.none() | st.tuples(st.integers(0, 255), st.integers(0, 255)),
)
any_message = any_result | st.sampled_from([golden.ACCEPT, golden.MDS_CREATE, golden.ABP])


@given(st.lists(any_message, max_size=6), st.sampled_from(["serial", "udp"]))
def test_any_results_keep_the_promises_of_a_row(sent, framing):
    for row in rows(*sent, framing=framing):
        if isinstance(row, Reading):
            assert (row.value is None) == (row.quality not in {GOOD, QUESTIONABLE})


@given(st.binary(max_size=300))
def test_any_payload_never_raises(payload):
    rows(payload, framing="serial")


@given(st.data())
def test_damage_to_a_golden_message_never_raises(data):
    message = bytearray(data.draw(st.sampled_from([golden.ABP, golden.MDS_CREATE, golden.ACCEPT])))
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    rows(golden.MDS_CREATE, bytes(message), golden.ABP, framing="serial")
