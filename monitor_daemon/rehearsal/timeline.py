"""A scenario as the inputs of the core, instant by instant."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from monitor_daemon import resources
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.events import (
    MINUTE,
    SECOND,
    Acknowledge,
    Configured,
    End,
    Enrol,
    Input,
    Observe,
    Tick,
)
from monitor_daemon.core.protocol import Protocol
from monitor_daemon.rehearsal.devices import BED, MONITOR, PERIODS, infusions, ms, pressures
from monitor_daemon.rehearsal.scenario import Scenario, ScenarioClock, ScenarioError
from monitor_daemon.rehearsal.trial import find_trial

SUBJECT: Final = "REHEARSAL"


@dataclass(frozen=True, slots=True)
class Timeline:
    """Inputs by instant, in ms of engine time; `zero` is scenario zero, [start, end) is judged."""

    zero: int
    start: int
    end: int
    instants: tuple[tuple[int, tuple[Input, ...]], ...]


def make_timeline(scenario: Scenario, folder: Path) -> Timeline:
    """The inputs of a scenario; a protocol file is found from `folder`. Raises ScenarioError."""
    trial = find_trial(scenario, folder)
    zero = _zero(scenario.clock)
    drugs = resources.text("drugs.toml")
    given: defaultdict[int, list[Input]] = defaultdict(list)

    def put(minutes: float, item: Input) -> None:
        given[ms(minutes)].append(item)

    for at, message in pressures(scenario):
        given[at].append(message)
    for at, message in infusions(scenario, DrugTable.parse(drugs)):
        given[at].append(message)
    put(max(scenario.start, scenario.randomised), _enrol(scenario, trial.protocol, zero))
    for minutes, item in _entries(scenario, zero):
        put(minutes, item)
    end = ms(scenario.end)
    first = min(*given, ms(scenario.start)) // MINUTE * MINUTE
    configured = Configured(
        site="rehearsal",
        drugs=drugs,
        protocols=trial.texts,
        periods={MONITOR: PERIODS[scenario.map_rate] / SECOND},
    )
    given[first].append(configured)
    for at in range(first, end + 1, MINUTE):
        given[at].append(Tick(minute=(zero + at) // MINUTE))
    instants = tuple((zero + at, tuple(given[at])) for at in sorted(given) if at <= end)
    return Timeline(zero, zero + ms(scenario.start), zero + end, instants)


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
        raise ScenarioError([f"{where}: should be ISO 8601 such as 2026-03-29T01:00:00Z"]) from None
    if zero.tzinfo is None:
        if zone is None:
            raise ScenarioError([f"{where}: give an offset such as +01:00, or clock.zone"])
        zero = zero.replace(tzinfo=zone)
    seconds = zero.timestamp()
    if seconds % 60:
        raise ScenarioError([f"{where}: should be a whole minute"])
    return int(seconds) * SECOND


def _enrol(scenario: Scenario, protocol: Protocol, zero: int) -> Enrol:
    floor = scenario.params.get("floor")
    return Enrol(
        subject=SUBJECT,
        bed=BED,
        protocol=protocol.id,
        arm=scenario.arm,
        weight_kg=scenario.weight_kg,
        actor="rehearsal",
        randomised=zero + ms(scenario.randomised),
        version=protocol.version,
        floor=None if floor is None else float(floor),
        overrides={name: value for name, value in scenario.params.items() if name != "floor"},
    )


def _entries(scenario: Scenario, zero: int) -> Iterator[tuple[float, Input]]:
    """What people tell, at the minute of entry."""
    for crt in scenario.crt:
        yield (
            crt.t if crt.entered is None else crt.entered,
            Observe(SUBJECT, "crt", crt.v, crt.by or "bedside", at=zero + ms(crt.t)),
        )
    for weight in scenario.weight:
        yield weight.t, Observe(SUBJECT, "weight", weight.kg, "bedside", reason=weight.reason)
    for ack in scenario.ack:
        yield ack.t, Acknowledge(SUBJECT, ack.alert, ack.by or "bedside", ack.reason)
    for reason, at in (("death", scenario.death), ("discharge", scenario.discharge)):
        if at is not None:
            yield at, End(SUBJECT, "bedside", reason)
