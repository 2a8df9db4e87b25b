"""What people tell in a scenario, as commands of the core."""

from collections.abc import Iterator

from monitor_daemon.calendar import TRIAL_DAYS, age, day_ends, day_start
from monitor_daemon.core.events import HandOver
from monitor_daemon.core.people import (
    Achieved,
    Acknowledge,
    Associate,
    Correct,
    End,
    Enrol,
    Exempt,
    Input,
    Observe,
    Override,
    Randomise,
    Range,
    Screen,
    Snooze,
    StopReason,
)
from monitor_daemon.rehearsal.devices import PUMPS, ms
from monitor_daemon.rehearsal.scenario import Scenario

SUBJECT = "REHEARSAL"
_BEDSIDE = "bedside"
_PHYSICIAN = "physician"


def screen(scenario: Scenario, protocol: str, version: str) -> Screen:
    """The patient as he comes under screening."""
    return Screen(
        subject=SUBJECT,
        bed=scenario.first_bed,
        protocol=protocol,
        actor="rehearsal",
        weight_kg=scenario.weight_kg,
        version=version,
        age=_age(scenario, 0.0),
        admitted=True,
    )


def randomise(scenario: Scenario, at: float, version: str) -> Randomise:
    """The patient, randomised at minute `at`."""
    floor = scenario.params.get("floor")
    when = scenario.clock.engine_zero + ms(at)
    return Randomise(
        subject=SUBJECT,
        actor="rehearsal",
        arm=scenario.arm or "",
        randomised=when,
        version=version,
        floor=None if floor is None else float(floor),
        overrides={name: value for name, value in scenario.params.items() if name != "floor"},
        age=_age(scenario, at),
        day_zero=day_start(when, scenario.clock.local),
        days=day_ends(when, scenario.clock.local, TRIAL_DAYS),
    )


def enrol(scenario: Scenario, at: float, protocol: str, version: str) -> Enrol:
    """The patient, of whom nothing is known before he is randomised."""
    screened, randomised = screen(scenario, protocol, version), randomise(scenario, at, version)
    return Enrol(
        subject=SUBJECT,
        bed=screened.bed,
        protocol=protocol,
        arm=randomised.arm,
        weight_kg=scenario.weight_kg,
        actor=screened.actor,
        randomised=randomised.randomised,
        version=version,
        floor=randomised.floor,
        overrides=randomised.overrides,
        age=randomised.age,
        admitted=True,
        day_zero=randomised.day_zero,
        days=randomised.days,
    )


def entries(scenario: Scenario) -> Iterator[tuple[float, Input]]:
    """Everything people tell, at the minute in which they tell it."""
    yield from _measurements(scenario)
    yield from _orders(scenario)
    yield from _answers(scenario)


def _measurements(scenario: Scenario) -> Iterator[tuple[float, Input]]:
    zero = scenario.clock.engine_zero
    for crt in scenario.crt:
        by = crt.by or _BEDSIDE
        if crt.correct is not None:
            measured = zero + ms(crt.correct)
            yield crt.t, Correct(SUBJECT, "crt", measured, crt.v, by, crt.reason or "")
        else:
            entered = crt.t if crt.entered is None else crt.entered
            yield entered, Observe(SUBJECT, "crt", crt.v, by, at=zero + ms(crt.t))
    for lab in scenario.labs:
        kind, value = lab.converted
        known = lab.t if lab.available is None else lab.available
        yield known, Observe(SUBJECT, kind, value, "laboratory", at=zero + ms(lab.t))
    for weight in scenario.weight:
        yield weight.t, Observe(SUBJECT, "weight", weight.kg, _BEDSIDE, reason=weight.reason)


def _orders(scenario: Scenario) -> Iterator[tuple[float, Input]]:
    for aim in scenario.target:
        yield aim.t, Range(SUBJECT, aim.lo, aim.hi, _PHYSICIAN, aim.var)
    for override in scenario.override:
        yield override.t, Override(SUBJECT, override.target, _PHYSICIAN, override.reason)
    for declared in scenario.achieved:
        yield declared.t, Achieved(SUBJECT, _PHYSICIAN, declared.reason)
    for exempt in scenario.exempt:
        yield exempt.t, Exempt(SUBJECT, exempt.rule, _PHYSICIAN, exempt.reason, exempt.lift)
    for stop in scenario.stop_reason:
        channel = None if stop.ch is None else f"{PUMPS}|{stop.ch}"
        yield stop.t, StopReason(SUBJECT, _PHYSICIAN, stop.reason, channel)


def _answers(scenario: Scenario) -> Iterator[tuple[float, Input]]:
    zero = scenario.clock.engine_zero
    for ack in scenario.ack:
        yield ack.t, Acknowledge(SUBJECT, ack.alert, ack.by or _BEDSIDE, ack.reason)
    for snooze in scenario.snooze:
        quiet = Snooze(SUBJECT, snooze.alert, snooze.minutes, _BEDSIDE, snooze.reason)
        yield snooze.t, quiet
    for move in scenario.associate:
        if move == scenario.first_stay:
            continue
        yield move.t, Associate(SUBJECT, move.bed, _BEDSIDE, since=zero + ms(move.since))
    for change in scenario.handover:
        yield change.t, HandOver(tuple(change.roles))
    if scenario.death is not None:
        yield scenario.death, End(SUBJECT, _BEDSIDE, "death", "death")
    if scenario.discharge is not None:
        yield scenario.discharge, End(SUBJECT, _BEDSIDE, "discharge", "discharge")


def _age(scenario: Scenario, minutes: float) -> int | None:
    if scenario.birth_date is None:
        return None
    clock = scenario.clock
    return age(scenario.birth_date, clock.engine_zero + ms(minutes), clock.local)
