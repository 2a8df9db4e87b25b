"""HL7 on real sockets: TLS, repeats, hostile peers, dialling out, several listeners."""

import asyncio
import socket
import ssl
import struct
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

import pytest
import structlog
from certificates import authority
from linking import Recorder, listening, peer, running

from drivers.hl7.driver import DRIVER
from drivers.kit.link import LinkSpec
from drivers.kit.link_state import LinkState
from drivers.kit.links import dial_link, listen_link
from drivers.kit.tls import Tls
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.vocabulary import Reading
from monitor_daemon.hl7.mllp import framed

LOCAL = "127.0.0.1"
DATA = Path(__file__).parents[1] / "data" / "hl7"
MONITOR = (DATA / "composed-pcd01-monitor.hl7").read_bytes()
PUMP = (DATA / "composed-pcd01-pump.hl7").read_bytes()
STORED = ("CA", "MON-20261121-000417")


def spec(sink, **options):
    return LinkSpec("gateway", DRIVER, sink, options, expected_period=60.0)


def listener(sink, options=None, **door):
    return listen_link(spec(sink, **(options or {})), f"{LOCAL}:0", **door)


async def answer(reader):
    """MSA-1 and MSA-2 of the next acknowledgement."""
    async with asyncio.timeout(20):
        block = await reader.readuntil(b"\x1c\r")
    _, code, control_id = block.split(b"\r")[1].split(b"|")
    return code.decode(), control_id.decode()


async def ended(reader):
    """What still comes until the other side ends the connection, by a close or a reset."""
    async with asyncio.timeout(20):
        try:
            return await reader.read()
        except (ConnectionResetError, ssl.SSLError):
            return b""


# -- TLS ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("strangers"), "stranger")


@asynccontextmanager
async def secured(address, *, trusted, shown=None):
    """A sender that encrypts, and shows a certificate if it has one."""
    context = ssl.create_default_context(cafile=trusted.ca)
    if shown is not None:
        context.load_cert_chain(shown.cert, shown.key)
    reader, writer = await asyncio.open_connection(*address, ssl=context)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def test_messages_come_encrypted(ours):
    sink = Recorder()
    link = listener(sink, tls=Tls(ours.cert, ours.key))
    async with (
        listening(link, sink) as address,
        secured(address, trusted=ours) as (reader, writer),
    ):
        for _ in range(3):
            writer.write(framed(MONITOR))
            assert await answer(reader) == STORED
        assert link.peers == [LOCAL]


async def test_only_who_shows_a_certificate_of_the_site_is_heard(ours, strangers):
    sink = Recorder()
    link = listener(sink, tls=Tls(ours.cert, ours.key, ours.ca))
    async with listening(link, sink) as address:
        for shown in (None, strangers):
            async with secured(address, trusted=ours, shown=shown) as (reader, writer):
                writer.write(framed(MONITOR))
                assert await ended(reader) == b""
        async with secured(address, trusted=ours, shown=ours) as (reader, writer):
            writer.write(framed(MONITOR))
            assert await answer(reader) == STORED
    assert len(sink.messages) == 1
    assert link.counters.problems == {"TLS_REFUSED": 2}
    assert "certificate" in sink.problems[0].reason


async def test_who_does_not_encrypt_is_refused_and_holds_no_place(ours):
    sink = Recorder()
    link = listener(sink, tls=Tls(ours.cert, ours.key), max_connections=1)
    async with listening(link, sink) as address:
        for _ in range(2):
            async with peer(address) as (reader, writer):
                writer.write(framed(MONITOR))
                await ended(reader)
        await sink.until(lambda: len(sink.problems) == 2)
        async with secured(address, trusted=ours) as (reader, writer):
            writer.write(framed(MONITOR))
            assert await answer(reader) == STORED
    assert link.counters.problems == {"TLS_REFUSED": 2}


async def test_a_handshake_that_never_comes_does_not_hold_up_the_end(ours):
    sink = Recorder()
    link = listener(sink, tls=Tls(ours.cert, ours.key))
    async with (
        listening(link, sink) as address,
        peer(address) as (silent, _),
        secured(address, trusted=ours) as (reader, writer),
    ):
        writer.write(framed(MONITOR))
        assert await answer(reader) == STORED
    assert await ended(silent) == b""


async def test_we_dial_a_station_that_encrypts(ours, strangers):
    async def station(reader, writer):
        writer.write(framed(MONITOR))
        answers.append(await answer(reader))
        writer.close()

    answers = []
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ours.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(ours.cert, ours.key)
    server = await asyncio.start_server(station, LOCAL, 0, ssl=context)
    async with server:
        where = f"{LOCAL}:{server.sockets[0].getsockname()[1]}"
        sink = Recorder()
        wary = dial_link(spec(sink), where, Tls(ca=strangers.ca))
        async with running(wary.run()):
            reason = await sink.reach(LinkState.BACKING_OFF)
            assert "certificate verify failed" in reason
        assert not answers
        trusting = dial_link(spec(sink), where, Tls(ours.cert, ours.key, ours.ca))
        async with running(trusting.run()):
            await sink.until(lambda: bool(sink.messages))
            await sink.reach(LinkState.BACKING_OFF)
    assert answers == [STORED]


def test_tls_files_that_cannot_be_used(ours, tmp_path):
    for tls, reason in (
        (Tls(tmp_path / "none.pem"), "No such file"),
        (Tls(ours.cert, ours.ca), "tls: .*stranger|tls: .*ca.pem"),
        (Tls(ca=ours.ca), "needs tls_cert"),
    ):
        with pytest.raises(ConfigError, match=reason):
            listener(Recorder(), tls=tls)


# -- repeats -------------------------------------------------------------------------------------


async def test_a_repeat_is_answered_again_and_stored_once_also_on_another_connection():
    sink = Recorder()
    link = listener(sink)
    changed = MONITOR.replace(b"|63|", b"|64|")
    async with listening(link, sink) as address:
        for _ in range(2):
            async with peer(address) as (reader, writer):
                writer.write(framed(MONITOR) * 2)
                assert [await answer(reader), await answer(reader)] == [STORED, STORED]
        async with peer(address) as (reader, writer):
            writer.write(framed(changed))
            assert await answer(reader) == STORED
    assert [message.raw for message in sink.messages] == [MONITOR, changed]
    assert link.status()["repeated"] == 3


async def test_a_repeat_waits_until_the_first_is_stored():
    stored = asyncio.Event()

    async def storage(message):
        await stored.wait()

    sink = Recorder(storage)
    link = listener(sink)
    async with (
        listening(link, sink) as address,
        peer(address) as (first, impatient),
        peer(address) as (second, again),
    ):
        impatient.write(framed(MONITOR))
        await sink.until(lambda: len(sink.messages) == 1)
        again.write(framed(MONITOR))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(second.read(1), 0.05)
        impatient.transport.abort()
        await ended(first)
        stored.set()
        assert await answer(second) == STORED
    assert len(sink.messages) == 1


async def test_what_could_not_be_stored_is_stored_when_it_is_repeated():
    async def storage(message):
        if len(sink.messages) == 1:
            raise OSError("disk full")

    sink = Recorder(storage)
    with structlog.testing.capture_logs():
        async with listening(listener(sink), sink) as address:
            async with peer(address) as (reader, writer):
                writer.write(framed(MONITOR))
                assert await ended(reader) == b""
            async with peer(address) as (reader, writer):
                writer.write(framed(MONITOR))
                assert await answer(reader) == STORED
    assert len(sink.messages) == 2


# -- many peers ----------------------------------------------------------------------------------


async def test_listeners_have_options_of_their_own():
    strict, lenient = Recorder(), Recorder()
    sample = (DATA / "ihe-pcd01-philips-monitor.hl7").read_bytes()
    async with (
        listening(listener(strict, {"accept_unvalidated": False}), strict) as one,
        listening(listener(lenient), lenient) as two,
        peer(one) as (reader, writer),
        peer(two) as (other_reader, other_writer),
    ):
        writer.write(framed(sample))
        other_writer.write(framed(sample))
        await answer(reader)
        await answer(other_reader)
    # Every value of this sample comes with OBX-11 = X.
    for sink, quality in ((strict, "questionable"), (lenient, "good")):
        readings = [row for row in sink.messages[0].rows if isinstance(row, Reading)]
        assert {row.quality for row in readings if row.value is not None} == {quality}


async def test_one_socket_brings_many_beds():
    sink = Recorder()
    beds = [f"ICU2^R{n:02}^B{n:02}" for n in range(1, 31)]
    async with listening(listener(sink), sink) as address, peer(address) as (reader, writer):
        for bed in beds:
            writer.write(framed(MONITOR.replace(b"ICU2^R07^B07", bed.encode())))
            assert await answer(reader) == STORED
    found = [next(row for row in m.rows if isinstance(row, Reading)).bed for m in sink.messages]
    assert [code.split("^")[:3] for code in found] == [bed.split("^") for bed in beds]


async def test_a_peer_with_too_many_connections_is_refused():
    sink = Recorder()
    link = listener(sink, max_per_peer=2)
    async with (
        listening(link, sink) as address,
        peer(address) as (reader, writer),
        peer(address),
    ):
        async with peer(address) as (late, _):
            assert await ended(late) == b""
        writer.write(framed(MONITOR))
        assert await answer(reader) == STORED
    assert link.counters.problems == {"TOO_MANY_CONNECTIONS": 1}
    assert sink.problems[0].reason == f"{LOCAL} refused: 2 connections of its own are open already"


def test_a_peer_that_is_gone_before_it_was_accepted_leaves_nothing_behind():
    async def run():
        sink = Recorder()
        link = listener(sink)
        async with listening(link, sink) as address:
            # Both within one step of the loop, so that the reset is there before the accept.
            sock = socket.create_connection(address)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
            async with peer(address) as (reader, writer):
                writer.write(framed(MONITOR))
                assert await answer(reader) == STORED
                assert link.peers == [LOCAL]

    asyncio.run(run())


# -- hostile peers -------------------------------------------------------------------------------

#: A slow machine may take long for a message, but not as long as a hostile peer could make it.
SOON_S = 2.0


async def exchanges(address, count, before=lambda: None):
    """The longest wait for an answer of an orderly sender, one message after the other."""
    longest = 0.0
    async with peer(address) as (reader, writer):
        for number in range(count):
            before()
            start = perf_counter()
            writer.write(framed(PUMP.replace(b"PMP-20261121-001188", b"P%d" % number)))
            assert await answer(reader) == ("CA", f"P{number}")
            longest = max(longest, perf_counter() - start)
    return longest


async def test_a_peer_that_dribbles_single_bytes_holds_up_nobody():
    sink = Recorder()
    async with listening(listener(sink), sink) as address, peer(address) as (reader, dribble):
        rest = iter(framed(MONITOR))
        assert await exchanges(address, 50, lambda: dribble.write(bytes([next(rest)]))) < SOON_S
        assert len(sink.messages) == 50
        dribble.write(bytes(rest))
        assert await answer(reader) == STORED


async def test_a_message_that_is_never_finished_ends_its_connection():
    sink = Recorder()
    link = listener(sink, {"frame_seconds": 0.2})
    async with listening(link, sink) as address, peer(address) as (reader, writer):
        writer.write(framed(MONITOR)[:100])
        assert await ended(reader) == b""
    assert link.counters.problems == {"HL7_SLOW": 1}


async def test_a_peer_that_never_reads_its_acknowledgements_holds_up_nobody():
    sink = Recorder()
    async with listening(listener(sink), sink) as address:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(address)
            deaf.setblocking(False)
            flood = framed(MONITOR) * 20

            def more():
                try:
                    while deaf.send(flood):
                        pass
                except BlockingIOError:
                    pass

            assert await exchanges(address, 50, more) < SOON_S


@pytest.mark.parametrize(
    "flood",
    [
        framed(b"MSH|^~\\&|||||||ORU|%d\r" % 1) * 4000,
        framed(MONITOR) * 100,
        b"\x0b\x1c\r" * 30_000,
        b"x" * 100_000,
        b"\0" * 100_000,
        b"\x0b" * 100_000,
        b"\x0b" + b"x" * 2_000_000,
    ],
    ids=["smallest", "messages", "empty", "junk", "nul", "starts", "endless"],
)
async def test_a_peer_that_floods_holds_up_nobody(flood):
    sink = Recorder()
    async with listening(listener(sink), sink) as address:
        pouring = asyncio.Event()

        async def pour():
            while True:
                _, writer = await asyncio.open_connection(*address)
                try:
                    while not writer.is_closing():
                        writer.write(flood)
                        pouring.set()
                        await writer.drain()
                except OSError:
                    pass
                finally:
                    writer.transport.abort()

        async with running(pour()):
            await pouring.wait()
            assert await exchanges(address, 20) < SOON_S
