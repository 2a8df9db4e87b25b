"""Summaries of the pressure record (reference 4.3), over valid minute bins (minute to mmHg).

A minute without a bin is unknown. It is filled only where a definition says so, for five minutes.
"""

from collections.abc import Container, Iterable, Mapping
from math import fsum
from typing import Final

import msgspec

#: A bin stands for this many minutes after its own, if they have none.
CARRIED: Final = 5
BLOCK_HOURS: Final = 6
#: Per cent of valid minutes below which a block is shown but not ranked.
RANKED: Final = 80
TOLERANCE: Final = 5.0


class Block(msgspec.Struct, frozen=True):
    """Minutes [start, end) and how many of them have a valid bin."""

    start: int
    end: int
    valid: int

    @property
    def coverage(self) -> float:
        """Valid minutes of those expected, 0 to 1."""
        return self.valid / (self.end - self.start)

    @property
    def ranked(self) -> bool:
        """Whether enough is known; otherwise the block is shown but compared with no other."""
        return self.valid * 100 >= RANKED * (self.end - self.start)


def time_weighted_mean(bins: Mapping[int, float], minutes: Iterable[int]) -> float | None:
    """Mean MAP (mmHg) over `minutes`, for example those on a vasopressor; None if none is known.

    A bin is carried forward for at most five minutes; the rest of a longer gap counts nowhere.
    """
    values = [value for m in minutes if (value := _carried(bins, m)) is not None]
    return fsum(values) / len(values) if values else None


def area_under(bins: Mapping[int, float], thresholds: Mapping[int, float]) -> float:
    """Depth below the threshold of each minute (mmHg), summed, in mmHg min.

    The threshold may be the target in force; minutes without one, or without a bin, add nothing.
    """
    return fsum(max(0.0, limit - bins[m]) for m, limit in thresholds.items() if m in bins)


def area_over_band(
    bins: Mapping[int, float],
    targets: Mapping[int, float],
    on: Container[int],
    tolerance: float = TOLERANCE,
) -> float:
    """Height above target + `tolerance` (mmHg) in the minutes `on` a vasopressor, in mmHg min."""
    return fsum(
        max(0.0, bins[m] - (target + tolerance))
        for m, target in targets.items()
        if m in bins and m in on
    )


def coverage_blocks(
    bins: Container[int], start: int, end: int, hours: int = BLOCK_HOURS
) -> list[Block]:
    """Blocks of `hours` from minute `start` to before `end`; the last may be shorter."""
    size = hours * 60
    return [
        Block(first, last, sum(m in bins for m in range(first, last)))
        for first in range(start, end, size)
        for last in [min(first + size, end)]
    ]


def _carried(bins: Mapping[int, float], minute: int) -> float | None:
    return next((bins[m] for m in range(minute, minute - CARRIED - 1, -1) if m in bins), None)
