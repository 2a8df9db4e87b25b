"""Alarm lists to rows, and which pressure lines they say are not to be trusted."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from drivers.philips_intellivue.codes import (
    ALARM_STATES,
    ALARMS,
    LINE_PROBLEMS,
    NOT_NOW,
    PRESSURE_GROUPS,
    PRIORITIES,
    group,
    words,
)
from drivers.philips_intellivue.wire import Cursor
from monitor_daemon.core.vocabulary import Alarm

#: Attributes that hold a list of alarms: of the patient, of the equipment.
LISTS: Final = (0x0902, 0x0904)
_WITH_TEXT: Final = 516
#: In an information block with text: instance, text id, priority, flags, length; then the text.
_TEXT_AT: Final = 12


@dataclass(frozen=True, slots=True)
class Alert:
    """One alarm that stands. `source` is the group or id of what it is about."""

    source: int
    code: int
    kind: int
    state: int
    text: str

    @property
    def lines(self) -> frozenset[int]:
        """The group of the pressure whose line has a problem now, if it is such an alarm."""
        if self.code not in LINE_PROBLEMS or self.state & NOT_NOW:
            return frozenset()
        return PRESSURE_GROUPS & {group(self.source)}

    def row(self, bed: str | None, time: str | None) -> Alarm:
        """The alarm as a row."""
        known = f"{ALARMS[self.code]} ({self.source:04X})" if self.code in ALARMS else None
        return Alarm(
            code=str(self.code),
            text=self.text or known,
            priority=PRIORITIES.get(self.kind),
            state=words(ALARM_STATES, self.state) or "active",
            device_time=time,
            bed=bed,
        )


def alerts(data: bytes) -> Iterator[Alert]:
    """The alarms of one list; raises `ShortError` after those that could be read."""
    cursor = Cursor(data)
    count = cursor.u16()
    cursor.u16()
    for _ in range(count):
        source, code, kind, state = (cursor.u16() for _ in range(4))
        cursor.take(6)
        information, content = cursor.u16(), cursor.take(cursor.u16())
        text = content[_TEXT_AT:] if information == _WITH_TEXT else b""
        yield Alert(source, code, kind, state, _words(text))


def _words(text: bytes) -> str:
    return text.decode("utf-16-be", "replace").replace("\0", "").replace("\ufeff", "").strip()
