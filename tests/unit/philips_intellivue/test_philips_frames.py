"""Serial frames and datagrams against the worked examples of the Programming Guide H.0."""

from itertools import pairwise

import philips_golden as golden
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.philips_intellivue.association import Profile, accept, granted, request
from drivers.philips_intellivue.frames import (
    DatagramFramer,
    Frame,
    SerialFramer,
    encode,
    escape,
    fcs,
    parse,
)
from monitor_daemon.core.vocabulary import Fault


def bitwise(data):
    """CRC-16/X-25 as its definition says it: bit by bit, reflected 8408h."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc ^ 0xFFFF


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"\x3a\x71", 0x269B), (b"\x3a\x91", 0xC195), (b"123456789", 0x906E)],
)
def test_frame_check_sequence(data, value):
    assert fcs(data) == value


@given(st.binary(max_size=300))
def test_frame_check_sequence_is_the_bitwise_one(data):
    assert fcs(data) == bitwise(data)
    assert bitwise(data + fcs(data).to_bytes(2, "little")) ^ 0xFFFF == 0xF0B8


def test_the_check_sequence_is_escaped_too():
    data = b"\x3a\x91"
    assert escape(data + fcs(data).to_bytes(2, "little")) == golden.hexed("3A 91 95 7D E1")


@pytest.mark.parametrize(
    "wire",
    [
        golden.KEEP_ALIVE_FRAME,
        golden.NUMERICS_POLL_FRAME,
        golden.MDS_RESULT_FRAME,
        golden.RELEASE_FRAME,
    ],
)
def test_golden_frames_are_read_and_written(wire):
    frame = parse(wire)
    assert isinstance(frame, Frame)
    assert encode(frame.payload) == wire


@pytest.mark.parametrize(
    ("payload", "end"),
    [
        (golden.REQUEST, "A8 4F C1"),
        (golden.ACCEPT, "F5 6F C1"),
        (golden.MDS_CREATE, "F2 57 C1"),
        (golden.ABP, "97 61 C1"),
        (golden.UNZEROED, "37 23 C1"),
        (golden.KEEP_ALIVE[:8] + b"\x00\x8c" + golden.KEEP_ALIVE[10:], "7D 5D D1 C1"),
    ],
)
def test_golden_messages_in_a_serial_frame(payload, end):
    wire = encode(payload)
    assert wire.endswith(golden.hexed(end))
    assert parse(wire) == Frame(0, wire, payload)


def test_association_request_is_247_bytes_on_the_wire_with_its_inner_eof_escaped():
    wire = encode(golden.REQUEST)
    assert len(wire) == 247
    assert wire.count(b"\xc1") == 1
    assert wire[5 + 16 : 5 + 18] == b"\x7d\xe1"


def test_association_messages_are_built_and_read():
    profile = Profile(min_poll=8000, mtu=1000, options=0x8C000000)
    assert request(profile) == golden.REQUEST
    assert accept(profile) == golden.ACCEPT
    assert granted(golden.ACCEPT) == granted(golden.REQUEST) == profile


def test_an_answer_with_a_long_length_and_a_large_datagram_size_is_read():
    """As captured over UDP: user data of 128 bytes (82 00 80), 1456 bytes a message."""
    user_data = golden.ACCEPT[-88:-16].replace(golden.hexed("000003E8"), golden.hexed("000005B0"))
    head, mark, _ = golden.ACCEPT.partition(golden.hexed("BE 80 28 80 02 01 02 81"))
    padded = user_data + bytes(128 - len(user_data))
    long = head + mark + golden.hexed("82 00 80") + padded + bytes(16)
    assert granted(long) == Profile(8000, 0x5B0, 0x8C000000)
    assert granted(long[:-60]) is None
    assert granted(golden.REFUSE) is None


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (b"\xc0\x11\x01\xc1", "a frame of 2 bytes"),
        (golden.KEEP_ALIVE_FRAME.replace(b"\x16\xd0", b"\x16\xd1"), "FCS D116, computed D016"),
        (encode(b"abc").replace(b"abc", b"abx"), "FCS"),
    ],
)
def test_a_broken_frame_says_where_and_why(wire, reason):
    fault = parse(wire, 7)
    assert isinstance(fault, Fault)
    assert (fault.code, fault.offset) == ("FRAME", 7)
    assert fault.reason.startswith(reason)


def test_a_wrong_length_is_told_apart():
    body = b"\x11\x01\x00\x05abc"
    wire = b"\xc0" + body + fcs(body).to_bytes(2, "little") + b"\xc1"
    assert parse(wire).reason == "length 5, counted 3"


def test_an_aborted_frame_and_one_of_another_protocol_are_passed_over():
    foreign = b"\x12\x01\x00\x01a"
    other = b"\xc0" + escape(foreign + fcs(foreign).to_bytes(2, "little")) + b"\xc1"
    wire = golden.KEEP_ALIVE_FRAME[:20] + b"\x7d\xc1" + other + golden.KEEP_ALIVE_FRAME
    [frame] = SerialFramer().feed(wire)
    assert frame.payload == golden.KEEP_ALIVE


def test_a_new_frame_inside_a_frame_costs_only_the_first():
    wire = golden.MDS_RESULT_FRAME[:12] + golden.KEEP_ALIVE_FRAME
    fault, frame = SerialFramer().feed(wire)
    assert fault == Fault("FRAME", 0, "a new frame begins before EOF")
    assert (frame.offset, frame.payload) == (12, golden.KEEP_ALIVE)


def test_noise_before_a_frame_is_counted_once():
    fault, frame = SerialFramer().feed(b"noise" + golden.KEEP_ALIVE_FRAME)
    assert fault == Fault("FRAME", 0, "5 bytes outside messages")
    assert frame.offset == 5


def test_a_frame_that_never_ends_is_given_up():
    framer = SerialFramer()
    faults = [item for _ in range(40) for item in framer.feed(b"\xc0" + bytes(4000))]
    assert {fault.reason for fault in faults} == {"a new frame begins before EOF"}
    [fault, *_] = SerialFramer().feed(b"\xc0" + bytes(140_000))
    assert fault.reason == "no EOF within 131084 bytes"


MESSAGES = [
    golden.REQUEST,
    golden.ACCEPT,
    golden.MDS_CREATE,
    golden.MDS_RESULT,
    golden.NUMERICS_POLL,
    golden.ABP,
    golden.UNZEROED,
    golden.RELEASE,
    golden.RELEASE_RESPONSE,
    golden.REFUSE,
    golden.ABORT,
]


@pytest.mark.parametrize("framing", ["serial", "udp"])
def test_all_messages_one_after_another(framing):
    wire = b"".join(encode(message, framing) for message in MESSAGES)
    assert golden.messages(framing, wire) == MESSAGES


def test_a_datagram_that_was_cut_off_costs_itself():
    framer = DatagramFramer()
    assert framer.feed(golden.ABP[:50]) == []
    fault, frame = framer.feed(golden.UNZEROED)
    assert fault == Fault("FRAME", 0, "the bytes end within a message")
    assert frame.payload == golden.UNZEROED


def test_bytes_that_are_no_datagram_of_the_protocol():
    fault, frame = DatagramFramer().feed(b"GET / HTTP/1.0\r\n" + golden.ABP)
    assert fault == Fault("FRAME", 0, "16 bytes outside messages")
    assert frame.payload == golden.ABP


def test_a_message_too_long_for_its_length_field_is_not_written():
    with pytest.raises(ValueError, match="message of 65536 bytes"):
        encode(bytes(65536))


def cut(data, places):
    edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


chunks = st.lists(st.sampled_from(MESSAGES), max_size=6)
noise = st.binary(max_size=30).map(lambda data: data.replace(b"\xc0", b""))
places = st.lists(st.integers(0, 2000), max_size=12)


@given(st.lists(st.sampled_from([encode(m) for m in MESSAGES]) | noise, max_size=8), places)
def test_any_split_of_a_serial_line_gives_the_same(parts, where):
    data = b"".join(parts)
    whole, pieces = SerialFramer(), SerialFramer()
    expected = [*whole.feed(data), *whole.finish()]
    found = [item for piece in cut(data, where) for item in pieces.feed(piece)]
    assert [*found, *pieces.finish()] == expected


@given(chunks, places)
def test_any_split_of_a_file_of_datagrams_gives_the_same(sent, where):
    framer = DatagramFramer()
    found = [item for piece in cut(b"".join(sent), where) for item in framer.feed(piece)]
    assert [item.payload for item in found] == sent
    assert framer.finish() == []


@given(st.binary(max_size=400))
def test_any_payload_goes_through_a_serial_frame(payload):
    assert golden.messages("serial", encode(payload)) == [payload]


@given(st.binary(), st.sampled_from([SerialFramer, DatagramFramer]))
def test_any_bytes_never_raise_and_nothing_is_lost_in_silence(data, kind):
    framer = kind()
    items = [*framer.feed(data), *framer.finish()]
    assert all(isinstance(item, Frame | Fault) for item in items)
    assert not data or items or data.endswith(b"\xc1")
