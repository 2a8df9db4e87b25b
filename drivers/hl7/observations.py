"""The OBR groups of an ORU or OUL message to readings, infusions and unmapped values."""

from typing import Final

from drivers.hl7.codes import ELSEWHERE
from drivers.hl7.mdc import UNKNOWN, Code
from drivers.hl7.pumps import PumpGroup, Value
from drivers.hl7.tables import Plan, Tables
from drivers.hl7.units import AS_IT_IS, Conversion
from drivers.hl7.values import (
    ARRAYS,
    bad_times,
    judged,
    missing,
    number,
    plain_number,
    stamp,
    worst,
)
from monitor_daemon.core.vocabulary import (
    SIGNAL_UNITS,
    VALUED,
    Alarm,
    Quality,
    Reading,
    Row,
    Unmapped,
)
from monitor_daemon.hl7.er7 import Er7Message
from monitor_daemon.hl7.times import to_iso

_WIDTH: Final = 21
_EMPTY: Final = [""] * _WIDTH
#: OBX-17 (IHE PCD): somebody or something set this; nobody measured it.
_SETTINGS: Final = frozenset({"ASET", "MSET", "RSET"})
#: A weight and a height are entered, whatever the method says.
_ENTERED: Final = frozenset({"weight", "height"})
#: OBR-25 (HL7 table 0123) as OBX-11, for an OBX that has none: preliminary; no results yet, or
#: cancelled. Every other leaves it open.
_GROUP_STATUS: Final = {"P": "P", **dict.fromkeys("OISX", "S")}


class Observations:
    """Collects the rows of one message. `quality` holds for all of it (MSH-11)."""

    def __init__(
        self, message: Er7Message, tables: Tables, quality: Quality, *, unvalidated: bool
    ) -> None:
        self.rows: list[Row] = []
        self._encoding = message.encoding
        self._tables = tables
        self._quality = quality
        self._unvalidated = unvalidated
        # A Mindray bedside monitor names a kind of message, not a message, in MSH-10.
        self._pds = message.msh(12) == "2.3.1" and message.msh(10).isdecimal()
        self._time = self._collected = ""
        self._times: dict[str, str] = {}
        self._pumps = PumpGroup()
        self._bed: str | None = None
        self._patient: str | None = None
        self._bad_times: set[str] = set()
        self._iso: str | None = None
        self._place: str | None = None
        self._status = ""
        self._usual = (
            quality is Quality.GOOD and message.encoding.component == "^" and not self._pds
        )

    def person(self, bed: str | None, patient: str | None) -> None:
        """A PID or PV1 told whom the following groups are about."""
        self._finish_group()
        self._bed, self._patient = bed, patient

    def group(self, obr: list[str]) -> None:
        """An OBR starts a group: its own time, its own containment."""
        self._finish_group()
        self._time = self._stamp(obr, 7) or self._collected
        self._iso = to_iso(self._time) if self._time else None
        self._pumps.order = obr[4] if len(obr) > 4 else ""
        self._status = _GROUP_STATUS.get(obr[25].strip(), "") if len(obr) > 25 else ""

    def specimen(self, spm: list[str]) -> None:
        """A specimen ahead of its OBR (OUL^R22): SPM-17 says when it was taken."""
        self._finish_group()
        self._collected = self._stamp(spm, 17)

    def participant(self, prt: list[str]) -> bool:
        """Whether PRT-10 names the device of the OBX above, instead of its OBX-18 (HL7 v2.7)."""
        device = self._device_id(prt[10]) if len(prt) > 10 else None
        if self._place is None or device is None:
            return False
        self._pumps.name(self._place, device)
        return True

    def finish(self) -> list[Row]:
        """The message ended."""
        self._finish_group()
        self.rows += bad_times(self._bad_times)
        return self.rows

    def observation(self, obx: list[str]) -> None:
        """One OBX."""
        obx = told(obx)
        self._place = obx[4].strip()
        if obx[2] in ARRAYS:
            return
        encoding = self._encoding
        hat = encoding.component
        code, unit = self.meaning(obx[3], obx[4], obx[6])
        is_missing = missing(obx[5], hat)
        if code.alert:
            self._alert(obx)
            return
        if is_missing and (code.device or (code is UNKNOWN and _is_level(obx[2], obx[4]))):
            self._level(obx, code)
            return
        status = obx[11] if obx[11].strip() else self._status
        quality = judged(obx[8], status, encoding.repetition, hat, self._unvalidated)
        if self._quality is not Quality.GOOD:
            quality = worst(self._quality, quality)
        if code.pump and (code.signal is None or self._pumps):
            self._pump(code.pump, obx, quality)
            return
        value = None if is_missing else number(obx[2], obx[5], hat)
        unusable = unit is None or value is None or self.not_measured(code, obx)
        if code.signal is None or (not is_missing and unusable):
            self._unmapped(obx)
            return
        if is_missing:
            quality = worst(Quality.NO_VALUE, quality)
        self._measured(obx, code.signal, unit or AS_IT_IS, value, quality)

    def meaning(self, obx3: str, obx4: str, obx6: str) -> Plan:
        """What OBX-3 means at this place, and how to convert the unit in OBX-6."""
        hat = self._encoding.component
        if hat != "^":
            obx3, obx6 = obx3.replace(hat, "^"), obx6.replace(hat, "^")
        return self._tables.plan(obx3, obx4, obx6, pds=self._pds)

    def not_measured(self, code: Code, obx: list[str]) -> str:
        """Why `obx` is no measurement of what `code` says; empty if it is one."""
        signal = code.signal or ""
        hat, repetition = self._encoding.component, self._encoding.repetition
        how = {part.strip().upper() for part in obx[17].replace(repetition, hat).split(hat)}
        if how & _SETTINGS and signal not in _ENTERED:
            return "OBX-17 says that it was set and not measured"
        if signal.startswith("art_") and not code.mapped and ELSEWHERE.search(obx[20].upper()):
            return "OBX-20 names a place that counts only where a code of the site says so"
        return ""

    def _measured(
        self, obx: list[str], signal: str, unit: Conversion, value: float | None, quality: Quality
    ) -> None:
        """A signal, with a value in the wire's unit or without one."""
        if quality not in VALUED:
            value = None
        elif value is not None and unit != AS_IT_IS:
            value = round(value * unit[0] + unit[1], 4)
        device = None if "." in obx[4] else self._device_id(obx[18])
        reading = Reading(
            signal,
            value,
            SIGNAL_UNITS[signal],
            quality,
            True if value is not None and obx[11].strip() == "X" else None,
            self._time_of(obx[14], obx[4]),
            obx[4].strip().rpartition(".")[0] or device,
            self._bed,
            self._patient,
            obx[3].strip(),
        )
        self.rows.append(reading)
        # A weight may be a pump's, and a device that stands for a place is looked for each time.
        steady = unit == AS_IT_IS and signal != "weight" and device is None
        if self._usual and not self._status and steady and plain_number(obx[5]) is not None:
            self._tables.remember(obx, reading)

    def express(self, obx: list[str]) -> bool:
        """Take an OBX that differs only in number and time from one that was understood before.

        False if there was none: then it is one for `observation`, which gives the same row.
        """
        fields = len(obx)
        if fields < 12 or not self._usual or self._status:
            return False
        if fields > 17 and (obx[17] or any(obx[20:])):
            return False
        known = self._tables.express.get((obx[2], obx[3], obx[4], obx[6], obx[8], obx[11]))
        value = plain_number(obx[5])
        if known is None or value is None:
            return False
        signal, unit, quality, unvalidated, channel, source = known
        time = self._iso
        if fields > 14:
            if obx[14]:
                time = to_iso(obx[14])
            if channel is None and fields > 18:
                return False
        if self._times and not (fields > 14 and obx[14]):
            time = self._time_of("", obx[4])
        if time is None:
            return False
        self._place = None
        self.rows.append(
            Reading(
                signal,
                value,
                unit,
                quality,
                unvalidated,
                time,
                channel,
                self._bed,
                self._patient,
                source,
            )
        )
        return True

    def _alert(self, obx: list[str]) -> None:
        """A Philips information centre sends alarm texts as observations."""
        unescape = self._encoding.unescape
        self.rows.append(
            Alarm(
                code=obx[3].strip(),
                text=None
                if missing(obx[5], self._encoding.component)
                else unescape(obx[5].strip()),
                device_time=self._time_of(obx[14], obx[4]),
                bed=self._bed,
                patient=self._patient,
            )
        )

    def _unmapped(self, obx: list[str]) -> None:
        text, unit = (self._encoding.unescape(obx[n].strip()) or None for n in (5, 6))
        self.rows.append(Unmapped(obx[3].strip(), text, unit))

    def _level(self, obx: list[str], code: Code) -> None:
        """A device, or a part of one: its time and identity hold for what it contains."""
        place, time = obx[4].strip(), self._stamp(obx, 14)
        if time:
            while place.endswith(".0"):
                place = place[:-2]
            self._times[place] = time
        if code.device:
            self._pumps.level(obx[4].strip(), code.device, self._device_id(obx[18]))

    def _device_id(self, obx18: str) -> str | None:
        """The first repetition's identifier, else its universal id (`^^A0002^PUMPCO`)."""
        parts = obx18.split(self._encoding.repetition, 1)[0].split(self._encoding.component)
        identifier = self._encoding.identifier
        return identifier(parts[0]) or identifier("".join(parts[2:3]))

    def _pump(self, name: str, obx: list[str], quality: Quality) -> None:
        encoding = self._encoding
        hat = encoding.component
        text = "" if missing(obx[5], hat) else obx[5]
        parts = [encoding.unescape(part).strip() for part in text.split(hat)]
        self._pumps.put(
            obx[4].strip(),
            name,
            Value(
                text=" ".join(part for part in parts[:2] if part),
                label=(parts[1:2] or [""])[0] or parts[0],
                number=number(obx[2], text, hat),
                unit=obx[6] if hat == "^" else obx[6].replace(hat, "^"),
                quality=quality,
                time=self._time_of(obx[14], obx[4]),
                source=obx[3].strip(),
            ),
            self._device_id(obx[18]),
        )

    def _stamp(self, segment: list[str], number: int) -> str:
        return stamp(segment[number], self._encoding.component) if number < len(segment) else ""

    def _time_of(self, obx14: str, obx4: str) -> str | None:
        """OBX-14, else the time of the nearest device above, else OBR-7; never that of MSH."""
        text = stamp(obx14, self._encoding.component)
        if not text and self._times:
            place = obx4.strip()
            while not text and place:
                place = place.rpartition(".")[0]
                text = self._times.get(place, "")
        text = text or self._time
        if not text:
            return None
        time = to_iso(text)
        if time is None:
            self._bad_times.add(text)
        return time

    def _finish_group(self) -> None:
        if self._pumps:
            self.rows += self._pumps.rows(self._bed, self._patient)
        self._pumps = PumpGroup()
        self._place = None
        if self._times:
            self._times = {}


def told(obx: list[str]) -> list[str]:
    """`obx` with all fields that are looked at, OBX-2 in capitals; `""` counts as empty.

    HL7 uses `""` to delete what is known. In OBX-5 it is a spelling of "no value" and stays.
    """
    fields = obx + _EMPTY[len(obx) :]
    if '""' in fields:
        fields = ["" if field == '""' else field for field in fields]
        fields[5] = obx[5] if len(obx) > 5 else ""
    fields[2] = fields[2].strip().upper()
    return fields


def _is_level(value_type: str, obx4: str) -> bool:
    """An OBX that names a place in the containment and has nothing to say about it."""
    return not value_type or obx4.strip().endswith(".0")
