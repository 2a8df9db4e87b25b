"""Arterial pressure of one bed: minute bins and MAP5 of what the filter lets through.

A sample is judged once, when it arrives, and enters the bin of the minute in which it was measured
(reference 0.3, 0.7 and 4.2). The filter never removes a fall with a pulse: its gate works upward
only.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from operator import sub
from typing import Final

import msgspec

from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.filter import Feed, Timed, Window, all_stand, median, refusal

#: Minutes of bins kept, and how late a sample may come: 24 h.
KEPT: Final = 1440
#: A late sample remakes its bin for this many minutes: up to 120 s of ordinary lateness.
OPEN: Final = 3
#: Corrected times that differ by no more than this are one time (ms): the offset may have moved.
SAME: Final = 100
#: Another arterial source takes over after the present one has been without a value for so long;
#: later if two values of it are further apart.
TAKE_OVER: Final = MINUTE
#: Without a pulse a mean below this may be a collapse (4.2 rule 2).
PULSELESS: Final = 65.0


class Pressure(Window):
    """The pressure record of a bed. Times in ms, pressures in mmHg, minutes since 1970.

    It is the filter window of the live series; `late_window` is that of a replayed one, whose
    samples wait in `late`, by minute and in order of time, until the next minute begins. `bins`
    holds valid minutes only. `unreadable` is the start of the present run of samples that a monitor
    cannot mean as a patient's pressure, `unreadable_until` and `_count` its end and length.
    `rejected` counts samples by the filter rule that refused them.
    """

    source: str | None = None
    source_seen: int = 0
    source_rank: int = 0
    unreadable: int | None = None
    unreadable_until: int = 0
    unreadable_count: int = 0
    feed: Feed = msgspec.field(default_factory=Feed)
    open: dict[int, list[float]] = msgspec.field(default_factory=dict)
    late: dict[int, list[tuple[int, float]]] = msgspec.field(default_factory=dict)
    late_window: Window = msgspec.field(default_factory=Window)
    bins: dict[int, float] = msgspec.field(default_factory=dict)
    first_sample: int | None = None
    last_sample: int | None = None
    closed: int = 0
    rejected: dict[str, int] = msgspec.field(default_factory=dict)

    def take(
        self,
        source: str,
        at: int,
        mean: float,
        systolic: float | None,
        diastolic: float | None,
        *,
        usable: bool,
        rank: int = 0,
        patience: int = TAKE_OVER,
    ) -> bool:
        """Judge one sample measured at `at`; True if it is valid and waits for its bin.

        Of two sources the one with the smaller `rank` is followed, as long as it has values: it may
        be without one for `patience` (ms).
        """
        if not self.follows(source, at, rank, patience, usable=usable):
            return False
        minute = at // MINUTE
        if minute < self.closed - OPEN:
            return self._take_late(at, mean, systolic, diastolic, usable=usable)
        if self._seen_before(at, mean):
            return False
        self.last_sample = max(at, self.last_sample or at)
        if self.first_sample is None:
            self.first_sample = at
        if not usable:
            self.feed.see(at, mean, None, None)
            return self._reject("flagged")
        self.feed.see(at, mean, systolic, diastolic)
        self.source_seen = max(at, self.source_seen)
        reason = refusal(mean, systolic, diastolic)
        if reason is not None:
            if reason == "range" or mean < PULSELESS:
                self._note_unreadable(at)
            else:
                self._end_unreadable(at)
            return self._reject(reason)
        self._end_unreadable(at)
        if self.excursion(at, mean):
            return self._reject("excursion")
        self.add(at, mean)
        self._collect(minute, (mean,))
        return True

    def take_block(self, source: str, samples: Sequence[Timed], rank: int = 0) -> int:
        """Judge usable samples (time, mean, systolic, diastolic) of one source in order of time.

        The state is afterwards what `take` one by one makes of them. Gives how many are valid.
        """
        if self._take_plain(source, samples, rank):
            return len(samples)
        return sum(self.take(source, *sample, usable=True, rank=rank) for sample in samples)

    def _take_plain(self, source: str, samples: Sequence[Timed], rank: int) -> bool:
        """Take a block at once if none of it can be late, repeated or refused; say whether."""
        if not samples:
            return True
        ats, means, systolics, diastolics = zip(*samples, strict=True)
        newest = ats[0] - SAME - 1 if self.last_sample is None else self.last_sample
        if (
            min(map(sub, ats, (newest, *ats))) <= SAME
            or ats[0] // MINUTE < self.closed - OPEN
            or not all_stand(means, systolics, diastolics)
            or not self.follows(source, ats[0], rank, TAKE_OVER, usable=True)
            or not self.add_block(ats, means)
        ):
            return False
        self.feed.see_block(ats, list(zip(means, systolics, diastolics, strict=True)))
        if self.first_sample is None:
            self.first_sample = ats[0]
        self.last_sample = ats[-1]
        self.source_seen = max(ats[-1], self.source_seen)
        self._end_unreadable(ats[-1])
        begin = 0
        while begin < len(ats):
            minute = ats[begin] // MINUTE
            end = bisect_left(ats, (minute + 1) * MINUTE, begin)
            self._collect(minute, means[begin:end])
            begin = end
        return True

    def _collect(self, minute: int, means: Sequence[float]) -> None:
        values = self.open.get(minute)
        if values is None:
            values = self.open[minute] = []
        values.extend(means)

    def _take_late(
        self,
        at: int,
        mean: float,
        systolic: float | None,
        diastolic: float | None,
        *,
        usable: bool,
    ) -> bool:
        """Judge a replayed sample by its own series. A minute that has its bin needs none."""
        minute = at // MINUTE
        if minute < self.closed - KEPT:
            return self._reject("too_late")
        if minute in self.bins:
            return False
        reason = refusal(mean, systolic, diastolic) if usable else "flagged"
        if reason is not None:
            return self._reject(reason)
        waiting = self.late.get(minute, [])
        for when, value in waiting[bisect_left(waiting, (at - SAME,)) :]:
            if when > at + SAME:
                break
            if value == mean:
                return False
        if self.late_window.excursion(at, mean):
            return self._reject("excursion")
        self.late_window.add(at, mean)
        insort(self.late.setdefault(minute, waiting), (at, mean))
        return True

    def follows(self, source: str, at: int, rank: int, patience: int, *, usable: bool) -> bool:
        """Whether this source speaks for the bed; one that has gone quiet gives way to values."""
        if source == self.source:
            return True
        quiet = at - self.source_seen >= patience
        if self.source is not None and not (usable and (quiet or rank < self.source_rank)):
            return False
        self.source, self.source_rank = source, rank
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

    def _end_unreadable(self, at: int) -> None:
        """A sample that is a pressure, if perhaps not the patient's: a flush, a closed stopcock."""
        if at >= self.unreadable_until:
            self.unreadable = None

    def close(self, minute: int, need: int) -> list[int]:
        """Minute `minute` begins: make the bins before it, each of at least `need` samples.

        Gives the minutes, in order, that got their first bin only now, when late samples could no
        longer remake it.
        """
        self._forget(minute)
        self.closed = minute
        made = []
        for m in [m for m in self.open if m < minute]:
            values = self.open[m]
            if len(values) >= need and m >= minute - KEPT:
                if m < minute - OPEN - 1 and m not in self.bins:
                    made.append(m)
                self.bins[m] = median(sorted(values))
            if m < minute - OPEN:
                del self.open[m]
        for m, waiting in self.late.items():
            if len(waiting) >= need and m >= minute - KEPT:
                self.bins[m] = median(sorted(mean for _, mean in waiting))
                made.append(m)
        self.late.clear()
        return sorted(made)

    def _forget(self, minute: int) -> None:
        """Drop the bins that are too old once `minute` begins."""
        if minute - self.closed > KEPT:
            self.bins.clear()
            return
        for m in range(self.closed - KEPT, minute - KEPT):
            self.bins.pop(m, None)

    @property
    def frozen_since(self) -> int | None:
        """Since when (ms) the feed repeats one triplet, if it is FEED_FROZEN (4.2 rule 6)."""
        return self.feed.frozen_since

    def lacks(self, at: int) -> bool:
        """Whether the record has a gap at `at` (ms), within the day and after its beginning."""
        minute = at // MINUTE
        known = minute in self.bins or minute in self.open or minute in self.late
        begun = self.first_sample is not None and at >= self.first_sample
        return begun and not known and minute >= self.closed - KEPT

    def value(self, minute: int) -> float | None:
        """The bin of `minute` (mmHg) as the record may count it: a frozen feed tells nothing."""
        return None if self.frozen(minute) else self.bins.get(minute)

    def frozen(self, minute: int) -> bool:
        """Whether the samples of this minute came from a frozen feed, as far as is known now."""
        return self.feed.frozen(minute)

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
