"""The parts of a daemon that several benchmarks need."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from monitor_daemon import resources
from monitor_daemon.clock import EngineClock
from monitor_daemon.core.events import Configured
from monitor_daemon.engine.engine import Engine
from monitor_daemon.journal.journal import Journal
from monitor_daemon.journal.rows import OutboxRow
from monitor_daemon.notify.messages import Composer
from monitor_daemon.vault.vault import Vault


def _nowhere(_rows: Sequence[OutboxRow]) -> None:
    """Nobody publishes."""


@asynccontextmanager
async def stores(
    folder: Path, kind: type[Journal] = Journal
) -> AsyncIterator[tuple[Journal, Vault]]:
    """Journal and vault in `folder`, closed at the end."""
    journal = await kind.open(folder / "journal.db")
    vault = await Vault.open(folder / "vault.db", bytes(32))
    try:
        yield journal, vault
    finally:
        await journal.close()
        await vault.close()


async def started(
    journal: Journal,
    vault: Vault,
    clock: EngineClock,
    periods: dict[str, float],
    offer: Callable[[Sequence[OutboxRow]], None] = _nowhere,
) -> Engine:
    """The engine over them, with the packaged protocols and drugs; `periods` by link."""
    engine = Engine(
        journal=journal,
        vault=vault,
        clock=clock,
        composer=Composer("bench"),
        offer=offer,
        version="bench",
    )
    configured = Configured("bench", resources.text("drugs.toml"), resources.protocols(), periods)
    await engine.start(lambda ward, after: ward, configured)
    return engine
