"""The manifest of the B. Braun Space driver: what it needs, promises and may say."""

import re
from collections.abc import Mapping
from typing import Any, Final

from drivers.bbraun_space.decode import BccDecoder
from drivers.bbraun_space.frames import ACK, NAK, Frame, parse
from drivers.bbraun_space.session import BccSession
from drivers.bbraun_space.simulator import Station
from drivers.bbraun_space.tap import BccTap
from drivers.kit.contract import Driver, Option, Transport
from drivers.kit.playback import Play, SimClock
from drivers.kit.poll_period import checked_period

MIN_POLL_PERIOD: Final = 1.0
#: Of a simulated station, in seconds.
SHORTEST_CYCLE: Final = 0.001

#: Every request that BCC knows; all of them only read.
_REQUEST: Final = re.compile(rb"ADMIN:ALIVE|ADMIN:VERSION|MEM:GET|MEM:GETSLOT#[1-3][1-9A-O]")


def may_send(data: bytes) -> bool:
    """Whether `data` is ACK, NAK or one whole frame with one of the four requests."""
    if data in {ACK, NAK}:
        return True
    frame = parse(data)
    return (
        isinstance(frame, Frame)
        and frame.last
        and _REQUEST.fullmatch(frame.information) is not None
    )


def _decoder(mode: str, options: Mapping[str, Any]) -> BccDecoder:
    """Serial and TCP carry the same bytes, so `mode` changes nothing."""
    return BccDecoder(DRIVER.settings(options)["stuffing"])


def _session(options: Mapping[str, Any]) -> BccSession | BccTap:
    """Raises ConfigError for a poll period below one second or above a day."""
    settings = DRIVER.settings(options)
    period = checked_period(settings, MIN_POLL_PERIOD)
    if settings["passive"]:
        return BccTap(settings["stuffing"])
    return BccSession(period, settings["stuffing"], settings["mode"])


def _simulator(options: Mapping[str, Any], play: Play, clock: SimClock) -> Station:
    """Raises ConfigError for a cycle that is no time; it may be shorter than a station's."""
    settings = DRIVER.settings(options)
    checked_period(settings, SHORTEST_CYCLE)
    return Station(settings, play, clock)


DRIVER: Final = Driver(
    name="bbraun_space",
    title="B. Braun Space, SpaceStation with SpaceCom, CompactPlus (BCC protocol)",
    transports=(Transport.SERIAL, Transport.TCP_CLIENT, Transport.MLLP_SERVER),
    modes=("serial", "tcp"),
    expected_period=5.0,
    promises=(
        "One infusion row per pump and poll: rate, status, drug, and dose, concentration, weight "
        "and volume where the station is set to send them; its alarms. Only the four read requests "
        "and acknowledgements are ever sent, with passive nothing at all; a block is acknowledged "
        "after it is durably stored."
    ),
    sources=(
        "B. Braun BCC 4.0 (I0022_000030, 2019-03-20); frame, stuffing, units and bit fields are "
        "confirmed by an independent public reader of issue 6.0. Not yet tried on hardware by us."
    ),
    may_send=may_send,
    decoder=_decoder,
    session=_session,
    simulator=_simulator,
    options=(
        Option(
            "poll_period", 5.0, "seconds between requests, at least 1; in cyclic mode the cycle"
        ),
        Option("stuffing", "auto", "character stuffing of the station", ("auto", "on", "off")),
        Option("mode", "request", "who starts: we ask, or it sends", ("request", "cyclic")),
        Option(
            "passive",
            default=False,
            meaning="only listen to a station that another recorder asks; nothing is ever sent",
            choices=(False, True),
        ),
        Option("bed", "", "simulator: the bed of the play; empty is the first"),
        Option(
            "addresses",
            "letter",
            "simulator: slot as one character or two digits",
            ("letter", "digits"),
        ),
        Option(
            "programmed_rate_while_stopped", default=False, meaning="simulator: INRT keeps the rate"
        ),
    ),
    serial={"baudrate": 9600, "byte_size": 8, "parity": "N", "stopbits": 1},
    port=4001,
)
