"""A subject as staff may see him: pressure against target, dose, what is due, what is not known."""

from typing import Any

import msgspec

from monitor_daemon.clock import iso
from monitor_daemon.core.judgement import ENDED
from monitor_daemon.core.moment import NOREPINEPHRINE, Moment
from monitor_daemon.core.rules.crt import Crt, next_due
from monitor_daemon.core.subject import Bed, Subject
from monitor_daemon.core.ward import Ward


def subject_state(ward: Ward, name: str, now: int) -> dict[str, Any]:
    """The retained state of subject `name` at `now` (ms). It never says in which arm he is.

    Pressures in mmHg, doses in ug/kg/min of base, times ISO 8601 UTC; None is not known, not due,
    or (ENDED) no longer looked at.
    """
    subject = ward.state.subjects[name]
    bed = ward.state.beds.get(subject.bed) or Bed()
    judged = subject.failed is None and bed.failed is None
    content: dict[str, Any] = {
        "subject": subject.id,
        "bed": subject.bed,
        "phase": subject.phase,
        "target": subject.target,
        "map5": None,
        "dose": {"drug": NOREPINEPHRINE, "value": None, "unit": "ug/kg/min"},
        "next_crt_due": None,
        "data_quality": {"monitored": judged, "map": "unknown", "pumps": "unknown"},
        "open_alerts": _open_alerts(subject),
    }
    # What our own failure left behind may not be fit to be read.
    if judged and subject.phase != ENDED:
        moment = Moment(
            site="",
            now=now,
            minute=ward.state.minute,
            subject=_spare(subject),
            bed=bed,
            rules=ward.rules(subject),
        )
        content["map5"] = moment.map5
        content["dose"]["value"] = moment.dose.value
        content["next_crt_due"] = _next_crt(moment)
        content["data_quality"] |= {"map": _map_quality(moment), "pumps": _pump_quality(moment)}
    return content


def _spare(subject: Subject) -> Subject:
    """The subject with a copy of the memory that the CRT schedule writes into when it is asked."""
    spare = msgspec.structs.replace(subject, memory=dict(subject.memory))
    spare.memory[Crt.__name__] = msgspec.structs.replace(spare.recall(Crt))
    return spare


def _next_crt(moment: Moment) -> str | None:
    for rule in moment.rules.rules:
        if rule.kind == "crt_due" and rule.options["permissive"] and moment.runs(rule):
            due = next_due(moment, rule)
            return None if due is None else iso(due)
    return None


def _map_quality(moment: Moment) -> str:
    if moment.bed.pressure.last_sample is None:
        return "never_seen"
    if moment.bed.pressure.no_pressure():
        return "unreadable"
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
        }
        for alert in subject.alerts.values()
    ]
