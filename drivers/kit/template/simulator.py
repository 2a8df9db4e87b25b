"""A simulated monitor: sends what one bed of a play has, once a second."""

from collections.abc import Mapping
from typing import Any, Final

from drivers.kit.playback import Play, SimClock, bed_at
from drivers.kit.template.decode import NO_VALUE, SIGNALS
from drivers.kit.template.frames import encode

PERIOD_S: Final = 1.0


class Monitor:
    """The device side, with the driver's options."""

    def __init__(self, settings: Mapping[str, Any], play: Play, clock: SimClock) -> None:
        self._settings = settings
        self._play = play
        self._clock = clock
        self._next: float | None = None

    def connected(self, now: float) -> list[bytes]:
        """A reader came; the device does not notice, it sends anyway."""
        self._next = now
        return []

    def feed(self, data: bytes, now: float) -> list[bytes]:
        """It does not listen."""
        return []

    def due(self) -> float | None:
        """When the next line is due."""
        return self._next

    def wake(self, now: float) -> list[bytes]:
        """The line that is due."""
        if self._next is None or now < self._next:
            return []
        self._next = now + PERIOD_S
        signals = bed_at(self._play, self._clock.elapsed(now), self._settings["bed"]).signals
        items = (
            f"{name}={NO_VALUE if signal not in signals else round(signals[signal])}"
            for name, (signal, _unit) in SIGNALS.items()
        )
        return [encode(";".join(items))]
