"""The journal's writer: one connection, one transaction a group, synced before it returns."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import aiosqlite

from monitor_daemon.journal.chain import GENESIS
from monitor_daemon.journal.rows import Head, InputRow, OutboxRow
from monitor_daemon.journal.schema import MIGRATIONS, open_store

#: Snapshots kept; the older ones only cost room.
_SNAPSHOTS = 3
#: Sent events kept as receipts; older ones can be made again from the record.
_RECEIPTS = 100_000


class Journal:
    """Opened journal. Only the engine appends to it; the publisher marks its outbox rows.

    Every awaited statement here is one hop to the connection's thread, so there are few.
    """

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._db = connection

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
        db = self._db
        await db.executemany(
            "INSERT INTO input VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (r.seq, r.group, r.t, r.body.decode(), r.original, r.original_hash, r.link)
                for r in inputs
            ],
        )
        decisions = [
            (row.seq, n, subject, body.decode())
            for row in inputs
            for n, (subject, body) in enumerate(row.decisions)
        ]
        if decisions:
            await db.executemany("INSERT INTO decision VALUES (?, ?, ?, ?)", decisions)
        if outbox:
            await db.executemany(
                "DELETE FROM outbox WHERE topic = ? AND retain = 1",
                [(row.topic,) for row in outbox if row.retain],
            )
            await db.executemany(
                "INSERT INTO outbox VALUES (?, ?, ?, ?, ?, NULL, NULL)",
                [(r.id, r.topic, r.payload, r.retain, r.sequence) for r in outbox],
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
                " (SELECT max(id) FROM outbox) - ?",
                (_RECEIPTS,),
            )
        await db.commit()

    async def snapshot(self, core: str) -> tuple[int, bytes] | None:
        """The newest snapshot made by this very core, as (seq, state)."""
        row = await self._one(
            "SELECT seq, body FROM snapshot WHERE core = ? ORDER BY seq DESC LIMIT 1", (core,)
        )
        return None if row is None else (row[0], row[1])

    async def pending(self, limit: int) -> list[OutboxRow]:
        """Messages not yet acknowledged by the broker, oldest first."""
        rows = await self._db.execute_fetchall(
            "SELECT topic, payload, retain, sequence, id FROM outbox"
            " WHERE sent IS NULL AND refused IS NULL ORDER BY id LIMIT ?",
            (limit,),
        )
        return [OutboxRow(t, payload, bool(retain), s, i) for t, payload, retain, s, i in rows]

    async def sent(self, ids: Sequence[int], at: int) -> None:
        """The broker acknowledged these messages at engine time `at`."""
        await self._db.executemany(
            "UPDATE outbox SET sent = ? WHERE id = ?", [(at, i) for i in ids]
        )
        await self._db.commit()

    async def refuse(self, id: int, reason: str) -> None:  # noqa: A002 - the outbox's own word
        """The broker will not take this message: set it aside, keep it."""
        await self._db.execute("UPDATE outbox SET refused = ? WHERE id = ?", (reason, id))
        await self._db.commit()

    async def refused(self) -> int:
        """How many messages were set aside."""
        row = await self._one("SELECT count(*) FROM outbox WHERE refused IS NOT NULL")
        return int(row[0]) if row else 0

    async def _one(self, query: str, given: tuple[object, ...] = ()) -> tuple[Any, ...] | None:
        rows = list(await self._db.execute_fetchall(query, given))
        return tuple(rows[0]) if rows else None
