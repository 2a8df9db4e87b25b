"""One open connection: the single routine that carries a session's effects to the world.

It is an `asyncio.Protocol`, so serial ports, TCP clients and TCP servers all use it as it is.
Effects are carried out in the order in which the session gave them: whatever follows a message
waits until that message is stored: replies leave in order, none before its message is durable.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, cast

from drivers.kit.contract import Alive, Close, Departing, Effect, Message, Problem, Send
from drivers.kit.failures import in_words, place
from drivers.kit.link import Link
from monitor_daemon.core.errors import MonitorError

#: Messages of one connection that may wait for storage before the link stops reading from it.
MAX_WAITING = 64

#: A session that has something to say before we leave may take so long for it.
FAREWELL_S = 0.5

#: A session whose `due` does not advance may not occupy the event loop.
MIN_TIMER_S = 0.001


class Conversation(asyncio.Protocol):
    """Pumps one session over one transport and resolves `ended` with the reason in words.

    `opened` is called with the conversation before the session hears of the connection; it may
    refuse the connection by returning a reason.
    """

    transport: asyncio.Transport

    def __init__(
        self,
        link: Link,
        opened: Callable[["Conversation"], str | None],
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._link = link
        self._opened = opened
        self._max_waiting = max_waiting
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[str] = self._loop.create_future()
        self.reason = ""
        self._waiting: deque[tuple[Effect, asyncio.Future[Any] | None]] = deque()
        self._open = False
        self._paused = False
        self._writable = True
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    # -- asyncio.Protocol ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is open."""
        self.transport = cast("asyncio.Transport", transport)
        refusal = self._opened(self)
        if refusal is not None:
            self.reason = refusal
            self.transport.abort()
            return
        self._open = True
        self._session = self._link.new_session()
        now = self._loop.time()
        self._act(lambda: self._session.connected(now), now)

    def data_received(self, data: bytes) -> None:
        """Bytes came from the device."""
        self._link.counters.bytes_in += len(data)
        if self._link.spec.tap is not None:
            self._link.spec.tap("rx", data)
        if self._open:
            now = self._loop.time()
            self._act(lambda: self._session.feed(data, now), now)
            self._throttle()

    def pause_writing(self) -> None:
        """The device does not take our replies: read no more of it until it does."""
        self._writable = False
        self._throttle()

    def resume_writing(self) -> None:
        """The device takes bytes again."""
        self._writable = True
        self._throttle()

    def eof_received(self) -> bool:
        """The device will send no more: what it sent is stored and answered before we close."""
        if not self._waiting or self.transport.get_extra_info("sslcontext") is not None:
            return False  # TLS as asyncio has it cannot stay half open
        self._waiting.append((Close("the device closed the connection"), None))
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone. What was received before is still being stored, unanswered."""
        if self._open:
            now = self._loop.time()
            self._act(lambda: self._session.lost(now), now)
        self._open = False
        self._set_timer(None)
        if not self.ended.done():
            gone = in_words(exc) if exc else "the device closed the connection"
            self.ended.set_result(self.reason or gone)

    # -- ending ----------------------------------------------------------------------------------

    def close(self, reason: str) -> None:
        """Close after what was written has left."""
        self._end(reason)
        self.transport.close()

    async def stop(self) -> None:
        """Nobody needs this connection any more: say farewell and abort it, unless it has ended."""
        try:
            if self._open and isinstance(self._session, Departing):
                await self._take_leave(self._session)
        finally:
            if not self.ended.done():
                self.abort("stopped")
        if hasattr(self, "transport"):
            await self.ended

    def abort(self, reason: str) -> None:
        """Close at once; nothing waiting is stored or answered any more."""
        self._end(reason)
        waiting = [task for _, task in self._waiting if task is not None]
        self._waiting.clear()
        for task in waiting:
            if not task.cancel() and not task.cancelled():
                task.exception()  # it failed too: the first failure has been logged
        if hasattr(self, "transport"):
            self.transport.abort()

    async def _take_leave(self, session: Departing) -> None:
        self.reason = "stopped"
        now = self._loop.time()
        said: list[Effect] = []

        def farewell() -> list[Effect]:
            said.extend(session.farewell(now))
            return said

        self._act(farewell, now)
        if said:
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await asyncio.shield(self.ended)

    def _end(self, reason: str) -> None:
        self._open = False
        self.reason = self.reason or reason
        self._set_timer(None)

    # -- the pump --------------------------------------------------------------------------------

    def _act(self, step: Callable[[], Iterable[Effect]], now: float) -> None:
        """Take one step of the session and carry out what it asks."""
        try:
            for effect in step():
                if isinstance(effect, Message):
                    self._store(effect, now)
                elif self._waiting:
                    self._waiting.append((effect, None))
                else:
                    self._perform(effect)
            if self._open:
                self._set_timer(self._session.due())
        except Exception as error:  # noqa: BLE001 - a driver's defect must not stop other links
            # A defect of one driver ends this connection, loudly; other links go on.
            # The text of the error may quote the wire, so only its kind and place are told.
            kind, where = type(error).__name__, place(error)
            self._link.log.error(  # noqa: TRY400 - the traceback's texts may quote the wire
                "link.driver_fault", code="DRIVER_FAULT", error=kind, place=where
            )
            self._link.fault("DRIVER_FAULT", f"{kind} at {where}")
            self.abort(f"fault in driver {self._link.spec.driver.name}: {kind}")

    def _store(self, message: Message, now: float) -> None:
        link = self._link
        link.heard(now)
        storing: asyncio.Future[Any]
        try:
            storing = asyncio.ensure_future(link.spec.sink.message(link.spec.name, message, now))
        except MonitorError as error:
            storing = self._loop.create_future()
            storing.set_exception(error)
        self._waiting.append((message, storing))
        storing.add_done_callback(self._stored)

    def _stored(self, _storing: "asyncio.Future[Any]") -> None:
        """Storage of a message ended: carry on, in order, as far as storage has come."""
        while self._waiting:
            effect, storing = self._waiting[0]
            if storing is not None and not storing.done():
                break
            self._waiting.popleft()
            if storing is None or not isinstance(effect, Message):
                self._perform(effect)
                continue
            failure = asyncio.CancelledError() if storing.cancelled() else storing.exception()
            if failure is not None:
                self._link.counters.storage_failures += 1
                self._link.log.error("link.storage_failed", code="STORAGE", reason=repr(failure))
                self.abort(f"storage failed: {failure!r}")
                return
            if self._open:
                if effect.reply is not None:
                    self._write(effect.reply)
                self._answered(effect)
        self._throttle()

    def _answered(self, message: Message) -> None:
        now = self._loop.time()
        self._act(lambda: self._session.stored(message, now), now)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Send(data):
                self._write(data)
            case Problem(reply=reply):
                self._link.problem(effect)
                if reply is not None:
                    self._write(reply)
            case Alive(detail):
                self._link.answered(detail)
            case Close(reason):
                if self._open:
                    self.close(reason)

    def _write(self, data: bytes) -> None:
        if not self._open:
            return
        link = self._link
        if not link.may_send(data):
            link.counters.refused_sends += 1
            link.log.error("link.send_refused", code="SEND_REFUSED", size=len(data))
            return
        link.counters.bytes_out += len(data)
        if link.spec.tap is not None:
            link.spec.tap("tx", data)
        self.transport.write(data)

    def _throttle(self) -> None:
        if not self._open:
            return
        if not self._paused and (not self._writable or len(self._waiting) > self._max_waiting):
            self._paused = True
            self.transport.pause_reading()
        elif self._paused and self._writable and len(self._waiting) <= self._max_waiting // 2:
            self._paused = False
            self.transport.resume_reading()

    # -- the session's timer ---------------------------------------------------------------------

    def _set_timer(self, due: float | None) -> None:
        if due == self._due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = None
        if due is not None:
            at = max(due, self._loop.time() + MIN_TIMER_S)
            self._timer = self._loop.call_at(at, self._wake)

    def _wake(self) -> None:
        self._due = self._timer = None
        now = self._loop.time()
        self._act(lambda: self._session.wake(now), now)
