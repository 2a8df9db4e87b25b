"""IFMout frames to rows: a key letter and a number of fixed width, again and again.

Known from one public reader only (wlbaker/mdrepo, idea-drivers); no manufacturer's document has
been seen.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from drivers.edwards_ifmout.frames import Frame, Framer, Item
from monitor_daemon.core.vocabulary import SIGNAL_UNITS, Fault, Quality, Reading, Row, Unmapped


class Measured(NamedTuple):
    """A field that is a signal: its width, its number of decimals, and which kind it is."""

    signal: str
    width: int
    decimals: int
    channel: str | None = None


MEASURED: Final[Mapping[str, Measured]] = {
    "P": Measured("art_map", 3, 0, "device"),
    "p": Measured("cvp", 3, 0),
    "C": Measured("cardiac_output", 4, 1, "continuous"),
    "c": Measured("cardiac_index", 4, 1, "continuous"),
    "T": Measured("cardiac_output", 4, 1, "STAT"),
    "t": Measured("cardiac_index", 4, 1, "STAT"),
    "R": Measured("svr", 4, 0),
    "H": Measured("heart_rate", 3, 0),
}

#: Widths of the known fields that are no signal: bolus CO and CI (I, i: their first character is
#: not understood), indexed and derived values, saturations, temperature (B: the unit is set at the
#: device and not sent), fault, alert and alarm codes, identification (N).
OTHERS: Final[Mapping[str, int]] = {
    **dict.fromkeys("IiaY", 5),
    **dict.fromkeys("rbBDOX", 4),
    **dict.fromkeys("SsWwVvAEeJjUuKkMm", 3),
    **dict.fromkeys("FfLl", 2),
    "N": 12,
    "Q": 1,
}

_NUMBERS: Final = {
    0: re.compile(" *[+-]?[0-9]+"),
    1: re.compile(r" *[+-]?[0-9]+\.[0-9]"),
}


@dataclass(frozen=True, slots=True)
class Reader:
    """How a site reads its device.

    A usable MAP gets `map_quality`; `widths` are those of the fields that are no signal. With
    `check` a frame whose check byte is not the computed one is refused.
    """

    map_quality: Quality
    widths: Mapping[str, int]
    check: bool

    def rows(self, frame: Frame) -> tuple[Row, ...]:
        """The rows of a frame."""
        return tuple(_rows(frame, self.map_quality, self.widths))

    def checked(self, item: Item) -> Item:
        """The item, or a fault if its check byte must be right and is not."""
        if self.check and isinstance(item, Frame) and not item.checked:
            reason = f"check byte {item.raw[-1]:02X} is not the computed one"
            return Fault("FRAME", item.offset, reason)
        return item


def _rows(frame: Frame, map_quality: Quality, widths: Mapping[str, int]) -> Iterator[Row]:
    fields, at = frame.fields, 0
    while at < len(fields):
        key = fields[at]
        measured = MEASURED.get(key)
        width = measured.width if measured else widths.get(key)
        if width is None:
            # How wide an unknown field is only the site can say, so all that follows is lost.
            yield Unmapped(key, fields[at + 1 :])
            return
        text = fields[at + 1 : at + 1 + width]
        if len(text) < width:
            reason = f"field {key} is cut: {len(text)} of {width} characters"
            yield Fault("RECORD", frame.offset, reason)
        elif measured:
            yield _reading(key, measured, text, map_quality)
        else:
            yield Unmapped(key, text)
        at += 1 + width


def _reading(key: str, measured: Measured, text: str, map_quality: Quality) -> Reading:
    signal = measured.signal
    number = _NUMBERS[measured.decimals].fullmatch(text)
    quality = map_quality if signal == "art_map" else Quality.GOOD
    return Reading(
        signal,
        float(text) if number else None,
        SIGNAL_UNITS[signal],
        quality if number else Quality.NO_VALUE,
        channel=measured.channel,
        source=key,
    )


class IfmoutDecoder:
    """Framer and decoder without a session."""

    def __init__(self, reader: Reader) -> None:
        self._framer = Framer()
        self._reader = reader

    def feed(self, data: bytes) -> list[Row]:
        """The rows of the frames that `data` completes."""
        return [row for item in self._framer.feed(data) for row in self._rows(item)]

    def finish(self) -> list[Fault]:
        """What was left incomplete."""
        return self._framer.finish()

    def _rows(self, item: Item) -> tuple[Row, ...]:
        item = self._reader.checked(item)
        return (item,) if isinstance(item, Fault) else self._reader.rows(item)
