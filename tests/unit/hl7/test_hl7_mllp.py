"""The MLLP framer: each line of its table, and the same answer for every way to cut the stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.hl7.mllp import Frame, FrameFault, Framer, framed


def run(*chunks, **limits):
    framer = Framer(**limits)
    return [item for chunk in chunks for item in framer.feed(chunk)] + framer.finish()


def seen(items):
    return [
        (item.offset, item.payload) if isinstance(item, Frame) else (item.offset, item.code)
        for item in items
    ]


def test_several_frames_in_one_read_come_out_in_order():
    assert seen(run(framed(b"one") + framed(b"two"))) == [(0, b"one"), (6, b"two")]


@pytest.mark.parametrize("end", [b"\x1c", b"\x1c\n", b"\x1c\r\n", b"\x1c\r", b"\x1c\0 "])
def test_an_end_without_its_carriage_return(end):
    assert seen(run(b"\x0bone" + end + b"\x0btwo" + end))[0::1] == [
        (0, b"one"),
        (4 + len(end), b"two"),
    ]


def test_the_end_byte_as_last_of_a_read_ends_the_frame_at_once():
    framer = Framer()
    assert seen(framer.feed(b"\x0bone\x1c")) == [(0, b"one")]
    assert framer.feed(b"\r") == []
    assert seen(framer.feed(framed(b"two"))) == [(6, b"two")]


def test_white_space_between_frames_is_no_fault():
    assert seen(run(b"\r\n\0 \t" + framed(b"one") + b"\r\n")) == [(5, b"one")]


def test_junk_between_frames_is_one_fault_and_the_next_frame_is_read():
    assert seen(run(b" xyz" + framed(b"one"))) == [(1, "HL7_JUNK"), (4, b"one")]


def test_endless_junk_is_fatal():
    found = run(b"x" * 5000 + framed(b"one"), max_junk=4096)
    assert seen(found) == [(0, "HL7_JUNK"), (4096, "HL7_JUNK"), (5000, b"one")]
    assert isinstance(found[1], FrameFault)
    assert found[1].fatal


def test_endless_white_space_is_fatal_like_any_byte_without_a_start():
    found = run(b"\0" * 3000 + b"\r\n" * 1000 + framed(b"one"), max_junk=4096)
    assert seen(found) == [(4096, "HL7_JUNK"), (5000, b"one")]
    assert found[0].fatal
    assert seen(run((b"\n" * 4000 + framed(b"one")) * 2)) == [(4000, b"one"), (8006, b"one")]


def test_a_start_inside_a_frame_drops_the_first_message():
    assert seen(run(b"\x0blost" + framed(b"one"))) == [(0, "HL7_TRUNCATED"), (5, b"one")]


def test_a_frame_beyond_the_limit_is_fatal_and_what_follows_is_still_found():
    found = run(framed(b"x" * 11) + framed(b"x" * 10), max_bytes=10)
    assert seen(found) == [(0, "HL7_TOO_LONG"), (14, b"x" * 10)]
    assert isinstance(found[0], FrameFault)
    assert found[0].fatal


def test_a_frame_that_the_stream_cuts_off():
    assert seen(run(framed(b"one") + b"\x0btw")) == [(0, b"one"), (6, "HL7_TRUNCATED")]


@pytest.mark.parametrize("byte", [b"\x06", b"\x15", b"A", b"\r"])
def test_blocks_of_one_byte_are_ignored(byte):
    assert seen(run(framed(byte) + framed(b"one"))) == [(4, b"one")]


def test_an_empty_frame_is_a_fault():
    assert seen(run(framed(b""))) == [(0, "HL7_EMPTY")]


PAYLOADS = st.lists(st.binary(min_size=2).map(lambda b: b.translate(None, b"\x0b\x1c") + b"xx"))


@given(PAYLOADS)
def test_what_is_framed_comes_back(payloads):
    found = run(b"".join(framed(payload) for payload in payloads))
    assert [item.payload for item in found] == payloads


STREAM = st.lists(st.sampled_from([b"\x0b", b"\x1c", b"\r", b"a", b"\x1c\r", b"\x06"])).map(
    b"".join
)


@given(STREAM | st.binary(), st.data())
def test_every_way_to_cut_the_stream_gives_the_same_frames(stream, data):
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    limits = {"max_bytes": 5, "max_junk": 3}
    expected = run(stream, **limits)
    assert run(*chunks, **limits) == expected
    assert run(*(stream[at : at + 1] for at in range(len(stream))), **limits) == expected
