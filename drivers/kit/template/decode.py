"""Lines to rows: `MAP=65;HR=88;...`, with `---` for no value."""

import re
from collections.abc import Iterable
from typing import Final

from drivers.kit.template.frames import Framer, Line
from monitor_daemon.core.vocabulary import Fault, Quality, Reading, Row, Unmapped

#: What the device calls a value, our signal and its unit.
SIGNALS: Final = {
    "MAP": ("art_map", "mmHg"),
    "SYS": ("art_sys", "mmHg"),
    "DIA": ("art_dia", "mmHg"),
    "HR": ("heart_rate", "1/min"),
}
NO_VALUE: Final = "---"
_NUMBER: Final = re.compile("-?[0-9]{1,4}")


def line_rows(line: Line) -> tuple[Row, ...]:
    """The rows of one line, one for each item."""
    return tuple(_row(item, line.offset) for item in line.text.split(";") if item)


def _row(item: str, offset: int) -> Row:
    name, equals, value = item.partition("=")
    if not equals:
        return Fault("RECORD", offset, f"{item!r} is not name=value")
    if name not in SIGNALS:
        return Unmapped(name, value)
    signal, unit = SIGNALS[name]
    if value == NO_VALUE:
        return Reading(signal, None, unit, Quality.NO_VALUE, source=name)
    if not _NUMBER.fullmatch(value):
        return Fault("RECORD", offset, f"{name} = {value!r}: up to four digits, or {NO_VALUE}")
    return Reading(signal, float(value), unit, Quality.GOOD, source=name)


class LineDecoder:
    """Framer and decoder without a session."""

    def __init__(self) -> None:
        self._framer = Framer()

    def feed(self, data: bytes) -> Iterable[Row]:
        """Bytes as the device sent them, split anywhere."""
        rows: list[Row] = []
        for item in self._framer.feed(data):
            rows += [item] if isinstance(item, Fault) else line_rows(item)
        return rows

    def finish(self) -> Iterable[Row]:
        """No more bytes: a line that was cut off is said."""
        return self._framer.finish()
