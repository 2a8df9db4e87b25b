"""Alerts as reports to an alarm manager: which go out, under which ids, in which phase. Pure."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Final, Literal

from msgspec.structs import replace

from monitor_daemon.core.decisions import Alert
from monitor_daemon.core.events import SECOND
from monitor_daemon.core.moment import as_it_stands
from monitor_daemon.core.response import State
from monitor_daemon.core.subject import OpenAlert, Subject
from monitor_daemon.core.ward import Ward
from monitor_daemon.hl7.oru_r40 import (
    AlertReport,
    Envelope,
    Inactivation,
    MeanPressure,
    Phase,
    Priority,
    alert_message,
    heartbeat_message,
)
from monitor_daemon.journal.rows import ALARM_MANAGER, OutboxRow
from monitor_daemon.notify.pcd04_settings import AlarmManagerSettings
from monitor_daemon.notify.words import Words

_PHASES: Final[Mapping[str, Phase]] = {
    "raised": "start",
    "repeated": "continue",
    "acknowledged": "continue",
    "snoozed": "continue",
    "escalated": "escalate",
    "cleared": "end",
    "voided": "end",
}
_SEEN: Final[Mapping[str, Inactivation]] = {
    "acknowledged": "alert-acknowledged",
    "snoozed": "audio-paused",
}
_QUIET: Final[Mapping[State, Inactivation]] = {
    State.ACKNOWLEDGED: "alert-acknowledged",
    State.SNOOZED: "audio-paused",
}
#: Alerts about the mean pressure: which value they saw, and beyond which side it is.
_PRESSURES: Final[Mapping[str, tuple[str, Literal["low", "high"]]]] = {
    "MAP_LOW": ("map5", "low"),
    "MAP_HIGH": ("map5", "high"),
    "FLOOR": ("bin", "low"),
    "SEVERE_LOW": ("bin", "low"),
}


#: An open alert and whose it is.
Standing = tuple[Subject, OpenAlert]


class Reports:
    """Makes the messages of one site. Raises ConfigError for an unknown `language`."""

    def __init__(
        self, settings: AlarmManagerSettings, site: str, zone: tzinfo, language: str = "en"
    ) -> None:
        self.settings = settings
        self._site = site
        self._zone = zone
        self._words = Words(language)
        self._priorities: Mapping[str, Priority] = {
            "urgent": settings.urgent_priority,
            "attention": "PL",
            "info": "PN",
        }
        self._envelope = Envelope(
            site=site,
            application=_parts(settings.sending_application),
            facility=_parts(settings.sending_facility or site),
            to_application=_parts(settings.receiving_application or ""),
            to_facility=_parts(settings.receiving_facility or ""),
            language=language,
            receipts=settings.receipts,
        )

    def row(self, alert: Alert) -> OutboxRow | None:
        """The report of one transition, to be kept until it is acknowledged; None: it stays here.

        Its control id is the event's id, so that judging again makes no second message of it.
        """
        phase = _PHASES.get(alert.transition)
        if phase is None or alert.level not in self.settings.classes:
            return None
        if self._grew(alert):
            phase = "start"
        quiet = _SEEN.get(alert.transition, "enabled")
        return OutboxRow(ALARM_MANAGER, self._message(alert, phase, quiet), retain=False)

    def standing(self, ward: Ward, committed: int) -> dict[str, Standing]:
        """By alert_id every open alert that goes out and was raised before `committed` (ms)."""
        return {
            alert.alert_id: (subject, alert)
            for subject in ward.state.subjects.values()
            for alert in subject.alerts.values()
            if alert.raised_at < committed and alert.level in self.settings.classes
        }

    def again(self, standing: Standing, now: int) -> bytes:
        """The report that an alert still stands."""
        subject, alert = standing
        quiet = _QUIET.get(alert.response.state, "enabled")
        # It is no event of the record and has an id of its own.
        told = replace(as_it_stands(subject, alert, now), event_id=f"{alert.alert_id}-at-{now}")
        return self._message(told, "continue", quiet)

    def heartbeat(self, now: int) -> bytes:
        """A sign of life."""
        control = f"alive-{self._site}-{now}"
        every = self.settings.heartbeat_seconds
        return heartbeat_message(self._envelope, control, self._moment(now), every)

    def _grew(self, alert: Alert) -> bool:
        """Whether an info alert, which stayed here, has just become attention."""
        return (
            alert.transition == "escalated"
            and alert.reason not in {"escalated", "persisting"}
            and "info" not in self.settings.classes
        )

    def _message(self, alert: Alert, phase: Phase, quiet: Inactivation) -> bytes:
        first = phase == "start"
        report = AlertReport(
            control_id=alert.event_id,
            # Whoever knows the alert knows under which id it was reported first.
            report_id=alert.alert_id if first else alert.event_id,
            parent=None if first else alert.alert_id,
            at=self._moment(alert.at),
            phase=phase,
            priority=self._priorities[alert.level],
            subject=alert.subject,
            bed=alert.bed,
            kind=alert.name,
            clause=f"{alert.protocol} {alert.clause}",
            text=self._words.text(alert),
            inactivation=quiet,
            pressure=self._pressure(alert, phase),
        )
        return alert_message(self._envelope, report)

    def _pressure(self, alert: Alert, phase: Phase) -> MeanPressure | None:
        """The pressure by which the rule last held, with the time of that."""
        if alert.name not in _PRESSURES:
            return None
        key, side = _PRESSURES[alert.name]
        value = None if phase == "end" else alert.values.get(key)
        at = alert.raised_at if alert.values_at is None else alert.values_at
        return MeanPressure(value, self._moment(at), side, alert.values.get("limit"))

    def _moment(self, at: int) -> datetime:
        return datetime.fromtimestamp(at // SECOND, self._zone)


def alert_of(control_id: str) -> str:
    """The alert that a message is about: its control id begins with it."""
    return control_id.partition("-")[0]


def _parts(name: str) -> tuple[str, ...]:
    return tuple(name.split("^")) if name else ()
