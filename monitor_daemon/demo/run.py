"""Broker, daemon, devices, nurse and subscriber together, until the recordings are over."""

import asyncio
import signal
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console

from drivers.kit.playback import SimClock
from monitor_daemon.clock import EngineClock
from monitor_daemon.core.errors import MonitorError
from monitor_daemon.core.events import SECOND
from monitor_daemon.daemon import Daemon
from monitor_daemon.demo import nurse
from monitor_daemon.demo.compare import Came, Verdict, compare
from monitor_daemon.demo.devices import bedside, gateway, reader
from monitor_daemon.demo.plan import Plan
from monitor_daemon.demo.screen import Screen
from monitor_daemon.demo.site import SITE, configure, next_morning, places
from monitor_daemon.demo.watch import watch
from monitor_daemon.groups import first
from monitor_daemon.notify.broker import EmbeddedBroker

#: Real seconds before playback begins, in which the links open.
_LEAD_S: Final = 2.0
#: Real seconds in which the alerts of the last minute arrive.
_SETTLE_S: Final = 1.0
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Outcome(msgspec.Struct, frozen=True):
    """How it ended: `complete` if the recordings were played to their end."""

    verdict: Verdict
    complete: bool


async def play(plan: Plan, speed: float, limit: float | None, console: Console) -> Outcome:
    """Play `plan`, at most `limit` real seconds, or until SIGINT or SIGTERM. Leaves nothing behind.

    Raises MonitorError for what made it impossible to go on.
    """
    loop = asyncio.get_running_loop()
    ends = float("inf") if limit is None else loop.time() + limit
    stop = asyncio.Event()

    def deaf() -> None:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

    def end() -> None:
        # A second Ctrl-C interrupts even an end that hangs.
        deaf()
        stop.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, end)
    try:
        with tempfile.TemporaryDirectory(prefix="monitor-demo-") as name:
            folder = Path(name)
            async with EmbeddedBroker(folder / "broker") as broker:
                return await _Show(plan, speed, console, folder, broker).run(ends, stop)
    except BaseExceptionGroup as group:
        # The error of ours, for a person; the group itself if there is none.
        ours = group.subgroup(MonitorError)
        raise (group if ours is None else first(ours)) from None
    finally:
        deaf()


class _Show:
    """The site while it plays: made in `folder` against `broker`, then `run` once."""

    def __init__(
        self, plan: Plan, speed: float, console: Console, folder: Path, broker: EmbeddedBroker
    ) -> None:
        people = plan.people
        engine_clock = EngineClock(speed)
        zero = next_morning(engine_clock.now())
        engine_clock.not_before(round((zero.timestamp() - _LEAD_S * speed) * SECOND))
        self._clock = SimClock(asyncio.get_running_loop().time() + _LEAD_S, zero, speed)
        self._randomised = zero + timedelta(minutes=people.randomised)
        self._plan, self._broker = plan, broker
        self._places = places(folder, people)
        self._config = configure(folder, people, broker.settings, self._places, speed)
        self._daemon = Daemon(self._config, engine_clock, partial(reader, speed))
        self._screen = Screen(plan, self._randomised, console)
        self._came: list[Came] = []
        self._screen.introduce(speed)

    async def run(self, ends: float, stop: asyncio.Event) -> Outcome:
        """Until the recordings are over, the loop's time is `ends`, or `stop` is set."""
        loop, people = asyncio.get_running_loop(), self._plan.people
        over = self._clock.monotonic(60 * people.length) + _SETTLE_S
        with self._screen:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(part) for part in self._site()]
                await self._daemon.started.wait()
                tasks += [group.create_task(part) for part in self._visitors()]
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(min(over, ends)):
                        await stop.wait()
                now = loop.time()
                for task in tasks:
                    task.cancel()
        until = min(self._clock.elapsed(now) / 60, people.length) - people.randomised
        return Outcome(compare(self._plan.expected, self._came, until), complete=now >= over)

    def _site(self) -> list[Coroutine[Any, Any, None]]:
        """What has to be there first. Devices come before the daemon that opens their ports."""
        return [
            *bedside(self._plan, self._clock, self._places),
            self._broker.wait(),
            watch(self._broker.settings, SITE, self._screen.state, self._event),
            self._daemon.run(),
        ]

    def _visitors(self) -> list[Coroutine[Any, Any, None]]:
        """Those who come to a running daemon."""
        control = self._config.control.socket
        return [
            gateway(self._plan, self._clock, self._places),
            nurse.work(self._plan.people, control, self._clock, self._screen.entry),
        ]

    def _event(self, content: dict[str, Any]) -> None:
        self._screen.event(content)
        if content["transition"] == "raised":
            waited = datetime.fromisoformat(content["raised_at"]) - self._randomised
            t = waited / timedelta(minutes=1)
            self._came.append(Came(t, content["subject"], content["kind"]))
