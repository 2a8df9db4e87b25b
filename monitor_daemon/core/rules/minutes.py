"""The class of every minute under the strategy, for adherence: reference R4."""

from collections.abc import Sequence

from monitor_daemon.core.ledger import WAIT, Bounds
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import Rule, RuleKind
from monitor_daemon.core.rules.family import Family


class MinuteClasses(Family):
    """Keeps the ledger. Options: `band` mmHg above target, graces in minutes after a change."""

    kind = RuleKind(frozenset({"band", "low_grace", "high_grace"}), timed=False)

    def close(self, moment: Moment, rule: Rule) -> None:
        settle(moment, rule, moment.minute - WAIT)

    def finish(self, moment: Moment, rule: Rule) -> None:
        settle(moment, rule, moment.minute + 1)


def settle(moment: Moment, rule: Rule, before: int) -> None:
    """Class the minutes up to `before`."""
    subject = moment.subject
    subject.ledger.settle(before, subject.history, moment.bed.pressure, bounds(rule))


def remake(moment: Moment, minutes: Sequence[int]) -> None:
    """Class minutes again: their value, or what stood then, was known only later."""
    subject = moment.subject
    for rule in moment.rules.rules:
        if rule.kind == "minute_classes":
            subject.ledger.remake(minutes, subject.history, moment.bed.pressure, bounds(rule))


def bounds(rule: Rule) -> Bounds:
    """The numbers of a rule of this kind."""
    options = rule.options
    return Bounds(
        float(options["band"]),
        float(options["low_grace"]),
        float(options["high_grace"]),
        tuple(sorted(rule.phases)),
    )
