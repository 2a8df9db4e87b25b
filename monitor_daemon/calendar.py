"""Calendar facts of a trial in the zone of its site: ages in whole years and ends of local days.

Pure: the zone and every time are given. Times are ms of engine time (UTC).
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

#: D0 to D7 of the argipressin trial (reference 2.4).
TRIAL_DAYS: Final = 8

_SECOND: Final = 1_000


def age(birth: date, at_ms: int, zone: tzinfo) -> int:
    """Whole years lived at the local date of `at_ms`.

    Who was born on 29 February is a year older on 1 March of a common year.
    """
    today = _local_date(at_ms, zone)
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))


def day_ends(start_ms: int, zone: tzinfo, count: int) -> tuple[int, ...]:
    """The ends (ms) of `count` local calendar days, the first of which holds `start_ms`.

    A day across a clock change has 23 or 25 hours.
    """
    first = _local_date(start_ms, zone)
    return tuple(_midnight(first + timedelta(days=n), zone) for n in range(1, count + 1))


def day_start(at_ms: int, zone: tzinfo) -> int:
    """The local midnight (ms) at which the day of `at_ms` began."""
    return _midnight(_local_date(at_ms, zone), zone)


def _local_date(at_ms: int, zone: tzinfo) -> date:
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)).astimezone(zone).date()


def _midnight(day: date, zone: tzinfo) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * _SECOND
