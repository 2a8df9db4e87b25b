"""Listener with durable commit against python-hl7's asyncio server, which parses and acknowledges.

One message in flight a connection, same client for both, in a process of its own. Ours decodes,
judges and commits to disk (journal and vault) before it answers. Short messages and few connections
are the hard case: python-hl7 pays for each OBX, we for each message and each commit.
Then 200 monitors that send one message a second each: what it costs, how long they wait.
"""

import asyncio
import multiprocessing
import select
import socket
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

import hl7
import hl7.mllp

from benchmarks import asked, site
from benchmarks.pcd01 import METRICS, pcd01
from drivers.kit.link import LinkSpec
from drivers.kit.links import listen_link
from drivers.kit.registry import load_driver
from monitor_daemon import resources
from monitor_daemon.clock import EngineClock
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.people import Enrol
from monitor_daemon.daemon import EngineSink
from monitor_daemon.engine.engine import Engine
from monitor_daemon.engine.entrance import Entrance, LinkMap
from monitor_daemon.hl7.mllp import framed
from monitor_daemon.vault.vault import Vault

CONNECTIONS = 200
#: Connections and OBX a message.
CASES = ((200, 40), (50, 40), (200, 12), (50, 12))
#: Rounds of both servers in turn, so that other work on the machine touches both alike.
ROUNDS = 3


def message(bed: int, number: int, observations: int = len(METRICS)) -> bytes:
    """A message of now, framed. Values change from one to the next."""
    return framed(pcd01(datetime.now(UTC), bed, number, observations).encode())


class Load:
    """Connections that send a message and wait for its acknowledgement before the next.

    Bare sockets and epoll, so that the load takes as little as possible of the two cores.
    """

    def __init__(
        self, port: int, count: int, connections: int = CONNECTIONS, observations: int = 12
    ) -> None:
        self.poll = select.epoll()
        self.senders: dict[int, socket.socket] = {}
        self.blocks: dict[int, Iterator[bytes]] = {}
        self.replies: dict[int, bytes] = {}
        for bed in range(connections):
            sender = socket.create_connection(("127.0.0.1", port))
            sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            number = sender.fileno()
            self.senders[number] = sender
            self.blocks[number] = iter([message(bed, n, observations) for n in range(count)])
            self.replies[number] = b""
            self.poll.register(sender, select.EPOLLIN)

    def send(self, number: int) -> bool:
        block = next(self.blocks[number], None)
        if block is not None:
            self.senders[number].sendall(block)
        return block is not None

    def answered(self, timeout: float | None = None) -> list[int]:
        """The connections of which the acknowledgement has come."""
        done = []
        for number, _ in self.poll.poll(timeout):
            more = self.senders[number].recv(65536)
            assert more, "the server hung up"
            reply = self.replies[number] + more
            if reply.endswith(b"\x1c\r"):
                assert b"\rMSA|CA|" in reply or b"\rMSA|AA|" in reply, reply
                done.append(number)
                reply = b""
            self.replies[number] = reply
        return done


def _throughput(port: int, count: int, pipe, connections: int, observations: int) -> None:
    """Messages a second, as fast as they are acknowledged."""
    load = Load(port, count, connections, observations)
    pipe.recv()
    start = time.perf_counter()
    for number in load.senders:
        load.send(number)
    waiting = connections
    while waiting:
        waiting -= sum(not load.send(number) for number in load.answered())
    pipe.send(connections * count / (time.perf_counter() - start))


def _steady(port: int, count: int, pipe) -> None:
    """Seconds until each acknowledgement at one message a second from each connection."""
    load = Load(port, count)
    pipe.recv()
    start = time.perf_counter()
    due = deque(
        (start + second + place / CONNECTIONS, number)
        for second in range(count)
        for place, number in enumerate(load.senders)
    )
    sent: dict[int, float] = {}
    waits = []
    while due or sent:
        now = time.perf_counter()
        while due and due[0][0] <= now:
            at, number = due.popleft()
            sent[number] = at
            load.send(number)
        pause = due[0][0] - time.perf_counter() if due else None
        found = load.answered(None if pause is None else max(pause, 0.0))
        waits += [time.perf_counter() - sent.pop(number) for number in found]
    pipe.send(waits)


async def _measure(load, port: int, count: int):
    """What `load` says, and the CPU seconds that this process took meanwhile."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=load, args=(port, count, theirs))
    process.start()
    ours.send("go")
    before = time.process_time()
    found = await asyncio.to_thread(ours.recv)
    spent = time.process_time() - before
    process.join()
    return found, spent


async def _peer(load, count: int) -> float:
    async def serve(reader, writer) -> None:
        try:
            while True:
                parsed = await reader.readmessage()
                writer.writemessage(parsed.create_ack())
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    server = await hl7.mllp.start_hl7_server(serve, "127.0.0.1", 0, encoding="utf-8")
    async with server:
        rate, _ = await _measure(load, server.sockets[0].getsockname()[1], count)
        return float(rate)


async def ours(load, count: int, folder: Path):
    """What `load` says of link, driver, engine, vault and journal, and the CPU seconds."""
    async with site.stores(folder) as (journal, vault):
        engine = await site.started(journal, vault, EngineClock(), {"gateway": 1.0})
        return await _listening(load, count, engine, vault)


async def _listening(load, count: int, engine: Engine, vault: Vault):
    beds = {f"ICU^1^{bed}": f"bed-{bed}" for bed in range(CONNECTIONS)}
    link = LinkMap("gateway", UTC, beds=beds)
    drugs = DrugTable.parse(resources.text("drugs.toml"))
    sink = EngineSink(engine, {"gateway": Entrance(link, drugs, vault.sealer.token)})
    spec = LinkSpec("gateway", load_driver("hl7"), sink)
    opened = listen_link(spec, "127.0.0.1:0", max_per_peer=CONNECTIONS)
    async with engine.serving():
        for bed in range(CONNECTIONS):
            await engine.submit(
                [Enrol(f"S{bed}", f"bed-{bed}", "personalise", "usual_vp01", 70.0, "bench")]
            )
        task = asyncio.create_task(opened.run())
        ticks = asyncio.create_task(engine.ticks())
        while opened.address is None:
            await asyncio.sleep(0.01)
        found = await _measure(load, opened.address[1], count)
        for running in (task, ticks):
            running.cancel()
        await asyncio.wait([task, ticks])
    return found


def _run_ours(load, count: int):
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(ours(load, count, Path(folder)))


def _compared(connections: int, observations: int) -> str:
    """Ours and theirs in turn, as a line of the report."""
    load = partial(_throughput, connections=connections, observations=observations)
    # So many messages that either takes seconds.
    many, few = 10_000 // connections, 18_000 // (observations * connections)
    rounds = [
        (float(_run_ours(load, many)[0]), asyncio.run(_peer(load, few))) for _ in range(ROUNDS)
    ]
    mine, theirs = (median(rates) for rates in zip(*rounds, strict=True))
    ratios = sorted(one / other for one, other in rounds)
    return (
        f"{observations} OBX, {connections} connections: {mine:,.0f} messages/s, theirs"
        f" {theirs:,.0f}, ratio {median(ratios):.1f} of {ratios[0]:.1f} to {ratios[-1]:.1f}"
        f" {asked.at_least(median(ratios), 8)}"
    )


def run() -> list[str]:
    """The report's lines."""
    compared = [_compared(*case) for case in CASES]
    seconds = 30
    waits, spent = _run_ours(_steady, seconds)
    waits.sort()
    cores, middle = spent / seconds, median(waits) * 1000
    slowest = waits[len(waits) * 99 // 100] * 1000
    return [
        "MLLP, judged and durable, against python-hl7's server, which stores nothing:",
        *compared,
        f"{CONNECTIONS} connections at 1 message/s: {cores:.2f} cores {asked.under(cores, 0.5)}",
        f"acknowledged after {middle:.1f} ms, 99 % in {slowest:.0f} ms {asked.under(slowest, 100)}",
    ]
