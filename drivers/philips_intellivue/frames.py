"""Messages of the Data Export protocol out of a serial line or out of datagrams, and back.

On a serial line (Philips Data Export Interface Programming Guide H.0, fixed baud rate) a message is
the user data of a frame: BOF, protocol id, message type, length, user data, FCS, EOF, with BOF, EOF
and the escape character escaped between the two ends. Over UDP it is a datagram as it stands; a
file of such datagrams is cut by the lengths that the messages carry.
"""

import re
from binascii import crc_hqx
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from drivers.kit.framing import FaultCutter
from monitor_daemon.core.vocabulary import Fault

Framing = Literal["serial", "udp"]

BOF: Final = b"\xc0"
EOF: Final = b"\xc1"
ESCAPE: Final = b"\x7d"

#: Protocol id and message type of Data Export.
_HEADER: Final = b"\x11\x01"
#: The length field has 16 bits; escaping at most doubles what is on the wire.
MAX_PAYLOAD: Final = 0xFFFF
_WIRE_LIMIT: Final = 2 * (MAX_PAYLOAD + 6) + 2

_BEGIN: Final = re.compile(BOF)
_EDGE: Final = re.compile(rb"[\xc0\xc1]")
_TO_ESCAPE: Final = re.compile(rb"[\xc0\xc1\x7d]")
_ESCAPED: Final = re.compile(rb"\x7d(.)", re.DOTALL)
_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class Frame:
    """One message. `offset` is where it began in the stream, `raw` are its bytes on the wire."""

    offset: int
    raw: bytes
    payload: bytes


Item = Frame | Fault


def fcs(data: bytes) -> int:
    """CRC-16/X-25 of `data`: the frame check sequence, sent with its low byte first."""
    # X-25 is CRC-CCITT with the bits of every byte, and of the result, in the other order.
    mirrored = crc_hqx(data.translate(_MIRRORED), 0xFFFF)
    return int(f"{mirrored:016b}"[::-1], 2) ^ 0xFFFF


def escape(data: bytes) -> bytes:
    """The bytes as they stand between the two ends of a frame."""
    return _TO_ESCAPE.sub(lambda found: bytes((0x7D, found[0][0] ^ 0x20)), data)


def encode(payload: bytes, framing: Framing = "serial") -> bytes:
    """A message ready for the wire. Raises ValueError if it is longer than 65535 bytes."""
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"message of {len(payload)} bytes: the length field ends at {MAX_PAYLOAD}")
    if framing == "udp":
        return payload
    body = _HEADER + len(payload).to_bytes(2, "big") + payload
    return BOF + escape(body + fcs(body).to_bytes(2, "little")) + EOF


def parse(wire: bytes, offset: int = 0) -> Item | None:
    """One frame from BOF to EOF; a `Fault` with code FRAME if it is none.

    None for a frame that its sender gave up and for one of another protocol: both are legal.
    """
    inner = wire[1:-1]
    if inner.endswith(ESCAPE):
        return None
    body = _ESCAPED.sub(lambda found: bytes((found[1][0] ^ 0x20,)), inner)
    if len(body) < 6:
        return Fault("FRAME", offset, f"a frame of {len(body)} bytes: at least 6")
    said, computed = int.from_bytes(body[-2:], "little"), fcs(body[:-2])
    if said != computed:
        return Fault("FRAME", offset, f"FCS {said:04X}, computed {computed:04X}")
    if body[:2] != _HEADER:
        return None
    length, payload = int.from_bytes(body[2:4], "big"), body[4:-2]
    if length != len(payload):
        return Fault("FRAME", offset, f"length {length}, counted {len(payload)}")
    return Frame(offset, wire, payload)


class Framer(FaultCutter[Frame]):
    """Cuts bytes into messages and faults; never raises."""

    unit = "message"


class SerialFramer(Framer):
    """Frames of a serial line. A damaged frame costs itself: the next BOF starts anew."""

    begins = _BEGIN

    def _first(self) -> tuple[Item | None, int]:
        edge = _EDGE.search(self._buffer, self._searched, _WIRE_LIMIT)
        self._searched = len(self._buffer)
        if edge is None:
            if len(self._buffer) < _WIRE_LIMIT:
                return None, 0
            return self._broken(f"no EOF within {_WIRE_LIMIT} bytes"), _WIRE_LIMIT
        if edge[0] == BOF:
            return self._broken("a new frame begins before EOF"), edge.start()
        return parse(bytes(self._buffer[: edge.end()]), self._offset), edge.end()


def _growing(*parts: bytes) -> bytes:
    """A pattern for the parts one after the other, of which the last may still be missing."""
    pattern = parts[-1]
    for part in reversed(parts[:-1]):
        pattern = rb"%b(?:\Z|%b)" % (part, pattern)
    return pattern


def _heads() -> Sequence[tuple[bytes, ...]]:
    """What messages begin with: session id and context, or SPDU type, length and parameters."""
    session = (rb"\x05", rb"\x08", rb"\x13", rb"\x01")
    return (
        (rb"\xe1", rb"\x00", rb"\x00", rb"\x02"),
        (rb"[\x0d\x0e]", rb"[^\xff]", *session),
        (rb"[\x0d\x0e]", rb"\xff", rb".", rb".", *session),
        (rb"[\x09\x0a]", rb"\x18", rb"\xc1", rb"\x16"),
        (rb"\x0c", rb"\x03", rb"\x32", rb"\x01"),
        (rb"\x19", rb"\x2e", rb"\x11", rb"\x01"),
    )


_HEAD: Final = re.compile(b"|".join(b"".join(head) for head in _heads()), re.DOTALL)
_HEAD_SO_FAR: Final = re.compile(b"|".join(_growing(*head) for head in _heads()), re.DOTALL)


class DatagramFramer(Framer):
    """Messages without frames: datagrams, or a file of datagrams one after another.

    Bytes that begin like a message begin one: a datagram that was cut off costs itself.
    """

    def feed(self, data: bytes) -> list[Item]:
        """What `data`, a datagram or a piece of a file, completes."""
        cut: list[Item] = []
        if self._buffer and _HEAD.match(data):
            cut += self.finish()
        return cut + super().feed(data)

    def _before(self) -> int:
        head = _HEAD_SO_FAR.search(self._buffer)
        return head.start() if head else len(self._buffer)

    def _first(self) -> tuple[Item | None, int]:
        buffer = self._buffer
        # The length stands after eight bytes of data export or two or four of a session message.
        place = 8 if buffer[0] == 0xE1 else 4 if buffer[1:2] == b"\xff" else 2
        if len(buffer) < place:
            return None, 0
        size = place + int.from_bytes(buffer[1 if place == 2 else place - 2 : place], "big")
        if len(buffer) < size:
            return None, 0
        message = bytes(buffer[:size])
        return Frame(self._offset, message, message), size


def framer(framing: Framing) -> Framer:
    """A fresh framer."""
    return SerialFramer() if framing == "serial" else DatagramFramer()
