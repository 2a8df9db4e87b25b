"""The blinded study infusion, and vasopressin given openly beside it: reference 2.3.

Nothing here knows what the bag holds. The study infusion is a rate in mL/h and no more: it enters
no dose, no equivalent and no count of vasopressors (reference 2.5). A pump that is not heard says
nothing: silence is never a stop.
"""

from decimal import Decimal
from typing import Final

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.dose import exact
from monitor_daemon.core.moment import STUDY, VASOPRESSIN, Moment
from monitor_daemon.core.protocol import Rule, RuleKind, bridge_and_lead
from monitor_daemon.core.rules.family import Family

#: Drugs that a patient of the comparison gets beside the study infusion as a deviation only.
OPEN_LABEL: Final = (VASOPRESSIN, "terlipressin")


def study_rate(moment: Moment) -> Decimal | None:
    """What flows of the study drug (mL/h); None if that is not known."""
    infusions = moment.bed.infusions
    rate = infusions.rate(STUDY, moment.now)
    # A pump of unknown drug may be the study pump.
    return None if not rate and infusions.blurred else rate


def open_label(moment: Moment) -> tuple[bool | None, bool | None, str]:
    """Whether vasopressin flows openly, whether it is certainly off, and which drug it is.

    A pause is no delivery at once, but off only when it can no longer be a change of syringe.
    """
    infusions = moment.bed.infusions
    courses = {drug: infusions.courses[drug] for drug in OPEN_LABEL if drug in infusions.courses}
    known = not infusions.blurred and not any(c.silent for c in courses.values())
    flowing = [d for d, c in courses.items() if c.run is not None and not c.silent]
    begun = [d for d, c in courses.items() if c.since is not None]
    flows = True if flowing else (False if known else None)
    off = False if flowing else (not begun if known else None)
    return flows, off, ", ".join(flowing or begun)


class StudyNotStarted(Family):
    """SD_NOT_STARTED: the study infusion has not run `after` minutes after randomisation."""

    kind = RuleKind(frozenset({"after"}))
    sampled = True

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        started = _started(moment)
        late = moment.minutes_since(moment.subject.randomised) >= rule.options["after"]
        holds = None if started is None else not started and late
        return Verdict(holds, started, values={"minutes": float(rule.options["after"])})


class StudyInterrupted(Family):
    """SD_INTERRUPTED: it has run and stands still, and nobody told a reason.

    A reason holds until the infusion runs again. One told before the stop waits for it as long as
    the alert would.
    """

    sampled = pumped = True

    def advance(self, moment: Moment, rule: Rule) -> None:
        told = moment.subject.stopped_for
        course = moment.bed.infusions.courses.get(STUDY)
        if told is None or course is None or course.run is None or course.silent:
            return
        if course.run > told.at or moment.now - told.at >= rule.timing.sustain:
            moment.subject.stopped_for = None

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        del rule
        if moment.subject.stopped_for is not None:
            return Verdict(holds=False, clears=True, ended=True)
        rate, started = study_rate(moment), _started(moment)
        if rate is None or started is None:
            return Verdict(holds=None, clears=None)
        return Verdict(holds=started and rate == 0, clears=rate > 0)


class StudyRate(Family):
    """SD_RATE: the study infusion runs faster than `limit` mL/h."""

    kind = RuleKind(frozenset({"limit"}))
    sampled = pumped = True

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        rate = study_rate(moment)
        if rate is None:
            return Verdict(holds=None, clears=None)
        limit = float(rule.options["limit"])
        fast = rate > exact(limit)
        return Verdict(fast, not fast, values={"rate": float(rate), "limit": limit})


class OpenLabel(Family):
    """OL_VASOPRESSIN: vasopressin or terlipressin flows, and not as the study drug."""

    sampled = pumped = True

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        del rule
        flows, off, drug = open_label(moment)
        return Verdict(holds=flows, clears=off, values={"drug": drug})


def _started(moment: Moment) -> bool | None:
    """Whether the study infusion runs, or has since randomisation; None if that is not known.

    What ended sooner than a pause may last was priming (reference 3.5).
    """
    randomised = moment.subject.randomised
    if randomised is None:
        return False
    bridge, _ = bridge_and_lead(moment.rules)
    runs, _ = moment.exposure.merged((STUDY,), bridge, 0)
    if any(end >= randomised and end - start >= bridge for start, end in runs):
        return True
    rate = study_rate(moment)
    return None if rate is None else rate > 0
