"""The site of the demonstration: where its devices are, and the configuration that reads them."""

import secrets
import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

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
from monitor_daemon.demo.plan import Patient, People
from monitor_daemon.notify.settings import BrokerSettings

SITE: Final = "demo"
ZONE: Final = ZoneInfo("Asia/Tokyo")
HOST: Final = "127.0.0.1"
GATEWAY: Final = "monitor-gateway"
#: Simulated seconds between two records of the GE monitor.
GE_INTERVAL_S: Final = 15
#: The same of the Philips monitor, and the shortest that a real one knows.
_PHILIPS_PERIOD_S: Final = 15.0
_PHILIPS_SHORTEST_S: Final = 1.024


def next_morning(engine_ms: int) -> datetime:
    """The first 08:00 at the site that is at least an hour after engine time `engine_ms`."""
    earliest = datetime.fromtimestamp(engine_ms / SECOND, UTC).astimezone(ZONE) + timedelta(hours=1)
    today = earliest.replace(hour=8, minute=0, second=0, microsecond=0)
    return today if today >= earliest else today + timedelta(days=1)


def philips_period(speed: float) -> float:
    """Simulated seconds between two results: not so many that the session waits 5 real seconds."""
    return min(_PHILIPS_PERIOD_S, max(_PHILIPS_SHORTEST_S, speed))


def pumps(patient: Patient) -> str:
    """The name of the link to a bed's pump station."""
    return f"{patient.bed}-pumps"


def syringe(patient: Patient, channel: str) -> str:
    """The name of the link to a pump that stands alone."""
    return f"{patient.bed}-{channel}"


def device_id(patient: Patient, channel: str) -> str:
    """What a Terumo pump that stands alone calls itself: 24 hexadecimal digits."""
    return f"{patient.bed}{channel}".encode().hex().upper()[:24].ljust(24, "0")


def monitor(patient: Patient) -> str:
    """The name of the link to a bed's monitor."""
    return GATEWAY if patient.monitor == "hl7" else f"{patient.bed}-monitor"


def output(patient: Patient) -> str:
    """The name of the link to a bed's device for cardiac output."""
    return f"{patient.bed}-output"


def places(folder: Path, people: People) -> dict[str, str]:
    """Where each link finds its device: a free host:port, or the path of a pseudo-terminal."""
    found: dict[str, str] = {}
    with ExitStack() as held:

        def free(kind: socket.SocketKind) -> str:
            # Held until all are found, so that no port is found twice.
            probe = held.enter_context(socket.socket(type=kind))
            probe.bind((HOST, 0))
            return f"{HOST}:{probe.getsockname()[1]}"

        found[GATEWAY] = free(socket.SOCK_STREAM)
        for patient in people.patients:
            if patient.station is not None:
                tty = str(folder / f"{patient.bed}.tty")
                by_tcp = patient.station == "tcp"
                found[pumps(patient)] = free(socket.SOCK_STREAM) if by_tcp else tty
            for channel in patient.syringes:
                found[syringe(patient, channel)] = free(socket.SOCK_STREAM)
            if patient.monitor == "philips_intellivue":
                found[monitor(patient)] = free(socket.SOCK_DGRAM)
            elif patient.monitor == "ge_dri":
                found[monitor(patient)] = str(folder / f"{patient.bed}-monitor.tty")
            if patient.cardiac_output is not None:
                found[output(patient)] = str(folder / f"{patient.bed}-output.tty")
    return found


def configure(
    folder: Path, people: People, broker: BrokerSettings, where: Mapping[str, str], speed: float
) -> SiteConfig:
    """The site configuration, with everything it writes in `folder`; `where` are its `places`.

    Writes the vault key.
    """
    key = folder / "vault.key"
    key.touch(mode=0o600)
    key.write_text(secrets.token_hex(32), encoding="ascii")
    gateway = LinkConfig(
        name=GATEWAY,
        driver="hl7",
        listen=where[GATEWAY],
        beds={p.bed: p.bed for p in people.patients if p.monitor == "hl7"},
        expected_period=60.0,
    )
    return SiteConfig(
        site=Site(id=SITE, zone=ZONE.key),
        store=Store(directory=folder / "store", vault_key_file=key),
        broker=Broker(**broker.model_dump()),
        control=Control(socket=folder / "control.sock"),
        protocols=tuple(
            ProtocolFile(id=name) for name in sorted({p.protocol for p in people.patients})
        ),
        beds=tuple(Bed(alias=patient.bed) for patient in people.patients),
        links=(
            gateway,
            *_monitor_links(people, where, speed),
            *_pump_links(people, where),
        ),
    )


def _monitor_links(people: People, where: Mapping[str, str], speed: float) -> Iterable[LinkConfig]:
    """What measures at one bed. The clocks of simulated monitors show UTC."""
    for patient in people.patients:
        name, bed = monitor(patient), patient.bed
        if patient.monitor == "philips_intellivue":
            yield LinkConfig(
                name=name,
                driver=patient.monitor,
                connect=where[name],
                bed=bed,
                zone="UTC",
                expected_period=philips_period(speed),
            )
        elif patient.monitor == "ge_dri":
            yield LinkConfig(
                name=name,
                driver=patient.monitor,
                port=where[name],
                bed=bed,
                zone="UTC",
                expected_period=GE_INTERVAL_S,
                options={"interval": GE_INTERVAL_S},
            )
        if patient.cardiac_output is not None:
            name = output(patient)
            yield LinkConfig(name=name, driver=patient.cardiac_output, port=where[name], bed=bed)


def _pump_links(people: People, where: Mapping[str, str]) -> Iterable[LinkConfig]:
    """What infuses at one bed: a station, or pumps that stand alone."""
    for patient in people.patients:
        if patient.station is not None:
            name = pumps(patient)
            by_tcp = patient.station == "tcp"
            yield LinkConfig(
                name=name,
                driver="bbraun_space",
                connect=where[name] if by_tcp else None,
                port=None if by_tcp else where[name],
                bed=patient.bed,
                study_channels=patient.study_channels,
                options={"mode": "cyclic"},
            )
        for channel, drug in patient.syringes.items():
            name = syringe(patient, channel)
            yield LinkConfig(
                name=name,
                driver="terumo_ss3",
                connect=where[name],
                bed=patient.bed,
                drugs={device_id(patient, channel): drug},
                options={"dilution_unit": "mg/mL"},
            )
