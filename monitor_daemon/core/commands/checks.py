"""What a command may name, and within which limits a value is believed."""

import re
from collections.abc import Mapping
from typing import Final

from monitor_daemon.core.errors import CommandError
from monitor_daemon.core.events import SECOND
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.subject import OpenAlert, Subject

ENDED: Final = "ENDED"
PRE: Final = "PRE"
ACTIVE: Final = "ACTIVE"
#: Ids and aliases become MQTT topic levels (contract: topic levels).
NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: A device clock or a phone may be a little ahead of this machine.
_AHEAD: Final = 60 * SECOND

#: Values a person may enter: unit and plausible range. CRT limits are those of reference R2.
ENTRIES: Final[Mapping[str, tuple[str, float, float]]] = {
    "crt": ("s", 0.2, 20.0),
    "weight": ("kg", 20.0, 400.0),
    "lactate": ("mmol/L", 0.1, 30.0),
    "cardiac_index": ("L/min/m2", 0.3, 15.0),
    "sodium": ("mmol/L", 90.0, 200.0),
    "creatinine": ("umol/L", 5.0, 3000.0),
    "cvp": ("mmHg", -10.0, 50.0),
}


def check_name(what: str, given: str) -> None:
    """Raise CommandError unless `given` can stand in a topic."""
    if not NAME.fullmatch(given):
        raise CommandError(
            f"{what} {given!r}: 1 to 64 of the letters A-Z a-z, digits, _ and -", code="BAD_NAME"
        )


def check_range(what: str, value: float, unit: str, low: float, high: float) -> None:
    """Raise CommandError unless `value` is plausible."""
    if not low <= value <= high:
        raise CommandError(
            f"{what} {value:g} {unit}: expected {low:g} to {high:g}", code="BAD_VALUE"
        )


def check_time(what: str, at: int | None, now: int) -> None:
    """Raise CommandError for a time that has not come yet."""
    if at is not None and at > now + _AHEAD:
        raise CommandError(f"{what} in the future", code="BAD_TIME")


def check_reason(what: str, reason: str | None) -> str:
    """The reason given. Raises CommandError if there is none."""
    if not reason or not reason.strip():
        raise CommandError(f"{what} needs a reason", code="REASON_MISSING")
    return reason


def check_running(moment: Moment) -> None:
    """Raise CommandError if the protocol has ended."""
    if moment.subject.phase == ENDED:
        raise CommandError(f"the protocol of {moment.subject.id} has ended", code="ENDED")


def check_randomised(moment: Moment) -> None:
    """Raise CommandError unless the patient is under the strategy."""
    check_running(moment)
    if moment.subject.randomised is None:
        raise CommandError(f"{moment.subject.id} is not randomised", code="NOT_RANDOMISED")


def find_subject(subjects: Mapping[str, Subject], name: str) -> Subject:
    """The subject of this id. Raises CommandError."""
    if name not in subjects:
        raise CommandError(f"subject {name!r} is not enrolled", code="UNKNOWN_SUBJECT")
    return subjects[name]


def find_open(moment: Moment, name: str) -> OpenAlert:
    """The open alert of this id or name. Raises CommandError."""
    alerts = moment.subject.alerts
    for alert in alerts.values():
        if name in {alert.alert_id, alert.name}:
            return alert
    open_now = ", ".join(alerts) or "none"
    raise CommandError(
        f"alert {name!r} is not open for {moment.subject.id}; open: {open_now}",
        code="UNKNOWN_ALERT",
    )


def find_alert(moment: Moment, name: str) -> OpenAlert:
    """The alert of this id, open or past; by name the open one, else the newest.

    Raises CommandError.
    """
    subject = moment.subject
    found = [*subject.alerts.values(), *reversed(subject.past.values())]
    for alert in found:
        if name in {alert.alert_id, alert.name}:
            return alert
    raise CommandError(f"{subject.id} never had alert {name!r}", code="UNKNOWN_ALERT")
