"""Who is told: roles of the roster to recipients, by local hours. Pure but for one line in the log.

A shift runs from an hour of each local date to the next time that the clock shows its other hour;
one that ends at or before its beginning crosses midnight. Engine times are ms (UTC).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

import msgspec
import structlog

from monitor_daemon.core.events import SECOND

BEDSIDE: Final = "bedside"
_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")

log = structlog.get_logger("notify")


class Duty(msgspec.Struct, frozen=True):
    """These recipients answer for `role` at local `hours`, e.g. "20:00-08:00"."""

    role: str
    recipients: tuple[str, ...]
    hours: str = "00:00-24:00"

    def span(self, day: date, zone: tzinfo) -> tuple[int, int]:
        """Begin and end (ms) of the shift that begins on this local date."""
        begin, end = minutes(self.hours)
        ends = day if end > begin else day + timedelta(days=1)
        return _instant(day, begin, zone), _instant(ends, end, zone)


class Roster:
    """The roster of a site in its `zone`."""

    def __init__(self, duties: Sequence[Duty], zone: tzinfo) -> None:
        self._duties = tuple(duties)
        self._zone = zone
        self._empty: set[str] = set()

    def recipients(self, role: str, at: int) -> tuple[str, ...]:
        """Who is told at `at` what concerns `role`: those on duty, else the bedside, else all.

        That nobody is on duty is said in the log, once a role.
        """
        for asked in (role, BEDSIDE):
            found = self.on_duty(asked, at)
            if found:
                return found
            if self._duties and asked == role and role not in self._empty:
                self._empty.add(role)
                log.warning("nobody on duty", role=role)
        return _once(name for duty in self._duties for name in duty.recipients)

    def on_duty(self, role: str, at: int) -> tuple[str, ...]:
        """Who answers for `role` at `at`."""
        return _once(
            name
            for duty in self._duties
            if duty.role == role and any(begin <= at < end for begin, end in self._spans(duty, at))
            for name in duty.recipients
        )

    def next_handover(self, now: int) -> tuple[int, tuple[str, ...]] | None:
        """The next instant after `now` at which recipients change, and of which roles.

        None if they never do: shifts repeat daily.
        """
        roles = _once(duty.role for duty in self._duties)
        edges = {edge for duty in self._duties for span in self._spans(duty, now) for edge in span}
        for at in sorted(edge for edge in edges if edge > now):
            changed = tuple(
                role for role in roles if self.on_duty(role, at - 1) != self.on_duty(role, at)
            )
            if changed:
                return at, changed
        return None

    def _spans(self, duty: Duty, at: int) -> Iterator[tuple[int, int]]:
        """The shifts of yesterday, today and the next two days."""
        today = datetime.fromtimestamp(at / SECOND, self._zone).date()
        for days in (-1, 0, 1, 2):
            yield duty.span(today + timedelta(days=days), self._zone)


def minutes(hours: str) -> tuple[int, int]:
    """Begin and end in minutes of the day. Raises ValueError for what is no pair of hours."""
    found = _HOURS.fullmatch(hours)
    if found is None:
        raise ValueError("write it as 08:00-20:00; the end may be 24:00 or past midnight")
    begin_hour, begin_minute, end_hour, end_minute = (int(part or 0) for part in found.groups())
    end = 24 * 60 if found[3] is None else 60 * end_hour + end_minute
    return 60 * begin_hour + begin_minute, end


def _instant(day: date, minute: int, zone: tzinfo) -> int:
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    # Wall clock arithmetic: 08:00 is 08:00, also on the day on which the clocks change.
    local = midnight + timedelta(minutes=minute)
    return round(local.astimezone(UTC).timestamp()) * SECOND


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
