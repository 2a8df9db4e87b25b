"""The ward as a person asks for it: beds, channels and subjects, with every state by its name."""

from typing import Any

from monitor_daemon.clock import iso
from monitor_daemon.core.moment import NOREPINEPHRINE
from monitor_daemon.core.subject import Bed, Subject
from monitor_daemon.core.ward import Ward


def ward_view(ward: Ward) -> dict[str, Any]:
    """All beds and subjects of `ward` in words and numbers."""
    state = ward.state
    return {
        "beds": {name: _bed(bed) for name, bed in state.beds.items()},
        "subjects": {
            name: _subject(subject, state.beds[subject.bed], state.minute)
            for name, subject in state.subjects.items()
        },
    }


def _bed(bed: Bed) -> dict[str, Any]:
    pressure = bed.pressure
    return {
        "last_pressure": None if pressure.last_sample is None else iso(pressure.last_sample),
        "rejected": dict(pressure.rejected),
        "failed": bed.failed,
        "channels": {
            key: {
                "drug": channel.drug or "unknown drug",
                "status": channel.status,
                "rate_ml_h": float(channel.rate),
                "concentration": None if channel.strength is None else float(channel.strength),
                "concentration_derived": channel.derived,
                "seen": iso(channel.seen),
            }
            for key, channel in bed.infusions.channels.items()
        },
    }


def _subject(subject: Subject, bed: Bed, minute: int) -> dict[str, Any]:
    dose = bed.infusions.dose(NOREPINEPHRINE, subject.weight_kg)
    return {
        "bed": subject.bed,
        "protocol": f"{subject.protocol}@{subject.version}",
        "arm": subject.arm,
        "phase": subject.phase,
        "target": subject.target,
        "map5": bed.pressure.map5(minute),
        "dose": dose.value,
        "dose_at_least": float(dose.known),
        "weight_kg": subject.weight_kg,
        "failed": subject.failed,
        "minutes": dict(subject.ledger.counts),
        "alerts": {
            alert.name: {
                "id": alert.alert_id,
                "class": alert.level,
                "since": iso(alert.condition_since),
                "raised_at": iso(alert.raised_at),
                "acknowledged_by": alert.acknowledged_by,
            }
            for alert in subject.alerts.values()
        },
    }
