"""The monitor and the pumps of a scenario: what they would send, and when.

Times are ms from scenario zero.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from math import ceil
from typing import Final

from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.events import MINUTE, SECOND, Data, Flow, Sample
from monitor_daemon.core.vocabulary import Quality
from monitor_daemon.rehearsal.scenario import PumpEvent, Scenario, ScenarioError, Segment

BED: Final = "BED"
MONITOR: Final = "monitor"
_PUMPS: Final = "pumps"

#: Time between two samples in ms.
PERIODS: Final[Mapping[str, int]] = {"1/min": MINUTE, "1/s": SECOND}

#: Drug (by the drug file) and unit of a pump list, where they do not have to be written.
_USUAL: Final[Mapping[str, tuple[str | None, str]]] = {
    "ne": ("norepinephrine", "ug/mL"),
    "vp": ("vasopressin", "U/mL"),
    "inotrope": ("dobutamine", "ug/mL"),
    "other": (None, "ug/mL"),
}

_FLAGS: Final[Mapping[str, Quality]] = {
    "zeroing": Quality.CALIBRATING,
    "lead_off": Quality.NO_VALUE,
    "static": Quality.ARTIFACT,
}


def ms(minutes: float) -> int:
    """Minutes as whole ms."""
    return round(minutes * MINUTE)


def pressures(scenario: Scenario) -> Iterator[tuple[int, Data]]:
    """One message a sample; where segments overlap, the later one in the file counts."""
    period = PERIODS[scenario.map_rate]
    samples: dict[int, tuple[Sample, ...]] = {}
    for segment in scenario.map:
        begin, end = ms(segment.from_), ms(segment.to)
        for index, at in enumerate(range(ceil(begin / period) * period, end, period)):
            samples[at] = _samples(segment, index, (at - begin) / (end - begin))
    for at, row in samples.items():
        if row:
            yield at, Data(MONITOR, BED, samples=row)


def _samples(segment: Segment, index: int, share: float) -> tuple[Sample, ...]:
    """The triplet of sample number `index`, when `share` of the segment is over."""
    if segment.none:
        return ()
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


def infusions(scenario: Scenario, drugs: DrugTable) -> Iterator[tuple[int, Data]]:
    """A message at every pump event and every whole minute after it, unless the pump is silent.

    Raises ScenarioError for events that contradict each other.
    """
    end = ms(scenario.end)
    programmes = _programmes(scenario, drugs)
    silences = _silences(scenario, programmes)
    for channel, programme in programmes.items():
        changes = sorted(programme)
        for at, until in zip(changes, [*changes[1:], end + 1], strict=True):
            for when in (at, *range((at // MINUTE + 1) * MINUTE, until, MINUTE)):
                if not any(begin <= when < stop for begin, stop in silences[channel]):
                    yield when, Data(_PUMPS, BED, flows=(programme[at],))


def _programmes(scenario: Scenario, drugs: DrugTable) -> dict[str, dict[int, Flow]]:
    """What each channel is set to from each instant on."""
    programmes: defaultdict[str, dict[int, Flow]] = defaultdict(dict)
    for key in _USUAL:
        events: list[PumpEvent] = getattr(scenario, key)
        strength: dict[str, PumpEvent] = {}
        for event in sorted(events, key=lambda event: event.t):
            channel, at = event.ch or key, ms(event.t)
            if event.conc is not None:
                strength[channel] = event
            if at in programmes[channel]:
                raise ScenarioError([f"{key}: channel {channel} has two events at {event.t:g}"])
            programmes[channel][at] = _flow(key, channel, event, strength.get(channel), drugs)
    return programmes


def _flow(
    key: str, channel: str, event: PumpEvent, strength: PumpEvent | None, drugs: DrugTable
) -> Flow:
    """One report of a pump; `strength` is the event that last told the concentration."""
    usual, unit = _USUAL[key]
    words = event.drug or usual
    entry = None if words is None else drugs.find(words)
    if key in {"ne", "vp"} and entry is not None and entry.drug != usual:
        raise ScenarioError(
            [f"{key}: drug {words!r} at {event.t:g} is {entry.drug}: move it to other"]
        )
    if entry is not None and entry.group == "vasopressin":
        unit = "U/mL"
    if strength is not None and strength.unit is not None:
        if key in {"ne", "vp"} and strength.unit.endswith("U/mL") != unit.endswith("U/mL"):
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
        if silence.ch is not None and silence.ch not in channels:
            names = ", ".join(channels) or "none"
            raise ScenarioError(
                [f"pump_silent[{index}].ch = {silence.ch!r}: no such channel; there are {names}"]
            )
        for channel in channels if silence.ch is None else [silence.ch]:
            silences[channel].append((ms(silence.from_), ms(silence.to)))
    return silences
