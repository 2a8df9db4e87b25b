"""A value over time: what one signal or one pump rate does during a play."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Track:
    """Values that hold until the next; None is a gap. Times are playback seconds, ascending.

    Before the first time there is no value; at `end` the recording ends and there is none any more.
    """

    times: Sequence[float]
    values: Sequence[float | None]
    end: float = inf

    def at(self, elapsed: float) -> float | None:
        """The value at playback second `elapsed`."""
        index = bisect_right(self.times, elapsed) - 1
        return None if index < 0 or elapsed > self.end else self.values[index]

    def map(self, change: Callable[[float], float]) -> "Track":
        """The same track with every value changed."""
        changed = [None if value is None else change(value) for value in self.values]
        return Track(self.times, changed, self.end)

    def integral(self, elapsed: float) -> float:
        """The area under the track from playback second 0, in value x seconds; a gap counts 0."""
        area = 0.0
        until = min(elapsed, self.end)
        for index, (start, value) in enumerate(zip(self.times, self.values, strict=True)):
            if start >= until:
                break
            stop = self.times[index + 1] if index + 1 < len(self.times) else until
            area += (value or 0.0) * max(0.0, min(stop, until) - max(start, 0.0))
        return area


def total(tracks: Iterable[Track]) -> Track:
    """The sum of several tracks, e.g. two syringes of a drug; a gap counts 0 beside a value."""
    parts = list(tracks)
    times = sorted({time for track in parts for time in track.times})
    values: list[float | None] = []
    for time in times:
        present = [value for track in parts if (value := track.at(time)) is not None]
        values.append(sum(present) if present else None)
    return Track(times, values, max(track.end for track in parts))
