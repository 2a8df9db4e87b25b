"""The UDP link on real sockets."""

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

import echo_driver
import pytest
from linking import Place, Recorder, running

from drivers.kit.conformance_play import ConformancePlay, is_played
from drivers.kit.contract import Option, Transport
from drivers.kit.link import LinkSpec
from drivers.kit.link_state import LinkState
from drivers.kit.links import dial_link
from drivers.kit.playback import SimClock
from drivers.kit.registry import load_driver
from drivers.kit.simulate import Simulation, run_client, run_server
from drivers.kit.udp_link import UdpLink, speaks_udp, udp_options
from monitor_daemon.core.errors import ConfigError

LOCAL = "127.0.0.1"
ECHO = replace(echo_driver.DRIVER, transports=(Transport.UDP,))


def simulation(driver=ECHO, **options):
    clock = SimClock(monotonic(), datetime(2026, 1, 1, tzinfo=UTC))
    return Simulation(driver, ConformancePlay(), clock, options)


def fast():
    return simulation(period=0.02)


def spec(sink, driver=ECHO, **options):
    return LinkSpec("bed-1", driver, sink, options)


@pytest.fixture
def device():
    """A device by hand: a UDP socket at a free port."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind((LOCAL, 0))
        sock.setblocking(False)
        yield sock


async def question(device):
    """The next datagram at the device and who sent it."""
    async with asyncio.timeout(20.0):
        return await asyncio.get_running_loop().sock_recvfrom(device, 1000)


@asynccontextmanager
async def linked(sink, device, **options):
    """A link to the device, that has asked its first question; gives link and address."""
    link = UdpLink(spec(sink, **options), *device.getsockname())
    async with running(link.run()):
        data, reader = await question(device)
        assert data == b"?\n"
        yield link, reader


async def test_what_a_device_plays_arrives_and_it_stops_with_the_link():
    sink, place = Recorder(), Place()
    async with running(run_server(fast(), LOCAL, 0, place)):
        link = dial_link(spec(sink), await place.ready())
        assert isinstance(link, UdpLink)
        async with running(link.run()):
            await sink.until(lambda: len(sink.data) >= 3)
            assert link.state is LinkState.LIVE
    assert all(map(is_played, sink.data))
    assert sink.problems == []


async def test_every_reader_has_a_device_of_its_own():
    first, second, place = Recorder(), Recorder(), Place()
    async with running(run_server(fast(), LOCAL, 0, place)):
        where = await place.ready()
        async with (
            running(dial_link(spec(first), where).run()),
            running(dial_link(spec(second), where).run()),
        ):
            await first.until(lambda: len(first.data) >= 2)
            await second.until(lambda: len(second.data) >= 2)


async def test_nobody_listens_then_somebody_does(device):
    host, port = device.getsockname()
    device.close()
    sink, place = Recorder(), Place()
    link = UdpLink(spec(sink), host, port)
    async with running(link.run()):
        reason = await sink.reach(LinkState.BACKING_OFF)
        assert reason == f"lost {host}:{port} (UDP): Connection refused"
        async with running(run_server(fast(), host, port, place)):
            await place.ready()
            link.wake()
            await sink.reach(LinkState.LIVE)


async def test_a_device_that_goes_away_is_noticed_when_it_is_asked(device):
    sink = Recorder()
    async with linked(sink, device, poll=0.05):
        device.close()
        assert "Connection refused" in await sink.reach(LinkState.BACKING_OFF)


async def test_one_source_port_for_the_whole_life(device):
    async with linked(Recorder(), device, poll=0.02) as (_, reader):
        assert {(await question(device))[1] for _ in range(5)} == {reader}


async def test_only_the_device_is_heard(device):
    sink = Recorder()
    async with linked(sink, device) as (_, reader):
        with socket.socket(type=socket.SOCK_DGRAM) as stranger:
            stranger.sendto(echo_driver.line("MAP 1"), reader)
        device.sendto(echo_driver.line("MAP 65"), reader)
        await sink.until(lambda: sink.data)
    assert [row.value for row in sink.data] == [65.0]


async def test_a_datagram_is_one_chunk_and_an_empty_one_says_nothing(device):
    sink, seen = Recorder(), []
    link = UdpLink(
        replace(spec(sink), tap=lambda way, data: seen.append((way, data))), *device.getsockname()
    )
    both = echo_driver.line("MAP 65") + echo_driver.line("MAP 66")
    async with running(link.run()):
        _, reader = await question(device)
        device.sendto(b"", reader)
        device.sendto(both, reader)
        await sink.until(lambda: len(sink.data) == 2)
    assert seen == [("tx", b"?\n"), ("rx", b""), ("rx", both), ("tx", b"+\n"), ("tx", b"+\n")]


async def test_while_storage_is_stuck_nothing_more_is_read(device):
    free = asyncio.Event()

    async def storage(message):
        await free.wait()

    sink = Recorder(storage)
    async with linked(sink, device) as (link, reader):
        for number in range(120):
            device.sendto(echo_driver.line(f"MAP {number}"), reader)
        await sink.until(lambda: len(sink.messages) > 64)
        # Turns of the loop in which more would be read.
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(sink.messages) == 65
        free.set()
        await sink.until(lambda: len(sink.messages) == 120)
        assert link.state is LinkState.LIVE


async def test_a_session_that_closes_says_why(device):
    sink = Recorder()
    async with linked(sink, device) as (link, reader):
        device.sendto(echo_driver.line("BYE"), reader)
        reason = await sink.reach(LinkState.BACKING_OFF)
    assert reason == f"lost {link.where}: the device said goodbye"


async def test_a_host_that_has_no_address_is_tried_again():
    sink = Recorder()
    async with running(UdpLink(spec(sink), "no-such-host.invalid", 1).run()):
        assert "cannot open no-such-host.invalid:1 (UDP)" in await sink.reach(LinkState.BACKING_OFF)


def test_a_driver_that_frames_differently_over_udp_is_told():
    framed = replace(ECHO, options=(*ECHO.options, Option("framing", "serial", "")))
    assert udp_options(framed, {"framing": "serial", "poll": 1}) == {"framing": "udp", "poll": 1}
    assert udp_options(ECHO, {"poll": 1}) == {"poll": 1}


def test_an_address_means_udp_only_for_a_driver_without_tcp():
    assert speaks_udp(ECHO)
    assert not speaks_udp(echo_driver.DRIVER)
    assert not speaks_udp(replace(ECHO, transports=(Transport.TCP_CLIENT, Transport.UDP)))


async def test_a_device_that_is_asked_by_udp_dials_nobody():
    with pytest.raises(ConfigError, match="a echo device dials nobody: let it listen"):
        await run_client(fast(), LOCAL, 1, Place())


async def test_a_philips_monitor_over_udp():
    driver = load_driver("philips_intellivue")
    sink, place = Recorder(), Place()
    async with running(run_server(simulation(driver, mtu=300), LOCAL, 0, place)):
        link = dial_link(spec(sink, driver), await place.ready())
        async with running(link.run()):
            await sink.until(lambda: len(sink.data) >= 8)
            assert link.status()["detail"] == "Philips SIMULATOR, bed ICU-1, monitoring"
    assert all(map(is_played, sink.data))
    assert sink.problems == []
    assert link.counters.refused_sends == 0
    assert dial_link(spec(sink, driver), "192.0.2.7").where == "192.0.2.7:24105 (UDP)"
