"""Packets of the TERUFUSION external communication: bytes to XML texts and back.

A packet is STX, XML text, four upper-case hex digits of CRC, ETX (Terumo TE-SS830P instruction
manual, external communication functions). The CRC is CRC-16 with polynomial 1021 (hex), start value
0, over the text only; start value and extent follow from the manual's printed examples.
"""

import re
from binascii import crc_hqx
from dataclasses import dataclass
from typing import Final

from monitor_daemon.core.vocabulary import Fault

#: Far beyond the longest packet that is known (about 200 bytes).
MAX_PACKET: Final = 4096
#: Noise without a packet is reported at least this often.
_NOISE_LIMIT: Final = 1024

_EDGE: Final = re.compile(rb"[\x02\x03]")
_NOISE: Final = re.compile(rb"[^\x02]+")


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


class Framer:
    """Cuts a byte stream into packets and faults; never raises.

    A damaged packet costs itself: the next STX starts anew.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0
        self._searched = 1
        self._noise = 0

    def feed(self, data: bytes) -> list[Packet | Fault]:
        """What `data`, following all bytes before it, completes."""
        self._buffer += data
        items: list[Packet | Fault] = []
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
        """No more bytes: reports noise and a packet that were not ended."""
        left = self._end_noise()
        if self._buffer:
            left.append(self._broken("the bytes end within a packet"))
            self._drop(len(self._buffer))
        return left

    def _first(self) -> tuple[Packet | Fault | None, int]:
        """The item that the buffer begins with, and how many bytes it takes."""
        edge = _EDGE.search(self._buffer, self._searched, MAX_PACKET)
        self._searched = len(self._buffer)
        if edge is None:
            if len(self._buffer) < MAX_PACKET:
                return None, 0
            return self._broken(f"no ETX within {MAX_PACKET} bytes"), MAX_PACKET
        if edge[0] == b"\x02":
            return self._broken("a new packet begins before ETX"), edge.start()
        return parse(bytes(self._buffer[: edge.end()]), self._offset), edge.end()

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._offset += count
        self._searched = 1

    def _end_noise(self) -> list[Fault]:
        if not self._noise:
            return []
        reason = f"{self._noise} bytes outside packets"
        fault = Fault("FRAME", self._offset - self._noise, reason)
        self._noise = 0
        return [fault]

    def _broken(self, reason: str) -> Fault:
        return Fault("FRAME", self._offset, reason)
