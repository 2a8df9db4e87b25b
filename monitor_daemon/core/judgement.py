"""The evaluation of one subject at one instant, in the order of reference 0.2."""

from collections.abc import Sequence
from typing import Final

from monitor_daemon.core.condition import RAISED, Condition, Verdict
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.history import Standing, off_until
from monitor_daemon.core.moment import Moment, plain
from monitor_daemon.core.people import Correct, Observe
from monitor_daemon.core.protocol import NOT_MONITORED, Rule
from monitor_daemon.core.rules import FAMILIES

ENDED: Final = "ENDED"


def judge(moment: Moment, entries: Sequence[Observe | Correct], *, whole: bool) -> None:
    """Phases, then entries, then alerts; at whole minutes also what is written after them."""
    rules = moment.rules.rules
    for rule in rules:
        FAMILIES[rule.kind].advance(moment, rule)
    # What was measured first comes first, however the entries of one instant are ordered.
    for entry in sorted(entries, key=lambda given: moment.now if given.at is None else given.at):
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
    _date_stop(moment)
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


def _date_stop(moment: Moment) -> None:
    """A stop is certain only after the bridge; in the record it has its true beginning (3.5)."""
    history = moment.subject.history
    off = off_until(moment.bed.infusions, moment.now, history.on)
    if not history.entries or history.on is False or off is None:
        return
    off = max(off, moment.subject.attached or 0, history.entries[0].since)
    history.rewrite([(off, False), *([(moment.now, True)] if moment.on else [])])
    for rule in moment.rules.rules:
        minutes = range(-(-off // MINUTE), moment.minute)
        FAMILIES[rule.kind].remake(moment, rule, minutes, None)


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
    if alert is not None and verdict.holds:
        # What people are told again is what holds now, not what held when it was raised.
        alert.values, alert.values_at = plain(verdict.values), moment.now
    after = rule.attention_after
    if alert is None or after is None or alert.level != "info":
        return
    if moment.now - alert.raised_at >= after:
        alert.level = "attention"
        moment.heightened.add(alert.name)
        moment.transition(alert, "escalated")


def say_not_monitored(moment: Moment) -> None:
    """Raise it, once."""
    if NOT_MONITORED.name not in moment.subject.alerts:
        values = {"error": moment.subject.failed}
        moment.open(NOT_MONITORED, Verdict(True, False, values=values), moment.now)
