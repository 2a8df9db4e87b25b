"""A simulated cardiac output monitor: sends what one bed of a play has, every two seconds."""

from collections.abc import Mapping
from typing import Any, Final

from drivers.edwards_ifmout.decode import MEASURED, Measured
from drivers.edwards_ifmout.frames import encode
from drivers.kit.playback import Play, SimClock

PERIOD_S: Final = 2.0
#: Seconds that a restart takes.
BOOT_S: Final = 30.0
_SENT: Final = "PpCcRH"


class CardiacOutputMonitor:
    """The device side; the driver's options say what it is asked to do wrong."""

    def __init__(self, settings: Mapping[str, Any], play: Play, clock: SimClock) -> None:
        self._settings = settings
        self._play = play
        self._clock = clock
        self._next: float | None = None
        self._sent = 0

    def connected(self, now: float) -> list[bytes]:
        """A reader came; the device does not notice, it sends anyway."""
        self._next = now
        return []

    def feed(self, data: bytes, now: float) -> list[bytes]:
        """It does not listen."""
        return []

    def due(self) -> float | None:
        """When the next frame is due."""
        return self._next

    def wake(self, now: float) -> list[bytes]:
        """The frame that is due, unless the device is silent or restarting."""
        if self._next is None or now < self._next:
            return []
        self._next = now + PERIOD_S
        elapsed = max(0.0, self._clock.elapsed(now))
        if self._silent(elapsed):
            return []
        self._sent += 1
        frame = bytearray(encode(self._fields(elapsed)))
        every = self._settings["corrupt_every"]
        if every and self._sent % every == 0:
            frame[len(frame) // 2] ^= 0x40
        return [bytes(frame)]

    def _silent(self, elapsed: float) -> bool:
        muted, restart = self._settings["mute_after"], self._settings["restart_at"]
        booting = restart is not None and 0 <= elapsed - restart < BOOT_S * self._clock.speed
        return booting or (muted is not None and elapsed >= muted)

    def _fields(self, elapsed: float) -> str:
        wanted = self._settings["bed"]
        beds = [bed for bed in self._play.at(elapsed) if not wanted or bed.bed == wanted]
        signals = beds[0].signals if beds else {}
        return "".join(_field(key, MEASURED[key], signals) for key in _SENT)


def _field(key: str, field: Measured, signals: Mapping[str, float]) -> str:
    """A field; one without a value, or with one that does not fit, holds dashes."""
    value = signals.get(field.signal)
    text = "" if value is None else f"{value:0{field.width}.{field.decimals}f}"
    return key + (text if len(text) == field.width else "-" * field.width)
