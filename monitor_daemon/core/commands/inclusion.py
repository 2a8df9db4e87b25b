"""Patients come under screening, are randomised, change beds and leave."""

from collections.abc import Mapping

from monitor_daemon.core.commands.checks import (
    ACTIVE,
    ENDED,
    ENTRIES,
    PRE,
    check_name,
    check_range,
    check_running,
    check_time,
)
from monitor_daemon.core.condition import Condition, State
from monitor_daemon.core.errors import CommandError, ConfigError
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.people import Associate, End, Enrol, Randomise, Screen
from monitor_daemon.core.protocol import Number, Protocol
from monitor_daemon.core.rules import FAMILIES
from monitor_daemon.core.rules.minutes import settle
from monitor_daemon.core.subject import Bed, Subject


def screen(
    given: Screen, subjects: Mapping[str, Subject], protocols: Mapping[str, Protocol], now: int
) -> Subject:
    """A patient under screening, in phase PRE. Raises CommandError."""
    _check_new(given.subject, given.bed, subjects)
    if given.weight_kg is not None:
        check_range("weight", given.weight_kg, *ENTRIES["weight"])
    protocol = _protocol(given.protocol, given.version, protocols)
    return Subject(
        id=given.subject,
        bed=given.bed,
        protocol=protocol.id,
        version=protocol.version,
        arm="",
        weight_kg=None if given.weight_kg is None else float(given.weight_kg),
        randomised=None,
        phase=PRE,
        entered=now,
        age=given.age,
        admitted=given.admitted,
    )


def enrol(
    given: Enrol, subjects: Mapping[str, Subject], protocols: Mapping[str, Protocol], now: int
) -> Subject:
    """A randomised patient in the first phase of his protocol. Raises CommandError."""
    screened = screen(
        Screen(
            subject=given.subject,
            bed=given.bed,
            protocol=given.protocol,
            actor=given.actor,
            weight_kg=given.weight_kg,
            version=given.version,
            age=given.age,
            admitted=given.admitted,
        ),
        subjects,
        protocols,
        now,
    )
    randomised = Randomise(
        subject=given.subject,
        actor=given.actor,
        arm=given.arm,
        randomised=given.randomised,
        version=given.version,
        floor=given.floor,
        overrides=given.overrides,
        day_zero=given.day_zero,
        days=given.days,
    )
    randomise(screened, randomised, protocols, now)
    return screened


def randomise(
    subject: Subject, given: Randomise, protocols: Mapping[str, Protocol], now: int
) -> None:
    """The patient gets his arm, and the version in force now. Raises CommandError."""
    if subject.phase != PRE:
        raise CommandError(f"{subject.id} is randomised already", code="ALREADY_ENROLLED")
    check_time("randomised", given.randomised, now)
    protocol = _protocol(subject.protocol, given.version, protocols)
    weight = subject.weight_kg if given.weight_kg is None else float(given.weight_kg)
    if weight is None:
        raise CommandError("weight: missing; a dose needs the dosing weight", code="BAD_VALUE")
    check_range("weight", weight, *ENTRIES["weight"])
    arm = given.arm
    if not arm and len(protocol.arms) == 1:
        (arm,) = protocol.arms
    if not arm:
        raise CommandError(f"arm: one of {', '.join(protocol.arms)}", code="UNKNOWN_ARM")
    overrides = dict(given.overrides)
    try:
        parameters = protocol.for_arm(arm, overrides).parameters
        if given.floor is not None:
            overrides["floor"] = _floor(given.floor, parameters)
        rules = protocol.for_arm(arm, overrides)
    except ConfigError as error:
        raise CommandError(str(error), code="UNKNOWN_ARM") from None
    subject.version, subject.arm, subject.weight_kg = protocol.version, arm, weight
    subject.overrides = overrides
    subject.randomised = now if given.randomised is None else given.randomised
    subject.phase, subject.entered = rules.first_phase, now
    if subject.phase == ACTIVE:
        # Entering ACTIVE counts as a target change (reference R4).
        subject.changed, subject.change = now, "active"
    target = rules.parameters.get("initial_target") if _aims(rules.parameters) else None
    subject.target = None if target is None else float(target)
    subject.age = subject.age if given.age is None else given.age
    subject.admitted = subject.admitted if given.admitted is None else given.admitted
    subject.day_zero, subject.days = given.day_zero, given.days


def associate(moment: Moment, given: Associate, subjects: Mapping[str, Subject]) -> None:
    """The patient belongs to another bed, or to none, since `since`. Raises CommandError.

    What the old bed told since then was not his: alerts that rest on it are void, its minutes are
    unknown (reference 0.7).
    """
    subject, now = moment.subject, moment.now
    if subject.left is not None:
        # After the end his drugs are still recorded, wherever he lies.
        check_running(moment)
    since = now if given.since is None else given.since
    check_time("association", given.since, now)
    if subject.attached is not None and since < subject.attached:
        raise CommandError(
            f"{subject.id} came to bed {subject.bed} only later than that", code="BAD_TIME"
        )
    if given.bed is not None:
        check_name("bed", given.bed)
        _check_free(given.bed, subjects, subject.id)
    for rule in moment.rules.rules:
        if rule.kind == "minute_classes" and subject.left is None:
            # What the old bed told is not there any more when these minutes are due.
            settle(moment, rule, min(moment.minute, since // MINUTE))
    leave(subject, moment.bed, since)
    if since < now:
        _disown(moment, since)
    moment.log("ASSOCIATION", bed=given.bed, before=subject.bed, since=since, reason=given.reason)
    if given.bed is not None:
        subject.bed, subject.attached, subject.left = given.bed, since, None


def end(moment: Moment, given: End) -> None:
    """The protocol ends and the patient leaves his devices; the record stays.

    After the end by itself the same tells of a death or discharge, which the outcomes need.
    """
    subject, at = moment.subject, moment.now if given.at is None else given.at
    if subject.left is not None and (given.outcome != "death" or subject.death is not None):
        check_running(moment)
    check_time(given.outcome, given.at, moment.now)
    if given.outcome == "death":
        subject.death = at
    elif given.outcome == "discharge":
        subject.discharge = at
    if subject.phase != ENDED:
        for rule in moment.rules.rules:
            FAMILIES[rule.kind].finish(moment, rule)
        moment.enter(ENDED)
    moment.log("ended", reason=given.reason, actor=given.actor, outcome=given.outcome)
    for name in list(subject.alerts):
        moment.close(name, "protocol ended")
    subject.conditions.clear()
    if subject.left is None:
        leave(subject, moment.bed, moment.now)


def leave(subject: Subject, bed: Bed, at: int) -> None:
    """Part a patient from `bed` at `at` (ms), keeping what it delivered and measured until then."""
    if subject.left is None:
        begun = subject.attached if subject.attached is not None else 0
        subject.exposure.join(bed.infusions.exposure.within(begun, at))
        for kind, values in bed.results.values.items():
            for measured, value in values:
                if begun <= measured < at:
                    subject.results.add(kind, measured, value)
    subject.left = at


def _disown(moment: Moment, since: int) -> None:
    """What the bed told since `since` was not this patient's: void what rests on it."""
    subject = moment.subject
    for rule in moment.rules.rules:
        family = FAMILIES[rule.kind]
        family.lose(moment, rule, since)
        if not family.sampled:
            continue
        alert, timed = subject.alerts.get(rule.name), rule.name in subject.conditions
        if timed:
            subject.conditions[rule.name] = Condition()
        if alert is not None and alert.raised_at >= since:
            alert.voided = True
            moment.close(rule.name, "misattributed", "voided")
        elif alert is not None and timed:
            # It rests on his own data: what he has from now on clears it.
            subject.conditions[rule.name].state = State.ACTIVE
        for past in subject.past.values():
            if past.name == rule.name and past.raised_at >= since and not past.voided:
                past.voided = True
                moment.transition(past, "voided", reason="misattributed")


def _check_new(name: str, bed: str, subjects: Mapping[str, Subject]) -> None:
    check_name("subject", name)
    check_name("bed", bed)
    if name in subjects:
        raise CommandError(f"subject {name!r} is already enrolled", code="ALREADY_ENROLLED")
    _check_free(bed, subjects, name)


def _check_free(bed: str, subjects: Mapping[str, Subject], name: str) -> None:
    for other in subjects.values():
        here = other.bed == bed and other.left is None and other.id != name
        if here and other.phase != ENDED:
            raise CommandError(
                f"bed {bed!r} holds subject {other.id!r}; end or move him first", code="BED_TAKEN"
            )


def _protocol(name: str, version: str | None, protocols: Mapping[str, Protocol]) -> Protocol:
    known = [p for p in protocols.values() if p.id == name]
    if version is not None:
        known = [p for p in known if p.version == version]
    if not known:
        names = ", ".join(sorted(protocols)) or "none"
        asked = name if version is None else f"{name}@{version}"
        raise CommandError(
            f"protocol {asked!r} is not in force; in force: {names}", code="UNKNOWN_PROTOCOL"
        )
    return max(known, key=lambda p: p.version)


def _floor(floor: float, parameters: Mapping[str, Number]) -> float:
    lowest = float(parameters.get("floor", floor))
    highest = float(parameters.get("initial_target", floor))
    if not lowest <= floor <= highest:
        raise CommandError(
            f"floor {floor:g} mmHg: a patient's floor may be raised up to {highest:g}, never below"
            f" {lowest:g}",
            code="BAD_VALUE",
        )
    return floor


def _aims(parameters: Mapping[str, Number]) -> bool:
    """Whether this arm has a MAP target at all: usual care may have none."""
    return bool(parameters.get("has_target", True))
