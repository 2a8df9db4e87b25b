"""Alerts that people and other rules raise: events, and a physician's own target (R6)."""

import msgspec

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import Rule, RuleKind
from monitor_daemon.core.rules.family import Family


class EventAlert(Family):
    """An alert that another rule raises, and an acknowledgement or its successor closes."""


class Seen(msgspec.Struct):
    """Until when (ms) jumps are known; those before a patient came do not concern him."""

    at: int | None = None


class ClockSet(Family):
    """A device's clock was set by more than a minute (0.7): the new offset is in force.

    Told at the next judgement; an acknowledgement or the next jump closes it.
    """

    kind = RuleKind(timed=False)
    sampled = True

    def advance(self, moment: Moment, rule: Rule) -> None:
        jump, memory = moment.bed.jump, moment.subject.recall(Seen, rule.name)
        if memory.at is None:
            memory.at = moment.now
        if jump is None or jump.at <= max(memory.at, moment.subject.attached or 0):
            return
        memory.at = jump.at
        if moment.runs(rule):
            verdict = Verdict(True, False, values={"link": jump.link, "seconds": jump.seconds})
            moment.open(rule, verdict, jump.at)


class TargetOverride(Family):
    """R6: a physician has set another target; it is one deviation until he lifts it."""

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        del rule
        own, target = moment.subject.override, moment.subject.target
        return Verdict(own is not None, own is None, values={"override": own, "protocol": target})
