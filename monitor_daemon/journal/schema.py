"""Tables of the journal and how an older file becomes a newer one.

`input` and `decision` are the record and are only ever appended to. `outbox` is work in hand,
`snapshot` a short cut; both can be made again from the record.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import aiosqlite

MIGRATIONS: Final = (
    """
    CREATE TABLE input (
        seq INTEGER PRIMARY KEY,          -- place in the record
        grp INTEGER NOT NULL,             -- commit group: one transaction
        t INTEGER NOT NULL,               -- engine time, ms since 1970 UTC
        body TEXT NOT NULL,               -- the input as JSON, masked
        original INTEGER,                 -- row of the vault that holds the wire bytes
        part INTEGER,                     -- and the place in that row
        original_hash BLOB,               -- SHA-256 of that sealed row
        link BLOB NOT NULL                -- hash chain: this row, its decisions, the row before
    );
    CREATE TABLE decision (
        seq INTEGER NOT NULL,             -- the input it followed from
        n INTEGER NOT NULL,
        subject TEXT,
        body TEXT NOT NULL,
        PRIMARY KEY (seq, n)
    ) WITHOUT ROWID;
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY,
        topic TEXT NOT NULL,
        payload BLOB NOT NULL,
        retain INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        sent INTEGER,                     -- engine time of the broker's acknowledgement
        refused TEXT                      -- why it was set aside
    );
    CREATE INDEX outbox_waiting ON outbox (id) WHERE sent IS NULL AND refused IS NULL;
    CREATE INDEX outbox_topic ON outbox (topic) WHERE retain = 1;
    CREATE TABLE snapshot (
        seq INTEGER PRIMARY KEY,          -- state after this input
        core TEXT NOT NULL,               -- fingerprint of the core that made it
        body BLOB NOT NULL
    );
    """,
    # Reports to an alarm manager wait beside the broker's messages; `sent` and `refused` are then
    # its words. Each of the two consumers finds its own, however many wait for the other.
    """
    CREATE INDEX outbox_reports ON outbox (id)
        WHERE topic = 'alarm-manager' AND sent IS NULL AND refused IS NULL;
    """,
)


async def open_store(path: Path, migrations: Sequence[str]) -> aiosqlite.Connection:
    """Open or create a database whose commits survive a power cut, at the newest schema.

    A statement outside of BEGIN and COMMIT commits by itself: the usual group is one statement and
    so one hop to the connection's thread. `migrations` are scripts, one a version. Raises
    sqlite3.Error.
    """
    # The thread of an aiosqlite connection that cannot be opened outlives it (0.22.1) and complains
    # when it finds the event loop gone.
    await asyncio.to_thread(_reach, path)
    connection = await aiosqlite.connect(path, isolation_level=None)
    try:
        await connection.execute("PRAGMA journal_mode = WAL")
        await connection.execute("PRAGMA synchronous = FULL")
        ((version,),) = await connection.execute_fetchall("PRAGMA user_version")
        for number, script in enumerate(migrations[version:], start=version + 1):
            whole = f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT;"
            await connection.executescript(whole)
    except BaseException:
        await connection.close()
        raise
    return connection


def _reach(path: Path) -> None:
    """Make the file if there is none, and see that it can be opened. Raises sqlite3.Error."""
    path.touch(0o600)
    sqlite3.connect(path).close()
