"""Numerics to rows: identity by number, units, and every bit of validity."""

import philips_golden as golden
import pytest
from hypothesis import given
from hypothesis import strategies as st
from philips_messages import NAN, START, compound, one, result, rows, string, value

from drivers.philips_intellivue.channels import Channels
from drivers.philips_intellivue.driver import DRIVER
from drivers.philips_intellivue.export import Entry
from drivers.philips_intellivue.wire import float_type, number
from monitor_daemon.core.vocabulary import Quality, Reading, Unmapped

GOOD, QUESTIONABLE = Quality.GOOD, Quality.QUESTIONABLE
NO_VALUE, CALIBRATING = Quality.NO_VALUE, Quality.CALIBRATING
NOT_PATIENT = Quality.NOT_PATIENT


def reading(signal, measured, source, **more):
    fixed = {"quality": GOOD, "channel": "4A14", "source": source}
    return Reading(signal, measured, "mmHg", **(fixed | more))


@pytest.mark.parametrize("framing", ["serial", "udp"])
def test_golden_start_of_an_association(framing):
    sent = (golden.ACCEPT, golden.MDS_CREATE, golden.ABP, golden.UNZEROED)
    at, after = "2026-11-21T14:00:00", "2026-11-21T14:00:01.024"
    none = {"quality": NO_VALUE, "device_time": after}
    assert rows(*sent, framing=framing) == [
        reading("art_map", 65.0, "4A17", device_time=at),
        reading("art_sys", 118.0, "4A15", device_time=at),
        reading("art_dia", 42.0, "4A16", device_time=at),
        reading("art_map", None, "4A17", **none),
        reading("art_sys", None, "4A15", **none),
        reading("art_dia", None, "4A16", **none),
    ]


def test_without_an_mds_create_event_there_is_no_device_time_and_no_bed():
    row, *_ = rows(golden.ABP)
    assert (row.value, row.device_time, row.bed) == (65.0, None, None)


@pytest.mark.parametrize(
    ("state", "quality"),
    [
        (0x0000, GOOD),
        (0x8000, NO_VALUE),
        (0x4000, QUESTIONABLE),
        (0x2000, NO_VALUE),
        (0x1000, CALIBRATING),
        (0x0800, NOT_PATIENT),
        (0x0400, NOT_PATIENT),
        (0x0200, NO_VALUE),
        (0x0100, NO_VALUE),
        (0x0080, GOOD),
        (0x0040, QUESTIONABLE),
        (0x0020, GOOD),
        (0x0010, GOOD),
        (0x0008, GOOD),
        (0x0004, GOOD),
        (0x0002, GOOD),
        (0x0001, GOOD),
        # Seen in captures.
        (0x0003, GOOD),
        (0x2400, NOT_PATIENT),
        (0x0401, NOT_PATIENT),
        (0x8001, NO_VALUE),
        (0x8400, NOT_PATIENT),
        # Several at once: the first of the order counts.
        (0x9000, CALIBRATING),
        (0xD400, NOT_PATIENT),
        (0xC000, NO_VALUE),
    ],
)
def test_every_bit_of_the_measurement_state(state, quality):
    row = one(0x4A17, state)
    assert row.quality is quality
    assert row.value == (65.0 if quality in {GOOD, QUESTIONABLE} else None)


@pytest.mark.parametrize(
    "special", [NAN, "00800000", "007FFFFE", "00800002", "00800001", "FE7FFFFF"]
)
def test_a_float_that_is_no_number_is_no_value(special):
    row = one(0x4A17, number=special)
    assert (row.quality, row.value) == (NO_VALUE, None)
    assert one(0x4A17, 0x0400, number=special).quality is NOT_PATIENT


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        ("00000041", 65.0),
        ("0000005F", 95.0),
        ("FF0003B6", 95.0),
        ("FE00010E", 2.7),
        ("FE0000E6", 2.3),
        ("01000041", 650.0),
        ("FFFFFFFB", -0.5),
        (NAN, None),
    ],
)
def test_floats(wire, expected):
    assert number(bytes.fromhex(wire)) == expected


@given(st.integers(-(2**23) + 3, 2**23 - 3), st.integers(0, 6))
def test_a_float_keeps_its_decimals(mantissa, decimals):
    written = mantissa / 10**decimals
    assert number(float_type(written, decimals)) == written


@pytest.mark.parametrize(
    ("code", "signal"),
    [
        (0x4A15, "art_sys"),
        (0x4A16, "art_dia"),
        (0x4A17, "art_map"),
        (0x4A11, "art_sys"),
        (0x4A12, "art_dia"),
        (0x4A13, "art_map"),
        (0x4A05, "nibp_sys"),
        (0x4A06, "nibp_dia"),
        (0x4A07, "nibp_map"),
        (0x4A1D, "pap_sys"),
        (0x4A1E, "pap_dia"),
        (0x4A1F, "pap_map"),
        (0x4A47, "cvp"),
    ],
)
def test_pressures(code, signal):
    row = one(code)
    assert (row.signal, row.value, row.unit, row.source) == (signal, 65.0, "mmHg", f"{code:04X}")


@pytest.mark.parametrize(
    ("code", "unit", "wire", "signal", "expected"),
    [
        (0x4182, 0x0AA0, "00000058", "heart_rate", 88.0),
        (0x480A, 0x0AA0, "00000058", "pulse_rate", 88.0),
        (0xF0E5, 0x0AA0, "00000058", "pulse_rate", 88.0),
        (0x500A, 0x0AE0, "0000000E", "respiration_rate", 14.0),
        (0x4BB8, 0x0220, "FF0003B6", "spo2", 95.0),
        (0x4B04, 0x0C00, "FE00010E", "cardiac_output", 2.7),
        (0x4BDC, 0x0C00, "FE00010E", "cardiac_output", 2.7),
        (0x490C, 0x0B20, "FE0000E6", "cardiac_index", 2.3),
        (0xF047, 0x0B20, "FE0000E6", "cardiac_index", 2.3),
        (0x4B48, 0x17A0, "FF000175", "temperature", 37.3),
        (0x4B60, 0x17A0, "FF000175", "temperature", 37.3),
        (0xE014, 0x17A0, "FF000175", "temperature", 37.3),
        # 99.14 degrees Fahrenheit are 37.3 Celsius; 8.666 kPa are 65 mmHg.
        (0x4B60, 0x1140, "FE0026BA", "temperature", 37.3),
        (0x4A17, 0x0F03, "FD0021DA", "art_map", 65.0),
    ],
)
def test_numerics_and_units(code, unit, wire, signal, expected):
    row = one(code, 0, unit, wire)
    assert row.signal == signal
    assert row.value == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize("code", [0xF0BF, 0xF0C3, 0x4A2B, 0x4A0F, 0x4A03, 0x4A14, 0xEFFF, 0x6858])
def test_other_sites_groups_and_unknown_ids_are_unmapped(code):
    assert one(code) == Unmapped(f"{code:04X}", "65", "mmHg")
    assert one(code, 0x8000, number=NAN) == Unmapped(f"{code:04X}", None, "mmHg")


def test_a_unit_that_cannot_be_converted_is_unmapped():
    assert one(0x4A17, unit=0x0C00) == Unmapped("4A17", "65", "L/min")
    assert one(0x4A17, unit=0x1234) == Unmapped("4A17", "65", "1234")
    assert one(0x4A17, 0x8000, 0x1234, NAN).quality is NO_VALUE


def test_a_site_can_count_its_femoral_line_as_arterial():
    assert one(0xF0BF, codes={0xF0BF: "art_map"}).signal == "art_map"
    [row] = DRIVER.decoder("udp", {"codes": {"f0bf": "art_map"}}).feed(
        result((0, 1, {0x0950: value(0xF0BF)}))
    )
    assert (row.signal, row.source) == ("art_map", "F0BF")


def test_order_within_a_compound_means_nothing():
    numbers = {0x4A05: "00000078", 0x4A06: "00000046", 0x4A07: "00000057"}
    line = {0x4A15: "00000076", 0x4A16: "0000002A", 0x4A17: "00000041"}
    expected = {"nibp_sys": 120, "nibp_dia": 70, "nibp_map": 87}
    expected |= {"art_sys": 118, "art_dia": 42, "art_map": 65}
    for turn in range(3):
        objects = []
        for handle, values in enumerate((numbers, line)):
            items = list(values.items())
            turned = items[turn:] + items[:turn]
            data = compound(*(value(code, number=wire) for code, wire in turned))
            objects.append((0, handle, {0x094B: data}))
        assert {row.signal: row.value for row in rows(result(*objects))} == expected


def channels(*sent):
    return [row.channel for row in rows(*sent)]


def test_the_same_pressure_in_two_contexts_is_told_apart_by_the_channel():
    same = {0x094B: compound(value(0x4A17))}
    objects = (0, 0x8A12, same), (1, 0x8A12, same), (1, 0x8A13, same)
    assert channels(result(*objects)) == ["4A14", "4A14.2", "4A14.3"]
    turned = result(*reversed(objects), ticks=START + 8192)
    assert channels(result(*objects), turned)[3:] == ["4A14.3", "4A14.2", "4A14"]


def test_two_arterial_lines_have_two_channels():
    abp, art = {0x094B: compound(value(0x4A17))}, {0x094B: compound(value(0x4A13))}
    found = rows(result((0, 1, abp), (0, 2, art)))
    assert [(row.signal, row.channel) for row in found] == [
        ("art_map", "4A14"),
        ("art_map", "4A10"),
    ]


def test_a_line_keeps_its_channel_when_context_and_handle_change_with_the_association():
    line = {0x0924: bytes.fromhex("00024A14"), 0x094B: compound(value(0x4A17))}
    again = golden.ACCEPT, golden.MDS_CREATE, result((1, 0x9B20, line))
    assert channels(golden.ABP, *again)[2:] == ["4A14", "4A14"]
    # The acceptance was lost on its way.
    assert channels(golden.ABP, *again[1:])[2:] == ["4A14", "4A14"]


def test_a_line_that_is_given_another_label_keeps_its_channel():
    abp = {0x0924: bytes.fromhex("00024A14"), 0x0950: value(0x4A17)}
    art = {0x0924: bytes.fromhex("00024A10"), 0x0950: value(0x4A13)}
    found = rows(result((0, 1, abp)), result((0, 1, art), ticks=START + 8192))
    assert [(row.source, row.channel) for row in found] == [("4A17", "4A14"), ("4A13", "4A14")]


def test_objects_without_end_fill_no_memory():
    names = Channels()
    for handle in range(5000):
        names.name(Entry(0, handle, {}), 0x4A14)
    assert len(names._names) <= 1000


def test_labels_in_any_language_and_attributes_of_no_interest_are_passed_over():
    found = {
        0x0921: bytes(6),
        0x0924: bytes.fromhex("00024A14"),
        0x0927: string("\ufeff脉搏\0"),
        0x093F: bytes(12),
        0x0950: value(0x4A17),
        0xFFFF: b"",
    }
    [row] = rows(result((0, 1, found)))
    assert (row.signal, row.value) == ("art_map", 65.0)


@pytest.mark.parametrize(
    ("label", "code", "quality"),
    [
        ("00024A14", 0x4A17, GOOD),
        ("00024A10", 0x4A17, QUESTIONABLE),
        ("00024A14", 0x4A47, QUESTIONABLE),
        ("00024182", 0x4A17, GOOD),
    ],
)
def test_a_line_that_was_just_given_another_name_is_questionable(label, code, quality):
    [row] = rows(result((0, 1, {0x0924: bytes.fromhex(label), 0x0950: value(code)})))
    assert row.quality is quality


def test_single_poll_results_have_no_sequence_number():
    [row] = rows(result((0, 1, {0x0950: value(0x4A17)}), single=True))
    assert row.value == 65.0
