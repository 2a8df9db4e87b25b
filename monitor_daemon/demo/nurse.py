"""The nurse of the demonstration: enrols and enters through the control socket, as people do."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from drivers.kit.playback import SimClock
from monitor_daemon.control.requests import (
    EnrolRequest,
    ObserveRequest,
    RandomiseRequest,
    RangeRequest,
    Request,
    ScreenRequest,
)
from monitor_daemon.control.socket import ask
from monitor_daemon.core.errors import CommandError
from monitor_daemon.demo.plan import Entry, Patient, People, PhysicianRange

_ACTOR: Final = "demo-nurse"
#: A request is sent a little before its minute, so that its minute already sees what it changed:
#: real seconds, but at most so many simulated ones.
_AHEAD_S: Final = 0.1
_AHEAD_AT_MOST: Final = 20.0
_VALUES: Final = {
    "crt": ("capillary refill time", "s"),
    "lactate": ("lactate", "mmol/L"),
}

#: Minute since T+0, request, and the same in words.
Work = tuple[float, Request, str]


async def work(
    people: People, control: Path, clock: SimClock, say: Callable[[str, str], None]
) -> None:
    """Make every entry at its minute; `say` gets each in words and its time.

    Raises LinkError if the daemon cannot be reached, CommandError if it refuses.
    """
    loop = asyncio.get_running_loop()
    for minute, request, words in _entries(people, clock):
        ahead = min(_AHEAD_S * clock.speed, _AHEAD_AT_MOST)
        when = clock.monotonic(60 * (people.randomised + minute) - ahead)
        await asyncio.sleep(when - loop.time())
        reply = await ask(control, msgspec.json.encode(request))
        if not reply.ok:
            raise CommandError(f"{words}: {reply.reason}", code=reply.code)
        say(f"{words}{_outcome(reply.result or {})}", clock.at(loop.time()).isoformat())


def _entries(people: People, clock: SimClock) -> list[Work]:
    """Everything there is to do, in the order of time."""
    found: list[Work] = []
    for patient in people.patients:
        since = clock.utc + timedelta(minutes=people.randomised + patient.randomised)
        found += _admission(patient, since.isoformat())
    found += [_observation(entry) for entry in people.entries]
    found += [_range(entry) for entry in people.ranges]
    return sorted(found, key=lambda item: item[0])


def _admission(patient: Patient, randomised: str) -> Iterator[Work]:
    """How a patient comes into his trial: at once, or by way of screening."""
    subject, bed, weight = patient.subject, patient.bed, patient.weight_kg
    if patient.screened is None:
        enrolment = EnrolRequest(
            actor=_ACTOR,
            subject=subject,
            bed=bed,
            protocol=patient.protocol,
            arm=patient.arm,
            weight_kg=weight,
            randomised=randomised,
        )
        words = f"enrols {subject} in {bed}, {patient.arm}, {weight:g} kg"
        yield patient.randomised, enrolment, words
        return
    screening = ScreenRequest(
        actor=_ACTOR, subject=subject, bed=bed, protocol=patient.protocol, weight_kg=weight
    )
    words = f"screens {subject} in {bed} for {patient.protocol}, {weight:g} kg"
    yield patient.screened, screening, words
    allocation = RandomiseRequest(actor=_ACTOR, subject=subject, randomised=randomised)
    yield patient.randomised, allocation, f"enters that {subject} was randomised"


def _observation(entry: Entry) -> Work:
    name, unit = _VALUES[entry.kind]
    request = ObserveRequest(
        actor=_ACTOR,
        subject=entry.subject,
        kind=entry.kind,
        value=entry.value,
        at=f"-{entry.ago}" if entry.ago else None,
    )
    measured = f", measured {entry.ago} min ago" if entry.ago else ""
    return entry.t, request, f"enters {name} {entry.value:g} {unit} for {entry.subject}{measured}"


def _range(entry: PhysicianRange) -> Work:
    request = RangeRequest(actor=_ACTOR, subject=entry.subject, low=entry.low, high=entry.high)
    limits = f"{entry.low:g} to {entry.high:g} mmHg"
    return entry.t, request, f"enters the physician's range {limits} for {entry.subject}"


def _outcome(result: dict[str, Any]) -> str:
    """What the daemon made of an entry."""
    for decision in result.get("decisions", []):
        if decision["decision"] == "target":
            return f"; target {decision['target']:g} mmHg"
        if decision["decision"] == "hold":
            return f"; target stays: {decision['reason']}"
    return ""
