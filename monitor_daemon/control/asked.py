"""Who asks, and how a time and a value that a person gives become those of the core."""

import re
from datetime import datetime, tzinfo
from typing import Final

import msgspec

from monitor_daemon.core.commands.checks import ENTRIES
from monitor_daemon.core.errors import CommandError
from monitor_daemon.core.events import SECOND

#: How much in another unit is one in the unit of `ENTRIES`. Lactate: 90.1 g/mol (reference G1).
DIVISORS: Final = {("lactate", "mg/dL"): 9.01}

#: Years of which a calendar day can be told in every zone.
_YEARS: Final = (1900, 2100)


class Asked(msgspec.Struct, frozen=True):
    """Who asks, when (engine ms), and in which zone his days are."""

    actor: str
    now: int
    zone: tzinfo

    def time(self, text: str | None) -> int | None:
        """A time he gave, as engine ms. Raises CommandError."""
        return None if text is None else instant(text, self.now)


def instant(text: str, now: int) -> int:
    """A time a person gave, as engine ms: ISO 8601 with offset, or minutes ago ("-5").

    Raises CommandError: a time without an offset is refused, not guessed.
    """
    if re.fullmatch(r"-\d{1,4}", text):
        return now + int(text) * 60 * SECOND
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"time {text!r}: expected ISO 8601 or -MINUTES", code="BAD_TIME"
        ) from None
    if when.utcoffset() is None:
        raise CommandError(f"time {text!r}: the offset is missing, e.g. +09:00", code="BAD_TIME")
    if not _YEARS[0] <= when.year <= _YEARS[1]:
        raise CommandError(
            f"time {text!r}: expected a year from {_YEARS[0]} to {_YEARS[1]}", code="BAD_TIME"
        )
    return round(when.timestamp() * SECOND)


def converted(kind: str, value: float, unit: str | None) -> float:
    """A value in the unit of its kind. Raises CommandError for a unit that it has not."""
    own = ENTRIES.get(kind, (unit,))[0]
    if unit is None or unit == own:
        return value
    if (kind, unit) not in DIVISORS:
        known = ", ".join([own or "", *(other for name, other in DIVISORS if name == kind)])
        raise CommandError(f"unit {unit!r} of {kind}: one of {known}", code="BAD_VALUE")
    return value / DIVISORS[kind, unit]
