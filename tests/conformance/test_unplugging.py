"""Ports that are unplugged and plugged in again, a hundred times in all, beside one that stays."""

import asyncio
import random
from time import monotonic

import structlog
from linking import Place, Recorder, cancel, echo_simulation, running, spec

from drivers.kit.link_state import LinkState
from drivers.kit.serial_link import SerialLink
from drivers.kit.simulate import run_pty

PORTS, TIMES = 20, 5
#: A port that is back is open again within so many seconds, without a hot-plug event.
BACK_S = 2.0


async def replugged(port, rng):
    """A port that goes and comes; gives the seconds from each return until data came."""
    sink, took = Recorder(), []
    link = SerialLink(spec(sink), str(port))
    device = asyncio.create_task(run_pty(echo_simulation(), port, Place()))
    async with running(link.run()):
        await sink.until(lambda: link.state is LinkState.LIVE)
        for _ in range(TIMES):
            await cancel(device)
            await sink.reach(LinkState.BACKING_OFF)
            # Away for no time, or for long enough that attempts fail meanwhile.
            for _ in range(rng.choice((0, 0, 0, 2))):
                await sink.reach(LinkState.BACKING_OFF)
            place = Place()
            device = asyncio.create_task(run_pty(echo_simulation(), port, place))
            await place.ready()
            before = monotonic()
            await sink.until(lambda: link.state is LinkState.LIVE)
            took.append(monotonic() - before)
    await cancel(device)
    return took


async def test_a_hundred_times_without_losing_the_process_or_another_link(tmp_path):
    rng, steady, place = random.Random(7), Recorder(), Place()
    with structlog.testing.capture_logs() as logs:
        async with running(run_pty(echo_simulation(), tmp_path / "steady", place)):
            link = SerialLink(spec(steady), await place.ready())
            async with running(link.run()):
                await steady.until(lambda: link.state is LinkState.LIVE)
                ports = [tmp_path / f"port-{n}" for n in range(PORTS)]
                took = await asyncio.gather(*(replugged(port, rng) for port in ports))
    assert sum(map(len, took)) == 100
    assert max(map(max, took)) < BACK_S
    states = [state for state, _ in steady.states]
    assert states == [LinkState.OPENING, LinkState.WAITING, LinkState.LIVE, LinkState.CLOSED]
    assert steady.problems == []
    # One loud line for each loss and one for each return, however many attempts lie between.
    loud = [entry["event"] for entry in logs if entry["log_level"] == "warning"]
    assert loud.count("link.recovered") == 100
    assert loud.count("link.trouble") == 100
