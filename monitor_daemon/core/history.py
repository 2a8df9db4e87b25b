"""What was in force when: phase, target and vasopressor of the last day, as they changed.

Late data and the minute ledger judge a past minute by what was in force then.
"""

from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

import msgspec

from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.infusion import PRESSORS, Infusions

#: How far back late data are still judged: a day, as long as minute bins are kept.
KEPT: Final = 24 * 60 * MINUTE


class Standing(msgspec.Struct, frozen=True):
    """In force from `since` on: phase, target (mmHg), what moved it last and when, vasopressor."""

    since: int
    phase: str
    target: float | None
    changed: int | None
    change: str
    on: bool | None


class History(msgspec.Struct):
    """The standings of the last day in order of time."""

    entries: list[Standing] = []

    def note(self, standing: Standing) -> None:
        """What stands from now on; the same again is no news."""
        entries = self.entries
        if entries:
            last = entries[-1]
            if msgspec.structs.replace(standing, since=last.since) == last:
                return
            if last.since == standing.since:
                entries.pop()
        entries.append(standing)
        while len(entries) > 1 and entries[1].since < standing.since - KEPT:
            del entries[0]

    def rewrite(self, changes: Sequence[tuple[int, bool | None]]) -> None:
        """Whether a vasopressor ran was known only later: `changes` are (since, on), in order."""
        first = changes[0][0]
        kept = [entry for entry in self.entries if entry.since < first]
        times = {entry.since for entry in self.entries if entry.since >= first}
        for since in sorted(times.union(since for since, _ in changes)):
            stood = self.at(since)
            if stood is not None:
                on = changes[bisect_right(changes, since, key=itemgetter(0)) - 1][1]
                kept.append(msgspec.structs.replace(stood, since=since, on=on))
        self.entries = kept

    @property
    def on(self) -> bool | None:
        """Whether a vasopressor ran when last judged."""
        return self.entries[-1].on if self.entries else None

    def at(self, when: int) -> Standing | None:
        """What stood at `when` (ms); None before the first entry."""
        place = bisect_right(self.entries, when, key=lambda entry: entry.since)
        return self.entries[place - 1] if place else None


def off_until(infusions: Infusions, now: int, stood: bool | None) -> int | None:
    """True time (ms) since which no vasopressor ran until `now`; None if one did or may have.

    Whether one runs from `now` on does not matter: a pause may outlast the bridge and end between
    two judgements. `stood` is whether one ran by the judgement before.
    """
    if not infusions.on(PRESSORS):
        return infusions.off_since(PRESSORS)
    courses = [course for course in infusions.courses.values() if course.group in PRESSORS]
    if stood is None or any(c.since is not None and c.since < now for c in courses):
        return None
    stops = [course.stopped for course in courses if course.stopped is not None]
    return max((stop for stop in stops if stop < now), default=None)
