"""One MLLP connection to an alarm manager: a message at a time, each until its acknowledgement.

An acknowledgement is known by MSA-2 and by nothing else: one that comes late, twice or for somebody
else's message settles nothing.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import structlog

from monitor_daemon.core.errors import LinkError
from monitor_daemon.core.events import SECOND
from monitor_daemon.hl7.ack import AckError, Outcome, acknowledgement
from monitor_daemon.hl7.er7 import Er7Message, Unreadable, read
from monitor_daemon.hl7.mllp import Frame, Framer, framed
from monitor_daemon.hl7.ora_r41 import AlertStatus, Answer, answer, is_status, statuses
from monitor_daemon.hl7.oru_r40 import control_id
from monitor_daemon.hl7.times import to_dtm

#: Seconds for a connection, and for an acknowledgement before the same bytes go out again.
ANSWER_S = 10.0
#: Times that a message goes out on one connection.
SENDINGS: Final = 2
ACCEPTED: Final = frozenset({"AA", "CA"})
#: Refused for what the message says, and refused for now or for its kind (HL7 table 0008).
ERRORS: Final = frozenset({"AE", "CE"})
REJECTED: Final = frozenset({"AR", "CR"})
_READ: Final = 1 << 16
#: Control ids by which a second acknowledgement is known as late.
_SETTLED: Final = 1000

log = structlog.get_logger("notify")


class Book:
    """What outlives a connection: counts, and the control ids that were acknowledged lately.

    `counts` has `late` and `foreign` acknowledgements and `unreadable` frames.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.settled: deque[str] = deque(maxlen=_SETTLED)


class Conversation:
    """One connection: run `listen` beside `exchange`.

    `take` gets what the other side tells of alerts (PCD-05), `now` is engine time (ms).
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        book: Book,
        *,
        now: Callable[[], int],
        take: Callable[[AlertStatus], Awaitable[None]],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._book = book
        self._now = now
        self._take = take
        self._wanted = ""
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._replies = 0

    async def exchange(self, message: bytes) -> Answer:
        """Send until it is acknowledged. Raises LinkError if that does not happen."""
        self._wanted = control_id(message)
        self._answer = asyncio.get_running_loop().create_future()
        for _ in range(SENDINGS):
            self._writer.write(framed(message))
            with suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_S):
                    await self._writer.drain()
                    return await asyncio.shield(self._answer)
        raise LinkError(f"no acknowledgement within {SENDINGS * ANSWER_S:g} s")

    async def listen(self) -> None:
        """Hear the other side. Raises LinkError when it is gone or sends what is no MLLP."""
        framer = Framer()
        while data := await self._reader.read(_READ):
            for found in framer.feed(data):
                if isinstance(found, Frame):
                    await self._hear(found.payload)
                else:
                    self._book.counts["unreadable"] += 1
                    if found.fatal:
                        raise LinkError(f"no MLLP: {found.reason}")
        raise LinkError("the alarm manager ended the connection")

    async def _hear(self, payload: bytes) -> None:
        message = read(payload)
        if isinstance(message, Unreadable):
            self._book.counts["unreadable"] += 1
            return
        found = answer(message)
        if found is not None and not (is_status(message) and self._is_known(found)):
            self._settle(found)
        if is_status(message):
            for status in statuses(message):
                await self._take(status)
            self._acknowledge(message, Outcome.ACCEPTED)
        elif found is None:
            error = AckError("200", "only acknowledgements and ORA^R41 are taken here", "MSH^1^9")
            self._acknowledge(message, Outcome.REJECTED, error)

    def _is_known(self, found: Answer) -> bool:
        """Whether a status, which has an MSA too, is about a message that needs none any more."""
        return found.control_id != self._wanted or self._answer.done()

    def _settle(self, found: Answer) -> None:
        known = found.code in ACCEPTED | ERRORS | REJECTED
        if known and found.control_id == self._wanted and not self._answer.done():
            self._answer.set_result(found)
            self._book.settled.append(found.control_id)
        elif found.control_id in self._book.settled:
            self._book.counts["late"] += 1
            if found.code not in ACCEPTED:
                log.warning("alarm manager refused later", code=found.code[:2])
        else:
            self._book.counts["foreign"] += 1
            say = log.debug if self._book.counts["foreign"] > 1 else log.warning
            say("acknowledgement of a message that was not sent")

    def _acknowledge(
        self, message: Er7Message, outcome: Outcome, error: AckError | None = None
    ) -> None:
        self._replies += 1
        now = self._now()
        reply = acknowledgement(
            message.header,
            outcome,
            now=to_dtm(datetime.fromtimestamp(now // SECOND, UTC)),
            control_id=f"ack-{now}-{self._replies}",
            error=error,
        )
        if reply is not None:
            self._writer.write(reply)
