"""Status records to rows: the golden record, every status and alarm, what is unknown."""

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.terumo_ss3.commands import write
from drivers.terumo_ss3.driver import DRIVER
from drivers.terumo_ss3.frames import encode
from drivers.terumo_ss3.record import KNOWN
from monitor_daemon.core.vocabulary import (
    Alarm,
    Fault,
    Infusion,
    PumpStatus,
    Quality,
    Row,
    Unmapped,
)

DEVICE = "000100700000001201000001"
#: Running, nearly empty, 5.00 mL/h, 12.50 mL, VTBI off, 0.10 ug/kg/min, 70.0 kg, 0.08.
GOLDEN = b64decode("AgEAAAAEAxAAAAABAFUABgAB9AAE4u7u7gAACgQCvAAACA==")
#: The same as a whole packet; its CRC was computed from the manual's algorithm.
GOLDEN_WIRE = (
    b'\x02<?xml version="1.0"?><REP><DEVID>000100700000001201000001</DEVID>'
    b"<CMD>AgEAAAAEAxAAAAABAFUABgAB9AAE4u7u7gAACgQCvAAACA==</CMD></REP>0E60\x03"
)


def decode(wire, **options):
    decoder = DRIVER.decoder("tcp", options)
    return [*decoder.feed(wire), *decoder.finish()]


def rows(at=0, value=b"", tail=b"", **options):
    """The rows of the golden record with other bytes at one place."""
    record = GOLDEN[:at] + value + GOLDEN[at + len(value) :] + tail
    return decode(write("REP", DEVICE, record), **options)


def test_golden_status():
    assert len(GOLDEN) == KNOWN
    assert decode(GOLDEN_WIRE) == [
        Infusion(
            channel=DEVICE,
            rate_ml_h=5.0,
            status=PumpStatus.RUNNING,
            quality=Quality.GOOD,
            concentration=0.08,
            dose=0.1,
            dose_unit="ug/kg/min",
            weight_kg=70.0,
            volume_ml=12.5,
        ),
        Alarm(code="ALARM.8", text=f"nearly empty (pump {DEVICE})", state="active"),
    ]


def test_the_unit_of_the_dilution_comes_from_the_site_only():
    assert rows()[0].concentration_unit is None
    assert rows(dilution_unit="mg/mL")[0].concentration_unit == "mg/mL"


# Terumo TE-SS830P manual: upper four bits of the status byte.
@pytest.mark.parametrize(
    ("byte", "status", "rate"),
    [
        (0x00, PumpStatus.STOPPED, 0.0),
        (0x0F, PumpStatus.STOPPED, 0.0),
        (0x10, PumpStatus.RUNNING, 5.0),
        (0x1A, PumpStatus.RUNNING, 5.0),
        (0x20, PumpStatus.STANDBY, 0.0),
        (0x30, PumpStatus.PURGE, 5.0),
        (0x40, PumpStatus.BOLUS, 5.0),
        (0x50, PumpStatus.BOLUS, 5.0),
    ],
)
def test_status_and_rate(byte, status, rate):
    [infusion, _alarm] = rows(7, bytes([byte]))
    assert (infusion.status, infusion.rate_ml_h) == (status, rate)


def test_undocumented_status_is_unknown_and_shown():
    infusion, _alarm, unmapped = rows(7, b"\x60")
    assert (infusion.status, infusion.rate_ml_h) == (PumpStatus.UNKNOWN, 5.0)
    assert unmapped == Unmapped("status", "6")


@pytest.mark.parametrize(
    ("bit", "text"),
    [
        (0, "shutdown notice"), (1, "link interruption"), (2, "completion"), (3, "occlusion"),
        (4, "syringe displaced"), (5, "plunger displaced"), (6, "slider displaced"),
        (7, "syringe barrel"), (8, "nearly empty"), (9, "undocumented"), (13, "power failure"),
        (14, "undocumented"), (15, "AC detector function"), (16, "no flow rate"),
        (18, "no VTBI"), (19, "battery"), (21, "pressure"), (23, "battery replacement or failure"),
    ],
)  # fmt: skip
def test_each_alarm_bit(bit, text):
    [_infusion, alarm] = rows(10, (1 << bit).to_bytes(3))
    assert (alarm.code, alarm.text) == (f"ALARM.{bit}", f"{text} (pump {DEVICE})")


def test_no_alarm_bit_gives_no_alarm():
    assert len(rows(10, bytes(3))) == 1


@pytest.mark.parametrize("absent", [b"\xff\xff\xff", b"\xee\xee\xee"])
def test_no_rate_is_not_zero(absent):
    row = rows(16, absent)[0]
    assert row.quality is Quality.NO_VALUE
    assert (row.rate_ml_h, row.concentration, row.dose, row.dose_unit) == (None,) * 4
    assert (row.volume_ml, row.weight_kg) == (12.5, 70.0)


@pytest.mark.parametrize(
    ("at", "value", "field"),
    [
        (19, b"\xff\xff\xff", "volume_ml"),
        (25, b"\xee\xee\xee", "dose"),
        (29, b"\xff\xff", "weight_kg"),
        (29, b"\0\0", "weight_kg"),
        (31, b"\0\0\0", "concentration"),
    ],
)
def test_a_disabled_field_is_null(at, value, field):
    row = rows(at, value)[0]
    assert getattr(row, field) is None
    assert row.quality is Quality.GOOD


@pytest.mark.parametrize(
    ("code", "unit"), [(b"\x00", "mL/h"), (b"\x04", "ug/kg/min"), (b"\x08", "mg/kg/h")]
)
def test_dose_units(code, unit):
    assert (rows(28, code)[0].dose, rows(28, code)[0].dose_unit) == (0.1, unit)


def test_unknown_dose_unit_is_null_and_shown():
    infusion, _alarm, unmapped = rows(28, b"\x05")
    assert (infusion.dose, infusion.dose_unit) == (0.1, None)
    assert unmapped == Unmapped("dose rate", "0.1", "05")


def test_the_unknown_rest_is_kept_raw():
    assert rows(tail=b"\x13\x00\xab")[-1] == Unmapped("status bytes from 34", "1300ab")


@pytest.mark.parametrize(
    ("result", "meaning"),
    [
        (0x11, "unknown command"),
        (0x12, "cannot be executed now"),
        (0x13, "request too short"),
        (0x14, "request too long"),
        (0x15, "out of range"),
        (0x16, "undocumented"),
    ],
)
def test_a_refusal_is_an_error_row(result, meaning):
    reply = bytes.fromhex("02010000") + bytes([result]) + bytes(3)
    assert decode(write("REP", DEVICE, reply)) == [
        Fault("REFUSED", 0, f"result {result:02X}: {meaning}")
    ]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"", "command none"),
        (b"\x02", "command none"),
        (b"\x02\x02\x00\x00\x00", "command 02 00 00"),
        (GOLDEN[:33], "33 bytes: at least 34"),
    ],
)
def test_a_reply_that_is_no_status_is_an_error_row(reply, reason):
    [fault] = decode(write("REP", DEVICE, reply))
    assert (fault.code, fault.offset) == ("RECORD", 0)
    assert reason in fault.reason


def test_xml_that_cannot_be_read_is_an_error_row_and_decoding_goes_on():
    broken = encode(b'<?xml version="1.0"?><REP></REP>')
    fault, row, _alarm = decode(broken + GOLDEN_WIRE)
    assert (fault.code, fault.offset) == ("RECORD", 0)
    assert isinstance(row, Infusion)


@pytest.mark.parametrize("kind", [b"REP", b"REQ"])
def test_a_status_of_no_pump_is_an_error_row(kind):
    text = b'<?xml version="1.0"?><%b><DEVID></DEVID><CMD>%b</CMD></%b>'
    [fault] = decode(encode(text % (kind, b64encode(GOLDEN), kind)))
    assert (fault.code, fault.reason) == ("RECORD", "no device id: nobody knows whose it is")


def test_requests_and_ids_give_no_rows():
    assert decode(write("REQ", "") + write("REP", DEVICE) + write("REQ", DEVICE, b"\x01")) == []


@given(st.binary(min_size=KNOWN, max_size=90))
def test_any_record_gives_rows(record):
    record = record[:1] + b"\x01\x00\x00\x00" + record[5:]
    infusion, *others = decode(write("REP", DEVICE, record))
    assert infusion.channel == DEVICE
    assert infusion.quality is Quality.GOOD or infusion.rate_ml_h is None
    assert all(isinstance(row, Row) for row in others)


@given(st.binary(max_size=60))
def test_any_command_gives_rows_or_an_error(reply):
    assert all(isinstance(row, Row) for row in decode(write("REP", DEVICE, reply)))
