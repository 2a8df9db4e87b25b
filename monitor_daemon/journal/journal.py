"""The journal's writer: one connection, one transaction a group, synced before it returns."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import aiosqlite

from monitor_daemon.journal.chain import GENESIS
from monitor_daemon.journal.rows import ALARM_MANAGER, Head, InputRow, OutboxRow
from monitor_daemon.journal.schema import MIGRATIONS, open_store

#: Snapshots kept; the older ones only cost room.
_SNAPSHOTS = 3
#: Sent events kept as receipts; older ones can be made again from the record.
_RECEIPTS = 100_000
#: Rows of one INSERT; SQLite allows 32,766 values in a statement.
_ROWS = 1000


class Journal:
    """Opened journal. Only the engine appends to it; the publisher marks its outbox rows.

    Every awaited statement here is one hop to the connection's thread, so there are few.
    """

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._db = connection
        # One connection has one transaction: whoever writes must not commit half of another's.
        self._writing = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or create the journal. Raises sqlite3.Error."""
        return cls(await open_store(path, MIGRATIONS))

    async def close(self) -> None:
        """Close the connection; what was committed stays."""
        await self._db.close()

    async def head(self) -> Head:
        """Where the record stands."""
        seq, group, t, link = await self._one(
            "SELECT seq, grp, t, link FROM input ORDER BY seq DESC LIMIT 1"
        ) or (0, 0, 0, GENESIS)
        outbox, sequence = await self._one("SELECT max(id), max(sequence) FROM outbox") or (0, 0)
        return Head(seq, group, t, link, outbox or 0, sequence or 0)

    async def append(
        self,
        inputs: Sequence[InputRow],
        outbox: Sequence[OutboxRow],
        snapshot: tuple[int, str, bytes] | None = None,
    ) -> None:
        """Write one commit group; returns when it is on the disk. Raises sqlite3.Error."""
        async with self._writing:
            try:
                await self._append(inputs, outbox, snapshot)
            except BaseException:
                if self._db.in_transaction:
                    await self._db.execute("ROLLBACK")
                raise

    async def _append(
        self,
        inputs: Sequence[InputRow],
        outbox: Sequence[OutboxRow],
        snapshot: tuple[int, str, bytes] | None,
    ) -> None:
        db = self._db
        decisions = [
            (row.seq, n, subject, body.decode())
            for row in inputs
            for n, (subject, body) in enumerate(row.decisions)
        ]
        several = bool(decisions or outbox or snapshot or len(inputs) > _ROWS)
        if several:
            await db.execute("BEGIN IMMEDIATE")
        await _insert(db, "input", [_columns(row) for row in inputs])
        await _insert(db, "decision", decisions)
        retained = [row.topic for row in outbox if row.retain]
        if retained:
            marks = ", ".join("?" * len(retained))
            await db.execute(
                f"DELETE FROM outbox WHERE retain = 1 AND topic IN ({marks})",  # noqa: S608 - only marks
                retained,
            )
        await _insert(
            db,
            "outbox",
            [(r.id, r.topic, r.payload, r.retain, r.sequence, None, None) for r in outbox],
        )
        if snapshot is not None:
            await db.execute("INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?)", snapshot)
            await db.execute(
                "DELETE FROM snapshot WHERE seq NOT IN"
                " (SELECT seq FROM snapshot ORDER BY seq DESC LIMIT ?)",
                (_SNAPSHOTS,),
            )
            await db.execute(
                "DELETE FROM outbox WHERE retain = 0 AND sent IS NOT NULL AND id <"
                " (SELECT max(id) FROM outbox) - ?"
                " AND sequence < (SELECT max(sequence) FROM outbox)",
                (_RECEIPTS,),
            )
        if several:
            await db.execute("COMMIT")

    async def snapshot(self, core: str) -> tuple[int, bytes] | None:
        """The newest snapshot made by this very core, as (seq, state)."""
        row = await self._one(
            "SELECT seq, body FROM snapshot WHERE core = ? ORDER BY seq DESC LIMIT 1", (core,)
        )
        return None if row is None else (row[0], row[1])

    async def pending(self, limit: int) -> list[OutboxRow]:
        """Messages not yet acknowledged by the broker, oldest first."""
        return await self._unsent(f"topic <> '{ALARM_MANAGER}'", limit)

    async def reports(self, limit: int) -> list[OutboxRow]:
        """Reports not yet acknowledged by the alarm manager, oldest first."""
        return await self._unsent(f"topic = '{ALARM_MANAGER}'", limit)

    async def _unsent(self, whose: str, limit: int) -> list[OutboxRow]:
        rows = await self._db.execute_fetchall(
            "SELECT topic, payload, retain, sequence, id FROM outbox"  # noqa: S608 - our own words
            f" WHERE {whose} AND sent IS NULL AND refused IS NULL ORDER BY id LIMIT ?",
            (limit,),
        )
        return [OutboxRow(t, payload, bool(retain), s, i) for t, payload, retain, s, i in rows]

    async def sent(self, ids: Sequence[int], at: int) -> None:
        """The broker acknowledged these messages at engine time `at`."""
        async with self._writing:
            for start in range(0, len(ids), _ROWS):
                part = ids[start : start + _ROWS]
                marks = ", ".join("?" * len(part))
                await self._db.execute(
                    f"UPDATE outbox SET sent = ? WHERE id IN ({marks})",  # noqa: S608 - only marks
                    (at, *part),
                )

    async def refuse(self, id: int, reason: str) -> None:  # noqa: A002 - the outbox's own word
        """The broker will not take this message: set it aside, keep it."""
        async with self._writing:
            await self._db.execute("UPDATE outbox SET refused = ? WHERE id = ?", (reason, id))

    async def refused(self) -> int:
        """How many messages were set aside."""
        row = await self._one("SELECT count(*) FROM outbox WHERE refused IS NOT NULL")
        return int(row[0]) if row else 0

    async def _one(self, query: str, given: tuple[object, ...] = ()) -> tuple[Any, ...] | None:
        rows = list(await self._db.execute_fetchall(query, given))
        return tuple(rows[0]) if rows else None


def _columns(row: InputRow) -> tuple[object, ...]:
    body = row.body.decode()
    return (row.seq, row.group, row.t, body, row.original, row.part, row.original_hash, row.link)


async def _insert(db: aiosqlite.Connection, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert rows by few large statements.

    SQLite then works through many rows at once without the interpreter's lock: row by row the two
    threads would hand the lock back and forth for each.
    """
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        marks = f"({', '.join('?' * len(part[0]))})"
        await db.execute(
            f"INSERT INTO {table} VALUES {', '.join([marks] * len(part))}",  # noqa: S608 - our names
            [value for row in part for value in row],
        )
