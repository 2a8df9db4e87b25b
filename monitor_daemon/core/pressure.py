"""Arterial pressure of one bed: the numeric filter, minute bins and MAP5 (reference 0.3 and 4.2).

A sample is judged once, when it arrives, and enters the bin of the minute in which it was measured.
The filter never removes a fall with a pulse: the excursion gate works upward only.
"""

from bisect import bisect_left, insort
from typing import Final

import msgspec

from monitor_daemon.core.events import MINUTE

#: Beat-level limits of jSQI, also used for one-minute ICU values (reference 4.2 rule 1).
LOWEST, HIGHEST = 30.0, 200.0
EXCURSION: Final = 40.0
EXCURSION_HOLD: Final = 120_000
MEDIAN_SPAN: Final = 5 * MINUTE
#: Minutes of bins kept: a CRT entry may ask for MAP5 half an hour back.
KEPT: Final = 45
#: A late sample remakes its bin for this many minutes (design section 4: up to 120 s).
OPEN: Final = 3
#: Corrected times that differ by no more than this are one time (ms): the offset may have moved.
SAME: Final = 100
#: Another arterial source takes over after the present one has been without a value for so long.
TAKE_OVER: Final = MINUTE


def pulse_invalid(mean: float, systolic: float | None, diastolic: float | None) -> bool:
    """Whether the pulse pressure, if it is known, says artefact (4.2 rule 3, PMC7015776)."""
    if systolic is None or diastolic is None:
        return False
    if systolic == diastolic == mean or systolic <= 10 or diastolic <= 10:
        return True
    pulse = systolic - diastolic
    if systolic < 100:
        return pulse < 10
    if systolic <= 150:
        return pulse < 15
    if systolic <= 200:
        return pulse < 30
    return pulse < 50


def median(ordered: list[float]) -> float:
    """The median of a sorted, non-empty list."""
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


class Pressure(msgspec.Struct):
    """The pressure record of a bed. Times in ms, pressures in mmHg, minutes since 1970.

    `bins` holds valid minutes only. `unreadable` is the start of the present run of samples that a
    monitor cannot mean as a patient's pressure, `unreadable_until` and `_count` its end and length.
    `rejected` counts samples by the filter rule that refused them.
    """

    source: str | None = None
    source_seen: int = 0
    recent: list[tuple[int, float]] = []
    ordered: list[float] = []
    raised_since: int | None = None
    unreadable: int | None = None
    unreadable_until: int = 0
    unreadable_count: int = 0
    open: dict[int, list[float]] = {}
    bins: dict[int, float] = {}
    first_sample: int | None = None
    last_sample: int | None = None
    closed: int = 0
    rejected: dict[str, int] = {}

    def take(
        self,
        source: str,
        at: int,
        mean: float,
        systolic: float | None,
        diastolic: float | None,
        *,
        usable: bool,
    ) -> bool:
        """Judge one sample measured at `at`; True if it is valid and went into its bin."""
        if not self._claims(source, at) or self._seen_before(at, mean):
            return False
        self.last_sample = max(at, self.last_sample or at)
        if self.first_sample is None:
            self.first_sample = at
        if not usable:
            return self._reject("flagged")
        self.source_seen = max(at, self.source_seen)
        if not LOWEST <= mean <= HIGHEST:
            self._note_unreadable(at)
            return self._reject("range")
        if pulse_invalid(mean, systolic, diastolic):
            if mean < 65:
                self._note_unreadable(at)
            return self._reject("pulse")
        if self._excursion(at, mean):
            return self._reject("excursion")
        if at >= self.unreadable_until:
            self.unreadable = None
        recent, ordered = self.recent, self.ordered
        recent.append((at, mean))
        insort(ordered, mean)
        minute = at // MINUTE
        values = self.open.get(minute)
        if values is None:
            if minute < self.closed - OPEN:
                return True
            values = self.open[minute] = []
        values.append(mean)
        return True

    def _claims(self, source: str, at: int) -> bool:
        """Whether this source speaks for the bed; one that has gone quiet gives way."""
        if source == self.source:
            return True
        if self.source is not None and at - self.source_seen < TAKE_OVER:
            return False
        self.source = source
        return True

    def _reject(self, reason: str) -> bool:
        self.rejected[reason] = self.rejected.get(reason, 0) + 1
        return False

    def _seen_before(self, at: int, mean: float) -> bool:
        """Whether this is a repeat: same source, same corrected time, same value."""
        if self.last_sample is None or at > self.last_sample + SAME:
            return False
        return at == self.unreadable_until or any(
            value == mean and abs(when - at) <= SAME for when, value in self.recent
        )

    def _note_unreadable(self, at: int) -> None:
        if self.unreadable is None:
            self.unreadable, self.unreadable_count = at, 0
        self.unreadable_until = at
        self.unreadable_count += 1

    def _excursion(self, at: int, mean: float) -> bool:
        """Rule 4: more than 40 above the median of the last 5 min, for at most 120 s."""
        recent, ordered = self.recent, self.ordered
        oldest = at - MEDIAN_SPAN
        gone = 0
        for when, value in recent:
            if when >= oldest:
                break
            del ordered[bisect_left(ordered, value)]
            gone += 1
        if gone:
            del recent[:gone]
        if len(ordered) < 3:
            return False
        if mean <= median(ordered) + EXCURSION:
            self.raised_since = None
            return False
        if self.raised_since is None:
            self.raised_since = at
        return at - self.raised_since < EXCURSION_HOLD

    def close(self, minute: int, need: int) -> None:
        """Minute `minute` begins: make the bins before it, each of at least `need` samples."""
        self.closed = minute
        for m in [m for m in self.open if m < minute]:
            values = self.open[m]
            if len(values) >= need:
                self.bins[m] = median(sorted(values))
            if m < minute - OPEN:
                del self.open[m]
        for m in [m for m in self.bins if m < minute - KEPT]:
            del self.bins[m]

    def map5(self, minute: int) -> float | None:
        """Median of the five bins before `minute`; None (unknown) if fewer than three are valid."""
        bins = self.bins
        values = sorted(bins[m] for m in range(minute - 5, minute) if m in bins)
        return median(values) if len(values) >= 3 else None

    def last_bins(self, minute: int, count: int) -> list[float] | None:
        """The newest `count` valid bins before `minute`, newest first.

        None (unknown) if the newest minute has no valid bin, or fewer are found within the minutes
        that a timer would bridge.
        """
        if minute - 1 not in self.bins:
            return None
        found = [self.bins[m] for m in range(minute - 1, minute - count - 6, -1) if m in self.bins]
        return found[:count] if len(found) >= count else None

    def no_pressure(self) -> bool:
        """ART_CHECK: all samples of 60 s, or two in a row at one a minute, cannot be a pressure."""
        if self.unreadable is None or self.unreadable_count < 2:
            return False
        length = self.unreadable_until - self.unreadable
        return length + length // (self.unreadable_count - 1) >= MINUTE
