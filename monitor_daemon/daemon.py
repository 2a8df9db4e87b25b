"""Wiring and supervision: which room talks to which, and nothing else."""

import asyncio
import fcntl
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

import structlog

from drivers.kit.contract import Driver, Message, Problem
from drivers.kit.drug_name import concentration
from drivers.kit.link import Link, LinkSpec
from drivers.kit.link_state import LinkState
from drivers.kit.links import dial_link, listen_link, serial_link
from drivers.kit.registry import load_driver
from drivers.kit.tls import Tls
from monitor_daemon import __version__
from monitor_daemon.clock import EngineClock, iso, monotonic
from monitor_daemon.config import LinkConfig, SiteConfig
from monitor_daemon.control.handler import Handler
from monitor_daemon.control.socket import refuse_if_served, serve
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.errors import ConfigError, InvariantError
from monitor_daemon.core.events import SECOND, Configured, LinkChanged
from monitor_daemon.core.protocol import parse
from monitor_daemon.core.rules import kinds
from monitor_daemon.engine.engine import Engine
from monitor_daemon.engine.entrance import Entrance, LinkMap, Syringe
from monitor_daemon.engine.replay import replay
from monitor_daemon.engine.view import ward_view
from monitor_daemon.journal.journal import Journal
from monitor_daemon.journal.rows import ALARM_MANAGER, OutboxRow
from monitor_daemon.notify.broker import EmbeddedBroker
from monitor_daemon.notify.messages import Composer
from monitor_daemon.notify.mqtt import Publisher
from monitor_daemon.notify.pcd04 import AlarmManager
from monitor_daemon.notify.pcd04_receipts import Receipts
from monitor_daemon.notify.pcd04_reports import Reports
from monitor_daemon.notify.roster import Duty, Roster
from monitor_daemon.notify.settings import BrokerSettings
from monitor_daemon.vault.vault import Vault, load_key
from monitor_daemon.watchdog import watch

log = structlog.get_logger("daemon")


class EngineSink:
    """Where links deliver: masked at the entrance, then through the engine's door."""

    def __init__(self, engine: Engine, entrances: dict[str, Entrance]) -> None:
        self._engine = engine
        self._entrances = entrances
        self._said: dict[str, tuple[LinkState, str]] = {}

    def message(self, link: str, message: Message, received: float) -> Awaitable[object]:
        """Store one wire message; done when it is durable."""
        del received
        data = self._entrances[link].admit(message.rows)
        return self._engine.submit(data, (link, message.raw))

    def problem(self, link: str, problem: Problem) -> None:
        """Count bytes that could not be read."""
        self._entrances[link].counts.faults[problem.fault.code] += 1

    def state(self, link: str, state: LinkState, reason: str, since: float) -> None:
        """Record that a link changed; another attempt with the same outcome is no change."""
        del since
        if state is LinkState.OPENING or self._said.get(link) == (state, reason):
            return
        self._said[link] = (state, reason)
        with suppress(InvariantError):  # the engine has stopped, and so do we
            self._engine.submit([LinkChanged(link, state.value, reason)])


class Daemon:
    """One running site. Build it from a checked configuration, then `run` it."""

    def __init__(
        self,
        config: SiteConfig,
        clock: EngineClock | None = None,
        load: Callable[[str], Driver] = load_driver,
    ) -> None:
        self.config = config
        self.clock = clock or EngineClock()
        self._load = load
        self.links: dict[str, Link] = {}
        self.entrances: dict[str, Entrance] = {}
        self.alarm_manager: AlarmManager | None = None
        self.started = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled. Raises ConfigError for what a file got wrong."""
        config = self.config
        texts = config.protocol_texts()
        drug_text = config.drug_text()
        drugs = DrugTable.parse(drug_text, str(config.drugs or "packaged drugs.toml"))
        for key, text in texts.items():
            parse(text, kinds(), key)
        directory = config.store.directory
        try:
            await asyncio.to_thread(directory.mkdir, mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"store.directory {directory}: {error.strerror}", code="CONFIG_STORE"
            ) from None
        async with AsyncExitStack() as stack:
            stack.enter_context(_alone(directory))
            await refuse_if_served(config.control.socket)
            journal = await Journal.open(directory / "journal.db")
            stack.push_async_callback(journal.close)
            vault_key = await asyncio.to_thread(load_key, config.store.vault_key_file)
            vault = await Vault.open(directory / "vault.db", vault_key)
            stack.push_async_callback(vault.close)
            broker, embedded = await self._broker(stack, directory)
            roster = Roster(
                [Duty(s.role, s.recipients, s.hours) for s in config.roster], config.zone
            )
            publisher = Publisher(broker, config.site.id, journal, __version__, clock=self.clock)
            reports = self._reports()
            engine = Engine(
                journal=journal,
                vault=vault,
                clock=self.clock,
                composer=Composer(
                    config.site.id,
                    config.site.language,
                    roster,
                    None if reports is None else reports.row,
                ),
                offer=partial(self._offer, publisher),
                version=__version__,
                next_handover=roster.next_handover,
            )
            if reports is not None:
                self.alarm_manager = self._alarm_manager(reports, journal, engine)
            for link in config.links:
                self.entrances[link.name] = Entrance(
                    link_map(config, link), drugs, vault.sealer.token
                )
            sink = EngineSink(engine, self.entrances)
            self.links = {
                link.name: make_link(link, self._load(link.driver), sink) for link in config.links
            }
            configured = Configured(
                site=config.site.id,
                drugs=drug_text,
                protocols=texts,
                periods={name: link.period for name, link in self.links.items()},
                speed=self.clock.speed,
                ranks=config.ranks,
                repeats={link.name: link.repeats for link in config.links if link.repeats},
            )
            await engine.start(
                lambda ward, after: replay(directory / "journal.db", ward, after), configured
            )
            aliases = [bed.alias for bed in config.beds]
            handler = Handler(
                engine,
                aliases,
                lambda: self.status(engine, publisher),
                config.zone,
                vault.sealer.token,
            )
            if broker.trusted:
                publisher.on_command = handler.handle_message
            async with engine.serving() as judging, asyncio.TaskGroup() as tasks:
                tasks.create_task(_follow(judging), name="engine")
                tasks.create_task(engine.ticks(), name="ticks")
                tasks.create_task(publisher.run(), name="publisher")
                tasks.create_task(serve(config.control.socket, handler), name="control")
                tasks.create_task(watch(lambda: engine.committed_at), name="watchdog")
                tasks.create_task(self._say(engine, publisher), name="health")
                if embedded is not None:
                    tasks.create_task(embedded.wait(), name="broker")
                if self.alarm_manager is not None:
                    tasks.create_task(self.alarm_manager.run(), name="alarm manager")
                for name, opened in self.links.items():
                    tasks.create_task(opened.run(), name=f"link {name}")
                log.info("daemon.started", site=config.site.id, links=len(self.links))
                self.started.set()

    async def _broker(
        self, stack: AsyncExitStack, directory: Path
    ) -> tuple[BrokerSettings, EmbeddedBroker | None]:
        broker = self.config.broker
        if not broker.embedded:
            return broker, None
        embedded = EmbeddedBroker(directory / "broker", port=broker.port)
        await stack.enter_async_context(embedded)
        return embedded.settings, embedded

    def _reports(self) -> Reports | None:
        settings, site = self.config.alarm_manager, self.config.site
        if settings is None:
            return None
        return Reports(settings, site.id, self.config.zone, site.language)

    def _alarm_manager(self, reports: Reports, journal: Journal, engine: Engine) -> AlarmManager:
        return AlarmManager(
            reports,
            journal,
            clock=self.clock,
            standing=lambda: reports.standing(engine.ward, engine.head.t),
            receipts=Receipts(lambda: engine.ward, engine.submit, reports.settings.acknowledge_on),
        )

    def _offer(self, publisher: Publisher, rows: Sequence[OutboxRow]) -> None:
        """Tell each consumer of the outbox what was committed for it."""
        publisher.offer([row for row in rows if row.topic != ALARM_MANAGER])
        if self.alarm_manager is not None:
            self.alarm_manager.offer(rows)

    async def _say(self, engine: Engine, publisher: Publisher) -> None:
        """Keep the published status true."""
        while True:
            publisher.set_state(self.health(engine))
            await asyncio.sleep(1.0)

    def health(self, engine: Engine) -> Literal["online", "degraded"]:
        """Degraded while a link or alarm manager does not work, or a subject cannot be judged."""
        if self.alarm_manager is not None and not self.alarm_manager.connected.is_set():
            return "degraded"
        links = all(link.state is LinkState.LIVE for link in self.links.values())
        subjects = engine.ward.state.subjects.values()
        return "online" if links and all(s.failed is None for s in subjects) else "degraded"

    def status(self, engine: Engine, publisher: Publisher) -> dict[str, Any]:
        """Everything a person asks for when something is silent."""
        head = engine.head
        return {
            "site": self.config.site.id,
            "version": __version__,
            "now": iso(self.clock.now()),
            "record": {
                "inputs": head.seq,
                "last": iso(head.t),
                "head": head.link.hex(),
                "committed": None if engine.committed_at is None else iso(engine.committed_at),
            },
            "broker": publisher.status(),
            **({"alarm_manager": self.alarm_manager.status()} if self.alarm_manager else {}),
            "links": {name: self._link_status(name) for name in self.links},
            **ward_view(engine.ward),
        }

    def _link_status(self, name: str) -> dict[str, Any]:
        """What a link and its entrance tell; its times, monotonic seconds there, as engine time."""
        now, real = self.clock.now(), monotonic()
        status = self.links[name].status()
        if self.entrances[name].link.study:
            # A bag's label has its length: the bytes of a blinded pump's link could tell the arm.
            status.pop("bytes_in", None)
        for key in ("since", "trouble_since", "last_message"):
            if status[key] is not None:
                status[key] = iso(now - round((real - status[key]) * self.clock.speed * SECOND))
        return status | self.entrances[name].counts.plain()


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold the store for this process. Raises ConfigError if another daemon has it."""
    path = directory / "lock"
    path.touch(0o600)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                f"store.directory {directory}: another daemon runs on it", code="STORE_BUSY"
            ) from None
        yield


async def _follow(judging: "asyncio.Task[None]") -> None:
    """End with the engine: nothing else may go on without it."""
    await asyncio.wait([judging])
    judging.result()


def make_link(config: LinkConfig, driver: Driver, sink: EngineSink) -> Link:
    """The link a configuration entry asks for. Raises ConfigError."""
    spec = LinkSpec(config.name, driver, sink, config.options, config.expected_period)
    tls = None
    if config.secured:
        tls = Tls(config.tls_cert, config.tls_key, config.tls_ca, config.tls_name)
    if config.port is not None:
        return serial_link(spec, config.port, config.line)
    if config.connect is not None:
        return dial_link(spec, config.connect, tls)
    return listen_link(
        spec,
        config.listen or "",
        tls=tls,
        allow=config.allow,
        max_connections=config.max_connections,
        max_per_peer=config.max_per_peer,
    )


def link_map(config: SiteConfig, link: LinkConfig) -> LinkMap:
    """Where the values of a link belong, as its configuration says."""
    return LinkMap(
        link.name,
        config.link_zone(link),
        link.bed,
        link.beds,
        link.channels,
        link.study_channels,
        {
            channel: Syringe(label, *(concentration(label, sys.maxsize) or ()))
            for channel, label in link.drugs.items()
        },
    )


async def run_until_signalled(daemon: Daemon) -> None:
    """Run a daemon until SIGTERM or SIGINT asks it to stop."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(daemon.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        log.info("daemon.stopped")
