"""The OBR groups of an ORU or OUL message to readings, infusions and unmapped values."""

from collections.abc import Mapping
from typing import Final, Literal

from drivers.hl7.codes import UNKNOWN, Code, CodeTable
from drivers.hl7.pumps import PumpGroup, Value
from drivers.hl7.units import conversion
from drivers.hl7.values import ARRAYS, judged, missing, number, plain_number, worst
from monitor_daemon.core.vocabulary import (
    SIGNAL_UNITS,
    VALUED,
    Fault,
    Quality,
    Reading,
    Row,
    Unmapped,
)
from monitor_daemon.hl7.er7 import Er7Message
from monitor_daemon.hl7.times import to_iso

_WIDTH: Final = 19
_EMPTY: Final = [""] * _WIDTH
_MEMO_LIMIT: Final = 4096

Plan = tuple[Code, tuple[float, float] | None]
#: What an OBX with these fields (2, 3, 4, 6, 8, 11) means when it holds a plain number and no time:
#: signal, unit, quality, unvalidated, channel, source.
Express = tuple[str, str, Quality, Literal[True] | None, str | None, str]


class Tables:
    """The codes of one site with a memory of what OBX-3 and OBX-6 meant together."""

    def __init__(self, site: Mapping[str, str] | None = None) -> None:
        self._codes = CodeTable(site)
        self._memo: dict[tuple[str, str, bool], Plan] = {}
        self.express: dict[tuple[str, ...], Express] = {}

    def plan(self, obx3: str, obx6: str, *, pds: bool) -> Plan:
        """The meaning of a code and how to convert its unit (None: it cannot be converted)."""
        key = (obx3, obx6, pds)
        plan = self._memo.get(key)
        if plan is None:
            code = self._codes.find(obx3, pds=pds)
            plan = code, conversion(code.signal, obx6) if code.signal else None
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            self._memo[key] = plan
        return plan

    def remember(self, obx: list[str], reading: Reading) -> None:
        """Keep what this OBX meant, for the next one that differs only in its number."""
        if reading.value is None:
            return
        if len(self.express) >= _MEMO_LIMIT:
            self.express.clear()
        self.express[obx[2], obx[3], obx[4], obx[6], obx[8], obx[11]] = (
            reading.signal,
            reading.unit,
            reading.quality,
            reading.unvalidated,
            reading.channel,
            reading.source or "",
        )


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
        self._time = ""
        self._times: dict[str, str] = {}
        self._pumps = PumpGroup()
        self._bed: str | None = None
        self._patient: str | None = None
        self._bad_times: set[str] = set()
        self._iso: str | None = None
        self._plain = (
            quality is Quality.GOOD and message.encoding.component == "^" and not self._pds
        )

    def person(self, bed: str | None, patient: str | None) -> None:
        """A PID or PV1 told whom the following groups are about."""
        self._finish_group()
        self._bed, self._patient = bed, patient

    def group(self, obr: list[str]) -> None:
        """An OBR starts a group: its own time, its own containment."""
        self._finish_group()
        self._time = obr[7] if len(obr) > 7 else ""
        self._iso = to_iso(self._time) if self._time else None
        self._pumps.order = obr[4] if len(obr) > 4 else ""

    def finish(self) -> list[Row]:
        """The message ended."""
        self._finish_group()
        self.rows += [
            Fault("HL7_TIME", reason=f"time {text[:26]!r} is no DTM such as 20261121101503+0900")
            for text in sorted(self._bad_times)
        ]
        return self.rows

    def observation(self, obx: list[str]) -> None:
        """One OBX."""
        if self._express(obx):
            return
        fields = len(obx)
        if fields < _WIDTH:
            obx = obx + _EMPTY[fields:]
        value_type, obx3, obx4, text, obx6 = obx[2], obx[3], obx[4], obx[5], obx[6]
        if value_type in ARRAYS:
            return
        encoding = self._encoding
        hat = encoding.component
        code_text, unit_text = obx3, obx6
        if hat != "^":
            code_text, unit_text = obx3.replace(hat, "^"), obx6.replace(hat, "^")
        code, unit = self._tables.plan(code_text, unit_text, pds=self._pds)
        is_missing = missing(text)
        if is_missing and (code.device or (code is UNKNOWN and _is_level(value_type, obx4))):
            self._level(obx, code)
            return
        flags, status = obx[8], obx[11]
        quality = judged(flags, status, encoding.repetition, hat, self._unvalidated)
        if self._quality is not Quality.GOOD:
            quality = worst(self._quality, quality)
        if code.pump and (code.signal is None or self._pumps):
            self._pump(code.pump, obx, quality)
            return
        value = None
        if is_missing:
            quality = worst(Quality.NO_VALUE, quality)
        else:
            value = number(value_type, text, hat)
        if code.signal is None or (not is_missing and (unit is None or value is None)):
            self._unmapped(obx3, text, obx6)
            return
        if value is None or quality not in VALUED:
            value = None
        elif unit is not None and unit != (1.0, 0.0):
            value = round(value * unit[0] + unit[1], 4)
        reading = Reading(
            code.signal,
            value,
            SIGNAL_UNITS[code.signal],
            quality,
            True if value is not None and status == "X" else None,
            self._time_of(obx[14], obx4),
            obx4.rpartition(".")[0] or None,
            self._bed,
            self._patient,
            obx3.strip(),
        )
        self.rows.append(reading)
        if self._plain and not code.pump and unit == (1.0, 0.0) and plain_number(text) is not None:
            self._tables.remember(obx, reading)

    def _express(self, obx: list[str]) -> bool:
        """Whether this OBX differs only in its number from one that was understood before."""
        fields = len(obx)
        if fields < 12 or self._iso is None or not self._plain or self._times:
            return False
        known = self._tables.express.get((obx[2], obx[3], obx[4], obx[6], obx[8], obx[11]))
        value = plain_number(obx[5])
        if known is None or value is None or (fields > 14 and obx[14]):
            return False
        signal, unit, quality, unvalidated, channel, source = known
        self.rows.append(
            Reading(
                signal,
                value,
                unit,
                quality,
                unvalidated,
                self._iso,
                channel,
                self._bed,
                self._patient,
                source,
            )
        )
        return True

    def _unmapped(self, obx3: str, text: str, obx6: str) -> None:
        unescape = self._encoding.unescape
        self.rows.append(
            Unmapped(obx3.strip(), unescape(text.strip()) or None, unescape(obx6.strip()) or None)
        )

    def _level(self, obx: list[str], code: Code) -> None:
        """A device, or a part of one: its time and identity hold for what it contains."""
        place = obx[4].strip()
        if obx[14]:
            while place.endswith(".0"):
                place = place[:-2]
            self._times[place] = obx[14]
        if code.device:
            self._pumps.level(obx[4].strip(), code.device, self._device_id(obx[18]))

    def _device_id(self, obx18: str) -> str | None:
        """The first repetition's identifier, else its universal id (`^^A0002^PUMPCO`)."""
        parts = obx18.split(self._encoding.repetition, 1)[0].split(self._encoding.component)
        return parts[0].strip() or "".join(parts[2:3]).strip() or None

    def _pump(self, name: str, obx: list[str], quality: Quality) -> None:
        encoding = self._encoding
        unit_text = obx[6] if encoding.component == "^" else obx[6].replace(encoding.component, "^")
        parts = [encoding.unescape(part).strip() for part in obx[5].split(encoding.component)]
        self._pumps.put(
            obx[4].strip(),
            name,
            Value(
                text=" ".join(part for part in parts[:2] if part),
                label=(parts[1:2] or [""])[0] or parts[0],
                number=None if missing(obx[5]) else number(obx[2], obx[5], encoding.component),
                unit=unit_text,
                quality=quality,
                time=self._time_of(obx[14], obx[4]),
                source=obx[3].strip(),
            ),
        )

    def _time_of(self, obx14: str, obx4: str) -> str | None:
        """OBX-14, else the time of the nearest device above, else OBR-7; never that of MSH."""
        text = obx14
        if not text and self._times:
            place = obx4.strip()
            while not text and place:
                place = place.rpartition(".")[0]
                text = self._times.get(place, "")
        text = text or self._time
        if not text:
            return None
        time = to_iso(text)
        if time is None and text != '""':
            self._bad_times.add(text)
        return time

    def _finish_group(self) -> None:
        if self._pumps:
            self.rows += self._pumps.rows(self._bed, self._patient)
        self._pumps = PumpGroup()
        if self._times:
            self._times = {}


def _is_level(value_type: str, obx4: str) -> bool:
    """An OBX that names a place in the containment and has nothing to say about it."""
    return not value_type.strip() or obx4.strip().endswith(".0")
