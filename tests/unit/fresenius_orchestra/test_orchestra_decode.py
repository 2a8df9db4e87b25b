"""Frames and replies against the vectors of the public driver's algorithm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.fresenius_orchestra.driver import DRIVER
from drivers.fresenius_orchestra.frames import (
    MAX_FRAME,
    Broken,
    Control,
    Frame,
    Framer,
    Nak,
    encode,
    parse,
)
from monitor_daemon.core.vocabulary import Fault, Infusion, PumpStatus, Quality, Row, Unmapped

#: Text and checksum, computed by hand: FF minus the sum of the text (0DC: 30+44+43 = B7, so 48).
GOLDEN = {
    "0DC": b"48",
    "0LE;b": b"A1",
    "0C;b03": b"8C",
    "1DC": b"47",
    "1LF;b": b"9F",
    "1LP": b"32",
    "1LE;dr": b"2C",
    "1C;d0064;r000B4C": b"2C",
    "1DE;r": b"98",
    "1E;r000B50": b"A5",
    "1E": b"89",
    "1I;1E": b"D4",
    "1FC": b"45",
}
ANSWER = b"\x021C;d0064;r000B4C2C\x03"


def decode(*texts):
    decoder = DRIVER.decoder("serial", {})
    wire = b"".join(text if isinstance(text, bytes) else encode(text) for text in texts)
    return [*decoder.feed(wire), *decoder.finish()]


@pytest.mark.parametrize("text", GOLDEN)
def test_golden_frames_are_written_and_read(text):
    wire = b"\x02" + text.encode() + GOLDEN[text] + b"\x03"
    assert encode(text) == wire
    assert Framer().feed(wire) == [Frame(0, wire, text)]


def test_rate_and_volume_of_a_module():
    assert decode(ANSWER) == [
        Infusion(
            channel="1",
            rate_ml_h=10.0,
            status=PumpStatus.UNKNOWN,
            quality=Quality.GOOD,
            volume_ml=2.892,
        )
    ]


def test_volume_sent_by_itself_has_no_rate():
    assert decode("1E;r000B50") == [
        Infusion(channel="1", quality=Quality.NO_VALUE, volume_ml=2.896)
    ]


@pytest.mark.parametrize(
    ("digits", "rate"), [("0", 0.0), ("54", 8.4), ("0012", 1.8), ("00002EE0", 1200.0)]
)
def test_any_number_of_digits(digits, rate):
    assert decode(f"3C;d{digits}")[0].rate_ml_h == rate


def test_a_number_with_every_bit_set_is_no_value_and_shown():
    row, rate = decode("1C;dFFFF;r000B4C")
    assert (row.rate_ml_h, row.quality, row.volume_ml) == (None, Quality.NO_VALUE, 2.892)
    assert rate == Unmapped("1C d", "FFFF")
    row, volume = decode("1C;d0064;rFFFFFF")
    assert (row.rate_ml_h, row.volume_ml) == (10.0, None)
    assert volume == Unmapped("1C r", "FFFFFF")
    [row] = decode("1C;dFF")
    assert row.rate_ml_h == 25.5


def test_single_pump_has_no_address():
    assert decode("C;d0064;r0")[0] == Infusion(channel=None, rate_ml_h=10.0, volume_ml=0.0)


def test_what_opens_a_session_and_lists_modules_gives_no_rows():
    assert decode("0C", "0C;b03", "0C;i2;b03", "1C", b"\x06\x05\x152") == []


def test_unknown_bits_are_kept_raw():
    infusion, alarm, error, mode = decode("1C;d0064;r0;a0400;e00;m1F")
    assert infusion.status is PumpStatus.UNKNOWN
    assert [alarm, error, mode] == [
        Unmapped("1C a", "0400"),
        Unmapped("1C e", "00"),
        Unmapped("1C m", "1F"),
    ]


@pytest.mark.parametrize("text", ["d00G4", "d", "d-1", "d12.5", "NORADRENALINE", "D0064"])
def test_what_is_no_hexadecimal_variable_is_shown_and_no_rate(text):
    assert decode(f"1C;{text}") == [Unmapped("1C text", text)]


def test_adjusted_values_are_no_rate():
    assert decode("1M;d0064") == [Unmapped("1M d", "0064")]


def test_a_rate_of_the_base_is_none():
    assert decode("0C;d0064;a1") == [Unmapped("0C d", "0064"), Unmapped("0C a", "1")]


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("1E", "I 1E of 1: session with the module not open"),
        ("0E", "I 0E of 1: communication with the module impossible"),
        ("7F", "I 7F of 1: undocumented"),
    ],
)
def test_a_refusal_is_an_error_row(code, meaning):
    assert decode(f"1I;{code}") == [Fault("REFUSED", 0, meaning)]


@pytest.mark.parametrize("text", ["1LE;dr", "1", "9C", "1X;d0064", "12C"])
def test_what_is_no_reply_is_an_error_row_and_decoding_goes_on(text):
    fault, row = decode(text, ANSWER)
    assert (fault.code, fault.offset) == ("RECORD", 0)
    assert row.rate_ml_h == 10.0


@pytest.mark.parametrize(
    ("wire", "reason", "ended"),
    [
        (ANSWER.replace(b"2C\x03", b"2D\x03"), "checksum '2D', computed '2C'", True),
        (ANSWER.replace(b"2C\x03", b"2c\x03"), "checksum '2c', computed '2C'", True),
        (b"\x02FF\x03", "4 bytes that are not", True),
        (ANSWER.replace(b";d", b"\xbbd"), "character BB within a frame: 7 data bits", False),
    ],
)
def test_broken_frame_says_where_and_why(wire, reason, ended):
    control, broken, *rest = Framer().feed(b"\x06" + wire + ANSWER)
    assert control is Control.ACK
    assert (broken.fault.code, broken.fault.offset, broken.ended) == ("FRAME", 1, ended)
    assert reason in broken.fault.reason
    assert rest[-1].raw == ANSWER


def test_control_bytes_between_frames():
    items = Framer().feed(b"\x05" + ANSWER + b"\x05\x06\x156\x15" + ANSWER)
    assert items == [
        Control.ENQ,
        parse(ANSWER, 1),
        Control.ENQ,
        Control.ACK,
        Nak(23, "6"),
        Nak(25, ""),
        parse(ANSWER, 26),
    ]


def test_enq_within_a_frame_costs_the_frame_and_is_heard():
    broken, enquiry, noise = Framer().feed(ANSWER[:9] + b"\x05" + ANSWER[9:] + ANSWER)[:3]
    assert "character 05" in broken.fault.reason
    assert enquiry is Control.ENQ
    assert noise.fault.reason.endswith("bytes outside frames")


def test_lost_end_and_lost_start_cost_one_frame():
    broken, frame = Framer().feed(ANSWER[:-1] + ANSWER)
    assert isinstance(broken, Broken)
    assert frame.raw == ANSWER
    broken, frame = Framer().feed(ANSWER[1:] + ANSWER)
    assert broken.fault == Fault("FRAME", 0, f"{len(ANSWER) - 1} bytes outside frames")
    assert frame.raw == ANSWER


def test_endless_frame_is_cut_and_the_next_one_read():
    items = Framer().feed(b"\x02" + b"x" * 3 * MAX_FRAME + ANSWER)
    assert items[0].fault.reason == f"no ETX within {MAX_FRAME} bytes"
    assert items[-1].raw == ANSWER


@pytest.mark.parametrize("rest", [ANSWER[:9], b"\x15"])
def test_unfinished_bytes_are_reported_at_the_end(rest):
    framer = Framer()
    assert framer.feed(rest) == []
    assert framer.finish() == [
        Broken(Fault("FRAME", 0, "the bytes end within a frame"), ended=False)
    ]


@pytest.mark.parametrize("text", ["", "0" + "x" * 81, "a\x03", "~", "é"])
def test_what_no_frame_can_carry_is_refused(text):
    with pytest.raises(ValueError, match="1 to 80 characters"):
        encode(text)


texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7D), min_size=1, max_size=80)


@given(texts)
def test_any_text_comes_back(text):
    wire = encode(text)
    assert Framer().feed(wire) == [Frame(0, wire, text)]


@given(texts | st.text("0123CIEMdra;AF", min_size=1, max_size=30))
def test_any_text_gives_rows(text):
    assert all(isinstance(row, Row) for row in decode(text))


@given(
    st.lists(
        st.sampled_from([b"\x02", b"\x03", b"\x05", b"\x15", b"x" * 700, ANSWER]) | st.binary()
    )
)
def test_any_bytes_are_cut_the_same_however_split(chunks):
    data = b"".join(chunks)
    whole, by_byte, by_chunk = Framer(), Framer(), Framer()
    expected = whole.feed(data) + whole.finish()
    assert [i for b in data for i in by_byte.feed(bytes([b]))] + by_byte.finish() == expected
    assert [i for c in chunks for i in by_chunk.feed(c)] + by_chunk.finish() == expected


@given(st.data())
def test_a_corrupted_byte_costs_at_most_its_frame(data):
    frames = [encode(f"{n}C;d0064") for n in range(1, 4)]
    position = data.draw(st.integers(0, len(frames[1]) - 1))
    wrong = data.draw(st.integers(0, 255).filter(lambda b: b != frames[1][position]))
    damaged = frames[1][:position] + bytes([wrong]) + frames[1][position + 1 :]
    items = Framer().feed(frames[0] + damaged + frames[2])
    assert [i.raw for i in items if isinstance(i, Frame)] == [frames[0], frames[2]]
    assert any(isinstance(item, Broken) for item in items)
