"""Decisions of the core, and the ward as it stands, as messages for the broker. Pure.

Every key is explained in docs/reference/mqtt.md; the JSON Schemas lie in `schemas/`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from monitor_daemon.clock import iso
from monitor_daemon.core.decisions import Alert, Decision, Eligibility, Push, Pushed
from monitor_daemon.core.events import LinkChanged, Started, Tick
from monitor_daemon.core.judgement import ENDED
from monitor_daemon.core.moment import as_it_stands
from monitor_daemon.core.people import Enrol, Input, Screen
from monitor_daemon.core.subject import OpenAlert, Subject
from monitor_daemon.core.ward import Ward
from monitor_daemon.journal.rows import OutboxRow
from monitor_daemon.notify.roster import Roster
from monitor_daemon.notify.state import snoozed_until, subject_state
from monitor_daemon.notify.words import Told, Words

#: Transitions after which an alert stands no longer.
CLOSING: Final = frozenset({"cleared", "voided"})
#: Values of an alert that are instants (ms).
INSTANTS: Final = frozenset({"due", "since", "deadline"})


class Composer:
    """Makes outbox rows for one site; without a `roster` nobody is told in person.

    `report` makes the row for an alarm manager, None for an alert that it is not told of. Raises
    ConfigError for an unknown `language`.
    """

    def __init__(
        self,
        site: str,
        language: str = "en",
        roster: Roster | None = None,
        report: Callable[[Alert], OutboxRow | None] | None = None,
    ) -> None:
        self._root = f"monitor/{site}"
        self._words = Words(language)
        self._roster = roster
        self._report = report
        self._last: dict[str, bytes] = {}
        self._criteria: dict[str, dict[str, Any]] = {}

    def publications(
        self,
        ward: Ward,
        inputs: Sequence[Input],
        decisions: Sequence[Decision],
        now: int,
        next_sequence: int,
    ) -> list[OutboxRow]:
        """The messages that follow from one commit group, judged up to `now` (ms).

        Events come first, numbered from `next_sequence`, then what the alarm manager and people in
        person are told, then what is retained: of each topic only its newest content, and only if
        it has changed. At a start all that stands goes out, for a broker that has forgotten it, and
        links that were removed are taken away.
        """
        alerts = [decision for decision in decisions if isinstance(decision, Alert)]
        rows = [
            self._event(alert, sequence)
            for sequence, alert in enumerate(alerts, start=next_sequence)
        ]
        if self._report is not None:
            rows.extend(row for row in map(self._report, alerts) if row is not None)
        for decision in decisions:
            if isinstance(decision, Push):
                rows.extend(self._personal(ward, decision))
            elif isinstance(decision, Eligibility):
                self._criteria[decision.subject] = decision.criteria
        newest = {alert.alert_id: alert for alert in alerts}
        if any(isinstance(given, Started) for given in inputs):
            newest = {told.alert_id: told for told in _open(ward, now)} | newest
            rows.extend(_emptied(f"{self._root}/links/{link}") for link in _removed(ward))
        rows.extend(self._standing(ward, alert) for alert in newest.values())
        for subject in _concerned(ward, inputs, decisions):
            content = subject_state(ward, subject, now, self._criteria.get(subject))
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

    def _personal(self, ward: Ward, push: Push) -> Iterator[OutboxRow]:
        """One message for each recipient on duty: everything that concerns a role of his."""
        if self._roster is None:
            return
        told: dict[str, dict[str, tuple[Pushed, str]]] = {}
        for item in push.items:
            for role in item.to:
                for recipient in self._roster.recipients(role, push.at):
                    told.setdefault(recipient, {}).setdefault(item.alert_id, (item, role))
        for recipient, items in told.items():
            known = [(i, r, _find(ward, push.subject, i.alert_id)) for i, r in items.values()]
            content = {
                "subject": push.subject,
                "bed": push.bed,
                "text": " ".join(
                    self._words.push(
                        Told(
                            name=item.name,
                            bed=push.bed,
                            at=push.at,
                            condition_since=alert.condition_since,
                            target=alert.target,
                            values=alert.values,
                            reason=item.reason,
                        )
                    )
                    for item, _, alert in known
                ),
                "items": [
                    {
                        "alert_id": item.alert_id,
                        "kind": item.name,
                        "class": alert.level,
                        "reason": item.reason,
                        "role": role,
                    }
                    for item, role, alert in known
                ],
                "at": iso(push.at),
            }
            topic = f"{self._root}/recipients/{recipient}"
            yield OutboxRow(topic, msgspec.json.encode(content), retain=False)

    def _standing(self, ward: Ward, alert: Alert) -> OutboxRow:
        topic = f"{self._root}/subjects/{alert.subject}/alerts/{alert.alert_id}"
        if alert.transition in CLOSING:
            return _emptied(topic)
        subject = ward.state.subjects.get(alert.subject)
        standing = None if subject is None else subject.alerts.get(alert.name)
        if standing is not None and standing.alert_id != alert.alert_id:
            standing = None
        content = {
            **self._alert(alert),
            "acknowledged_by": None if standing is None else standing.acknowledged_by,
            "acknowledged_at": None if standing is None else _time(standing.acknowledged_at),
            "snoozed_until": None if standing is None else snoozed_until(standing),
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
    """Subjects whose state may have changed or been forgotten; of an ended one only his last."""
    subjects = ward.state.subjects
    found: dict[str, None] = {}
    for given in inputs:
        if isinstance(given, Started):
            found.update(dict.fromkeys(subjects))
        elif isinstance(given, Tick):
            found.update({s.id: None for s in subjects.values() if s.phase != ENDED})
        elif isinstance(given, Screen | Enrol):
            found[given.subject] = None
    for decision in decisions:
        subject = getattr(decision, "subject", None)
        if subject is not None:
            found[subject] = None
    return [subject for subject in found if subject in subjects]


def _open(ward: Ward, now: int) -> Iterator[Alert]:
    """Every open alert in the form of a decision; none was made and no event goes out."""
    for subject in ward.state.subjects.values():
        for alert in subject.alerts.values():
            yield _stands(ward, subject, alert, now)


def _stands(ward: Ward, subject: Subject, alert: OpenAlert, now: int) -> Alert:
    said = as_it_stands(subject, alert, now, ward.rules(subject).params_hash)
    if alert.acknowledged_at is None:
        return said
    return msgspec.structs.replace(said, transition="acknowledged", actor=alert.acknowledged_by)


def _find(ward: Ward, subject: str, alert_id: str) -> OpenAlert:
    """The alert, which may have been closed since it was told."""
    known = ward.state.subjects[subject]
    open_now = (alert for alert in known.alerts.values() if alert.alert_id == alert_id)
    return next(open_now, None) or known.past[alert_id]


def _removed(ward: Ward) -> list[str]:
    """Links that were once heard of and do not stand in the configuration any more."""
    configured = ward.state.configured
    return [] if configured is None else [n for n in ward.state.links if n not in configured.ranks]


def _emptied(topic: str) -> OutboxRow:
    """Takes a retained message away."""
    return OutboxRow(topic, b"", retain=True)


def _retained(topic: str, content: Mapping[str, Any]) -> OutboxRow:
    return OutboxRow(topic, msgspec.json.encode(content), retain=True)


def _values(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a rule saw, with its instants written as such."""
    return {
        key: _time(round(value)) if key in INSTANTS and value is not None else value
        for key, value in values.items()
    }


def _time(at: int | None) -> str | None:
    return None if at is None else iso(at)
