"""The session with a monitor: associate, answer its MDS create event, poll, stay heard.

Times are those of the Programming Guide H.0: at most one association message a second, at most one
poll a second for each kind of object, an association dies 10 s after the client's last message.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from drivers.kit.contract import Alive, Close, Effect, Message, Problem, Send
from drivers.philips_intellivue.association import (
    AVERAGES,
    ONE_SECOND,
    RELEASE_REQUEST,
    REQUEST,
    Kind,
    granted,
)
from drivers.philips_intellivue.decode import Heard, Reader
from drivers.philips_intellivue.export import (
    ALERTS,
    ALERTS_QUERY,
    NUMERICS,
    NUMERICS_QUERY,
    SYSTEM_QUERY,
    Event,
    Other,
    PollResult,
    Query,
    Refusal,
    mds_create_result,
    poll,
)
from drivers.philips_intellivue.frames import Framing, encode, framer
from monitor_daemon.core.vocabulary import Fault

RETRY_S: Final = 2.0
MAX_REQUESTS: Final = 5
#: A refusing monitor holds an older association, which dies after 10 s of silence.
REFUSED_S: Final = 11.0
#: The monitor repeats its MDS create event every 3 s and gives up after the third.
CREATE_S: Final = 10.0
PAUSE_S: Final = 1.0
#: Nothing at all for so long means that the association is lost.
LOST_S: Final = 5.0
#: Three of these in the 10 s after which the monitor gives up.
KEEP_ALIVE_S: Final = 3.0
#: An extended poll is renewed at nine tenths of its time, or when its results stay away.
RENEW_S: Final = 540.0
MISSING_S: Final = 5.0
#: A refused poll is sent again after so long, even while results of its predecessor still come.
AGAIN_S: Final = 2.0


class State(Enum):
    """What the session waits for."""

    CLOSED = "the transport to open"
    ASSOCIATING = "the answer to an association request"
    REFUSED = "an older association to end"
    UNFIT = "the release of an association that is of no use"
    CREATING = "the monitor to present itself"
    POLLING = "poll results"
    ENDING = "the end of an association"
    LISTENING = "what passes by"


class Happened(Enum):
    """What happened."""

    OPENED = "the transport opened"
    ACCEPTED = "the monitor accepted"
    REFUSED = "the monitor refused"
    UNFIT = "the monitor accepted without plain numerics of one second"
    CREATED = "the MDS create event is stored and answered"
    ENDED = "the monitor aborted or released"
    DUE = "the time to wait is over"


#: Next state and what to send. A pair that is not here changes nothing.
TRANSITIONS: Final[Mapping[tuple[State, Happened], tuple[State, bytes | None]]] = {
    (State.CLOSED, Happened.OPENED): (State.ASSOCIATING, REQUEST),
    (State.ASSOCIATING, Happened.ACCEPTED): (State.CREATING, None),
    (State.ASSOCIATING, Happened.REFUSED): (State.REFUSED, None),
    (State.ASSOCIATING, Happened.UNFIT): (State.UNFIT, None),
    # The answer to the request may have been lost on its way.
    (State.ASSOCIATING, Happened.CREATED): (State.POLLING, None),
    (State.ASSOCIATING, Happened.ENDED): (State.ENDING, None),
    (State.ASSOCIATING, Happened.DUE): (State.ASSOCIATING, REQUEST),
    (State.REFUSED, Happened.CREATED): (State.POLLING, None),
    (State.REFUSED, Happened.ENDED): (State.ENDING, None),
    (State.REFUSED, Happened.DUE): (State.ASSOCIATING, REQUEST),
    (State.UNFIT, Happened.ENDED): (State.ENDING, None),
    (State.UNFIT, Happened.DUE): (State.ENDING, RELEASE_REQUEST),
    (State.CREATING, Happened.CREATED): (State.POLLING, None),
    (State.CREATING, Happened.ENDED): (State.ENDING, None),
    (State.CREATING, Happened.DUE): (State.ENDING, RELEASE_REQUEST),
    (State.POLLING, Happened.ENDED): (State.ENDING, None),
    (State.POLLING, Happened.DUE): (State.ENDING, RELEASE_REQUEST),
    (State.ENDING, Happened.DUE): (State.ASSOCIATING, REQUEST),
}
PATIENCE: Final[Mapping[State, float]] = {
    State.ASSOCIATING: RETRY_S,
    State.REFUSED: REFUSED_S,
    State.UNFIT: PAUSE_S,
    State.CREATING: CREATE_S,
    State.POLLING: LOST_S,
    State.ENDING: PAUSE_S,
}
_EVENTS: Final[Mapping[Kind, Happened]] = {
    Kind.ACCEPT: Happened.ACCEPTED,
    Kind.REFUSE: Happened.REFUSED,
    Kind.ABORT: Happened.ENDED,
    Kind.RELEASE_RESPONSE: Happened.ENDED,
}
#: What `status` says of the monitor meanwhile.
_WORDS: Final[Mapping[Kind, str]] = {
    Kind.ACCEPT: "association accepted",
    Kind.REFUSE: "association refused: the monitor serves another client",
    Kind.ABORT: "association aborted by the monitor",
}
_ANSWERING: Final = frozenset({State.ASSOCIATING, State.REFUSED, State.CREATING, State.POLLING})
_EXTENDED: Final = {NUMERICS: NUMERICS_QUERY, ALERTS: ALERTS_QUERY}


class PhilipsSession:
    """One connection to a monitor.

    `codes` are a site's own physiological ids. A `passive` session never sends: it reads what a
    monitor sends to somebody else.
    """

    def __init__(self, framing: Framing, codes: Mapping[int, str], *, passive: bool) -> None:
        self._framing: Framing = framing
        self._framer = framer(framing)
        self._reader = Reader(codes)
        self._state = State.LISTENING if passive else State.CLOSED
        self._deadline: float | None = None
        #: When each query is to be sent next, and when it must be at the latest.
        self._next: dict[Query, float] = {}
        self._renew: dict[Query, float] = {}
        #: The invoke id of the newest poll of each query.
        self._invokes: dict[Query, int] = {}
        self._polls = 0
        self._requests = 0
        self._leaving = False

    def connected(self, now: float) -> list[Effect]:
        """The transport opened: an association request, or nothing."""
        return self._step(Happened.OPENED, now)

    def feed(self, data: bytes, now: float) -> list[Effect]:
        """Bytes arrived."""
        effects: list[Effect] = []
        for item in self._framer.feed(data):
            if isinstance(item, Fault):
                effects.append(Problem(item))
                continue
            heard = self._reader.read(item)
            if isinstance(heard, Fault):
                effects.append(Problem(heard))
                continue
            if self._state is State.POLLING:
                self._deadline = now + LOST_S
            for one in heard:
                effects += self._take(one, item.payload, now)
        return effects

    def stored(self, message: Message, now: float) -> list[Effect]:
        """The MDS create event is durable and answered: polls are served from now on."""
        return [] if message.reply is None else self._step(Happened.CREATED, now)

    def lost(self, now: float) -> list[Effect]:
        """What was left incomplete is said."""
        faults = [row for one in self._reader.finish() for row in one.rows]
        left = [*self._framer.finish(), *(row for row in faults if isinstance(row, Fault))]
        return [Problem(fault) for fault in left]

    def farewell(self, now: float) -> list[Effect]:
        """Release the association, so that the next client need not wait until it dies."""
        if self._state not in _ANSWERING:
            return []
        self._leaving, self._state = True, State.ENDING
        self._deadline, self._next = None, {}
        return [self._send(RELEASE_REQUEST)]

    def due(self) -> float | None:
        """The next query, or the end of patience."""
        times = [*self._next.values()]
        return min(times if self._deadline is None else [*times, self._deadline], default=None)

    def wake(self, now: float) -> list[Effect]:
        """Ask, ask again, or give the association up."""
        if self._deadline is not None and now >= self._deadline:
            if self._state is State.ASSOCIATING and self._requests >= MAX_REQUESTS:
                self._deadline = None
                return [Close(f"no answer to {MAX_REQUESTS} association requests")]
            return self._step(Happened.DUE, now)
        due = [query for query, at in self._next.items() if at <= now]
        return [self._poll(query, now) for query in due]

    def _step(self, event: Happened, now: float) -> list[Effect]:
        step = TRANSITIONS.get((self._state, event))
        if step is None:
            return []
        self._state, message = step
        self._deadline = now + PATIENCE[self._state]
        self._requests = self._requests + 1 if message == REQUEST else 0
        effects: list[Effect] = [] if message is None else [self._send(message)]
        self._next = {}
        if self._state is State.POLLING:
            # Alarms first: they say whether the pressure that follows can be trusted.
            effects += [self._poll(query, now) for query in (ALERTS_QUERY, NUMERICS_QUERY)]
            self._next[SYSTEM_QUERY] = now + KEEP_ALIVE_S
        return effects

    def _take(self, heard: Heard, payload: bytes, now: float) -> list[Effect]:
        what = heard.what
        if isinstance(what, Kind):
            return self._association(what, payload, now)
        if self._state is State.UNFIT:
            return []
        if isinstance(what, PollResult) and what.code in _EXTENDED:
            query = _EXTENDED[what.code]
            if query in self._next:
                self._next[query] = min(now + MISSING_S, self._renew[query])
        elif isinstance(what, Refusal):
            for query in [q for q in self._next if self._invokes.get(q) == what.invoke]:
                self._next[query] = self._renew[query] = now + AGAIN_S
        effects: list[Effect] = []
        if not isinstance(what, Other):
            # Also without values: a monitor in standby or without numerics is no silent line.
            effects.append(Alive(str(self._reader.mds) or _WORDS[Kind.ACCEPT]))
        reply = None
        if isinstance(what, Event) and what.confirmed and self._state in _ANSWERING:
            reply = encode(mds_create_result(what.invoke, what.ticks), self._framing)
        if reply is not None or heard.rows:
            effects.append(Message(heard.raw, heard.rows, reply))
        return effects

    def _association(self, kind: Kind, payload: bytes, now: float) -> list[Effect]:
        event, words = _EVENTS.get(kind), _WORDS.get(kind)
        if kind is Kind.ACCEPT and self._state is State.ASSOCIATING:
            profile = granted(payload)
            options = profile.options if profile else 0
            if not options & ONE_SECOND or options & AVERAGES:
                event = Happened.UNFIT
                words = f"the monitor grants options {options:08X}: no plain numerics of one second"
        effects: list[Effect] = [] if words is None else [Alive(words)]
        if self._leaving and event is Happened.ENDED:
            return [*effects, Close("the association has ended")]
        return effects if event is None else [*effects, *self._step(event, now)]

    def _send(self, payload: bytes) -> Send:
        return Send(encode(payload, self._framing))

    def _poll(self, query: Query, now: float) -> Send:
        self._polls = self._polls % 0xFFFF + 1
        self._next[query] = now + (KEEP_ALIVE_S if query is SYSTEM_QUERY else MISSING_S)
        self._renew[query] = now + RENEW_S
        self._invokes[query] = self._polls
        return self._send(poll(query, self._polls, self._polls))
