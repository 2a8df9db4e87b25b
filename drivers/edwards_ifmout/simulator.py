"""A simulated cardiac output monitor: sends what one bed of a play has, every two seconds."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from drivers.edwards_ifmout.decode import MEASURED, Measured
from drivers.edwards_ifmout.frames import STX, encode
from drivers.kit.playback import Play, SimClock, bed_at

PERIOD_S: Final = 2.0
_SENT: Final = "PpCcRH"
#: What can be wrong with a frame: nothing, its check byte (it looks like the beginning of the next
#: frame), a key that nobody knows, its second half is missing.
FAULTS: Final = ("none", "check_byte", "unknown_key", "cut")
_UNKNOWN: Final = "Z12"


class CardiacOutputMonitor:
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
        """When the next frame is due."""
        return self._next

    def wake(self, now: float) -> list[bytes]:
        """The frame that is due."""
        if self._next is None or now < self._next:
            return []
        self._next = now + PERIOD_S
        signals = bed_at(self._play, self._clock.elapsed(now), self._settings["bed"]).signals
        fields = [_field(key, MEASURED[key], signals) for key in _SENT]
        return [_spoilt(fields, self._settings["fault"])]


def _spoilt(fields: Sequence[str], fault: str) -> bytes:
    """The frame of the fields with one of `FAULTS`."""
    if fault == "unknown_key":
        return encode("".join((*fields[:2], _UNKNOWN, *fields[2:])))
    frame = encode("".join(fields))
    if fault == "check_byte":
        return frame[:-1] + STX
    return frame[: len(frame) // 2] if fault == "cut" else frame


def _field(key: str, field: Measured, signals: Mapping[str, float]) -> str:
    """A field; one without a value, or with one that does not fit, holds dashes."""
    value = signals.get(field.signal)
    text = "" if value is None else f"{value:0{field.width}.{field.decimals}f}"
    return key + (text if len(text) == field.width else "-" * field.width)
