"""Adapters that are pulled under the running daemon: what people are told, and what goes on."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
from secrets_search import listening
from site_process import Site
from waiting import until

from drivers.kit.conformance_play import ConformancePlay
from drivers.kit.playback import SimClock
from drivers.kit.registry import load_driver
from drivers.kit.simulate import Simulation, run_pty

LINK = '[[links]]\nname = "{0}"\ndriver = "edwards_ifmout"\nport = "./{0}.tty"\nbed = "bed-1"\n'
TIMES = 3
#: A port that is back is open again within so many seconds.
BACK_S = 2.0


@pytest.fixture
async def site(tmp_path, nats):
    links = LINK.format("loose") + LINK.format("steady")
    site = Site(tmp_path / "site", nats.settings, ("bed-1",), extra=links)
    await site.start()
    yield site
    await site.stop()


@asynccontextmanager
async def plugged(site, name):
    """A simulated device at the port of this name, until the block ends."""
    clock = SimClock(monotonic(), datetime(2026, 1, 1, tzinfo=UTC))
    simulation = Simulation(load_driver("edwards_ifmout"), ConformancePlay(), clock)
    ready = asyncio.Event()
    task = asyncio.create_task(
        run_pty(simulation, site.folder / f"{name}.tty", lambda place: ready.set())
    )
    await ready.wait()
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def told(heard, name):
    """What the broker gave out of one link, in order."""
    return [json.loads(body) for topic, body in heard if topic == f"monitor/test/links/{name}"]


async def test_people_are_told_at_once_and_nothing_else_suffers(site, nats):
    async with listening(nats.settings) as heard, plugged(site, "steady"):
        await until(lambda: [t for t in told(heard, "steady") if t["state"] == "live"], "live")
        await until(lambda: told(heard, "loose"), "not there yet")
        before = len(told(heard, "steady"))
        for _ in range(TIMES):
            async with plugged(site, "loose"):
                back = monotonic()
                await until(
                    lambda: told(heard, "loose")[-1]["state"] in {"waiting", "live"}, "open"
                )
                assert monotonic() - back < BACK_S
                await until(lambda: told(heard, "loose")[-1]["state"] == "live", "live again")
            await until(lambda: told(heard, "loose")[-1]["state"] == "backing_off", "gone")
        assert len(told(heard, "steady")) == before
        # A display that comes later learns it too: it is retained.
        async with listening(nats.settings) as late:
            [loose] = await until(lambda: told(late, "loose"), "retained")
    assert loose["state"] == "backing_off"
    assert loose["reason"].partition(": ")[2] in {"the port is gone", "No such file or directory"}
    events = [json.loads(line) for line in site.log().splitlines() if '"link": "loose"' in line]
    loud = [entry["event"] for entry in events if entry["level"] == "warning"]
    # One loud line for each loss and one for each return; the kept end of the log holds the last.
    assert loud[-4:] == ["link.recovered", "link.trouble"] * 2
    assert all(entry["after_s"] < 20 for entry in events if entry["event"] == "link.recovered")


async def test_status_says_since_when_nothing_comes(site):
    async with plugged(site, "loose"):
        await until(lambda: live(site, "loose"), "live")
    began = datetime.now(UTC)

    async def tried_in_vain():
        link = (await site.status())["links"]["loose"]
        return link["reconnects"] > 3 and link

    link = await until(tried_in_vain, "some attempts")
    trouble, last = (datetime.fromisoformat(link[k]) for k in ("trouble_since", "last_message"))
    assert abs(trouble - began) < timedelta(seconds=2)
    assert last < trouble
    assert datetime.fromisoformat(link["since"]) > trouble
    code, shown, _ = await site.command("status", "--socket", str(site.socket))
    assert code == 0
    assert "backing_off" in shown


async def live(site, name):
    return (await site.status())["links"][name]["state"] == "live"
