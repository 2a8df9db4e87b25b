"""What the link tests share: a sink that can be waited for, and running things beside a test."""

import asyncio
import os
import pty
import tty
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from time import monotonic

import echo_driver
from waiting import PATIENCE_S, Watched

from drivers.kit.conformance_play import ConformancePlay, is_data
from drivers.kit.link import LinkSpec
from drivers.kit.link_state import LinkState
from drivers.kit.playback import SimClock
from drivers.kit.simulate import Simulation


class Recorder(Watched):
    """A sink that keeps everything and stores at once, unless `storage` says otherwise."""

    def __init__(self, storage=None):
        super().__init__()
        self.messages = []
        self.problems = []
        self.states = []
        self._storage = storage

    async def message(self, link, message, received):
        self.messages.append(message)
        self.changed()
        if self._storage is not None:
            await self._storage(message)

    def problem(self, link, problem):
        self.problems.append(problem.fault)
        self.changed()

    def state(self, link, state, reason, since):
        self.states.append((state, reason))
        self.changed()

    @property
    def data(self):
        return [row for message in self.messages for row in message.rows if is_data(row)]

    async def reach(self, state):
        """The reason with which the link reached `state` from now on."""
        start = len(self.states)
        await self.until(lambda: any(s is state for s, _ in self.states[start:]))
        return next(reason for s, reason in self.states[start:] if s is state)


def spec(sink, period=1.0, **options):
    return LinkSpec("bed-1", echo_driver.DRIVER, sink, options, expected_period=period)


def echo_simulation(**options):
    clock = SimClock(monotonic(), datetime(2026, 1, 1, tzinfo=UTC))
    return Simulation(echo_driver.DRIVER, ConformancePlay(), clock, {"period": 0.02, **options})


@contextmanager
def bare_pty():
    """A line with nobody at the other end: (master, path)."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    try:
        yield master, os.ttyname(slave)
    finally:
        os.close(master)
        os.close(slave)


@asynccontextmanager
async def running(work):
    """`work` runs beside the block and is cancelled after it."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        await cancel(task)


async def cancel(task):
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@asynccontextmanager
async def listening(link, sink):
    """A link that listens; gives its address."""
    async with running(link.run()):
        await sink.until(lambda: any(state is LinkState.WAITING for state, _ in sink.states))
        yield link.address


@asynccontextmanager
async def peer(address):
    """A device that dialled in by hand: (reader, writer)."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


class Place:
    """Where a simulation can be reached, once it can."""

    def __init__(self):
        self._ready = asyncio.Event()

    def __call__(self, place):
        self.place = place
        self._ready.set()

    async def ready(self):
        async with asyncio.timeout(PATIENCE_S):
            await self._ready.wait()
        return self.place
