"""The DRI link layer against the printed requests of the S/5 computer interface specification."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ge_dri.frames import MAX_RECORD, Frame, Framer, encode, parse
from monitor_daemon.core.vocabulary import Fault

#: "Displayed values every 10 s, all classes", as printed.
REQUEST_10 = bytes.fromhex(
    "7E 31 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 FF 00 00 00 00 00 00 00 00"
    "00 00 00 00 00 00 00 00 00 00 01 0A 00 0E 00 00 00 00 00 49 7E"
)
#: Body at record offset 40, and what the checksum is on the wire.
PRINTED = {
    "displayed, 5 s": ("01 05 00 0E 00 00 00 00 00", "44"),
    "displayed, 5 s, basic class": ("01 05 00 00 00 00 00 00 00", "36"),
    "displayed, one shot": ("01 FF FF 0E 00 00 00 00 00", "3D"),
    "displayed, stop": ("01 00 00 00 00 00 00 00 00", "31"),
    "60 s trend": ("03 3C 00 0E 00 00 00 00 00", "7D 5D"),
    "60 s trend, stop": ("03 00 00 00 00 00 00 00 00", "33"),
}

records = st.binary(max_size=300).map(
    lambda data: (40 + len(data)).to_bytes(2, "little") + bytes(38) + data
)


@pytest.mark.parametrize("name", PRINTED)
def test_printed_requests_are_written_and_read(name):
    body, checksum = PRINTED[name]
    record = REQUEST_10[1:41] + bytes.fromhex(body)
    wire = encode(record)
    assert wire == b"\x7e" + record + bytes.fromhex(checksum) + b"\x7e"
    assert parse(wire, 7) == Frame(7, wire, record)


def test_the_printed_example_is_read():
    assert parse(REQUEST_10) == Frame(0, REQUEST_10, REQUEST_10[1:-2])


@pytest.mark.parametrize(
    ("plain", "wire"), [("7D", "7D 5D"), ("7E", "7D 5E"), ("7D 7E 5E", "7D 5D 7D 5E 5E")]
)
def test_escapes(plain, wire):
    data = bytes.fromhex(plain)
    record = (40 + len(data)).to_bytes(2, "little") + bytes(38) + data
    frame = encode(record)
    assert bytes.fromhex(wire) == frame[41 : 41 + len(bytes.fromhex(wire))]
    assert parse(frame).record == record


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (REQUEST_10.replace(b"\x0a", b"\x0b"), "checksum 49, computed 4A"),
        (REQUEST_10.replace(b"\x31", b"\x32"), "length 50, counted 49"),
        (REQUEST_10.replace(b"\xff", b"\x7d\x00"), "7D is followed by neither 5D nor 5E"),
        (REQUEST_10[:-2] + b"\x7d\x7e", "7D is followed by neither 5D nor 5E"),
        (b"\x7e\x01\x01\x7e", "record of 1 bytes: 40 to 1490 are possible"),
    ],
)
def test_broken_frame_says_where_and_why(wire, reason):
    noise, fault, frame = Framer().feed(b"xx" + wire + REQUEST_10)
    assert noise == Fault("FRAME", 0, "2 bytes outside frames")
    assert fault == Fault("FRAME", 2, reason)
    assert frame == parse(REQUEST_10, 2 + len(wire))


@pytest.mark.parametrize("wire", [b"", b"\x7e", b"x", REQUEST_10[1:], REQUEST_10[:-1]])
def test_bytes_without_flags_are_no_frame(wire):
    assert parse(wire) == Fault("FRAME", 0, f"{len(wire)} bytes that are not 7E record checksum 7E")


def test_lost_last_flag_costs_nothing_but_the_fault_of_the_next():
    items = Framer().feed(REQUEST_10[:-1] + REQUEST_10 + REQUEST_10)
    assert [type(item) for item in items] == [Frame, Fault, Frame]


def test_lost_first_flag_costs_one_frame():
    fault, frame = Framer().feed(REQUEST_10[1:] + REQUEST_10)
    assert fault == Fault("FRAME", 0, "50 bytes outside frames")
    assert frame == parse(REQUEST_10, len(REQUEST_10) - 1)


def test_truncated_frame_costs_itself():
    fault, frame = Framer().feed(REQUEST_10[:20] + REQUEST_10)
    assert fault.offset == 0
    assert frame == parse(REQUEST_10, 20)


@pytest.mark.parametrize(
    ("first", "reason"),
    [(b"\x7e", "no 7E within 2984 bytes"), (b"", "1024 bytes outside frames")],
)
def test_endless_frame_is_cut_and_the_next_one_read(first, reason):
    flood = first + b"x" * 10_000
    items = Framer().feed(flood + REQUEST_10)
    assert items[0] == Fault("FRAME", 0, reason)
    assert items[-1] == parse(REQUEST_10, len(flood))


def test_the_longest_record_fits_even_if_every_byte_is_escaped():
    record = MAX_RECORD.to_bytes(2, "little") + b"\x7e" * (MAX_RECORD - 2)
    [frame] = Framer().feed(encode(record))
    assert frame.record == record


def test_unfinished_bytes_are_reported_once():
    framer = Framer()
    assert framer.feed(REQUEST_10 + REQUEST_10[:9]) == [parse(REQUEST_10)]
    ended = Fault("FRAME", len(REQUEST_10), "the bytes end within a frame")
    assert framer.finish() == [ended]
    assert framer.finish() == []


def test_the_flag_that_ended_a_broken_frame_is_not_reported_again():
    framer = Framer()
    assert len(framer.feed(b"\x7ex\x7e")) == 1
    assert framer.finish() == []


@given(st.lists(records, max_size=4))
def test_any_records_come_back(wanted):
    stream = b"".join(map(encode, wanted))
    items = Framer().feed(stream)
    assert [item.record for item in items] == wanted
    assert b"".join(item.raw for item in items) == stream


@given(st.lists(st.sampled_from([b"\x7e", b"\x7d", b"x" * 1500, REQUEST_10]) | st.binary()))
def test_any_bytes_are_cut_the_same_however_split(chunks):
    data = b"".join(chunks)
    whole, by_byte, by_chunk = Framer(), Framer(), Framer()
    expected = whole.feed(data) + whole.finish()
    assert [i for b in data for i in by_byte.feed(bytes([b]))] + by_byte.finish() == expected
    assert [i for c in chunks for i in by_chunk.feed(c)] + by_chunk.finish() == expected


@given(st.lists(records, min_size=3, max_size=3), st.data())
def test_a_corrupted_byte_costs_at_most_its_frame(wanted, data):
    first, middle, last = map(encode, wanted)
    position = data.draw(st.integers(0, len(middle) - 1))
    wrong = data.draw(st.integers(0, 255).filter(lambda b: b != middle[position]))
    damaged = middle[:position] + bytes([wrong]) + middle[position + 1 :]
    items = Framer().feed(first + damaged + last)
    read = [item.record for item in items if isinstance(item, Frame)]
    assert read[0] == wanted[0]
    assert read[-1] == wanted[2]
    assert any(isinstance(item, Fault) for item in items)
