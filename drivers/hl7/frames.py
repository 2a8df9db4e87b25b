"""Where the messages are: in a stream of MLLP frames, or one after another in a file."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from drivers.hl7.decode import Reader
from monitor_daemon.core.vocabulary import Fault, Row
from monitor_daemon.hl7.er7 import Unreadable, read
from monitor_daemon.hl7.mllp import FS, VT, Frame, FrameFault, Framer

_BATCH: Final = (b"FHS", b"BHS", b"BTS", b"FTS")
#: A second message inside a frame: its MSH-1 stands before and after MSH-2.
_ANOTHER: Final = re.compile(rb"[\r\n][ \t\0]*MSH([^0-9A-Za-z\s])[^0-9A-Za-z\s]{1,5}\1")
_WHITE: Final = b" \t\0\r\n"
_BOM: Final = b"\xef\xbb\xbf"


class FileSplitter:
    """Messages without framing: each starts at a line that starts with MSH, batch lines end one.

    Offsets count from the start of the file to the MSH.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._offset = 0
        self._line = bytearray()
        self._message = bytearray()
        self._start: int | None = None
        self._lost = False

    def feed(self, data: bytes) -> list[Frame | FrameFault]:
        """Takes any number of bytes; gives the messages that a following line ended."""
        found: list[Frame | FrameFault] = []
        for line in data.replace(FS, b"\r").splitlines(keepends=True):
            self._line += line
            if line[-1:] in {b"\r", b"\n"}:
                self._take(found)
            elif len(self._line) + len(self._message) > self._max_bytes:
                self._too_long(found)
        return found

    def finish(self) -> list[Frame | FrameFault]:
        """The file ended."""
        found: list[Frame | FrameFault] = []
        self._take(found)
        self._end(found)
        return found

    def _take(self, found: list[Frame | FrameFault]) -> None:
        line, start = bytes(self._line), self._offset
        self._line.clear()
        self._offset += len(line)
        bare = line.lstrip(_WHITE).removeprefix(_BOM).lstrip(_WHITE)
        if bare.startswith(_BATCH):
            self._end(found)
            self._lost = False
        elif bare.startswith(b"MSH") and not bare[3:4].isalnum():
            self._end(found)
            self._lost = False
            self._start = start + len(line) - len(bare)
            self._message += bare
        elif self._start is not None:
            self._message += line
        elif bare and not self._lost:
            self._lost = True
            found.append(FrameFault(start, "HL7_JUNK", f"no message starts with {bare[:3]!r}"))
        if len(self._message) > self._max_bytes:
            self._too_long(found)

    def _too_long(self, found: list[Frame | FrameFault]) -> None:
        start = self._offset if self._start is None else self._start
        if not self._lost:
            reason = f"a message of more than {self._max_bytes} bytes"
            found.append(FrameFault(start, "HL7_TOO_LONG", reason))
        self._offset += len(self._line)
        self._line.clear()
        self._message.clear()
        self._start, self._lost = None, True

    def _end(self, found: list[Frame | FrameFault]) -> None:
        if self._start is not None:
            found.append(Frame(self._start, bytes(self._message)))
        self._start = None
        self._message.clear()


def messages(frame: Frame) -> list[Frame | FrameFault]:
    """The messages in one frame: itself, or those of a batch or of a careless sender.

    The counts in BTS and FTS are not compared: senders get them wrong. What stands before the first
    of several messages is a fault, and so is a batch that holds none.
    """
    payload = frame.payload
    if not payload[:16].lstrip(_BOM + _WHITE).startswith(_BATCH) and (
        payload.count(b"MSH") < 2 or not _ANOTHER.search(payload)
    ):
        return [frame]
    splitter = FileSplitter(len(payload))
    found = [*splitter.feed(payload), *splitter.finish()]
    if not found:
        return [FrameFault(frame.offset, "HL7_EMPTY", "a batch without a message")]
    return [replace(item, offset=frame.offset + 1 + item.offset) for item in found]


class Hl7Decoder:
    """Files and raw streams to rows: bare messages up to the first VT, MLLP frames from there."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._reader = Reader(options)
        self._charset: str = options["charset"]
        self._bare: FileSplitter | None = FileSplitter(options["max_bytes"])
        self._framer = Framer(options["max_bytes"])
        self._seen = 0
        self._base = 0

    def feed(self, data: bytes) -> list[Row]:
        """Bytes as the device sent them, split anywhere."""
        rows: list[Row] = []
        if self._bare is not None:
            start = data.find(VT)
            rows += self._read(self._bare.feed(data if start < 0 else data[:start]))
            if start < 0:
                self._seen += len(data)
                return rows
            rows += self._read(self._bare.finish())
            self._bare = None
            self._base = self._seen + start
            data = data[start:]
        return rows + self._read(self._unpacked(self._framer.feed(data)))

    def finish(self) -> list[Row]:
        """No more bytes: what was left incomplete."""
        return self._read((self._framer if self._bare is None else self._bare).finish())

    def _unpacked(self, found: Iterable[Frame | FrameFault]) -> Iterable[Frame | FrameFault]:
        for item in found:
            if isinstance(item, Frame):
                yield from messages(item)
            else:
                yield item

    def _read(self, found: Iterable[Frame | FrameFault]) -> list[Row]:
        rows: list[Row] = []
        for item in found:
            offset = item.offset + self._base
            if isinstance(item, FrameFault):
                rows.append(Fault(item.code, offset, item.reason))
                continue
            message = read(item.payload, self._charset)
            if isinstance(message, Unreadable):
                rows.append(Fault("HL7_HEADER", offset, message.reason))
            else:
                rows += self._reader.rows(message, offset)
        return rows
