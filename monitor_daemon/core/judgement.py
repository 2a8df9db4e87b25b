"""The evaluation of one subject at one instant, in the order of reference 0.2."""

from collections.abc import Sequence
from typing import Final

from monitor_daemon.core.condition import RAISED, Condition, Verdict
from monitor_daemon.core.history import Standing
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.people import Correct, Observe
from monitor_daemon.core.protocol import NOT_MONITORED, Rule
from monitor_daemon.core.rules import FAMILIES

ENDED: Final = "ENDED"


def judge(moment: Moment, entries: Sequence[Observe | Correct], *, whole: bool) -> None:
    """Phases, then entries, then alerts; at whole minutes also what is written after them."""
    rules = moment.rules.rules
    for rule in rules:
        FAMILIES[rule.kind].advance(moment, rule)
    for entry in entries:
        for rule in rules:
            FAMILIES[rule.kind].entry(moment, rule, entry)
    for rule in rules:
        _alert(moment, rule)
    note(moment)
    if whole:
        for rule in rules:
            FAMILIES[rule.kind].close(moment, rule)


def note(moment: Moment) -> None:
    """Write down what is in force from now on."""
    subject = moment.subject
    subject.history.note(
        Standing(
            since=moment.now,
            phase=subject.phase,
            target=subject.aim,
            changed=subject.changed,
            change=subject.change,
            on=moment.on,
        )
    )


def _alert(moment: Moment, rule: Rule) -> None:
    """Feed the rule's verdict to its condition machine, and say what changed."""
    subject = moment.subject
    if not moment.runs(rule):
        subject.conditions.pop(rule.name, None)
        if rule.name in subject.alerts:
            moment.close(rule.name, "exempt" if rule.name in subject.exempt else "phase")
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


def say_not_monitored(moment: Moment) -> None:
    """Raise it, once."""
    if NOT_MONITORED.name not in moment.subject.alerts:
        values = {"error": moment.subject.failed}
        moment.open(NOT_MONITORED, Verdict(True, False, values=values), moment.now)
