"""Alerts that people and other rules raise: events, and a physician's own target (R6)."""

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import Rule
from monitor_daemon.core.rules.family import Family


class EventAlert(Family):
    """An alert that another rule raises, and an acknowledgement or its successor closes."""


class TargetOverride(Family):
    """R6: a physician has set another target; it is one deviation until he lifts it."""

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        del rule
        own, target = moment.subject.override, moment.subject.target
        return Verdict(own is not None, own is None, values={"override": own, "protocol": target})
