"""A simulated base with the pumps of one bed of a play as its modules, or a single pump."""

import re
from collections.abc import Mapping
from typing import Any, Final

from drivers.fresenius_orchestra.decode import BASE
from drivers.fresenius_orchestra.frames import NAK_CHECKSUM, Broken, Frame, Framer, Nak, encode
from drivers.fresenius_orchestra.session import MODULES, PUMP
from drivers.kit.playback import Play, PumpState, SimClock, bed_at
from monitor_daemon.core.vocabulary import PumpStatus

_REQUEST: Final = re.compile("([0-8]?)(DC|FC|LE;([a-z]+))")
_STANDS: Final = frozenset(
    {PumpStatus.STOPPED, PumpStatus.PAUSED, PumpStatus.ALARM, PumpStatus.STANDBY}
)
_UNKNOWN_COMMAND: Final = "I;01"
_UNUSED: Final = "I;0A"
_BASE_CLOSED: Final = "I;0D"
_NO_MODULE: Final = "I;0E"
_MODULE_CLOSED: Final = "I;1E"


class Rack:
    """The device side, with the driver's options.

    If the driver is passive, another computer polls, and only the rack's line is heard. A module
    keeps the number under which it was first seen; one that is switched off is not there.
    """

    def __init__(self, settings: Mapping[str, Any], play: Play, clock: SimClock) -> None:
        self._settings = settings
        self._play = play
        self._clock = clock
        self._root = BASE if settings["connection"] == "base" else PUMP
        self._framer = Framer()
        self._numbers: dict[str, str] = {}
        self._opened: set[str] = set()
        self._latest = b""
        self._due: float | None = None

    def connected(self, now: float) -> list[bytes]:
        """The reader connected; if it only listens, another computer polls now."""
        self._framer = Framer()
        self._due = now if self._settings["passive"] else None
        return []

    def feed(self, data: bytes, now: float) -> list[bytes]:
        """Answers to what the reader sent."""
        elapsed = self._clock.elapsed(now)
        answers: list[bytes] = []
        for item in self._framer.feed(data):
            match item:
                case Frame():
                    answers.append(encode(self._answer(item.text, elapsed)))
                case Broken(ended=True):
                    answers.append(NAK_CHECKSUM)
                case Nak() if self._latest:
                    answers.append(self._latest)
            self._latest = answers[-1] if answers else self._latest
        return answers

    def due(self) -> float | None:
        """When another computer polls again; None if there is none."""
        return self._due

    def wake(self, now: float) -> list[bytes]:
        """Another computer reads every module."""
        if self._due is None or now < self._due:
            return []
        self._due = now + self._settings["poll_period"]
        elapsed = self._clock.elapsed(now)
        texts = [
            address + self._variables(address, "dr", elapsed) for address in self._pumps(elapsed)
        ]
        return [encode(text) for text in texts]

    def _answer(self, text: str, elapsed: float) -> str:
        """The text that answers a request."""
        found = _REQUEST.fullmatch(text)
        if found is None:
            return (text[0] if text[0].isdigit() else "") + _UNKNOWN_COMMAND
        address, command, variables = found.groups()
        if address not in {self._root, *self._pumps(elapsed)}:
            return address + _NO_MODULE
        if command == "DC" and self._root in {address, *self._opened}:
            self._opened.add(address)
            return f"{address}C"
        if self._root not in self._opened:
            return address + _BASE_CLOSED
        if address not in self._opened:
            return address + _MODULE_CLOSED
        if command == "FC":
            self._opened = set() if address == self._root else self._opened - {address}
            return f"{address}C"
        return address + self._variables(address, variables, elapsed)

    def _variables(self, address: str, names: str, elapsed: float) -> str:
        pumps = self._pumps(elapsed)
        if address == BASE:
            mask = sum(1 << MODULES.index(number) for number in pumps)
            values = {"b": f"{mask:02X}", "i": f"{len(pumps)}"}
        else:
            pump = pumps[address]
            keeps = self._settings["programmed_rate_while_stopped"]
            rate = 0.0 if pump.status in _STANDS and not keeps else pump.rate_ml_h
            values = {"d": f"{round(rate * 10):04X}", "r": f"{round(pump.volume_ml * 1000):06X}"}
            values |= dict.fromkeys("aem", "0")
        if not values.keys() >= set(names):
            return _UNUSED
        return ";".join(("C", *(name + values[name] for name in names)))

    def _pumps(self, elapsed: float) -> dict[str, PumpState]:
        """The modules by their number; without a base the first pump, which has none."""
        bed = bed_at(self._play, elapsed, self._settings["bed"])
        pumps = [p for p in bed.pumps if p.status is not PumpStatus.OFF]
        if self._root == PUMP:
            return {PUMP: pumps[0]} if pumps else {}
        for pump in pumps:
            if len(self._numbers) < len(MODULES):
                self._numbers.setdefault(pump.channel, MODULES[len(self._numbers)])
        return {self._numbers[p.channel]: p for p in pumps if p.channel in self._numbers}
