"""The session with a base or with one pump: open it, list the modules, read each, over and over.

One request is outstanding at a time. Source: one public driver.
"""

from collections import deque
from collections.abc import Iterable
from itertools import product
from typing import Final

from drivers.fresenius_orchestra.decode import (
    BASE,
    Reply,
    missing_module,
    read_reply,
    reply_rows,
)
from drivers.fresenius_orchestra.frames import (
    ACK,
    DC4,
    NAK_CHECKSUM,
    NAK_REASONS,
    Broken,
    Control,
    Frame,
    Framer,
    Item,
    Nak,
    encode,
)
from drivers.kit.contract import Close, Effect, Message, Problem, Send
from monitor_daemon.core.vocabulary import Fault, Row

#: No address: a single pump, connected directly.
PUMP: Final = ""
MODULES: Final = tuple("12345678")

OPEN: Final = "DC"
CLOSE: Final = "FC"
LIST: Final = "LE;b"
READ: Final = "LE;dr"
#: With alarm, error and mode, whose bits nobody has documented.
READ_FLAGS: Final = "LE;draem"

#: Everything that can be sent.
ALLOWED: Final = frozenset(
    [
        ACK,
        DC4,
        NAK_CHECKSUM,
        encode(BASE + LIST),
        *(encode(a + word) for a, word in product((PUMP, BASE, *MODULES), (OPEN, CLOSE))),
        *(encode(a + read) for a, read in product((PUMP, *MODULES), (READ, READ_FLAGS))),
        *(ACK + encode(a + word) for a, word in product((PUMP, BASE, *MODULES), "EM")),
    ]
)

ANSWER_TIMEOUT: Final = 1.0
#: A request is sent at most so often; then the next one goes.
MAX_TRIES: Final = 2
#: After so many requests in a row without an answer the connection is closed.
MAX_FAILURES: Final = 3
#: The pause that the base wants after its session was opened.
SETTLING: Final = 1.0
#: After so many broken frames in a row no more are asked for again.
MAX_BROKEN: Final = 3


class OrchestraSession:
    """One connection.

    `poll_period` (s) lies between two rounds. `base` says whether a base or a single pump is
    connected, `read` is READ or READ_FLAGS. With `passive` nothing is ever sent.
    """

    def __init__(self, poll_period: float, *, base: bool, read: str, passive: bool) -> None:
        self._period = poll_period
        self._root = BASE if base else PUMP
        self._read = read
        self._passive = passive
        self._framer = Framer()
        self._due: float | None = None
        self._polled = 0.0
        #: Requests of this round that are still to be sent: address and message.
        self._todo: deque[tuple[str, str]] = deque()
        self._asked: tuple[str, str] | None = None
        self._tries = self._failures = self._broken = 0
        self._opened: set[str] = set()
        self._modules: tuple[str, ...] = ()
        self._leaving = False
        #: For each message that is not stored yet, the pause (s) after it; None if not asked for.
        self._unstored: deque[float | None] = deque()

    def connected(self, now: float) -> list[Effect]:
        """The transport opened: the first round begins."""
        return [] if self._passive else self._round(now)

    def feed(self, data: bytes, now: float) -> list[Effect]:
        """Bytes arrived."""
        return [effect for item in self._framer.feed(data) for effect in self._item(item)]

    def stored(self, message: Message, now: float) -> list[Effect]:
        """The oldest message is durable and acknowledged: the next request may go."""
        pause = self._unstored.popleft()
        if pause is None:
            return []
        if pause:
            self._due = now + pause
            return []
        return self._next(now)

    def lost(self, now: float) -> list[Effect]:
        """A frame that was cut off is said."""
        return [Problem(broken.fault) for broken in self._framer.finish()]

    def farewell(self, now: float) -> list[Effect]:
        """Close what was opened, the base last."""
        if not self._opened:
            return []
        self._leaving = True
        self._todo = deque((address, CLOSE) for address in sorted(self._opened, reverse=True))
        return self._next(now)

    def due(self) -> float | None:
        """When `wake` wants to be called; never while a message waits to be stored."""
        return None if self._unstored else self._due

    def wake(self, now: float) -> list[Effect]:
        """Begin a round, ask again, or give up on an answer."""
        due = self.due()
        if due is None or now < due:
            return []
        if self._asked is None:
            return self._next(now) if self._todo else self._round(now)
        if self._tries < MAX_TRIES:
            return self._send(now)
        self._failures += 1
        self._opened.discard(self._asked[0])
        if self._failures >= MAX_FAILURES:
            self._due = None
            return [Close(f"no answer to {MAX_FAILURES} requests in a row")]
        return self._next(now)

    def _round(self, now: float) -> list[Effect]:
        self._polled = now
        self._todo = deque(self._requests(self._root))
        return self._next(now)

    def _requests(self, address: str) -> Iterable[tuple[str, str]]:
        """What is asked of one address in a round; of the base, its modules."""
        if address not in self._opened:
            yield address, OPEN
        yield address, LIST if address == BASE else self._read

    def _next(self, now: float) -> list[Effect]:
        if not self._todo and self._leaving:
            self._asked, self._due = None, None
            return [Close("all sessions are closed")]
        if not self._todo:
            self._asked, self._due = None, max(self._polled + self._period, now)
            return []
        self._asked, self._tries = self._todo.popleft(), 0
        return self._send(now)

    def _send(self, now: float) -> list[Effect]:
        self._tries += 1
        self._due = now + ANSWER_TIMEOUT
        return [Send(encode("".join(self._asked or ())))]

    def _item(self, item: Item) -> list[Effect]:
        match item:
            case Frame():
                return self._frame(item)
            case Broken():
                repeat = item.ended and not self._passive and self._broken < MAX_BROKEN
                self._broken += 1
                return [Problem(item.fault, NAK_CHECKSUM if repeat else None)]
            case Nak():
                # The time-out asks again: a receiver that is not ready needs that second.
                reason = f"NAK {item.code}: {NAK_REASONS.get(item.code, 'undocumented')}"
                return [Problem(Fault("REFUSED", item.offset, reason))]
            case Control.ENQ if not self._passive:
                return [Send(DC4)]
        return []

    def _frame(self, frame: Frame) -> list[Effect]:
        self._broken = 0
        reply = read_reply(frame)
        if isinstance(reply, Fault):
            return [Problem(reply)]
        rows = [*reply_rows(reply)]
        pause: float | None = None
        if self._asked is not None and _answers(reply, *self._asked):
            pause = SETTLING if self._asked == (BASE, OPEN) else 0.0
            rows += self._learn(reply, self._asked[1])
            self._asked, self._due, self._failures = None, None, 0
        self._unstored.append(pause)
        answer = ACK + encode(reply.address + reply.status) if reply.status in "EM" else ACK
        return [Message(frame.raw, tuple(rows), None if self._passive else answer)]

    def _learn(self, reply: Reply, message: str) -> list[Row]:
        """Takes note of an answer to `message`; gives the rows of modules that have gone."""
        if reply.status == "I":
            # Whatever is wrong, this address is opened again in the next round.
            self._opened -= {reply.address, *(MODULES if reply.address == BASE else ())}
            if reply.rest[:1] == ("0D",):
                self._opened.clear()
        elif message == OPEN:
            self._opened.add(reply.address)
        elif message == LIST:
            return self._listed(int(reply.items["b"], 16))
        return []

    def _listed(self, mask: int) -> list[Row]:
        before = self._modules
        self._modules = tuple(m for bit, m in enumerate(MODULES) if mask >> bit & 1)
        gone = [address for address in before if address not in self._modules]
        self._opened.difference_update(gone)
        for address in self._modules:
            self._todo.extend(self._requests(address))
        return [missing_module(address) for address in gone]


def _answers(reply: Reply, address: str, message: str) -> bool:
    """Whether `reply` answers `message`; a late answer to another one does not."""
    if reply.address != address or reply.status not in "CI":
        return False
    wanted = message.partition(";")[2][:1]
    if reply.status == "I" or not wanted or wanted in reply.items:
        return True
    # A rate that cannot be read is an answer; a list of modules that cannot be read is none.
    return message != LIST and any(text.startswith(wanted) for text in reply.rest)
