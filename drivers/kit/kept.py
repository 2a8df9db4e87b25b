"""Captures that were kept as tests: what came from a device, and the rows that it must give.

Two files: `NAME.cap.jsonl` with the device's bytes, their times counted from the first, and
`NAME.rows.json` with driver, mode, options, rows, and `reviewed`: who compared the rows with the
device, and how. While that is empty the rows are nothing but the driver's own opinion.
"""

from collections.abc import Iterable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import msgspec

from drivers.kit.capture import SUFFIX, Chunk, received
from drivers.kit.contract import Driver
from drivers.kit.registry import load_driver
from monitor_daemon.core.errors import CommandError, ConfigError

ROWS: Final = ".rows.json"

#: A row as it stands in the file: without the keys that have no value.
PlainRow = dict[str, Any]


class Kept(msgspec.Struct, forbid_unknown_fields=True):
    """What `NAME.rows.json` holds."""

    driver: str
    mode: str
    options: dict[str, Any]
    reviewed: str
    rows: list[PlainRow]


def keep(
    driver: Driver, mode: str, options: Mapping[str, Any], capture: Path, into: Path, seconds: float
) -> tuple[Path, Kept]:
    """Make the two files in the folder `into` from the first `seconds` of a capture.

    `options` are those that differ from the driver's own. Raises what `received` raises, and
    CommandError if the files are there already.
    """
    chunks = received(capture)
    first = chunks[0].t
    chunks = [Chunk(round(c.t - first, 6), c.dir, c.data) for c in chunks if c.t - first <= seconds]
    stem = capture.name.removesuffix(SUFFIX)
    copy, rows_file = into / f"{stem}{SUFFIX}", into / f"{stem}{ROWS}"
    for file in (copy, rows_file):
        if file.exists():
            raise CommandError(f"{file} exists: remove it, or rename the capture", code="FILE")
    kept = Kept(driver.name, mode, dict(options), "", _decoded(driver, mode, options, chunks))
    into.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(b"".join(msgspec.json.encode(chunk) + b"\n" for chunk in chunks))
    rows_file.write_text(_written(kept), encoding="utf-8")
    return rows_file, kept


def load_kept(rows_file: Path) -> Kept:
    """Read `NAME.rows.json`. Raises ConfigError KEPT_FILE naming file and reason."""
    try:
        return msgspec.json.decode(rows_file.read_bytes(), type=Kept)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"{rows_file}: {error}", code="KEPT_FILE") from error


def differences(rows_file: Path) -> list[str]:
    """In words, where the rows that the driver gives now are not those of the file.

    Raises ConfigError for files that cannot be read and for a driver that is not there.
    """
    kept = load_kept(rows_file)
    capture = rows_file.with_name(rows_file.name.removesuffix(ROWS) + SUFFIX)
    try:
        chunks = received(capture)
    except OSError as error:
        raise ConfigError(f"{capture}: {error}", code="KEPT_FILE") from error
    found = _decoded(load_driver(kept.driver), kept.mode, kept.options, chunks)
    pairs = enumerate(zip_longest(kept.rows, found), 1)
    return [f"row {n}: expected {want}, found {got}" for n, (want, got) in pairs if want != got]


def _decoded(
    driver: Driver, mode: str, options: Mapping[str, Any], chunks: Iterable[Chunk]
) -> list[PlainRow]:
    decoder = driver.decoder(mode, driver.settings(options))
    rows = [row for chunk in chunks for row in decoder.feed(chunk.data)]
    rows += decoder.finish()
    # Over JSON and back, so that rows compare as they stand in the file.
    plain: list[PlainRow] = msgspec.json.decode(msgspec.json.encode(rows))
    return [{key: value for key, value in row.items() if value is not None} for row in plain]


def _written(kept: Kept) -> str:
    """One line for each row, for a person who reads and edits it."""

    def text(value: object) -> str:
        return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()

    head = [f' "{key}": {text(getattr(kept, key))},' for key in ("driver", "mode", "options")]
    rows = ",\n".join(f"  {text(row)}" for row in kept.rows)
    return "\n".join(["{", *head, ' "reviewed": "",', f' "rows": [\n{rows}\n ]', "}", ""])
