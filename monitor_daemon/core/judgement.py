"""The evaluation of one subject at one instant, in the order of reference 0.2."""

from collections.abc import Sequence
from typing import Final

from monitor_daemon.core.condition import RAISED, Condition, Timing, Verdict
from monitor_daemon.core.events import Observe
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import PHASES, Rule
from monitor_daemon.core.rules import FAMILIES

ENDED: Final = "ENDED"


def judge(moment: Moment, entries: Sequence[Observe], *, whole: bool) -> None:
    """Phases, then entries, then alerts; at whole minutes also what is written after them."""
    rules = moment.rules.rules
    if moment.subject.phase == ENDED:
        for rule in rules:
            FAMILIES[rule.kind].finish(moment, rule)
        return
    for rule in rules:
        FAMILIES[rule.kind].advance(moment, rule)
    for entry in entries:
        for rule in rules:
            FAMILIES[rule.kind].entry(moment, rule, entry)
    for rule in rules:
        _alert(moment, rule)
    if whole:
        for rule in rules:
            FAMILIES[rule.kind].close(moment, rule)


def _alert(moment: Moment, rule: Rule) -> None:
    """Feed the rule's verdict to its condition machine, and say what changed."""
    subject = moment.subject
    if not moment.runs(rule):
        subject.conditions.pop(rule.name, None)
        if rule.name in subject.alerts:
            moment.close(rule.name, "phase")
        return
    verdict = FAMILIES[rule.kind].judge(moment, rule)
    if verdict is None:
        return
    condition = subject.conditions.get(rule.name)
    if condition is None:
        condition = subject.conditions[rule.name] = Condition()
    since = condition.raising.since
    if condition.judge(verdict, rule.timing, moment.now):
        if condition.state in RAISED:
            moment.open(rule, verdict, moment.now if since is None else since)
        else:
            moment.close(rule.name, "cleared")
    alert = subject.alerts.get(rule.name)
    after = rule.attention_after
    if alert is None or after is None or alert.level != "info":
        return
    if moment.now - alert.raised_at >= after:
        alert.level = "attention"
        moment.transition(alert, "escalated")


class NotMonitored:
    """The alert that says that we cannot judge a subject. It needs no protocol file."""

    rule = Rule(
        name="NOT_MONITORED",
        kind="",
        clause="engine",
        level="attention",
        phases=frozenset(PHASES),
        timing=Timing(),
        options={},
        attention_after=None,
    )

    def say(self, moment: Moment) -> None:
        """Raise it, once."""
        if self.rule.name not in moment.subject.alerts:
            values = {"error": moment.subject.failed}
            moment.open(self.rule, Verdict(True, False, values=values), moment.now)


NOT_MONITORED: Final = NotMonitored()
