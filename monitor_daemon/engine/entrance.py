"""The entrance: what a driver decoded becomes a masked input.

Bed codes of the hospital become the unit's aliases, drug words become entries of the drug file, and
patient identifiers stay behind: they are in the original bytes, and those go sealed to the vault.
Where a patient moves, a keyed token stands for him. Of an alarm its number and words of closed
lists come in. What cannot be resolved is counted under a name that tells nothing.

Of a blinded infusion only status and rate come in (reference 2.5): a pump's label, concentration or
dose could tell what the bag holds.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from monitor_daemon.core.drugs import Drug, DrugTable
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.events import SECOND, Alarmed, Data, Flow, Moved, Sample
from monitor_daemon.core.moment import STUDY
from monitor_daemon.core.vocabulary import (
    Alarm,
    Fault,
    Identity,
    Infusion,
    Quality,
    Reading,
    Row,
    Unmapped,
)

#: An unmapped code is shown by name; more than this many different ones are only counted.
_NAMES: Final = 200
#: Drug words are shown to the coordinator; a label longer than any drug list allows is cut.
_LABEL: Final = 40

#: Numbers of MDC, and short ones behind a word as BCC and Alaris have them. Nothing else that a
#: sender puts in the place of a code comes in: it may be a name.
_ALARM: Final = re.compile(r"\d{1,6}|[A-Z]{1,10}\d?\.?\d{1,2}|AL_[A-Z]{3,8}")
#: 68481 MDC_ATTR_EVENT_PHASE (IHE PCD-04); another word is an update.
_PHASES: Final = frozenset({
    "tpoint", "start", "start_only", "continue", "end", "present", "update", "escalate",
    "deescalate", "inactivate", "acknowledged", "reset", "stop",
})  # fmt: skip
#: 68482 MDC_ATTR_ALARM_STATE, and the states of Philips' alarm lists.
_STATES: Final = frozenset({
    "inactive", "active", "latched", "inhibited", "suspended", "silenced", "test", "standby",
    "demo",
})  # fmt: skip
#: A monitor names the pressure of an alarm by its label, or by the group of its Philips id.
_ARTERIAL: Final = re.compile(r"\b(?:ABP|ART|ARTERIAL|4A1[04])\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Syringe:
    """The label of what a channel always carries, and the concentration that stands in it."""

    label: str
    concentration: float | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class LinkMap:
    """Where the values of one link belong. `bed` serves every value that names no other bed.

    `beds` maps bed codes as the wire sends them, `channels` maps pump channels, to bed aliases.
    `study` are the pump channels that carry a blinded study drug, whatever their labels say.
    `syringes` are what the site says of channels whose pumps name no drug.
    """

    name: str
    zone: tzinfo
    bed: str | None = None
    beds: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    study: Collection[str] = ()
    syringes: Mapping[str, Syringe] = field(default_factory=dict)


@dataclass(slots=True)
class Counts:
    """What a link brought that nobody could place, since the start of the daemon."""

    unmapped: Counter[str] = field(default_factory=Counter)
    unknown_beds: Counter[str] = field(default_factory=Counter)
    unknown_drugs: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def plain(self) -> dict[str, dict[str, int]]:
        """The counts by kind and name."""
        return {kind.name: dict(getattr(self, kind.name)) for kind in fields(self)}


class Entrance:
    """Masks the messages of one link.

    `token` makes a stand-in for a patient's id, and for a bed code nobody mapped.

    Raises ConfigError for study channels without a study drug, and for a syringe of no known drug
    or of a study channel.
    """

    def __init__(self, link: LinkMap, drugs: DrugTable, token: Callable[[str], str]) -> None:
        if link.study and STUDY not in drugs.entries:
            raise ConfigError(
                f"drug file: [drug.{STUDY}] is missing, which links.{link.name}.study_channels"
                " needs; take it from the packaged file",
                code="CONFIG_DRUG",
            )
        for channel, syringe in link.syringes.items():
            at = f"links.{link.name}.drugs.{channel} = {syringe.label!r}"
            if channel in link.study:
                raise ConfigError(
                    f"{at}: the channel is one of study_channels, nobody may say what it holds",
                    code="CONFIG_LINK",
                )
            if drugs.find(syringe.label) is None:
                raise ConfigError(f"{at}: no entry of the drug file", code="CONFIG_DRUG")
        self.link = link
        self.counts = Counts()
        self._drugs = drugs
        self._token = token
        self._known: dict[str | None, str | None] = {}

    def admit(self, rows: Sequence[Row]) -> list[Data | Moved]:
        """One wire message as inputs, one for each bed or move it speaks of; at least one."""
        moves = self._moves([row for row in rows if type(row) is Identity])
        data = self._data(rows)
        if moves and data == [Data(self.link.name, None)]:
            return moves
        return [*moves, *data]

    def _data(self, rows: Sequence[Row]) -> list[Data | Moved]:
        samples: dict[str | None, list[Sample]] = {}
        flows: dict[str | None, list[Flow]] = {}
        told: list[tuple[str | None, Alarm]] = []
        unmapped: list[str] = []
        blinded = False
        pump: str | None = None
        zone = self.link.zone
        for row in rows:
            if type(row) is Reading:
                at = _moment(row.device_time, zone)
                sample = Sample(row.signal, row.value, row.quality, at, row.channel)
                samples.setdefault(self._bed(row.bed), []).append(sample)
            elif isinstance(row, Infusion):
                pump = self._pump_bed(row)
                flow = self._flow(self._named(row))
                blinded = blinded or flow.drug == STUDY
                # A pump under test, or in a demonstration, gives nobody anything.
                if row.quality is not Quality.NOT_PATIENT:
                    flows.setdefault(pump, []).append(flow)
            elif isinstance(row, Alarm):
                # What comes behind a pump's rate is the pump's.
                told.append((pump or self._bed(row.bed), row))
            elif isinstance(row, Unmapped):
                unmapped.append(_code(row.source))
            elif isinstance(row, Fault):
                self.counts.faults[row.code] += 1
        if blinded or (self.link.study and not samples and not flows):
            # What nobody mapped may be the study pump's, and be there for one kind of bag only;
            # so may an alarm, of a dose limit for one. That may come in a message of its own.
            unmapped.clear()
            told = [(bed, alarm) for bed, alarm in told if _is_arterial(alarm)]
        _count(self.counts.unmapped, unmapped)
        alarms: dict[str | None, list[Alarmed]] = {}
        for bed, alarm in told:
            alarms.setdefault(bed, []).extend(self._alarm(alarm))
        alarms.pop(None, None)
        beds = list(dict.fromkeys([*samples, *flows, *alarms])) or [None]
        return [
            Data(
                link=self.link.name,
                bed=bed,
                samples=tuple(samples.get(bed, ())),
                flows=tuple(flows.get(bed, ())),
                unmapped=tuple(sorted(set(unmapped))) if bed is beds[0] else (),
                alarms=tuple(alarms.get(bed, ())),
            )
            for bed in beds
        ]

    def _moves(self, rows: Sequence[Identity]) -> list[Data | Moved]:
        swap = len(rows) == 2 and rows[0].event == "swap"
        return [
            Moved(
                event=row.event,
                bed=self._place(row.bed),
                # In an exchange each came from where the other is now.
                prior_bed=self._place(rows[1 - n].bed if swap else row.prior_bed),
                patient=self._patient(row.patient),
                prior_patient=self._patient(row.prior_patient),
                at=_moment(row.device_time, self.link.zone),
            )
            for n, row in enumerate(rows)
        ]

    def _place(self, code: str | None) -> str | None:
        """The alias of a bed; "" for one that is not ours, as most of a hospital are."""
        return None if code is None else self._listed(code) or ""

    def _patient(self, name: str | None) -> str | None:
        return self._token(name) if name else None

    def _alarm(self, row: Alarm) -> list[Alarmed]:
        code, _, system = [*map(str.strip, (row.code or "").split("^")), "", ""][:3]
        if system not in {"", "MDC"}:
            # A number of a maker's own, which may be that of another term.
            code = ""
        if not _ALARM.fullmatch(code):
            _count(self.counts.unmapped, ["alarm"])
            return []
        phase = row.phase and row.phase.strip().lower()
        words = [word.strip().lower() for word in (row.state or "").split(",")]
        return [
            Alarmed(
                code=code,
                phase=phase if phase is None or phase in _PHASES else "update",
                state=tuple(word for word in words if word in _STATES),
                at=_moment(row.device_time, self.link.zone),
                arterial=_is_arterial(row),
            )
        ]

    def _pump_bed(self, row: Infusion) -> str | None:
        """The alias of the bed where a pump is: of its channel, else as any other value's."""
        bed = self.link.channels.get(row.channel or "") or self._bed(row.bed)
        if bed is None and not row.bed:
            _count(self.counts.unknown_beds, [f"channel {row.channel}"[:_LABEL]])
        return bed

    def _bed(self, code: str | None) -> str | None:
        if code not in self._known:
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[code] = self._find(code)
        bed = self._known[code]
        if bed is None and code:
            _count(self.counts.unknown_beds, [self._token(code)])
        return bed

    def _find(self, code: str | None) -> str | None:
        """The alias of a bed code; every value that names no other bed is of the link's own."""
        listed = self._listed(code) if code else None
        return self.link.bed if listed is None else listed

    def _listed(self, code: str) -> str | None:
        """The alias of a bed code: whole, or its first three components (ward, room, bed)."""
        place = "^".join(code.split("^")[:3]).rstrip("^")
        return self.link.beds.get(code) or self.link.beds.get(place)

    def _named(self, row: Infusion) -> Infusion:
        """The row with the site's label where the pump names no drug; its own words win."""
        syringe = None if row.drug else self.link.syringes.get(row.channel or "")
        if syringe is None:
            return row
        told = row.concentration is not None and row.concentration_unit is not None
        if told or syringe.concentration is None:
            return replace(row, drug=syringe.label)
        return replace(
            row,
            drug=syringe.label,
            concentration=syringe.concentration,
            concentration_unit=syringe.unit,
            concentration_derived=True,
        )

    def _flow(self, row: Infusion) -> Flow:
        entry = self._drugs.find(row.drug) if row.drug else None
        at = _moment(row.device_time, self.link.zone)
        if self._blinded(row.channel, entry):
            return Flow(row.channel or "", row.status.value, row.rate_ml_h, STUDY, at=at)
        if entry is None and row.rate_ml_h:
            _count(self.counts.unknown_drugs, [(row.drug or "no drug name")[:_LABEL]])
        return Flow(
            channel=row.channel or "",
            status=row.status.value,
            rate=row.rate_ml_h,
            drug=entry.key if entry else None,
            concentration=row.concentration,
            unit=row.concentration_unit,
            derived=bool(row.concentration_derived),
            dose=row.dose,
            dose_unit=row.dose_unit,
            weight=row.weight_kg,
            at=at,
            volume=row.volume_ml,
        )

    def _blinded(self, channel: str | None, entry: Drug | None) -> bool:
        return (channel or "") in self.link.study or (entry is not None and entry.group == STUDY)


def _is_arterial(alarm: Alarm) -> bool:
    return _ARTERIAL.search(alarm.text or "") is not None


def _count(counter: Counter[str], names: Sequence[str]) -> None:
    for name in names:
        counter[name if name in counter or len(counter) < _NAMES else "others"] += 1


def _code(source: str) -> str:
    """The code of an unmapped value without the free text that may stand beside it."""
    parts = [*source.split("^"), *[""] * 6]
    code, system = (parts[0], parts[2]) if parts[0] or not parts[3] else (parts[3], parts[5])
    code = code or "(no code)"
    return (f"{code}^{system}" if system else code)[:_LABEL]


@lru_cache(maxsize=4096)
def _moment(text: str | None, zone: tzinfo) -> int | None:
    """ISO 8601 as the wire sent it to ms since 1970; local times are in the link's own zone.

    A date without a time of day is no moment.
    """
    if text is None or len(text) <= 10:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return round(moment.timestamp() * SECOND)
