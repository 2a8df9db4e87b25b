"""Lines of the Alaris serial protocol: bytes to fields and back.

A line is `!`, fields joined by `^`, `|`, four upper-case hex digits of CRC, CR; ESC aborts it. The
CRC is CRC-16 with polynomial 1021 (hex), start value FFFF, over the text between `!` and `|`. Two
independent public drivers agree; ESC stands in one of them.
"""

import re
from binascii import crc_hqx
from dataclasses import dataclass
from typing import Final

from drivers.kit.framing import FaultCutter
from monitor_daemon.core.vocabulary import Fault

#: Far beyond the longest line that is known (about 90 bytes).
MAX_LINE: Final = 512

_EDGE: Final = re.compile(rb"[!\r\x1b]")
_BEGIN: Final = re.compile(b"!")
_LAYOUT: Final = re.compile(rb"!([ -{}~\x80-\xff]*)\|([0-9A-F]{4})\r")
_TEXT: Final = re.compile("[^!|\r\x1b]*")


@dataclass(frozen=True, slots=True)
class Line:
    """A line whose CRC is right. `offset` is where it began, `raw` are its bytes on the wire."""

    offset: int
    raw: bytes
    name: str
    arguments: tuple[str, ...]


def encode(*fields: str) -> bytes:
    """A line ready for the wire. Raises ValueError for framing characters within the fields."""
    text = "^".join(fields)
    if not _TEXT.fullmatch(text):
        raise ValueError(f"{text!r} holds !, |, CR or ESC: remove it")
    data = text.encode("ascii")
    return b"!%b|%04X\r" % (data, crc_hqx(data, 0xFFFF))


def parse(wire: bytes, offset: int = 0) -> Line | Fault:
    """One line from `!` to CR; a `Fault` with code FRAME if it is none."""
    found = _LAYOUT.fullmatch(wire)
    if found is None:
        return Fault("FRAME", offset, f"{len(wire)} bytes that are not !fields|CRC CR")
    computed = b"%04X" % crc_hqx(found[1], 0xFFFF)
    if found[2] != computed:
        return Fault("FRAME", offset, f"CRC {found[2].decode()}, computed {computed.decode()}")
    name, *arguments = found[1].decode("ascii", "replace").split("^")
    return Line(offset, wire, name, tuple(arguments))


class Framer(FaultCutter[Line]):
    """Cuts a byte stream into lines and faults; never raises.

    A damaged line costs itself: the next `!` starts anew.
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
        if edge[0] == b"!":
            return self._broken("a new line begins before CR"), edge.start()
        if edge[0] == b"\x1b":
            return self._broken("aborted by ESC"), edge.end()
        return parse(bytes(self._buffer[: edge.end()]), self._offset), edge.end()
