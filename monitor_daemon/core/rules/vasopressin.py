"""Vasopressin beside norepinephrine: due, late, early and started (reference R5)."""

import msgspec

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.dose import exact
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.infusion import Course
from monitor_daemon.core.moment import NOREPINEPHRINE, VASOPRESSIN, Moment
from monitor_daemon.core.protocol import Rule, RuleKind
from monitor_daemon.core.rules.family import Family


class Vasopressin(msgspec.Struct):
    """`confirmed`: start of the confirmed course. `trial`: a delivery too short to count yet."""

    confirmed: int | None = None
    trial: int | None = None


class VasopressinStart(Family):
    """VP_EARLY, VP_START_OK and VP_BLIP.

    A start counts after `confirm` minutes of delivery and is dated at its beginning. It is early if
    norepinephrine was not at `threshold` for `meet` minutes within `lookback` before to `confirm`
    after it. What ran at randomisation is a baseline fact.
    """

    kind = RuleKind(frozenset({"threshold", "confirm", "lookback", "meet"}), timed=False)
    sampled = pumped = True

    def advance(self, moment: Moment, rule: Rule) -> None:
        memory = moment.subject.recall(Vasopressin)
        course = moment.bed.infusions.courses.get(VASOPRESSIN)
        if course is None:
            return
        if memory.confirmed is not None:
            if course.since is None:
                memory.confirmed = None
            return
        if course.run is None:
            short = memory.trial is not None and moment.after_randomisation(memory.trial)
            if short and moment.runs(rule):
                moment.log("VP_BLIP", started=memory.trial)
            memory.trial = None
            return
        memory.trial = course.run
        if moment.now - course.run >= rule.options["confirm"] * MINUTE:
            memory.confirmed, memory.trial = course.run, None
            if moment.runs(rule) and moment.after_randomisation(course.run):
                self._started(moment, rule, course.run)

    def _started(self, moment: Moment, rule: Rule, start: int) -> None:
        options = rule.options
        longest, sure = moment.bed.infusions.reached(
            NOREPINEPHRINE,
            moment.amount(float(options["threshold"])),
            start - round(options["lookback"] * MINUTE),
            start + round(options["confirm"] * MINUTE),
        )
        if longest >= options["meet"] * MINUTE:
            moment.log("VP_START_OK", started=start, dose_known=sure)
            return
        values = {"dose": moment.dose.value, "threshold": float(options["threshold"])}
        moment.open(rule, Verdict(True, False, values=values), start)


class Overdose(msgspec.Struct):
    """Since when vasopressin is above the limit, and whether that was told."""

    since: int | None = None
    told: bool = False


class VasopressinDose(Family):
    """VP_DOSE: more than `limit` U/min for `minutes`. Information, closed when seen."""

    kind = RuleKind(frozenset({"limit", "minutes"}), timed=False)
    sampled = True

    def advance(self, moment: Moment, rule: Rule) -> None:
        memory = moment.subject.recall(Overdose)
        dose = moment.bed.infusions.units_per_minute(VASOPRESSIN)
        if not moment.runs(rule) or dose.known <= exact(float(rule.options["limit"])):
            memory.since, memory.told = None, False
            return
        memory.since = moment.now if memory.since is None else memory.since
        if moment.minutes_since(memory.since) >= rule.options["minutes"] and not memory.told:
            memory.told = True
            values = {"vasopressin": float(dose.known), "limit": float(rule.options["limit"])}
            moment.open(rule, Verdict(True, False, values=values), memory.since)


class VasopressinDue(Family):
    """VP_DUE and VP_LATE: norepinephrine at `threshold` for the time given, and no vasopressin.

    With `map_not_over` a dose that holds MAP5 above target plus `margin` is not required: lowering
    norepinephrine comes first. Only a fresh pump message may raise it (reference 0.7).
    """

    kind = RuleKind(
        frozenset({"threshold", "map_not_over", "margin"}), switches=frozenset({"map_not_over"})
    )
    sampled = pumped = True

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        options = rule.options
        confirmed = moment.subject.recall(Vasopressin).confirmed is not None
        course = moment.bed.infusions.courses.get(VASOPRESSIN)
        holds = moment.dose.at_least(exact(float(options["threshold"])))
        if confirmed or (options["map_not_over"] and self._over(moment, float(options["margin"]))):
            holds = False
        return Verdict(
            holds=holds,
            clears=confirmed,
            may_raise=not _starting(course)
            and moment.bed.infusions.fresh(NOREPINEPHRINE, moment.now),
            values={
                "dose": moment.dose.value,
                "threshold": float(options["threshold"]),
                "map5": moment.map5,
            },
        )

    def _over(self, moment: Moment, margin: float) -> bool:
        map5, target = moment.map5, moment.subject.aim
        return map5 is not None and target is not None and map5 > target + margin


def _starting(course: Course | None) -> bool:
    return course is not None and course.run is not None
