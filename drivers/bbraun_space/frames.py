"""BCC link layer: bytes to frames and back (B. Braun BCC 4.0, link layer and character stuffing).

A frame is SOH, five digits of length, STX, bed id, `/1/1>`, information, ETX (last) or ETB (more
follows after our ACK), five digits of checksum, EOT. Length and checksum are those of the frame
before stuffing. Between frames stand single bytes ACK and NAK.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from drivers.kit.framing import Cutter
from monitor_daemon.core.vocabulary import Fault

ACK: Final = b"\x06"
NAK: Final = b"\x15"

#: The length field has five digits; stuffing at most doubles what is on the wire.
MAX_LENGTH: Final = 99_999
_WIRE_LIMIT: Final = 2 * MAX_LENGTH

Stuffing = Literal["auto", "on", "off"]

_STUFFED: Final = {b"D": b"EX", b"E": b"EE", b"d": b"ex", b"e": b"ee"}
_PLAIN: Final = {wire: plain for plain, wire in _STUFFED.items()}
_LETTER: Final = re.compile(rb"[DEde]")
_TOKEN: Final = re.compile(rb"EX|EE|ex|ee|[DEde]")
_LAYOUT: Final = re.compile(
    rb"\x01([0-9]{5})\x02([/-9A-z]{1,15})/1/1>(.*)([\x03\x17])([0-9]{5})\x04", re.DOTALL
)
_BED: Final = re.compile(r"[/-9A-z]{1,15}")
_FRAMING: Final = re.compile(r"[\x01\x03\x04\x17]")
_EDGE: Final = re.compile(rb"[\x01\x04]")
_BEGIN: Final = re.compile(rb"[\x01\x06\x15]")


class Control(Enum):
    """A single byte between frames."""

    ACK = ACK
    NAK = NAK


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame whose length and checksum are right.

    `offset` is where it began in the stream, `raw` are its bytes on the wire. `stuffed` says what
    these bytes prove about character stuffing: None if they would be the same either way.
    """

    offset: int
    raw: bytes
    bed: str
    information: bytes
    last: bool
    stuffed: bool | None


@dataclass(frozen=True, slots=True)
class Broken:
    """Bytes that are no frame. `ended`: it came to an EOT, so that its sender awaits an answer."""

    fault: Fault
    ended: bool


Item = Frame | Control | Broken


def stuff(plain: bytes) -> bytes:
    """The bytes as they go on the wire with stuffing on."""
    return _LETTER.sub(lambda found: _STUFFED[found[0]], plain)


def destuff(wire: bytes) -> bytes | None:
    """The bytes before stuffing; None if these cannot have been stuffed."""
    if any(token not in _PLAIN for token in _TOKEN.findall(wire)):
        return None
    return _TOKEN.sub(lambda found: _PLAIN[found[0]], wire)


def encode(bed: str, information: str, *, last: bool = True, stuffed: bool = True) -> bytes:
    """A frame ready for the wire.

    Raises ValueError for a bed id outside 1..15 characters of ASCII 47..57 and 65..122, for
    framing characters within the information, and for more than the length field can say.
    """
    if not _BED.fullmatch(bed):
        raise ValueError(f"bed id {bed!r}: 1 to 15 of the characters / 0-9 A-Z [ \\ ] ^ _ ` a-z")
    if _FRAMING.search(information):
        raise ValueError("information holds SOH, ETX, EOT or ETB: remove it")
    body = f"{bed}/1/1>{information}".encode()
    length = len(body) + 14
    if length > MAX_LENGTH:
        raise ValueError(f"frame of {length} bytes: the length field ends at {MAX_LENGTH}")
    summed = b"\x01%05d\x02%b%b" % (length, body, b"\x03" if last else b"\x17")
    plain = b"%b%05d\x04" % (summed, sum(summed) % 256)
    return stuff(plain) if stuffed else plain


def parse(wire: bytes, offset: int = 0, stuffing: Stuffing = "auto") -> Frame | Fault:
    """One frame from SOH to EOT as on the wire; a `Fault` with code FRAME if it is none.

    With stuffing "auto" both readings are tried. At most one can be right: destuffing shortens
    whatever it changes, and the length is checked.
    """
    destuffed = None if stuffing == "off" else destuff(wire)
    plains = [plain for plain in (destuffed, None if stuffing == "on" else wire) if plain]
    reason = "D or E that is not stuffed: is stuffing off at the station? Set stuffing to auto"
    for plain in reversed(plains):
        verdict = _verify(plain)
        if isinstance(verdict, str):
            reason = verdict
            continue
        _, bed, information, end, _ = verdict.groups()
        stuffed = wire != plain if _LETTER.search(wire) else None
        return Frame(offset, wire, bed.decode("ascii"), information, end == b"\x03", stuffed)
    return Fault("FRAME", offset, reason)


def _verify(plain: bytes) -> re.Match[bytes] | str:
    found = _LAYOUT.fullmatch(plain)
    if found is None:
        return f"{len(plain)} bytes that are not SOH length STX bed/1/1> ... ETX checksum EOT"
    if int(found[1]) != len(plain):
        return f"length {found[1].decode()}, counted {len(plain):05d}"
    checksum = sum(plain[: found.end(4)]) % 256
    if int(found[5]) != checksum:
        return f"checksum {found[5].decode()}, computed {checksum:05d}"
    return found


class Framer(Cutter[Frame | Control, Broken]):
    """Cuts a byte stream into frames, control bytes and faults; never raises.

    `stuffing` is "on", "off" or "auto" (either, frame by frame). A damaged frame costs itself:
    the next SOH starts anew.
    """

    begins = _BEGIN

    def __init__(self, stuffing: Stuffing = "auto") -> None:
        super().__init__()
        self._stuffing = stuffing

    @property
    def in_frame(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._buffer)

    def _first(self) -> tuple[Item | None, int]:
        if self._buffer[:1] != b"\x01":
            return Control(bytes(self._buffer[:1])), 1
        edge = _EDGE.search(self._buffer, self._searched, _WIRE_LIMIT)
        self._searched = len(self._buffer)
        if edge is None:
            if len(self._buffer) < _WIRE_LIMIT:
                return None, 0
            return self._broken(f"no EOT within {_WIRE_LIMIT} bytes"), _WIRE_LIMIT
        if edge[0] == b"\x01":
            return self._broken("a new frame begins before EOT"), edge.start()
        parsed = parse(bytes(self._buffer[: edge.end()]), self._offset, self._stuffing)
        return Broken(parsed, ended=True) if isinstance(parsed, Fault) else parsed, edge.end()

    def _bad(self, fault: Fault) -> Broken:
        return Broken(fault, ended=False)
