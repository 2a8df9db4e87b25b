"""Capture files: raw bytes with times, one JSON object a line.

`t` is Unix seconds, `dir` is rx (from the device) or tx (to it), `data` is base64; one line for
each read or datagram.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

from drivers.kit.contract import Message, Problem
from drivers.kit.link_state import LinkState
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.vocabulary import Fault

SUFFIX = ".cap.jsonl"

Direction = Literal["rx", "tx"]


class Chunk(msgspec.Struct, frozen=True):
    """One read or write. `t` is Unix seconds."""

    t: float
    dir: Direction
    data: bytes


class Capture:
    """A capture file being written, appended to if it exists. Raises OSError if it cannot be.

    `tap` belongs into a `LinkSpec`; the capture is also that link's sink, which makes every message
    durable before the device is told that it was received.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        # Unbuffered: what nobody could read is wanted most, and no message makes it durable.
        self._file = path.open("ab", buffering=0)
        self._clock = clock
        self.chunks = self.messages = self.problems = 0
        self.reason = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def tap(self, direction: Direction, data: bytes) -> None:
        """Write one chunk."""
        self.chunks += 1
        self._file.write(msgspec.json.encode(Chunk(self._clock(), direction, data)) + b"\n")

    async def message(self, _link: str, _message: Message, _received: float) -> None:
        """The bytes are in the file already; make them durable."""
        self.messages += 1
        await asyncio.to_thread(os.fsync, self._file.fileno())

    def problem(self, _link: str, _problem: Problem) -> None:
        """Count it; the bytes are in the file already."""
        self.problems += 1

    def state(self, _link: str, state: LinkState, reason: str, _since: float) -> None:
        """Remember the last reason; that we try again or stopped it ourselves is none."""
        if state not in {LinkState.OPENING, LinkState.CLOSED}:
            self.reason = reason


def read_capture(lines: Iterable[bytes]) -> Iterator[Chunk | Fault]:
    """The chunks of a capture; a line that cannot be read becomes a Fault and reading goes on."""
    decoder = msgspec.json.Decoder(Chunk)
    offset = 0
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, ValueError) as error:
                yield Fault(code="CAPTURE_LINE", offset=offset, reason=f"line {number}: {error}")
        offset += len(line)


def received(path: Path) -> list[Chunk]:
    """What came from the device in a capture file, in the order of the file.

    Raises OSError if it cannot be read, ConfigError CAPTURE_LINE for a line that is none, and
    CAPTURE_EMPTY if nothing came.
    """
    with path.open("rb") as lines:
        items = list(read_capture(lines))
    for item in items:
        if isinstance(item, Fault):
            raise ConfigError(f"{path}: {item.reason}", code="CAPTURE_LINE")
    chunks = [item for item in items if isinstance(item, Chunk) and item.dir == "rx"]
    if not chunks:
        raise ConfigError(f"{path}: nothing in it came from a device", code="CAPTURE_EMPTY")
    return chunks
