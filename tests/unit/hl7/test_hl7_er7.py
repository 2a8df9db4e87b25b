"""The ER7 reader, against HL7 v2.9 chapter 2 and the ways in which senders break it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.hl7.ack import Outcome, acknowledgement, is_acknowledgement
from monitor_daemon.hl7.er7 import Encoding, Er7Message, Unreadable, read

MSH = b"MSH|^~\\&|APP|FAC|||20261121101503||ORU^R01|1|P|2.6"


def message(payload):
    found = read(payload)
    assert isinstance(found, Er7Message)
    return found


def test_fields_are_numbered_as_in_the_standard_also_in_msh():
    found = message(MSH + b"\rPID|1||A^B\r")
    assert [found.msh(number) for number in (1, 2, 3, 9, 10, 12, 18)] == [
        "|", "^~\\&", "APP", "ORU^R01", "1", "2.6", "",
    ]  # fmt: skip
    assert found.segments[1] == ["PID", "1", "", "A^B"]
    assert found.header.field(10) == b"1"
    assert found.header.field(18) == b""


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_any_segment_end_is_read_and_the_last_may_be_missing(end, last):
    found = message(end.join([MSH, b"PID|1", b"OBX|1"]) + (end if last else b""))
    assert [segment[0] for segment in found.segments] == ["MSH", "PID", "OBX"]


def test_mixed_ends_blank_lines_and_a_byte_order_mark():
    found = message(b"\xef\xbb\xbf" + MSH + b"\r\n\r\nPID|1\rOBR|1\n\0OBX|1")
    assert [segment[0] for segment in found.segments] == ["MSH", "PID", "OBR", "OBX"]


@pytest.mark.parametrize("before", [b"\r", b"\r\n \t", b"\0\0", b"\xef\xbb\xbf\r\n"])
def test_blanks_and_line_ends_before_the_header(before):
    assert message(before + MSH + b"\rPID|1\r").segments[1] == ["PID", "1"]


def test_the_empty_string_and_nothing_stay_apart():
    found = message(MSH + b'\rPID|1|""||a^""^\r')
    assert found.segments[1] == ["PID", "1", '""', "", 'a^""^']


def test_a_line_that_starts_no_segment_belongs_to_the_one_before():
    found = message(b"MSH|^~\\&|APP|FAC|||2026112110\n1503||ORU^R01|1|P|2.6\rPID|1||A^\nB\r")
    assert found.msh(7) == "20261121101503"
    assert found.header.field(10) == b"1"
    assert found.segments[1][3] == "A^B"


def test_a_number_broken_in_two_is_no_segment():
    found = message(MSH + b"\rOBX|1|NM|147842||1\n123|/min\r")
    assert found.segments[1:] == [["OBX", "1", "NM", "147842", "", "1123", "/min"]]


def test_segment_names_in_small_letters():
    found = message(MSH + b"\rpid|1||A\robx|1\r")
    assert [segment[0] for segment in found.segments] == ["MSH", "PID", "OBX"]


def test_delimiters_are_those_of_the_message():
    found = message(b"MSH*!~?&*APP!X*F***20261121**ORU!R01*1*P*2.6\rPID*1**A!B?F?C\r")
    encoding = found.encoding
    assert (encoding.field, encoding.component, encoding.escape) == ("*", "!", "?")
    assert [encoding.unescape(part) for part in found.segments[1][3].split("!")] == ["A", "B*C"]


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"\F\\S\\T\\R\\E\\P\ ", "|^&~\\# "),
        (r"a\X0D0A\b", "a\r\nb"),
        (r"a\.br\b\.in+2\c", "a\nbc"),
        (r"\H\bold\N\ ", "bold "),
        (r"\Zxy\ and \M2442\ stay", r"\Zxy\ and \M2442\ stay"),
        ("a single \\ stays", "a single \\ stays"),
    ],
)
def test_escape_sequences_of_chapter_2_7(escaped, text):
    assert Encoding().unescape(escaped) == text


def test_a_truncated_text_is_no_identifier_where_the_message_declares_the_mark():
    # HL7 v2.7: the fifth character of MSH-2 is the truncation mark.
    declared = message(MSH.replace(b"^~\\&", b"^~\\&#")).encoding
    assert (declared.identifier(" ICU-482# "), declared.identifier("ICU-482")) == (None, "ICU-482")
    assert declared.identifier("A\\P\\") == "A#"
    assert Encoding().identifier("ICU-482#") == "ICU-482#"
    assert [Encoding().identifier(text) for text in ("", '""', " ")] == [None] * 3


@given(st.text())
def test_escaping_is_undone_by_unescaping(text):
    assert Encoding().unescape(Encoding().escaped(text)) == text


@given(st.text())
def test_an_escaped_leaf_contains_no_delimiter(text):
    assert not set(Encoding().escaped(text)) & set("|^~&\r\n")


def test_iso_2022_jp_is_decoded_before_splitting_and_reset_at_a_segment_end():
    # The last byte of the second kanji in JIS X 0208 is 0x7c, the field separator.
    kanji = "長期".encode("iso2022_jp")
    assert b"|" in kanji
    head = MSH + b"||||||~ISO IR87||ISO 2022-1994"
    cut = kanji.removesuffix(b"\x1b(B")
    found = message(head + b"\rPID|1||" + kanji + b"|x\rNTE|" + cut + b"\rOBX|1|y\r")
    assert found.segments[1:] == [
        ["PID", "1", "", "長期", "x"],
        ["NTE", "長期"],
        ["OBX", "1", "y"],
    ]


def test_iso_2022_jp_is_recognised_where_msh_18_does_not_declare_it():
    found = message(MSH + b"\rPID|1||" + "長期".encode("iso2022_jp") + b"|x\r")
    assert found.segments[1] == ["PID", "1", "", "長期", "x"]


def test_half_width_katakana_in_iso_2022_jp():
    found = message(MSH + b"||||||~ISO IR87\rPID|1||\x1b(I1\x1b(B\r")
    assert found.segments[1][3] == "ｱ"


def test_half_width_katakana_without_declaration_and_without_kanji():
    # Voiced and semi-voiced marks are 5E and 5F in JIS X 0201: split first, ^ would break the name.
    kana = b"\x1b(I" + bytes(byte & 0x7F for byte in "ﾉﾙｱﾄﾞﾚﾅﾘﾝ".encode("shift_jis")) + b"\x1b(B"
    assert b"^" in kana
    found = message(MSH + b"\rOBX|1|ST|D||" + kana + b"^x|y\r")
    assert found.segments[1] == ["OBX", "1", "ST", "D", "", "ﾉﾙｱﾄﾞﾚﾅﾘﾝ^x", "y"]


def test_a_kanji_in_the_header_moves_no_field_of_the_acknowledgement():
    kanji = "長期".encode("iso2022_jp")
    assert b"|" in kanji
    found = message(MSH.replace(b"|FAC|", b"|" + kanji + b"|") + b"||||||~ISO IR87\rPID|1\r")
    assert (found.msh(4), found.msh(10)) == ("長期", "1")
    assert [found.header.field(number) for number in (4, 10, 12)] == [b"??", b"1", b"2.6"]
    reply = acknowledgement(found.header, Outcome.ACCEPTED, now="20261121", control_id="9")
    assert reply is not None
    assert is_acknowledgement(reply)
    assert b"\rMSA|AA|1\r" in reply


def test_a_text_that_returns_to_jis_x_0201_leaves_the_delimiters_alone():
    # ESC ( J in place of ESC ( B: by the letter, 5C and 7E would be a yen sign and an overline.
    kanji = "国".encode("iso2022_jp").removesuffix(b"\x1b(B") + b"\x1b(J"
    found = message(MSH + b"||||||~ISO IR87\rPID|1||" + kanji + b"~x^a\\T\\b|y\r")
    assert found.segments[1] == ["PID", "1", "", "国~x^a\\T\\b", "y"]
    assert found.encoding.unescape("a\\T\\b") == "a&b"


def test_half_width_katakana_with_the_eighth_bit_beside_kanji():
    # ISO IR14 is JIS X 0201: one byte from A1 to DF is one katakana; B1 is half-width A.
    kanji = "国".encode("iso2022_jp")
    found = message(MSH + b"||||||ISO IR14~ISO IR87\rPID|1||\xb1\xb2^" + kanji + b"|y\r")
    assert found.segments[1] == ["PID", "1", "", "ｱｲ^国", "y"]
    assert not found.damaged


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        (b"", "utf-8"), (b"UNICODE UTF-8", "utf-8"), (b"UTF8", "utf-8"), (b"8859/1", "latin-1"),
        (b"GB 18030-2000", "gb18030"), (b"BIG-5", "big5"), (b"ISO IR14", "shift_jis"),
        (b"8859/13", "iso8859-13"),
    ],
)  # fmt: skip
def test_msh_18_names_the_character_set(declared, codec):
    name = {"latin-1": "Bjørk", "shift_jis": "ｱ", "iso8859-13": "Žagarė"}.get(codec, "功能")
    found = message(MSH + b"||||||" + declared + b"\rPID|1||" + name.encode(codec) + b"\r")
    assert (found.segments[1][3], found.damaged) == (name, False)


def test_text_without_declaration_falls_back_to_the_set_of_the_site():
    payload = MSH + b"\rPID|1||Bj\xf8rk\r"
    assert message(payload).segments[1][3] == "Bjørk"
    assert not message(payload).damaged


@pytest.mark.parametrize("declared", [b"UNICODE UTF-8", b"KLINGON"])
def test_bytes_that_fit_no_declared_set_are_marked(declared):
    found = message(MSH + b"||||||" + declared + b"\rPID|1||Bj\xf8rk\r")
    assert found.damaged
    assert found.segments[1][3] == "Bj\ufffdrk"


def test_plain_ascii_under_an_unknown_name_is_what_it_seems():
    assert not message(MSH + b"||||||KLINGON\rPID|1||Bjork\r").damaged
    assert message(MSH + b"||||||KLINGON\rPID|1||\x1b$)C\x0e1W\x0f\r").damaged


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\r\r",
        b"PID|1\r",
        b"MSH",
        b"MSH|",
        b"MSHX^~\\&|A|B",
        b"MSH|^~\\&",
        b"MSH|AB|C|D",
        b"MSH^^A^B",
        b"\xff",
    ],
)
def test_without_an_msh_there_is_no_message(payload):
    found = read(payload)
    assert isinstance(found, Unreadable)
    assert found.reason


@given(st.binary())
def test_any_bytes_are_a_message_or_a_reason(payload):
    for start in (b"", b"MSH|^~\\&|", MSH + b"||||||"):
        assert isinstance(read(start + payload), Er7Message | Unreadable)
