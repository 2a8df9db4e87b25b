"""IFMout framing: STX, ASCII fields without separators, ETX, one check byte.

Known from one public reader only (wlbaker/mdrepo, idea-drivers). It computes the check byte as 255
minus the sum from STX through ETX modulo 256, and never compares it.
"""

import re
from dataclasses import dataclass
from typing import Final

from drivers.kit.framing import FaultCutter
from monitor_daemon.core.vocabulary import Fault

STX: Final = b"\x02"
ETX: Final = b"\x03"
#: All known fields together need less than half of this; a frame without an end is cut here.
_FRAME_LIMIT: Final = 512
_BEGIN: Final = re.compile(STX)
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


class Framer(FaultCutter[Frame]):
    """Cuts a byte stream into frames and faults; never raises.

    What follows ETX is the check byte, whatever it is: it may also look like STX.
    """

    begins = _BEGIN

    def _first(self) -> tuple[Item | None, int]:
        edge = _NOT_A_FIELD.search(self._buffer, 1, _FRAME_LIMIT)
        if edge is None:
            if len(self._buffer) < _FRAME_LIMIT:
                return None, 0
            return self._broken(f"no ETX within {_FRAME_LIMIT} bytes"), _FRAME_LIMIT
        if edge[0] == STX:
            return self._broken("a new frame begins before ETX"), edge.start()
        if edge[0] != ETX:
            return self._broken(f"byte {edge[0].hex().upper()} within a frame"), edge.start()
        if len(self._buffer) == edge.end():
            return None, 0
        raw = bytes(self._buffer[: edge.end() + 1])
        fields = raw[1:-2].decode("ascii")
        return Frame(self._offset, raw, fields, raw[-1] == check_byte(raw[:-1])), len(raw)
