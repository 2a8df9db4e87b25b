"""Data types of the protocol (Programming Guide H.0, data types): big-endian and packed."""

import struct
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from monitor_daemon.core.vocabulary import QUALITY_ORDER, Quality

#: Relative time counts units of 125 us from power-up, in 32 bits without sign.
TICKS_PER_SECOND: Final = 8000
TICKS_WRAP: Final = 1 << 32
MICROSECONDS_PER_TICK: Final = 125

#: Mantissas that are no numbers: NaN, not at this resolution, a reserved one, the infinities.
_NO_NUMBER: Final = frozenset({0x7FFFFF, -0x800000, -0x7FFFFF, 0x7FFFFE, -0x7FFFFE})
NAN: Final = bytes.fromhex("007fffff")
NO_TIME: Final = b"\xff" * 8

#: Measurement state, from the highest bit. A bit that keeps the value good is not here: validated,
#: measurement ongoing (a cuff), in alarm, alarms inhibited.
_STATE_BITS: Final = (
    (0x8000, Quality.NO_VALUE),  # invalid
    (0x4000, Quality.QUESTIONABLE),
    (0x2000, Quality.NO_VALUE),  # unavailable
    (0x1000, Quality.CALIBRATING),
    (0x0800, Quality.NOT_PATIENT),  # test data
    (0x0400, Quality.NOT_PATIENT),  # demonstration
    # The guide's rule: a value counts when the high octet is zero. These two bits have no name.
    (0x0300, Quality.NO_VALUE),
    (0x0040, Quality.QUESTIONABLE),  # early indication
)


class ShortError(Exception):
    """A message ends before what it announces; caught where messages are read."""


class Cursor:
    """Reads from the front of a message. Every method raises `ShortError` beyond its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not yet taken."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > self.left:
            raise ShortError(f"{count} bytes announced at byte {self._at}, {self.left} there")
        self._at += count
        return self._data[self._at - count : self._at]

    def u8(self) -> int:
        """One byte."""
        return self.take(1)[0]

    def u16(self) -> int:
        """Two bytes."""
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        """Four bytes."""
        return int.from_bytes(self.take(4), "big")


def attributes(cursor: Cursor) -> dict[int, bytes]:
    """An attribute list: values by attribute id. Raises `ShortError`."""
    count = cursor.u16()
    inside = Cursor(cursor.take(cursor.u16()))
    found: dict[int, bytes] = {}
    for _ in range(count):
        name = inside.u16()
        found[name] = inside.take(inside.u16())
    return found


def attribute_list(pairs: Iterable[tuple[int, bytes]]) -> bytes:
    """The bytes of an attribute list."""
    parts = [struct.pack(">HH", name, len(value)) + value for name, value in pairs]
    return block(len(parts), b"".join(parts))


def block(count: int, content: bytes) -> bytes:
    """What every list begins with: how many entries, how many bytes."""
    return struct.pack(">HH", count, len(content)) + content


def number(data: bytes) -> float | None:
    """A FLOAT of four bytes, exponent and mantissa; None if it says that there is no number."""
    exponent = int.from_bytes(data[:1], "big", signed=True)
    mantissa = int.from_bytes(data[1:4], "big", signed=True)
    if mantissa in _NO_NUMBER:
        return None
    # Dividing by a power of ten gives the nearest float to the decimal; multiplying by 0.1 may not.
    return mantissa / 10.0**-exponent if exponent < 0 else mantissa * 10.0**exponent


def float_type(value: float, decimals: int) -> bytes:
    """A FLOAT with so many decimals. Raises OverflowError beyond 24 bits of mantissa."""
    return (-decimals).to_bytes(1, "big", signed=True) + round(value * 10.0**decimals).to_bytes(
        3, "big", signed=True
    )


def moment(data: bytes) -> datetime | None:
    """An absolute time of eight BCD bytes, without a zone; None if unavailable or no time.

    The last byte, fractions of a second, is unused.
    """
    digits = data[:7].hex()
    if len(digits) < 14 or not digits.isdecimal() or not "1900" <= digits[:4] < "9000":
        return None
    try:
        return datetime.fromisoformat(f"{digits[:8]}T{digits[8:]}")
    except ValueError:
        return None


def absolute_time(at: datetime) -> bytes:
    """Eight BCD bytes."""
    return bytes.fromhex(f"{at:%Y%m%d%H%M%S}00")


def text(data: bytes) -> str:
    """The words of a String (length, then UTF-16), trimmed of padding and byte order marks."""
    length = int.from_bytes(data[:2], "big")
    words = data[2 : 2 + length].decode("utf-16-be", "replace")
    return words.replace("\0", "").replace("\ufeff", "").strip()


def string(words: str) -> bytes:
    """A String, padded with one NUL."""
    encoded = f"{words}\0".encode("utf-16-be")
    return len(encoded).to_bytes(2, "big") + encoded


def qualities(state: int) -> list[Quality]:
    """What the bits of a measurement state say, in no order; empty if all is well."""
    return [quality for bit, quality in _STATE_BITS if state & bit]


def worst(found: Iterable[Quality]) -> Quality:
    """The first of `found` in the order of `QUALITY_ORDER`; good if there is none."""
    return min(found, key=QUALITY_ORDER.index, default=Quality.GOOD)
