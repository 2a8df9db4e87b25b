"""IFMout framing: STX, ASCII fields without separators, ETX, one check byte.

Known from one public reader only (wlbaker/mdrepo, idea-drivers). It computes the check byte as 255
minus the sum from STX through ETX modulo 256, and never compares it.
"""

import re
from dataclasses import dataclass
from typing import Final

from monitor_daemon.core.vocabulary import Fault

STX: Final = b"\x02"
ETX: Final = b"\x03"
#: All known fields together need less than half of this; a frame without an end is cut here.
_FRAME_LIMIT: Final = 512
#: Noise without a frame is reported at least this often.
_NOISE_LIMIT: Final = 1024
_NOT_A_FIELD: Final = re.compile(rb"[^\x20-\x7e]")


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame from STX to check byte.

    `offset` is where it began in the stream, `raw` are its bytes, `checked` says whether the check
    byte is the computed one.
    """

    offset: int
    raw: bytes
    fields: str
    checked: bool


Item = Frame | Fault


def check_byte(framed: bytes) -> int:
    """The check byte of the bytes from STX through ETX."""
    return 255 - sum(framed) % 256


def encode(fields: str) -> bytes:
    """A frame ready for the wire. Raises ValueError for anything but printable ASCII."""
    text = fields.encode("utf-8")
    if _NOT_A_FIELD.search(text):
        raise ValueError(f"fields {fields!r}: only printable ASCII can be sent")
    framed = STX + text + ETX
    return framed + bytes([check_byte(framed)])


class Framer:
    """Cuts a byte stream into frames and faults; never raises.

    What follows ETX is the check byte, whatever it is: it may also look like STX.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0

    def feed(self, data: bytes) -> list[Item]:
        """What `data`, following all bytes before it, completes."""
        self._buffer += data
        items: list[Item] = []
        while self._buffer:
            item, used = self._frame() if self._buffer.startswith(STX) else self._noise()
            if item is None:
                break
            items.append(item)
            self._drop(used)
        return items

    def finish(self) -> list[Fault]:
        """No more bytes: reports noise or a frame that was not ended."""
        left: list[Fault] = []
        if self._buffer.startswith(STX):
            left.append(self._fault("the bytes end within a frame"))
        elif self._buffer:
            left.append(self._fault(f"{len(self._buffer)} bytes outside frames"))
        self._drop(len(self._buffer))
        return left

    def _noise(self) -> tuple[Fault | None, int]:
        """The noise that the buffer begins with, and how many bytes it takes."""
        end = self._buffer.find(STX, 0, _NOISE_LIMIT)
        if end < 0:
            end = _NOISE_LIMIT
        if len(self._buffer) < end:
            return None, 0
        return self._fault(f"{end} bytes outside frames"), end

    def _frame(self) -> tuple[Item | None, int]:
        """The frame that the buffer begins with, and how many bytes it takes."""
        edge = _NOT_A_FIELD.search(self._buffer, 1, _FRAME_LIMIT)
        if edge is None:
            if len(self._buffer) < _FRAME_LIMIT:
                return None, 0
            return self._fault(f"no ETX within {_FRAME_LIMIT} bytes"), _FRAME_LIMIT
        if edge[0] == STX:
            return self._fault("a new frame begins before ETX"), edge.start()
        if edge[0] != ETX:
            return self._fault(f"byte {edge[0].hex().upper()} within a frame"), edge.start()
        if len(self._buffer) == edge.end():
            return None, 0
        raw = bytes(self._buffer[: edge.end() + 1])
        fields = raw[1:-2].decode("ascii")
        return Frame(self._offset, raw, fields, raw[-1] == check_byte(raw[:-1])), len(raw)

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._offset += count

    def _fault(self, reason: str) -> Fault:
        return Fault("FRAME", self._offset, reason)
