"""The driver: a session that only listens, and the manifest."""

from collections.abc import Mapping
from typing import Any, Final

from drivers.kit.contract import Driver, Effect, Message, Option, Problem, Transport
from drivers.kit.playback import Play, SimClock
from drivers.kit.template.decode import LineDecoder, line_rows
from drivers.kit.template.frames import Framer
from drivers.kit.template.simulator import Monitor
from monitor_daemon.core.vocabulary import Fault


class LineSession:
    """One connection. The device sends by itself; nothing is ever sent to it."""

    def __init__(self) -> None:
        self._framer = Framer()

    def connected(self, now: float) -> list[Effect]:
        """The device speaks first."""
        return []

    def feed(self, data: bytes, now: float) -> list[Effect]:
        """Bytes arrived."""
        return [
            Problem(item) if isinstance(item, Fault) else Message(item.raw, line_rows(item))
            for item in self._framer.feed(data)
        ]

    def stored(self, message: Message, now: float) -> list[Effect]:
        """The device waits for nothing."""
        return []

    def lost(self, now: float) -> list[Effect]:
        """A line that was cut off is said."""
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


def _simulator(options: Mapping[str, Any], play: Play, clock: SimClock) -> Monitor:
    return Monitor(options, play, clock)


DRIVER: Final = Driver(
    name="acme_line",
    title="Acme Line",
    transports=(Transport.SERIAL, Transport.TCP_CLIENT),
    modes=("serial",),
    expected_period=1.0,
    promises="Arterial pressure and heart rate once a second. Nothing is ever sent.",
    sources="None yet: an example. Not tried on hardware.",
    may_send=may_send,
    decoder=lambda mode, options: LineDecoder(),
    session=lambda options: LineSession(),
    simulator=_simulator,
    options=(
        Option("passive", True, "there is no other way: nothing is ever sent", (True,)),
        Option("bed", "", "simulator: the bed of the play; empty is the first"),
    ),
    serial={"baudrate": 9600, "byte_size": 8, "parity": "N", "stopbits": 1},
)
