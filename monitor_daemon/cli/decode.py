"""`monitor-daemon decode`: raw bytes as the device sent them, one JSON object a row."""

import os
import sys
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
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


def parse_options(pairs: Iterable[str], words: Container[str] = ()) -> dict[str, Any]:
    """`name=value` words as driver options; a value that reads as JSON is taken as such.

    Those named in `words` take no numbers, true, false or null: a bed may be called 12. Raises
    CommandError for a word without `=`.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise CommandError(f"option {pair!r}: expected name=value", code="USAGE")
        try:
            value = msgspec.json.decode(text)
        except msgspec.DecodeError:
            value = text
        scalar = value is None or isinstance(value, int | float)
        options[name] = text if name in words and scalar else value
    return options


def driver_options(driver: Driver, pairs: Iterable[str]) -> dict[str, Any]:
    """Those of the driver's options that `name=value` words give. Raises as `parse_options`."""
    return parse_options(pairs, {o.name for o in driver.options if isinstance(o.default, str)})


def driver_settings(driver: Driver, pairs: Iterable[str]) -> dict[str, Any]:
    """All of the driver's options, from `name=value` words. Raises CommandError for a wrong one."""
    try:
        return driver.settings(driver_options(driver, pairs))
    except (KeyError, ValueError) as error:
        raise CommandError(f"option {error.args[0]}", code="USAGE") from error


def framing(driver: Driver, mode: str | None) -> str:
    """The mode, the driver's first one if None. Raises CommandError if the driver has it not."""
    if mode is not None and mode not in driver.modes:
        known = ", ".join(driver.modes)
        raise CommandError(f"driver {driver.name} has no mode {mode!r}, only {known}", code="USAGE")
    return mode or driver.modes[0]


@contextmanager
def while_read() -> Iterator[None]:
    """Printing ends in silence when nobody reads on, as `head` does not after its lines."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left must not be flushed to him at the end of the program either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
    decoder = driver.decoder(framing(driver, mode), driver_settings(driver, options))
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
        with while_read(), sys.stdin.buffer if file == "-" else Path(file).open("rb") as source:
            parts = received(source, capture=file.endswith(SUFFIX))
            for row in decoded(loaded, mode, option or (), parts):
                sys.stdout.buffer.write(encoder.encode(row) + b"\n")
    except (ConfigError, CommandError, OSError) as error:
        stop(error)
