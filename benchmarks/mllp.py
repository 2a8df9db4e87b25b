"""Listener with durable commit against python-hl7's asyncio server, which parses and acknowledges.

50 connections, 12 OBX a message, one message in flight a connection, same client for both, in a
process of its own. Ours decodes, judges and commits to disk (journal and vault) before it answers.
"""

import asyncio
import multiprocessing
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

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

CONNECTIONS = 50
_METRICS = (
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


def message(bed: int, number: int) -> bytes:
    """A PCD-01 message of 12 OBX, framed."""
    at = datetime.now(UTC).strftime("%Y%m%d%H%M%S+0000")
    head = (
        f"MSH|^~\\&|GW^0022330000000A01^EUI-64|ICU|MD||{at}||ORU^R01^ORU_R01|{bed}-{number}|P|2.6|||"
        f"AL|NE||UNICODE UTF-8\rPID|||R{bed}^^^ICU^MR||^^^^^^U\rPV1||I|ICU^1^{bed}\r"
        f"OBR|1||F{number}|182777000^monitoring of patient^SCT|||{at}\r"
    )
    body = "".join(
        f"OBX|{n}|NM|{code}|{place}|{value}|{unit}|||||R\r"
        for n, (code, place, value, unit) in enumerate(_METRICS, start=1)
    )
    return b"\x0b" + (head + body).encode() + b"\x1c\r"


class _Sender(asyncio.Protocol):
    """One connection of the load: sends the next message when the last one is acknowledged.

    As light as it can be, so that the load does not take the server's time on two cores.
    """

    def __init__(self, bed: int, count: int) -> None:
        self.messages = iter([message(bed, number) for number in range(count)])
        self.done = asyncio.get_running_loop().create_future()
        self.reply = b""

    def connection_made(self, transport) -> None:
        self.transport = transport

    def start(self) -> None:
        self.transport.write(next(self.messages))

    def data_received(self, data: bytes) -> None:
        self.reply += data
        if not self.reply.endswith(b"\x1c\r"):
            return
        if b"\rMSA|CA|" not in self.reply and b"\rMSA|AA|" not in self.reply:
            self.done.set_exception(AssertionError(self.reply))
        self.reply = b""
        following = next(self.messages, None)
        if following is not None:
            self.transport.write(following)
        else:
            self.transport.close()
            self.done.set_result(None)


async def _send_all(port: int, count: int, pipe) -> float:
    loop = asyncio.get_running_loop()
    senders = [
        (await loop.create_connection(lambda b=bed: _Sender(b, count), "127.0.0.1", port))[1]
        for bed in range(CONNECTIONS)
    ]
    pipe.recv()
    start = time.perf_counter()
    for sender in senders:
        sender.start()
    await asyncio.gather(*(sender.done for sender in senders))
    return CONNECTIONS * count / (time.perf_counter() - start)


def _load(port: int, count: int, pipe) -> None:
    pipe.send(asyncio.run(_send_all(port, count, pipe)))


async def _measure(port: int, count: int) -> float:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_load, args=(port, count, theirs))
    process.start()
    ours.send("go")
    rate = await asyncio.to_thread(ours.recv)
    process.join()
    return float(rate)


async def _peer(count: int) -> float:
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
        return await _measure(server.sockets[0].getsockname()[1], count)


async def ours(count: int, folder: Path) -> float:
    """Messages a second through link, driver, engine, vault and journal, each durably committed."""
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
    opened = listen_link(LinkSpec("gateway", load_driver("hl7"), sink), "127.0.0.1:0")
    async with engine.serving():
        for bed in range(CONNECTIONS):
            await engine.submit(
                [Enrol(f"S{bed}", f"bed-{bed}", "personalise", "usual_vp01", 70.0, "bench")]
            )
        task = asyncio.create_task(opened.run())
        ticks = asyncio.create_task(engine.ticks())
        while opened.address is None:
            await asyncio.sleep(0.01)
        rate = await _measure(opened.address[1], count)
        for running in (task, ticks):
            running.cancel()
        await asyncio.wait([task, ticks])
    await journal.close()
    await vault.close()
    return rate


def run() -> list[str]:
    """The report's lines."""
    with tempfile.TemporaryDirectory() as folder:
        mine = asyncio.run(ours(400, Path(folder)))
    theirs = asyncio.run(_peer(100))
    return [
        f"MLLP, 12 OBX, {CONNECTIONS} connections, judged and durable: {mine:,.0f} messages/s",
        f"python-hl7 server, parse and acknowledge only: {theirs:,.0f} messages/s",
        f"ratio {mine / theirs:.1f} (at least 6)",
    ]
