"""A simulated base with the pumps of one bed of a play as its modules, or a single pump."""

import re
from collections.abc import Mapping
from typing import Any, Final

from drivers.fresenius_orchestra.decode import BASE
from drivers.fresenius_orchestra.frames import NAK_CHECKSUM, Broken, Frame, Framer, Nak, encode
from drivers.fresenius_orchestra.session import MODULES, PUMP
from drivers.kit.playback import Play, PumpState, SimClock
from monitor_daemon.core.vocabulary import PumpStatus

_REQUEST: Final = re.compile("([0-8]?)(DC|LE;([a-z]+))")
_STANDS: Final = frozenset(
    {PumpStatus.STOPPED, PumpStatus.PAUSED, PumpStatus.ALARM, PumpStatus.STANDBY}
)
_UNKNOWN_COMMAND: Final = "I;01"
_UNUSED: Final = "I;0A"
_BASE_CLOSED: Final = "I;0D"
_NO_MODULE: Final = "I;0E"
_MODULE_CLOSED: Final = "I;1E"


class Rack:
    """The device side; the driver's options say what it is asked to do wrong.

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
        self._restarted = False
        self._latest = b""
        self._sent = 0
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
                    answers += self._send(encode(self._answer(item.text, elapsed)), elapsed)
                case Broken(ended=True):
                    answers += self._send(NAK_CHECKSUM, elapsed)
                case Nak() if self._latest:
                    answers += self._send(self._latest, elapsed)
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
        return [chunk for text in texts for chunk in self._send(encode(text), elapsed)]

    def _send(self, wire: bytes, elapsed: float) -> list[bytes]:
        self._latest = wire
        self._sent += 1
        silent_from = self._settings["mute_after"]
        if silent_from is not None and elapsed >= silent_from:
            return []
        every = self._settings["corrupt_every"]
        if every and self._sent % every == 0:
            damaged = bytearray(wire)
            damaged[len(wire) // 2] ^= 0x08
            return [bytes(damaged)]
        return [wire]

    def _answer(self, text: str, elapsed: float) -> str:
        """The text that answers a request."""
        restart = self._settings["restart_at"]
        if restart is not None and elapsed >= restart and not self._restarted:
            self._restarted = True
            self._opened.clear()
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
            volume = self._volume(pump, elapsed)
            values = {"d": f"{round(rate * 10):04X}", "r": f"{round(volume * 1000):06X}"}
            values |= dict.fromkeys("aem", "0")
        if not values.keys() >= set(names):
            return _UNUSED
        return ";".join(("C", *(name + values[name] for name in names)))

    def _volume(self, pump: PumpState, elapsed: float) -> float:
        """Delivered since the pump was switched on (mL)."""
        restart = self._settings["restart_at"]
        if restart is None or elapsed < restart:
            return pump.volume_ml
        before = [p.volume_ml for p in self._bed(restart) if p.channel == pump.channel]
        return max(0.0, pump.volume_ml - sum(before))

    def _pumps(self, elapsed: float) -> dict[str, PumpState]:
        """The modules by their number; without a base the first pump, which has none."""
        pumps = [p for p in self._bed(elapsed) if p.status is not PumpStatus.OFF]
        if self._root == PUMP:
            return {PUMP: pumps[0]} if pumps else {}
        for pump in pumps:
            if len(self._numbers) < len(MODULES):
                self._numbers.setdefault(pump.channel, MODULES[len(self._numbers)])
        return {self._numbers[p.channel]: p for p in pumps if p.channel in self._numbers}

    def _bed(self, elapsed: float) -> list[PumpState]:
        wanted = self._settings["bed"]
        beds = [b for b in self._play.at(max(0.0, elapsed)) if not wanted or b.bed == wanted]
        return list(beds[0].pumps) if beds else []
