"""The session with a station: who asks what when (B. Braun BCC 4.0, request and cyclic mode)."""

from collections import deque
from collections.abc import Mapping
from enum import Enum
from typing import Final, Literal

from drivers.bbraun_space.codes import REFUSALS
from drivers.bbraun_space.decode import Block, block_rows, read_block
from drivers.bbraun_space.frames import ACK, NAK, Broken, Frame, Framer, Stuffing, encode
from drivers.bbraun_space.notes import Notes
from drivers.bbraun_space.slots import Slots
from drivers.kit.contract import Alive, Close, Effect, Message, Problem, Send

ALIVE: Final = "ADMIN:ALIVE"
VERSION: Final = "ADMIN:VERSION"
GET: Final = "MEM:GET"
#: The bed id of a first ALIVE; from then on the one that the answer carries.
FIRST_BED: Final = "1"

ANSWER_TIMEOUT: Final = 3.0
#: The manufacturer recommends this pause (s) between a frame and its acknowledgement.
ACK_PAUSE: Final = 0.1
MAX_FAILURES: Final = 3
#: After so many broken frames in a row no more are asked for again, and the time-out may strike.
MAX_BROKEN: Final = 3


class State(Enum):
    """What the session waits for."""

    CLOSED = "the transport to open"
    IDENTIFYING = "the answer to ALIVE"
    VERSIONING = "the answer to VERSION"
    POLLING = "the next block of a poll"
    RESTING = "the time of the next poll"
    LISTENING = "blocks that a station in cyclic mode sends"


class Event(Enum):
    """What happened; a block counts once it is stored and acknowledged."""

    OPENED = "the transport opened"
    IDENTIFIED = "the station answered ALIVE"
    VERSIONED = "the station told its version"
    MORE = "a block, another follows"
    END = "the last block"
    REFUSED = "the station refused the request"
    DUE = "the time to wait is over"


Table = Mapping[tuple[State, Event], tuple[State, str | None]]

#: Next state and request. A pair that is not here changes nothing: an answer to an earlier request
#: is stored and acknowledged, and after a refusal the time-out leads back to ALIVE. A station may
#: answer ALIVE and VERSION with an error: without pumps it is there, and nobody needs its version.
REQUEST_MODE: Final[Table] = {
    (State.CLOSED, Event.OPENED): (State.IDENTIFYING, ALIVE),
    (State.IDENTIFYING, Event.IDENTIFIED): (State.VERSIONING, VERSION),
    (State.IDENTIFYING, Event.END): (State.VERSIONING, VERSION),
    (State.IDENTIFYING, Event.DUE): (State.IDENTIFYING, ALIVE),
    (State.VERSIONING, Event.VERSIONED): (State.POLLING, GET),
    (State.VERSIONING, Event.REFUSED): (State.POLLING, GET),
    (State.VERSIONING, Event.END): (State.POLLING, GET),
    (State.VERSIONING, Event.DUE): (State.IDENTIFYING, ALIVE),
    (State.POLLING, Event.MORE): (State.POLLING, None),
    (State.POLLING, Event.END): (State.RESTING, None),
    (State.POLLING, Event.DUE): (State.IDENTIFYING, ALIVE),
    (State.RESTING, Event.DUE): (State.POLLING, GET),
}
CYCLIC_MODE: Final[Table] = {
    (State.CLOSED, Event.OPENED): (State.LISTENING, None),
    (State.LISTENING, Event.MORE): (State.LISTENING, None),
    (State.LISTENING, Event.END): (State.LISTENING, None),
    (State.LISTENING, Event.DUE): (State.IDENTIFYING, ALIVE),
    (State.IDENTIFYING, Event.IDENTIFIED): (State.LISTENING, None),
    (State.IDENTIFYING, Event.MORE): (State.LISTENING, None),
    (State.IDENTIFYING, Event.END): (State.LISTENING, None),
    (State.IDENTIFYING, Event.DUE): (State.IDENTIFYING, ALIVE),
}


class BccSession:
    """One connection to a station.

    `poll_period` (s) is the time between two requests, or the cycle of a station in cyclic mode.
    With stuffing "auto" ALIVE is tried stuffed and plain by turns until the station shows which.
    """

    def __init__(
        self, poll_period: float, stuffing: Stuffing, mode: Literal["request", "cyclic"]
    ) -> None:
        self._period = poll_period
        self._table = REQUEST_MODE if mode == "request" else CYCLIC_MODE
        self._state = State.CLOSED
        self._due: float | None = None
        self._framer = Framer(stuffing)
        self._auto = stuffing == "auto"
        self._stuffed = stuffing == "on"
        self._bed = FIRST_BED
        #: Events of messages that are not yet stored, and of those not yet acknowledged.
        self._unstored: deque[Event] = deque()
        self._unanswered: deque[tuple[float, Event]] = deque()
        self._failures = 0
        self._broken = 0
        #: What the station said instead of an answer.
        self._refusal = ""
        self._polled = 0.0
        self._notes = Notes()
        self._slots = Slots()

    def connected(self, now: float) -> list[Effect]:
        """The transport opened: ALIVE, or in cyclic mode nothing."""
        return self._step(Event.OPENED, now)

    def feed(self, data: bytes, now: float) -> list[Effect]:
        """Bytes arrived."""
        effects: list[Effect] = []
        for item in self._framer.feed(data):
            if isinstance(item, Frame):
                effects += self._block(item, now)
            elif isinstance(item, Broken):
                effects.append(self._problem(item))
        # A long block takes more than the time-out at 9600 baud; silence counts, not length.
        if self._framer.in_frame and self._broken < MAX_BROKEN and self._state is not State.RESTING:
            self._due = now + self._patience()
        return effects

    def stored(self, message: Message, now: float) -> list[Effect]:
        """The oldest message is durable: its acknowledgement is due after a pause."""
        self._unanswered.append((now + ACK_PAUSE, self._unstored.popleft()))
        return []

    def lost(self, now: float) -> list[Effect]:
        """A frame that was cut off is said."""
        return [Problem(item.fault) for item in self._framer.finish() if isinstance(item, Broken)]

    def due(self) -> float | None:
        """When `wake` wants to be called: to acknowledge, else when no message is being stored."""
        if self._unanswered:
            return self._unanswered[0][0]
        return None if self._unstored else self._due

    def wake(self, now: float) -> list[Effect]:
        """Acknowledge and go on, poll, or give up on an answer: ALIVE, the third time `Close`."""
        due = self.due()
        if due is None or now < due:
            return []
        if self._unanswered:
            return [Send(ACK), *self._step(self._unanswered.popleft()[1], now)]
        # A cyclic station waits for an acknowledgement that was lost.
        again = [Send(ACK)] if self._state is State.LISTENING else []
        if self._state is not State.RESTING:
            self._failures += 1
            if self._failures >= MAX_FAILURES:
                self._due = None
                why = f"no answer {MAX_FAILURES} times while waiting for {self._state.value}"
                return [Close(why + self._refusal)]
        return [*again, *self._step(Event.DUE, now)]

    def _step(self, event: Event, now: float) -> list[Effect]:
        if event is Event.END:
            self._failures, self._refusal = 0, ""
        step = self._table.get((self._state, event))
        if step is None:
            return []
        self._state, request = step
        effects: list[Effect] = [] if request is None else [Send(self._request(request, now))]
        resting = self._state is State.RESTING
        self._due = self._polled + self._period if resting else now + self._patience()
        return effects

    def _patience(self) -> float:
        listening = self._state is State.LISTENING
        return ANSWER_TIMEOUT + self._period if listening else ANSWER_TIMEOUT

    def _request(self, request: str, now: float) -> bytes:
        self._broken = 0
        if request == GET:
            self._polled = now
            self._slots.begin()
        if request != ALIVE:
            return encode(self._bed, request, stuffed=self._stuffed)
        if self._auto:
            self._stuffed = not self._stuffed
        return encode(FIRST_BED, ALIVE, stuffed=self._stuffed)

    def _problem(self, broken: Broken) -> Problem:
        repeat = broken.ended and self._broken < MAX_BROKEN
        self._broken += 1
        return Problem(broken.fault, NAK if repeat else None)

    def _block(self, frame: Frame, now: float) -> list[Effect]:
        self._broken = 0
        block = read_block(frame)
        event = _event(block, last=frame.last)
        if event is Event.REFUSED:
            self._refusal = f"; the station said {block.faults[-1].reason}"
        if self._auto and frame.stuffed is not None:
            self._auto, self._stuffed = False, frame.stuffed
        if self._state is State.IDENTIFYING:
            self._bed = block.bed
        polling = self._state is State.POLLING
        rows = [*self._slots.left(block, self._polled if polling else now - self._period, now)]
        rows += block_rows(block)
        if polling and event is Event.END:
            # A cyclic station also sends single pumps: there absence means nothing.
            rows += self._slots.end(block.bed)
        self._unstored.append(event)
        return [*map(Alive, self._notes.of(block)), Message(frame.raw, tuple(rows))]


def _event(block: Block, *, last: bool) -> Event:
    if "GNACK" in block.station:
        return Event.IDENTIFIED
    if block.version is not None:
        return Event.VERSIONED
    if any(code in REFUSALS for code in block.errors):
        return Event.REFUSED
    return Event.END if last else Event.MORE
