"""Reading the record back, group by group: for a restart, `verify` and replay."""

import sqlite3
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

import msgspec

from monitor_daemon.core.people import Input
from monitor_daemon.journal.rows import InputRow

encode: Final = msgspec.json.Encoder(order=None).encode
decode_input: Final = msgspec.json.Decoder(Input).decode


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that cannot change the journal. Raises sqlite3.Error if there is none."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def rows(connection: sqlite3.Connection, after: int = 0) -> Iterator[InputRow]:
    """Every input after `after`, in order, with its decisions."""
    decisions = connection.execute(
        "SELECT seq, subject, body FROM decision WHERE seq > ? ORDER BY seq, n", (after,)
    )
    by_seq = groupby(decisions, key=lambda row: row[0])
    ahead = next(by_seq, None)
    for seq, group, t, body, original, part, original_hash, link in connection.execute(
        "SELECT seq, grp, t, body, original, part, original_hash, link FROM input WHERE seq > ?"
        " ORDER BY seq",
        (after,),
    ):
        found: tuple[tuple[str | None, bytes], ...] = ()
        while ahead is not None and ahead[0] < seq:
            ahead = next(by_seq, None)  # of an input that is not there: `verify` says so
        if ahead is not None and ahead[0] == seq:
            found = tuple((subject, text.encode()) for _, subject, text in ahead[1])
            ahead = next(by_seq, None)
        yield InputRow(seq, group, t, body.encode(), original, part, original_hash, link, found)


def instants(source: Iterator[InputRow]) -> Iterator[list[InputRow]]:
    """Rows that the core took as one instant: one commit group, one engine time."""
    for _, instant in groupby(source, key=lambda row: (row.group, row.t)):
        yield list(instant)
