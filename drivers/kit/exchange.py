"""A session and its simulated device joined in memory by a wire that may misbehave.

Time is virtual: nothing waits, and every run of the same exchange is the same.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from drivers.kit.contract import Close, Departing, Driver, Effect, Message, Problem, Send
from drivers.kit.playback import Play, SimClock
from monitor_daemon.core.vocabulary import Row

#: What arrives of the device's chunk number `index`.
Wire = Callable[[int, bytes], Sequence[bytes]]

#: The pause after which a link would have opened a closed connection again.
REOPEN_S = 1.0

#: Steps at one instant after which a machine counts as spinning.
MAX_STEPS = 10_000


class Exchange:
    """One driver's session and simulator with `options`, the others as they are by default.

    `received` are the device's chunks as sent, `messages` what the session made of them, each with
    the index of the chunk that had last been delivered. Every step raises AssertionError if the
    session sends what `may_send` refuses, or spins.
    """

    def __init__(
        self,
        driver: Driver,
        play: Play,
        wire: Wire | None = None,
        *,
        coalesce: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.wire: Wire = wire or (lambda _index, chunk: [chunk])
        self.received: list[bytes] = []
        self.sent: list[bytes] = []
        self.messages: list[tuple[int, Message]] = []
        self.problems: list[Problem] = []
        self.closed = 0
        self.now = 1000.0
        self._driver = driver
        self._coalesce = coalesce
        self._delivered = -1
        self._settings = driver.settings(options or {})
        clock = SimClock(self.now, datetime(2026, 1, 1, tzinfo=UTC))
        self._device = driver.simulator(self._settings, play, clock)
        self._to_session: deque[tuple[int, bytes]] = deque()
        self._to_device: deque[bytes] = deque()
        self._reopen: float | None = None
        self.reconnect()

    @property
    def rows(self) -> list[Row]:
        """All rows of all messages, in order."""
        return [row for _, message in self.messages for row in message.rows]

    def reconnect(self) -> None:
        """A new connection: a fresh session, the same device."""
        self._reopen = None
        self._to_session.clear()
        self._to_device.clear()
        self._session = self._driver.session(self._settings)
        self._take(self._session.connected(self.now))
        self._emit(self._device.connected(self.now))

    def deliver(self, data: bytes) -> None:
        """Bytes that the device never sent arrive now."""
        if self._reopen is None:
            self._take(self._session.feed(data, self.now))

    def farewell(self) -> None:
        """The link is stopped: what the session says then, if anything."""
        if self._reopen is None and isinstance(self._session, Departing):
            self._take(self._session.farewell(self.now))

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        end = self.now + seconds
        steps = 0
        while True:
            if self._move():
                steps += 1
            else:
                following = min(self._dues(), default=None)
                if following is None or following > end:
                    break
                steps = 0 if following > self.now else steps + 1
                self.now = max(self.now, following)
                self._wake()
            if steps > MAX_STEPS:
                raise AssertionError(f"no progress in time after {steps} steps")
        self.now = end

    def _move(self) -> bool:
        """Carry one chunk across, in either direction."""
        if self._to_session:
            index, data = self._to_session.popleft()
            while self._coalesce and self._to_session:
                index, more = self._to_session.popleft()
                data += more
            self._delivered = index
            self.deliver(data)
            return True
        if self._to_device:
            self._emit(self._device.feed(self._to_device.popleft(), self.now))
            return True
        return False

    def _dues(self) -> list[float]:
        if self._reopen is not None:
            return [self._reopen]
        dues = (self._session.due(), self._device.due())
        return [due for due in dues if due is not None]

    def _wake(self) -> None:
        if self._reopen is not None:
            self.reconnect()
            return
        session, device = self._session.due(), self._device.due()
        if session is not None and session <= self.now:
            self._take(self._session.wake(self.now))
        if device is not None and device <= self.now:
            self._emit(self._device.wake(self.now))

    def _emit(self, chunks: Iterable[bytes]) -> None:
        for chunk in chunks:
            index = len(self.received)
            self.received.append(chunk)
            self._to_session.extend((index, part) for part in self.wire(index, chunk))

    def _take(self, effects: Iterable[Effect]) -> None:
        waiting = deque(effects)
        while waiting and self._reopen is None:
            effect = waiting.popleft()
            match effect:
                case Send(data):
                    self._send(data)
                case Problem(reply=reply):
                    self.problems.append(effect)
                    self._send(reply)
                case Message(reply=reply):
                    self.messages.append((self._delivered, effect))
                    self._send(reply)
                    waiting.extend(self._session.stored(effect, self.now))
                case Close():
                    self.closed += 1
                    self._reopen = self.now + REOPEN_S

    def _send(self, data: bytes | None) -> None:
        if data is None:
            return
        if not self._driver.may_send(data):
            raise AssertionError(f"the session sends {data!r}, which may_send refuses")
        self.sent.append(data)
        self._to_device.append(data)
