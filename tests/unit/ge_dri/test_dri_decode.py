"""DRI records to rows. Values are those of the worked record, or written into it by hand."""

from struct import pack

import pytest
from dri_records import basic, empty, framed, pressure, record
from hypothesis import given
from hypothesis import strategies as st

from drivers.ge_dri.driver import DRIVER
from monitor_daemon.core.vocabulary import Fault, Quality, Reading, Unmapped

#: `date -u -d @1763733600`, 0x69207060 seconds since 1970.
TIME = "2025-11-21T14:00:00"
P1, P2, P3 = 20, 34, 48
ART, CVP, PA, ICP, ABP, FEM = 1, 2, 3, 7, 8, 16


def decode(wire, **options):
    decoder = DRIVER.decoder("serial", options)
    return [*decoder.feed(wire), *decoder.finish()]


def values(rows):
    """Signal and value of the readings that have one."""
    return {row.signal: row.value for row in rows if isinstance(row, Reading) and row.value}


def good(signal, value, unit, channel, source):
    return Reading(
        signal, value, unit, Quality.GOOD, device_time=TIME, channel=channel, source=source
    )


def test_worked_record():
    header = bytes.fromhex("3E 01 05 08 00 00 61 70 20 69 00 00 00 00 00 00 00 00 01 00 00 FF")
    plain = header.ljust(40, b"\x00") + basic()
    wire = b"\x7e" + plain + b"\xad\x7e"
    assert len(wire) == 321
    assert decode(wire) == [
        good("art_sys", 118.0, "mmHg", "P1", "ART.sys"),
        good("art_dia", 42.0, "mmHg", "P1", "ART.dia"),
        good("art_map", 65.0, "mmHg", "P1", "ART.mean"),
        good("pulse_rate", 96.0, "1/min", "P1", "ART.hr"),
        good("cvp", 9.0, "mmHg", "P2", "CVP.mean"),
        good("heart_rate", 96.0, "1/min", "ECG", "ECG.hr"),
        Reading(
            "respiration_rate",
            None,
            "1/min",
            Quality.NO_VALUE,
            device_time=TIME,
            channel="ECG",
            source="ECG.rr",
        ),
    ]


@pytest.mark.parametrize("channel", range(8))
@pytest.mark.parametrize("label", [ART, ABP])
def test_an_arterial_line_is_found_by_label_on_every_channel(channel, label):
    at = (20, 34, 48, 62, 244, 258, 82, 96)[channel]
    group = (at, pressure(label, 11000, 5000, 7012))
    none = (P1, bytes(28))
    body = [basic(none, group), empty(1)] if channel < 6 else [basic(none), empty(1, group)]
    readings = [r for r in decode(record(*body)) if r.signal == "art_map"]
    assert [(r.value, r.channel) for r in readings] == [(70.12, f"P{channel + 1}")]


def test_channel_number_means_nothing():
    rows = decode(record(basic((P1, pressure(CVP, 0, 0, 800)), (P2, pressure(ART, 1, 2, 6600)))))
    means = [r for r in rows if isinstance(r, Reading) and r.source.endswith(".mean")]
    assert [(r.signal, r.value, r.channel) for r in means] == [
        ("cvp", 8.0, "P1"),
        ("art_map", 66.0, "P2"),
    ]


def test_values_beside_those_that_a_label_means_are_unmapped():
    venous, pulmonary = pressure(CVP, 1200, 400, 800, 72), pressure(PA, 3000, 1000, 2000, 72)
    rows = decode(record(basic((P1, venous), (P2, pulmonary))))
    assert [r for r in rows if isinstance(r, Unmapped)] == [
        Unmapped("P1 CVP.sys", "12", "mmHg"),
        Unmapped("P1 CVP.dia", "4", "mmHg"),
        Unmapped("P1 CVP.hr", "72", "1/min"),
        Unmapped("P2 PA.hr", "72", "1/min"),
    ]


def test_pulmonary_artery():
    rows = decode(record(basic((P3, pressure(PA, 2800, 1200, 1850)))))
    found = values(rows)
    assert (found["pap_sys"], found["pap_dia"], found["pap_map"]) == (28.0, 12.0, 18.5)


def test_two_arterial_lines_are_two_readings_lowest_channel_first():
    rows = decode(record(basic((P3, pressure(ABP, 12000, 5000, 7300)))))
    assert [(r.channel, r.value) for r in rows if r.signal == "art_map"] == [
        ("P1", 65.0),
        ("P3", 73.0),
    ]


@pytest.mark.parametrize(
    "label", [0, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]
)
def test_other_labels_are_not_arterial(label):
    rows = decode(record(basic((P1, pressure(label, 11800, 4200, 6500, 96)))))
    assert not [row for row in rows if isinstance(row, Reading) and row.signal.startswith("art")]
    unmapped = [(row.value, row.unit) for row in rows if isinstance(row, Unmapped)]
    assert unmapped == [("118", "mmHg"), ("42", "mmHg"), ("65", "mmHg"), ("96", "1/min")]


def test_an_unknown_label_is_named():
    rows = decode(record(basic((P1, pressure(77, -32767, -32767, 6500)))))
    assert [r for r in rows if isinstance(r, Unmapped)] == [
        Unmapped("P1 label 77.mean", "65", "mmHg")
    ]


def test_femoral_line_counts_if_an_option_says_so():
    wire = record(basic((P1, pressure(FEM, 11800, 4200, 6500))))
    assert Unmapped("P1 FEM.mean", "65", "mmHg") in decode(wire)
    [row] = [
        row
        for row in decode(wire, arterial_labels=["ART", "FEM"])
        if isinstance(row, Reading) and row.signal == "art_map"
    ]
    assert row == good("art_map", 65.0, "mmHg", "P1", "FEM.mean")


def test_one_of_two_lines_with_the_same_label_is_named_by_its_channel():
    rows = decode(record(basic((P3, pressure(ART, 12000, 5000, 7300)))), arterial_channels=["P3"])
    arterial = [r for r in rows if isinstance(r, Reading) and r.signal == "art_map"]
    assert arterial == [good("art_map", 73.0, "mmHg", "P3", "ART.mean")]
    assert Unmapped("P1 ART.mean", "65", "mmHg") in rows
    assert values(rows)["cvp"] == 9.0


def art_map(wire):
    [row] = [r for r in decode(wire) if isinstance(r, Reading) and r.signal == "art_map"]
    assert (row.value is None) == (row.quality is not Quality.GOOD)
    return row.quality


@pytest.mark.parametrize(
    ("status", "level", "quality"),
    [
        (0b1011, 8, Quality.GOOD),
        (0b0011, 8, Quality.NO_VALUE),  # not zeroed
        (0b0011, 7, Quality.GOOD),  # bit 3 means nothing yet
        (0b0111, 3, Quality.CALIBRATING),
        (0b0111, 2, Quality.GOOD),  # bit 2 means nothing yet
        (0b1111, 11, Quality.CALIBRATING),
        (0b0111, 11, Quality.CALIBRATING),
        (0b1001, 8, Quality.NO_VALUE),  # not measuring
        (0b1010, 8, Quality.NO_VALUE),  # no module
        (0b1000, 8, Quality.NO_VALUE),
    ],
)
def test_status_of_a_pressure(status, level, quality):
    group = pressure(ART, 11800, 4200, 6500, status=status)
    assert art_map(record(basic((P1, group)), level=level)) is quality


@pytest.mark.parametrize(
    ("value", "quality"),
    [
        (-32767, Quality.NO_VALUE),  # invalid
        (-32766, Quality.NO_VALUE),  # not updated
        (-32765, Quality.NO_VALUE),  # discontinuity
        (-32764, Quality.NO_VALUE),  # under range
        (-32763, Quality.NO_VALUE),  # over range
        (-32762, Quality.CALIBRATING),  # not calibrated
        (-32768, Quality.NO_VALUE),
        (-32001, Quality.NO_VALUE),
        (-32000, Quality.GOOD),
        (0, Quality.GOOD),
    ],
)
def test_special_values(value, quality):
    assert art_map(record(basic((P1, pressure(ART, 11800, 4200, value))))) is quality


@pytest.mark.parametrize("label", [0, ICP, FEM])
def test_a_channel_that_is_not_there_gives_no_row(label):
    absent = pressure(label, 11800, 4200, 6500, status=0)
    assert decode(record(basic((P3, absent)))) == decode(record(basic()))


def group(at, *numbers, status=3, label=0):
    return at, pack(f"<IH{len(numbers)}h", status, label, *numbers)


def test_other_groups_of_the_basic_class():
    rows = decode(
        record(
            basic(
                group(4, 88, 0, 0, 0, 18),
                group(76, 12100, 5800, 7900, 90),
                *(group(at, 3610 + 20 * i) for i, at in enumerate((90, 98, 106, 114))),
                group(122, 9650),
                group(204, 5250, 3705, 0, 1100),
            )
        )
    )
    found = values(rows)
    assert (found["heart_rate"], found["respiration_rate"]) == (88.0, 18.0)
    assert (found["nibp_sys"], found["nibp_dia"], found["nibp_map"]) == (121.0, 58.0, 79.0)
    assert (found["spo2"], found["cardiac_output"]) == (96.5, 5.25)
    assert [(r.channel, r.value) for r in rows if r.signal == "temperature"] == [
        ("T1", 36.1),
        ("T2", 36.3),
        ("T3", 36.5),
        ("T4", 36.7),
        ("CO", 37.05),
    ]


@pytest.mark.parametrize(
    ("label", "stale"),
    [
        ((76, 0x100), {"nibp_sys", "nibp_dia", "nibp_map"}),
        ((204, 0x1), {"cardiac_output"}),
        ((76, 0x1), set()),
        ((204, 0x8), set()),  # continuous
    ],
)
def test_what_the_monitor_calls_older_than_a_minute_is_stale(label, stale):
    at, bits = label
    rows = decode(record(basic(group(at, 7900, 3700, 7900, label=bits))))
    old = [r for r in rows if r.quality is Quality.STALE]
    assert {r.signal for r in old} == stale
    assert all(r.value is None for r in old)


PICCO = group(146, 2900, 5400, 0, 3100, 5800)


def test_cardiac_index_of_a_picco_module():
    rows = decode(record(basic(), empty(3, PICCO), level=11))
    picco = [(r.signal, r.value, r.unit, r.source) for r in rows if r.channel == "PiCCO"]
    assert picco == [
        ("cardiac_index", 3.1, "L/min/m2", "PiCCO.ci"),
        ("cardiac_output", 5.8, "L/min", "PiCCO.co"),
        ("cardiac_index", 2.9, "L/min/m2", "PiCCO.cci"),
        ("cardiac_output", 5.4, "L/min", "PiCCO.cco"),
    ]


def test_below_level_11_there_is_no_picco_group():
    rows = decode(record(basic(), empty(3, PICCO), level=10))
    assert [r for r in rows if r.channel == "PiCCO"] == []


def test_the_class_is_told_by_the_class_word_not_by_the_place():
    rows = decode(record(empty(3, PICCO), empty(2), empty(1), basic(), level=11))
    assert values(rows)["art_map"] == 65.0
    assert values(rows)["cardiac_index"] == 2.9


def test_descriptors_after_the_end_of_the_list_are_garbage():
    garbage = Fault("RECORD", 0, "subrecord at 1285 of 278 data bytes")
    assert decode(record(basic(), end=False)) == [garbage]
    assert garbage not in decode(record(basic()))


@pytest.mark.parametrize(
    "wire",
    [
        record(basic(), kind=2),  # 10 s trend
        record(basic(), kind=3),  # 60 s trend
        record(empty(0)[:114], kind=4),  # auxiliary
        record(basic(), main_type=1),  # waveform
        record(basic(), main_type=4),  # alarms
    ],
)
def test_other_records_give_no_rows(wire):
    assert decode(wire) == []


def test_a_time_of_zero_is_no_time():
    assert {r.device_time for r in decode(record(basic((0, bytes(4)))))} == {None}


def test_a_subrecord_that_is_too_short_is_an_error_row():
    assert decode(b"xx" + record(basic()[:277])) == [
        Fault("FRAME", 0, "2 bytes outside frames"),
        Fault("RECORD", 2, "subrecord of 277 bytes, not 278"),
    ]


@pytest.mark.parametrize("at", [-1, 278, 32767])
def test_a_subrecord_outside_of_the_record_is_an_error_row(at):
    header = pack("<HBBHIBBHh", 318, 5, 8, 0, 0, 0, 0, 0, 0)
    wire = framed(header + pack("<hB", at, 1).ljust(24, b"\xff") + basic())
    assert decode(wire) == [Fault("RECORD", 0, f"subrecord at {at} of 278 data bytes")]


@given(st.binary(min_size=278, max_size=278), st.integers(0, 255))
def test_any_subrecord_gives_rows_with_a_value_only_if_good(data, level):
    for row in decode(record(data, level=level)):
        if isinstance(row, Reading):
            assert (row.value is None) == (row.quality is not Quality.GOOD)


@given(st.binary(max_size=400), st.binary(min_size=40, max_size=40))
def test_any_record_gives_rows_or_errors_and_no_exception(data, header):
    length = (40 + len(data)).to_bytes(2, "little")
    decode(framed(length + header[2:] + data))
    decode(framed(length + header[2:14] + b"\x00\x00" + header[16:] + data))
