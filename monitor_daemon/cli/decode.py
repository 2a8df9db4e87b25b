"""`monitor-daemon decode`: raw bytes as the device sent them, one JSON object a row."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
import typer

from drivers.kit.capture import SUFFIX, Chunk, read_capture
from drivers.kit.contract import Driver
from drivers.kit.registry import load_driver
from monitor_daemon.cli.exits import stop
from monitor_daemon.core.errors import CommandError, ConfigError
from monitor_daemon.core.vocabulary import Row

READ_SIZE = 65536


def parse_options(pairs: Iterable[str]) -> dict[str, Any]:
    """`name=value` words as driver options; a value that reads as JSON is taken as such.

    Raises CommandError for a word without `=`.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise CommandError(f"option {pair!r}: expected name=value", code="USAGE")
        try:
            options[name] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            options[name] = text
    return options


def driver_settings(driver: Driver, options: Iterable[str]) -> dict[str, Any]:
    """The driver's options from `name=value` words. Raises CommandError for a wrong one."""
    try:
        return driver.settings(parse_options(options))
    except (KeyError, ValueError) as error:
        raise CommandError(f"option {error.args[0]}", code="USAGE") from error


def received(file: BinaryIO, *, capture: bool) -> Iterator[bytes | Row]:
    """The device's bytes in a raw file or a capture; what cannot be read of a capture is a row."""
    if not capture:
        yield from iter(lambda: file.read(READ_SIZE), b"")
        return
    for item in read_capture(file):
        if not isinstance(item, Chunk):
            yield item
        elif item.dir == "rx":
            yield item.data


def decoded(
    driver: Driver, mode: str | None, options: Iterable[str], parts: Iterable[bytes | Row]
) -> Iterator[Row]:
    """The rows of a stream of bytes. Raises CommandError for a mode the driver does not have."""
    if mode is not None and mode not in driver.modes:
        known = ", ".join(driver.modes)
        raise CommandError(f"driver {driver.name} has no mode {mode!r}, only {known}", code="USAGE")
    decoder = driver.decoder(mode or driver.modes[0], driver_settings(driver, options))
    for part in parts:
        if isinstance(part, bytes):
            yield from decoder.feed(part)
        else:
            yield part
    yield from decoder.finish()


def decode(
    file: Annotated[str, typer.Argument(help="Raw bytes, or a capture (*.cap.jsonl); - is stdin.")],
    driver: Annotated[str, typer.Option(help="Which driver reads them.")],
    mode: Annotated[
        str | None, typer.Option(help="The framing, where a protocol has more than one.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="A driver option, name=value; repeatable.")
    ] = None,
    _jsonl: Annotated[bool, typer.Option("--jsonl", help="Write JSON lines (always so).")] = False,
) -> None:
    """Decode a file of raw bytes; one JSON object a line. Unreadable bytes become error rows."""
    encoder = msgspec.json.Encoder()
    try:
        loaded = load_driver(driver)
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as source:
            parts = received(source, capture=file.endswith(SUFFIX))
            for row in decoded(loaded, mode, option or (), parts):
                sys.stdout.buffer.write(encoder.encode(row) + b"\n")
    except (ConfigError, CommandError, OSError) as error:
        stop(error)
