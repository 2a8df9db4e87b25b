"""Vasopressin beside norepinephrine: due, late, early and started (reference R5)."""

from collections.abc import Sequence

import msgspec

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.dose import exact
from monitor_daemon.core.episode import Episode, write
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.infusion import Course, Infusions
from monitor_daemon.core.moment import NOREPINEPHRINE, VASOPRESSIN, Moment
from monitor_daemon.core.protocol import Rule, RuleKind
from monitor_daemon.core.relive import Relived
from monitor_daemon.core.rules.family import Family


class Vasopressin(msgspec.Struct):
    """Vasopressin as it was followed; times in ms.

    `confirmed`: start of the confirmed course. `trial`: a delivery too short to count yet. `told`:
    the newest delivery of which something was said.
    """

    confirmed: int | None = None
    trial: int | None = None
    told: int = 0

    def follow(self, course: Course | None, now: int, confirm: int) -> tuple[int, bool] | None:
        """Go on to `now`: (beginning of a delivery, whether it counts) once that is known.

        It counts after `confirm` ms. A course that ended and began again since the judgement before
        is another one; one that was only first heard now, in another bed, is not.
        """
        if course is None:
            return None
        if self.confirmed is not None:
            again = course.since == now and course.stopped is not None
            if course.since is not None and not again:
                return None
            self.confirmed = None
        if course.run is None:
            begun, self.trial = self.trial, None
            return None if begun is None else (begun, False)
        self.trial = course.run
        if now - course.run < confirm:
            return None
        self.confirmed, self.trial = course.run, None
        return course.run, True


class VasopressinStart(Family):
    """VP_EARLY, VP_START_OK and VP_BLIP.

    A start counts after `confirm` minutes of delivery and is dated at its beginning. It is early if
    norepinephrine was not at `threshold` for `meet` minutes within `lookback` before to `confirm`
    after it. What ran at randomisation is a baseline fact.
    """

    kind = RuleKind(frozenset({"threshold", "confirm", "lookback", "meet"}), timed=False)
    sampled = pumped = True

    def advance(self, moment: Moment, rule: Rule) -> None:
        memory, infusions = moment.subject.recall(Vasopressin), moment.bed.infusions
        confirm = round(rule.options["confirm"] * MINUTE)
        found = memory.follow(infusions.courses.get(VASOPRESSIN), moment.now, confirm)
        if found is not None and moment.after_randomisation(found[0]) and moment.runs(rule):
            memory.told = found[0]
            verdict = _judge_start(moment, rule, infusions, *found)
            if verdict is not None:
                moment.open(rule, verdict, found[0])

    def remake(
        self, moment: Moment, rule: Rule, minutes: Sequence[int], relived: Relived | None
    ) -> None:
        """Starts that nobody saw are judged by the doses of their own time."""
        del minutes
        if relived is None:
            return
        subject, memory, replay = moment.subject, moment.subject.recall(Vasopressin), Vasopressin()
        confirm = round(rule.options["confirm"] * MINUTE)
        # Of a delivery that was seen the pump's own time may be a little later.
        unseen = max(memory.told + MINUTE, subject.attached or 0)
        early: list[Episode] = []
        dose = Course("vasopressor")
        for at, infusions in relived.steps.items():
            dose.amount, dose.complete = infusions.amount(NOREPINEPHRINE)
            dose.note(at, complete=dose.complete)
            course = infusions.courses.get(VASOPRESSIN)
            found = replay.follow(course, at, confirm)
            if course is not None and early and early[-1].since != replay.confirmed:
                early[-1].ended = early[-1].ended or course.stopped
            stood = subject.history.at(at)
            if found is None or at <= relived.first * MINUTE or found[0] <= unseen:
                continue
            runs = stood is not None and stood.phase in rule.phases
            if runs and moment.after_randomisation(found[0]):
                memory.told = found[0]
                then = msgspec.structs.replace(infusions, courses={NOREPINEPHRINE: dose})
                verdict = _judge_start(moment, rule, then, *found)
                if verdict is not None:
                    early.append(Episode(found[0], at, verdict))
        memory.confirmed, memory.trial = replay.confirmed, replay.trial
        for episode in early:
            write(moment, rule, episode)


def _judge_start(
    moment: Moment, rule: Rule, infusions: Infusions, start: int, counts: bool
) -> Verdict | None:
    """What is said of a delivery that began at `start` (ms); a verdict if it was early."""
    if not counts:
        moment.log("VP_BLIP", started=start)
        return None
    options = rule.options
    threshold = float(options["threshold"])
    longest, sure = infusions.reached(
        NOREPINEPHRINE,
        moment.amount(threshold),
        start - round(options["lookback"] * MINUTE),
        start + round(options["confirm"] * MINUTE),
    )
    if longest >= options["meet"] * MINUTE:
        moment.log("VP_START_OK", started=start, dose_known=sure)
        return None
    dose = infusions.dose(NOREPINEPHRINE, moment.subject.weight_kg)
    return Verdict(True, False, values={"dose": dose.value, "threshold": threshold})


class Overdose(msgspec.Struct):
    """Since when vasopressin is above the limit, and whether that was told."""

    since: int | None = None
    told: bool = False


class VasopressinDose(Family):
    """VP_DOSE: more than `limit` U/min for `minutes`. Information, closed when seen.

    A pause that is bridged ends no dose, but only what is delivered raises.
    """

    kind = RuleKind(frozenset({"limit", "minutes"}), timed=False)
    sampled = True

    def advance(self, moment: Moment, rule: Rule) -> None:
        memory, infusions = moment.subject.recall(Overdose), moment.bed.infusions
        dose = infusions.units_per_minute(VASOPRESSIN)
        if not moment.runs(rule) or dose.known <= exact(float(rule.options["limit"])):
            memory.since, memory.told = None, False
            return
        memory.since = moment.now if memory.since is None else memory.since
        ripe = moment.minutes_since(memory.since) >= rule.options["minutes"]
        delivered = _delivered(infusions.courses.get(VASOPRESSIN))
        if ripe and delivered and infusions.fresh(VASOPRESSIN, moment.now) and not memory.told:
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
            ended=confirmed,
            may_raise=not _delivered(course)
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


def _delivered(course: Course | None) -> bool:
    """Whether a drug flows now; a pause is none, though it may be bridged."""
    return course is not None and course.run is not None
