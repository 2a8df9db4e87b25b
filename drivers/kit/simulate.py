"""The device side: gives a driver's simulated device a pty, a listening socket or a dialled one.

Each `run_...` coroutine serves until it is cancelled. `ready` is called with the place to connect
to. Transport timers are real; the device itself counts time by the shared `SimClock`.
"""

import asyncio
import os
import pty
import tty
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import structlog

from drivers.kit.capture import Chunk
from drivers.kit.capture_player import CapturePlayer
from drivers.kit.contract import Driver, SimulatedDevice
from drivers.kit.faults import faulty, simulated
from drivers.kit.playback import Play, SimClock
from drivers.kit.serial_port import is_pty
from drivers.kit.udp_link import speaks_udp, udp_options
from monitor_daemon.core.errors import ConfigError

log = structlog.get_logger("simulate")

REDIAL_S = 1.0
MIN_TIMER_S = 0.001

Ready = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Simulation:
    """What is simulated: which driver's device, its options, what it plays and by which clock.

    With a `capture` (what came from a device) it is played back as it came, and `play` is not used.
    """

    driver: Driver
    play: Play
    clock: SimClock
    options: Mapping[str, Any] = field(default_factory=dict)
    capture: Sequence[Chunk] = ()

    def device(self) -> SimulatedDevice:
        """A fresh device. Raises ConfigError for a wrong option, or a bed the play has not."""
        try:
            if not self.capture:
                self._check_bed()
                return simulated(self.driver, self.options, self.play, self.clock)
            return faulty(
                lambda _, clock: CapturePlayer(self.capture, clock),
                self.driver.settings(self.options),
                self.play,
                self.clock,
            )
        except (KeyError, ValueError) as error:
            raise ConfigError(f"driver {self.driver.name}: option {error.args[0]}") from error

    def _check_bed(self) -> None:
        """A device of a bed that is not there would play nothing, in silence."""
        wanted = self.driver.settings(self.options).get("bed", "")
        beds = [bed.bed for bed in self.play.at(0.0)]
        if wanted not in ["", *beds]:
            names = ", ".join(map(repr, beds)) or "none"
            raise ValueError(f"bed = {wanted!r}: the play has {names}")


class _Host:
    """Carries a device's bytes and timer; `write` puts bytes on the transport."""

    def __init__(self, device: SimulatedDevice, write: Callable[[bytes], None]) -> None:
        self._device = device
        self._write = write
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def connected(self) -> None:
        self._send(self._device.connected(self._loop.time()))

    def feed(self, data: bytes) -> None:
        self._send(self._device.feed(data, self._loop.time()))

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _send(self, chunks: Iterable[bytes]) -> None:
        for chunk in chunks:
            self._write(chunk)
        self.stop()
        due = self._device.due()
        if due is not None:
            at = max(due, self._loop.time() + MIN_TIMER_S)
            self._timer = self._loop.call_at(at, self._wake)

    def _wake(self) -> None:
        self._send(self._device.wake(self._loop.time()))


class _SocketHost(asyncio.Protocol):
    def __init__(self, device: SimulatedDevice, left: Callable[["_SocketHost"], None]) -> None:
        self._device = device
        self._left = left

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._host = _Host(self._device, self.transport.write)
        self._host.connected()

    def data_received(self, data: bytes) -> None:
        self._host.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._host.stop()
        self._left(self)


async def run_server(simulation: Simulation, host: str, port: int, ready: Ready) -> None:
    """Listen and be a separate device for every reader. Raises OSError if the port is taken.

    By UDP if the driver speaks that and no TCP.
    """
    simulation.device()
    if speaks_udp(simulation.driver):
        await _serve_datagrams(simulation, host, port, ready)
        return
    open_hosts: set[_SocketHost] = set()

    def accept() -> _SocketHost:
        reader = _SocketHost(simulation.device(), open_hosts.discard)
        open_hosts.add(reader)
        return reader

    server = await asyncio.get_running_loop().create_server(accept, host, port)
    bound_host, bound_port = server.sockets[0].getsockname()[:2]
    ready(f"{bound_host}:{bound_port}")
    try:
        await server.serve_forever()
    finally:
        for reader in list(open_hosts):
            reader.transport.abort()


class _DatagramHost(asyncio.DatagramProtocol):
    """A device for every address that datagrams come from."""

    def __init__(self, simulation: Simulation) -> None:
        options = udp_options(simulation.driver, simulation.options)
        self._simulation = replace(simulation, options=options)
        self._readers: dict[tuple[str, int], _Host] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reader = self._readers.get(addr)
        if reader is None:
            device = self._simulation.device()
            reader = _Host(device, lambda answer: self.transport.sendto(answer, addr))
            self._readers[addr] = reader
            reader.connected()
        reader.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        for reader in self._readers.values():
            reader.stop()


async def _serve_datagrams(simulation: Simulation, host: str, port: int, ready: Ready) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _DatagramHost(simulation), local_addr=(host, port)
    )
    bound_host, bound_port = transport.get_extra_info("sockname")[:2]
    ready(f"{bound_host}:{bound_port}")
    try:
        await loop.create_future()
    finally:
        transport.close()


async def run_client(simulation: Simulation, host: str, port: int, ready: Ready) -> None:
    """Dial the reader and dial again after a loss, as a gateway does; it stays one device.

    Raises ConfigError if the device is one that is asked by UDP: it waits for its reader.
    """
    if speaks_udp(simulation.driver):
        raise ConfigError(f"a {simulation.driver.name} device dials nobody: let it listen")
    device = simulation.device()
    ready(f"{host}:{port} (dialling)")
    while True:
        try:
            await _dial(device, host, port)
        except OSError as error:
            log.debug("simulate.unreachable", where=f"{host}:{port}", reason=str(error))
        await asyncio.sleep(REDIAL_S)


async def _dial(device: SimulatedDevice, host: str, port: int) -> None:
    left = asyncio.Event()
    reader = _SocketHost(device, lambda _reader: left.set())
    await asyncio.get_running_loop().create_connection(lambda: reader, host, port)
    try:
        await left.wait()
    finally:
        reader.transport.abort()


async def run_pty(simulation: Simulation, link: Path | None, ready: Ready) -> None:
    """Be the device at the far end of a pseudo-terminal; `link` becomes a symlink to it.

    Raises ConfigError if `link` is anything but a symlink to a pseudo-terminal, such as the name of
    a real port, or cannot be made. Bytes that nobody reads are lost, as on a serial line.
    """
    master, slave = pty.openpty()
    path = os.ttyname(slave)
    # The slave stays open here: without it the master reports a hang-up until a reader comes.
    try:
        tty.setraw(slave)
        os.set_blocking(master, False)
        if link is not None:
            _point(link, path)
        await _serve_pty(simulation, master, lambda: ready(str(link or path)))
    finally:
        os.close(master)
        os.close(slave)
        if link is not None:
            _unpoint(link, path)


async def _serve_pty(simulation: Simulation, master: int, ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()

    def write(data: bytes) -> None:
        with suppress(BlockingIOError):
            os.write(master, data)

    host = _Host(simulation.device(), write)
    loop.add_reader(master, lambda: host.feed(os.read(master, 65536)))
    try:
        ready()
        host.connected()
        await loop.create_future()
    finally:
        loop.remove_reader(master)
        host.stop()


def _point(link: Path, target: str) -> None:
    if link.is_symlink() and is_pty(str(link)):
        link.unlink()
    elif link.is_symlink() or link.exists():
        raise ConfigError(f"{link} is there and no link to a pseudo-terminal; choose another path")
    try:
        link.symlink_to(target)
    except OSError as error:
        raise ConfigError(f"{link}: {error.strerror}") from error


def _unpoint(link: Path, target: str) -> None:
    """Remove the link, unless it has become another simulation's, or was never ours."""
    if link.is_symlink() and str(link.readlink()) == target:
        link.unlink()
