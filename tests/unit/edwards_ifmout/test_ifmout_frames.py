"""IFMout framing against the one worked frame."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.edwards_ifmout.frames import Frame, Framer, check_byte, encode
from monitor_daemon.core.vocabulary import Fault

FIELDS = "P065p008C05.2c02.7R0877S054b12.0H096"
#: The sum from STX through ETX is 0x48 modulo 256, the check byte 255 - 0x48.
WORKED = b"\x02" + FIELDS.encode() + b"\x03\xb7"

fields = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=500)


def test_worked_frame_is_written_and_read():
    assert sum(WORKED[:-1]) % 256 == 0x48
    assert check_byte(WORKED[:-1]) == 0xB7
    assert encode(FIELDS) == WORKED
    assert Framer().feed(WORKED) == [Frame(0, WORKED, FIELDS, checked=True)]


@pytest.mark.parametrize("check", [0x00, 0x02, 0x03, 0xB8, 0xFF])
def test_any_byte_after_etx_is_the_check_byte(check):
    wire = WORKED[:-1] + bytes([check])
    assert Framer().feed(wire + WORKED) == [
        Frame(0, wire, FIELDS, checked=False),
        Frame(len(wire), WORKED, FIELDS, checked=True),
    ]


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (WORKED[:9], "a new frame begins before ETX"),
        (b"\x02" + b"P065" * 128, "no ETX within 512 bytes"),
        (b"\x02P0\r", "byte 0D within a frame"),
        (b"\x02P0\xff", "byte FF within a frame"),
    ],
)
def test_broken_frame_says_where_and_why(wire, reason):
    noise, fault, *_, frame = Framer().feed(b"xx" + wire + WORKED)
    assert noise == Fault("FRAME", 0, "2 bytes outside frames")
    assert fault == Fault("FRAME", 2, reason)
    assert frame == Frame(2 + len(wire), WORKED, FIELDS, checked=True)


def test_lost_start_costs_one_frame():
    fault, frame = Framer().feed(WORKED[1:] + WORKED)
    assert fault == Fault("FRAME", 0, f"{len(WORKED) - 1} bytes outside frames")
    assert frame.offset == len(WORKED) - 1


def test_lost_check_byte_costs_the_frame_after_it():
    items = Framer().feed(WORKED[:-1] + WORKED + WORKED)
    assert [type(item) for item in items] == [Frame, Fault, Frame]
    assert not items[0].checked


def test_babble_is_reported_while_it_lasts():
    assert len(Framer().feed(b"x" * 5000)) == 4


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        (WORKED[:9], "the bytes end within a frame"),
        (WORKED[:-1], "the bytes end within a frame"),
        (b"xx", "2 bytes outside frames"),
    ],
)
def test_unfinished_bytes_are_reported_once(rest, reason):
    framer = Framer()
    assert len(framer.feed(WORKED + rest)) == 1
    assert framer.finish() == [Fault("FRAME", len(WORKED), reason)]
    assert framer.finish() == []


@pytest.mark.parametrize("text", ["\x02", "P065\x03", "P\x80", "é"])
def test_what_no_frame_can_carry_is_refused(text):
    with pytest.raises(ValueError, match="only printable ASCII"):
        encode(text)


@given(st.lists(fields))
def test_any_fields_come_back(wanted):
    items = Framer().feed(b"".join(map(encode, wanted)))
    assert [(item.fields, item.checked) for item in items] == [(text, True) for text in wanted]


@given(
    st.lists(
        st.sampled_from([b"\x02", b"\x03", b"P065", b"x" * 600, b"x" * 1100, WORKED]) | st.binary()
    )
)
def test_any_bytes_are_cut_the_same_however_split(chunks):
    data = b"".join(chunks)
    whole, by_byte, by_chunk = Framer(), Framer(), Framer()
    expected = whole.feed(data) + whole.finish()
    assert [i for b in data for i in by_byte.feed(bytes([b]))] + by_byte.finish() == expected
    assert [i for c in chunks for i in by_chunk.feed(c)] + by_chunk.finish() == expected


@given(st.integers(0, len(WORKED) - 1), st.integers(0, 255))
def test_a_corrupted_byte_costs_at_most_its_frame_and_the_next(position, wrong):
    damaged = WORKED[:position] + bytes([wrong]) + WORKED[position + 1 :]
    items = Framer().feed(WORKED + damaged + WORKED + WORKED)
    whole = Frame(0, WORKED, FIELDS, checked=True)
    assert items[0] == whole
    assert (items[-1].raw, items[-1].offset) == (WORKED, 3 * len(WORKED))
    if wrong != WORKED[position]:
        assert sum(item == Frame(item.offset, WORKED, FIELDS, checked=True) for item in items) <= 3
