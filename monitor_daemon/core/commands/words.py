"""Which function carries out which command about a patient who is known."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from monitor_daemon.core.commands import alerts, inclusion, strategy
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.people import (
    Achieved,
    Acknowledge,
    Code,
    Correct,
    End,
    Exempt,
    Observe,
    Override,
    Range,
    SignDay,
    Snooze,
    StopReason,
    Unblinding,
    Void,
)

#: What carries out a command about a patient, at the moment of its instant.
WORDS: Final[Mapping[type, Callable[[Moment, Any], None]]] = {
    StopReason: strategy.stop_reason,
    Range: strategy.set_range,
    Achieved: strategy.achieved,
    Observe: strategy.observe,
    Correct: strategy.correct,
    Override: strategy.override,
    Exempt: strategy.exempt,
    Unblinding: strategy.unblinding,
    SignDay: strategy.sign_day,
    Acknowledge: alerts.acknowledge,
    Snooze: alerts.snooze,
    Code: alerts.code,
    Void: alerts.void,
    End: inclusion.end,
}
