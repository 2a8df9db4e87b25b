"""64 serial links on ptys at their devices' real rates against bare asyncio readers on the same.

The simulated devices run in a process of their own. A bare reader is the driver's session on
`loop.add_reader`, `os.read` and `os.write`: no life cycle, no silence watch, no allow-list, no
order of storage. Latency is from the device's write of a message's last byte to its rows.
"""

import asyncio
import multiprocessing
import os
import tempfile
import time
import tty
from bisect import bisect_left
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks import asked
from drivers.kit.conformance_play import ConformancePlay
from drivers.kit.contract import Message, Problem, Send
from drivers.kit.link import LinkSpec
from drivers.kit.links import serial_link
from drivers.kit.playback import SimClock
from drivers.kit.registry import load_driver
from drivers.kit.simulate import Simulation, run_pty

LINKS = 64
#: Seconds between results: 1.024, 2, 5, 5.
DRIVERS = ("philips_intellivue", "edwards_ifmout", "ge_dri", "bbraun_space")
#: Time to open all ports, to identify and associate, and to measure (s).
OPENING, SETTLING, MEASURED = 5.0, 6.0, 15.0


class Stamped:
    """A device that is switched on at `on` and notes when it sent how many bytes in all."""

    def __init__(self, device, on, stamps) -> None:
        self.device, self.on, self.stamps = device, on, stamps
        self.sent = 0

    def connected(self, now):
        return ()

    def feed(self, data, now):
        return self.noted(self.device.feed(data, now)) if self.on is None else ()

    def due(self):
        return self.device.due() if self.on is None else self.on

    def wake(self, now):
        if self.on is None:
            return self.noted(self.device.wake(now))
        self.on = None
        return self.noted(self.device.connected(now))

    def noted(self, chunks):
        for chunk in chunks:
            self.sent += len(chunk)
            self.stamps.append((self.sent, time.monotonic()))
            yield chunk


@dataclass(frozen=True)
class StampedSimulation(Simulation):
    on: float = 0.0
    stamps: list = field(default_factory=list)

    def device(self):
        return Stamped(super().device(), self.on, self.stamps)


async def _serve(folder: Path, pipe) -> None:
    on = time.monotonic() + OPENING
    clock = SimClock(on, datetime.now(UTC))
    loop, opened = asyncio.get_running_loop(), asyncio.Event()
    simulations = [
        StampedSimulation(load_driver(DRIVERS[n % 4]), ConformancePlay(), clock, on=on)
        for n in range(LINKS)
    ]
    left = LINKS

    def ready(_place: str) -> None:
        nonlocal left
        left -= 1
        if not left:
            opened.set()

    tasks = [
        asyncio.create_task(run_pty(simulation, folder / str(n), ready))
        for n, simulation in enumerate(simulations)
    ]
    await opened.wait()
    pipe.send(on)
    await loop.run_in_executor(None, pipe.recv)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    pipe.send([simulation.stamps for simulation in simulations])


def _devices(folder: Path, pipe) -> None:
    asyncio.run(_serve(folder, pipe))


class Heard:
    """What one reader understood: bytes read so far and when, for each message."""

    def __init__(self) -> None:
        self.messages: list[tuple[int, float]] = []
        self.link = None

    async def message(self, link, message, received) -> None:
        self.messages.append((self.link.counters.bytes_in, time.monotonic()))

    def problem(self, link, problem) -> None:
        pass

    def state(self, link, state, reason, since) -> None:
        pass


async def _ours(folder: Path) -> tuple[list[Heard], list[asyncio.Task]]:
    heard, tasks = [], []
    for n in range(LINKS):
        one = Heard()
        one.link = serial_link(
            LinkSpec(f"bed-{n}", load_driver(DRIVERS[n % 4]), one), str(folder / str(n))
        )
        heard.append(one)
        tasks.append(asyncio.create_task(one.link.run()))
    return heard, tasks


class BareReader:
    """A session on `add_reader`, and nothing more."""

    def __init__(self, driver, path: Path) -> None:
        self.loop = asyncio.get_running_loop()
        self.messages: list[tuple[int, float]] = []
        self.read = 0
        self.timer = None
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.fd)
        self.session = driver.session(driver.settings({}))
        self.loop.add_reader(self.fd, self.readable)
        self.take(self.session.connected(self.loop.time()))

    def readable(self) -> None:
        data = os.read(self.fd, 65536)
        self.read += len(data)
        self.take(self.session.feed(data, self.loop.time()))

    def take(self, effects) -> None:
        waiting = deque(effects)
        while waiting:
            effect = waiting.popleft()
            if isinstance(effect, Send):
                os.write(self.fd, effect.data)
            elif isinstance(effect, Message | Problem):
                if effect.reply is not None:
                    os.write(self.fd, effect.reply)
                if isinstance(effect, Message):
                    self.messages.append((self.read, time.monotonic()))
                    waiting.extend(self.session.stored(effect, self.loop.time()))
        if self.timer is not None:
            self.timer.cancel()
        due = self.session.due()
        self.timer = None if due is None else self.loop.call_at(due, self.wake)

    def wake(self) -> None:
        self.take(self.session.wake(self.loop.time()))

    async def run(self) -> None:
        try:
            await self.loop.create_future()
        finally:
            self.loop.remove_reader(self.fd)
            if self.timer is not None:
                self.timer.cancel()
            os.close(self.fd)


async def _bare(folder: Path) -> tuple[list[BareReader], list[asyncio.Task]]:
    readers = [BareReader(load_driver(DRIVERS[n % 4]), folder / str(n)) for n in range(LINKS)]
    return readers, [asyncio.create_task(reader.run()) for reader in readers]


@dataclass(frozen=True)
class Result:
    cores: float
    latencies: list[float]

    def percentile(self, share: float) -> float:
        """Milliseconds."""
        return 1000 * self.latencies[int(share * (len(self.latencies) - 1))]

    def words(self) -> str:
        return f"median {self.percentile(0.5):.2f} ms, p99 {self.percentile(0.99):.2f} ms"


async def _measure(start) -> Result:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pipe, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=_devices, args=(folder, theirs)
        )
        process.start()
        on = await asyncio.to_thread(pipe.recv)
        readers, tasks = await start(folder)
        await asyncio.sleep(on + SETTLING - time.monotonic())
        begun, cpu = time.monotonic(), time.process_time()
        await asyncio.sleep(MEASURED)
        cores = (time.process_time() - cpu) / (time.monotonic() - begun)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        pipe.send("stop")
        stamps = await asyncio.to_thread(pipe.recv)
        process.join()
    found = []
    for reader, sent in zip(readers, stamps, strict=True):
        ends = [total for total, _ in sent]
        for total, at in reader.messages:
            if begun <= at < begun + MEASURED:
                found.append(at - sent[bisect_left(ends, total)][1])
    return Result(cores, sorted(found))


def run() -> list[str]:
    """The report's lines."""
    ours, bare = (asyncio.run(partial(_measure, start)()) for start in (_ours, _bare))
    messages = f"{LINKS} serial links, {len(ours.latencies)} messages in {MEASURED:g} s"
    ratio = ours.percentile(0.99) / bare.percentile(0.99)
    return [
        f"{messages}: {ours.cores:.3f} cores {asked.at_most(ours.cores, 0.5)}",
        f"byte to reading: {ours.words()} {asked.under(ours.percentile(0.99), 5)}",
        f"{len(bare.latencies)} by bare asyncio readers: {bare.cores:.3f} cores, {bare.words()}",
        f"ratio of processor time {ours.cores / bare.cores:.2f}, of p99 {ratio:.2f}",
    ]
