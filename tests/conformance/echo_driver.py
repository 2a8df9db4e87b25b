"""A small honest driver for the kit's own tests: lines with a checksum, pushed or polled.

device: MAP 65.0*CRC32\\n  ID echo 1*CRC32\\n     session: ?\\n  +\\n
"""

from collections.abc import Iterable, Mapping
from typing import Any
from zlib import crc32

from drivers.kit.contract import (
    Alive,
    Close,
    Driver,
    Effect,
    Message,
    Option,
    Problem,
    Send,
    Transport,
)
from drivers.kit.playback import Play, SimClock
from monitor_daemon.core.vocabulary import Fault, Quality, Reading, Row

MAX_LINE = 64


def line(text: str) -> bytes:
    return f"{text}*{crc32(text.encode()):08x}\n".encode()


def read_line(raw: bytes, offset: int) -> str | Fault:
    text, star, check = raw.decode("latin-1").rstrip("\n").rpartition("*")
    if not star or line(text) != raw:
        return Fault(code="CHECKSUM", offset=offset, reason=f"{raw[:20]!r}: checksum {check!r}")
    return text


class Lines:
    def __init__(self) -> None:
        self.rest = b""
        self.offset = 0

    def feed(self, data: bytes) -> Iterable[tuple[bytes, int]]:
        parts = (self.rest + data).split(b"\n")
        self.rest = parts.pop()[: MAX_LINE + 1]
        for part in parts:
            raw = part[: MAX_LINE + 1] + b"\n"
            yield raw, self.offset
            self.offset += len(raw)


def rows_of(text: str) -> tuple[Row, ...]:
    word, _, value = text.partition(" ")
    if word != "MAP":
        return ()
    return (Reading("art_map", float(value), "mmHg", Quality.GOOD, source="MAP"),)


class EchoDecoder:
    def __init__(self) -> None:
        self.lines = Lines()

    def feed(self, data: bytes) -> Iterable[Row]:
        for raw, offset in self.lines.feed(data):
            text = read_line(raw, offset)
            yield from (text,) if isinstance(text, Fault) else rows_of(text)

    def finish(self) -> Iterable[Row]:
        if self.lines.rest:
            yield Fault("INCOMPLETE", self.lines.offset, "the last line has no end")


class EchoSession:
    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options
        self.lines = Lines()
        self.next: float | None = None

    def connected(self, now: float) -> Iterable[Effect]:
        self.next = now + self.options["poll"] if self.options["poll"] else None
        return [Send(self.options["say"].encode() or b"?\n")]

    def feed(self, data: bytes, now: float) -> Iterable[Effect]:
        for raw, offset in self.lines.feed(data):
            text = read_line(raw, offset)
            if isinstance(text, Fault):
                yield Problem(text)
            elif text.startswith("ID "):
                yield Alive(text[3:])
            elif text == "BYE":
                yield Close("the device said goodbye")
            elif text == "BUG":
                raise RuntimeError("a defect of the driver")
            else:
                yield Message(raw, rows_of(text), b"+\n")

    def stored(self, message: Message, now: float) -> Iterable[Effect]:
        return []

    def due(self) -> float | None:
        return self.next

    def lost(self, now: float) -> Iterable[Effect]:
        return ()

    def wake(self, now: float) -> Iterable[Effect]:
        self.next = now + self.options["poll"]
        return [Send(b"?\n")]


class EchoDevice:
    def __init__(self, options: Mapping[str, Any], play: Play, clock: SimClock) -> None:
        self.period = options["period"]
        self.play = play
        self.clock = clock
        self.next: float | None = None

    def connected(self, now: float) -> Iterable[bytes]:
        self.next = now
        return []

    def feed(self, data: bytes, now: float) -> Iterable[bytes]:
        return [line("ID echo 1")] * data.count(b"?\n")

    def due(self) -> float | None:
        return self.next

    def wake(self, now: float) -> Iterable[bytes]:
        self.next = now + self.period
        for bed in self.play.at(self.clock.elapsed(now)):
            if "art_map" in bed.signals:
                yield line(f"MAP {bed.signals['art_map']:.1f}")


def may_send(data: bytes) -> bool:
    return data in {b"?\n", b"+\n"}


DRIVER = Driver(
    name="echo",
    title="Line echo",
    transports=(Transport.SERIAL, Transport.TCP_CLIENT, Transport.MLLP_SERVER),
    modes=("serial",),
    expected_period=1.0,
    promises="MAP once a second",
    sources="made for these tests",
    may_send=may_send,
    decoder=lambda _mode, _options: EchoDecoder(),
    session=EchoSession,
    simulator=EchoDevice,
    options=(
        Option("period", 1.0, "seconds between two lines of the device"),
        Option("poll", 0.0, "seconds between two polls, 0 for none"),
        Option("say", "", "what the session says first"),
    ),
    serial={"baudrate": 19200, "byte_size": 8, "parity": "N", "stopbits": 1},
    port=7001,
)
