"""A simulated pump: answers for one syringe of a bed of a play."""

from collections.abc import Mapping
from typing import Any, Final

from drivers.alaris_gh.frames import Framer, Line, encode
from drivers.kit.playback import Play, PumpState, SimClock, pump_at
from monitor_daemon.core.vocabulary import PumpStatus

_ANSWERS: Final = {
    "COMMS_PROTOCOL": ("Asena Rev 2.1.5",),
    "COMMS_RESPONSE_MAX": ("4000", "ms"),
}
_STANDS: Final = frozenset(
    {PumpStatus.STOPPED, PumpStatus.PAUSED, PumpStatus.ALARM, PumpStatus.STANDBY}
)
#: The first log entry of the recorded strings.
_FIRST_ENTRY: Final = 127904


class Pump:
    """The device side, with the driver's options.

    If the driver is passive, another computer asks the pump for INF, and only the pump's line is
    heard. A pump that is switched off, or that is not in the play, says nothing.
    """

    def __init__(self, settings: Mapping[str, Any], play: Play, clock: SimClock) -> None:
        self._settings = settings
        self._play = play
        self._clock = clock
        self._framer = Framer()
        self._entry = _FIRST_ENTRY
        self._due: float | None = None

    def connected(self, now: float) -> list[bytes]:
        """The reader connected; if it only listens, another computer asks now."""
        self._framer = Framer()
        self._due = now if self._settings["passive"] else None
        return []

    def feed(self, data: bytes, now: float) -> list[bytes]:
        """Answers to what the reader sent; what is damaged or not known has none."""
        answers: list[bytes] = []
        for item in self._framer.feed(data):
            if isinstance(item, Line) and not item.arguments:
                answers += self._answer(item.name, self._clock.elapsed(now))
        return answers

    def due(self) -> float | None:
        """When another computer asks again; None if there is none."""
        return self._due

    def wake(self, now: float) -> list[bytes]:
        """Another computer asks."""
        if self._due is None or now < self._due:
            return []
        self._due = now + self._settings["poll_period"]
        return self._answer("INF", self._clock.elapsed(now))

    def _answer(self, name: str, elapsed: float) -> list[bytes]:
        pump = pump_at(self._play, elapsed, self._settings["bed"], self._settings["pump"])
        if pump is None or pump.status is PumpStatus.OFF:
            return []
        if name == "INST_SERIALNO":
            fields: tuple[str, ...] = (self._settings["serial_number"],)
        elif name == "INF":
            fields = self._inf(pump)
        elif name in _ANSWERS:
            fields = _ANSWERS[name]
        else:
            return []
        return [encode(name, *fields)]

    def _inf(self, pump: PumpState) -> tuple[str, ...]:
        """The record in the layout of the recorded strings: no drug, mode SET."""
        self._entry += 1
        stands = pump.status in _STANDS
        rate = pump.rate_ml_h
        if stands and not self._settings["programmed_rate_while_stopped"]:
            rate = 0.0
        alarm = "AL_OCCLU" if pump.status is PumpStatus.ALARM else "-"
        return (
            *(self._settings["serial_number"], alarm, "SET", f"{rate:.2f}", "ml/h", ""),
            *(f"{pump.volume_ml:.3f}", "ml", "17.91", "mmHg", "24+"),
            *("EVENT", str(self._entry)),
        )
