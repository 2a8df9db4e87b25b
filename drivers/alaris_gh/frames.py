"""Lines of the Alaris serial protocol: bytes to fields and back.

A line is `!`, fields joined by `^`, `|`, four upper-case hex digits of CRC, CR; ESC aborts it. The
CRC is CRC-16 with polynomial 1021 (hex), start value FFFF, over the text between `!` and `|`. Two
independent public drivers agree; ESC stands in one of them.
"""

import re
from binascii import crc_hqx
from dataclasses import dataclass
from typing import Final

from monitor_daemon.core.vocabulary import Fault

#: Far beyond the longest line that is known (about 90 bytes).
MAX_LINE: Final = 512
#: Noise without a line is reported at least this often.
_NOISE_LIMIT: Final = 1024

_EDGE: Final = re.compile(rb"[!\r\x1b]")
_NOISE: Final = re.compile(rb"[^!]+")
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


class Framer:
    """Cuts a byte stream into lines and faults; never raises.

    A damaged line costs itself: the next `!` starts anew.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0
        self._searched = 1
        self._noise = 0

    def feed(self, data: bytes) -> list[Line | Fault]:
        """What `data`, following all bytes before it, completes."""
        self._buffer += data
        items: list[Line | Fault] = []
        while self._buffer:
            noise = _NOISE.match(self._buffer, 0, _NOISE_LIMIT - self._noise)
            if noise:
                self._noise += noise.end()
                self._drop(noise.end())
                if self._noise < _NOISE_LIMIT:
                    continue
            items += self._end_noise()
            if noise is None:
                item, used = self._first()
                if item is None:
                    break
                items.append(item)
                self._drop(used)
        return items

    def finish(self) -> list[Fault]:
        """No more bytes: reports noise and a line that were not ended."""
        left = self._end_noise()
        if self._buffer:
            left.append(self._broken("the bytes end within a line"))
            self._drop(len(self._buffer))
        return left

    def _first(self) -> tuple[Line | Fault | None, int]:
        """The item that the buffer begins with, and how many bytes it takes."""
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

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._offset += count
        self._searched = 1

    def _end_noise(self) -> list[Fault]:
        if not self._noise:
            return []
        reason = f"{self._noise} bytes outside lines"
        fault = Fault("FRAME", self._offset - self._noise, reason)
        self._noise = 0
        return [fault]

    def _broken(self, reason: str) -> Fault:
        return Fault("FRAME", self._offset, reason)
