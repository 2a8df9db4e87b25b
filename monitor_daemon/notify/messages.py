"""Decisions of the core, and the ward as it stands, as messages for the broker. Pure.

Every key is explained in docs/reference/mqtt.md; the JSON Schemas lie in `schemas/`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from monitor_daemon.clock import iso
from monitor_daemon.core.events import Alert, Decision, Enrol, Input, LinkChanged, Tick
from monitor_daemon.core.judgement import ENDED
from monitor_daemon.core.ward import Ward
from monitor_daemon.journal.rows import OutboxRow
from monitor_daemon.notify.state import subject_state
from monitor_daemon.notify.words import Words

#: Transitions after which an alert stands no longer.
CLOSING: Final = frozenset({"cleared", "voided"})


class Composer:
    """Makes outbox rows for one site. Raises ConfigError for an unknown `language`."""

    def __init__(self, site: str, language: str = "en") -> None:
        self._root = f"monitor/{site}"
        self._words = Words(language)
        self._last: dict[str, bytes] = {}

    def publications(
        self,
        ward: Ward,
        inputs: Sequence[Input],
        decisions: Sequence[Decision],
        now: int,
        next_sequence: int,
    ) -> list[OutboxRow]:
        """The messages that follow from one commit group, judged up to `now` (ms).

        Events come first, numbered from `next_sequence`, then what is retained: of each topic only
        its newest content, and only if it has changed.
        """
        alerts = [decision for decision in decisions if isinstance(decision, Alert)]
        rows = [
            self._event(alert, sequence)
            for sequence, alert in enumerate(alerts, start=next_sequence)
        ]
        newest = {alert.alert_id: alert for alert in alerts}
        rows.extend(self._standing(ward, alert) for alert in newest.values())
        for subject in _concerned(ward, inputs, decisions):
            content = subject_state(ward, subject, now)
            topic = f"{self._root}/subjects/{subject}/state"
            body = msgspec.json.encode(content)
            if self._last.get(topic) != body:
                self._last[topic] = body
                rows.append(_retained(topic, {**content, "as_of": iso(now)}))
        links = {given.link: given for given in inputs if isinstance(given, LinkChanged)}
        rows.extend(self._link(given, now) for given in links.values())
        return rows

    def _event(self, alert: Alert, sequence: int) -> OutboxRow:
        content = {
            "event_id": alert.event_id,
            **self._alert(alert),
            "sequence": sequence,
            "transition": alert.transition,
            "window": _time(alert.window),
            "coverage": alert.coverage,
            "actor": alert.actor,
        }
        payload = msgspec.json.encode(content)
        return OutboxRow(f"{self._root}/events", payload, retain=False, sequence=sequence)

    def _standing(self, ward: Ward, alert: Alert) -> OutboxRow:
        topic = f"{self._root}/subjects/{alert.subject}/alerts/{alert.alert_id}"
        if alert.transition in CLOSING:
            return OutboxRow(topic, b"", retain=True)
        subject = ward.state.subjects.get(alert.subject)
        standing = None if subject is None else subject.alerts.get(alert.name)
        if standing is not None and standing.alert_id != alert.alert_id:
            standing = None
        content = {
            **self._alert(alert),
            "acknowledged_by": None if standing is None else standing.acknowledged_by,
            "acknowledged_at": None if standing is None else _time(standing.acknowledged_at),
        }
        return _retained(topic, content)

    def _alert(self, alert: Alert) -> dict[str, Any]:
        """What an event and the standing alert have in common."""
        return {
            "alert_id": alert.alert_id,
            "subject": alert.subject,
            "bed": alert.bed,
            "rule": alert.clause,
            "rule_version": alert.version,
            "protocol": alert.protocol,
            "params_hash": alert.params_hash,
            "kind": alert.name,
            "class": alert.level,
            "reason": alert.reason,
            "text": self._words.text(alert),
            "condition_since": iso(alert.condition_since),
            "raised_at": iso(alert.raised_at),
            "target": alert.target,
            "values": _values(alert.values),
        }

    def _link(self, given: LinkChanged, now: int) -> OutboxRow:
        content = {
            "link": given.link, "state": given.state, "reason": given.reason, "since": iso(now)
        }  # fmt: skip
        return _retained(f"{self._root}/links/{given.link}", content)


def _concerned(ward: Ward, inputs: Sequence[Input], decisions: Sequence[Decision]) -> list[str]:
    """Subjects whose state may have changed; of an ended one only his last."""
    subjects = ward.state.subjects
    found: dict[str, None] = {}
    for given in inputs:
        if isinstance(given, Tick):
            found.update({s.id: None for s in subjects.values() if s.phase != ENDED})
        elif isinstance(given, Enrol):
            found[given.subject] = None
    for decision in decisions:
        subject = getattr(decision, "subject", None)
        if subject is not None:
            found[subject] = None
    return [subject for subject in found if subject in subjects]


def _retained(topic: str, content: Mapping[str, Any]) -> OutboxRow:
    return OutboxRow(topic, msgspec.json.encode(content), retain=True)


def _values(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a rule saw, with its one instant written as one."""
    due = values.get("due")
    return {**values, "due": _time(round(due))} if due is not None else dict(values)


def _time(at: int | None) -> str | None:
    return None if at is None else iso(at)
