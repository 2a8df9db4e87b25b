"""Who is at the other end of an MLLP listener: whom the log blames, and who is answered."""

import asyncio
from pathlib import Path

import structlog
from linking import Recorder, listening, peer

from drivers.hl7.driver import DRIVER
from drivers.kit.link import LinkSpec
from drivers.kit.links import listen_link
from monitor_daemon.hl7.mllp import framed

MONITOR = (Path(__file__).parents[1] / "data/hl7/composed-pcd01-monitor.hl7").read_bytes()


async def test_the_log_names_the_peer_that_was_hung_up_on_loudly_once():
    sink = Recorder()
    link = listen_link(LinkSpec("gateway", DRIVER, sink), "127.0.0.1:0")
    with structlog.testing.capture_logs() as logs:
        async with listening(link, sink) as address:
            for number in (1, 2):
                async with peer(address) as (reader, writer):
                    writer.write(b"GET / HTTP/1.1\r\n" * 300)
                    assert await reader.read() == b""
                await sink.until(lambda count=number: len(sink.problems) == 2 * count)
    left = [line for line in logs if line["event"] == "link.peer_left"]
    assert [line["log_level"] for line in left] == ["warning", "debug"]
    assert left[0]["peer"] == "127.0.0.1"
    assert left[0]["reason"] == "more than 4096 bytes without a start of frame (0x0b)"


async def test_who_sends_no_more_is_answered_before_the_connection_ends():
    stored = asyncio.Event()

    async def storage(message):
        await stored.wait()

    sink = Recorder(storage)
    link = listen_link(LinkSpec("gateway", DRIVER, sink), "127.0.0.1:0")
    second = MONITOR.replace(b"000417", b"000418")
    async with listening(link, sink) as address, peer(address) as (reader, writer):
        writer.write(framed(MONITOR) + framed(second))
        writer.write_eof()
        await sink.until(lambda: len(sink.messages) == 2)
        stored.set()
        async with asyncio.timeout(20):
            answers = await reader.read()
    assert answers.count(b"\rMSA|CA|MON-20261121-00041") == 2
