"""What people tell the core, checked. A wrong command raises CommandError and changes nothing."""

import re
from collections.abc import Mapping
from typing import Final

from monitor_daemon.core.errors import CommandError, ConfigError
from monitor_daemon.core.events import SECOND, Acknowledge, End, Enrol, Observe
from monitor_daemon.core.judgement import ENDED
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import Protocol
from monitor_daemon.core.subject import Subject

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
    "cvp": ("mmHg", -10.0, 50.0),
}


def check_name(what: str, given: str) -> None:
    """Raise CommandError unless `given` can stand in a topic."""
    if not NAME.fullmatch(given):
        raise CommandError(
            f"{what} {given!r}: 1 to 64 of the letters A-Z a-z, digits, _ and -", code="BAD_NAME"
        )


def _check_range(what: str, value: float, unit: str, low: float, high: float) -> None:
    if not low <= value <= high:
        raise CommandError(
            f"{what} {value:g} {unit}: expected {low:g} to {high:g}", code="BAD_VALUE"
        )


def find_subject(subjects: Mapping[str, Subject], name: str) -> Subject:
    """The subject of this id. Raises CommandError."""
    if name not in subjects:
        raise CommandError(f"subject {name!r} is not enrolled", code="UNKNOWN_SUBJECT")
    return subjects[name]


def enrol(
    given: Enrol, subjects: Mapping[str, Subject], protocols: Mapping[str, Protocol], now: int
) -> Subject:
    """A new subject in the first phase of his protocol. Raises CommandError."""
    check_name("subject", given.subject)
    check_name("bed", given.bed)
    if given.subject in subjects:
        raise CommandError(
            f"subject {given.subject!r} is already enrolled", code="ALREADY_ENROLLED"
        )
    for other in subjects.values():
        if other.bed == given.bed and other.phase != ENDED:
            raise CommandError(
                f"bed {given.bed!r} holds subject {other.id!r}; end or move him first",
                code="BED_TAKEN",
            )
    _check_range("weight", given.weight_kg, *ENTRIES["weight"])
    randomised = now if given.randomised is None else given.randomised
    if randomised > now + _AHEAD:
        raise CommandError("randomised in the future", code="BAD_TIME")
    protocol = _protocol(given, protocols)
    overrides = dict(given.overrides)
    if given.floor is not None:
        overrides["floor"] = _floor(given.floor, protocol)
    try:
        rules = protocol.for_arm(given.arm, overrides)
    except ConfigError as error:
        raise CommandError(str(error), code="UNKNOWN_ARM") from None
    return Subject(
        id=given.subject,
        bed=given.bed,
        protocol=protocol.id,
        version=protocol.version,
        arm=given.arm,
        weight_kg=float(given.weight_kg),
        randomised=randomised,
        phase=rules.first_phase,
        overrides=overrides,
        target=_initial_target(rules.parameters),
    )


def _protocol(given: Enrol, protocols: Mapping[str, Protocol]) -> Protocol:
    known = [p for p in protocols.values() if p.id == given.protocol]
    if given.version is not None:
        known = [p for p in known if p.version == given.version]
    if not known:
        names = ", ".join(sorted(protocols)) or "none"
        raise CommandError(
            f"protocol {given.protocol!r} is not in force; in force: {names}",
            code="UNKNOWN_PROTOCOL",
        )
    return max(known, key=lambda p: p.version)


def _floor(floor: float, protocol: Protocol) -> float:
    lowest = float(protocol.parameters.get("floor", floor))
    highest = float(protocol.parameters.get("initial_target", floor))
    if not lowest <= floor <= highest:
        raise CommandError(
            f"floor {floor:g} mmHg: a patient's floor may be raised up to {highest:g}, never below"
            f" {lowest:g}",
            code="BAD_VALUE",
        )
    return floor


def _initial_target(parameters: Mapping[str, float | bool]) -> float | None:
    target = parameters.get("initial_target")
    return None if target is None else float(target)


def observe(moment: Moment, given: Observe) -> None:
    """Check a value a person entered; a weight takes effect here. Raises CommandError."""
    _check_running(moment)
    if given.kind not in ENTRIES:
        raise CommandError(
            f"observation {given.kind!r}: one of {', '.join(ENTRIES)}", code="BAD_VALUE"
        )
    _check_range(given.kind, given.value, *ENTRIES[given.kind])
    if given.at is not None and given.at > moment.now + _AHEAD:
        raise CommandError(f"{given.kind} measured in the future", code="BAD_TIME")
    if given.kind == "weight":
        if not given.reason:
            raise CommandError("a dosing weight is corrected with a reason", code="REASON_MISSING")
        moment.log(
            "weight", before=moment.subject.weight_kg, after=given.value, reason=given.reason
        )
        moment.subject.weight_kg = given.value
    elif given.kind != "crt":
        moment.log("observed", kind=given.kind, value=given.value, measured=given.at or moment.now)


def acknowledge(moment: Moment, given: Acknowledge) -> None:
    """A person has seen an alert. One that no condition keeps open is closed by it."""
    alerts = moment.subject.alerts
    alert = next((a for a in alerts.values() if given.alert in {a.alert_id, a.name}), None)
    if alert is None:
        open_now = ", ".join(alerts) or "none"
        raise CommandError(
            f"alert {given.alert!r} is not open for {moment.subject.id}; open: {open_now}",
            code="UNKNOWN_ALERT",
        )
    alert.acknowledged_by, alert.acknowledged_at = given.actor, moment.now
    moment.transition(alert, "acknowledged", reason=given.reason, actor=given.actor)
    if alert.name not in moment.subject.conditions and moment.subject.failed is None:
        moment.close(alert.name, "acknowledged")


def end(moment: Moment, given: End) -> None:
    """The protocol ends for this subject: all alerts are cleared, the record stays."""
    _check_running(moment)
    moment.enter(ENDED)
    moment.log("ended", reason=given.reason, actor=given.actor)
    for name in list(moment.subject.alerts):
        moment.close(name, "protocol ended")
    moment.subject.conditions.clear()


def _check_running(moment: Moment) -> None:
    if moment.subject.phase == ENDED:
        raise CommandError(f"the protocol of {moment.subject.id} has ended", code="ENDED")
