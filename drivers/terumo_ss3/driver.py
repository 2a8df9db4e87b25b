"""The manifest of the Terumo SS3 driver: what it needs, promises and may say."""

from collections.abc import Mapping
from typing import Any, Final

from drivers.kit.contract import Driver, Option, Transport
from drivers.kit.playback import Play, SimClock
from drivers.kit.poll_period import checked_period
from drivers.terumo_ss3.commands import ASK_DEVICE, DEVICE_ID, SEQUENCES, Body, ask_status, read
from drivers.terumo_ss3.decode import TerumoDecoder
from drivers.terumo_ss3.frames import Packet, parse
from drivers.terumo_ss3.session import TerumoSession
from drivers.terumo_ss3.simulator import Pump
from monitor_daemon.core.errors import ConfigError

MIN_POLL_PERIOD: Final = 1.0


def may_send(data: bytes) -> bool:
    """Whether `data` is one request for the device id or for the basic operating status."""
    if data == ASK_DEVICE:
        return True
    packet = parse(data)
    body = read(packet.text) if isinstance(packet, Packet) else None
    if not isinstance(body, Body) or not body.device or not body.command:
        return False
    sequence = body.command[0]
    return sequence in SEQUENCES and data == ask_status(body.device, sequence)


def _decoder(mode: str, options: Mapping[str, Any]) -> TerumoDecoder:
    return TerumoDecoder(DRIVER.settings(options)["dilution_unit"] or None)


def _session(options: Mapping[str, Any]) -> TerumoSession:
    """Raises ConfigError for a poll period below one second or above a day."""
    settings = DRIVER.settings(options)
    period = checked_period(settings, MIN_POLL_PERIOD)
    return TerumoSession(period, settings["dilution_unit"] or None)


def _simulator(options: Mapping[str, Any], play: Play, clock: SimClock) -> Pump:
    """Raises ConfigError for a device id that is not 24 hexadecimal digits."""
    settings = DRIVER.settings(options)
    if not isinstance(settings["device_id"], str) or not DEVICE_ID.fullmatch(settings["device_id"]):
        raise ConfigError(f"device_id = {settings['device_id']!r}: 24 hexadecimal digits")
    return Pump(settings, play, clock)


DRIVER: Final = Driver(
    name="terumo_ss3",
    title="Terumo TERUFUSION SS3 syringe pumps TE-SS730, TE-SS830, TE-SS830P",
    transports=(Transport.MLLP_SERVER, Transport.TCP_CLIENT),
    modes=("tcp",),
    expected_period=5.0,
    promises=(
        "One infusion row a poll: set rate (0 while the pump stands), status, volume, dose, weight "
        "and dilution; its alarms. No drug name: the known part of the record has none. Only the "
        "two read requests are ever sent."
    ),
    sources=(
        "Terumo instruction manuals TE-SS830P and TE-SS730; CRC and byte order follow from their "
        "printed examples. Port and who dials are not printed. Not yet tried on hardware by us."
    ),
    may_send=may_send,
    decoder=_decoder,
    session=_session,
    simulator=_simulator,
    options=(
        Option("poll_period", 5.0, "seconds between two requests, at least 1"),
        Option(
            "dilution_unit",
            "",
            "unit of the dilution, once compared with the pump's display; empty is unknown",
            ("", "mg/mL"),
        ),
        Option("bed", "", "simulator: the bed of the play; empty is the first"),
        Option("pump", "", "simulator: the pump of that bed; empty is the first"),
        Option("device_id", "000100700000001201000001", "simulator: 24 hexadecimal digits"),
        Option(
            "programmed_rate_while_stopped",
            default=True,
            meaning="simulator: the set rate stays while the pump stands",
        ),
    ),
)
