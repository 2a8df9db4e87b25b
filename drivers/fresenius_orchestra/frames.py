"""Frames of the Orchestra serial protocol: bytes to texts and back.

A frame is STX, text, two upper-case hex digits of checksum, ETX. The text is an address (one digit,
absent when a single pump is connected directly) and a message of at most 80 characters 20 to 7D
(hex); the checksum is FF minus the sum of the text modulo 100 (hex). Between frames stand the bytes
ACK, ENQ, and NAK with one character of reason. Source: one public driver.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from drivers.kit.framing import Cutter
from monitor_daemon.core.vocabulary import Fault

ACK: Final = b"\x06"
DC4: Final = b"\x14"
#: NAK with the reason "checksum".
NAK_CHECKSUM: Final = b"\x152"

#: STX, address, 80 characters, checksum, ETX.
MAX_FRAME: Final = 85

_END: Final = re.compile(rb"[^ -}]")
_BEGIN: Final = re.compile(rb"[\x02\x05\x06\x15]")
_TEXT: Final = re.compile("[0-9]?[ -}]{1,80}")

#: What a NAK says of the frame before it.
NAK_REASONS: Final[dict[str, str]] = {
    "1": "character reception",
    "2": "checksum",
    "4": "address",
    "5": "acknowledgement timed out",
    "6": "receiver not ready",
    "7": "frame length",
    "8": "control character inside",
}


class Control(Enum):
    """A single byte between frames."""

    ENQ = b"\x05"
    ACK = ACK


@dataclass(frozen=True, slots=True)
class Nak:
    """The other side refused a frame; `code` is empty if none follows."""

    offset: int
    code: str


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame whose checksum is right; `text` holds address and message."""

    offset: int
    raw: bytes
    text: str


@dataclass(frozen=True, slots=True)
class Broken:
    """Bytes that are no frame. `ended`: it came to an ETX, so that its sender awaits an answer."""

    fault: Fault
    ended: bool


Item = Frame | Control | Nak | Broken


def encode(text: str) -> bytes:
    """A frame ready for the wire. Raises ValueError for a text that none can carry."""
    if not _TEXT.fullmatch(text):
        raise ValueError(f"{text!r}: an address and 1 to 80 characters between blank and }}")
    data = text.encode("ascii")
    return b"\x02%b%02X\x03" % (data, 0xFF - sum(data) % 256)


def parse(wire: bytes, offset: int = 0) -> Frame | Fault:
    """One frame from STX to ETX; a `Fault` with code FRAME if it is none."""
    text, checksum = wire[1:-3], wire[-3:-1]
    if len(wire) < 5:
        return Fault("FRAME", offset, f"{len(wire)} bytes that are not STX text checksum ETX")
    computed = b"%02X" % (0xFF - sum(text) % 256)
    if checksum != computed:
        shown = checksum.decode("ascii", "replace")
        return Fault("FRAME", offset, f"checksum {shown!r}, computed {computed.decode()!r}")
    return Frame(offset, wire, text.decode("ascii", "replace"))


class Framer(Cutter[Frame | Control | Nak, Broken]):
    """Cuts a byte stream into frames, control bytes and faults; never raises.

    A damaged frame costs itself: any control character within it ends it.
    """

    begins = _BEGIN

    def _first(self) -> tuple[Item | None, int]:
        match self._buffer[0]:
            case 0x02:
                return self._frame()
            case 0x15:
                return self._nak()
        return Control(bytes(self._buffer[:1])), 1

    def _frame(self) -> tuple[Item | None, int]:
        end = _END.search(self._buffer, self._searched, MAX_FRAME)
        self._searched = len(self._buffer)
        if end is None:
            if len(self._buffer) < MAX_FRAME:
                return None, 0
            return self._broken(f"no ETX within {MAX_FRAME} bytes"), MAX_FRAME
        if end[0] != b"\x03":
            reason = f"character {end[0].hex().upper()} within a frame: 7 data bits, even parity?"
            return self._broken(reason), end.start()
        parsed = parse(bytes(self._buffer[: end.end()]), self._offset)
        return Broken(parsed, ended=True) if isinstance(parsed, Fault) else parsed, end.end()

    def _nak(self) -> tuple[Item | None, int]:
        if len(self._buffer) < 2:
            return None, 0
        code = chr(self._buffer[1])
        known = " " <= code <= "}"
        return Nak(self._offset, code if known else ""), 1 + known

    def _bad(self, fault: Fault) -> Broken:
        return Broken(fault, ended=False)
