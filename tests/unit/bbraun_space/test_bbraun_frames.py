"""The BCC link layer against the printed and recomputed vectors of the specification."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bbraun_space.frames import (
    ACK,
    MAX_LENGTH,
    NAK,
    Broken,
    Control,
    Frame,
    Framer,
    destuff,
    encode,
    parse,
    stuff,
)
from monitor_daemon.core.vocabulary import Fault

ALIVE = bytes.fromhex(
    "01 30 30 30 33 31 02 31 2f 31 2f 31 3e 41 44 4d 49 4e 3a 41 4c 49 56 45 03 30 30 30 36 31 04"
)
ALIVE_STUFFED = bytes.fromhex(
    "01 30 30 30 33 31 02 31 2f 31 2f 31 3e 41 45 58 4d 49 4e 3a 41 4c 49 56 45 45 03 30 30 30 36"
    "31 04"
)
GET_STUFFED = bytes.fromhex(
    "01 30 30 30 33 30 02 49 43 55 37 2f 31 2f 31 3e 4d 45 45 4d 3a 47 45 45 54 03 30 30 30 30 3804"
)
PUMP_TEXT = "\x1e".join(
    f"20,50112,{record}"
    for record in (
        "GNMODEL,688N030006",
        "INRT,5.00",
        "INSOL,Norad 4mg/50ml",
        "INDOCAL,1",
        "INDCON,80",
        "INDCONU,32",
        "INDORT,0.095",
        "INDORTU,71",
        "INPATW,70.000",
        "INVI,12.5",
        "INM3,1",
        "RUNSTATE,2",
    )
)
GOLDEN = {
    "alive": ("1", "ADMIN:ALIVE", ALIVE),
    "gnack": (
        "ICU7",
        "12,50100,GNACK,0",
        b"\x0100039\x02ICU7/1/1>12,50100,GNACK,0\x0300137\x04",
    ),
    "version": (
        "ICU7",
        "15,50100,V3.30",
        b"\x0100037\x02ICU7/1/1>15,50100,V3.30\x0300228\x04",
    ),
    "get": ("ICU7", "MEM:GET", b"\x0100030\x02ICU7/1/1>MEM:GET\x0300008\x04"),
    "pump": (
        "ICU7",
        PUMP_TEXT,
        b"\x0100277\x02ICU7/1/1>" + PUMP_TEXT.encode() + b"\x0300011\x04",
    ),
    "gnerr": (
        "ICU7",
        "21,50100,GNERR,11",
        b"\x0100040\x02ICU7/1/1>21,50100,GNERR,11\x0300205\x04",
    ),
}

beds = st.text(st.sampled_from("/0123456789AZDEde[\\]^_`az"), min_size=1, max_size=15)
texts = st.text(
    st.characters(blacklist_characters="\x01\x03\x04\x17", blacklist_categories=("Cs",)),
    max_size=80,
)


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_frames_are_written_and_read_plain(name):
    bed, text, wire = GOLDEN[name]
    assert encode(bed, text, stuffed=False) == wire
    frame = parse(wire)
    assert isinstance(frame, Frame)
    assert (frame.bed, frame.information.decode(), frame.last) == (bed, text, True)


def test_golden_frames_stuffed():
    assert encode("1", "ADMIN:ALIVE") == ALIVE_STUFFED
    assert encode("ICU7", "MEM:GET") == GET_STUFFED
    wire = encode("ICU7", PUMP_TEXT)
    assert len(GOLDEN["pump"][2]) == 277
    assert len(wire) == 286
    for word in (b"GNMOEXEEL", b"Noraex", b"INEXOCAL", b"INEXCONU", b"INEXORTU", b"RUNSTATEE"):
        assert word in wire
    assert b"GNEERR" in encode("ICU7", "21,50100,GNERR,11")


@pytest.mark.parametrize(
    ("plain", "wire"), [(b"D", b"EX"), (b"E", b"EE"), (b"d", b"ex"), (b"e", b"ee"), (b"EX", b"EEX")]
)
def test_stuffing_table(plain, wire):
    assert stuff(plain) == wire
    assert destuff(wire) == plain


@pytest.mark.parametrize("wire", [b"D", b"d", b"E", b"GNERR", b"Ex", b"eX", b"EEE"])
def test_bytes_that_cannot_be_stuffed(wire):
    assert destuff(wire) is None


def test_stuffing_is_told_by_the_bytes():
    assert [parse(w).stuffed for w in (ALIVE, ALIVE_STUFFED, GOLDEN["gnack"][2])] == [
        False,
        True,
        None,
    ]


def test_a_configured_stuffing_refuses_the_other():
    assert isinstance(parse(ALIVE, stuffing="on"), Fault)
    assert isinstance(parse(ALIVE_STUFFED, stuffing="off"), Fault)
    assert isinstance(parse(ALIVE, stuffing="off"), Frame)
    assert isinstance(parse(ALIVE_STUFFED, stuffing="on"), Frame)


def test_control_bytes_between_frames():
    assert Framer().feed(ACK + ALIVE + NAK) == [Control.ACK, parse(ALIVE, 1), Control.NAK]


def test_etb_says_that_another_block_follows():
    assert parse(encode("ICU7", "x", last=False)).last is False


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (ALIVE.replace(b"00031", b"00032"), "length 00032, counted 00031"),
        (ALIVE.replace(b"00061", b"00062"), "checksum 00062, computed 00061"),
        (b"\x01\x04", "not SOH length"),
        (ALIVE.replace(b"1/1/1>", b"1?1/1>"), "not SOH length"),
    ],
)
def test_broken_frame_says_where_and_why(wire, reason):
    [item] = Framer().feed(b"\x06" + wire)[1:]
    assert isinstance(item, Broken)
    assert item.ended
    assert (item.fault.code, item.fault.offset) == ("FRAME", 1)
    assert reason in item.fault.reason


def test_lost_end_costs_one_frame():
    broken, frame = Framer().feed(ALIVE[:-1] + ALIVE)
    assert broken == Broken(Fault("FRAME", 0, "a new frame begins before EOT"), ended=False)
    assert frame == parse(ALIVE, 30)


def test_lost_start_costs_one_frame():
    noise, frame = Framer().feed(ALIVE[1:] + ALIVE)
    assert noise == Broken(Fault("FRAME", 0, "30 bytes outside frames"), ended=False)
    assert frame == parse(ALIVE, 30)


def test_endless_frame_is_cut_and_the_next_one_read():
    flood = b"\x01" + b"0" * 2 * MAX_LENGTH
    items = Framer().feed(flood + ALIVE)
    assert "no EOT within" in items[0].fault.reason
    assert items[-1] == parse(ALIVE, len(flood))


def test_babble_is_reported_while_it_lasts():
    assert len(Framer().feed(b"x" * 5000)) == 4


def test_unfinished_bytes_are_reported_at_the_end():
    framer = Framer()
    assert framer.feed(b"xx" + ALIVE[:9])[0].fault.reason == "2 bytes outside frames"
    assert framer.in_frame
    assert framer.finish() == [
        Broken(Fault("FRAME", 2, "the bytes end within a frame"), ended=False)
    ]
    assert framer.finish() == []


@pytest.mark.parametrize(
    ("bed", "text"),
    [("", "x"), ("A" * 16, "x"), ("ICU-7", "x"), ("1", "\x04"), ("1", "x" * 99_980)],
)
def test_what_no_frame_can_carry_is_refused(bed, text):
    with pytest.raises(ValueError, match=r"bed id|information|length field"):
        encode(bed, text)


@given(beds, texts, st.booleans(), st.booleans())
def test_any_information_comes_back(bed, text, last, stuffed):
    wire = encode(bed, text, last=last, stuffed=stuffed)
    for stuffing in ("auto", "on" if stuffed else "off"):
        [frame] = Framer(stuffing).feed(wire)
        assert (frame.bed, frame.information, frame.last) == (bed, text.encode(), last)
        assert frame.raw == wire
        assert frame.stuffed in {None, stuffed}


@given(
    st.lists(st.sampled_from([b"\x01", b"\x04", ACK, NAK, b"E", b"x" * 700, ALIVE]) | st.binary())
)
def test_any_bytes_are_cut_the_same_however_split(chunks):
    data = b"".join(chunks)
    whole, by_byte, by_chunk = Framer(), Framer(), Framer()
    expected = whole.feed(data) + whole.finish()
    assert [i for b in data for i in by_byte.feed(bytes([b]))] + by_byte.finish() == expected
    assert [i for c in chunks for i in by_chunk.feed(c)] + by_chunk.finish() == expected


@given(st.data(), st.booleans())
def test_a_corrupted_byte_costs_at_most_its_frame(data, stuffed):
    frames = [encode("ICU7", f"{i},50100,GNMODEL,x", stuffed=stuffed) for i in range(3)]
    position = data.draw(st.integers(0, len(frames[1]) - 1))
    wrong = data.draw(st.integers(0, 255).filter(lambda b: b != frames[1][position]))
    damaged = frames[1][:position] + bytes([wrong]) + frames[1][position + 1 :]
    items = Framer().feed(frames[0] + damaged + frames[2])
    read = [item.information for item in items if isinstance(item, Frame)]
    assert read == [b"0,50100,GNMODEL,x", b"2,50100,GNMODEL,x"]
    assert any(isinstance(item, Broken) for item in items)
