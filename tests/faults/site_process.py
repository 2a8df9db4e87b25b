"""A whole site for tests: the real daemon process, real sockets, real files."""

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import msgspec
from waiting import free_port, until

from monitor_daemon.control.requests import EnrolRequest, ObserveRequest, StatusRequest
from monitor_daemon.control.socket import ask
from monitor_daemon.core.errors import LinkError
from monitor_daemon.notify.settings import BrokerSettings


@dataclass
class Site:
    """One daemon over `folder`; `beds` are aliases, called WARD^ROOM^<alias> on the wire.

    `extra` is more TOML for the end of the configuration.
    """

    folder: Path
    broker: BrokerSettings
    beds: tuple[str, ...]
    stations: dict[str, int] = field(default_factory=dict)
    speed: float = 1.0
    period: float = 60.0
    site_id: str = "test"
    extra: str = ""
    origin: float = field(default_factory=time.time)
    process: asyncio.subprocess.Process | None = None
    mllp: int = field(default_factory=free_port)

    @property
    def socket(self) -> Path:
        return self.folder / "control.sock"

    @property
    def journal(self) -> Path:
        return self.folder / "store" / "journal.db"

    def write(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "vault.key").write_text("5a" * 32)
        lines = [
            f'[site]\nid = "{self.site_id}"\nzone = "Asia/Tokyo"',
            '[store]\ndirectory = "store"\nvault_key_file = "vault.key"',
            f'[broker]\nhost = "127.0.0.1"\nport = {self.broker.port}',
        ]
        if self.broker.username:
            lines.append(f'username = "{self.broker.username}"')
            lines.append(f'password_file = "{self.broker.password_file}"')
        lines.append('[control]\nsocket = "control.sock"\n[[protocols]]\nid = "personalise"')
        lines += [f'[[beds]]\nalias = "{bed}"' for bed in self.beds]
        lines.append(
            f'[[links]]\nname = "gateway"\ndriver = "hl7"\nlisten = "127.0.0.1:{self.mllp}"\n'
            f"expected_period = {self.period}\n[links.beds]"
        )
        lines += [f'"WARD^ROOM^{bed}" = "{bed}"' for bed in self.beds]
        for bed, port in self.stations.items():
            lines.append(
                f'[[links]]\nname = "{bed}-pumps"\ndriver = "bbraun_space"\n'
                f'connect = "127.0.0.1:{port}"\nbed = "{bed}"\n[links.options]\npoll_period = 1.0'
            )
        lines.append(self.extra)
        path = self.folder / "monitor-daemon.toml"
        path.write_text("\n".join(lines))
        return path

    async def start(self) -> None:
        config = self.write()
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "monitor_daemon.cli.main", "run",
                "--config", str(config), "--speed", str(self.speed),
                "--origin", str(self.origin),
                stdout=log, stderr=log,
            )  # fmt: skip
        await until(self.answers, f"the daemon answers: {self.log()}")

    async def answers(self) -> bool:
        if self.process is not None and self.process.returncode is not None:
            raise AssertionError(f"the daemon ended: {self.log()}")
        with suppress(LinkError):
            # The control socket answers before the listener is open.
            links = (await self.status())["links"]
            return "gateway" not in links or links["gateway"]["state"] in {"waiting", "live"}
        return False

    async def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
        return await self.process.wait()

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text()[-4000:] if path.exists() else ""

    async def status(self) -> dict[str, Any]:
        return (await ask(self.socket, msgspec.json.encode(StatusRequest()))).result or {}

    async def enrol(self, subject: str, bed: str, arm: str, weight: float = 60.0) -> None:
        request = EnrolRequest(
            actor="test",
            subject=subject,
            bed=bed,
            protocol="personalise",
            arm=arm,
            weight_kg=weight,
        )
        reply = await ask(self.socket, msgspec.json.encode(request))
        assert reply.ok, reply

    async def command(self, *words: str) -> tuple[int, str, str]:
        """`monitor-daemon WORDS` as a person types it: exit code, output, errors."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "monitor_daemon.cli.main", *words,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "MONITOR_DAEMON_SOCKET": str(self.socket), "COLUMNS": "200"},
        )  # fmt: skip
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def observe(self, subject: str, kind: str, value: float) -> dict[str, Any]:
        request = ObserveRequest(actor="test", subject=subject, kind=kind, value=value)
        reply = await ask(self.socket, msgspec.json.encode(request))
        assert reply.ok, reply
        return reply.result or {}


def tidy(process: asyncio.subprocess.Process | None) -> None:
    if process is not None and process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


class Gateway:
    """One MLLP connection to a port of this machine; `send` gives the answer."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    def write(self, wire: bytes) -> None:
        self._writer.write(wire)

    async def send(self, wire: bytes) -> bytes:
        self.write(wire)
        async with asyncio.timeout(15):
            return await self._reader.readuntil(b"\x1c\r")


def arterial(mean: float) -> list[str]:
    """The three OBX segments of an arterial line (codes and unit of ISO/IEEE 11073-10101)."""
    values = (("150037", "SYS", mean + 35), ("150038", "DIA", mean - 15), ("150039", "MEAN", mean))
    return [
        f"OBX|{n}|NM|{code}^MDC_PRESS_BLD_ART_ABP_{part}^MDC|1.2.1.{n}|{value:g}"
        "|266016^MDC_DIM_MMHG^MDC|||||R"
        for n, (code, part, value) in enumerate(values, start=1)
    ]


def message(
    control_id: str, bed: str, at: str, *obx: str, name: str = "U", record: str = "R1"
) -> bytes:
    """A PCD-01 ORU^R01 framed for MLLP. `at` is a DTM with offset, or empty."""
    segments = [
        f"MSH|^~\\&|GW|W|MD|W|{at}||ORU^R01^ORU_R01|{control_id}|P|2.6|||AL|NE||UNICODE UTF-8",
        f"PID|||{record}^^^W^MR||{name}",
        f"PV1||I|{bed}",
        f"OBR|1||F{control_id}|182777000^monitoring of patient^SCT|||{at}",
        *obx,
    ]
    return b"\x0b" + "".join(s + "\r" for s in segments).encode() + b"\x1c\r"


def pressure_message(control_id: str, bed: str, at: str, mean: float) -> bytes:
    """A message of an arterial line."""
    return message(control_id, bed, at, *arterial(mean))
