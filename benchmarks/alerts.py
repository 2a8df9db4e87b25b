"""From a decided alert to the broker's acknowledgement, p99, over the daemon's own outbox.

Every event passes engine, journal, publisher and a real nats-server. The alternative in the same
run is a bare aiomqtt publish.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import aiomqtt

from benchmarks import asked, site
from monitor_daemon.clock import EngineClock
from monitor_daemon.core.events import Data, Flow
from monitor_daemon.core.people import Enrol
from monitor_daemon.journal.journal import Journal
from monitor_daemon.notify.broker import EmbeddedBroker
from monitor_daemon.notify.mqtt import Publisher

ALERTS = 500


class _Outbox(Journal):
    """The journal, noting when each event was acknowledged by the broker."""

    def __init__(self, connection) -> None:
        super().__init__(connection)
        self.acknowledged: dict[int, float] = {}

    async def sent(self, ids, at) -> None:
        moment = time.perf_counter()
        self.acknowledged.update(dict.fromkeys(ids, moment))
        await super().sent(ids, at)


async def _measure(folder: Path) -> tuple[list[float], list[float]]:
    async with (
        EmbeddedBroker(folder / "broker") as broker,
        site.stores(folder, _Outbox) as (journal, vault),
    ):
        assert isinstance(journal, _Outbox)
        clock = EngineClock()
        publisher = Publisher(broker.settings, "bench", journal, "bench", clock=clock)
        decided: dict[int, float] = {}

        def offer(rows) -> None:
            moment = time.perf_counter()
            decided.update({row.id: moment for row in rows if row.sequence})
            publisher.offer(rows)

        engine = await site.started(journal, vault, clock, {}, offer)
        delivery = asyncio.create_task(publisher.run())
        await publisher.connected.wait()
        async with engine.serving():
            await engine.submit([Enrol("S1", "b1", "personalise", "usual_vp01", 70.0, "bench")])
            for n in range(ALERTS):
                # An unmapped drug raises DRUG_UNMAPPED at once, and its end clears it.
                rate = 5.0 if n % 2 == 0 else 0.0
                await engine.submit([Data("pump", "b1", flows=(Flow("1", "running", rate),))])
                await asyncio.sleep(0.003)
            while len(journal.acknowledged.keys() & decided.keys()) < len(decided):
                await asyncio.sleep(0.01)
        delivery.cancel()
        await asyncio.wait([delivery])
        ours = [journal.acknowledged[i] - start for i, start in decided.items()]
        bare = await _bare(broker)
    return ours, bare


async def _bare(broker: EmbeddedBroker) -> list[float]:
    settings = broker.settings
    times = []
    async with aiomqtt.Client(
        settings.host, settings.port, username=settings.username, password=settings.password()
    ) as client:
        for _ in range(ALERTS):
            start = time.perf_counter()
            await client.publish("monitor/bench/bare", b"x" * 700, qos=1)
            times.append(time.perf_counter() - start)
    return times


def run() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        ours, bare = asyncio.run(_measure(Path(folder)))
    p99 = statistics.quantiles(ours, n=100)[98] * 1000
    median, plain = statistics.median(ours) * 1000, statistics.median(bare) * 1000
    plain99 = statistics.quantiles(bare, n=100)[98] * 1000
    head = f"{len(ours)} events, committed to acknowledged: median {median:.2f} ms,"
    return [
        f"{head} p99 {p99:.2f} ms {asked.under(p99, 50)}",
        f"bare aiomqtt publish, QoS 1: median {plain:.2f} ms, p99 {plain99:.2f} ms",
    ]
