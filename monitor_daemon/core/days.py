"""What the record of each trial day D0, D1, ... proposes: reference section 2.4.

A day is a calendar day of the site; across a clock change it has 23 or 25 hours. Sums begin at
randomisation and are exact between two changes of a pump. What is not known counts nowhere, and the
coverages say how much is known. What happened in the last 24 h stands open, since late data and
corrected associations may change it (0.7); what is older is summed. A person signs the values;
nothing here lines them up with the start of the study drug.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any, Final

import msgspec

from monitor_daemon.core.events import HOUR, MINUTE
from monitor_daemon.core.history import KEPT
from monitor_daemon.core.results import Results
from monitor_daemon.core.subject import PressureRange, Subject

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


class Pressed(msgspec.Struct, frozen=True, array_like=True):
    """A minute: MAP5 and perfusion pressure (mmHg, None is unknown), and if it has a valid bin."""

    map5: float | None = None
    mpp: float | None = None
    valid: bool = False


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
    physician's range. `results` are values by measurement (ms) by kind. `written` is what the
    record says.
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
    results: dict[str, dict[int, float]] = {}
    written: dict[str, Any] | None = None

    def flow(self, flowing: Flowing, minutes: float) -> None:
        """So much flowed for so many minutes."""
        self.dose.add(flowing.dose, minutes)
        self.delivered.add(flowing.delivered, minutes)
        self.study.add(flowing.study, minutes)
        self.study_minutes += minutes if flowing.study else 0.0
        self.openly_minutes += minutes if flowing.openly else 0.0

    def press(self, pressed: Pressed, wanted: PressureRange | None) -> None:
        """One minute passed at these pressures, under the range `wanted`."""
        self.valid += pressed.valid
        self.map.add(pressed.map5, 1)
        pressure = pressed.map5
        if wanted is not None and wanted.variable == "MPP":
            pressure = pressed.mpp
            self.mpp.add(pressure, 1)
        if wanted is None or pressure is None:
            return
        self.below += pressure < wanted.low
        self.above += pressure > wanted.high
        self.inside += wanted.low <= pressure <= wanted.high

    def collect(self, sources: Iterable[Results], since: int) -> bool:
        """Take the results measured on this day, as far as they are known; True if that is news.

        Those of before `since` (ms) were told by devices that are not his any more: they stay.
        """
        known, before = list(sources), self.results
        self.results = {}
        for kind in WORST:
            values = {at: v for at, v in before.get(kind, {}).items() if at < since}
            for source in known:
                values |= source.values.get(kind, [])
            if within := {at: v for at, v in values.items() if self.start <= at < self.end}:
                self.results[kind] = within
        return self.results != before


class DayBook(msgspec.Struct):
    """All days of one patient up to `at` (ms).

    Of the last 24 h there are `flows`, (since, what flows), `minutes` by number and `ranges`, the
    physician's (minute from which it counts, range); `days` hold what is older. `weights` are
    (since, kg). `stay` is since when (ms) his devices are those whose data are in the book.
    """

    days: list[Day] = []
    at: int = 0
    flows: list[tuple[int, Flowing]] = []
    minutes: dict[int, Pressed] = {}
    ranges: list[tuple[int, PressureRange]] = []
    weights: list[tuple[int, float]] = []
    stay: int = 0

    def open(self, start: int, ends: Iterable[int], randomised: int) -> None:
        """Prepare the days from `start` that end at `ends`; what flowed before is not known."""
        for number, end in enumerate(ends):
            self.days.append(Day(number, start, end, max(start, randomised)))
            start = end
        self.at = randomised
        self.flows.append((randomised, Flowing()))

    def flow(self, now: int, flowing: Flowing) -> None:
        """From `now` on it is `flowing`."""
        self.at = max(now, self.at)
        if flowing != self.flows[-1][1]:
            self.flows.append((self.at, flowing))
        while len(self.flows) > 1 and self.flows[1][0] <= self.at - KEPT:
            self._sum_flow(self.days, *self.flows.pop(0), self.flows[0][0])

    def reflow(self, changes: Sequence[tuple[int, Flowing]]) -> None:
        """What flowed from the first of these changes on is known only now."""
        first = max(changes[0][0], self.flows[0][0])
        self.flows = [flow for flow in self.flows if flow[0] < first]
        for since, flowing in changes:
            if not self.flows or flowing != self.flows[-1][1]:
                self.flows.append((max(since, first), flowing))

    def press(self, minute: int, pressed: Pressed, wanted: PressureRange | None) -> None:
        """A minute is over, or known anew; `wanted` is the range that is in force now."""
        newest, known = next(reversed(self.minutes), -1), minute in self.minutes
        self.minutes[minute] = pressed
        if known:
            return
        if minute < newest:
            self.minutes = dict(sorted(self.minutes.items()))
            return
        if wanted is not None and (not self.ranges or self.ranges[-1][1] != wanted):
            # A minute is judged by what was in force when it began.
            self.ranges.append((-(-wanted.changed // MINUTE), msgspec.structs.replace(wanted)))
        while (oldest := next(iter(self.minutes))) < minute - KEPT // MINUTE:
            self._sum_minute(self.days, oldest, self.minutes.pop(oldest))
        while len(self.ranges) > 1 and self.ranges[1][0] <= oldest:
            del self.ranges[0]

    def lose(self, since: int) -> None:
        """What is in the book since `since` (ms) was somebody else's."""
        self.reflow([(since, Flowing())])
        for minute in self.minutes:
            if minute * MINUTE >= since:
                self.minutes[minute] = Pressed()

    def weigh(self, now: int, weight_kg: float | None) -> None:
        """From `now` on doses count for this weight; those before keep theirs (3.3)."""
        if weight_kg is not None and (not self.weights or self.weights[-1][1] != weight_kg):
            self.weights.append((now, weight_kg))

    def weight(self, at: int) -> float | None:
        """The weight (kg) that counted at `at` (ms); before the first one, that."""
        place = bisect_right(self.weights, at, key=lambda entry: entry[0])
        return self.weights[max(0, place - 1)][1] if self.weights else None

    def whole(self, day: Day) -> Day:
        """The day with all that is known of it by now."""
        whole = deepcopy(day)
        ends = [since for since, _ in self.flows[1:]]
        for (since, flowing), end in zip(self.flows, [*ends, self.at], strict=True):
            self._sum_flow([whole], since, flowing, end)
        for minute, pressed in self.minutes.items():
            self._sum_minute([whole], minute, pressed)
        return whole

    def _sum_flow(self, days: Iterable[Day], since: int, flowing: Flowing, end: int) -> None:
        for day in days:
            length = min(end, day.end) - max(since, day.since)
            if length > 0:
                day.flow(flowing, length / MINUTE)

    def _sum_minute(self, days: Iterable[Day], minute: int, pressed: Pressed) -> None:
        for day in days:
            if day.since <= minute * MINUTE < day.end:
                day.press(pressed, self._range(minute))

    def _range(self, minute: int) -> PressureRange | None:
        place = bisect_right(self.ranges, minute, key=lambda entry: entry[0])
        return self.ranges[place - 1][1] if place else None


def day_summaries(subject: Subject) -> list[dict[str, Any]]:
    """The values of every day that has begun, for reports; the last may not be over."""
    if DayBook.__name__ not in subject.memory:
        return []
    book = subject.recall(DayBook)
    begun = [day for day in book.days if day.since <= book.at]
    return [
        summary(book.whole(day), book.at) | {"signed": subject.signed.get(day.number)}
        for day in begun
    ]


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
    for kind, worst in WORST.items():
        found = day.results.get(kind, {})
        values[f"{kind}_worst"] = worst(found.values()) if found else None
        values[f"{kind}_last"] = found[max(found)] if found else None
    return values


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _share(part: float, whole: float) -> float | None:
    return None if whole <= 0 else round(min(100.0, 100 * part / whole), 1)
