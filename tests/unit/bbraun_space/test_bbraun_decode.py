"""BCC records to rows: every status path, both address forms, what is unknown."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bbraun_space.decode import BccDecoder
from drivers.bbraun_space.driver import DRIVER
from drivers.bbraun_space.frames import ACK, encode
from monitor_daemon.core.vocabulary import (
    Fault,
    Infusion,
    PumpStatus,
    Quality,
    Unmapped,
)

GOLDEN = {
    "GNMODEL": "688N030006",
    "INRT": "5.00",
    "INSOL": "Norad 4mg/50ml",
    "INDOCAL": "1",
    "INDCON": "80",
    "INDCONU": "32",
    "INDORT": "0.095",
    "INDORTU": "71",
    "INPATW": "70.000",
    "INVI": "12.5",
    "INM3": "1",
    "RUNSTATE": "2",
}


def wire(records, *, stuffed=True):
    return encode("ICU7", "\x1e".join(records), stuffed=stuffed)


def rows(*records, stuffed=True):
    decoder = BccDecoder()
    return [*decoder.feed(wire(records, stuffed=stuffed)), *decoder.finish()]


def pump_rows(parameters, address="50112"):
    return rows(*(f"20,{address},{key},{value}" for key, value in parameters.items()))


def infusion(**parameters):
    found = pump_rows(parameters)
    assert isinstance(found[0], Infusion)
    return found[0]


@pytest.mark.parametrize("stuffed", [True, False])
def test_golden_pump_block(stuffed):
    records = [f"20,50112,{key},{value}" for key, value in GOLDEN.items()]
    assert rows(*records, stuffed=stuffed) == [
        Infusion(
            channel="50112",
            drug="Norad 4mg/50ml",
            rate_ml_h=5.0,
            status=PumpStatus.RUNNING,
            quality=Quality.GOOD,
            concentration=80.0,
            concentration_unit="ug/mL",
            dose=0.095,
            dose_unit="ug/kg/min",
            weight_kg=70.0,
            volume_ml=12.5,
            bed="ICU7",
        )
    ]


def test_decode_prints_the_row_with_every_key():
    [row] = pump_rows({"INRT": "1"})
    keys = msgspec.to_builtins(row).keys()
    assert {"kind", "channel", "dose", "device_time", "patient", "quality"} <= keys


def test_admin_answers_and_acknowledgements_give_no_rows():
    decoder = DRIVER.decoder("serial", {})
    frames = [wire(["12,50100,GNACK,0"]), ACK, wire(["15,50100,V3.30"]), ACK]
    assert [row for frame in frames for row in decoder.feed(frame)] == []


@pytest.mark.parametrize("address", ["50112", "5013O", "501110", "501324"])
def test_both_address_forms_are_the_channel(address):
    [row] = pump_rows(GOLDEN, address)
    assert row.channel == address


@pytest.mark.parametrize("address", ["50110", "50142", "501125", "5011P", "40112", ""])
def test_an_address_outside_the_station_is_an_error_row(address):
    [row] = rows(f"20,{address},INRT,5.00")
    assert isinstance(row, Fault)
    assert (row.code, row.offset) == ("RECORD", 0)


def test_station_records_before_the_first_pump():
    [row] = rows("20,50100,FMNOR,1", "20,50100,FMRT,FMS1NSNS", "20,50112,INRT,5", "20,50112,INM3,1")
    assert (row.channel, row.rate_ml_h) == ("50112", 5.0)


# B. Braun BCC 4.0: RUNSTATE bits 0 stop, 1 run, 2 alarm, 3 KVO; STATUS1 bits 2 standby, 4 prime,
# 7 running, 10 and 11 bolus, 13 KVO.
@pytest.mark.parametrize(
    ("flags", "status", "rate"),
    [
        ({"RUNSTATE": "2"}, PumpStatus.RUNNING, 5.0),
        ({"RUNSTATE": "34"}, PumpStatus.RUNNING, 5.0),
        ({"RUNSTATE": "0"}, PumpStatus.STOPPED, 0.0),
        ({"RUNSTATE": "1"}, PumpStatus.STOPPED, 0.0),
        ({"RUNSTATE": "4"}, PumpStatus.ALARM, 0.0),
        ({"RUNSTATE": "6"}, PumpStatus.RUNNING, 5.0),
        ({"RUNSTATE": "10"}, PumpStatus.KVO, 5.0),
        ({"RUNSTATE": "0", "INM3": "1", "STATUS1": "128"}, PumpStatus.STOPPED, 0.0),
        ({"RUNSTATE": "2", "INM3": "0"}, PumpStatus.RUNNING, 5.0),
        ({"RUNSTATE": "_NV", "INM3": "1"}, PumpStatus.RUNNING, 5.0),
        ({"INM3": "0", "STATUS1": "128"}, PumpStatus.STOPPED, 0.0),
        ({"INM3": "_NA", "STATUS1": "131"}, PumpStatus.RUNNING, 5.0),
        ({"STATUS1": "3"}, PumpStatus.STOPPED, 0.0),
        ({"INM3": "1", "INM2": "1"}, PumpStatus.BOLUS, 5.0),
        ({"STATUS1": str(1 << 7 | 1 << 10)}, PumpStatus.BOLUS, 5.0),
        ({"STATUS1": str(1 << 7 | 1 << 11)}, PumpStatus.BOLUS, 5.0),
        ({"INM3": "1", "INM14": "1"}, PumpStatus.PURGE, 5.0),
        ({"STATUS1": str(1 << 7 | 1 << 4)}, PumpStatus.PURGE, 5.0),
        ({"INM3": "1", "INM10": "1"}, PumpStatus.KVO, 5.0),
        ({"STATUS1": str(1 << 7 | 1 << 13)}, PumpStatus.KVO, 5.0),
        ({"INM3": "0", "INM6": "1"}, PumpStatus.STANDBY, 0.0),
        ({"STATUS1": "5"}, PumpStatus.STANDBY, 0.0),
        ({"INM6": "1"}, PumpStatus.STANDBY, 0.0),
        ({"INM3": "0", "DSSTATUS": "00050"}, PumpStatus.OFF, 0.0),
        ({"DSSTATUS": "00050"}, PumpStatus.OFF, 0.0),
        ({"INM3": "1", "DSSTATUS": "00051"}, PumpStatus.RUNNING, 5.0),
        ({"INM3": "0", "INA3": "1"}, PumpStatus.ALARM, 0.0),
        ({"INM3": "0", "INA12": "1"}, PumpStatus.STOPPED, 0.0),
        ({"INM3": "1", "INA12": "1"}, PumpStatus.RUNNING, 5.0),
        ({"RUNSTATE": "0", "ALARM1": str(1 << 10)}, PumpStatus.ALARM, 0.0),
        ({"RUNSTATE": "0", "ALARM1": "1"}, PumpStatus.STOPPED, 0.0),
        ({"RUNSTATE": "0", "PREALARM": "4"}, PumpStatus.STOPPED, 0.0),
        # Bit 3 of RUNSTATE without bit 1: KVO delivers, and nobody says that it does not.
        ({"RUNSTATE": "8"}, PumpStatus.KVO, 5.0),
        ({"RUNSTATE": "0", "INM3": "1", "INM14": "1"}, PumpStatus.PURGE, 0.0),
        ({}, PumpStatus.UNKNOWN, 5.0),
        ({"DSSTATUS": "00051"}, PumpStatus.UNKNOWN, 5.0),
        # What contradicts itself is neither running nor stopped.
        ({"RUNSTATE": "2", "DSSTATUS": "00050"}, PumpStatus.UNKNOWN, 5.0),
        ({"STATUS1": str(1 << 7 | 1 << 2)}, PumpStatus.UNKNOWN, 5.0),
    ],
)
def test_status_and_delivered_rate(flags, status, rate):
    row = infusion(INRT="5.00", **flags)
    assert (row.status, row.rate_ml_h, row.quality) == (status, rate, Quality.GOOD)


@pytest.mark.parametrize("absent", ["_NV", "_NA", ""])
def test_no_value_is_not_zero(absent):
    row = infusion(**GOLDEN | {"INRT": absent, "INVI": absent, "INPATW": absent})
    assert row.quality is Quality.NO_VALUE
    assert (row.rate_ml_h, row.dose, row.dose_unit) == (None, None, None)
    assert (row.concentration, row.concentration_unit) == (None, None)
    assert (row.volume_ml, row.weight_kg) == (None, None)
    assert row.status is PumpStatus.RUNNING


def test_idle_pump_of_the_printed_example():
    row = infusion(
        INSOL="_NV", INRT="0", INDCONU="23", INDORTU="23", INM3="0", INM4="_NV", DSSTATUS="00050"
    )
    assert row == Infusion(channel="50112", rate_ml_h=0.0, status=PumpStatus.OFF, bed="ICU7")


def test_concentration_zero_is_not_known_although_a_unit_is_filled():
    row = infusion(
        INSOL="Arterenol", INRT="0.30", INDOCAL="0", INDCON="0", INDCONU="32", INDORT="0",
        INDORTU="50", INM3="1",
    )  # fmt: skip
    assert (row.concentration, row.concentration_unit, row.concentration_derived) == (None,) * 3
    assert (row.dose, row.dose_unit, row.rate_ml_h) == (None, None, 0.3)


def test_concentration_of_the_printed_name_is_derived():
    row = infusion(INSOL="Arterenol 4mg/50", INRT="0.30", INDCON="0", INDCONU="32", INM3="1")
    assert (row.concentration, row.concentration_unit) == (0.08, "mg/mL")
    assert row.concentration_derived is True


def test_a_sent_concentration_goes_before_the_name():
    assert infusion(**GOLDEN).concentration_derived is None


def test_long_name_before_short_name():
    assert infusion(INSOL="Arterenol", INSOLSN="Arteren\ue021").drug == "Arterenol"
    assert infusion(INSOL="_NV", INSOLSN="Arteren\ue021").drug == "Arteren"
    assert infusion(INSOL="\ue021").drug is None
    assert infusion(INSOL="_NV", INSOLID="33~4mg/5002").drug == "33~4mg/5002"
    assert infusion(INSOL="Arterenol", INSOLID="33~4mg/5002").drug == "Arterenol"


def test_a_value_may_hold_commas_and_broken_text():
    assert infusion(INSOL="Norad, 4mg, red").drug == "Norad, 4mg, red"
    plain = wire(["20,50112,INSOL,Xxx", "20,50112,INRT,1"], stuffed=False)
    damaged = plain.replace(b"Xxx", b"X\xff\xfe")
    checksum = sum(damaged[: damaged.index(b"\x03") + 1]) % 256
    damaged = damaged[: damaged.index(b"\x03") + 1] + b"%05d\x04" % checksum
    [row] = BccDecoder().feed(damaged)
    assert row.drug == "X\ufffd\ufffd"


def test_delivered_dose_before_configured_dose():
    row = infusion(**GOLDEN | {"DORT": "0.1", "DORTU": "62"})
    assert (row.dose, row.dose_unit) == (0.1, "U/min")
    row = infusion(**GOLDEN | {"DORT": "0", "INDOCAL": "0"})
    assert row.dose == 0.0
    row = infusion(**GOLDEN | {"INDOCAL": "0"})
    assert (row.dose, row.dose_unit) == (None, None)
    assert infusion(**GOLDEN | {"DORT": "_NA", "DORTU": "62"}).dose_unit == "ug/kg/min"


# B. Braun BCC 4.0: INDORT is the dose rate as configured, DORT the one being delivered (3.36).
@pytest.mark.parametrize(
    ("flags", "dose"),
    [
        ({"RUNSTATE": "0"}, None),
        ({"RUNSTATE": "4"}, None),
        ({"RUNSTATE": "0", "DSSTATUS": "00050"}, None),
        ({"RUNSTATE": "0", "INM6": "1"}, None),
        ({"RUNSTATE": "8"}, 0.095),
        ({"RUNSTATE": "_NV", "INM3": "_NV"}, 0.095),
        ({"RUNSTATE": "0", "DORT": "0.000", "DORTU": "71"}, 0.0),
    ],
)
def test_a_configured_dose_is_not_given_while_the_pump_stands(flags, dose):
    row = infusion(**GOLDEN | {"INM3": "0"} | flags)
    assert (row.dose, row.dose_unit) == (dose, None if dose is None else "ug/kg/min")
    assert (row.concentration, row.weight_kg) == (80.0, 70.0)


def test_new_weight_before_old_weight():
    assert infusion(INRT="1", PATW="81.5", INPATW="70.000").weight_kg == 81.5
    assert infusion(INRT="1", PATW="_NV", INPATW="70.000").weight_kg == 70.0


def test_patient_stored_in_the_pump():
    assert infusion(INRT="1", PATID=" 4711 ").patient == "4711"
    assert infusion(INRT="1", PATID="_NV").patient is None


# B. Braun BCC 4.0, unit codes.
@pytest.mark.parametrize(
    ("code", "unit"),
    [
        ("31", "mg/mL"),
        ("32", "ug/mL"),
        ("36", "U/mL"),
        ("47", "mg/min"),
        ("48", "mg/h"),
        ("50", "ug/min"),
        ("51", "ug/h"),
        ("62", "U/min"),
        ("63", "U/h"),
        ("71", "ug/kg/min"),
        ("72", "ug/kg/h"),
        ("121", "mU/min"),
        ("122", "mU/h"),
        ("126", "mU/kg/day"),
        ("155", "mL/kg/h"),
    ],
)
def test_unit_codes(code, unit):
    assert infusion(**GOLDEN | {"INDORTU": code}).dose_unit == unit
    assert infusion(**GOLDEN | {"INDCONU": code}).concentration_unit == unit


@pytest.mark.parametrize("code", ["999", "41", "x", "3.2", "9" * 5000])
def test_unknown_unit_is_not_guessed(code):
    row, unmapped = pump_rows(GOLDEN | {"INDCONU": code})
    assert (row.concentration, row.concentration_unit) == (80.0, None)
    assert unmapped == Unmapped("INDCON", "80", code)


@pytest.mark.parametrize("text", ["abc", "-5", "1e3", "nan", "5,0", "9" * 400])
def test_a_number_that_cannot_be_read_is_unmapped(text):
    row, unmapped = pump_rows(GOLDEN | {"INRT": text})
    assert (row.rate_ml_h, row.quality) == (None, Quality.NO_VALUE)
    assert unmapped == Unmapped("INRT", text)


def test_unknown_parameters_are_skipped():
    assert len(pump_rows(GOLDEN | {"XYZZY": "7", "GNNEW": "688N030006\r"})) == 1


@pytest.mark.parametrize("record", ["x", "20,50112", "20,50112,INRT", "-1,50112,INRT,5"])
def test_what_is_no_record_costs_only_itself(record):
    found = rows("20,50112,INRT,5.00", record, "20,50112,INM3,1")
    assert [type(row) for row in found] == [Infusion, Fault]
    assert found[0].status is PumpStatus.RUNNING


def test_empty_records_say_nothing():
    assert [type(row) for row in rows("", "20,50112,INRT,5.00", "")] == [Infusion]


keys = st.sampled_from([*GOLDEN, "ALARM1", "STATUS1", "DORT", "DORTU", "PATID", "INA3", "GNERR"])
values = st.text(max_size=12) | st.sampled_from(["_NV", "_NA", "0", "2", "4294967295", "4mg/50ml"])
record_texts = st.builds(
    "20,{},{},{}".format, st.sampled_from(["50100", "50112", "x"]), keys, values
)


@given(st.lists(record_texts, max_size=8))
def test_any_records_keep_the_promises_of_a_row(records):
    text = "\x1e".join(records)
    for control in "\x01\x03\x04\x17":
        text = text.replace(control, "")
    for row in BccDecoder().feed(encode("ICU7", text)):
        if isinstance(row, Infusion) and row.quality is not Quality.GOOD:
            assert (row.rate_ml_h, row.dose, row.concentration) == (None, None, None)
        if isinstance(row, Infusion) and row.status in {PumpStatus.OFF, PumpStatus.STANDBY}:
            assert row.rate_ml_h == 0


stream = st.lists(
    st.sampled_from(
        [
            wire([f"20,50112,{key},{value}" for key, value in GOLDEN.items()]),
            wire(["20,50111,INRT,1.00", "20,50111,RUNSTATE,0"], stuffed=False),
            wire(["21,50100,GNERR,39"]),
            ACK,
        ]
    )
    | st.binary(max_size=30),
    max_size=8,
)


@given(stream, st.lists(st.integers(0, 2000), max_size=10))
def test_any_split_gives_the_same_rows(chunks, cuts):
    data = b"".join(chunks)
    whole, split = BccDecoder(), BccDecoder()
    expected = [*whole.feed(data), *whole.finish()]
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    assert [r for piece in pieces for r in split.feed(piece)] + list(split.finish()) == expected


@given(st.binary())
def test_any_bytes_never_raise(data):
    decoder = BccDecoder()
    decoder.feed(data)
    decoder.finish()
