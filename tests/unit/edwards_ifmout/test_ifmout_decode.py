"""IFMout frames to rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_ifmout_frames import WORKED

from drivers.edwards_ifmout.driver import DRIVER
from drivers.edwards_ifmout.frames import encode
from monitor_daemon.core.vocabulary import Fault, Quality, Reading, Unmapped

#: Characters after each key, by the one public reader.
WIDTHS = {
    **dict.fromkeys("PpSsWwVvHAEeJjUuKkMm", 3),
    **dict.fromkeys("CcTtRrbBDOX", 4),
    **dict.fromkeys("IiaY", 5),
    **dict.fromkeys("FfLl", 2),
    "N": 12,
    "Q": 1,
}
SIGNALS = {
    "P": "art_map",
    "p": "cvp",
    "C": "cardiac_output",
    "T": "cardiac_output",
    "c": "cardiac_index",
    "t": "cardiac_index",
    "R": "svr",
    "H": "heart_rate",
}


def decode(wire, **options):
    decoder = DRIVER.decoder("serial", options)
    return [*decoder.feed(wire), *decoder.finish()]


def test_worked_frame():
    good = Quality.GOOD
    assert decode(WORKED) == [
        Reading("art_map", 65.0, "mmHg", Quality.QUESTIONABLE, channel="device", source="P"),
        Reading("cvp", 8.0, "mmHg", good, source="p"),
        Reading("cardiac_output", 5.2, "L/min", good, channel="continuous", source="C"),
        Reading("cardiac_index", 2.7, "L/min/m2", good, channel="continuous", source="c"),
        Reading("svr", 877.0, "dyn.s/cm5", good, source="R"),
        Unmapped("S", "054"),
        Unmapped("b", "12.0"),
        Reading("heart_rate", 96.0, "1/min", good, source="H"),
    ]


def test_a_width_that_the_site_tells_wins_over_the_public_readers():
    wire = encode("S0541C05.2")
    assert decode(wire, widths={"S": 4}) == [
        Unmapped("S", "0541"),
        Reading("cardiac_output", 5.2, "L/min", Quality.GOOD, channel="continuous", source="C"),
    ]


def test_map_is_judged_only_if_the_site_says_so():
    assert decode(WORKED)[0].quality is Quality.QUESTIONABLE
    assert decode(WORKED, map_quality="good")[0].quality is Quality.GOOD


def test_no_value_is_never_questionable():
    [row] = decode(encode("P---"))
    assert (row.value, row.quality) == (None, Quality.NO_VALUE)


def test_every_known_field_is_as_wide_as_the_table_says():
    assert len(WIDTHS) == 41
    for key, width in WIDTHS.items():
        first, last = decode(encode(key + "-" * width + "H096"))
        assert last.value == 96.0
        if key in SIGNALS:
            assert (first.signal, first.source, first.value) == (SIGNALS[key], key, None)
        else:
            assert first == Unmapped(key, "-" * width)


def test_an_unknown_key_ends_the_frame():
    assert decode(encode("H096Z12P065")) == [
        Reading("heart_rate", 96.0, "1/min", Quality.GOOD, source="H"),
        Unmapped("Z", "12P065"),
    ]


def test_a_stat_value_is_told_apart_from_a_continuous_one():
    rows = decode(encode("C05.2T06.1c02.7t03.1"))
    assert [(row.channel, row.value) for row in rows] == [
        ("continuous", 5.2),
        ("STAT", 6.1),
        ("continuous", 2.7),
        ("STAT", 3.1),
    ]


@pytest.mark.parametrize(
    ("fields", "value"),
    [("p008", 8.0), ("p  8", 8.0), ("p-02", -2.0), ("C12.3", 12.3), ("C 5.2", 5.2), ("H000", 0.0)],
)
def test_numbers(fields, value):
    [row] = decode(encode(fields))
    assert (row.value, row.quality) == (value, Quality.GOOD)


@pytest.mark.parametrize(
    "fields",
    ["p---", "p   ", "p0-8", "p08 ", "p0 8", "p1.2", "pnan", "C----", "C0520", "C5.25", "C 5,2",
     "C1e.5", "p1_0"],
)  # fmt: skip
def test_what_is_no_number_of_its_form_is_no_value(fields):
    [row] = decode(encode(fields))
    assert (row.value, row.quality) == (None, Quality.NO_VALUE)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [("H096C05.", "field C is cut: 3 of 4 characters"), ("H096P", "field P is cut: 0 of 3")],
)
def test_a_cut_field_is_an_error_row(fields, reason):
    reading, fault = decode(b"xxx" + encode(fields))[1:]
    assert reading.value == 96.0
    assert (fault.code, fault.offset) == ("RECORD", 3)
    assert fault.reason.startswith(reason)


WRONG = WORKED[:-1] + b"\xb8"


def test_a_wrong_check_byte_is_trusted_neither_way_unless_it_is_required():
    assert decode(WRONG) == decode(WORKED)
    assert decode(WORKED, check_byte="required") == decode(WORKED)
    assert decode(b"xx" + WRONG, check_byte="required")[1:] == [
        Fault("FRAME", 2, "check byte B8 is not the computed one")
    ]


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=80))
def test_any_fields_give_rows_and_no_exception(fields):
    for row in decode(encode(fields)):
        if isinstance(row, Reading):
            assert (row.value is None) == (row.quality is Quality.NO_VALUE)
