"""The session with a monitor: one request, then listening (GE M1017617, S/5 Computer Interface)."""

from collections.abc import Collection
from typing import Final

from drivers.ge_dri.decode import Line, arterial_channels, record_rows
from drivers.ge_dri.frames import Frame, Framer
from drivers.ge_dri.records import REQUESTS, displayed, local_time, read_record
from drivers.kit.contract import Alive, Effect, Message, Problem, Send
from monitor_daemon.core.vocabulary import Fault, Row

#: A request is neither acknowledged nor kept over a restart of the monitor, so it is sent again
#: after so many intervals without values: 15 s at the shortest interval.
PATIENCE: Final = 3


class DriSession:
    """One connection to a monitor that is asked for values every `interval` seconds.

    With `interval` None nothing is ever sent: somebody else asked. The lines in `arterial` are
    arterial pressure.
    """

    def __init__(self, interval: int | None, arterial: Collection[Line]) -> None:
        self._interval = interval
        self._arterial = arterial
        self._framer = Framer()
        self._due: float | None = None
        self._note = ""

    def connected(self, now: float) -> list[Effect]:
        """The transport opened: ask."""
        return self._ask(now)

    def feed(self, data: bytes, now: float) -> list[Effect]:
        """Bytes arrived."""
        effects: list[Effect] = []
        for item in self._framer.feed(data):
            effects += self._frame(item, now) if isinstance(item, Frame) else [Problem(item)]
        return effects

    def stored(self, message: Message, now: float) -> list[Effect]:
        """The monitor waits for nothing."""
        return []

    def lost(self, now: float) -> list[Effect]:
        """A frame that was cut off is said."""
        return [Problem(fault) for fault in self._framer.finish()]

    def due(self) -> float | None:
        """When the request is sent again; None for a session that only listens."""
        return self._due

    def wake(self, now: float) -> list[Effect]:
        """No values for too long: ask again."""
        return self._ask(now) if self._due is not None and now >= self._due else []

    def _ask(self, now: float) -> list[Effect]:
        if self._interval is None:
            return []
        self._due = now + PATIENCE * self._interval
        return [Send(REQUESTS[self._interval])]

    def _frame(self, frame: Frame, now: float) -> list[Effect]:
        record = read_record(frame.record)
        if isinstance(record, str):
            return [Problem(Fault("RECORD", frame.offset, record))]
        if not any(displayed(record)):
            other = f"record of main type {record.main_type} without displayed values"
            return [Alive(self._note or other)]
        if self._interval is not None:
            self._due = now + PATIENCE * self._interval
        rows = record_rows(record, frame.offset, self._arterial)
        message = Message(frame.raw, rows, sent_at=local_time(record.time))
        note = _note(record.level, rows)
        if note == self._note:
            return [message]
        self._note = note
        return [Alive(note), message]


def _note(level: int, rows: tuple[Row, ...]) -> str:
    """What a person should know of the monitor: several arterial lines are told here."""
    channels = [f"{channel} {label}" for channel, label in arterial_channels(rows).items()]
    found = f"DRI level {level}, arterial pressure: {' and '.join(channels) or 'no channel'}"
    return f"{found}; arterial_channels can choose" if len(channels) > 1 else found
