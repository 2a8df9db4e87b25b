"""The class of every minute under the strategy, for adherence: reference R4."""

from monitor_daemon.core.ledger import WAIT, Bounds, Minute
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import Rule, RuleKind
from monitor_daemon.core.rules.family import Family


class MinuteClasses(Family):
    """Keeps the ledger. Options: `band` mmHg above target, graces in minutes after a change."""

    kind = RuleKind(frozenset({"band", "low_grace", "high_grace"}), timed=False)

    def close(self, moment: Moment, rule: Rule) -> None:
        subject, ledger = moment.subject, moment.subject.ledger
        ledger.settle(moment.minute - WAIT, moment.bed.pressure.bins, bounds(rule))
        runs = moment.runs(rule) and subject.target is not None
        if runs and (not ledger.pending or ledger.pending[-1].minute < moment.minute):
            ledger.pending.append(
                Minute(
                    moment.minute,
                    subject.target or 0.0,
                    subject.target_changed or 0,
                    subject.target_change,
                    moment.on,
                )
            )

    def finish(self, moment: Moment, rule: Rule) -> None:
        ledger = moment.subject.ledger
        if ledger.pending:
            ledger.settle(ledger.pending[-1].minute + 1, moment.bed.pressure.bins, bounds(rule))


def bounds(rule: Rule) -> Bounds:
    """The numbers of a rule of this kind."""
    options = rule.options
    return Bounds(float(options["band"]), float(options["low_grace"]), float(options["high_grace"]))
