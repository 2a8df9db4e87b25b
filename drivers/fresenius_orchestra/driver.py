"""The manifest of the Fresenius Orchestra driver: what it needs, promises and may say."""

from collections.abc import Mapping
from typing import Any, Final

from drivers.fresenius_orchestra.decode import OrchestraDecoder
from drivers.fresenius_orchestra.session import ALLOWED, READ, READ_FLAGS, OrchestraSession
from drivers.fresenius_orchestra.simulator import Rack
from drivers.kit.contract import Driver, Option, Transport
from drivers.kit.playback import Play, SimClock
from drivers.kit.poll_period import checked_period

MIN_POLL_PERIOD: Final = 1.0


def may_send(data: bytes) -> bool:
    """Whether `data` opens a session, reads variables, or acknowledges."""
    return data in ALLOWED


def _decoder(mode: str, options: Mapping[str, Any]) -> OrchestraDecoder:
    return OrchestraDecoder()


def _session(options: Mapping[str, Any]) -> OrchestraSession:
    """Raises ConfigError for a poll period below one second or above a day."""
    settings = DRIVER.settings(options)
    return OrchestraSession(
        checked_period(settings, MIN_POLL_PERIOD),
        base=settings["connection"] == "base",
        read=READ_FLAGS if settings["read_flags"] else READ,
        passive=settings["passive"],
    )


def _simulator(options: Mapping[str, Any], play: Play, clock: SimClock) -> Rack:
    settings = DRIVER.settings(options)
    checked_period(settings, MIN_POLL_PERIOD)
    return Rack(settings, play, clock)


DRIVER: Final = Driver(
    name="fresenius_orchestra",
    title="Fresenius Orchestra: Base Primea, Intensive, A with modules DPS and MVP",
    transports=(Transport.SERIAL,),
    modes=("serial",),
    expected_period=5.0,
    promises=(
        "One infusion row per module and poll: rate and volume. No status, drug or alarm. Only "
        "opening a session, reading variables and acknowledgements are ever sent; an answer is "
        "acknowledged after it is durably stored."
    ),
    sources=(
        "One public driver, whose line settings come from the manufacturer's documentation. "
        "Meaning of alarm, error and mode is not known. Not yet tried on hardware by us."
    ),
    may_send=may_send,
    decoder=_decoder,
    session=_session,
    simulator=_simulator,
    options=(
        Option("poll_period", 5.0, "seconds between two rounds over all modules, at least 1"),
        Option("connection", "base", "what is connected", ("base", "pump")),
        Option(
            "read_flags",
            default=False,
            meaning="also read alarm, error and mode, raw",
            choices=(False, True),
        ),
        Option(
            "passive",
            default=False,
            meaning="only listen to a base that another computer polls",
            choices=(False, True),
        ),
        Option("bed", "", "simulator: the bed of the play; empty is the first"),
        Option(
            "programmed_rate_while_stopped",
            default=True,
            meaning="simulator: the rate stays while a pump stands",
        ),
    ),
    serial={"baudrate": 19200, "byte_size": 7, "parity": "E", "stopbits": 1},
)
