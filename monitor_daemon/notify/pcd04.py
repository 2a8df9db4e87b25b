"""Deviations to an IHE alarm manager (PCD-04): what the outbox holds, in order, until it is taken.

One message is under way at a time and settled by its own acknowledgement only. It goes out again as
the same bytes, so that a manager who knows its control id takes it once. The manager may be slow,
gone or unwilling: nothing else waits for it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from random import SystemRandom
from sys import maxsize
from typing import Any, Final, Protocol

import structlog

from monitor_daemon.clock import EngineClock, monotonic
from monitor_daemon.core.errors import ConfigError, LinkError
from monitor_daemon.groups import first
from monitor_daemon.hl7.ora_r41 import Answer
from monitor_daemon.hl7.oru_r40 import control_id
from monitor_daemon.journal.rows import ALARM_MANAGER, OutboxRow
from monitor_daemon.notify import mllp_client
from monitor_daemon.notify.mllp_client import ACCEPTED, REJECTED, Book, Conversation
from monitor_daemon.notify.pcd04_receipts import Receipts
from monitor_daemon.notify.pcd04_reports import Reports, Standing, alert_of

#: Real seconds of the first and of the longest pause between two attempts to connect.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
#: Real seconds before a message goes out again that was rejected: "rejected" may mean "not now".
REJECTED_PAUSES_S: tuple[float, ...] = (1.0, 5.0)
#: Connections that end over one message, although the heartbeat before it was answered, until it is
#: set aside: later alerts must not wait for a message that the manager cannot bear.
STRIKES: Final = 3
_PAGE: Final = 100
_NEVER: Final = float("inf")

log = structlog.get_logger("notify")


class Outbox(Protocol):
    """Where reports are durable before they are sent."""

    async def reports(self, limit: int) -> list[OutboxRow]:
        """Rows for the alarm manager that are neither sent nor refused, oldest first."""
        ...

    async def sent(self, ids: Sequence[int], at: int) -> None:
        """The manager acknowledged these at engine time `at` (ms)."""
        ...

    async def refuse(self, id: int, reason: str) -> None:  # noqa: A002 - the row's own word
        """The manager will not take this one."""
        ...


class AlarmManager:
    """Delivers reports. Make it, hand `offer` what the engine committed, `run` it as one task.

    `standing` gives the alerts that are open, `receipts` takes what is told of them (PCD-05).
    Raises ConfigError if a TLS file of the settings cannot be used.
    """

    def __init__(
        self,
        reports: Reports,
        outbox: Outbox,
        *,
        clock: EngineClock,
        standing: Callable[[], Mapping[str, Standing]],
        receipts: Receipts,
    ) -> None:
        self._settings = reports.settings
        self._settings.tls_context()
        self.connected = asyncio.Event()
        self.counts: Counter[str] = Counter()
        self._reports = reports
        self._outbox = outbox
        self._clock = clock
        self._standing = standing
        self._receipts = receipts
        self._book = Book()
        self._waiting = 0
        self._wake = asyncio.Event()
        self._said: dict[str, float] = {}
        self._alive = 0.0
        self._flying: OutboxRow | None = None
        self._strikes: Counter[int] = Counter()
        self._proven = False
        self._failing_since: float | None = None
        self._pause = FIRST_PAUSE_S

    def offer(self, rows: Sequence[OutboxRow]) -> None:
        """Rows that were just committed to the outbox; those of others are passed over."""
        ours = sum(row.topic == ALARM_MANAGER for row in rows)
        if ours:
            self._waiting += ours
            self._wake.set()

    def status(self) -> dict[str, Any]:
        """Where the manager is, whether it answers, what it took and refused."""
        return {
            "address": self._settings.connect,
            "connected": self.connected.is_set(),
            "waiting": self._waiting,
            **{key: self.counts[key] for key in ("taken", "set_aside", "refused")},
            **{key: self._book.counts[key] for key in ("late", "foreign", "unreadable")},
            "receipts": dict(self._receipts.counts),
        }

    async def run(self) -> None:
        """Deliver until cancelled. Raises what the outbox raised."""
        self._waiting = len(await self._outbox.reports(maxsize))
        while True:
            # A task of its own: a task group that fails in the instant in which it is cancelled
            # swallows the cancellation, and we would try again instead of ending.
            serving = asyncio.create_task(self._serve())
            try:
                await asyncio.wait([serving])
            except asyncio.CancelledError:
                serving.cancel()
                await asyncio.wait([serving])
                raise
            try:
                serving.result()
            except* (LinkError, OSError, ConfigError) as group:
                error = first(group)
                self._failed(str(error) or type(error).__name__)
            self.connected.clear()
            await self._strike()
            await asyncio.sleep(self._pause * (0.5 + SystemRandom().random() / 2))
            self._pause = min(2 * self._pause, LONGEST_PAUSE_S)

    async def _serve(self) -> None:
        """One connection, from its first heartbeat to its end."""
        self._proven = False
        settings, context = self._settings, self._settings.tls_context()
        name = (settings.tls_name or settings.address[0]) if context is not None else None
        try:
            async with asyncio.timeout(mllp_client.ANSWER_S):
                reader, writer = await asyncio.open_connection(
                    *settings.address, ssl=context, server_hostname=name
                )
        except TimeoutError:
            raise LinkError(f"no connection within {mllp_client.ANSWER_S:g} s") from None
        take, now = self._receipts.take, self._clock.now
        talk = Conversation(reader, writer, self._book, now=now, take=take)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(talk.listen())
                tasks.create_task(self._send(talk))
        finally:
            writer.transport.abort()

    async def _send(self, talk: Conversation) -> None:
        if self._settings.heartbeat_seconds:
            await self._say_alive(talk)
            self._proven = True
        self._recovered()
        while True:
            self._wake.clear()
            rows = await self._outbox.reports(_PAGE)
            for row in rows:
                await self._deliver(talk, row)
            # Nothing may stand between the outbox and what is said of its alerts.
            if not rows and not self._wake.is_set():
                await self._keep_saying(talk)

    async def _deliver(self, talk: Conversation, row: OutboxRow) -> None:
        """Send one row until it is settled."""
        self._flying = row
        answer = await self._answered(talk, row.payload)
        self._flying = None
        if answer.code in ACCEPTED:
            self._said[alert_of(control_id(row.payload))] = monotonic()
            self.counts["taken"] += 1
            self._waiting = max(0, self._waiting - 1)
            self._strikes.pop(row.id, None)
            await self._outbox.sent([row.id], self._clock.now())
        else:
            await self._set_aside(row, f"the alarm manager answered {answer.code} {answer.reason}")

    async def _answered(self, talk: Conversation, message: bytes) -> Answer:
        for pause in REJECTED_PAUSES_S:
            answer = await talk.exchange(message)
            if answer.code not in REJECTED:
                return answer
            await asyncio.sleep(pause)
        return await talk.exchange(message)

    async def _keep_saying(self, talk: Conversation) -> None:
        """The one thing that is due now: an alert that still stands, a heartbeat, or to wait."""
        now, standing = monotonic(), self._standing()
        repeat, every = self._settings.repeat_seconds, self._settings.heartbeat_seconds
        # One that has just been raised may not count as standing yet.
        recent = {alert: at for alert, at in self._said.items() if now - at < repeat}
        self._said = dict.fromkeys(standing, -_NEVER) | recent
        oldest = min(standing, key=self._said.__getitem__, default=None)
        again = _NEVER if oldest is None else self._said[oldest] + repeat
        alive = self._alive + every if every else _NEVER
        if oldest is not None and again <= now:
            self._said[oldest] = now
            await self._tell(talk, self._reports.again(standing[oldest], self._clock.now()))
        elif alive <= now:
            await self._say_alive(talk)
        else:
            soonest = min(again, alive)
            with suppress(TimeoutError):
                async with asyncio.timeout(None if soonest == _NEVER else soonest - now):
                    await self._wake.wait()

    async def _say_alive(self, talk: Conversation) -> None:
        self._alive = monotonic()
        await self._tell(talk, self._reports.heartbeat(self._clock.now()))

    async def _tell(self, talk: Conversation, message: bytes) -> None:
        """Send what is said again anyway, so that a refusal loses nothing."""
        answer = await talk.exchange(message)
        if answer.code not in ACCEPTED:
            say = log.debug if self.counts["refused"] else log.warning
            say("alarm manager refuses a repeat", code=answer.code, reason=answer.reason)
            self.counts["refused"] += 1

    async def _strike(self) -> None:
        """A message that a manager who answers cannot bear is found and set aside."""
        row, self._flying = self._flying, None
        if row is None or not self._proven:
            return
        self._strikes[row.id] += 1
        if self._strikes[row.id] >= STRIKES:
            await self._set_aside(row, "the alarm manager does not answer this message")

    async def _set_aside(self, row: OutboxRow, reason: str) -> None:
        log.error(
            "report set aside", id=row.id, alert_id=alert_of(control_id(row.payload)), reason=reason
        )
        self.counts["set_aside"] += 1
        self._waiting = max(0, self._waiting - 1)
        self._strikes.pop(row.id, None)
        await self._outbox.refuse(row.id, reason)

    def _failed(self, reason: str) -> None:
        first = self._failing_since is None
        say = log.error if first else log.debug
        if first:
            self._failing_since = monotonic()
        say("alarm manager unreachable", address=self._settings.connect, reason=reason)

    def _recovered(self) -> None:
        self.connected.set()
        self._pause = FIRST_PAUSE_S
        if self._failing_since is not None:
            after = round(monotonic() - self._failing_since, 1)
            log.warning("alarm manager recovered", after_s=after)
            self._failing_since = None
