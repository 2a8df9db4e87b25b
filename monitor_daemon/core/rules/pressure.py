"""MAP against the target, the floor, and pressures that cannot be read: R4 and reference 4.2."""

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import Rule, RuleKind
from monitor_daemon.core.rules.family import Family


class MapLow(Family):
    """MAP5 below target minus `margin`; not before `grace` minutes after a target change."""

    kind = RuleKind(frozenset({"margin", "grace"}))
    sampled = late = True

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        map5, target = moment.map5, moment.subject.aim
        if map5 is None or target is None:
            return Verdict(None, None)
        return Verdict(
            holds=map5 < target - rule.options["margin"],
            clears=map5 >= target,
            may_raise=moment.minutes_since(moment.subject.changed) >= rule.options["grace"],
            values={"map5": map5, "target": target},
        )


class MapHigh(Family):
    """MAP5 above target plus `margin` while a vasopressor runs: there is something to reduce."""

    kind = RuleKind(frozenset({"margin", "grace"}))
    sampled = late = True

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        map5, target, on = moment.map5, moment.subject.aim, moment.on
        if map5 is None or target is None:
            return Verdict(None, True if on is False else None)
        over = map5 > target + rule.options["margin"]
        return Verdict(
            holds=on if over else False,
            clears=not over or (None if on is None else not on),
            may_raise=moment.minutes_since(moment.subject.changed) >= rule.options["grace"],
            values={"map5": map5, "target": target, "dose": moment.dose.value},
        )


class BinsBelow(Family):
    """FLOOR and SEVERE_LOW: `count` valid bins in a row below `limit`; `calm` bins at it clear."""

    kind = RuleKind(frozenset({"limit", "count", "calm"}))
    sampled = late = True

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        limit = float(rule.options["limit"])
        newest = moment.bed.pressure.last_bins(moment.minute, round(rule.options["count"]))
        calm = moment.bed.pressure.last_bins(moment.minute, round(rule.options["calm"]))
        return Verdict(
            holds=None if newest is None else all(value < limit for value in newest),
            clears=None if calm is None else all(value >= limit for value in calm),
            values={
                "bin": newest[0] if newest else None,
                "limit": limit,
                "since": self._since(moment, limit),
            },
        )

    def _since(self, moment: Moment, limit: float) -> int | None:
        """Since when (ms) every minute up to now is below; None if the last one is not."""
        bins, first = moment.bed.pressure.bins, moment.minute
        while bins.get(first - 1, limit) < limit:
            first -= 1
        return None if first == moment.minute else first * MINUTE


class ArtCheck(Family):
    """Rule 2 of the filter: the pressure is unreadable, look at the patient."""

    sampled = True

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        del rule
        unreadable = moment.bed.pressure.no_pressure()
        readable = moment.minute - 1 in moment.bed.pressure.bins and not unreadable
        return Verdict(holds=unreadable, clears=readable)


class FeedFrozen(Family):
    """Rule 6 of the filter: the monitor repeats one triplet, which no patient does."""

    sampled = True

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        del rule
        since = moment.bed.pressure.frozen_since
        return Verdict(since is not None, since is None, values={"since": since})


class MapGap(Family):
    """No valid bin for `minutes`; known again when MAP5 is."""

    kind = RuleKind(frozenset({"minutes"}))
    sampled = True

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        span = round(rule.options["minutes"])
        bins = moment.bed.pressure.bins
        missing = not any(m in bins for m in range(moment.minute - span, moment.minute))
        # A line that was just connected, or was never seen, gets the same minutes to appear.
        subject, first = moment.subject, moment.bed.pressure.first_sample
        connected = max(subject.randomised or 0, subject.attached or 0, subject.left or 0)
        begun = connected if first is None else first
        return Verdict(
            holds=missing,
            clears=moment.map5 is not None,
            may_raise=moment.minutes_since(begun) >= span,
            values={"minutes": span},
        )
