"""A simulated monitor: the server side of an association, with the first bed of a play.

As real ones do it serves one client, repeats its MDS create event until that is answered, serves
polls only then, and aborts when it hears nothing for ten seconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from drivers.kit.playback import BedState, Play, SimClock, bed_at
from drivers.philips_intellivue.association import (
    ABORT,
    OPTIONS,
    REFUSE,
    RELEASE_RESPONSE,
    Kind,
    Profile,
    accept,
    granted,
)
from drivers.philips_intellivue.export import (
    ALERTS,
    FIRST,
    LAST,
    MDS,
    MIDDLE,
    Answer,
    Entry,
    Query,
    is_mds_create_result,
    mds_create,
    poll_result,
    queried,
    refusal,
)
from drivers.philips_intellivue.frames import Frame, encode, framer
from drivers.philips_intellivue.simulated_numerics import alarms, mode, numerics
from drivers.philips_intellivue.wire import (
    TICKS_PER_SECOND,
    TICKS_WRAP,
    absolute_time,
    string,
)

SILENCE_S: Final = 10.0
CREATE_S: Final = 3.0
CREATE_TRIES: Final = 3
_STILL_RUNNING: Final = 10
#: The relative time at playback second 0: the monitor has been on for 22 minutes.
_TICKS_AT_START: Final = 0x00A00000
_INVOKE: Final = 1


@dataclass(slots=True)
class Running:
    """An extended poll that is being served, in real seconds."""

    query: Query
    invoke: int
    number: int
    until: float
    next: float
    sequence: int = 0


class Monitor:
    """The device side, with the driver's options.

    A reader that connects again finds it as it was: a line that was pulled tells a monitor nothing.
    """

    def __init__(self, settings: Mapping[str, Any], play: Play, clock: SimClock) -> None:
        self._settings = settings
        self._play = play
        self._clock = clock
        self._framer = framer(settings["framing"])
        self._sessions = 0
        self._refusals = settings["refuse"]
        self._poll_refusals = settings["refuse_polls"]
        self._forget()

    def _forget(self) -> None:
        self._silent_at: float | None = None
        self._create_at: float | None = None
        self._creates = 0
        self._profile = Profile(0, 0, 0)
        self._running: dict[int, Running] = {}

    def connected(self, now: float) -> Iterable[bytes]:
        """Bytes of an earlier connection are forgotten, an association is not."""
        self._framer = framer(self._settings["framing"])
        return []

    def feed(self, data: bytes, now: float) -> Iterable[bytes]:
        """Answers to what the reader sent."""
        answers: list[bytes] = []
        for item in self._framer.feed(data):
            if isinstance(item, Frame) and item.payload:
                answers += self._answer(item.payload, now)
        return self._send(answers)

    def due(self) -> float | None:
        """The next result, repetition or end of patience."""
        times = [running.next for running in self._running.values()]
        times += [at for at in (self._silent_at, self._create_at) if at is not None]
        return min(times, default=None)

    def wake(self, now: float) -> Iterable[bytes]:
        """What is due without being asked."""
        answers: list[bytes] = []
        if self._silent_at is not None and now >= self._silent_at:
            answers.append(ABORT)
            self._forget()
        if self._create_at is not None and now >= self._create_at:
            answers += self._create(now)
        for running in list(self._running.values()):
            if now >= running.next:
                answers += self._results(running, now)
        return self._send(answers)

    def _answer(self, payload: bytes, now: float) -> Sequence[bytes]:
        kind = payload[0]
        if kind == Kind.REQUEST.value:
            return self._associate(payload, now)
        if self._silent_at is None:
            return []
        self._silent_at = now + SILENCE_S
        if kind == Kind.RELEASE_REQUEST.value:
            self._forget()
            return [RELEASE_RESPONSE]
        if is_mds_create_result(payload):
            self._create_at = None
            return []
        asked = queried(payload)
        if asked is None or self._create_at is not None:
            return []
        return self._serve(*asked, now)

    def _associate(self, payload: bytes, now: float) -> Sequence[bytes]:
        asked = granted(payload)
        if asked is None or self._silent_at is not None or self._refusals:
            self._refusals = max(0, self._refusals - 1)
            return [REFUSE]
        self._forget()
        self._sessions += 1
        self._profile = Profile(asked.min_poll, min(asked.mtu, self._settings["mtu"]), OPTIONS)
        self._silent_at = now + SILENCE_S
        return [accept(self._profile), *self._create(now)]

    def _create(self, now: float) -> Sequence[bytes]:
        """The MDS create event, at most three times; then the association is aborted."""
        if self._creates == CREATE_TRIES:
            self._forget()
            return [ABORT]
        self._creates += 1
        self._create_at = now + CREATE_S
        found = {
            0x0928: _label("Philips") + _label("SIMULATOR"),
            0x0984: bytes.fromhex("00060009fb000001"),
            0x091E: string(self._bed(now).bed),
            **self._system(now),
        }
        return [mds_create(_INVOKE, self._ticks(now), found.items())]

    def _serve(self, query: Query, invoke: int, number: int, now: float) -> Sequence[bytes]:
        if self._poll_refusals:
            self._poll_refusals -= 1
            return [refusal(invoke, _STILL_RUNNING)]
        once = Running(query, invoke, number, now, now)
        if query.seconds is not None:
            once.until = now + query.seconds
            self._running[query.code] = once
        return self._results(once, now)

    def _results(self, running: Running, now: float) -> Sequence[bytes]:
        """One result, in parts if it is longer than the client takes; then the next is due."""
        at, query = running.next, running.query
        answer = Answer(
            running.invoke,
            running.number,
            None if query.seconds is None else running.sequence,
            self._ticks(at),
            query.code,
            query.group,
        )
        running.sequence = (running.sequence + 1) % 0x10000
        running.next = max(at + self._settings["period"] / self._clock.speed, now)
        if query.seconds is not None and running.next > running.until:
            del self._running[query.code]
        return _in_parts(answer, self._entries(query, at), self._profile.mtu)

    def _entries(self, query: Query, now: float) -> Sequence[Entry]:
        if query.code == MDS:
            return [Entry(0, 0, self._system(now))]
        if query.code == ALERTS:
            return alarms(self._settings, self._sessions) if query.seconds else []
        return numerics(self._bed(now), self._settings, self._sessions)

    def _system(self, now: float) -> dict[int, bytes]:
        """Time and operating mode."""
        return {
            0x0946: mode(self._settings).to_bytes(2, "big"),
            0x0987: absolute_time(self._clock.at(now)),
            0x098F: self._ticks(now).to_bytes(4, "big"),
        }

    def _bed(self, now: float) -> BedState:
        return bed_at(self._play, self._clock.elapsed(now), self._settings["bed"])

    def _ticks(self, now: float) -> int:
        elapsed = self._clock.elapsed(now)
        return (_TICKS_AT_START + round(elapsed * TICKS_PER_SECOND)) % TICKS_WRAP

    def _send(self, messages: Sequence[bytes]) -> list[bytes]:
        return [encode(message, self._settings["framing"]) for message in messages]


def _label(words: str) -> bytes:
    """A name behind its length, with an even number of bytes."""
    encoded = words.encode("ascii") + bytes(len(words) % 2)
    return len(encoded).to_bytes(2, "big") + encoded


def _in_parts(answer: Answer, entries: Sequence[Entry], mtu: int) -> Sequence[bytes]:
    parts: list[list[Entry]] = [[]]
    for entry in entries:
        if parts[-1] and len(poll_result(answer, [*parts[-1], entry], (FIRST, 1))) > mtu:
            parts.append([])
        parts[-1].append(entry)
    if len(parts) == 1:
        return [poll_result(answer, entries)]
    states = [FIRST, *[MIDDLE] * (len(parts) - 2), LAST]
    linked = [
        poll_result(answer, part, (state, counter))
        for counter, (part, state) in enumerate(zip(parts, states, strict=True), 1)
    ]
    return [*linked, poll_result(answer, [])]
