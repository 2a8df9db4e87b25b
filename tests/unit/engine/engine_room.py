"""An engine with a real journal and a real vault, and a journal whose disk can be held."""

import asyncio
import sqlite3
from contextlib import asynccontextmanager

from monitor_daemon import resources
from monitor_daemon.clock import EngineClock
from monitor_daemon.core.events import MINUTE, Configured, LinkChanged
from monitor_daemon.engine.engine import Engine
from monitor_daemon.engine.replay import replay
from monitor_daemon.journal.journal import Journal
from monitor_daemon.notify.messages import Composer
from monitor_daemon.vault.vault import Vault

KEY = bytes(range(32))
#: 2026-09-21T14:13:00Z, a whole minute.
ZERO = 29_833_333 * MINUTE


def configuration():
    return Configured(
        site="TEST", drugs=resources.text("drugs.toml"), protocols=resources.protocols()
    )


class HandClock(EngineClock):
    """Engine time that moves only when a test says so; `at` in ms."""

    def __init__(self, at=ZERO):
        super().__init__()
        self.at = at

    def now(self):
        return self.at

    def not_before(self, engine_ms):
        self.at = max(self.at, engine_ms)


class HeldJournal(Journal):
    """Commits only while `gate` is open; `reached` says that a group stands before it."""

    def __init__(self, connection):
        super().__init__(connection)
        self.gate, self.reached = asyncio.Event(), asyncio.Event()
        self.gate.set()
        self.committed = []

    async def append(self, inputs, outbox, snapshot=None):
        self.reached.set()
        await self.gate.wait()
        await super().append(inputs, outbox, snapshot)
        self.committed.append([row.seq for row in inputs])


class Room:
    """`engine` runs as `task`; `offered` are the outbox rows it has released."""

    def __init__(self, engine, journal, vault, task, offered):
        self.engine, self.journal, self.vault = engine, journal, vault
        self.task, self.offered = task, offered

    async def settle(self):
        """What the start handed in is stored."""
        await self.engine.submit([LinkChanged("x", "live", "ready")])

    async def stand_before_the_disk(self, *inputs):
        """Submit, and wait until the group stands before the closed gate; gives the answer."""
        self.journal.gate.clear()
        self.journal.reached.clear()
        answer = self.engine.submit(inputs)
        await self.journal.reached.wait()
        return answer

    async def stopped_by(self):
        """What ended the engine, once it has ended."""
        await asyncio.wait([self.task])
        error = self.task.exception()
        while isinstance(error, BaseExceptionGroup):
            (error,) = error.exceptions
        return error


async def refuse_writing(store):
    """From now on SQLite refuses to write, as on a file system that became read-only."""
    await store._db.execute("PRAGMA query_only = ON")


@asynccontextmanager
async def engine_room(folder, *, clock=None, journal=HeldJournal):
    """Open the stores in `folder`, start an engine from their record and run it."""
    path = folder / "journal.db"
    opened = await journal.open(path)
    vault = await Vault.open(folder / "vault.db", KEY)
    offered = []
    engine = Engine(
        journal=opened,
        vault=vault,
        clock=clock or HandClock(),
        composer=Composer("TEST"),
        offer=offered.extend,
        version="test",
    )
    try:
        await engine.start(lambda ward, after: replay(path, ward, after), configuration())
        async with engine.serving() as task:
            yield Room(engine, opened, vault, task, offered)
    finally:
        await opened.close()
        await vault.close()


def record(folder, columns="seq, grp, t, body"):
    """Rows of the record as another program sees them."""
    connection = sqlite3.connect(folder / "journal.db")
    try:
        return connection.execute(f"SELECT {columns} FROM input ORDER BY seq").fetchall()  # noqa: S608 - a test's own words
    finally:
        connection.close()
