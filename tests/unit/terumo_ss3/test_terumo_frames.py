"""Packets, CRC and XML against the examples that the manufacturer's manual prints."""

from binascii import crc_hqx

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.terumo_ss3.commands import ASK_DEVICE, Body, ask_status, read, write
from drivers.terumo_ss3.frames import MAX_PACKET, Framer, Packet, encode, parse
from monitor_daemon.core.vocabulary import Fault

DEVICE = "000100700000001201000001"
HEAD = b'<?xml version="1.0"?>'
#: Texts and CRCs as printed in the manual, and (1D43) computed from its algorithm.
PRINTED = {
    b"8411": HEAD + b"<REQ><DEVID></DEVID></REQ>",
    b"D38C": HEAD + b"<REP><DEVID>000100700000001201000001</DEVID></REP>",
    b"A9A4": HEAD + b"<REQ><DEVID>000100700000001201000001</DEVID><CMD>AQEAAA==</CMD></REQ>",
    b"1D43": HEAD + b"<REQ><DEVID>000100700000001201000001</DEVID><CMD>AgEAAA==</CMD></REQ>",
}
ASK = b"\x02" + PRINTED[b"8411"] + b"8411\x03"

texts = st.binary(max_size=300).map(lambda t: t.replace(b"\x02", b"").replace(b"\x03", b""))


@pytest.mark.parametrize("crc", PRINTED)
def test_printed_packets_are_written_and_read(crc):
    wire = b"\x02" + PRINTED[crc] + crc + b"\x03"
    assert encode(PRINTED[crc]) == wire
    assert Framer().feed(wire) == [Packet(0, wire, PRINTED[crc])]


def test_requests_are_the_printed_ones():
    assert ASK_DEVICE == ASK
    assert ask_status(DEVICE, 1)[1:-5] == PRINTED[b"A9A4"]
    assert ask_status(DEVICE, 2)[1:-5] == PRINTED[b"1D43"]


def test_the_crc_is_not_the_one_that_starts_at_ffff():
    text = PRINTED[b"8411"]
    other = b"\x02" + text + b"%04X" % crc_hqx(text, 0xFFFF) + b"\x03"
    assert isinstance(parse(other), Fault)


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (ASK.replace(b"8411", b"8412"), "CRC '8412', computed '8411'"),
        (ASK.replace(b"REQ", b"REP"), "CRC '8411', computed"),
        (b"\x02123\x03", "5 bytes that are not"),
    ],
)
def test_broken_packet_says_where_and_why(wire, reason):
    noise, fault, good = Framer().feed(b"??" + wire + ASK)
    assert noise == Fault("FRAME", 0, "2 bytes outside packets")
    assert (fault.code, fault.offset) == ("FRAME", 2)
    assert reason in fault.reason
    assert isinstance(good, Packet)


def test_hexadecimal_digits_of_the_crc_are_upper_case():
    wire = ask_status(DEVICE, 1)
    assert wire[-5:-1] == b"A9A4"
    assert isinstance(parse(wire.replace(b"A9A4", b"a9a4")), Fault)


def test_lost_end_and_lost_start_cost_one_packet():
    fault, packet = Framer().feed(ASK[:-1] + ASK)
    assert fault == Fault("FRAME", 0, "a new packet begins before ETX")
    assert packet.offset == len(ASK) - 1
    fault, packet = Framer().feed(ASK[1:] + ASK)
    assert fault == Fault("FRAME", 0, f"{len(ASK) - 1} bytes outside packets")
    assert packet.raw == ASK


def test_endless_packet_is_cut_and_the_next_one_read():
    items = Framer().feed(b"\x02" + b"x" * 3 * MAX_PACKET + ASK)
    assert items[0].reason == f"no ETX within {MAX_PACKET} bytes"
    assert isinstance(items[-1], Packet)


def test_babble_is_reported_while_it_lasts():
    assert len(Framer().feed(b"x" * 5000)) == 4


def test_unfinished_bytes_are_reported_at_the_end():
    framer = Framer()
    framer.feed(ASK[:9])
    assert framer.finish() == [Fault("FRAME", 0, "the bytes end within a packet")]
    assert framer.finish() == []


@pytest.mark.parametrize("text", [b"a\x02", b"\x03"])
def test_what_no_packet_can_carry_is_refused(text):
    with pytest.raises(ValueError, match="STX or ETX"):
        encode(text)


@pytest.mark.parametrize("device", ["", "12", "G" * 24, "0" * 25])
def test_a_device_id_has_24_hexadecimal_digits(device):
    with pytest.raises(ValueError, match="24 hexadecimal digits"):
        write("REP", device)


def test_xml_is_read():
    assert read(PRINTED[b"8411"]) == Body(request=True, device="", command=None)
    assert read(PRINTED[b"D38C"]) == Body(request=False, device=DEVICE, command=None)
    assert read(PRINTED[b"A9A4"]) == Body(
        request=True, device=DEVICE, command=bytes.fromhex("01010000")
    )


@pytest.mark.parametrize(
    "text",
    [
        b"",
        PRINTED[b"D38C"].removeprefix(HEAD),
        PRINTED[b"D38C"].replace(b"1.0", b"1.1"),
        PRINTED[b"D38C"].replace(b"<DEVID>", b" <DEVID>"),
        PRINTED[b"D38C"].replace(b"</REP>", b"</REQ>"),
        PRINTED[b"D38C"].replace(b"0001007", b"&lt;007"),
        PRINTED[b"D38C"] + b"\n",
        PRINTED[b"A9A4"].replace(b"AQEAAA==", b"AQEAAA="),
        PRINTED[b"A9A4"].replace(b"AQEAAA==", b"AQE*AA=="),
    ],
)
def test_other_xml_is_refused_with_a_reason(text):
    assert isinstance(read(text), str)


@given(texts)
def test_any_text_comes_back(text):
    [packet] = Framer().feed(encode(text))
    assert (packet.text, packet.raw) == (text, encode(text))


@given(st.binary(max_size=40))
def test_any_command_comes_back(command):
    [packet] = Framer().feed(write("REP", DEVICE, command))
    assert read(packet.text).command == command


@given(st.text(alphabet="AQz09+/=", max_size=12))
def test_any_base64_or_none_is_read(command):
    text = HEAD + b"<REP><DEVID>%b</DEVID><CMD>%b</CMD></REP>" % (
        DEVICE.encode(),
        command.encode(),
    )
    assert isinstance(read(text), Body | str)


@given(
    st.lists(st.sampled_from([b"\x02", b"\x03", b"x" * 700, b"x" * 5000, ASK]) | st.binary()),
)
def test_any_bytes_are_cut_the_same_however_split(chunks):
    data = b"".join(chunks)
    whole, by_byte, by_chunk = Framer(), Framer(), Framer()
    expected = whole.feed(data) + whole.finish()
    assert [i for b in data for i in by_byte.feed(bytes([b]))] + by_byte.finish() == expected
    assert [i for c in chunks for i in by_chunk.feed(c)] + by_chunk.finish() == expected


@given(st.data())
def test_a_corrupted_byte_costs_at_most_its_packet(data):
    packets = [ask_status(DEVICE, n) for n in range(3)]
    position = data.draw(st.integers(0, len(packets[1]) - 1))
    wrong = data.draw(st.integers(0, 255).filter(lambda b: b != packets[1][position]))
    damaged = packets[1][:position] + bytes([wrong]) + packets[1][position + 1 :]
    items = Framer().feed(packets[0] + damaged + packets[2])
    assert [i.raw for i in items if isinstance(i, Packet)] == [packets[0], packets[2]]
    assert any(isinstance(item, Fault) for item in items)
