"""The publisher: what the outbox holds goes to the broker, in order, until the broker has it.

A message counts as sent only when the broker has acknowledged it, so each comes at least once.
First failures are logged loudly, repeats quietly, the recovery loudly with its duration.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from random import SystemRandom
from typing import Final, Literal, Protocol

import msgspec
import structlog
from aiomqtt import Message, MqttError, Will
from paho.mqtt.reasoncodes import ReasonCode

from monitor_daemon.clock import EngineClock, iso, monotonic
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.events import SECOND
from monitor_daemon.groups import first
from monitor_daemon.journal.rows import OutboxRow
from monitor_daemon.notify.connection import ANSWER_S, Connection, Unanswered
from monitor_daemon.notify.delivery import Delivery
from monitor_daemon.notify.settings import BrokerSettings

#: Real seconds between two statuses, and how much later than that the next one may come.
STATUS_S: Final = 30
STATUS_MARGIN_S: Final = 2 * ANSWER_S
#: Real seconds of the first and of the longest pause between two attempts to connect.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
#: Rows taken from the outbox at a time, and the most that are kept in memory.
_PAGE: Final = 1000
#: MQTT 5.0 reason code "quota exceeded": the broker is full, the message is not at fault.
_QUOTA_EXCEEDED: Final = 0x97

log = structlog.get_logger("notify")

CommandHandler = Callable[[str, bytes], Awaitable[tuple[str, bytes] | None]]


class Outbox(Protocol):
    """Where messages are durable before they are sent."""

    async def pending(self, limit: int) -> list[OutboxRow]:
        """Rows neither sent nor refused, oldest first."""
        ...

    async def sent(self, ids: Sequence[int], at: int) -> None:
        """The broker acknowledged these at engine time `at` (ms), or newer ones replaced them."""
        ...

    async def refuse(self, id: int, reason: str) -> None:  # noqa: A002 - the row's own word
        """The broker will not take this one."""
        ...


class Publisher:
    """Delivers the outbox of one site. Make it, hand `offer` to the engine, `run` it as one task.

    `on_command(command, payload)` handles messages under `commands/` and gives (request_id, answer)
    or None, if it was not done for want of a request_id. Raises ConfigError if a file of `broker`
    cannot be read.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        site: str,
        outbox: Outbox,
        version: str,
        *,
        clock: EngineClock | None = None,
        on_command: CommandHandler | None = None,
    ) -> None:
        broker.password()
        broker.tls_context()
        self.connected = asyncio.Event()
        self._broker = broker
        self._root = f"monitor/{site}"
        self._identifier = f"monitor-daemon-{site}"
        self._outbox = outbox
        self._version = version
        self._clock = clock or EngineClock()
        self.on_command = on_command
        self._delivery = Delivery()
        self._behind = True
        self._passed_over = False
        self._set_aside: list[tuple[OutboxRow, str]] = []
        self._sent_at: dict[int, float] = {}
        self._state: Literal["online", "degraded"] = "online"
        self._since = self._clock.now()
        self._failing_since: float | None = None
        self._pause = FIRST_PAUSE_S
        self._send_now = asyncio.Event()
        self._book_now = asyncio.Event()
        self._say_now = asyncio.Event()

    def offer(self, rows: Sequence[OutboxRow]) -> None:
        """Rows that were just committed to the outbox. They are sent in the next turn of the loop.

        Beyond what memory should hold they are left in the outbox and fetched from there.
        """
        if self._delivery.waiting >= _PAGE:
            self._behind = True
        if self._behind:
            self._passed_over = True
        else:
            self._delivery.add(rows)
            self._send_now.set()

    def status(self) -> dict[str, str | int | bool]:
        """Where the broker is, whether it answers, and how many messages wait for it."""
        return {
            "address": f"{self._broker.host}:{self._broker.port}",
            "connected": self.connected.is_set(),
            "waiting": self._delivery.waiting,
            "more_in_outbox": self._behind,
        }

    def set_state(self, state: Literal["online", "degraded"]) -> None:
        """Say how the daemon is; published at once, and every 30 s."""
        if state != self._state:
            self._state, self._since = state, self._clock.now()
            self._say_now.set()

    async def run(self) -> None:
        """Deliver until cancelled; a clean end leaves the status "offline".

        Raises an ExceptionGroup with what the outbox raised.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_books())
            tasks.create_task(self._stay_connected())

    async def _stay_connected(self) -> None:
        while True:
            by_broker = False
            # A task of its own: a task group that fails in the instant in which it is cancelled
            # swallows the cancellation, and we would try again instead of ending.
            serving = asyncio.create_task(self._serve())
            try:
                await asyncio.wait([serving])
            except asyncio.CancelledError:
                serving.cancel()
                await asyncio.wait([serving])
                if not serving.cancelled():
                    serving.exception()  # a connection lost in this instant concerns nobody now
                raise
            try:
                serving.result()
            except* (MqttError, OSError, ConfigError) as group:
                by_broker = self.connected.is_set() and group.subgroup(Unanswered) is None
                self._failed("the broker ended the connection" if by_broker else str(first(group)))
            guilty = self._delivery.broken(by_broker=by_broker)
            if guilty is not None:
                self._refuse(guilty, "the broker ended the connection on this message")
            self.connected.clear()
            self._sent_at.clear()
            await asyncio.sleep(self._pause * (0.5 + SystemRandom().random() / 2))
            self._pause = min(2 * self._pause, LONGEST_PAUSE_S)

    async def _serve(self) -> None:
        """One connection, from its first status to its end."""
        will = Will(f"{self._root}/status", self._status("offline", at=None), qos=1, retain=True)
        async with Connection(self._broker, self._identifier, will) as connection:
            if self.on_command is not None:
                # Before "online", so that who sees that is heard.
                await connection.subscribe(f"{self._root}/commands/+", qos=1)
            await self._say(connection, self._state)
            self._recovered()
            self._delivery.reconnected()
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._listen(connection))
                    tasks.create_task(self._send(connection))
                    tasks.create_task(self._keep_saying(connection))
            except asyncio.CancelledError:
                with suppress(MqttError):
                    await self._say(connection, "offline")
                raise

    async def _send(self, connection: Connection) -> None:
        while True:
            self._send_now.clear()
            while (row := self._delivery.take()) is not None:
                self._publish(connection, row)
            oldest = next(iter(self._sent_at.values()), float("inf"))
            patience = oldest + ANSWER_S - monotonic()
            try:
                async with asyncio.timeout(patience if self._sent_at else None):
                    await self._send_now.wait()
            except TimeoutError:
                raise Unanswered from None

    def _publish(self, connection: Connection, row: OutboxRow) -> None:
        # Only events have a sequence, and only they say when they were sent.
        payload = _stamped(row.payload, self._clock.now()) if row.sequence else row.payload
        try:
            ack = connection.send(row.topic, payload, retain=row.retain)
        except ValueError as error:
            self._refuse(row, str(error))
            return
        self._sent_at[row.id] = monotonic()
        ack.add_done_callback(partial(self._answered, row))

    def _answered(self, row: OutboxRow, ack: "asyncio.Future[ReasonCode]") -> None:
        if ack.cancelled():
            return
        code = ack.result()
        if code.value == _QUOTA_EXCEEDED:
            return  # unanswered, it is sent again on the next connection
        self._sent_at.pop(row.id, None)
        if code.is_failure:
            self._refuse(row, f"the broker answered: {code}")
        else:
            self._delivery.acknowledged(row)
        self._send_now.set()
        self._book_now.set()

    def _refuse(self, row: OutboxRow, reason: str) -> None:
        log.error(
            "message set aside", topic=row.topic, id=row.id, sequence=row.sequence, reason=reason
        )
        self._delivery.set_aside(row)
        self._set_aside.append((row, reason))
        self._book_now.set()

    async def _keep_books(self) -> None:
        """Mark what was delivered, and fetch what memory does not hold."""
        while True:
            ids = self._delivery.settled()
            if ids:
                await self._outbox.sent(ids, self._clock.now())
                self._delivery.forget(ids)
            aside, self._set_aside = self._set_aside, []
            for row, reason in aside:
                await self._outbox.refuse(row.id, reason)
                self._delivery.forget([row.id])
            if self._behind and self._delivery.waiting < _PAGE // 2:
                await self._fetch()
            await self._book_now.wait()
            self._book_now.clear()

    async def _fetch(self) -> None:
        self._passed_over = False
        rows = await self._outbox.pending(_PAGE)
        self._delivery.add(rows)
        # A row that was offered during the query may be missing from its result.
        self._behind = len(rows) == _PAGE or self._passed_over
        if self._behind:
            self._book_now.set()
        self._send_now.set()

    async def _listen(self, connection: Connection) -> None:
        """Hand on commands; raises MqttError as soon as the broker is gone."""
        async for message in connection.messages:
            await self._command(connection, message)

    async def _command(self, connection: Connection, message: Message) -> None:
        name = message.topic.value.rsplit("/", 1)[-1]
        if self.on_command is None or message.retain or not isinstance(message.payload, bytes):
            # A retained command would be carried out again at every connection.
            log.warning("command ignored", command=name, retained=message.retain)
            return
        try:
            answer = await self.on_command(name, message.payload)
        except Exception:  # a command that fails must not stop the alerts
            log.exception("command failed", command=name)
            return
        if answer is None:
            log.warning("command without an answerable request_id", command=name)
            return
        request_id, payload = answer
        await connection.deliver(f"{self._root}/replies/{request_id}", payload)

    async def _keep_saying(self, connection: Connection) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(STATUS_S):
                    await self._say_now.wait()
            await self._say(connection, self._state)

    async def _say(self, connection: Connection, state: str) -> None:
        self._say_now.clear()
        payload = self._status(state, at=self._clock.now())
        code = await connection.deliver(f"{self._root}/status", payload, retain=True)
        if code.is_failure:
            log.error("status refused", reason=str(code))

    def _status(self, state: str, at: int | None) -> bytes:
        """The status; without `at` it is the last will, which cannot know when it will be true."""
        next_due = None
        if at is not None and state != "offline":
            next_due = iso(at + round((STATUS_S + STATUS_MARGIN_S) * self._clock.speed * SECOND))
        since = at if state == "offline" else self._since
        return msgspec.json.encode(
            {
                "state": state,
                "since": None if since is None else iso(since),
                "version": self._version,
                "sequence": self._delivery.sequence,
                "next_due": next_due,
            }
        )

    def _failed(self, reason: str) -> None:
        first = self._failing_since is None
        say = log.error if first else log.debug
        if first:
            self._failing_since = monotonic()
        say("broker unreachable", host=self._broker.host, port=self._broker.port, reason=reason)

    def _recovered(self) -> None:
        self.connected.set()
        self._pause = FIRST_PAUSE_S
        if self._failing_since is not None:
            log.warning("broker recovered", after_s=round(monotonic() - self._failing_since, 1))
            self._failing_since = None


def _stamped(event: bytes, at: int) -> bytes:
    """An event with the instant of its sending, which a committed row cannot know."""
    return b'%b,"published_at":"%b"}' % (event[:-1], iso(at).encode())
