"""The TCP client and the MLLP server on real sockets."""

import asyncio
from dataclasses import replace

import echo_driver
import pytest
import structlog
from linking import Place, Recorder, cancel, echo_simulation, listening, peer, running, spec
from waiting import free_port

from drivers.kit.conversation import Conversation
from drivers.kit.link_state import LinkState
from drivers.kit.mllp_link import MllpLink
from drivers.kit.simulate import run_client, run_server
from drivers.kit.tcp_link import TcpLink
from monitor_daemon.core.errors import ConfigError

LOCAL = "127.0.0.1"


async def test_dials_a_device_and_hears_it():
    sink, place = Recorder(), Place()
    async with running(run_server(echo_simulation(), LOCAL, 0, place)):
        host, _, port = (await place.ready()).rpartition(":")
        async with running(TcpLink(spec(sink), host, int(port)).run()):
            await sink.until(lambda: len(sink.messages) >= 3)
    assert sink.problems == []


async def test_device_refuses_then_accepts():
    sink, place, port = Recorder(), Place(), free_port()
    link = TcpLink(spec(sink), LOCAL, port)
    async with running(link.run()):
        reason = await sink.reach(LinkState.BACKING_OFF)
        assert reason == f"cannot open {LOCAL}:{port}: Connection refused"
        async with running(run_server(echo_simulation(), LOCAL, port, place)):
            await place.ready()
            link.wake()
            await sink.reach(LinkState.LIVE)


async def test_goodbye_closes_and_says_why():
    async def device(reader, writer):
        writer.write(echo_driver.line("BYE"))
        await reader.read()
        writer.close()

    sink = Recorder()
    server = await asyncio.start_server(device, LOCAL, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with running(TcpLink(spec(sink), LOCAL, port).run()):
            reason = await sink.reach(LinkState.BACKING_OFF)
    assert reason == f"lost {LOCAL}:{port}: the device said goodbye"


async def test_device_that_dials_in_and_again_after_a_loss():
    sink = Recorder()
    link = MllpLink(spec(sink), LOCAL, 0)
    async with listening(link, sink) as (host, port):
        device = asyncio.create_task(run_client(echo_simulation(), host, port, Place()))
        await sink.until(lambda: len(sink.messages) >= 2)
        await cancel(device)
        reason = await sink.reach(LinkState.WAITING)
        assert "no device is connected" in reason
        async with running(run_client(echo_simulation(), host, port, Place())):
            await sink.reach(LinkState.LIVE)


async def test_port_in_use_backs_off():
    first, second = Recorder(), Recorder()
    async with (
        listening(MllpLink(spec(first), LOCAL, 0), first) as (host, port),
        running(MllpLink(spec(second), host, port).run()),
    ):
        assert f"cannot open listener {host}:{port}" in await second.reach(LinkState.BACKING_OFF)


async def test_replies_come_in_order_and_only_after_storage():
    release = {65.0: asyncio.Event(), 66.0: asyncio.Event()}

    async def storage(message):
        await release[message.rows[0].value].wait()

    sink = Recorder(storage)
    link = MllpLink(spec(sink), LOCAL, 0)
    async with listening(link, sink) as address, peer(address) as (reader, writer):
        assert await reader.readexactly(2) == b"?\n"
        writer.write(echo_driver.line("MAP 65") + echo_driver.line("MAP 66"))
        await sink.until(lambda: len(sink.messages) == 2)
        release[66.0].set()
        # The second is stored, the first is not: not a byte may come.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        release[65.0].set()
        assert await reader.readexactly(4) == b"+\n+\n"


async def test_storage_failure_gives_no_reply_and_closes():
    async def storage(message):
        raise OSError("disk full")

    sink = Recorder(storage)
    link = MllpLink(spec(sink), LOCAL, 0)
    with structlog.testing.capture_logs() as logs:
        async with listening(link, sink) as address, peer(address) as (reader, writer):
            assert await reader.readexactly(2) == b"?\n"
            writer.write(echo_driver.line("MAP 65") + echo_driver.line("MAP 66"))
            assert await rest_of(reader) == b""
    assert link.counters.storage_failures == 1
    assert [entry["code"] for entry in logs if entry["log_level"] == "error"] == ["STORAGE"]


async def test_peer_that_waits_for_storage_is_no_longer_read_and_others_are():
    stuck = asyncio.Event()

    async def storage(message):
        if message.rows[0].value == 1.0:
            await stuck.wait()

    sink = Recorder(storage)
    link = MllpLink(spec(sink), LOCAL, 0, max_waiting=8)
    one = echo_driver.line("MAP 1")
    async with (
        listening(link, sink) as address,
        peer(address) as (_, flooder),
        peer(address) as (reader, other),
    ):
        await reader.readexactly(2)
        flooder.write(one * 100_000)
        await sink.until(lambda: len(sink.messages) > 8)
        for _ in range(5):
            other.write(echo_driver.line("MAP 65"))
            assert await reader.readexactly(2) == b"+\n"
        # No more than what one read of the socket had brought along.
        waiting = sum(row.value == 1.0 for row in sink.data)
        assert waiting * len(one) <= 256 * 1024


class StalledTransport(asyncio.Transport):
    """A transport whose peer takes nothing."""

    reading = True

    def write(self, data):
        pass

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True


async def test_peer_that_does_not_take_its_replies_is_not_read_until_it_does():
    transport = StalledTransport()
    conversation = Conversation(TcpLink(spec(Recorder()), LOCAL, 1), lambda _: None)
    conversation.connection_made(transport)
    conversation.pause_writing()
    assert not transport.reading
    conversation.resume_writing()
    assert transport.reading


async def test_peer_off_the_allow_list_is_refused_and_counted():
    sink = Recorder()
    link = MllpLink(spec(sink), LOCAL, 0, allow=["10.0.0.0/8"])
    async with listening(link, sink) as address, peer(address) as (reader, _):
        assert await rest_of(reader) == b""
    assert link.counters.problems == {"PEER_REFUSED": 1}


def test_allow_list_that_cannot_be_read():
    with pytest.raises(ConfigError, match=r"link bed-1: allow: .*not appear to be"):
        MllpLink(spec(None), LOCAL, 0, allow=["10.0.0.300"])


async def test_one_connection_too_many_is_refused_and_the_first_stays():
    sink = Recorder()
    link = MllpLink(spec(sink), LOCAL, 0, max_connections=1)
    async with listening(link, sink) as address, peer(address) as (reader, writer):
        assert await reader.readexactly(2) == b"?\n"
        async with peer(address) as (late, _):
            assert await rest_of(late) == b""
        writer.write(echo_driver.line("MAP 65"))
        assert await reader.readexactly(2) == b"+\n"
        assert link.peers == [LOCAL]
    assert link.counters.problems == {"TOO_MANY_CONNECTIONS": 1}


async def test_defect_of_a_driver_ends_its_connection_and_no_other():
    sink = Recorder()
    link = MllpLink(spec(sink), LOCAL, 0)
    with structlog.testing.capture_logs() as logs:
        async with listening(link, sink) as address, peer(address) as (reader, other):
            await reader.readexactly(2)
            async with peer(address) as (bug_reader, bug):
                await bug_reader.readexactly(2)
                bug.write(echo_driver.line("BUG"))
                assert await rest_of(bug_reader) == b""
            other.write(echo_driver.line("MAP 65"))
            assert await reader.readexactly(2) == b"+\n"
    assert [fault.code for fault in sink.problems] == ["DRIVER_FAULT"]
    errors = [entry["event"] for entry in logs if entry["log_level"] == "error"]
    assert errors == ["link.driver_fault"]


async def test_tap_sees_every_byte_in_both_directions():
    sink, seen = Recorder(), []
    tapped = replace(spec(sink), tap=lambda way, data: seen.append((way, data)))
    link = MllpLink(tapped, LOCAL, 0)
    async with listening(link, sink) as address, peer(address) as (reader, writer):
        await reader.readexactly(2)
        writer.write(echo_driver.line("MAP 65"))
        await reader.readexactly(2)
    assert seen == [("tx", b"?\n"), ("rx", echo_driver.line("MAP 65")), ("tx", b"+\n")]


def test_option_that_the_driver_does_not_know():
    with pytest.raises(ConfigError, match="link bed-1: option colour: driver echo knows only"):
        TcpLink(spec(None, colour=1), LOCAL, 1)


async def rest_of(reader):
    """What still comes until the connection ends, by a close or a reset."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
