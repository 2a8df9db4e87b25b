"""A scenario as the inputs of the core, instant by instant."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from monitor_daemon import resources
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.events import (
    MINUTE,
    SECOND,
    Acknowledge,
    Configured,
    Data,
    End,
    Enrol,
    Flow,
    Input,
    Observe,
    Sample,
    Tick,
)
from monitor_daemon.core.protocol import Protocol, parse
from monitor_daemon.core.rules import FAMILIES
from monitor_daemon.core.vocabulary import Quality
from monitor_daemon.rehearsal.scenario import (
    PUMPS,
    PumpEvent,
    Scenario,
    ScenarioClock,
    ScenarioError,
    Segment,
)

SUBJECT: Final = "REHEARSAL"
BED: Final = "BED"
_MONITOR: Final = "monitor"
_PUMPS: Final = "pumps"

_PERIODS: Final[Mapping[str, int]] = {"1/min": MINUTE, "1/s": SECOND}
_FLAGS: Final[Mapping[str, Quality]] = {
    "zeroing": Quality.CALIBRATING,
    "lead_off": Quality.NO_VALUE,
    "static": Quality.NOT_PATIENT,
}

#: Every alert of the trials, so that a misspelt name in `forbid` cannot pass for ever.
ALERTS: Final = frozenset(
    """MAP_LOW MAP_HIGH FLOOR SEVERE_LOW ART_CHECK MAP_GAP PUMP_GAP RESUS_OVERDUE STEP_DOWN STEP_UP
    CRT_DUE CRT_OVERDUE CRT_ABN VP_DUE VP_LATE VP_EARLY VP_DOSE CONC_CHANGE WEIGHT_MISMATCH
    DRUG_UNMAPPED CLOCK OUTAGE TARGET_OVERRIDE ELIG_SCREEN ELIG_MET ELIG_WARN ELIG_EXPIRED ELIG_LOST
    ELIG_VIOLATION SD_NOT_STARTED SD_INTERRUPTED SD_RATE OL_VASOPRESSIN PP_LOW PP_HIGH
    TARGET_MISSING TARGET_STALE DAY_FORM_DUE FEED_FROZEN SOURCE_DISAGREES NOT_MONITORED""".split()
)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Inputs by instant, in ms of engine time; `zero` is scenario zero, [start, end) is judged."""

    zero: int
    start: int
    end: int
    instants: tuple[tuple[int, tuple[Input, ...]], ...]


def make_timeline(scenario: Scenario, folder: Path) -> Timeline:
    """The inputs of a scenario; a protocol file is found from `folder`. Raises ScenarioError."""
    protocols = _protocols(scenario.trial, folder)
    version = _version(scenario, protocols)
    _check_rules(scenario, protocols[version])
    zero = _zero(scenario.clock)
    drugs = resources.text("drugs.toml")
    given: defaultdict[int, list[Input]] = defaultdict(list)

    def put(minutes: float, item: Input) -> None:
        given[_ms(minutes)].append(item)

    for at, item in _pressures(scenario):
        given[at].append(item)
    for at, item in _infusions(scenario, DrugTable.parse(drugs)):
        given[at].append(item)
    put(max(scenario.start, scenario.randomised), _enrol(scenario, version, zero))
    for minutes, item in _entries(scenario, zero):
        put(minutes, item)
    end = _ms(scenario.end)
    first = min(*given, _ms(scenario.start)) // MINUTE * MINUTE
    configured = Configured(
        site="rehearsal",
        drugs=drugs,
        protocols={f"{p.id}@{p.version}": text for p, text in protocols.values()},
        periods={_MONITOR: _PERIODS[scenario.map_rate] / SECOND},
    )
    given[first].append(configured)
    for at in range(first, end + 1, MINUTE):
        given[at].append(Tick(minute=(zero + at) // MINUTE))
    instants = tuple((zero + at, tuple(given[at])) for at in sorted(given) if at <= end)
    return Timeline(zero, zero + _ms(scenario.start), zero + end, instants)


def _ms(minutes: float) -> int:
    return round(minutes * MINUTE)


def _zero(clock: ScenarioClock) -> int:
    """Engine time of scenario zero in ms."""
    try:
        zone = None if clock.zone is None else ZoneInfo(clock.zone)
    except (ValueError, OSError, KeyError):
        raise ScenarioError(
            [f"clock.zone = {clock.zone!r}: should be an IANA name such as Asia/Tokyo"]
        ) from None
    if clock.zero is None:
        return int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * SECOND
    where = f"clock.zero = {clock.zero!r}"
    try:
        zero = datetime.fromisoformat(clock.zero)
    except ValueError:
        raise ScenarioError(
            [f"{where}: should be ISO 8601 such as 2026-03-29T01:00:00Z"]
        ) from None
    if zero.tzinfo is None:
        if zone is None:
            raise ScenarioError([f"{where}: give an offset such as +01:00, or clock.zone"])
        zero = zero.replace(tzinfo=zone)
    seconds = zero.timestamp()
    if seconds % 60:
        raise ScenarioError([f"{where}: should be a whole minute"])
    return int(seconds) * SECOND


Protocols = dict[str, tuple[Protocol, str]]


def _protocols(trial: str, folder: Path) -> Protocols:
    """The versions of a trial's protocol, parsed and as text."""
    kinds = {name: family.kind for name, family in FAMILIES.items()}
    try:
        if trial.endswith(".toml"):
            texts = [(folder / trial).read_text(encoding="utf-8")]
        else:
            packaged = resources.protocols()
            texts = [text for key, text in packaged.items() if key.split("@")[0] == trial]
            if not texts:
                names = ", ".join(sorted({key.split("@")[0] for key in packaged}))
                raise ScenarioError(
                    [f"trial = {trial!r}: should be {names}, or the path of a protocol file *.toml"]
                )
        parsed = [(parse(text, kinds, trial), text) for text in texts]
    except OSError as error:
        raise ScenarioError([f"trial = {trial!r}: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ScenarioError([f"trial = {trial!r}: the file is not UTF-8"]) from None
    except ScenarioError:
        raise
    except ConfigError as error:
        raise ScenarioError([f"trial: {error}"]) from None
    return {protocol.version: (protocol, text) for protocol, text in parsed}


def _version(scenario: Scenario, protocols: Protocols) -> str:
    """The version in force at randomisation: a patient keeps it whatever comes later."""
    for index, entry in enumerate(scenario.versions):
        if entry.version not in protocols:
            raise ScenarioError(
                [
                    f"versions[{index}].version = {entry.version!r}:"
                    f" should be {', '.join(sorted(protocols))}"
                ]
            )
    if not scenario.versions:
        return max(protocols)
    before = [entry for entry in scenario.versions if entry.t <= scenario.randomised]
    if not before:
        raise ScenarioError(
            [f"versions: none is in force at randomisation, minute {scenario.randomised:g}"]
        )
    return max(before, key=lambda entry: entry.t).version


def _check_rules(scenario: Scenario, found: tuple[Protocol, str]) -> None:
    """Arm, parameters and alert names must be those of the protocol."""
    protocol, _ = found
    problems = []
    try:
        protocol.for_arm(scenario.arm, scenario.params)
    except ConfigError as error:
        problems.append(str(error))
    known = ALERTS | set(protocol.rules)
    lines = [(f"forbid[{i}]", name) for i, name in enumerate(scenario.forbid)]
    lines += [(f"ack[{i}].alert", ack.alert) for i, ack in enumerate(scenario.ack)]
    lines += [
        (f"expect[{i}].{line.kind}", str(line.value))
        for i, line in enumerate(scenario.expect)
        if line.kind in {"raise", "clear"}
    ]
    problems += [
        f"{where} = {name!r}: should be one of {', '.join(sorted(known))}"
        for where, name in lines
        if name not in known
    ]
    if problems:
        raise ScenarioError(problems)


def _enrol(scenario: Scenario, version: str, zero: int) -> Enrol:
    floor = scenario.params.get("floor")
    return Enrol(
        subject=SUBJECT,
        bed=BED,
        protocol=scenario.trial,
        arm=scenario.arm,
        weight_kg=scenario.weight_kg,
        actor="rehearsal",
        randomised=zero + _ms(scenario.randomised),
        version=version,
        floor=None if floor is None else float(floor),
        overrides={name: value for name, value in scenario.params.items() if name != "floor"},
    )


def _pressures(scenario: Scenario) -> Iterator[tuple[int, Data]]:
    """One message a sample; where segments overlap, the later one in the file counts."""
    period = _PERIODS[scenario.map_rate]
    samples: dict[int, tuple[Sample, ...]] = {}
    for segment in scenario.map:
        begin, end = _ms(segment.from_), _ms(segment.to)
        for index, at in enumerate(range(ceil(begin / period) * period, end, period)):
            samples[at] = _samples(segment, index, (at - begin) / (end - begin))
    for at, row in samples.items():
        if row:
            yield at, Data(_MONITOR, BED, samples=row)


def _samples(segment: Segment, index: int, share: float) -> tuple[Sample, ...]:
    """The triplet of the sample number `index`, at the `share` of the segment that is over."""
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


def _infusions(scenario: Scenario, drugs: DrugTable) -> Iterator[tuple[int, Data]]:
    """A message at every pump event and every whole minute after it, unless the pump is silent."""
    end = _ms(scenario.end)
    for channel, programme in _programmes(scenario, drugs).items():
        silences = [
            (_ms(silence.from_), _ms(silence.to))
            for silence in scenario.pump_silent
            if silence.ch in {None, channel}
        ]
        changes = sorted(programme)
        for at, until in zip(changes, [*changes[1:], end + 1], strict=True):
            beats = range((at // MINUTE + 1) * MINUTE, until, MINUTE)
            for when in (at, *beats):
                if not any(begin <= when < stop for begin, stop in silences):
                    yield when, Data(_PUMPS, BED, flows=(programme[at],))


def _programmes(scenario: Scenario, drugs: DrugTable) -> dict[str, dict[int, Flow]]:
    """What each channel is set to from each instant on."""
    programmes: defaultdict[str, dict[int, Flow]] = defaultdict(dict)
    for key, events in scenario.pumps.items():
        strength: dict[str, tuple[float, str | None]] = {}
        for event in sorted(events, key=lambda event: event.t):
            channel = event.ch or key
            if event.conc is not None:
                strength[channel] = (event.conc, event.unit)
            conc, unit = strength.get(channel, (None, None))
            at = _ms(event.t)
            if at in programmes[channel]:
                raise ScenarioError([f"{key}: channel {channel} has two events at {event.t:g}"])
            programmes[channel][at] = _flow(key, channel, event, conc, unit, drugs)
    for index, silence in enumerate(scenario.pump_silent):
        if silence.ch is not None and silence.ch not in programmes:
            names = ", ".join(programmes) or "none"
            raise ScenarioError(
                [f"pump_silent[{index}].ch = {silence.ch!r}: should be a channel; there are {names}"]
            )
    return programmes


def _flow(
    key: str,
    channel: str,
    event: PumpEvent,
    conc: float | None,
    unit: str | None,
    drugs: DrugTable,
) -> Flow:
    drug, usual_unit = PUMPS[key]
    label = event.drug or drug
    entry = None if label is None else drugs.find(label)
    unit = unit or ("U/mL" if entry is not None and entry.group == "vasopressin" else usual_unit)
    if key in {"ne", "vp"}:
        if entry is not None and entry.drug != drug:
            raise ScenarioError(
                [f"{key}: drug {label!r} at {event.t:g} is {entry.drug}; move it to other"]
            )
        if unit.endswith("U/mL") != usual_unit.endswith("U/mL"):
            raise ScenarioError([f"{key}: unit {unit!r} at {event.t:g}: {drug} is in {usual_unit}"])
    return Flow(
        channel=channel,
        status="running" if event.rate else "stopped",
        rate=event.rate,
        drug=None if entry is None else entry.key,
        label=label,
        concentration=conc,
        unit=unit if conc is not None else None,
        dose=event.dose,
        dose_unit=event.dose_unit,
        weight=event.weight_kg,
    )


def _entries(scenario: Scenario, zero: int) -> Iterator[tuple[float, Input]]:
    """What people tell, at the minute of entry."""
    for crt in scenario.crt:
        yield (
            crt.t if crt.entered is None else crt.entered,
            Observe(SUBJECT, "crt", crt.v, crt.by or "bedside", at=zero + _ms(crt.t)),
        )
    for weight in scenario.weight:
        yield weight.t, Observe(SUBJECT, "weight", weight.kg, "bedside", reason=weight.reason)
    for ack in scenario.ack:
        yield ack.t, Acknowledge(SUBJECT, ack.alert, ack.by or "bedside", ack.reason)
    for reason, at in (("death", scenario.death), ("discharge", scenario.discharge)):
        if at is not None:
            yield at, End(SUBJECT, "bedside", reason)
