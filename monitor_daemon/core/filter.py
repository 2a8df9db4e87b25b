"""The numeric filter for arterial pressure: one sample, its last five minutes, a frozen feed.

Rules and their numbers are those of reference 4.2. Times in ms, pressures in mmHg.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from math import isfinite
from operator import eq
from typing import Final

import msgspec

from monitor_daemon.core.events import MINUTE

#: Beat-level limits of jSQI, also used for one-minute ICU values (rule 1).
LOWEST, HIGHEST = 30.0, 200.0
EXCURSION: Final = 40.0
EXCURSION_HOLD: Final = 120_000
MEDIAN_SPAN: Final = 5 * MINUTE
#: Rule 6: ten minutes at 1 Hz, fifteen triplets at one a minute.
FROZEN_SPAN: Final = 10 * MINUTE
FROZEN_COUNT: Final = 15
#: Equal triplets on both sides of a longer silence are a coincidence, not a run.
RUN_GAP: Final = 5 * MINUTE

#: Mean, systolic and diastolic; and these with their time.
Triplet = tuple[float, float | None, float | None]
Timed = tuple[int, float, float | None, float | None]


def least_pulse(systolic: float) -> float:
    """The smallest pulse pressure that stands with this systolic (rule 3, PMC7015776)."""
    if systolic < 100:
        return 10
    if systolic <= 150:
        return 15
    return 30 if systolic <= 200 else 50


def refusal(mean: float, systolic: float | None, diastolic: float | None) -> str | None:
    """Why the sample by itself cannot stand: "range" (rule 1), "pulse" (rule 3), or None."""
    if not LOWEST <= mean <= HIGHEST:
        return "range"
    if systolic is None or diastolic is None:
        return None
    flat = systolic == diastolic == mean or systolic <= 10 or diastolic <= 10
    return "pulse" if flat or systolic - diastolic < least_pulse(systolic) else None


def all_stand(
    means: Sequence[float],
    systolics: Sequence[float | None],
    diastolics: Sequence[float | None],
) -> bool:
    """True if no sample of a block can be refused; False says nothing. Blocks are not empty."""
    # Comparisons would let NaN through: a sum does not.
    if not isfinite(sum(means)) or min(means) < LOWEST or max(means) > HIGHEST:
        return False
    highs = [value for value in systolics if value is not None]
    lows = [value for value in diastolics if value is not None]
    if not highs or not lows:
        return True
    if len(highs) + len(lows) < 2 * len(means) or not isfinite(sum(highs) + sum(lows)):
        return False
    pulse = min(highs) - max(lows)
    return min(lows) > 10 and min(highs) > 10 and pulse >= least_pulse(max(highs))


def median(ordered: Sequence[float]) -> float:
    """The median of a sorted, non-empty list."""
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


class Window(msgspec.Struct):
    """The valid samples of the last 5 minutes of a series, and its upward gate (rule 4).

    `recent` holds time and mean as they came, `ordered` the means sorted. `raised_since` is the
    start of the present run above the gate.
    """

    recent: list[tuple[int, float]] = []
    ordered: list[float] = []
    raised_since: int | None = None

    def excursion(self, at: int, mean: float) -> bool:
        """Whether the gate refuses this sample: too far up, and not yet for 120 s."""
        self._move(at)
        ordered = self.ordered
        if not ordered or mean <= median(ordered) + EXCURSION:
            self.raised_since = None
            return False
        if self.raised_since is None:
            self.raised_since = at
        return len(ordered) >= 3 and at - self.raised_since < EXCURSION_HOLD

    def add(self, at: int, mean: float) -> None:
        """A valid sample."""
        self.recent.append((at, mean))
        insort(self.ordered, mean)

    def add_block(self, ats: Sequence[int], means: Sequence[float]) -> bool:
        """Add ascending samples newer than all others if the gate can refuse none; say whether."""
        lowest = min(means)
        if self.ordered:
            lowest = min(lowest, self.ordered[0])
        # No median of any of these values lies below the lowest of them.
        if max(means) > lowest + EXCURSION:
            return False
        self.raised_since = None
        self.recent.extend(zip(ats, means, strict=True))
        self.ordered.extend(means)
        self.ordered.sort()
        self._move(ats[-1])
        return True

    def _move(self, at: int) -> None:
        """Forget what is older than 5 minutes at `at`; all of it if the series went back."""
        recent, ordered = self.recent, self.ordered
        if recent and at < recent[0][0] - MEDIAN_SPAN:
            recent.clear()
            ordered.clear()
        oldest = at - MEDIAN_SPAN
        gone = 0
        for when, value in recent:
            if when >= oldest:
                break
            del ordered[bisect_left(ordered, value)]
            gone += 1
        if gone:
            del recent[:gone]


class Feed(msgspec.Struct):
    """The present run of identical triplets, and the last run that was long enough (rule 6).

    `triplet` is mean, systolic and diastolic; None if the newest sample lacks one of them, since a
    mean alone says nothing about a feed. `thawed` is begin and end of the last frozen run (ms).
    """

    triplet: Triplet | None = None
    since: int = 0
    until: int = -1
    count: int = 0
    thawed: tuple[int, int] | None = None

    def see(self, at: int, mean: float, systolic: float | None, diastolic: float | None) -> None:
        """The next sample; one that is not newer than the last is passed over."""
        if at <= self.until:
            return
        whole = systolic is not None and diastolic is not None
        if whole and at - self.until <= RUN_GAP and self.triplet == (mean, systolic, diastolic):
            self.until = at
            self.count += 1
            return
        if self.frozen_since is not None:
            self.thawed = (self.since, self.until)
        if systolic is None or diastolic is None:
            self.triplet, self.count = None, 0
        else:
            self.triplet, self.count = (mean, systolic, diastolic), 1
        self.since = self.until = at

    def see_block(self, ats: Sequence[int], triplets: Sequence[Triplet]) -> None:
        """Samples in order of time, each newer than the last: the same as `see` of each."""
        # A run that is long enough is equal at begin, middle and end of its shortest length.
        half = FROZEN_COUNT // 2
        middles, ends = triplets[half:], triplets[2 * half :]
        first = last = 0
        if not any(map(eq, zip(triplets, middles, strict=False), zip(middles, ends, strict=False))):
            # No run within the block is long enough: only those at its two ends leave a trace.
            last = len(ats) - 1
            while first < last and triplets[first] == self.triplet:
                first += 1
            while last > first and triplets[last] == triplets[last - 1]:
                last -= 1
        # The one before the last run is seen too: it ends a first run of the same values.
        for n in (*range(first + 1), *range(max(first + 1, last - 1), len(ats))):
            self.see(ats[n], *triplets[n])

    @property
    def frozen_since(self) -> int | None:
        """When the present run began, if it is long enough to be called frozen."""
        if self.count < FROZEN_COUNT:
            return None
        length = self.until - self.since
        return self.since if length + length // (self.count - 1) >= FROZEN_SPAN else None

    def frozen(self, minute: int) -> bool:
        """Whether samples of this minute belong to the present or the last frozen run."""
        runs = [self.thawed, None if self.frozen_since is None else (self.since, self.until)]
        return any(run and run[0] // MINUTE <= minute <= run[1] // MINUTE for run in runs)
