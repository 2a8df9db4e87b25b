"""Lines and CRCs of two public drivers, the INF record, what is unknown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.alaris_gh.driver import DRIVER
from drivers.alaris_gh.frames import MAX_LINE, Framer, Line, encode, parse
from monitor_daemon.core.vocabulary import (
    Alarm,
    Fault,
    Infusion,
    PumpStatus,
    Quality,
    Row,
    Unmapped,
)

#: Printed with their CRCs in the public drivers; the last two layouts printed, CRCs computed.
LINES = [
    b"!INST_SERIALNO|457D\r",
    b"!COMMS_PROTOCOL|E8DA\r",
    b"!COMMS_RESPONSE_MAX|7E29\r",
    b"!INF|4961\r",
    b"!INST_SERIALNO^8002-51740|050B\r",
    b"!COMMS_PROTOCOL^Asena Rev 2.1.5|661A\r",
    b"!COMMS_RESPONSE_MAX^4000^ms|DFDF\r",
    b"!SYRINGE_STATUS^BD PLASTIPAK^ 50^CONF|1CF8\r",
    b"!INF_RATE_MAX_SYRINGE^1200.00^ml/h|8575\r",
    b"!ALARM^AL_NOALM^ ^ |C73B\r",
    b"!INF^8002-51740^-^SET^0.10^ml/h^^0.000^ml^17.91^mmHg^24+^EVENT^127904|57D6\r",
    b"!INF^8002-51740^-^SET^5.00^ml/h^^12.500^ml^17.91^mmHg^24+^EVENT^127904|E2CE\r",
]
INF = LINES[-1]
FIELDS = INF[1:-6].decode().split("^")
MODE = Unmapped("INF mode", "SET")


def decode(wire):
    decoder = DRIVER.decoder("serial", {})
    return [*decoder.feed(wire), *decoder.finish()]


def inf(**changed):
    """The golden record with other fields; names are those of the public layout."""
    names = ["name", "serial", "alarm", "mode", "rate", "unit", "drug", "volume", "volume_unit"]
    fields = list(FIELDS)
    for name, value in changed.items():
        fields[names.index(name)] = value
    return decode(encode(*fields))


@pytest.mark.parametrize("wire", LINES)
def test_printed_lines_are_written_and_read(wire):
    fields = wire[1:-6].decode().split("^")
    assert encode(*fields) == wire
    assert Framer().feed(wire) == [Line(0, wire, fields[0], tuple(fields[1:]))]


def test_golden_records():
    assert decode(INF) == [
        Infusion(
            channel="8002-51740",
            rate_ml_h=5.0,
            status=PumpStatus.UNKNOWN,
            quality=Quality.GOOD,
            volume_ml=12.5,
        ),
        MODE,
    ]
    [row, _mode] = decode(LINES[-2])
    assert (row.rate_ml_h, row.volume_ml) == (0.1, 0.0)


def test_questions_and_words_about_the_pump_give_no_rows():
    assert decode(b"".join(LINES[:10])) == []


@pytest.mark.parametrize(
    ("field", "source", "value", "unit"),
    [
        ({"rate": "fast"}, "INF rate", "fast", "ml/h"),
        ({"rate": "-1.00"}, "INF rate", "-1.00", "ml/h"),
        ({"rate": "1e3"}, "INF rate", "1e3", "ml/h"),
        ({"unit": "l/h"}, "INF rate", "5.00", "l/h"),
        ({"unit": ""}, "INF rate", "5.00", None),
    ],
)
def test_a_rate_that_cannot_be_read_is_no_value_and_shown(field, source, value, unit):
    row, _mode, unmapped = inf(**field)
    assert (row.rate_ml_h, row.quality) == (None, Quality.NO_VALUE)
    assert unmapped == Unmapped(source, value, unit)


def test_no_rate_is_not_zero():
    row, _mode = inf(rate="")
    assert (row.rate_ml_h, row.quality, row.volume_ml) == (None, Quality.NO_VALUE, 12.5)


def test_a_volume_that_cannot_be_read_is_null_and_shown():
    row, _mode, unmapped = inf(volume_unit="l")
    assert (row.volume_ml, row.quality) == (None, Quality.GOOD)
    assert unmapped == Unmapped("INF volume", "12.500", "l")


def test_a_drug_in_the_field_that_was_always_empty_is_shown_as_it_is():
    assert inf(drug=" Norad ")[0].drug == "Norad"


@pytest.mark.parametrize(
    ("code", "text"),
    [("AL_OCCLU", "occlusion"), ("AL_COMTO", "communication time-out"), ("AL_X", "undocumented")],
)
def test_an_alarm_that_stands(code, text):
    assert inf(alarm=code)[1] == Alarm(code=code, text=f"{text} (pump 8002-51740)", state="active")
    assert decode(encode("ALARM", code, " ", " ")) == [Alarm(code=code, text=text, state="active")]


def test_a_mode_nobody_has_seen_is_shown():
    row, mode = inf(mode="HOLD")
    assert row.status is PumpStatus.UNKNOWN
    assert mode == Unmapped("INF mode", "HOLD")


def test_a_short_record_is_an_error_row():
    [fault] = decode(encode(*FIELDS[:-1]))
    assert fault == Fault("RECORD", 0, "INF with 12 fields: 13 expected")


def test_a_line_nobody_has_documented_is_shown():
    assert decode(encode("INF_VI", "12.5", "ml")) == [Unmapped("INF_VI", "12.5^ml")]


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (LINES[3].replace(b"4961", b"4962"), "CRC 4962, computed 4961"),
        (LINES[7].replace(b"1CF8", b"1cf8"), "bytes that are not"),
        (b"!\r", "2 bytes that are not"),
        (b"!INF\t|4961\r", "bytes that are not"),
    ],
)
def test_broken_line_says_where_and_why(wire, reason):
    noise, fault, good = Framer().feed(b"\r\n" + wire + INF)
    assert noise == Fault("FRAME", 0, "2 bytes outside lines")
    assert (fault.code, fault.offset) == ("FRAME", 2)
    assert reason in fault.reason
    assert good.raw == INF


def test_esc_aborts_a_line():
    fault, line = Framer().feed(INF[:20] + b"\x1b" + INF)
    assert fault == Fault("FRAME", 0, "aborted by ESC")
    assert line == parse(INF, 21)


def test_lost_end_and_lost_start_cost_one_line():
    fault, line = Framer().feed(INF[:-1] + INF)
    assert fault == Fault("FRAME", 0, "a new line begins before CR")
    assert line.raw == INF
    fault, line = Framer().feed(INF[1:] + INF)
    assert fault == Fault("FRAME", 0, f"{len(INF) - 1} bytes outside lines")
    assert line.raw == INF


def test_endless_line_is_cut_and_the_next_one_read():
    items = Framer().feed(b"!" + b"x" * 3 * MAX_LINE + INF)
    assert items[0].reason == f"no CR within {MAX_LINE} bytes"
    assert items[-1].raw == INF


def test_unfinished_bytes_are_reported_at_the_end():
    framer = Framer()
    framer.feed(INF[:9])
    assert framer.finish() == [Fault("FRAME", 0, "the bytes end within a line")]


@pytest.mark.parametrize("text", ["a!", "|", "\r", "\x1b"])
def test_what_no_line_can_carry_is_refused(text):
    with pytest.raises(ValueError, match="remove it"):
        encode("INF", text)


fields = st.lists(st.text("AZaz09.+- :_/", max_size=12), min_size=1, max_size=16)


@given(fields)
def test_any_fields_come_back(texts):
    [line] = Framer().feed(encode(*texts))
    assert (line.name, *line.arguments) == tuple(texts)


@given(fields)
def test_any_fields_give_rows(texts):
    assert all(isinstance(row, Row) for row in decode(encode("INF", *texts)))


@given(
    st.lists(st.sampled_from([b"!", b"\r", b"\x1b", b"x" * 700, b"\xff|0000\r", INF]) | st.binary())
)
def test_any_bytes_are_cut_the_same_however_split(chunks):
    data = b"".join(chunks)
    whole, by_byte, by_chunk = Framer(), Framer(), Framer()
    expected = whole.feed(data) + whole.finish()
    assert [i for b in data for i in by_byte.feed(bytes([b]))] + by_byte.finish() == expected
    assert [i for c in chunks for i in by_chunk.feed(c)] + by_chunk.finish() == expected


@given(st.data())
def test_a_corrupted_byte_costs_at_most_its_line(data):
    lines = [encode("INF", str(n)) for n in range(3)]
    position = data.draw(st.integers(0, len(lines[1]) - 1))
    wrong = data.draw(st.integers(0, 255).filter(lambda b: b != lines[1][position]))
    damaged = lines[1][:position] + bytes([wrong]) + lines[1][position + 1 :]
    items = Framer().feed(lines[0] + damaged + lines[2])
    assert [i.raw for i in items if isinstance(i, Line)] == [lines[0], lines[2]]
    assert any(isinstance(item, Fault) for item in items)
