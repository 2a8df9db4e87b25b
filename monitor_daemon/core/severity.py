"""How grave a deviation is, as a proposal: a person decides (reference 6.3).

ICH E3 Q&A: an important deviation may significantly affect the data, or a participant's rights,
safety or well-being. The others are minor.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import ge, gt, lt
from typing import Any, Final, Literal, NamedTuple, TypedDict, Unpack

Severity = Literal["important", "minor"]


class Facts(TypedDict, total=False):
    """What is known of a deviation. What is not known is left out, never 0.

    `minutes`: length of the episode. `minutes_in_24_h`: the most in any 24 h, over all episodes.
    `floor_minutes`: below the floor within the episode. `minutes_without_crt`: the longest time
    without a refill time within the first 24 h. `minutes_after_due`: from due to start.
    `never_started`: not started as long as it was required (1) or started (0). `dose_below`:
    threshold less highest dose of the look-back, in ug/kg/min. `coverage`: 0 to 1, of 24 h.
    """

    minutes: float
    minutes_in_24_h: float
    floor_minutes: float
    minutes_without_crt: float
    minutes_after_due: float
    never_started: bool
    dose_below: Decimal
    coverage: float


Fact = Literal[
    "minutes",
    "minutes_in_24_h",
    "floor_minutes",
    "minutes_without_crt",
    "minutes_after_due",
    "never_started",
    "dose_below",
    "coverage",
]


class Criterion(NamedTuple):
    """A fact that makes a deviation important once it stands so to the limit."""

    fact: Fact
    compare: Callable[[Any, Any], bool]
    limit: float | Decimal


_HIGH: Final = (Criterion("minutes", ge, 120), Criterion("minutes_in_24_h", ge, 240))
_LOW: Final = (Criterion("minutes", ge, 60), Criterion("floor_minutes", ge, 15))
_SIX_HOURS: Final = (Criterion("minutes", ge, 360),)

#: Deviation to the criteria of which one is enough. STEP_DOWN: a step that was not acted on.
CRITERIA: Final[Mapping[str, tuple[Criterion, ...]]] = {
    "MAP_HIGH": _HIGH,
    "PP_HIGH": _HIGH,
    "STEP_DOWN": _HIGH,
    "MAP_LOW": _LOW,
    "PP_LOW": _LOW,
    "FLOOR": (Criterion("minutes", ge, 15),),
    "CRT_OVERDUE": (Criterion("minutes_without_crt", ge, 240),),
    "VP_LATE": (Criterion("minutes_after_due", gt, 120), Criterion("never_started", ge, 1)),
    "VP_EARLY": (Criterion("dose_below", gt, Decimal("0.05")),),
    "TARGET_OVERRIDE": _SIX_HOURS,
    "SD_NOT_STARTED": _SIX_HOURS,
    "SD_INTERRUPTED": _SIX_HOURS,
    "MISSING_DATA": (Criterion("coverage", lt, 0.5),),
}

#: Important whatever the facts.
ALWAYS: Final = frozenset({"OL_VASOPRESSIN", "ELIG_VIOLATION", "WRONG_ARM", "UNBLINDING"})


def severity(kind: str, **facts: Unpack[Facts]) -> Severity | None:
    """The proposal for deviation `kind`; None if a fact that could make it important is unknown.

    A deviation for which the reference names no criterion is minor.
    """
    if kind in ALWAYS:
        return "important"
    verdicts = [
        None if (value := facts.get(fact)) is None else compare(value, limit)
        for fact, compare, limit in CRITERIA.get(kind, ())
    ]
    if any(verdicts):
        return "important"
    return None if None in verdicts else "minor"
