"""What was expected against what came, in sentences."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from monitor_daemon.rehearsal.expected import Expected
from monitor_daemon.rehearsal.run import Item, Observed
from monitor_daemon.rehearsal.scenario import Scenario

#: Minutes by which a thing may come earlier or later than expected.
TOLERANCE: Final = 1.0
#: Minutes by which a minute class may differ.
MINUTES: Final = 3
#: Notices that may come without being listed.
FREE: Final = frozenset(
    {"CLOCK", "CONC_CHANGE", "WEIGHT_MISMATCH", "OUTAGE", "STEP_DOWN", "STEP_UP"}
)
#: Doses are compared in thousandths of a ug/kg/min, as the rules do.
_DOSE: Final = 0.0005
#: Per cent of lactate clearance, tables give whole ones.
_PERCENT: Final = 0.5
#: A day is as long as it says, to the minute.
_HOURS: Final = 1 / 60
_NEVER_FREE: Final = frozenset({"error", "failure"})
#: Some things are an alert to one and a line of the record to another.
_SAID: Final = frozenset({"raise", "log"})
#: A push for one of these reasons tells again whom a mere repeat would tell.
_AGAIN: Final = frozenset({"repeat", "escalated", "persisting"})
_EPSILON: Final = 1e-6


class Difference(NamedTuple):
    """One difference, and the minute it concerns; None: the whole."""

    t: float | None
    sentence: str


def compare(scenario: Scenario, observed: Observed) -> list[Difference]:
    """Every difference, in order of time; an empty list means that the scenario passes.

    Raised alerts and changes of the target are complete lists: one that is not expected is a
    difference. Everything else counts only if it is listed.
    """
    judged = [item for item in observed.items if _judged(item, scenario)]
    left = sorted(judged, key=lambda item: item.t)
    found: list[Difference] = []
    for line in sorted(scenario.expect, key=lambda line: line.t):
        match line.kind:
            case "dose":
                found += _dose_differs(line, observed)
            case "eligible":
                found += _verdict_differs(line, observed)
            case "no_push":
                found += _pushed_nevertheless(line, judged)
            case "push":
                found += _missing(line) if not any(_meets(i, line) for i in judged) else []
            case _:
                match = next((item for item in left if _meets(item, line)), None)
                if match is None:
                    found += _missing(line)
                else:
                    left.remove(match)
    found += [
        Difference(item.t, _surprise(item, scenario)) for item in left if _counts(item, scenario)
    ]
    found.sort(key=lambda difference: difference.t or 0.0)
    return [*found, *_whole_differs(scenario, observed)]


def _judged(item: Item, scenario: Scenario) -> bool:
    if item.kind in _NEVER_FREE:
        return True
    return any(scenario.start <= t <= scenario.end for t in (item.t, *item.also))


def _meets(item: Item, line: Expected) -> bool:
    same = item.kind == line.kind or {item.kind, line.kind} <= _SAID
    return (
        same
        and item.value == line.value
        and any(_near(t, line.t) for t in (item.t, *item.also))
        and _reason_fits(item, line)
        and _end_fits(item, line)
        and line.notified in {None, item.notified}
    )


def _near(t: float, expected: float) -> bool:
    return abs(t - expected) <= TOLERANCE + _EPSILON


def _reason_fits(item: Item, line: Expected) -> bool:
    if line.reason is None:
        return True
    if line.kind == "push":
        return line.reason == item.reason or (line.reason == "repeat" and item.reason in _AGAIN)
    return line.reason.lower() in (item.reason or "").lower()


def _end_fits(item: Item, line: Expected) -> bool:
    if isinstance(line.to, str):
        return line.to in item.to
    return line.to is None or (item.until is not None and _near(item.until, line.to))


def _counts(item: Item, scenario: Scenario) -> bool:
    """Whether an item that nobody expected is a difference. The end itself is outside."""
    if item.kind in _NEVER_FREE:
        return True
    if item.t >= scenario.end:
        return False
    if item.kind in _SAID and item.value in scenario.forbid:
        return True
    return item.kind == "target" or (item.kind == "raise" and item.value not in FREE)


def _missing(line: Expected) -> list[Difference]:
    return [Difference(line.t, f"expected {_words(line)} at {line.t:g}, did not come")]


def _words(line: Expected) -> str:
    value = f"{line.value:g}" if isinstance(line.value, float) else line.value
    told = [line.reason] if line.reason else []
    if isinstance(line.to, str):
        told.append(f"to {line.to}")
    elif line.to is not None:
        told.append(f"until {line.to:g}")
    return f"{line.kind} {value}" + (f" ({', '.join(told)})" if told else "")


def _surprise(item: Item, scenario: Scenario) -> str:
    at = clock(item.t)
    match item.kind:
        case "raise":
            verdict = "forbidden here" if item.value in scenario.forbid else "not expected"
            return f"{item.value} was raised at {at}, {verdict}"
        case "log":
            return f"{item.value} was written at {at}, forbidden here"
        case "target":
            return f"the target became {item.value:g} at {at} ({item.reason}), not expected"
        case "error":
            return f"an entry at {at} was refused: {item.value} ({item.reason})"
        case _:
            return f"the core failed at {at} for {item.reason}: {item.value}"


def clock(minutes: float) -> str:
    """Minutes and seconds: 78:00, -0:30."""
    seconds = round(abs(minutes) * 60)
    sign = "-" if minutes < 0 and seconds else ""
    return f"{sign}{seconds // 60}:{seconds % 60:02d}"


def _pushed_nevertheless(line: Expected, judged: Sequence[Item]) -> Iterator[Difference]:
    for item in judged:
        same = (item.kind, item.value) == ("push", line.value)
        if same and abs(item.t - line.t) < TOLERANCE - _EPSILON:
            sentence = (
                f"expected no push of {line.value} at {line.t:g}, it was told ({item.reason})"
            )
            yield Difference(item.t, sentence)


def _dose_differs(line: Expected, observed: Observed) -> list[Difference]:
    """A dose is met if it was in force at some time within the tolerance."""
    series = observed.doses.get(line.ch, [])
    seen = [series[index][1] for index in _in_force([t for t, _ in series], line.t)]
    if line.value == "unknown":
        met = None in seen
    else:
        wanted = float(line.value)
        met = any(dose is not None and abs(dose - wanted) <= _DOSE + _EPSILON for dose in seen)
    if met:
        return []
    doses = ", ".join("unknown" if dose is None else f"{dose:.3f}" for dose in seen) or "none"
    what = "norepinephrine" if line.ch is None else f"channel {line.ch}"
    value = line.value if isinstance(line.value, str) else f"{line.value:g}"
    return [Difference(line.t, f"expected {what} {value} at {line.t:g}, it was {doses}")]


def _verdict_differs(line: Expected, observed: Observed) -> list[Difference]:
    """A verdict is met if it was in force at some time within the tolerance."""
    verdicts = observed.verdicts
    seen = [verdicts[index] for index in _in_force([v.t for v in verdicts], line.t)]
    if any(verdict.value == line.value and _reason_fits(verdict, line) for verdict in seen):
        return []
    told = ", ".join(f"{v.value} ({v.reason})" if v.reason else str(v.value) for v in seen)
    sentence = f"expected {_words(line)} at {line.t:g}, it was {told or 'not said'}"
    return [Difference(line.t, sentence)]


def _in_force(changes: Sequence[float], t: float) -> list[int]:
    """Which of the values that changed at these times were in force within the tolerance of t."""
    during = [i for i, at in enumerate(changes) if _near(at, t)]
    before = [i for i, at in enumerate(changes) if at <= t - TOLERANCE - _EPSILON]
    return [*before[-1:], *during]


def _whole_differs(scenario: Scenario, observed: Observed) -> Iterator[Difference]:
    """What concerns the whole of it: minutes, outcomes, days."""
    for name, minutes in scenario.minutes.items():
        counted = observed.minutes.get(name, 0)
        if abs(minutes - counted) > MINUTES:
            yield Difference(None, f"expected {minutes:g} minutes {name}, counted {counted}")
    for outcome, wanted in scenario.outcomes.items():
        found = observed.outcomes.get(outcome, "missing")
        limit = _PERCENT if outcome == "lactate_clearance" else 0.0
        if isinstance(wanted, str) or isinstance(found, str):
            same = wanted == found
        else:
            same = abs(wanted - found) <= limit + _EPSILON
        if not same:
            yield Difference(None, f"expected {outcome} {_number(wanted)}, it is {_number(found)}")
    for day in scenario.days:
        hours = observed.days[day.day] if day.day < len(observed.days) else None
        if hours is None or abs(hours - day.hours) > _HOURS:
            told = "not known" if hours is None else f"{hours:g}"
            yield Difference(None, f"expected D{day.day} of {day.hours:g} hours, it is {told}")


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
