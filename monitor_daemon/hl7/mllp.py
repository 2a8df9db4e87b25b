"""MLLP: where a message starts and ends in a stream (HL7 Transport Specification: MLLP, R1).

A block is VT, the message, FS, CR. The framer is strict in what it calls a message and liberal in
what stands between two of them; it gives the same answer however the stream was cut into reads.
"""

from dataclasses import dataclass
from typing import Final

VT: Final = b"\x0b"
FS: Final = b"\x1c"
END: Final = b"\x1c\r"
_WHITE: Final = b"\r\n\t \0"


@dataclass(frozen=True, slots=True)
class Frame:
    """One message without its framing. `offset` counts from the start of the stream to the VT."""

    offset: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class FrameFault:
    """Bytes that break the framing. A `fatal` one leaves no hope for this connection."""

    offset: int
    code: str
    reason: str
    fatal: bool = False


def framed(payload: bytes) -> bytes:
    """`payload` as an MLLP block."""
    return VT + payload + END


class Framer:
    """Bytes in, frames and faults out, in order.

    `max_bytes` limits one message, `max_junk` the bytes without a start of frame, white space too;
    beyond either the fault is fatal, and whoever goes on nevertheless gets the next frame after the
    next VT. A block of one byte is a commit of MLLP release 2 (ACK, NAK) and passed over.
    """

    def __init__(self, max_bytes: int = 1 << 20, max_junk: int = 4096) -> None:
        self._max_bytes = max_bytes
        self._max_junk = max_junk
        self._offset = 0
        self._outside = 0
        self._junk = False
        self._skip_to_vt = False
        self._start: int | None = None
        self._held = bytearray()

    @property
    def started(self) -> int | None:
        """Where the frame starts of which the end has not come; None between two frames."""
        return self._start

    def feed(self, data: bytes) -> list[Frame | FrameFault]:
        """Takes any number of bytes; gives what they complete. Never raises."""
        found: list[Frame | FrameFault] = []
        at = 0
        while at < len(data):
            at = (
                self._between(data, at, found)
                if self._start is None
                else self._inside(data, at, found)
            )
        self._offset += len(data)
        return found

    def finish(self) -> list[Frame | FrameFault]:
        """The stream ended: names a frame that did not."""
        if self._start is None:
            return []
        fault = FrameFault(self._start, "HL7_TRUNCATED", "the stream ends inside a frame")
        self._start = None
        self._held.clear()
        return [fault]

    def _between(self, data: bytes, at: int, found: list[Frame | FrameFault]) -> int:
        end = data.find(VT, at)
        outside = data[at:] if end < 0 else data[at:end]
        if outside and not self._skip_to_vt:
            self._pass_over(outside, self._offset + at, found)
        if end < 0:
            return len(data)
        self._start = self._offset + end
        self._outside = 0
        self._junk = self._skip_to_vt = False
        return end + 1

    def _pass_over(self, outside: bytes, offset: int, found: list[Frame | FrameFault]) -> None:
        room = self._max_junk - self._outside
        junk = outside[:room].lstrip(_WHITE)
        if junk and not self._junk:
            at = offset + len(outside[:room]) - len(junk)
            self._junk = True
            found.append(FrameFault(at, "HL7_JUNK", f"byte {junk[0]:#04x} outside of a frame"))
        self._outside += len(outside)
        if len(outside) > room:
            reason = f"more than {self._max_junk} bytes without a start of frame (0x0b)"
            found.append(FrameFault(offset + room, "HL7_JUNK", reason, fatal=True))
            self._skip_to_vt = True

    def _inside(self, data: bytes, at: int, found: list[Frame | FrameFault]) -> int:
        start = self._start or 0
        end = data.find(FS, at)
        stop = len(data) if end < 0 else end
        again = data.find(VT, at, stop)
        if again >= 0:
            stop = again
        if len(self._held) + stop - at > self._max_bytes:
            reason = f"a message of more than {self._max_bytes} bytes"
            found.append(FrameFault(start, "HL7_TOO_LONG", reason, fatal=True))
            self._start = None
            self._held.clear()
            self._skip_to_vt = True
            return at
        if again >= 0:
            found.append(FrameFault(start, "HL7_TRUNCATED", "a new frame starts inside this one"))
            self._start = self._offset + again
            self._held.clear()
            return again + 1
        if end < 0:
            self._held += data[at:]
            return len(data)
        payload = bytes(self._held) + data[at:end] if self._held else data[at:end]
        self._held.clear()
        self._start = None
        if not payload:
            found.append(FrameFault(start, "HL7_EMPTY", "a frame without a message"))
        elif len(payload) > 1:
            found.append(Frame(start, payload))
        return end + 1
