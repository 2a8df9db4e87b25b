"""What the words of a pump about itself add up to.

Words and events are those of the IHE PCD Technical Framework (PCD-01, PCD-10); the reasons
`alarming` and `powered-off` are from captured messages of one gateway.
"""

from collections.abc import Mapping
from typing import Final

from monitor_daemon.core.vocabulary import PumpStatus

_RUNNING: Final = PumpStatus.RUNNING
_STOPPED: Final = PumpStatus.STOPPED
#: After `pump-status-` or `pump-delivery-status-`.
_WORDS: Final = {
    "infusing": _RUNNING,
    "delivering": _RUNNING,
    "running": _RUNNING,
    "not-infusing": _STOPPED,
    "not-delivering": _STOPPED,
    "stopped": _STOPPED,
    "complete": _STOPPED,
    "completed": _STOPPED,
    "ready": _STOPPED,
    "kvo": PumpStatus.KVO,
    "standby": PumpStatus.STANDBY,
    "paused": PumpStatus.PAUSED,
    "bolus": PumpStatus.BOLUS,
    "purge": PumpStatus.PURGE,
    "alarm": PumpStatus.ALARM,
    "off": PumpStatus.OFF,
}
_REASONS: Final = {
    "pump-stopped-by-clinician": PumpStatus.PAUSED,
    "pump-stopped-alarming": PumpStatus.ALARM,
    "pump-stopped-powered-off": PumpStatus.OFF,
}
#: Events of PCD-10 by number (196608 + 680 and 684) and name, for a pump that sends no status.
_EVENTS: Final = {
    "197288": _RUNNING,
    "197292": _STOPPED,
    "MDC_EVT_PUMP_DELIV_START": _RUNNING,
    "MDC_EVT_PUMP_DELIV_STOP": _STOPPED,
    "MDC_EVT_PUMP_DELIV_COMP": _STOPPED,
}
#: A rate is being changed: the pump stops for a moment and goes on.
_TRANSITIONING: Final = "pump-delivery-status-transitioning"
_BOLUS_SOURCES: Final = ("clinician", "loading")

AT_REST: Final = frozenset(
    {_STOPPED, PumpStatus.PAUSED, PumpStatus.STANDBY, PumpStatus.ALARM, PumpStatus.OFF}
)
#: States that run at a rate of their own, which the programmed one is not.
OWN_RATE: Final = frozenset({PumpStatus.KVO, PumpStatus.BOLUS, PumpStatus.PURGE})


def status_of(said: Mapping[str, str]) -> PumpStatus:
    """The state from what the pump says by `status`, `delivery`, `reason`, `sources`, `event`.

    The infusing status goes before that of a source, and both before an event.
    """
    infusing = status_word(said.get("status", ""))
    delivering = status_word(said.get("delivery", ""))
    status = infusing or delivering
    if status is None and _TRANSITIONING not in said.get("delivery", ""):
        words = said.get("event", "").upper().split()
        status = next((_EVENTS[word] for word in words if word in _EVENTS), None)
    if PumpStatus.KVO in {infusing, delivering}:
        return PumpStatus.KVO
    if status is _STOPPED:
        words = said.get("reason", "").lower().split()
        return next((_REASONS[word] for word in words if word in _REASONS), status)
    if status is _RUNNING and any(word in said.get("sources", "") for word in _BOLUS_SOURCES):
        return PumpStatus.BOLUS
    return status or PumpStatus.UNKNOWN


def status_word(text: str) -> PumpStatus | None:
    """The state in any component of a value; None while it is changing or not understood."""
    for word in text.lower().split():
        state = word.removeprefix("pump-").removeprefix("delivery-").removeprefix("status-")
        if state in _WORDS:
            return _WORDS[state]
    return None
