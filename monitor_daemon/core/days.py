"""What the record of each trial day D0, D1, ... proposes: reference section 2.4.

A day is a calendar day of the site; across a clock change it has 23 or 25 hours. Sums begin at
randomisation and are exact between two changes of a pump. What is not known counts nowhere, and the
coverages say how much is known. A person signs the values; nothing here lines them up with the
start of the study drug.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.results import Results
from monitor_daemon.core.subject import PressureRange, Subject

HOUR: Final = 60 * MINUTE
#: The worst of a day's results: sodium falls under vasopressin, the others rise in shock.
WORST: Final[dict[str, Callable[[Iterable[float]], float]]] = {
    "lactate": max,
    "sodium": min,
    "creatinine": max,
}


class Flowing(msgspec.Struct, frozen=True):
    """What flows from an instant on; None is unknown.

    `dose` is norepinephrine base as it is judged, pauses bridged, `delivered` what really flows
    (both ug/kg/min); `study` is mL/h, `openly` whether vasopressin flows beside it.
    """

    dose: float | None = None
    delivered: float | None = None
    study: float | None = None
    openly: bool | None = None


class Mean(msgspec.Struct):
    """A value over time: extremes, and the integral over the `minutes` in which it was known."""

    low: float | None = None
    high: float | None = None
    integral: float = 0.0
    minutes: float = 0.0

    def add(self, value: float | None, minutes: float) -> None:
        """The value held for so many minutes; None was unknown."""
        if value is None:
            return
        self.low = value if self.low is None else min(self.low, value)
        self.high = value if self.high is None else max(self.high, value)
        self.integral += value * minutes
        self.minutes += minutes

    @property
    def mean(self) -> float | None:
        """The time-weighted mean."""
        return self.integral / self.minutes if self.minutes else None


class Day(msgspec.Struct):
    """One day from `start` to `end` (ms), counted from `since`: randomisation lies within D0.

    `dose` and `delivered` in ug/kg/min, `study` in mL/h, `map` and `mpp` in mmHg. `valid` counts
    minutes with a bin; `inside`, `below` and `above` those with a known pressure against the
    physician's range. `results` are (worst, last) by kind. `written`: it stands in the record.
    """

    number: int
    start: int
    end: int
    since: int
    dose: Mean = msgspec.field(default_factory=Mean)
    delivered: Mean = msgspec.field(default_factory=Mean)
    study: Mean = msgspec.field(default_factory=Mean)
    study_minutes: float = 0.0
    openly_minutes: float = 0.0
    map: Mean = msgspec.field(default_factory=Mean)
    mpp: Mean = msgspec.field(default_factory=Mean)
    inside: int = 0
    below: int = 0
    above: int = 0
    valid: int = 0
    results: dict[str, tuple[float, float]] = {}
    written: bool = False

    def flow(self, flowing: Flowing, minutes: float) -> None:
        """So much flowed for so many minutes."""
        self.dose.add(flowing.dose, minutes)
        self.delivered.add(flowing.delivered, minutes)
        self.study.add(flowing.study, minutes)
        self.study_minutes += minutes if flowing.study else 0.0
        self.openly_minutes += minutes if flowing.openly else 0.0

    def press(
        self, map5: float | None, mpp: float | None, wanted: PressureRange | None, *, valid: bool
    ) -> None:
        """One minute is over, with a valid bin or without, at these pressures (mmHg)."""
        self.valid += valid
        self.map.add(map5, 1)
        if wanted is not None and wanted.variable == "MPP":
            self.mpp.add(mpp, 1)
        pressure = mpp if wanted is not None and wanted.variable == "MPP" else map5
        if wanted is None or pressure is None:
            return
        self.below += pressure < wanted.low
        self.above += pressure > wanted.high
        self.inside += wanted.low <= pressure <= wanted.high

    def collect(self, sources: Iterable[Results]) -> None:
        """The results measured on this day, as far as they are known by now."""
        known = list(sources)
        for kind, worst in WORST.items():
            items = (item for source in known for item in source.values.get(kind, []))
            values = sorted(item for item in items if self.start <= item[0] < self.end)
            if values:
                self.results[kind] = (worst(value for _, value in values), values[-1][1])


class DayBook(msgspec.Struct):
    """All days of one patient, and what flows since `at` (ms)."""

    days: list[Day] = []
    at: int = 0
    flowing: Flowing = msgspec.field(default_factory=Flowing)

    def open(self, start: int, ends: Iterable[int], randomised: int) -> None:
        """Prepare the days from `start` that end at `ends`; what flowed before is not known."""
        for number, end in enumerate(ends):
            self.days.append(Day(number, start, end, max(start, randomised)))
            start = end
        self.at = randomised

    def flow(self, now: int, flowing: Flowing) -> None:
        """What flowed did so until `now`; from now on it is `flowing`."""
        for day in self.days:
            length = min(now, day.end) - max(self.at, day.since)
            if length > 0:
                day.flow(self.flowing, length / MINUTE)
        self.at, self.flowing = max(now, self.at), flowing

    def at_time(self, when: int) -> Day | None:
        """The day whose sums `when` belongs to."""
        return next((day for day in self.days if day.since <= when < day.end), None)


def day_summaries(subject: Subject) -> list[dict[str, Any]]:
    """The values of every day that has begun, for reports; the last may not be over."""
    if DayBook.__name__ not in subject.memory:
        return []
    book = subject.recall(DayBook)
    begun = [day for day in book.days if day.since <= book.at]
    return [summary(day, book.at) | {"signed": subject.signed.get(day.number)} for day in begun]


def summary(day: Day, now: int) -> dict[str, Any]:
    """The values of a day up to `now` (ms); None is unknown.

    Pressures in mmHg, doses in ug/kg/min, total in ug/kg, coverages in % of the time that counts.
    """
    expected = (min(now, day.end) - day.since) / MINUTE
    values: dict[str, Any] = {
        "day": day.number,
        "start": day.start,
        "end": day.end,
        "hours": _round((day.end - day.start) / HOUR, 2),
        "ne_min": _round(day.dose.low, 3),
        "ne_max": _round(day.dose.high, 3),
        "ne_mean": _round(day.dose.mean, 4),
        "ne_total": _round(day.delivered.integral, 2) if day.delivered.minutes else None,
        "ne_coverage": _share(day.delivered.minutes, expected),
        "map_mean": _round(day.map.mean, 1),
        "mpp_mean": _round(day.mpp.mean, 1),
        "minutes_in": day.inside,
        "minutes_below": day.below,
        "minutes_above": day.above,
        "study_ml": _round(day.study.integral / 60, 2) if day.study.minutes else None,
        "study_minutes": _round(day.study_minutes, 1),
        "open_label_minutes": _round(day.openly_minutes, 1),
        "coverage": _share(day.valid, expected),
    }
    for kind in WORST:
        worst, last = day.results.get(kind, (None, None))
        values |= {f"{kind}_worst": worst, f"{kind}_last": last}
    return values


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _share(part: float, whole: float) -> float | None:
    return None if whole <= 0 else round(min(100.0, 100 * part / whole), 1)
