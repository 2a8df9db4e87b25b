"""The site of the demonstration: its configuration, and its devices on real transports."""

import secrets
import socket
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from drivers.kit.contract import SimulatedDevice
from drivers.kit.playback import Play, SimClock
from drivers.kit.registry import load_driver
from drivers.kit.simulate import Simulation, run_client, run_pty
from monitor_daemon.config import (
    Bed,
    Broker,
    Control,
    LinkConfig,
    ProtocolFile,
    Site,
    SiteConfig,
    Store,
)
from monitor_daemon.core.events import SECOND
from monitor_daemon.demo.plan import Patient, Plan
from monitor_daemon.notify.settings import BrokerSettings

SITE: Final = "demo"
ZONE: Final = ZoneInfo("Asia/Tokyo")
_HOST: Final = "127.0.0.1"
#: Simulated seconds between two cycles of a pump station, and the fewest real seconds.
_CYCLE_S: Final = 15.0
_SHORTEST_CYCLE_S: Final = 0.05


def next_morning(engine_ms: int) -> datetime:
    """The first 08:00 at the site that is at least an hour after engine time `engine_ms`."""
    earliest = datetime.fromtimestamp(engine_ms / SECOND, UTC).astimezone(ZONE) + timedelta(hours=1)
    today = earliest.replace(hour=8, minute=0, second=0, microsecond=0)
    return today if today >= earliest else today + timedelta(days=1)


def free_port() -> int:
    """A TCP port of the loopback address on which nobody listens."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def configure(folder: Path, plan: Plan, broker: BrokerSettings, port: int) -> SiteConfig:
    """The site configuration, with everything it writes in `folder`; monitors dial in at `port`.

    Writes the vault key.
    """
    key = folder / "vault.key"
    key.touch(mode=0o600)
    key.write_text(secrets.token_hex(32), encoding="ascii")
    people = plan.people
    gateway = LinkConfig(
        name="monitors",
        driver="hl7",
        listen=f"{_HOST}:{port}",
        beds={patient.bed: patient.bed for patient in people.patients},
        expected_period=60.0,
    )
    stations = (
        LinkConfig(
            name=f"{patient.bed}-pumps",
            driver="bbraun_space",
            port=str(_pty(folder, patient)),
            bed=patient.bed,
            options={"mode": "cyclic"},
        )
        for patient in people.patients
    )
    return SiteConfig(
        site=Site(id=SITE, zone=ZONE.key),
        store=Store(directory=folder / "store", vault_key_file=key),
        broker=Broker(**broker.model_dump()),
        control=Control(socket=folder / "control.sock"),
        protocols=(ProtocolFile(id=people.protocol),),
        beds=tuple(Bed(alias=patient.bed) for patient in people.patients),
        links=(gateway, *stations),
    )


def stations(folder: Path, plan: Plan, clock: SimClock) -> list[Coroutine[None, None, None]]:
    """A B. Braun station for each bed, each at the end of its own pseudo-terminal."""
    cycle = max(_SHORTEST_CYCLE_S, _CYCLE_S / clock.speed)
    driver = load_driver("bbraun_space")
    late = replace(driver, simulator=partial(_Switched, driver.simulator))
    return [
        run_pty(
            Simulation(
                late,
                plan.play,
                clock,
                {
                    "bed": patient.bed,
                    "addresses": patient.addresses,
                    "mode": "cyclic",
                    "poll_period": cycle,
                },
            ),
            _pty(folder, patient),
            _ignore,
        )
        for patient in plan.people.patients
    ]


def monitors(plan: Plan, clock: SimClock, port: int) -> Coroutine[None, None, None]:
    """The gateway of the patient monitors: all beds over one MLLP connection, once a minute."""
    return run_client(Simulation(load_driver("hl7"), plan.play, clock), _HOST, port, _ignore)


class _Switched:
    """A device that is switched on when playback begins.

    A station that sends unasked into a port which is about to be opened loses its first block and
    waits for the acknowledgement.
    """

    def __init__(
        self,
        make: Callable[[Mapping[str, Any], Play, SimClock], SimulatedDevice],
        options: Mapping[str, Any],
        play: Play,
        clock: SimClock,
    ) -> None:
        self._device = make(options, play, clock)
        self._start: float | None = clock.start

    def connected(self, now: float) -> Iterable[bytes]:
        """Nothing until it is on."""
        return [] if self._start is not None else self._device.connected(now)

    def feed(self, data: bytes, now: float) -> Iterable[bytes]:
        """What arrives while it is off is lost."""
        return [] if self._start is not None else self._device.feed(data, now)

    def due(self) -> float | None:
        """When it is switched on, later what the device says."""
        return self._device.due() if self._start is None else self._start

    def wake(self, now: float) -> Iterable[bytes]:
        """Switch it on, later what the device does."""
        if self._start is None:
            return self._device.wake(now)
        self._start = None
        return self._device.connected(now)


def _pty(folder: Path, patient: Patient) -> Path:
    return folder / f"{patient.bed}.tty"


def _ignore(_where: str) -> None:
    """The place of a device is known beforehand."""
