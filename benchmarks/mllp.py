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

from drivers.kit.link import LinkSpec
from drivers.kit.links import listen_link
from drivers.kit.registry import load_driver
from monitor_daemon import resources
from monitor_daemon.clock import EngineClock
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.events import Configured
from monitor_daemon.core.people import Enrol
from monitor_daemon.daemon import EngineSink
from monitor_daemon.engine.engine import Engine
from monitor_daemon.engine.entrance import Entrance, LinkMap
from monitor_daemon.journal.journal import Journal
from monitor_daemon.notify.messages import Composer
from monitor_daemon.vault.vault import Vault

CONNECTIONS = 200
#: Connections and OBX a message.
CASES = ((200, 40), (50, 40), (200, 12), (50, 12))
#: Rounds of both servers in turn, so that other work on the machine touches both alike.
ROUNDS = 3
METRICS = (
    ("147842^MDC_ECG_HEART_RATE^MDC", "1.1.1.1", "88", "264864^MDC_DIM_BEAT_PER_MIN^MDC"),
    ("150037^MDC_PRESS_BLD_ART_ABP_SYS^MDC", "1.2.1.1", "101", "266016^MDC_DIM_MMHG^MDC"),
    ("150038^MDC_PRESS_BLD_ART_ABP_DIA^MDC", "1.2.1.2", "51", "266016^MDC_DIM_MMHG^MDC"),
    ("150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC", "1.2.1.3", "66", "266016^MDC_DIM_MMHG^MDC"),
    ("150087^MDC_PRESS_BLD_VEN_CENT_MEAN^MDC", "1.2.2.1", "11", "266016^MDC_DIM_MMHG^MDC"),
    ("150021^MDC_PRESS_BLD_NONINV_SYS^MDC", "1.3.1.1", "103", "266016^MDC_DIM_MMHG^MDC"),
    ("150022^MDC_PRESS_BLD_NONINV_DIA^MDC", "1.3.1.2", "55", "266016^MDC_DIM_MMHG^MDC"),
    ("150023^MDC_PRESS_BLD_NONINV_MEAN^MDC", "1.3.1.3", "70", "266016^MDC_DIM_MMHG^MDC"),
    ("150456^MDC_PULS_OXIM_SAT_O2^MDC", "1.4.1.1", "96", "262688^MDC_DIM_PERCENT^MDC"),
    ("149530^MDC_PULS_OXIM_PULS_RATE^MDC", "1.4.1.2", "88", "264864^MDC_DIM_BEAT_PER_MIN^MDC"),
    ("151562^MDC_RESP_RATE^MDC", "1.1.1.2", "17", "264928^MDC_DIM_RESP_PER_MIN^MDC"),
    ("150368^MDC_TEMP_CORE^MDC", "1.6.1.1", "38.1", "268192^MDC_DIM_DEGC^MDC"),
)


def message(bed: int, number: int, observations: int = len(METRICS)) -> bytes:
    """A PCD-01 message, framed. Values change from one to the next."""
    at = datetime.now(UTC).strftime("%Y%m%d%H%M%S+0000")
    head = (
        f"MSH|^~\\&|GW^0022330000000A01^EUI-64|ICU|MD||{at}||ORU^R01^ORU_R01|{bed}-{number}|P|2.6|||"
        f"AL|NE||UNICODE UTF-8\rPID|||R{bed}^^^ICU^MR||^^^^^^U\rPV1||I|ICU^1^{bed}\r"
        f"OBR|1||F{number}|182777000^monitoring of patient^SCT|||{at}\r"
    )
    body = ""
    for n in range(observations):
        code, place, value, unit = METRICS[n % len(METRICS)]
        value = f"{value.partition('.')[0]}.{number % 10}"
        body += f"OBX|{n + 1}|NM|{code}|{n // len(METRICS)}.{place}|{value}|{unit}|||||R\r"
    return b"\x0b" + (head + body).encode() + b"\x1c\r"


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
    journal = await Journal.open(folder / "journal.db")
    vault = await Vault.open(folder / "vault.db", bytes(32))
    engine = Engine(
        journal=journal,
        vault=vault,
        clock=EngineClock(),
        composer=Composer("bench"),
        offer=lambda rows: None,
        version="bench",
    )
    drugs = resources.text("drugs.toml")
    beds = {f"ICU^1^{bed}": f"bed-{bed}" for bed in range(CONNECTIONS)}
    link = LinkMap("gateway", UTC, beds=beds)
    sink = EngineSink(
        engine, {"gateway": Entrance(link, DrugTable.parse(drugs), vault.sealer.token)}
    )
    await engine.start(
        lambda ward, after: ward,
        Configured("bench", drugs, resources.protocols(), {"gateway": 1.0}),
    )
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
    await journal.close()
    await vault.close()
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
    )


def run() -> list[str]:
    """The report's lines."""
    compared = [_compared(*case) for case in CASES]
    seconds = 30
    waits, spent = _run_ours(_steady, seconds)
    waits.sort()
    slowest = waits[len(waits) * 99 // 100] * 1000
    return [
        "MLLP, judged and durable, against python-hl7's server, which stores nothing (at least 8):",
        *compared,
        f"{CONNECTIONS} connections at 1 message/s: {spent / seconds:.2f} of a core (under 0.5)",
        f"acknowledged after {median(waits) * 1000:.1f} ms, 99 % in {slowest:.0f} ms (under 100)",
    ]
