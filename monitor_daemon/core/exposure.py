"""Which drugs were delivered when: the intervals behind eligibility and the outcomes.

Delivery is what the pumps really gave, pauses not bridged. A span in which that cannot be known
(a silent or unmapped pump) is kept as such.
"""

from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from monitor_daemon.core.events import MINUTE

#: Longer than any outcome looks back.
KEPT: Final = 40 * 24 * 60 * MINUTE

Spans = list[tuple[int, int]]


class Exposure(msgspec.Struct):
    """Intervals [start, end) in ms by drug; the newest of a drug that runs still grows.

    `unverified`: starts of runs that a pump's first message already showed running.
    """

    runs: dict[str, Spans] = {}
    unknown: Spans = []
    unverified: list[int] = []
    at: int | None = None
    running: list[str] = []
    blind: bool = False

    def advance(self, now: int, running: Collection[str], *, blind: bool) -> None:
        """What ran, and whether that was unknown, holds until `now`; from now on, the given."""
        if self.at is not None:
            for drug in self.running:
                _extend(self.runs.setdefault(drug, []), self.at, now)
            if self.blind:
                _extend(self.unknown, self.at, now)
        for drug in running:
            _extend(self.runs.setdefault(drug, []), now, now)
        self.at, self.running, self.blind = now, sorted(running), blind

    def within(self, start: int, end: int) -> "Exposure":
        """The same record, cut to [start, end)."""
        runs = {drug: cut for drug, spans in self.runs.items() if (cut := _cut(spans, start, end))}
        return Exposure(
            runs=runs,
            unknown=_cut(self.unknown, start, end),
            unverified=[at for at in self.unverified if start <= at < end],
            at=min(end, self.at or end),
            running=[drug for drug in self.running if drug in runs],
        )

    def join(self, later: "Exposure") -> None:
        """Take over what was recorded elsewhere after this."""
        for drug, spans in later.runs.items():
            self.runs.setdefault(drug, []).extend(spans)
        self.unknown.extend(later.unknown)
        self.unverified.extend(later.unverified)

    def merged(self, drugs: Iterable[str], pause: int, shortest: int) -> tuple[Spans, Spans]:
        """Runs of any of `drugs` with pauses shorter than `pause` (ms) closed, and the short ones.

        A run shorter than `shortest` that is over and stands alone is a bolus, not an infusion.
        """
        spans = sorted(span for drug in drugs for span in self.runs.get(drug, []))
        whole: Spans = []
        for start, end in spans:
            _extend(whole, start, end)
        growing = self.at if any(drug in self.running for drug in drugs) else None
        short = [(s, e) for s, e in whole if e - s < shortest and e != growing]
        infusions: Spans = []
        for start, end in whole:
            if (start, end) in short:
                continue
            if infusions and start - infusions[-1][1] < pause:
                infusions[-1] = (infusions[-1][0], end)
            else:
                infusions.append((start, end))
        return infusions, short


def _extend(spans: Spans, start: int, end: int) -> None:
    if spans and spans[-1][1] >= start:
        spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        return
    while spans and spans[0][1] < start - KEPT:
        del spans[0]
    spans.append((start, end))


def _cut(spans: Spans, start: int, end: int) -> Spans:
    return [(max(s, start), min(e, end)) for s, e in spans if s < end and e > start]
