"""Lines of the device: bytes to texts and back.

A line is `$`, printable text, `*`, four upper-case hex digits of CRC (CRC-16 with polynomial 1021
hex, start value 0, over the text), CR. Source: name the manufacturer's document and section here.
"""

import re
from binascii import crc_hqx
from dataclasses import dataclass
from typing import Final

from drivers.kit.framing import FaultCutter
from monitor_daemon.core.vocabulary import Fault

#: Far beyond the longest line that is known.
MAX_LINE: Final = 256

_BEGIN: Final = re.compile(rb"\$")
_EDGE: Final = re.compile(rb"[$\r]")
_LAYOUT: Final = re.compile(rb"\$([ -#%-)+-~]*)\*([0-9A-F]{4})\r")
_TEXT: Final = re.compile("[ -#%-)+-~]*")


@dataclass(frozen=True, slots=True)
class Line:
    """A line whose CRC is right. `offset` is where it began, `raw` are its bytes on the wire."""

    offset: int
    raw: bytes
    text: str


def encode(text: str) -> bytes:
    """A line ready for the wire. Raises ValueError for anything but printable ASCII, $ and *."""
    if not _TEXT.fullmatch(text):
        raise ValueError(f"{text!r}: only printable ASCII without $ and * can be sent")
    data = text.encode("ascii")
    return b"$%b*%04X\r" % (data, crc_hqx(data, 0))


def parse(wire: bytes, offset: int = 0) -> Line | Fault:
    """One line from `$` to CR; a `Fault` with code FRAME if it is none."""
    found = _LAYOUT.fullmatch(wire)
    if found is None:
        return Fault("FRAME", offset, f"{len(wire)} bytes that are not $text*CRC CR")
    computed = b"%04X" % crc_hqx(found[1], 0)
    if found[2] != computed:
        return Fault("FRAME", offset, f"CRC {found[2].decode()}, computed {computed.decode()}")
    return Line(offset, wire, found[1].decode("ascii"))


class Framer(FaultCutter[Line]):
    """Cuts a byte stream into lines and faults; never raises.

    A damaged line costs itself: the next `$` starts anew.
    """

    unit = "line"
    begins = _BEGIN

    def _first(self) -> tuple[Line | Fault | None, int]:
        edge = _EDGE.search(self._buffer, self._searched, MAX_LINE)
        self._searched = len(self._buffer)
        if edge is None:
            if len(self._buffer) < MAX_LINE:
                return None, 0
            return self._broken(f"no CR within {MAX_LINE} bytes"), MAX_LINE
        if edge[0] == b"$":
            return self._broken("a new line begins before CR"), edge.start()
        return parse(bytes(self._buffer[: edge.end()]), self._offset), edge.end()
