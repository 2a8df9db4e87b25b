"""The parameters of one pump to rows (B. Braun BCC 4.0, parameter list and bit fields)."""

import math
import re
from collections.abc import Mapping
from typing import Final

from drivers.bbraun_space.codes import ALARM_BITS, ALARM_FLAGS, UNITS, WARNING_FLAGS
from drivers.kit.drug_name import concentration
from monitor_daemon.core.vocabulary import Alarm, Infusion, PumpStatus, Quality, Row, Unmapped

#: "No value" and, since BCC 3.36, "temporarily not available": never zero.
ABSENT: Final = frozenset({"", "_NV", "_NA"})
_PRIVATE_USE: Final = re.compile("[\ue000-\uf8ff]")
_NUMBER: Final = re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+")
_UNIT_CODE: Final = re.compile("[0-9]{1,5}")
#: What names the drug (long name, short name, id), and how many characters it may have.
_NAME_LIMITS: Final = {"INSOL": 25, "INSOLSN": 8, "INSOLID": 20}
_PUMP_OFF: Final = 50

_Flags = tuple[tuple[str, int], ...]
#: Parameter and bit that say "the pump runs"; the first that is sent decides. The bit of
#: RUNSTATE comes first because INM3 is also set while purging.
_RUNNING: Final[_Flags] = (("RUNSTATE", 1), ("INM3", 0), ("STATUS1", 7))
#: In this order; any of the flags suffices.
_SPECIAL: Final[tuple[tuple[PumpStatus, _Flags], ...]] = (
    (PumpStatus.STANDBY, (("INM6", 0), ("STATUS1", 2))),
    (PumpStatus.PURGE, (("INM14", 0), ("STATUS1", 4))),
    (PumpStatus.BOLUS, (("INM2", 0), ("STATUS1", 10), ("STATUS1", 11))),
    (PumpStatus.KVO, (("INM10", 0), ("RUNSTATE", 3), ("STATUS1", 13))),
)
_IDLE: Final = frozenset({PumpStatus.OFF, PumpStatus.STANDBY})
_WORDS: Final = ("ALARM1", "ALARM2", "PREALARM")
_NUMERIC: Final = frozenset(
    {"INRT", "INVI", "INDCON", "INDORT", "DORT", "PATW", "INPATW", "INDOCAL"}
    | {"DSSTATUS", "RUNSTATE", "STATUS1", *_WORDS, *ALARM_FLAGS}
    | {"DISPCHG", "INBOVAL", "INBOCNT"}
    | {"INM2", "INM3", "INM6", "INM10", "INM14"}
)
#: Every parameter of which rows are made.
READ: Final = _NUMERIC | _NAME_LIMITS.keys() | {"INDCONU", "INDORTU", "DORTU", "PATID"}


def pump_rows(address: str, bed: str, parameters: Mapping[str, str]) -> list[Row]:
    """An `Infusion`, an `Alarm` for each alarm that stands and each event, then what is `Unmapped`.

    Events are told once: a changed syringe, and boluses since the request before; their phase is
    "tpoint" (IHE PCD-04). `address` is the pump's address as on the wire and becomes the channel,
    `bed` the station's label. Parameters that are not known are skipped; numbers and units that
    cannot be read are null and reported as `Unmapped`.
    """
    pump = _Pump(parameters)
    infusion = _infusion(pump, address, bed)
    alarms = [
        Alarm(code=code, text=f"{text} (pump {address})", state="active", bed=bed)
        for code, text in pump.alarms()
    ]
    events = [
        Alarm(code=code, text=f"{text} (pump {address})", phase="tpoint", bed=bed)
        for code, text in pump.events()
    ]
    return [infusion, *alarms, *events, *pump.unmapped]


def missing_pump(address: str, bed: str) -> Infusion:
    """The row of a pump that the station does not list any more."""
    return Infusion(channel=address, quality=Quality.NO_VALUE, bed=bed)


def empty_slot(address: str, bed: str) -> Infusion:
    """The row of a slot whose pump stands in another one: nothing flows from here."""
    return Infusion(channel=address, rate_ml_h=0.0, status=PumpStatus.OFF, bed=bed)


class _Pump:
    """Typed access to the parameters of one pump; `unmapped` collects what cannot be read."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self.unmapped: list[Unmapped] = []
        self._sent = {
            key: value for key, value in parameters.items() if value.strip() not in ABSENT
        }
        self._numbers: dict[str, float] = {}
        for key in _NUMERIC & self._sent.keys():
            self._read_number(key, self._sent[key].strip())
        self.unmapped.sort(key=lambda row: row.source)

    def _read_number(self, key: str, text: str) -> None:
        value = float(text) if _NUMBER.fullmatch(text) else math.inf
        if math.isfinite(value):
            self._numbers[key] = value
        else:
            self.unmapped.append(Unmapped(source=key, value=text))

    def number(self, *keys: str) -> float | None:
        """The first of the parameters that is sent."""
        return next((self._numbers[key] for key in keys if key in self._numbers), None)

    def positive(self, *keys: str) -> float | None:
        """The same where zero means "not known"."""
        return self.number(*keys) or None

    def text(self, key: str) -> str | None:
        """A text as sent, trimmed; None if there is none."""
        return self._sent.get(key, "").strip() or None

    def quantity(self, key: str) -> tuple[float | None, str | None]:
        """A number and the unit that the code in parameter `key` + "U" names."""
        value, code = self.number(key), self.text(f"{key}U")
        if value is None or code is None:
            return value, None
        unit = UNITS.get(int(code)) if _UNIT_CODE.fullmatch(code) else None
        if unit is None:
            self.unmapped.append(Unmapped(key, self.text(key), code))
        return value, unit

    def flag(self, key: str, bit: int) -> bool | None:
        """A bit of a parameter; None if the parameter is not sent."""
        value = self.number(key)
        return None if value is None else bool(int(value) >> bit & 1)

    def runs(self) -> bool | None:
        """Whether the pump says that it runs; None if it does not say."""
        told = (self.flag(key, bit) for key, bit in _RUNNING)
        return next((flag for flag in told if flag is not None), None)

    def status(self) -> PumpStatus:
        """What the pump says it is doing; unknown if it runs and is off or in standby too."""
        said = self._said()
        return PumpStatus.UNKNOWN if said in _IDLE and self.runs() else said

    def _said(self) -> PumpStatus:
        if self.number("DSSTATUS") == _PUMP_OFF:
            return PumpStatus.OFF
        for status, flags in _SPECIAL:
            if any(self.flag(key, bit) for key, bit in flags):
                return status
        match self.runs():
            case None:
                return PumpStatus.UNKNOWN
            case True:
                return PumpStatus.RUNNING
            case False:
                return PumpStatus.ALARM if self._alarm_stands() else PumpStatus.STOPPED

    def _alarm_stands(self) -> bool:
        warnings = WARNING_FLAGS | {"PREALARM"}
        standing = {code.partition(".")[0] for code, _ in self.alarms()} - warnings
        return bool(standing) or self.flag("RUNSTATE", 2) is True

    def alarms(self) -> list[tuple[str, str]]:
        """Code and text of each alarm and pre-alarm that stands."""
        flags = [(key, text) for key, text in ALARM_FLAGS.items() if self.flag(key, 0)]
        bits = [
            (f"{word}.{bit}", ALARM_BITS[word].get(bit, "undocumented"))
            for word in _WORDS
            for bit in range(1, 32)
            if self.flag(word, bit)
        ]
        return bits + flags

    def events(self) -> list[tuple[str, str]]:
        """Code and text of what happened since the request before (BCC: stored until read)."""
        found = [("DISPCHG.1", "disposable changed")] if self.flag("DISPCHG", 0) else []
        volume = self.positive("INBOVAL")
        if volume:
            count = self.number("INBOCNT") or 1
            found.append((f"INBOCNT.{count:.0f}", f"bolus, {volume:g} mL since the last request"))
        return found

    def concentration(self) -> tuple[float | None, str | None, bool]:
        """Concentration, unit, and whether they come from the drug's name."""
        if self.positive("INDCON"):
            return *self.quantity("INDCON"), False
        key = self.name_key()
        # The raw name: a private-use ellipsis shows where it was cut.
        found = concentration(self._sent[key], _NAME_LIMITS[key]) if key else None
        return (*found, True) if found else (None, None, False)

    def name_key(self) -> str | None:
        """Which parameter names the drug: the long name, else the short one, else the id."""
        return next((key for key in _NAME_LIMITS if self.text(key)), None)


def _infusion(pump: _Pump, address: str, bed: str) -> Infusion:
    status = pump.status()
    rate = pump.number("INRT")
    # Whether INRT keeps the programmed rate while the pump stands is not documented, nor whether
    # the bit for "run" is set during KVO.
    stands = status in _IDLE or (pump.runs() is False and status is not PumpStatus.KVO)
    if stands:
        rate = 0.0
    name = pump.name_key()
    drug = _PRIVATE_USE.sub("", pump.text(name) or "").strip() if name else ""
    patient = pump.text("PATID")
    delivered = pump.number("DORT") is not None
    dose, dose_unit = pump.quantity("DORT" if delivered else "INDORT")
    # INDORT is the dose that was set: without dose mode, or while the pump stands, none is given.
    if not delivered and (stands or pump.flag("INDOCAL", 0) is False):
        dose = dose_unit = None
    strength, strength_unit, derived = pump.concentration()
    known = rate is not None
    return Infusion(
        channel=address,
        drug=drug or None,
        rate_ml_h=rate,
        status=status,
        quality=Quality.GOOD if known else Quality.NO_VALUE,
        concentration=strength if known else None,
        concentration_unit=strength_unit if known else None,
        concentration_derived=True if known and derived else None,
        dose=dose if known else None,
        dose_unit=dose_unit if known else None,
        weight_kg=pump.positive("PATW", "INPATW"),
        volume_ml=pump.number("INVI"),
        bed=bed,
        patient=_PRIVATE_USE.sub("", patient).strip() or None if patient else None,
    )
