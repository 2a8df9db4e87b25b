"""Entries and orders that the rules look at: values, ranges, overrides, exemptions."""

from monitor_daemon.core.commands.checks import (
    ENTRIES,
    check_randomised,
    check_range,
    check_reason,
    check_running,
    check_time,
)
from monitor_daemon.core.errors import CommandError
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.people import (
    Achieved,
    Correct,
    Exempt,
    Observe,
    Override,
    Range,
    SignDay,
    StopReason,
    Unblinding,
)
from monitor_daemon.core.results import KINDS
from monitor_daemon.core.rules.crt import level_changed
from monitor_daemon.core.rules.phases import achieve
from monitor_daemon.core.subject import PressureRange, StopNote

#: No target of a trial or of a physician lies outside (mmHg).
_TARGETS = (30.0, 150.0)


def observe(moment: Moment, given: Observe) -> None:
    """Check a value a person entered; all but a CRT takes effect here. Raises CommandError."""
    check_running(moment)
    _check_entry(given.kind, given.value)
    check_time(f"{given.kind} measured", given.at, moment.now)
    at = moment.now if given.at is None else given.at
    if given.kind == "weight":
        _weigh(moment, given.value, check_reason("a change of the dosing weight", given.reason))
    elif given.kind in KINDS:
        moment.subject.results.add(given.kind, at, given.value)
        moment.log("observed", kind=given.kind, value=given.value, measured=at)


def correct(moment: Moment, given: Correct) -> None:
    """Check a corrected value; a CRT's correction is judged by its rule. Raises CommandError."""
    check_running(moment)
    _check_entry(given.kind, given.value)
    check_reason("a correction", given.reason)
    if given.kind in KINDS:
        moment.subject.results.add(given.kind, given.at, given.value)
        moment.log(
            "corrected",
            kind=given.kind,
            value=given.value,
            measured=given.at,
            reason=given.reason,
        )
    elif given.kind != "crt":
        raise CommandError(
            f"{given.kind} is not corrected but entered anew, with a reason", code="BAD_VALUE"
        )


def _check_entry(kind: str, value: float) -> None:
    if kind not in ENTRIES:
        raise CommandError(f"observation {kind!r}: one of {', '.join(ENTRIES)}", code="BAD_VALUE")
    check_range(kind, value, *ENTRIES[kind])


def _weigh(moment: Moment, weight: float, reason: str) -> None:
    """Another dosing weight from now on; both doses are kept (reference 3.3)."""
    subject = moment.subject
    before, dose = subject.weight_kg, moment.dose.value
    subject.weight_kg = weight
    del moment.dose
    moment.log(
        "weight",
        before=before,
        after=weight,
        dose_before=dose,
        dose_after=moment.dose.value,
        reason=reason,
    )


def set_range(moment: Moment, given: Range) -> None:
    """The physician's pressure range; the same again confirms it. Raises CommandError."""
    check_running(moment)
    lowest, highest = _TARGETS
    if not lowest <= given.low < given.high <= highest:
        raise CommandError(
            f"range {given.low:g} to {given.high:g} mmHg: low before high, within {lowest:g} to"
            f" {highest:g}",
            code="BAD_VALUE",
        )
    before, now = moment.subject.range, moment.now
    same = before is not None and (before.low, before.high, before.variable) == (
        given.low,
        given.high,
        given.variable,
    )
    changed = before.changed if before is not None and same else now
    moment.subject.range = PressureRange(given.low, given.high, given.variable, changed, now)
    moment.log("range", low=given.low, high=given.high, variable=given.variable)


def override(moment: Moment, given: Override) -> None:
    """A physician's own target, or its end, which counts as a target change (reference R6)."""
    check_randomised(moment)
    subject = moment.subject
    aimed = subject.aim
    if given.target is None:
        if subject.override is None:
            raise CommandError("there is no override to lift", code="NO_OVERRIDE")
        subject.override = None
        level_changed(moment)
        if subject.target is not None:
            up = aimed is not None and subject.target > aimed
            moment.retarget(subject.target, "step_up" if up else "step_down", "override lifted")
        return
    check_range("target", given.target, "mmHg", *_TARGETS)
    reason = check_reason("an override", given.reason)
    subject.override = given.target
    if moment.rules.parameters.get("override_grace", True):
        moment.aim("step_up" if aimed is not None and given.target > aimed else "step_down")
    moment.log("override", target=given.target, reason=reason, actor=given.actor)


def achieved(moment: Moment, given: Achieved) -> None:
    """A physician declares the first target achieved (reference R1). Raises CommandError."""
    check_randomised(moment)
    reason = check_reason("a declared achievement", given.reason)
    for rule in moment.rules.rules:
        if rule.kind == "achievement" and moment.runs(rule):
            achieve(moment, rule, "declared")
            moment.log("achieved", reason=reason, actor=given.actor)
            return
    raise CommandError(
        f"{moment.subject.id} is in phase {moment.subject.phase}: nothing is left to achieve",
        code="BAD_PHASE",
    )


def exempt(moment: Moment, given: Exempt) -> None:
    """Exempt the patient from the rules of one name, or end that. Raises CommandError."""
    check_running(moment)
    subject, rules = moment.subject, moment.rules.rules
    wanted = given.rule
    groups = {
        rule.exemption
        for rule in rules
        if rule.exemption and wanted in {rule.exemption, rule.name, rule.clause}
    }
    names = [rule.name for rule in rules if rule.exemption in groups]
    if not names:
        known = ", ".join(rule.name for rule in rules if rule.exemption) or "none"
        raise CommandError(
            f"rule {wanted!r} knows no exemption; rules that do: {known}", code="BAD_VALUE"
        )
    if given.lift:
        for name in names:
            subject.exempt.pop(name, None)
    else:
        reason = check_reason("an exemption", given.reason)
        subject.exempt.update(dict.fromkeys(names, reason))
    moment.log("exempt", rules=", ".join(names), reason=given.reason, lifted=given.lift)


def stop_reason(moment: Moment, given: StopReason) -> None:
    """Why the study infusion was stopped; it holds until the infusion runs again."""
    check_randomised(moment)
    reason = check_reason("a stop", given.reason)
    moment.subject.stopped_for = StopNote(moment.now, reason)
    moment.log("stop_reason", reason=reason, channel=given.channel)


def unblinding(moment: Moment, given: Unblinding) -> None:
    """That somebody was unblinded, elsewhere; never what was found."""
    check_randomised(moment)
    check_time("unblinding", given.at, moment.now)
    moment.log(
        "unblinding",
        actor=given.actor,
        reason=check_reason("an unblinding", given.reason),
        told=given.told,
        when=moment.now if given.at is None else given.at,
    )


def sign_day(moment: Moment, given: SignDay) -> None:
    """The record of a trial day is complete. Raises CommandError for a day that is not."""
    subject = moment.subject
    if not subject.days:
        raise CommandError(f"{subject.id} has no trial days yet", code="BAD_TIME")
    if not 0 <= given.day < len(subject.days):
        raise CommandError(f"day {given.day}: 0 to {len(subject.days) - 1}", code="BAD_VALUE")
    if subject.days[given.day] > moment.now:
        raise CommandError(f"day D{given.day} has not ended", code="BAD_TIME")
    subject.signed[given.day] = given.actor
    moment.log("day_signed", day=given.day, actor=given.actor)
