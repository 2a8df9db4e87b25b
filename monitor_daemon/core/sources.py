"""Two sources of one thing: which one is followed, and whether the other agrees.

The order of preference is the site's (`Configured.ranks`, `Configured.repeats`). The source that is
not followed is never mixed in: its pressures enter no bin, its pumps no dose.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.events import MINUTE, Flow
from monitor_daemon.core.filter import median
from monitor_daemon.core.infusion import FRESH, Infusions
from monitor_daemon.core.pressure import Pressure

#: Minutes of the other source that are compared.
_SPAN: Final = 5


class OtherPressure(msgspec.Struct):
    """Means (mmHg) of an arterial source that is not followed, minute by minute."""

    minutes: dict[int, list[float]] = {}

    def add(self, at: int, mean: float) -> None:
        """Keep a mean measured at `at` (ms)."""
        minute = at // MINUTE
        self.minutes.setdefault(minute, []).append(mean)
        for old in [m for m in self.minutes if m < minute - _SPAN]:
            del self.minutes[old]

    def map5(self, minute: int) -> float | None:
        """Median of the five minutes before `minute`; None if fewer than three have a value."""
        medians = [
            median(sorted(self.minutes[m]))
            for m in range(minute - _SPAN, minute)
            if m in self.minutes
        ]
        return median(sorted(medians)) if len(medians) >= 3 else None


class Others(msgspec.Struct):
    """What the sources of a bed tell that are not followed. `heard`: when a pump link spoke."""

    pressures: dict[str, OtherPressure] = {}
    infusions: Infusions = msgspec.field(default_factory=Infusions)
    heard: dict[str, int] = {}

    def lines(self, followed: Pressure) -> list[OtherPressure]:
        """The arterial sources that are not followed."""
        return [other for name, other in self.pressures.items() if name != followed.source]

    def pressure_gap(self, followed: Pressure, minute: int) -> float | None:
        """Largest difference of MAP5 (mmHg) to another source; None if one is not known."""
        own = followed.map5(minute)
        others = [other.map5(minute) for other in self.lines(followed)]
        if own is None or None in others:
            return None
        return max((abs(own - value) for value in others if value is not None), default=None)

    def dose_gap(self, followed: Infusions, drug: str, weight: float | None) -> Decimal | None:
        """By which share of the larger the doses of `drug` differ; None if one is not known."""
        if not self.infusions.channels:
            return None
        one, two = followed.dose(drug, weight), self.infusions.dose(drug, weight)
        if not one.complete or not two.complete:
            return None
        larger = max(one.known, two.known)
        return abs(one.known - two.known) / larger if larger else Decimal(0)

    def take_flow(
        self,
        followed: Infusions,
        repeats: Mapping[str, str],
        link: str,
        flow: Flow,
        drugs: DrugTable,
        now: int,
        at: int,
    ) -> bool:
        """A pump's report by `link`, which may only repeat what link `repeats[link]` shows.

        A pump seen through its station and through a gateway is one pump: what repeats is followed
        only while the first has been silent for five minutes. True if something followed changed.
        """
        self.heard[link] = now
        if not repeats:
            return followed.take(f"{link}|{flow.channel}", flow, drugs, now, at)
        first = repeats.get(link)
        if first is not None and now - self.heard.get(first, now - FRESH - 1) <= FRESH:
            self.infusions.take(f"{link}|{flow.channel}", flow, drugs, now, at)
            return False
        doubles = {first} if first else {name for name, main in repeats.items() if main == link}
        gone = followed.forget(doubles)
        if first is not None:
            followed.adopt(self.infusions, at)
            self.infusions = Infusions()
        return followed.take(f"{link}|{flow.channel}", flow, drugs, now, at) or gone
