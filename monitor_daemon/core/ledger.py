"""The minute ledger: every minute under protocol has exactly one class (reference R4)."""

from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.history import History, Standing
from monitor_daemon.core.pressure import KEPT, Pressure

CLASSES: Final = ("IN", "LOW", "HIGH", "TITRATING", "OFF", "UNKNOWN")
#: A minute is classed when samples of ordinary lateness can no longer remake its bin.
WAIT: Final = 3
#: How a minute outside of the counted phases is remembered; the others by their first letter.
_NONE: Final = "-"
_NAMES: Final = {name[0]: name for name in CLASSES}


class Bounds(msgspec.Struct, frozen=True):
    """Width of the target band (mmHg), minutes after a change that count as titrating, phases."""

    band: float
    low_grace: float
    high_grace: float
    phases: Collection[str] = ("ACTIVE",)


def classed(minute: int, value: float | None, stood: Standing, bounds: Bounds) -> str:
    """The class of a minute with bin `value` (mmHg, None: invalid), by what stood at its start."""
    if value is None or stood.on is None or stood.target is None:
        return "UNKNOWN"
    if not stood.on:
        return "OFF"
    age = (minute * MINUTE - (stood.changed or 0)) / MINUTE
    if value < stood.target:
        return "TITRATING" if stood.change == "step_up" and age < bounds.low_grace else "LOW"
    if value > stood.target + bounds.band:
        lowered = stood.change in {"step_down", "active"}
        return "TITRATING" if lowered and age < bounds.high_grace else "HIGH"
    return "IN"


class Ledger(msgspec.Struct):
    """Counts of minute classes.

    `next` is the first minute that is not classed yet; `kept` has one letter for each of the last
    day's minutes before it, so that late data or another patient's can class them again.
    """

    counts: dict[str, int] = {}
    next: int | None = None
    kept: str = ""

    def settle(self, before: int, history: History, pressure: Pressure, bounds: Bounds) -> None:
        """Class every minute up to `before` that is not classed yet."""
        first = before if self.next is None else self.next
        letters = "".join(
            self._letter(minute, pressure.value(minute), history, bounds)
            for minute in range(first, before)
        )
        self._count(letters, 1)
        self.kept = (self.kept + letters)[-KEPT:]
        self.next = max(before, first)

    def remake(
        self, minutes: Iterable[int], history: History, pressure: Pressure, bounds: Bounds
    ) -> None:
        """Class minutes again that had no value and now have one."""
        for minute in minutes:
            self._replace(minute, self._letter(minute, pressure.value(minute), history, bounds))

    def lose(self, since: int, history: History, bounds: Bounds) -> None:
        """The values from minute `since` on were somebody else's: those minutes are unknown."""
        for minute in range(since, since if self.next is None else self.next):
            self._replace(minute, self._letter(minute, None, history, bounds))

    def _letter(self, minute: int, value: float | None, history: History, bounds: Bounds) -> str:
        stood = history.at(minute * MINUTE)
        counted = stood is not None and stood.phase in bounds.phases
        return classed(minute, value, stood, bounds)[0] if stood and counted else _NONE

    def _replace(self, minute: int, letter: str) -> None:
        place = minute - (self.next or 0)
        if -len(self.kept) <= place < 0:
            self._count(self.kept[place], -1)
            self._count(letter, 1)
            place += len(self.kept)
            self.kept = self.kept[:place] + letter + self.kept[place + 1 :]

    def _count(self, letters: str, by: int) -> None:
        for letter in letters:
            if letter != _NONE:
                name = _NAMES[letter]
                self.counts[name] = self.counts.get(name, 0) + by
                if not self.counts[name]:
                    del self.counts[name]
