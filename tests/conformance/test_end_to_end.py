"""Every registered driver over every transport it claims, on real ptys and sockets."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import monotonic

import echo_driver
import pytest
from linking import Place, Recorder, listening, running

from drivers.kit.conformance_play import ConformancePlay, is_played
from drivers.kit.contract import Transport
from drivers.kit.link import LinkSpec
from drivers.kit.link_state import LinkState
from drivers.kit.links import dial_link, listen_link, serial_link
from drivers.kit.playback import SimClock
from drivers.kit.registry import driver_names, load_driver
from drivers.kit.simulate import Simulation, run_client, run_pty, run_server

#: Devices that send once a minute would make a slow test: they live faster.
SPEED = 60.0


@asynccontextmanager
async def connected(transport, simulation, spec, tmp_path):
    place = Place()
    if transport is Transport.SERIAL:
        async with running(run_pty(simulation, tmp_path / "port", place)):
            link = serial_link(spec, await place.ready())
            async with running(link.run()):
                yield link
    elif transport in {Transport.TCP_CLIENT, Transport.UDP}:
        async with running(run_server(simulation, "127.0.0.1", 0, place)):
            link = dial_link(spec, await place.ready())
            async with running(link.run()):
                yield link
    else:
        link = listen_link(spec, ":0")
        async with (
            listening(link, spec.sink) as address,
            running(run_client(simulation, *address, place)),
        ):
            yield link


def driver_of(name):
    return echo_driver.DRIVER if name == "echo" else load_driver(name)


@pytest.mark.parametrize(
    ("name", "transport"),
    [(name, way) for name in ["echo", *driver_names()] for way in driver_of(name).transports],
)
async def test_what_the_simulator_plays_arrives(name, transport, tmp_path):
    driver = driver_of(name)
    sink = Recorder()
    clock = SimClock(monotonic(), datetime(2026, 1, 1, tzinfo=UTC), SPEED)
    simulation = Simulation(driver, ConformancePlay(), clock)
    async with connected(transport, simulation, LinkSpec(name, driver, sink), tmp_path) as link:
        await sink.until(lambda: len(sink.data) >= 2)
        assert link.state is LinkState.LIVE
    assert all(map(is_played, sink.data))
    assert sink.problems == []
    assert link.counters.refused_sends == 0
