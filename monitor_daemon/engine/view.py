"""The ward as a person asks for it: beds, channels and subjects, with every state by its name."""

from typing import Any, Final

import msgspec

from monitor_daemon.clock import iso
from monitor_daemon.core.criteria import Said
from monitor_daemon.core.dose import exact
from monitor_daemon.core.equivalents import doses_given, equivalents
from monitor_daemon.core.infusion import PRESSORS
from monitor_daemon.core.judgement import ENDED
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import RuleSet
from monitor_daemon.core.rules.study import study_rate
from monitor_daemon.core.subject import Bed, Subject
from monitor_daemon.core.ward import Ward

PRE: Final = "PRE"
#: Kinds of rule that give a verdict on eligibility.
_SCREENING: Final = {"inclusion", "inclusion_window"}


def ward_view(ward: Ward) -> dict[str, Any]:
    """All beds and subjects of `ward` in words and numbers."""
    state = ward.state
    return {
        "beds": {name: _bed(bed) for name, bed in state.beds.items()},
        "subjects": {
            name: _subject(ward, subject, look(ward, subject, state.judged))
            for name, subject in state.subjects.items()
        },
    }


def look(ward: Ward, subject: Subject, now: int) -> Moment:
    """The subject with the devices that are his, at `now` (ms), to be asked and not changed."""
    theirs = None if subject.left is not None else ward.state.beds.get(subject.bed)
    return Moment(
        site="",
        now=now,
        minute=ward.state.minute,
        subject=subject,
        bed=theirs or Bed(),
        rules=ward.rules(subject),
    )


def bed_of(subject: Subject) -> str | None:
    """His bed; at the end of the protocol his last one. None: he is connected to nothing."""
    return subject.bed if subject.left is None or subject.phase == ENDED else None


def equivalent_doses(moment: Moment, *, blinded: bool) -> list[dict[str, Any]]:
    """Norepinephrine equivalents by every formula; `blinded`: only those without vasopressin.

    `value` is None if not every infusion is known. It is too low if not `complete`: then a drug
    runs that the formula does not know, or that nobody knows. Without a weight there are none.
    """
    weight, infusions = moment.subject.weight_kg, moment.bed.infusions
    if weight is None:
        return []
    courses = infusions.courses.items()
    given = [drug for drug, c in courses if c.group in PRESSORS and c.since is not None]
    doses, known = doses_given(infusions, given, exact(weight))
    known = known and not infusions.blurred
    return [
        {
            "formula": found.formula,
            "unit": found.unit,
            "value": float(found.value) if known else None,
            "with_vasopressin": found.with_vasopressin,
            "complete": known and found.complete,
        }
        for found in equivalents(doses, blinded=blinded)
    ]


def screened(subject: Subject, rules: RuleSet) -> Said | None:
    """The verdict of screening as it was last said; None if he is not screened."""
    for rule in rules.rules:
        kept = subject.memory.get(rule.name)
        if kept is not None and rule.kind in _SCREENING:
            return kept if isinstance(kept, Said) else msgspec.convert(kept, Said)
    return None


def range_of(subject: Subject) -> dict[str, Any] | None:
    """The physician's pressure range (mmHg)."""
    wanted = subject.range
    if wanted is None:
        return None
    return {
        "variable": wanted.variable,
        "low": wanted.low,
        "high": wanted.high,
        "confirmed": iso(wanted.confirmed),
    }


def study_rate_of(moment: Moment, *, blinded: bool) -> float | None:
    """What flows of a blinded study infusion (mL/h and nothing else); None: unknown, or none."""
    rate = study_rate(moment) if blinded else None
    return None if rate is None else float(rate)


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


def _subject(ward: Ward, subject: Subject, moment: Moment) -> dict[str, Any]:
    blinded = ward.protocol(subject).blinded
    said = screened(subject, moment.rules) if subject.phase == PRE else None
    return {
        "bed": bed_of(subject),
        "protocol": f"{subject.protocol}@{subject.version}",
        "arm": subject.arm,
        "phase": subject.phase,
        "eligibility": None
        if said is None
        else {
            "verdict": said.verdict,
            "reason": said.reason,
            "deadline": _time(said.windows.deadline),
            "conservative_deadline": _time(said.windows.conservative),
        },
        "target": subject.aim,
        "override": subject.override is not None,
        "range": range_of(subject),
        "map5": moment.map5,
        "dose": moment.dose.value,
        "dose_at_least": float(moment.dose.known),
        "equivalents": equivalent_doses(moment, blinded=blinded),
        "study_rate_ml_h": study_rate_of(moment, blinded=blinded),
        "weight_kg": subject.weight_kg,
        "exempt": dict(subject.exempt),
        "failed": subject.failed,
        "minutes": dict(subject.ledger.counts),
        "alerts": {
            alert.name: {
                "id": alert.alert_id,
                "class": alert.level,
                "since": iso(alert.condition_since),
                "raised_at": iso(alert.raised_at),
                "acknowledged_by": alert.acknowledged_by,
                "response": alert.response.state.value,
                "snoozed_until": _time(alert.response.snoozed_until),
            }
            for alert in subject.alerts.values()
        },
    }


def _time(at: int | None) -> str | None:
    return None if at is None else iso(at)
