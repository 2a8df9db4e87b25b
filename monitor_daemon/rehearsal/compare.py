"""What was expected against what came, in sentences."""

from typing import Final

from monitor_daemon.rehearsal.run import Item, Observed
from monitor_daemon.rehearsal.scenario import Expected, Scenario

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
_NEVER_FREE: Final = frozenset({"error", "failure"})
_EPSILON: Final = 1e-6


def compare(scenario: Scenario, observed: Observed) -> list[str]:
    """Every difference, in order of time; an empty list means that the scenario passes.

    Raised alerts and changes of the target are complete lists: one that is not expected is a
    difference. Everything else counts only if it is listed.
    """
    judged = [item for item in observed.items if scenario.start <= item.t <= scenario.end]
    left = sorted(judged, key=lambda item: item.t)
    found: list[tuple[float, str]] = []
    for line in sorted(scenario.expect, key=lambda line: line.t):
        if line.kind == "dose":
            found += _dose_differs(line, observed)
            continue
        match = next((item for item in left if _meets(item, line)), None)
        if match is not None:
            left.remove(match)
        else:
            found.append((line.t, f"expected {_words(line)} at {line.t:g}, did not come"))
    found += [(item.t, _surprise(item, scenario)) for item in left if _counts(item, scenario)]
    found.sort(key=lambda difference: difference[0])
    return [sentence for _, sentence in found] + _minutes_differ(scenario, observed)


def _meets(item: Item, line: Expected) -> bool:
    return (
        (item.kind, item.value) == (line.kind, line.value)
        and line.reason in {None, item.reason}
        and abs(item.t - line.t) <= TOLERANCE + _EPSILON
    )


def _counts(item: Item, scenario: Scenario) -> bool:
    """Whether an item that nobody expected is a difference. The end itself is outside."""
    if item.kind in _NEVER_FREE:
        return True
    if item.t >= scenario.end:
        return False
    if item.kind == "raise":
        return item.value not in FREE or item.value in scenario.forbid
    return item.kind == "target"


def _words(line: Expected) -> str:
    value = f"{line.value:g}" if isinstance(line.value, float) else line.value
    return f"{line.kind} {value}" + (f" ({line.reason})" if line.reason else "")


def _surprise(item: Item, scenario: Scenario) -> str:
    at = _clock(item.t)
    match item.kind:
        case "raise":
            verdict = "forbidden here" if item.value in scenario.forbid else "not expected"
            return f"{item.value} was raised at {at}, {verdict}"
        case "target":
            return f"the target became {item.value:g} at {at} ({item.reason}), not expected"
        case "error":
            return f"an entry at {at} was refused: {item.value} ({item.reason})"
        case _:
            return f"the core failed at {at} for {item.reason}: {item.value}"


def _clock(minutes: float) -> str:
    """Minutes and seconds: 78:00, -0:30."""
    seconds = round(abs(minutes) * 60)
    sign = "-" if minutes < 0 and seconds else ""
    return f"{sign}{seconds // 60}:{seconds % 60:02d}"


def _dose_differs(line: Expected, observed: Observed) -> list[tuple[float, str]]:
    """A dose is met if it was in force at some time within the tolerance."""
    wanted = float(line.value)
    before = [dose for t, dose in observed.doses if t <= line.t - TOLERANCE][-1:]
    during = [dose for t, dose in observed.doses if abs(t - line.t) <= TOLERANCE + _EPSILON]
    seen = before + during
    if any(dose is not None and abs(dose - wanted) <= _DOSE + _EPSILON for dose in seen):
        return []
    doses = ", ".join("unknown" if dose is None else f"{dose:.3f}" for dose in seen) or "none"
    return [(line.t, f"expected norepinephrine {wanted:g} at {line.t:g}, it was {doses}")]


def _minutes_differ(scenario: Scenario, observed: Observed) -> list[str]:
    return [
        f"expected {wanted:g} minutes {name}, counted {observed.minutes.get(name, 0)}"
        for name, wanted in scenario.minutes.items()
        if abs(wanted - observed.minutes.get(name, 0)) > MINUTES
    ]
