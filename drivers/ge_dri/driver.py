"""The manifest of the GE DRI driver: what it needs, promises and may say."""

from collections.abc import Mapping
from typing import Any, Final

from drivers.ge_dri.decode import DriDecoder, lines
from drivers.ge_dri.layout import ARTERIAL, CHANNEL_NAMES, POSSIBLY_ARTERIAL
from drivers.ge_dri.records import FASTEST, REQUESTS, SLOWEST
from drivers.ge_dri.session import DriSession
from drivers.ge_dri.simulator import STATES, Monitor
from drivers.kit.contract import Driver, Option, Transport
from drivers.kit.playback import Play, SimClock
from monitor_daemon.core.errors import ConfigError

_ALLOWED: Final = frozenset(REQUESTS.values())


def may_send(data: bytes) -> bool:
    """Whether `data` is one whole request for displayed values every 5 to 60 s."""
    return data in _ALLOWED


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """All options. Raises ConfigError, or what `Driver.settings` raises, naming a wrong one."""
    settings = DRIVER.settings(given)
    interval = settings["interval"]
    if type(interval) is not int or interval not in REQUESTS:
        raise ConfigError(f"interval = {interval!r}: whole seconds from {FASTEST} to {SLOWEST}")
    listed = {"arterial_labels": POSSIBLY_ARTERIAL, "arterial_channels": CHANNEL_NAMES}
    for name, known in listed.items():
        chosen = settings[name]
        if not isinstance(chosen, list | tuple) or not all(one in known for one in chosen):
            raise ConfigError(f"{name} = {chosen!r}: a list of {', '.join(known)}")
    return settings


def _decoder(mode: str, options: Mapping[str, Any]) -> DriDecoder:
    settings = _checked(options)
    return DriDecoder(settings["arterial_labels"], settings["arterial_channels"])


def _session(options: Mapping[str, Any]) -> DriSession:
    settings = _checked(options)
    interval = None if settings["passive"] else settings["interval"]
    arterial = lines(settings["arterial_labels"], settings["arterial_channels"])
    return DriSession(interval, arterial)


def _simulator(options: Mapping[str, Any], play: Play, clock: SimClock) -> Monitor:
    return Monitor(_checked(options), play, clock)


DRIVER: Final = Driver(
    name="ge_dri",
    title="GE / Datex-Ohmeda monitors, S/5 computer interface (DRI records)",
    transports=(Transport.SERIAL, Transport.TCP_CLIENT),
    modes=("serial",),
    expected_period=5.0,
    promises=(
        "Invasive pressures by label with their zero state, heart rate, saturation, cuff pressure, "
        "temperatures, cardiac output, and index where PiCCO is there, as displayed, every 5 s. "
        "Only the request for displayed values is ever sent; with passive nothing at all."
    ),
    sources=(
        "GE M1017617 S/5 Computer Interface and GE 8005313 Datex-Ohmeda Record Specification, 12th "
        "and 15th editions; frame, header and basic class confirmed by public drivers and a real "
        "record. PiCCO by the specification only. Not yet tried on hardware by us."
    ),
    may_send=may_send,
    decoder=_decoder,
    session=_session,
    simulator=_simulator,
    options=(
        Option("interval", 5, "seconds between two records, 5 to 60"),
        Option("arterial_labels", ARTERIAL, "labels of channels that are arterial pressure"),
        Option("arterial_channels", CHANNEL_NAMES, "channels on which those labels count"),
        Option("passive", False, "a tap: nothing is sent, another reader asks", (False, True)),
        Option("bed", "", "simulator: the bed of the play; empty is the first"),
        Option(
            "label", "ART", "simulator: label of the arterial line", ("ART", "ABP", "FEM", "P1")
        ),
        Option("state", "measuring", "simulator: state of the arterial line", tuple(STATES)),
        Option("twin", False, "simulator: a second channel with that label", (False, True)),
    ),
    serial={"baudrate": 19200, "byte_size": 8, "parity": "E", "stopbits": 1},
)
