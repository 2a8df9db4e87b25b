"""What all framers of byte streams share: a buffer, its place in the stream, and noise.

A driver says what a frame begins with and how one that begins the buffer ends. Bytes in front of a
beginning are noise: they are counted and reported, at the latest after `NOISE_LIMIT` of them.
"""

import re
from abc import ABC, abstractmethod
from typing import ClassVar, Final, Generic, TypeVar

from monitor_daemon.core.vocabulary import Fault

#: Noise without a frame is reported at least this often (bytes).
NOISE_LIMIT: Final = 1024

Whole = TypeVar("Whole")
Bad = TypeVar("Bad")


class Cutter(ABC, Generic[Whole, Bad]):
    """Cuts a byte stream into whole items and bad ones, the same however it is split.

    Never raises. `unit` is what the protocol calls its frames, `begins` finds the first byte of an
    item. Offsets count from the first byte ever fed.
    """

    unit: ClassVar[str] = "frame"
    begins: ClassVar[re.Pattern[bytes]]

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0
        #: How far the first item has been searched for its end.
        self._searched = 1
        self._noise = 0

    def feed(self, data: bytes) -> list[Whole | Bad]:
        """What `data`, following all bytes before it, completes."""
        self._buffer += data
        items: list[Whole | Bad] = []
        while self._buffer:
            noise = min(self._before(), NOISE_LIMIT - self._noise)
            if noise:
                self._noise += noise
                self._drop(noise)
                if self._noise < NOISE_LIMIT:
                    continue
            items += self._end_noise()
            if not noise:
                item, used = self._first()
                if not used:
                    break
                if item is not None:
                    items.append(item)
                self._drop(used)
        return items

    def finish(self) -> list[Bad]:
        """No more bytes: reports noise and an item that were not ended."""
        left = self._end_noise()
        if self._buffer:
            left.append(self._broken(f"the bytes end within a {self.unit}"))
            self._drop(len(self._buffer))
        return left

    @abstractmethod
    def _first(self) -> tuple[Whole | Bad | None, int]:
        """What the buffer begins with, and how many bytes it takes: 0 if more are needed.

        None with bytes taken passes over them in silence.
        """

    @abstractmethod
    def _bad(self, fault: Fault) -> Bad:
        """Noise, or an item that did not come to its end."""

    def _before(self) -> int:
        """How many bytes stand before the first that can begin an item."""
        found = self.begins.search(self._buffer)
        return found.start() if found else len(self._buffer)

    def _broken(self, reason: str) -> Bad:
        """What the buffer begins with is no item, for this reason."""
        return self._bad(Fault("FRAME", self._offset, reason))

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._offset += count
        self._searched = 1

    def _end_noise(self) -> list[Bad]:
        if not self._noise:
            return []
        reason = f"{self._noise} bytes outside {self.unit}s"
        fault = Fault("FRAME", self._offset - self._noise, reason)
        self._noise = 0
        return [self._bad(fault)]


class FaultCutter(Cutter[Whole, Fault]):
    """A cutter whose bad items are plain faults."""

    def _bad(self, fault: Fault) -> Fault:
        return fault
