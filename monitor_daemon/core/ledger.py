"""The minute ledger: every minute under protocol has exactly one class (reference R4)."""

from collections.abc import Mapping
from typing import Final

import msgspec

from monitor_daemon.core.events import MINUTE

CLASSES: Final = ("IN", "LOW", "HIGH", "TITRATING", "OFF", "UNKNOWN")
#: A minute is classed when late samples can no longer remake its bin.
WAIT: Final = 3


class Bounds(msgspec.Struct, frozen=True):
    """Width of the target band (mmHg), and the minutes after a change that count as titrating."""

    band: float
    low_grace: float
    high_grace: float


class Minute(msgspec.Struct, frozen=True):
    """What was in force as a minute began: target (mmHg), what moved it last and when (ms)."""

    minute: int
    target: float
    changed: int
    change: str
    on: bool | None

    def classed(self, value: float | None, bounds: Bounds) -> str:
        """The class of this minute with bin `value` (mmHg, None if invalid)."""
        if value is None or self.on is None:
            return "UNKNOWN"
        if not self.on:
            return "OFF"
        age = (self.minute * MINUTE - self.changed) / MINUTE
        if value < self.target:
            return "TITRATING" if self.change == "step_up" and age < bounds.low_grace else "LOW"
        if value > self.target + bounds.band:
            lowered = self.change in {"step_down", "active"}
            return "TITRATING" if lowered and age < bounds.high_grace else "HIGH"
        return "IN"


class Ledger(msgspec.Struct):
    """Counts of minute classes, and the minutes that late samples may still change."""

    counts: dict[str, int] = {}
    pending: list[Minute] = []

    def settle(self, before: int, bins: Mapping[int, float], bounds: Bounds) -> None:
        """Class every pending minute earlier than `before`."""
        while self.pending and self.pending[0].minute < before:
            minute = self.pending.pop(0)
            name = minute.classed(bins.get(minute.minute), bounds)
            self.counts[name] = self.counts.get(name, 0) + 1
