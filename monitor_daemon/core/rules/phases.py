"""From randomisation to the end of the protocol: R1 and the phases of reference 1.3."""

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import Rule, RuleKind
from monitor_daemon.core.rules.family import Family


class Achievement(Family):
    """R1: of the last `window` bins `valid` exist, and `fraction` of those reach `level`."""

    kind = RuleKind(
        frozenset({"window", "valid", "fraction", "level", "target"}),
        timed=False,
        shares=frozenset({"fraction"}),
    )

    def advance(self, moment: Moment, rule: Rule) -> None:
        if not moment.runs(rule):
            return
        options, bins = rule.options, moment.bed.pressure.bins
        first = moment.minute - round(options["window"])
        values = [bins[m] for m in range(first, moment.minute) if m in bins]
        reached = sum(value >= options["level"] for value in values)
        if len(values) >= options["valid"] and reached >= options["fraction"] * len(values):
            achieve(moment, rule, "achieved", first * MINUTE)


def achieve(moment: Moment, rule: Rule, reason: str, window: int | None = None) -> None:
    """The first target is achieved, by rule or by a physician's word: the strategy begins."""
    moment.subject.entered = moment.now
    moment.enter("ACTIVE", window)
    moment.retarget(float(rule.options["target"]), "active", reason)


class ResusOverdue(Family):
    """R1: the first pressure is not achieved `after` minutes after randomisation."""

    kind = RuleKind(frozenset({"after"}))

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        waited = moment.minutes_since(moment.subject.randomised)
        return Verdict(
            holds=waited >= rule.options["after"],
            clears=False,
            values={"minutes": round(waited), "map5": moment.map5},
        )


class ProtocolEnd(Family):
    """Reference 1.3: the strategy ends `hours` after randomisation."""

    kind = RuleKind(frozenset({"hours"}), timed=False)

    def advance(self, moment: Moment, rule: Rule) -> None:
        if not moment.runs(rule):
            return
        if moment.minutes_since(moment.subject.randomised) >= 60 * rule.options["hours"]:
            moment.enter("ENDED")
