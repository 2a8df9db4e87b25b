"""DRI link layer: bytes to records and back (GE M1017617, S/5 Computer Interface).

A frame is 7E, the escaped record and checksum, 7E. The checksum is the sum of the unescaped record
modulo 256. Within a frame 7E is sent as 7D 5E and 7D as 7D 5D.
"""

import re
from dataclasses import dataclass
from typing import Final

from drivers.kit.framing import FaultCutter
from monitor_daemon.core.vocabulary import Fault

HEADER_SIZE: Final = 40
#: Header and data area; the data area has at most 1450 bytes.
MAX_RECORD: Final = HEADER_SIZE + 1450
#: Two flags, and a record with its checksum of which every byte is escaped.
_WIRE_LIMIT: Final = 2 + 2 * (MAX_RECORD + 1)

_FLAG: Final = b"\x7e"
_ESCAPED: Final = {b"\x7d": b"\x7d\x5d", b"\x7e": b"\x7d\x5e"}
_PLAIN: Final = {wire: plain for plain, wire in _ESCAPED.items()}
_BEGIN: Final = re.compile(_FLAG)
_SPECIAL: Final = re.compile(rb"[\x7d\x7e]")
_TOKEN: Final = re.compile(rb"\x7d.?|\x7e", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Frame:
    """A record whose length and checksum are right.

    `offset` is where it began in the stream, `raw` are its bytes on the wire.
    """

    offset: int
    raw: bytes
    record: bytes


Item = Frame | Fault


def encode(record: bytes) -> bytes:
    """A record as a frame ready for the wire."""
    plain = record + bytes([sum(record) % 256])
    return _FLAG + _SPECIAL.sub(lambda found: _ESCAPED[found[0]], plain) + _FLAG


def parse(wire: bytes, offset: int = 0) -> Item:
    """One frame from flag to flag as on the wire; a `Fault` with code FRAME if it is none."""
    verdict = _unpack(wire)
    if isinstance(verdict, str):
        return Fault("FRAME", offset, verdict)
    return Frame(offset, wire, verdict)


def _unpack(wire: bytes) -> bytes | str:
    """The record of a frame, or what is wrong with it."""
    inner = wire[1:-1]
    if len(wire) < 2 or wire[:1] != _FLAG or wire[-1:] != _FLAG:
        return f"{len(wire)} bytes that are not 7E record checksum 7E"
    if any(token not in _PLAIN for token in _TOKEN.findall(inner)):
        return "7D is followed by neither 5D nor 5E"
    plain = _TOKEN.sub(lambda found: _PLAIN[found[0]], inner)
    record = plain[:-1]
    if not HEADER_SIZE <= len(record) <= MAX_RECORD:
        return f"record of {len(record)} bytes: {HEADER_SIZE} to {MAX_RECORD} are possible"
    length = int.from_bytes(record[:2], "little")
    if length != len(record):
        return f"length {length}, counted {len(record)}"
    checksum = sum(record) % 256
    if plain[-1] != checksum:
        return f"checksum {plain[-1]:02X}, computed {checksum:02X}"
    return record


class Framer(FaultCutter[Frame]):
    """Cuts a byte stream into frames and faults; never raises.

    The flag that ends a broken frame may be the first of the next one, so a damaged frame costs
    itself.
    """

    begins = _BEGIN

    def finish(self) -> list[Fault]:
        """No more bytes: reports noise and a frame that were not ended."""
        if self._buffer == _FLAG:
            self._drop(1)
        return super().finish()

    def _first(self) -> tuple[Item | None, int]:
        end = self._buffer.find(_FLAG, self._searched, _WIRE_LIMIT)
        self._searched = len(self._buffer)
        if end < 0:
            if len(self._buffer) < _WIRE_LIMIT:
                return None, 0
            return self._broken(f"no 7E within {_WIRE_LIMIT} bytes"), _WIRE_LIMIT
        if end == 1:
            return None, 1
        item = parse(bytes(self._buffer[: end + 1]), self._offset)
        return item, end + 1 if isinstance(item, Frame) else end
