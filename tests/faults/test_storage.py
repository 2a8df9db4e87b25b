"""The disk takes no more while the daemon runs: nobody is acknowledged, and it ends loudly."""

import asyncio
import resource
import sqlite3

import pytest
from brokers import ROOT, SITE, observing
from site_process import Gateway, Site, arterial, message, tidy

from monitor_daemon.engine.replay import Verification, verify
from monitor_daemon.vault.vault import Vault, load_key

ROOM = 250_000


@pytest.fixture
async def site(tmp_path, nats):
    made = Site(tmp_path / "site", nats.settings, ("bed-1",), site_id=SITE)
    await made.start()
    yield made
    tidy(made.process)
    await made.stop()


async def send_until_refused(site):
    """Messages, one after the other, until one is not answered; gives what was acknowledged."""
    acknowledged = []
    async with Gateway(site.mllp) as gateway:
        try:
            for n in range(2000):
                control_id = f"M{n}"
                wire = message(control_id, "WARD^ROOM^bed-1", "", *arterial(66 + n / 1000))
                assert f"MSA|CA|{control_id}".encode() in await gateway.send(wire)
                acknowledged.append(wire[1:-2])
        except (asyncio.IncompleteReadError, ConnectionError):
            return acknowledged
    raise AssertionError("the disk took everything")


async def run_out_of_room(site):
    """Let no file of the daemon grow much more, as on a full disk; gives what it acknowledged."""
    largest = max(path.stat().st_size for path in (site.folder / "store").glob("*.db*"))
    limit = (largest + ROOM, resource.RLIM_INFINITY)
    resource.prlimit(site.process.pid, resource.RLIMIT_FSIZE, limit)
    acknowledged = await send_until_refused(site)
    assert acknowledged
    async with asyncio.timeout(20):
        assert await site.process.wait() not in {0, None}
    return acknowledged


async def originals(site):
    """The wire bytes that the record cites."""
    connection = sqlite3.connect(site.journal)
    cited = connection.execute(
        "SELECT original, part FROM input WHERE original NOT NULL"
    ).fetchall()
    connection.close()
    key = load_key(site.folder / "vault.key")
    vault = await Vault.open(site.folder / "store" / "vault.db", key)
    found = [(await vault.read(*place)).raw for place in cited]
    await vault.close()
    return found


async def test_a_full_disk_ends_the_daemon_and_loses_nothing_that_was_acknowledged(site, nats):
    async with observing(nats.settings) as observer:
        await observer.sees_it_running()
        acknowledged = await run_out_of_room(site)
        await observer.sees(f"{ROOT}/status", state="offline")
    await site.start()
    assert await site.stop() == 0
    assert (await originals(site))[: len(acknowledged)] == acknowledged
    assert list(verify(site.journal, Verification())) == []


async def test_a_full_disk_is_said_in_a_line_with_a_code(site):
    await run_out_of_room(site)
    log = (site.folder / "log").read_text()
    assert sum(line.startswith("STORAGE: ") for line in log.splitlines()) == 1
    assert "Traceback" not in log
