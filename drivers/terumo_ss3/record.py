"""The basic operating status of a pump to rows (Terumo TE-SS830P manual, external communication).

Numbers are big-endian: inferred, and confirmed by a complete reply that the manual prints. Alarm
and status bytes are the same in the TE-SS730 manual.
"""

from typing import Final

from monitor_daemon.core.vocabulary import Alarm, Infusion, PumpStatus, Quality, Row, Unmapped

#: Bytes of the reply whose meaning is known, head included. The rest of the record is not.
KNOWN: Final = 34

#: Upper four bits of the status byte.
STATUSES: Final[dict[int, PumpStatus]] = {
    0: PumpStatus.STOPPED,
    1: PumpStatus.RUNNING,
    2: PumpStatus.STANDBY,
    3: PumpStatus.PURGE,
    4: PumpStatus.BOLUS,
    5: PumpStatus.BOLUS,
}
_STANDS: Final = frozenset({PumpStatus.STOPPED, PumpStatus.STANDBY})

#: Bits of the alarm word; what is not here is reserved.
ALARMS: Final[dict[int, str]] = {
    0: "shutdown notice",
    1: "link interruption",
    2: "completion",
    3: "occlusion",
    4: "syringe displaced",
    5: "plunger displaced",
    6: "slider displaced",
    7: "syringe barrel",
    8: "nearly empty",
    13: "power failure",
    15: "AC detector function",
    16: "no flow rate",
    17: "rate and VTBI judgement",
    18: "no VTBI",
    19: "battery",
    20: "start reminder",
    21: "pressure",
    22: "maintenance timer",
    23: "battery replacement or failure",
}

DOSE_UNITS: Final[dict[int, str]] = {0x00: "mL/h", 0x04: "ug/kg/min", 0x08: "mg/kg/h"}

#: "Infinite" and "disabled" are printed for VTBI and weight only, but are no number anywhere.
_NO_VALUE: Final = frozenset({b"\xff\xff", b"\xff\xff\xff", b"\xee\xee", b"\xee\xee\xee"})


def status_rows(device: str, record: bytes, dilution_unit: str | None) -> list[Row]:
    """An `Infusion`, then an `Alarm` for each alarm that stands, then what is `Unmapped`.

    `device` is the pump's id and becomes the channel, `record` the whole reply of at least `KNOWN`
    bytes. `dilution_unit` is the unit that the site has found the dilution to have, None if nobody
    has looked. The rate is the set rate: 0 while the pump says that it stands.
    """
    unmapped: list[Row] = []
    nibble = record[7] >> 4
    status = STATUSES.get(nibble, PumpStatus.UNKNOWN)
    if status is PumpStatus.UNKNOWN:
        unmapped.append(Unmapped("status", f"{nibble:X}"))
    rate = 0.0 if status in _STANDS else _number(record[16:19], 100)
    dose = _number(record[25:28], 100)
    dose_unit = DOSE_UNITS.get(record[28])
    if dose_unit is None:
        shown = None if dose is None else f"{dose:g}"
        unmapped.append(Unmapped("dose rate", shown, f"{record[28]:02X}"))
    dilution = _number(record[31:34], 100) or None
    if len(record) > KNOWN:
        unmapped.append(Unmapped(f"status bytes from {KNOWN}", record[KNOWN:].hex()))
    known = rate is not None
    infusion = Infusion(
        channel=device,
        rate_ml_h=rate,
        status=status,
        quality=Quality.GOOD if known else Quality.NO_VALUE,
        concentration=dilution if known else None,
        concentration_unit=dilution_unit if known and dilution else None,
        dose=dose if known else None,
        dose_unit=dose_unit if known and dose is not None else None,
        weight_kg=_number(record[29:31], 10) or None,
        volume_ml=_number(record[19:22], 100),
    )
    word = int.from_bytes(record[10:13])
    alarms = [
        Alarm(
            code=f"ALARM.{bit}",
            text=f"{ALARMS.get(bit, 'undocumented')} (pump {device})",
            state="active",
        )
        for bit in range(24)
        if word >> bit & 1
    ]
    return [infusion, *alarms, *unmapped]


def _number(field: bytes, scale: int) -> float | None:
    return None if field in _NO_VALUE else int.from_bytes(field) / scale
