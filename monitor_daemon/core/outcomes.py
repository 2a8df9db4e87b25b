"""Trial outcomes that pumps and a few entries can give (reference R8, PERSONALISE defaults).

Days are periods of 24 h from randomisation, numbered from 1. What was delivered comes as runs, half
open spans [start, end) in ms of engine time, for each drug of the drug file. What no pump told is
unknown: a period with too much of it is flagged and waits for people.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import isfinite
from typing import Final, Literal

import msgspec

from monitor_daemon.core.events import HOUR, MINUTE

Runs = Sequence[tuple[int, int]]

DAY: Final = 24 * HOUR

#: Vasopressin is none of them: earlier vasopressin can buy catecholamine-free days.
CATECHOLAMINES: Final = frozenset(
    {"norepinephrine", "epinephrine", "dopamine", "dobutamine", "isoprenaline"}
)
#: The second analysis of free days.
WITHOUT_DOBUTAMINE: Final = CATECHOLAMINES - {"dobutamine"}
#: Any vasopressor (reference 0.3). A blinded study infusion has none of these names.
VASOPRESSORS: Final = frozenset(
    {
        "norepinephrine",
        "epinephrine",
        "dopamine",
        "phenylephrine",
        "metaraminol",
        "vasopressin",
        "terlipressin",
        "angiotensin_ii",
    }
)

#: Lactate clearance: the first value from 6 h before to 1 h after, the second at 24 h +- 3 h.
BEFORE: Final = 6 * HOUR
AFTER: Final = HOUR
LATER: Final = 24 * HOUR
AROUND: Final = 3 * HOUR


class Counting(msgspec.Struct, frozen=True):
    """How periods are counted.

    A period is used from `minimum_minutes` of delivery on, all runs together, and incomplete with
    more than `unknown_hours` without pump data.
    """

    days: int = 28
    minimum_minutes: float = 10
    unknown_hours: float = 6


DEFAULT: Final = Counting()


class Delivery(msgspec.Struct, frozen=True):
    """A delivery [start, end) in ms that was too short to make its period used."""

    period: int
    drug: str
    start: int
    end: int


class Periods(msgspec.Struct, frozen=True):
    """What was seen, by period.

    `elapsed`: periods that are over and that the patient lived through. `used` may also hold the
    running one, or the one in which he died. `assumed`: nothing was seen after his discharge, and
    he left without these drugs. `incomplete`: too much is unknown.
    """

    elapsed: int
    used: tuple[int, ...]
    incomplete: tuple[int, ...]
    assumed: tuple[int, ...]
    short: tuple[Delivery, ...]

    @property
    def undecided(self) -> tuple[int, ...]:
        """Periods that may turn out to be used once people have completed them."""
        return tuple(period for period in self.incomplete if period not in self.used)


class FreeDays(msgspec.Struct, frozen=True):
    """Free days, counted by what was seen: at most so many while a period is undecided.

    `main`: all free periods, wherever they fall; 0 if he died within the window.
    `after_last_liberation`: those after the last used one. `alive_and_free`: free periods lived
    through, whatever came later.
    """

    main: int
    after_last_liberation: int
    alive_and_free: int
    periods: Periods


class VasopressorDays(msgspec.Struct, frozen=True):
    """Used periods, counted by what was seen: at least so many while a period is undecided."""

    days: int
    periods: Periods


class Clearance(msgspec.Struct, frozen=True):
    """Lactate clearance in per cent, negative if lactate rose; values in mmol/L, times in ms."""

    percent: float
    first: float
    first_at: int
    later: float
    later_at: int


class Missing(msgspec.Struct, frozen=True):
    """Why there is no lactate clearance."""

    reason: Literal["died before 24 h", "no first value", "no value at 24 h"]


def free_days(
    runs: Mapping[str, Runs],
    unknown: Runs,
    randomised: int,
    *,
    now: int | None = None,
    death: int | None = None,
    discharge: int | None = None,
    counting: Counting = DEFAULT,
    drugs: Collection[str] = CATECHOLAMINES,
) -> FreeDays:
    """Days free of `drugs`; all times in ms. `now` None: the follow-up is over.

    Death before the end of the last period gives 0; at its very end the patient lived through it.
    """
    periods = _periods(
        {drug: runs[drug] for drug in runs if drug in drugs},
        unknown,
        randomised,
        until=_earliest(now, death),
        discharge=discharge,
        counting=counting,
    )
    free = sum(period not in periods.used for period in range(1, periods.elapsed + 1))
    died = death is not None and death < randomised + counting.days * DAY
    last = max(periods.used, default=0)
    return FreeDays(
        main=0 if died else free,
        after_last_liberation=0 if died else max(0, periods.elapsed - last),
        alive_and_free=free,
        periods=periods,
    )


def vasopressor_days(
    runs: Mapping[str, Runs],
    unknown: Runs,
    randomised: int,
    *,
    now: int | None = None,
    death: int | None = None,
    discharge: int | None = None,
    counting: Counting = DEFAULT,
) -> VasopressorDays:
    """Periods with any vasopressor, vasopressin included; all times in ms.

    Runs of what is no vasopressor, a blinded study infusion above all, are passed over.
    """
    periods = _periods(
        {drug: runs[drug] for drug in runs if drug in VASOPRESSORS},
        unknown,
        randomised,
        until=_earliest(now, death),
        discharge=discharge,
        counting=counting,
    )
    return VasopressorDays(len(periods.used), periods)


def lactate_clearance(
    values: Iterable[tuple[int, float]], randomised: int, death: int | None
) -> Clearance | Missing:
    """(L0 - L24) / L0 of lactates (ms, mmol/L), in per cent.

    L0 is the last value of the 6 h before randomisation, else the first of the hour after. L24 is
    the value nearest to 24 h within 3 h, of two as near the earlier. All limits are inside. What is
    not a number above 0 is no lactate.
    """
    if death is not None and death < randomised + LATER:
        return Missing("died before 24 h")
    timed = sorted(
        (at - randomised, value) for at, value in values if value > 0 and isfinite(value)
    )
    before = [item for item in timed if -BEFORE <= item[0] <= 0]
    after = [item for item in timed if 0 < item[0] <= AFTER]
    if not before and not after:
        return Missing("no first value")
    late = [item for item in timed if abs(item[0] - LATER) <= AROUND]
    if not late:
        return Missing("no value at 24 h")
    first_at, first = before[-1] if before else after[0]
    later_at, later = min(late, key=lambda item: abs(item[0] - LATER))
    return Clearance(
        percent=(first - later) / first * 100,
        first=first,
        first_at=randomised + first_at,
        later=later,
        later_at=randomised + later_at,
    )


def within_window(event: int, randomised: int, hours: float = 72) -> bool:
    """Whether an event (ms) falls in the window after randomisation; both ends are inside."""
    return 0 <= event - randomised <= hours * HOUR


def _earliest(*times: int | None) -> int | None:
    return min((time for time in times if time is not None), default=None)


def _periods(
    runs: Mapping[str, Runs],
    unknown: Runs,
    randomised: int,
    *,
    until: int | None,
    discharge: int | None,
    counting: Counting,
) -> Periods:
    """Look at every period that began before `until` (ms)."""
    over = randomised + counting.days * DAY
    until = over if until is None else min(until, over)
    left = until if discharge is None else min(discharge, until)
    off = not _on(runs, unknown, left)
    gaps = [*_within(unknown, randomised, left), *([] if off else [(left, until)])]
    elapsed = max(0, (until - randomised) // DAY)
    used: list[int] = []
    incomplete: list[int] = []
    short: list[Delivery] = []
    for period, start in enumerate(range(randomised, until, DAY), 1):
        end = min(start + DAY, until)
        given = [
            Delivery(period, drug, *span)
            for drug in sorted(runs)
            for span in _within(runs[drug], start, end)
        ]
        if _length((one.start, one.end) for one in given) >= counting.minimum_minutes * MINUTE:
            used.append(period)
        else:
            short.extend(given)
        if _length(_within(gaps, start, end)) > counting.unknown_hours * HOUR:
            incomplete.append(period)
    unseen = range((left - randomised) // DAY + 1, elapsed + 1) if off else ()
    return Periods(
        elapsed=elapsed,
        used=tuple(used),
        incomplete=tuple(incomplete),
        assumed=tuple(period for period in unseen if period > 0 and period not in used),
        short=tuple(short),
    )


def _on(runs: Mapping[str, Runs], unknown: Runs, left: int) -> bool:
    """Whether a drug ran when the patient was last seen: as he left, or as his pumps fell silent.

    Pumps are often taken off a while before; their silence alone says nothing of the drug.
    """
    seen = next((start for start, end in unknown if start < left <= end), left)
    return any(start < seen <= end for spans in runs.values() for start, end in spans)


def _within(runs: Runs, start: int, end: int) -> list[tuple[int, int]]:
    """The parts of runs that lie in [start, end)."""
    return [(max(a, start), min(b, end)) for a, b in runs if max(a, start) < min(b, end)]


def _length(spans: Iterable[tuple[int, int]]) -> int:
    """Milliseconds covered by spans; where two overlap, once."""
    total, reached = 0, None
    for start, end in sorted(spans):
        fresh = start if reached is None else max(start, reached)
        total += max(0, end - fresh)
        reached = end if reached is None else max(end, reached)
    return total
