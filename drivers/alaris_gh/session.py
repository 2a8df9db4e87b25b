"""The session with a pump: three questions about it, then INF again and again; or only listening.

Both public drivers of this protocol switch the pump's remote control on before they poll. Whether a
pump answers without it is not known, and this driver never switches it on.
"""

from collections import deque
from typing import Final

from drivers.alaris_gh.decode import line_rows
from drivers.alaris_gh.frames import Framer, Line, encode
from drivers.kit.contract import Alive, Close, Effect, Message, Problem, Send
from monitor_daemon.core.vocabulary import Fault

#: Everything that can be sent, in the order in which it is.
QUESTIONS: Final = ("INST_SERIALNO", "COMMS_PROTOCOL", "COMMS_RESPONSE_MAX", "INF")
REQUESTS: Final = frozenset(map(encode, QUESTIONS))

ANSWER_TIMEOUT: Final = 0.5
#: A question is asked so many times; one of the public drivers does the same.
MAX_TRIES: Final = 5

REFUSAL: Final = (
    "refuses to poll: it is not known whether a pump answers without remote control, and what else "
    "polling does to it. Set passive = true, or accept_risk_of_polling = true after a test on a "
    "pump that is connected to nobody"
)


class AlarisSession:
    """One connection to a pump.

    `poll_period` (s) lies between two INF. With `passive` nothing is ever sent; without it nothing
    is sent either unless `accept_risk`, and the connection is closed with the reason.
    """

    def __init__(self, poll_period: float, *, passive: bool, accept_risk: bool) -> None:
        self._period = poll_period
        self._passive = passive
        self._accept_risk = accept_risk
        self._framer = Framer()
        self._due: float | None = None
        #: Index of the question that is asked, or that is asked next.
        self._question = 0
        self._tries = 0
        self._polled = 0.0
        #: For each message that is not stored yet, whether it answered the question.
        self._unstored: deque[bool] = deque()

    def connected(self, now: float) -> list[Effect]:
        """The transport opened: the first question, or nothing."""
        if self._passive:
            return []
        if not self._accept_risk:
            return [Close(REFUSAL)]
        return self._ask(now)

    def feed(self, data: bytes, now: float) -> list[Effect]:
        """Bytes arrived."""
        effects: list[Effect] = []
        for item in self._framer.feed(data):
            effects += [Problem(item)] if isinstance(item, Fault) else self._line(item, now)
        return effects

    def stored(self, message: Message, now: float) -> list[Effect]:
        """The oldest message is durable: the next poll may come."""
        if self._unstored.popleft():
            self._due = max(self._polled + self._period, now)
        return []

    def lost(self, now: float) -> list[Effect]:
        """A line that was cut off is said."""
        return [Problem(fault) for fault in self._framer.finish()]

    def due(self) -> float | None:
        """When `wake` wants to be called; never while a message waits to be stored."""
        return None if self._unstored else self._due

    def wake(self, now: float) -> list[Effect]:
        """Ask, ask again, or give up."""
        due = self.due()
        if due is None or now < due:
            return []
        if self._tries >= MAX_TRIES:
            self._due = None
            question = QUESTIONS[self._question]
            return [Close(f"no answer to {question}: does the pump want remote control?")]
        return self._ask(now)

    def _line(self, line: Line, now: float) -> list[Effect]:
        asked = QUESTIONS[self._question] if self._tries else None
        answer = line.name == asked and bool(line.arguments)
        if answer:
            self._tries, self._due = 0, None
        if answer and line.name != QUESTIONS[-1]:
            self._question += 1
            return [Alive(" ".join((line.name, *line.arguments))), *self._ask(now)]
        rows = line_rows(line)
        if not rows:
            return []
        self._unstored.append(answer)
        return [Message(line.raw, rows)]

    def _ask(self, now: float) -> list[Effect]:
        if self._tries == 0:
            self._polled = now
        self._tries += 1
        self._due = now + ANSWER_TIMEOUT
        return [Send(encode(QUESTIONS[self._question]))]
