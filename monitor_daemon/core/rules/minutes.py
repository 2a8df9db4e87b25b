"""The class of every minute under the strategy, for adherence: reference R4."""

from collections.abc import Sequence

from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.ledger import WAIT, Bounds
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import Rule, RuleKind
from monitor_daemon.core.relive import Relived
from monitor_daemon.core.rules.family import Family


class MinuteClasses(Family):
    """Keeps the ledger. Options: `band` mmHg above target, graces in minutes after a change."""

    kind = RuleKind(frozenset({"band", "low_grace", "high_grace"}), timed=False)

    def close(self, moment: Moment, rule: Rule) -> None:
        settle(moment, rule, moment.minute - WAIT)

    def finish(self, moment: Moment, rule: Rule) -> None:
        settle(moment, rule, moment.minute + 1)

    def remake(
        self, moment: Moment, rule: Rule, minutes: Sequence[int], relived: Relived | None
    ) -> None:
        del relived
        subject = moment.subject
        subject.ledger.remake(minutes, subject.history, moment.bed.pressure, bounds(rule))

    def lose(self, moment: Moment, rule: Rule, since: int) -> None:
        subject = moment.subject
        subject.ledger.lose(-(-since // MINUTE), subject.history, bounds(rule))


def settle(moment: Moment, rule: Rule, before: int) -> None:
    """Class the minutes up to `before`."""
    subject = moment.subject
    subject.ledger.settle(before, subject.history, moment.bed.pressure, bounds(rule))


def bounds(rule: Rule) -> Bounds:
    """The numbers of a rule of this kind."""
    options = rule.options
    return Bounds(
        float(options["band"]),
        float(options["low_grace"]),
        float(options["high_grace"]),
        tuple(sorted(rule.phases)),
    )
