"""The entrance: what a driver decoded becomes a masked input.

Bed codes of the hospital become the unit's aliases, drug words become entries of the drug file, and
patient identifiers stay behind: they are in the original bytes, and those go sealed to the vault.
What cannot be resolved is counted under a name that tells nothing.

Of a blinded infusion only status and rate come in (reference 2.5): a pump's label, concentration or
dose could tell what the bag holds.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Final

from monitor_daemon.core.drugs import Drug, DrugTable
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.events import SECOND, Data, Flow, Sample
from monitor_daemon.core.moment import STUDY
from monitor_daemon.core.vocabulary import Fault, Infusion, Reading, Row, Unmapped

#: An unmapped code is shown by name; more than this many different ones are only counted.
_NAMES: Final = 200
#: Drug words are shown to the coordinator; a label longer than any drug list allows is cut.
_LABEL: Final = 40


@dataclass(frozen=True, slots=True)
class LinkMap:
    """Where the values of one link belong. `bed` serves every value that names no other bed.

    `beds` maps bed codes as the wire sends them, `channels` maps pump channels, to bed aliases.
    `study` are the pump channels that carry a blinded study drug, whatever their labels say.
    """

    name: str
    zone: tzinfo
    bed: str | None = None
    beds: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    study: Collection[str] = ()


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
    """Masks the messages of one link. `token` makes a stand-in for a bed code nobody mapped.

    Raises ConfigError for study channels without a study drug.
    """

    def __init__(self, link: LinkMap, drugs: DrugTable, token: Callable[[str], str]) -> None:
        if link.study and STUDY not in drugs.entries:
            raise ConfigError(
                f"drug file: [drug.{STUDY}] is missing, which links.{link.name}.study_channels"
                " needs; take it from the packaged file",
                code="CONFIG_DRUG",
            )
        self.link = link
        self.counts = Counts()
        self._drugs = drugs
        self._token = token
        self._known: dict[str | None, str | None] = {}

    def admit(self, rows: Sequence[Row]) -> list[Data]:
        """One wire message as inputs, one for each bed it speaks of; at least one."""
        samples: dict[str | None, list[Sample]] = {}
        flows: dict[str | None, list[Flow]] = {}
        unmapped: list[str] = []
        blinded = False
        zone = self.link.zone
        for row in rows:
            if type(row) is Reading:
                at = _moment(row.device_time, zone)
                sample = Sample(row.signal, row.value, row.quality, at, row.channel)
                samples.setdefault(self._bed(row.bed), []).append(sample)
            elif isinstance(row, Infusion):
                bed = self.link.channels.get(row.channel or "") or self._bed(row.bed)
                flow = self._flow(row)
                blinded = blinded or flow.drug == STUDY
                flows.setdefault(bed, []).append(flow)
            elif isinstance(row, Unmapped):
                unmapped.append(_code(row.source))
            elif isinstance(row, Fault):
                self.counts.faults[row.code] += 1
        if blinded:
            # What nobody mapped may be the study pump's, and be there for one kind of bag only.
            unmapped.clear()
        _count(self.counts.unmapped, unmapped)
        beds = list(dict.fromkeys([*samples, *flows])) or [None]
        return [
            Data(
                link=self.link.name,
                bed=bed,
                samples=tuple(samples.get(bed, ())),
                flows=tuple(flows.get(bed, ())),
                unmapped=tuple(sorted(set(unmapped))) if bed is beds[0] else (),
            )
            for bed in beds
        ]

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
        """The alias of a bed code: whole, or its first three components (ward, room, bed)."""
        if code:
            place = "^".join(code.split("^")[:3]).rstrip("^")
            for candidate in (code, place):
                if candidate in self.link.beds:
                    return self.link.beds[candidate]
        return self.link.bed

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
        return channel in self.link.study or (entry is not None and entry.group == STUDY)


def _count(counter: Counter[str], names: Sequence[str]) -> None:
    for name in names:
        counter[name if name in counter or len(counter) < _NAMES else "others"] += 1


def _code(source: str) -> str:
    """The code of an unmapped value without the free text that may stand beside it."""
    parts = source.split("^")
    system = parts[2] if len(parts) > 2 else ""
    return f"{parts[0]}^{system}"[:_LABEL] if system else parts[0][:_LABEL]


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
