"""The monitors and the pumps of a scenario: what they would send, and when.

Everything is made as it is asked for, in order of time, so that a rehearsal of four weeks holds no
list of their samples. Times are ms from scenario zero.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import groupby, pairwise
from math import ceil
from typing import Final, NamedTuple

import msgspec

from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.events import MINUTE, SECOND, Data, Flow, Sample
from monitor_daemon.core.moment import NOREPINEPHRINE, STUDY
from monitor_daemon.core.vocabulary import Quality
from monitor_daemon.rehearsal.entries import Association
from monitor_daemon.rehearsal.parts import ScenarioError
from monitor_daemon.rehearsal.scenario import Scenario
from monitor_daemon.rehearsal.signals import PumpEvent, Segment

MONITOR: Final = "monitor"
PUMPS: Final = "pumps"

#: Time between two samples in ms.
PERIODS: Final[Mapping[str, int]] = {"1/min": MINUTE, "1/s": SECOND}

#: Drug (by the drug file) and unit of a pump list, where they do not have to be written.
_USUAL: Final[Mapping[str, tuple[str | None, str]]] = {
    "ne": ("norepinephrine", "ug/mL"),
    "vp": ("vasopressin", "U/mL"),
    "inotrope": ("dobutamine", "ug/mL"),
    "sd": (None, "U/mL"),
    "other": (None, "ug/mL"),
}
#: Lists whose drug is told by their name.
_FIXED: Final = frozenset({"ne", "vp"})

_FLAGS: Final[Mapping[str, Quality]] = {
    "zeroing": Quality.CALIBRATING,
    "lead_off": Quality.NO_VALUE,
    "static": Quality.ARTIFACT,
}


class Message(NamedTuple):
    """What a device says at `at`; `news` if it is more than a heartbeat."""

    at: int
    data: Data
    news: bool


def ms(minutes: float) -> int:
    """Minutes as whole ms."""
    return round(minutes * MINUTE)


def messages(scenario: Scenario, drugs: DrugTable) -> Iterator[Message]:
    """Everything the devices say, in order of time. Raises ScenarioError at once, not later."""
    return merge(pressures(scenario), infusions(scenario, drugs), key=lambda message: message.at)


def pressures(scenario: Scenario) -> Iterator[Message]:
    """One message a sample; where segments of a bed overlap, the later one in the file counts."""
    by_bed: defaultdict[str, list[Segment]] = defaultdict(list)
    for segment in scenario.map:
        by_bed[segment.bed or scenario.first_bed].append(segment)
    period = PERIODS[scenario.map_rate]
    series = [_series(bed, segments, period) for bed, segments in by_bed.items()]
    return merge(*series, key=lambda message: message.at)


def _series(bed: str, segments: Sequence[Segment], period: int) -> Iterator[Message]:
    edges = {ms(edge) for segment in segments for edge in (segment.from_, segment.to)}
    for begin, end in pairwise(sorted(edges)):
        covering = [s for s in segments if ms(s.from_) <= begin and end <= ms(s.to)]
        if not covering or covering[-1].none:
            continue
        segment = covering[-1]
        origin, length = ms(segment.from_), ms(segment.to) - ms(segment.from_)
        first = ceil(origin / period) * period
        for at in range(ceil(begin / period) * period, end, period):
            samples = _samples(segment, (at - first) // period, (at - origin) / length)
            yield Message(at, Data(MONITOR, bed, samples=samples), news=True)


def _samples(segment: Segment, index: int, share: float) -> tuple[Sample, ...]:
    """The triplet of sample number `index`, when `share` of the segment is over."""
    if segment.flag is not None:
        return (Sample("art_map", None, _FLAGS[segment.flag]),)
    mean = segment.value
    if segment.pattern is not None:
        mean = segment.pattern[index % len(segment.pattern)]
    elif segment.ramp is not None:
        first, last = segment.ramp
        mean = first + (last - first) * share
    triplet = (("art_map", mean), ("art_sys", segment.sys), ("art_dia", segment.dia))
    return tuple(
        Sample(name, float(value), Quality.GOOD) for name, value in triplet if value is not None
    )


def infusions(scenario: Scenario, drugs: DrugTable) -> Iterator[Message]:
    """A message at every pump event and every whole minute after it, unless the pump is silent.

    The pumps are the patient's and go with him. Raises ScenarioError for events that contradict
    each other.
    """
    programmes = _programmes(scenario, drugs)
    for programme in programmes.values():
        _stand(programme, scenario)
    silences = _silences(scenario, programmes)
    end = ms(scenario.end)
    reports = merge(
        *(_reports(programme, end, silences[ch]) for ch, programme in programmes.items()),
        key=lambda report: report[0],
    )
    return _together(reports, _stays(scenario.first_bed, scenario.associate))


def channels(scenario: Scenario) -> list[str]:
    """The pump channels of a scenario."""
    events = ((key, event) for key in _USUAL for event in getattr(scenario, key))
    return list(dict.fromkeys(event.ch or key for key, event in events))


def _together(
    reports: Iterable[tuple[int, Flow, bool]], stays: Sequence[tuple[int, str]]
) -> Iterator[Message]:
    """The reports of one instant in one message, from the patient's bed."""
    for at, group in groupby(reports, key=lambda report: report[0]):
        said = list(group)
        bed = next(bed for since, bed in reversed(stays) if since <= at)
        flows = tuple(flow for _, flow, _ in said)
        yield Message(at, Data(PUMPS, bed, flows=flows), news=any(news for _, _, news in said))


def _stays(first: str, moves: Iterable[Association]) -> list[tuple[int, str]]:
    """From which bed the patient's pumps speak since when: where the daemon has him."""
    moved = [(ms(move.t), move.bed) for move in moves if move.bed is not None]
    return [(ms(-1_000_000), first), *sorted(moved)]


def _reports(
    programme: Mapping[int, Flow], end: int, silent: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, Flow, bool]]:
    """What one channel says, and whether it is news."""
    changes = sorted(programme)
    heard = True
    for at, until in zip(changes, [*changes[1:], end + 1], strict=True):
        for when in (at, *range((at // MINUTE + 1) * MINUTE, until, MINUTE)):
            if any(begin <= when < stop for begin, stop in silent):
                heard = False
            else:
                yield when, programme[at], when == at or not heard
                heard = True


def _stand(programme: dict[int, Flow], scenario: Scenario) -> None:
    """A channel stands for a minute before its first event, so that its start is seen.

    Not where the scenario itself begins with a pump that runs: nobody saw that start, nor one for
    which the pump was silent.
    """
    first = min(programme)
    if first != ms(scenario.start) or scenario.start >= (scenario.randomised or 0.0):
        standing = msgspec.structs.replace(programme[first], status="stopped", rate=0.0)
        programme[first - MINUTE] = standing


def _programmes(scenario: Scenario, drugs: DrugTable) -> dict[str, dict[int, Flow]]:
    """What each channel is set to from each instant on."""
    programmes: defaultdict[str, dict[int, Flow]] = defaultdict(dict)
    for key in _USUAL:
        events: list[PumpEvent] = getattr(scenario, key)
        strength: dict[str, PumpEvent] = {}
        drug: dict[str, str] = {}
        for event in sorted(events, key=lambda event: event.t):
            channel, at = event.ch or key, ms(event.t)
            if event.conc is not None:
                strength[channel] = event
            if event.drug is not None:
                drug[channel] = event.drug
            if at in programmes[channel]:
                raise ScenarioError([f"{key}: channel {channel} has two events at {event.t:g}"])
            told = event.model_copy(update={"drug": drug.get(channel)})
            programmes[channel][at] = _flow(key, channel, told, strength.get(channel), drugs)
    return programmes


def _flow(
    key: str, channel: str, event: PumpEvent, strength: PumpEvent | None, drugs: DrugTable
) -> Flow:
    """One report of a pump; `strength` is the event that last told the concentration."""
    usual, unit = _USUAL[key]
    words = event.drug or usual
    entry = None if words is None else drugs.find(words)
    if key == "sd":
        entry = drugs.entries[STUDY]
    if key in _FIXED and entry is not None and entry.drug != usual:
        raise ScenarioError(
            [f"{key}: drug {words!r} at {event.t:g} is {entry.drug}: move it to other"]
        )
    if entry is not None and entry.drug == NOREPINEPHRINE:
        # Its concentration counts base here, whatever salt the words name.
        entry = drugs.find(NOREPINEPHRINE)
    if entry is not None and entry.group == "vasopressin":
        unit = "U/mL"
    if strength is not None and strength.unit is not None:
        if key in _FIXED and strength.unit.endswith("U/mL") != unit.endswith("U/mL"):
            raise ScenarioError(
                [f"{key}: unit {strength.unit!r} at {strength.t:g}: {usual} is in {unit}"]
            )
        unit = strength.unit
    return Flow(
        channel=channel,
        status="running" if event.rate else "stopped",
        rate=event.rate,
        drug=None if entry is None else entry.key,
        concentration=None if strength is None else strength.conc,
        unit=None if strength is None else unit,
        dose=event.dose,
        dose_unit=event.dose_unit,
        weight=event.weight_kg,
    )


def _silences(
    scenario: Scenario, channels: Mapping[str, object]
) -> dict[str, list[tuple[int, int]]]:
    """The spans in which nothing comes, by channel."""
    silences: dict[str, list[tuple[int, int]]] = {channel: [] for channel in channels}
    for index, silence in enumerate(scenario.pump_silent):
        if silence.ch is not None:
            check_channel(f"pump_silent[{index}]", silence.ch, channels)
        for channel in channels if silence.ch is None else [silence.ch]:
            silences[channel].append((ms(silence.from_), ms(silence.to)))
    return silences


def check_channel(where: str, channel: str, known: Iterable[str]) -> None:
    """Raise ScenarioError unless a pump of the scenario has this channel."""
    if channel not in known:
        names = ", ".join(known) or "none"
        raise ScenarioError([f"{where}.ch = {channel!r}: no such channel; there are {names}"])
