"""The Edwards IFMout driver: a session that only listens, and the manifest."""

import re
from collections.abc import Mapping
from typing import Any, Final

from drivers.edwards_ifmout.decode import MEASURED, OTHERS, IfmoutDecoder, Reader
from drivers.edwards_ifmout.frames import Framer
from drivers.edwards_ifmout.simulator import FAULTS, CardiacOutputMonitor
from drivers.kit.contract import Alive, Driver, Effect, Message, Option, Problem, Transport
from drivers.kit.playback import Play, SimClock
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.vocabulary import Fault, Quality

_KEY: Final = re.compile("[A-Za-z]")
#: No known field is wider.
WIDEST: Final = 12


class IfmoutSession:
    """One connection. The device sends by itself; nothing is ever sent to it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._framer = Framer()
        self._note = ""

    def connected(self, now: float) -> list[Effect]:
        """The device speaks first."""
        return []

    def feed(self, data: bytes, now: float) -> list[Effect]:
        """Bytes arrived."""
        effects: list[Effect] = []
        for found in self._framer.feed(data):
            item = self._reader.checked(found)
            if isinstance(item, Fault):
                effects.append(Problem(item))
                continue
            note = f"check bytes are {'' if item.checked else 'not '}as computed"
            if note != self._note:
                self._note = note
                effects.append(Alive(note))
            effects.append(Message(item.raw, self._reader.rows(item)))
        return effects

    def stored(self, message: Message, now: float) -> list[Effect]:
        """The device waits for nothing."""
        return []

    def lost(self, now: float) -> list[Effect]:
        """A frame that was cut off is said."""
        return [Problem(fault) for fault in self._framer.finish()]

    def due(self) -> float | None:
        """Nothing is ever asked for."""
        return None

    def wake(self, now: float) -> list[Effect]:
        """Nothing is ever asked for."""
        return []


def may_send(data: bytes) -> bool:
    """Nothing: the list of what may be sent is empty."""
    return False


def _reader(options: Mapping[str, Any]) -> Reader:
    """How the site reads. Raises ConfigError for widths that cannot be."""
    settings = DRIVER.settings(options)
    widths = settings["widths"]
    if not isinstance(widths, Mapping):
        raise ConfigError(f"widths = {widths!r}: a table of key letter = characters after it")
    for key, width in widths.items():
        fits = type(width) is int and 1 <= width <= WIDEST
        if not fits or not _KEY.fullmatch(key) or key in MEASURED:
            letters = f"a letter, none of {''.join(MEASURED)}"
            raise ConfigError(f"widths: {key!r} = {width!r}: {letters} = 1 to {WIDEST} characters")
    check = settings["check_byte"] == "required"
    return Reader(Quality(settings["map_quality"]), {**OTHERS, **widths}, check)


def _decoder(mode: str, options: Mapping[str, Any]) -> IfmoutDecoder:
    return IfmoutDecoder(_reader(options))


def _session(options: Mapping[str, Any]) -> IfmoutSession:
    return IfmoutSession(_reader(options))


def _simulator(options: Mapping[str, Any], play: Play, clock: SimClock) -> CardiacOutputMonitor:
    return CardiacOutputMonitor(DRIVER.settings(options), play, clock)


DRIVER: Final = Driver(
    name="edwards_ifmout",
    title="Edwards Vigilance, Vigilance II, Vigileo, EV1000, HemoSphere (IFMout)",
    transports=(Transport.SERIAL, Transport.TCP_CLIENT),
    modes=("serial",),
    # A frame comes about every 2 s; the public reader gives a device up after 15 s, and a link
    # calls it silent after three periods.
    expected_period=5.0,
    promises=(
        "Cardiac output and index with one decimal, SVR, CVP, heart rate, and MAP, which is "
        "questionable unless the site says otherwise: it may be the device's own reading and not "
        "that of the monitor. Nothing is ever sent."
    ),
    sources=(
        "Single source: one public reader (wlbaker/mdrepo, idea-drivers); the baud rate also in "
        "the VitalRecorder set-up notes. No manufacturer's document, no capture. The check byte is "
        "not verified. Not yet tried on hardware by us."
    ),
    may_send=may_send,
    decoder=_decoder,
    session=_session,
    simulator=_simulator,
    options=(
        Option("passive", True, "there is no other way: nothing is ever sent", (True,)),
        Option(
            "map_quality",
            "questionable",
            "quality of a usable MAP; good lets it be judged",
            ("questionable", "good"),
        ),
        Option(
            "check_byte",
            "ignored",
            "required: a frame with another check byte than the computed one is refused",
            ("ignored", "required"),
        ),
        Option("widths", {}, "fields of this device: {'key letter': characters after it}"),
        Option("bed", "", "simulator: the bed of the play; empty is the first"),
        Option("fault", "none", "simulator: what is wrong with every frame", FAULTS),
    ),
    serial={"baudrate": 9600, "byte_size": 8, "parity": "N", "stopbits": 1},
)
