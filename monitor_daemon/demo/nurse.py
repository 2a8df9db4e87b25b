"""The nurse of the demonstration: enrols and enters through the control socket, as people do."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from drivers.kit.playback import SimClock
from monitor_daemon.control.requests import EnrolRequest, ObserveRequest, Request
from monitor_daemon.control.socket import ask
from monitor_daemon.core.errors import CommandError
from monitor_daemon.demo.plan import People

_ACTOR: Final = "demo-nurse"
#: A request is sent a little before its minute, so that its minute already sees what it changed:
#: real seconds, but at most so many simulated ones.
_AHEAD_S: Final = 0.1
_AHEAD_AT_MOST: Final = 20.0


async def work(
    people: People, control: Path, clock: SimClock, say: Callable[[str, str], None]
) -> None:
    """Make every entry at its minute; `say` gets each in words and its time.

    Raises LinkError if the daemon cannot be reached, CommandError if it refuses.
    """
    loop = asyncio.get_running_loop()
    for minute, request, words in _entries(people, clock):
        ahead = min(_AHEAD_S * clock.speed, _AHEAD_AT_MOST)
        when = clock.monotonic(60 * minute - ahead)
        await asyncio.sleep(when - loop.time())
        reply = await ask(control, msgspec.json.encode(request))
        if not reply.ok:
            raise CommandError(f"{words}: {reply.reason}", code=reply.code)
        say(f"{words}{_outcome(reply.result or {})}", clock.at(loop.time()).isoformat())


def _entries(people: People, clock: SimClock) -> list[tuple[float, Request, str]]:
    """Minute of playback, request, and the same in words; in the order of time."""
    randomised = clock.utc + timedelta(minutes=people.randomised)
    found: list[tuple[float, Request, str]] = [
        (
            people.randomised,
            EnrolRequest(
                actor=_ACTOR,
                subject=patient.subject,
                bed=patient.bed,
                protocol=people.protocol,
                arm=patient.arm,
                weight_kg=patient.weight_kg,
                randomised=randomised.isoformat(),
            ),
            f"enrols {patient.subject} in {patient.bed}, {patient.arm}, {patient.weight_kg:g} kg",
        )
        for patient in people.patients
    ]
    found += [
        (
            people.randomised + entry.t,
            ObserveRequest(actor=_ACTOR, subject=entry.subject, kind="crt", value=entry.crt),
            f"enters capillary refill time {entry.crt:g} s for {entry.subject}",
        )
        for entry in people.entries
    ]
    return sorted(found, key=lambda item: item[0])


def _outcome(result: dict[str, Any]) -> str:
    """What the daemon made of an entry."""
    for decision in result.get("decisions", []):
        if decision["decision"] == "target":
            return f"; target {decision['target']:g} mmHg"
        if decision["decision"] == "hold":
            return f"; target stays: {decision['reason']}"
    return ""
