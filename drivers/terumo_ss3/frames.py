"""Packets of the TERUFUSION external communication: bytes to XML texts and back.

A packet is STX, XML text, four upper-case hex digits of CRC, ETX (Terumo TE-SS830P instruction
manual, external communication functions). The CRC is CRC-16 with polynomial 1021 (hex), start value
0, over the text only; start value and extent follow from the manual's printed examples.
"""

import re
from binascii import crc_hqx
from dataclasses import dataclass
from typing import Final

from drivers.kit.framing import FaultCutter
from monitor_daemon.core.vocabulary import Fault

#: Far beyond the longest packet that is known (about 200 bytes).
MAX_PACKET: Final = 4096

_EDGE: Final = re.compile(rb"[\x02\x03]")
_BEGIN: Final = re.compile(b"\x02")


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet whose CRC is right. `offset` is where it began, `raw` are its bytes on the wire."""

    offset: int
    raw: bytes
    text: bytes


def encode(text: bytes) -> bytes:
    """A packet ready for the wire. Raises ValueError for STX or ETX within the text."""
    if _EDGE.search(text):
        raise ValueError("text holds STX or ETX: remove it")
    return b"\x02%b%04X\x03" % (text, crc_hqx(text, 0))


def parse(wire: bytes, offset: int = 0) -> Packet | Fault:
    """One packet from STX to ETX; a `Fault` with code FRAME if it is none."""
    text, crc = wire[1:-5], wire[-5:-1]
    if len(wire) < 6:
        return Fault("FRAME", offset, f"{len(wire)} bytes that are not STX text CRC ETX")
    computed = b"%04X" % crc_hqx(text, 0)
    if crc != computed:
        shown = crc.decode("ascii", "replace")
        return Fault("FRAME", offset, f"CRC {shown!r}, computed {computed.decode()!r}")
    return Packet(offset, wire, text)


class Framer(FaultCutter[Packet]):
    """Cuts a byte stream into packets and faults; never raises.

    A damaged packet costs itself: the next STX starts anew.
    """

    unit = "packet"
    begins = _BEGIN

    def _first(self) -> tuple[Packet | Fault | None, int]:
        edge = _EDGE.search(self._buffer, self._searched, MAX_PACKET)
        self._searched = len(self._buffer)
        if edge is None:
            if len(self._buffer) < MAX_PACKET:
                return None, 0
            return self._broken(f"no ETX within {MAX_PACKET} bytes"), MAX_PACKET
        if edge[0] == b"\x02":
            return self._broken("a new packet begins before ETX"), edge.start()
        return parse(bytes(self._buffer[: edge.end()]), self._offset), edge.end()
