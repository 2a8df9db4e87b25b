"""A scenario as the inputs of the core, instant by instant."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from heapq import merge
from itertools import groupby
from math import ceil
from pathlib import Path
from typing import Final, NamedTuple

from monitor_daemon import resources
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.events import MINUTE, SECOND, Configured, Started, Tick
from monitor_daemon.core.intake import first_missed
from monitor_daemon.core.moment import STUDY
from monitor_daemon.core.people import Input
from monitor_daemon.rehearsal.devices import MONITOR, PERIODS, channels, check_channel, messages, ms
from monitor_daemon.rehearsal.faults import Delivery, Transmission, down
from monitor_daemon.rehearsal.people import enrol, entries, randomise, screen
from monitor_daemon.rehearsal.scenario import Scenario
from monitor_daemon.rehearsal.signals import Outage
from monitor_daemon.rehearsal.trial import Trial, find_trial

#: A site's drug file has an entry for its blinded infusion; here it has the name of the role.
_STUDY_DRUG: Final = f'\n[drug.{STUDY}]\ngroup = "study"\nnames = ["STUDY DRUG"]\nas = "base"\n'
#: Order of things that come at one time but not in one instant.
_RESTART, _REPEATED, _MISSED, _PRESENT = range(4)


class Instant(NamedTuple):
    """Inputs that come together at `at` (ms of engine time); `routine`: a heartbeat and a tick."""

    at: int
    inputs: tuple[Input, ...]
    routine: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """Inputs by instant; times in ms of engine time, [start, end) is judged.

    `zero` is scenario zero. `instants` gives them anew at each call, made as they are asked for.
    `watched` are the channels whose dose is expected, None for norepinephrine together.
    """

    zero: int
    start: int
    end: int
    zone: tzinfo
    instants: Callable[[], Iterator[Instant]]
    watched: tuple[str | None, ...] = ()

    def minutes(self, at: int) -> float:
        """Minutes from scenario zero to `at`."""
        return (at - self.zero) / MINUTE


class _Part(NamedTuple):
    """Inputs of one time and rank, in ms from scenario zero."""

    at: int
    rank: int
    inputs: tuple[Input, ...]
    routine: bool = False


def make_timeline(scenario: Scenario, folder: Path) -> Timeline:
    """The inputs of a scenario; a protocol file is found from `folder`. Raises ScenarioError."""
    trial = find_trial(scenario, folder)
    zero = scenario.clock.engine_zero
    drugs = _drug_file()
    table = DrugTable.parse(drugs)
    transmission = Transmission(scenario, zero)
    messages(scenario, table)
    for index, line in enumerate(scenario.expect):
        if line.ch is not None:
            check_channel(f"expect[{index}]", line.ch, channels(scenario))
    first = _first(scenario)
    said = _said(scenario, trial, first, drugs)
    end = ms(scenario.end)

    def instants() -> Iterator[Instant]:
        arriving = transmission.carry(messages(scenario, table))
        streams = merge(
            said,
            _arrivals(arriving),
            _ticks(scenario, zero, first, end),
            *(_restart(scenario, trial, zero, outage, drugs) for outage in scenario.outage),
            key=lambda part: (part.at, part.rank),
        )
        for instant in _instants(streams):
            if instant.at > end:
                return
            yield instant._replace(at=zero + instant.at)

    watched = dict.fromkeys(line.ch for line in scenario.expect if line.kind == "dose")
    return Timeline(
        zero=zero,
        start=zero + ms(scenario.start),
        end=zero + end,
        zone=scenario.clock.local,
        instants=instants,
        watched=tuple(watched),
    )


def _drug_file() -> str:
    text = resources.text("drugs.toml")
    return text if STUDY in DrugTable.parse(text).entries else text + _STUDY_DRUG


def _first(scenario: Scenario) -> int:
    """The whole minute with which the scenario begins."""
    times = [scenario.start, *(segment.from_ for segment in scenario.map)]
    for key in ("ne", "vp", "inotrope", "sd", "other"):
        times += [event.t for event in getattr(scenario, key)]
    times += [minutes for minutes, _ in entries(scenario)]
    return ms(min(times)) // MINUTE * MINUTE


def _said(scenario: Scenario, trial: Trial, first: int, drugs: str) -> Sequence[_Part]:
    """The configuration, the patient, and everything people tell, in order of time."""
    said: list[tuple[float, Input]] = []
    for minutes, version in trial.in_force(first / MINUTE):
        said.append((minutes, _configured(scenario, trial, version, drugs)))
    begin = first / MINUTE
    present = trial.version_at(begin)
    at = None if trial.randomised is None else max(scenario.start, trial.randomised)
    name, version = trial.protocol.id, trial.protocol.version
    if at is None or trial.randomised is None:
        said.append((begin, screen(scenario, name, present)))
    elif at > begin:
        said.append((begin, screen(scenario, name, present)))
        said.append((at, randomise(scenario, trial.randomised, version)))
    else:
        said.append((at, enrol(scenario, trial.randomised, name, version)))
    said += entries(scenario)
    parts = []
    for minutes, given in said:
        at_ms = ms(minutes)
        while (outage := down(scenario.outage, at_ms)) is not None:
            at_ms = ms(outage.to)
        parts.append(_Part(at_ms, _PRESENT, (given,)))
    return sorted(parts, key=lambda part: part.at)


def _configured(scenario: Scenario, trial: Trial, version: str, drugs: str) -> Configured:
    return Configured(
        site="rehearsal",
        drugs=drugs,
        protocols={f"{trial.protocol.id}@{version}": trial.texts[version]},
        periods={MONITOR: PERIODS[scenario.map_rate] / SECOND},
    )


def _arrivals(deliveries: Iterator[Delivery]) -> Iterator[_Part]:
    for at, data, news, repeated in deliveries:
        yield _Part(at, _REPEATED if repeated else _PRESENT, (data,), routine=not news)


def _ticks(scenario: Scenario, zero: int, first: int, end: int) -> Iterator[_Part]:
    for at in range(first, end + 1, MINUTE):
        if down(scenario.outage, at) is None:
            yield _Part(at, _PRESENT, (Tick((zero + at) // MINUTE),), routine=True)


def _restart(
    scenario: Scenario, trial: Trial, zero: int, outage: Outage, drugs: str
) -> Iterator[_Part]:
    """The daemon starts again and catches up."""
    begin, at = ms(outage.from_), ms(outage.to)
    configured = _configured(scenario, trial, trial.version_at(outage.to), drugs)
    yield _Part(at, _RESTART, (configured, Started("rehearsal", stopped=zero + begin)))
    present = ceil(at / MINUTE)
    for minute in range(first_missed(ceil(begin / MINUTE) - 1, present), present):
        yield _Part(at, _MISSED, (Tick(zero // MINUTE + minute),))


def _instants(parts: Iterator[_Part]) -> Iterator[Instant]:
    """What comes together; after an outage the rest of that time comes one by one."""
    for (at, rank), group in groupby(parts, key=lambda part: (part.at, part.rank)):
        if rank == _PRESENT:
            present = list(group)
            inputs = tuple(given for part in present for given in part.inputs)
            yield Instant(at, inputs, all(part.routine for part in present))
        else:
            for part in group:
                yield Instant(at, part.inputs)
