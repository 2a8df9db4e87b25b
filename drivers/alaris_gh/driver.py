"""The manifest of the Alaris GH driver: what it needs, promises and may say."""

from collections.abc import Mapping
from typing import Any, Final

from drivers.alaris_gh.decode import AlarisDecoder
from drivers.alaris_gh.session import REQUESTS, AlarisSession
from drivers.alaris_gh.simulator import Pump
from drivers.kit.contract import Driver, Option, Transport
from drivers.kit.playback import Play, SimClock
from drivers.kit.poll_period import checked_period

MIN_POLL_PERIOD: Final = 1.0


def may_send(data: bytes) -> bool:
    """Whether `data` is one of the four questions without arguments."""
    return data in REQUESTS


def _decoder(mode: str, options: Mapping[str, Any]) -> AlarisDecoder:
    return AlarisDecoder()


def _session(options: Mapping[str, Any]) -> AlarisSession:
    """Raises ConfigError for a poll period below one second or above a day."""
    settings = DRIVER.settings(options)
    return AlarisSession(
        checked_period(settings, MIN_POLL_PERIOD),
        passive=settings["passive"],
        accept_risk=settings["accept_risk_of_polling"],
    )


def _simulator(options: Mapping[str, Any], play: Play, clock: SimClock) -> Pump:
    settings = DRIVER.settings(options)
    checked_period(settings, MIN_POLL_PERIOD)
    return Pump(settings, play, clock)


DRIVER: Final = Driver(
    name="alaris_gh",
    title="BD Alaris GH, CC, TIVA, PK syringe pumps (formerly CareFusion, IVAC, Asena)",
    transports=(Transport.SERIAL,),
    modes=("serial",),
    expected_period=1.0,
    promises=(
        "One infusion row per INF record: rate and volume; an alarm that stands. No status and no "
        "drug. Polling is off, because it is not known whether a pump answers without remote "
        "control: it only listens unless it is told to poll and the risk is accepted; then only "
        "four questions are ever sent. Remote control is never switched on."
    ),
    sources=(
        "Two public drivers, one with strings recorded from two pumps; the INF record is in one of "
        "them only. Whether a pump answers without remote control is not known. Not yet tried on "
        "hardware by us."
    ),
    may_send=may_send,
    decoder=_decoder,
    session=_session,
    simulator=_simulator,
    options=(
        Option(
            "passive",
            default=True,
            meaning="only listen to a pump that another computer polls; nothing is ever sent",
            choices=(True, False),
        ),
        Option(
            "accept_risk_of_polling",
            default=False,
            meaning="poll, after a test on a pump that is connected to nobody: it is not known "
            "whether a pump answers without remote control, nor what polling does to it",
            choices=(False, True),
        ),
        Option("poll_period", 1.0, "seconds between two INF, at least 1"),
        Option("bed", "", "simulator: the bed of the play; empty is the first"),
        Option("pump", "", "simulator: the pump of that bed; empty is the first"),
        Option("serial_number", "8002-51740", "simulator: the pump's serial number"),
        Option(
            "programmed_rate_while_stopped",
            default=True,
            meaning="simulator: the rate stays while the pump stands",
        ),
    ),
    serial={"baudrate": 38400, "byte_size": 8, "parity": "N", "stopbits": 1},
)
