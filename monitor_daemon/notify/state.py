"""A subject as staff may see him: pressure against target, dose, what is due, what is not known."""

from collections.abc import Mapping
from typing import Any

import msgspec

from monitor_daemon.clock import iso
from monitor_daemon.core.judgement import ENDED
from monitor_daemon.core.moment import NOREPINEPHRINE, Moment
from monitor_daemon.core.response import State
from monitor_daemon.core.rules.crt import Crt, next_due
from monitor_daemon.core.subject import OpenAlert, Subject
from monitor_daemon.core.ward import Ward
from monitor_daemon.engine.view import (
    PRE,
    bed_of,
    equivalent_doses,
    look,
    range_of,
    screened,
    study_rate_of,
)


def subject_state(
    ward: Ward, name: str, now: int, criteria: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The retained state of subject `name` at `now` (ms). It never says in which arm he is.

    `criteria` are those of the newest verdict of his screening. Pressures in mmHg, doses in
    ug/kg/min of base, times ISO 8601 UTC; None is not known, not due, or (ENDED) no longer looked
    at.
    """
    subject = ward.state.subjects[name]
    moment = look(ward, _spare(subject), now)
    judged = subject.failed is None and moment.bed.failed is None
    content: dict[str, Any] = {
        "subject": subject.id,
        "bed": bed_of(subject),
        "phase": subject.phase,
        "eligibility": None,
        "target": subject.aim,
        "override": subject.override is not None,
        "range": range_of(subject),
        "map5": None,
        "dose": {"drug": NOREPINEPHRINE, "value": None, "unit": "ug/kg/min"},
        "equivalents": [],
        "study_rate_ml_h": None,
        "next_crt_due": None,
        "data_quality": {"monitored": judged, "map": "unknown", "pumps": "unknown"},
        "open_alerts": _open_alerts(subject),
    }
    # What our own failure left behind may not be fit to be read.
    if judged and subject.phase != ENDED:
        blinded = ward.protocol(subject).blinded
        content["map5"] = moment.map5
        content["dose"]["value"] = moment.dose.value
        content["equivalents"] = equivalent_doses(moment, blinded=blinded)
        content["study_rate_ml_h"] = study_rate_of(moment, blinded=blinded)
        content["next_crt_due"] = _next_crt(moment)
        content["data_quality"] |= {"map": _map_quality(moment), "pumps": _pump_quality(moment)}
        if subject.phase == PRE:
            content["eligibility"] = _eligibility(moment, criteria)
    return content


def snoozed_until(alert: OpenAlert) -> str | None:
    """Until when an alert is silent because somebody wanted it so."""
    until = alert.response.snoozed_until
    return iso(until) if alert.response.state is State.SNOOZED and until is not None else None


def _spare(subject: Subject) -> Subject:
    """The subject with a copy of the memory that the CRT schedule writes into when it is asked."""
    spare = msgspec.structs.replace(subject, memory=dict(subject.memory))
    spare.memory[Crt.__name__] = msgspec.structs.replace(spare.recall(Crt))
    return spare


def _eligibility(moment: Moment, criteria: Mapping[str, Any] | None) -> dict[str, Any] | None:
    said = screened(moment.subject, moment.rules)
    if said is None:
        return None
    windows = said.windows
    return {
        "verdict": said.verdict,
        "reason": said.reason,
        "deadline": None if windows.deadline is None else iso(windows.deadline),
        "conservative_deadline": (
            None if windows.conservative is None else iso(windows.conservative)
        ),
        "criteria": None if criteria is None else dict(criteria),
    }


def _next_crt(moment: Moment) -> str | None:
    for rule in moment.rules.rules:
        if rule.kind == "crt_due" and moment.runs(rule):
            due = next_due(moment, rule)
            return None if due is None else iso(due)
    return None


def _map_quality(moment: Moment) -> str:
    pressure = moment.bed.pressure
    if moment.bed.line.doubts(moment.now, pressure.source):
        return "line_problem"
    if pressure.last_sample is None:
        return "never_seen"
    if pressure.no_pressure():
        return "unreadable"
    if pressure.frozen_since is not None:
        return "frozen"
    return "unknown" if moment.map5 is None else "known"


def _pump_quality(moment: Moment) -> str:
    infusions = moment.bed.infusions
    if not infusions.channels:
        return "never_seen"
    if infusions.silent(moment.now):
        return "silent"
    return "unmapped" if infusions.unknown() else "known"


def _open_alerts(subject: Subject) -> list[dict[str, Any]]:
    return [
        {
            "alert_id": alert.alert_id,
            "kind": alert.name,
            "class": alert.level,
            "raised_at": iso(alert.raised_at),
            "acknowledged": alert.acknowledged_at is not None,
            "snoozed_until": snoozed_until(alert),
        }
        for alert in subject.alerts.values()
    ]
