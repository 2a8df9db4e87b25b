"""The session with a pump: ask its id, then poll its status (Terumo TE-SS830P manual).

A pump is silent about packets that it cannot read and about requests for another id, so whatever
goes wrong shows as silence.
"""

from collections import deque
from typing import Final

from drivers.kit.contract import Alive, Close, Effect, Message, Problem, Send
from drivers.terumo_ss3.commands import ASK_DEVICE, SEQUENCES, Body, ask_status
from drivers.terumo_ss3.decode import body_of, body_rows
from drivers.terumo_ss3.frames import Framer, Packet
from monitor_daemon.core.vocabulary import Fault

#: The manual gives no time-out; ours.
ANSWER_TIMEOUT: Final = 3.0
MAX_FAILURES: Final = 3


class TerumoSession:
    """One connection to a pump, whoever dialled. `poll_period` (s) lies between two requests."""

    def __init__(self, poll_period: float, dilution_unit: str | None) -> None:
        self._period = poll_period
        self._dilution_unit = dilution_unit
        self._framer = Framer()
        self._due: float | None = None
        self._device = ""
        self._sequence = -1
        self._polled = 0.0
        #: A request awaits its answer.
        self._asking = False
        self._failures = 0
        #: For each message that is not stored yet, whether it answered the request.
        self._unstored: deque[bool] = deque()

    def connected(self, now: float) -> list[Effect]:
        """The transport opened: ask for the device id."""
        return self._identify(now)

    def feed(self, data: bytes, now: float) -> list[Effect]:
        """Bytes arrived."""
        effects: list[Effect] = []
        for item in self._framer.feed(data):
            body = body_of(item) if isinstance(item, Packet) else item
            if isinstance(body, Fault):
                effects.append(Problem(body))
            elif isinstance(item, Packet) and not body.request:
                effects += self._answer(item, body, now)
        return effects

    def stored(self, message: Message, now: float) -> list[Effect]:
        """The oldest message is durable: the next poll may come."""
        if self._unstored.popleft():
            self._due = max(self._polled + self._period, now)
        return []

    def lost(self, now: float) -> list[Effect]:
        """A packet that was cut off is said."""
        return [Problem(fault) for fault in self._framer.finish()]

    def due(self) -> float | None:
        """When `wake` wants to be called; never while a message waits to be stored."""
        return None if self._unstored else self._due

    def wake(self, now: float) -> list[Effect]:
        """Poll, or give up on an answer: ask for the id again, and the third time `Close`."""
        due = self.due()
        if due is None or now < due:
            return []
        if not self._asking:
            return self._poll(now)
        self._failures += 1
        if self._failures >= MAX_FAILURES:
            self._due = None
            return [Close(f"the pump did not answer {MAX_FAILURES} times")]
        return self._identify(now)

    def _answer(self, packet: Packet, body: Body, now: float) -> list[Effect]:
        if body.command is None:
            return self._identified(body.device, now)
        asked = (self._device, self._sequence)
        expected = self._asking and (body.device, int.from_bytes(body.command[:1])) == asked
        if expected:
            self._asking, self._failures, self._due = False, 0, None
        self._unstored.append(expected)
        rows = body_rows(body, packet.offset, self._dilution_unit)
        return [Message(packet.raw, rows)]

    def _identified(self, device: str, now: float) -> list[Effect]:
        if self._device:
            return []
        self._device = device
        return [Alive(f"pump {device}"), *self._poll(now)]

    def _identify(self, now: float) -> list[Effect]:
        self._device = ""
        return self._ask(ASK_DEVICE, now)

    def _poll(self, now: float) -> list[Effect]:
        self._polled = now
        self._sequence = (self._sequence + 1) % len(SEQUENCES)
        return self._ask(ask_status(self._device, self._sequence), now)

    def _ask(self, request: bytes, now: float) -> list[Effect]:
        self._asking, self._due = True, now + ANSWER_TIMEOUT
        return [Send(request)]
