"""Criteria of eligibility: each true, false or not to be verified, and the verdict they give.

What cannot be verified is neither met nor violated: it is shown, and people verify it. At
randomisation every criterion is written down once, with value, source and age.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from monitor_daemon.core.decisions import Eligibility
from monitor_daemon.core.events import HOUR, MINUTE
from monitor_daemon.core.exposure import Exposure
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import Number

ELIGIBLE: Final = "eligible"
EXCLUDED: Final = "excluded"
UNKNOWN: Final = "unknown"


class Criterion(msgspec.Struct, frozen=True):
    """One criterion; `holds` None: it cannot be verified.

    `value` in `unit` is what was seen, by `source`, measured or begun `at` (ms). Nobody is eligible
    before a `required` one is verified; of the others only False decides. `stale`: the last value
    is too old to count. `note` says what a person must know or do.
    """

    name: str
    holds: bool | None
    value: float | str | None = None
    unit: str = ""
    source: str = ""
    at: int | None = None
    required: bool = True
    stale: bool = False
    note: str = ""

    @property
    def seen(self) -> str:
        """The criterion with what was seen, for people."""
        value = f"{self.value:g}" if isinstance(self.value, int | float) else self.value
        words = [self.name, value or "", self.unit if value else "", "(too old)" * self.stale]
        return " ".join(word for word in words if word)

    def record(self, at: int) -> dict[str, Any]:
        """The criterion as it is written down; its age in minutes before `at` (ms)."""
        age = None if self.at is None else (at - self.at) / MINUTE
        return {
            "holds": self.holds,
            "value": self.value,
            "unit": self.unit,
            "source": self.source,
            "age": age,
            "note": "too old" if self.stale else self.note,
        }


class Windows(msgspec.Struct, frozen=True):
    """When (ms) the window closes, and when it does by the more cautious clock; None: not known."""

    deadline: int | None = None
    conservative: int | None = None


class Said(msgspec.Struct):
    """The verdict as it was last said, and whether the check at randomisation is written."""

    verdict: str = ""
    reason: str = ""
    windows: Windows = Windows()
    checked: bool = False


def verdict(criteria: Sequence[Criterion]) -> tuple[str, str]:
    """The verdict, and what decided it; of an eligible patient what people must look at."""
    failed = [c for c in criteria if c.holds is False]
    if failed:
        return EXCLUDED, _names(failed)
    missing = [c for c in criteria if c.holds is None and c.required]
    if missing:
        return UNKNOWN, _names(missing)
    return ELIGIBLE, _names([c for c in criteria if c.note])


def _names(criteria: Sequence[Criterion]) -> str:
    return "; ".join(f"{c.name}: {c.note}" if c.note else c.name for c in criteria)


def announce(moment: Moment, said: Said, criteria: Sequence[Criterion], windows: Windows) -> None:
    """Say the verdict if it, its reasons or a deadline is news."""
    found, reason = verdict(criteria)
    if (found, reason, windows) != (said.verdict, said.reason, said.windows):
        _say(moment, said, criteria, windows, moment.now)


def check(
    moment: Moment, said: Said, criteria: Sequence[Criterion], windows: Windows, at: int
) -> None:
    """The patient was randomised `at` (ms): write every criterion down, once and for all.

    One that is definitely not met raises ELIG_VIOLATION, if the protocol file has it.
    """
    said.checked = True
    _say(moment, said, criteria, windows, at)
    moment.log(
        "INCLUSION_CHECK",
        verdict=said.verdict,
        reason=said.reason,
        randomised=at,
        criteria={c.name: c.record(at) for c in criteria},
    )
    failed = ", ".join(c.seen for c in criteria if c.holds is False)
    if failed:
        moment.notice("ELIG_VIOLATION", {"failed": failed}, failed)


def _say(
    moment: Moment, said: Said, criteria: Sequence[Criterion], windows: Windows, at: int
) -> None:
    said.verdict, said.reason = verdict(criteria)
    said.windows = windows
    moment.decisions.append(
        Eligibility(
            subject=moment.subject.id,
            verdict=said.verdict,
            reason=said.reason,
            at=moment.now,
            criteria={c.name: c.record(at) for c in criteria},
            deadline=windows.deadline,
            conservative_deadline=windows.conservative,
        )
    )


def delivered(moment: Moment, at: int) -> Exposure:
    """What the pumps delivered up to `at` (ms), since the first word of any of them.

    Before that word no pump was connected: those minutes are not unknown but outside the record.
    """
    exposure = moment.exposure
    for drug in exposure.running:
        start, end = exposure.runs[drug][-1]
        exposure.runs[drug][-1] = start, max(end, moment.now)
    starts = [spans[0][0] for spans in exposure.runs.values() if spans]
    first = min([*moment.bed.infusions.links.values(), *starts], default=at)
    return exposure.within(first, at + 1)


def heard(moment: Moment) -> bool:
    """Whether any pump has ever spoken of this patient."""
    return bool(moment.bed.infusions.channels or moment.exposure.runs)


def age(moment: Moment, adult: float) -> Criterion:
    """At least `adult` years old: whole years, as the site counts them."""
    years = moment.subject.age
    return Criterion(
        name="age",
        holds=None if years is None else years >= adult,
        value=years,
        unit="years",
        source="" if years is None else "entry",
        required=False,
    )


class Lab(msgspec.Struct, frozen=True):
    """A result that decides: its kind in the record, and the options with limit and validity (h).

    `strict`: it must be above the limit; else at the limit is enough. Without `valid` no age is too
    old.
    """

    name: str
    kind: str
    unit: str
    least: str
    valid: str = ""
    strict: bool = False
    required: bool = True

    def qualifies(self, value: float, options: Mapping[str, Number]) -> bool:
        """Whether a value is what the protocol wants."""
        least = options[self.least]
        return value > least if self.strict else value >= least

    def judge(self, moment: Moment, options: Mapping[str, Number], at: int) -> Criterion:
        """The criterion at `at` (ms): the value measured last decides, while it is valid."""
        results = {"entry": moment.subject.results, "device": moment.bed.results}
        found = [
            (*newest, source)
            for source, kept in results.items()
            if (newest := kept.newest(self.kind, at)) is not None
        ]
        if not found:
            return Criterion(self.name, None, required=self.required)
        measured, value, source = max(found)
        stale = bool(self.valid) and at - measured > options[self.valid] * HOUR
        return Criterion(
            name=self.name,
            holds=None if stale else self.qualifies(value, options),
            value=value,
            unit=self.unit,
            source=source,
            at=measured,
            required=self.required,
            stale=stale,
        )

    def documented(
        self,
        moment: Moment,
        options: Mapping[str, Number],
        begun: int,
        stored: int | None,
        at: int,
    ) -> int | None:
        """When (ms), since `begun`, a valid value first was what the protocol wants; None: never.

        A busy device pushes old values out of the record: `stored` is what was found before.
        """
        kept = [r.values.get(self.kind, []) for r in (moment.subject.results, moment.bed.results)]
        values = sorted(item for items in kept for item in items if item[0] <= at)
        first: int | None = None
        replaced = at + 1
        for measured, value in reversed(values):
            until = min(measured + round(options[self.valid] * HOUR), replaced - 1)
            if self.qualifies(value, options) and until >= begun:
                first = max(measured, begun)
            replaced = measured
        if stored is None or all(items[0][0] <= stored for items in kept if items):
            return first
        return stored if first is None else min(first, stored)


def not_running(
    moment: Moment,
    name: str,
    drugs: Iterable[str],
    at: int,
    *,
    least: int,
    bridge: int,
    after: Mapping[str, int],
) -> Criterion:
    """No drug of these is infused at `at` (ms).

    A run counts after `least` ms; until then it is not known what it will be. It is over after
    `bridge` ms, or as long as the drug acts on (`after`, ms by drug).
    """
    exposure, infusions = delivered(moment, at), moment.bed.infusions
    running: list[str] = []
    starting: list[str] = []
    begun: int | None = None
    for drug in sorted(drugs):
        # A restart at the end of the bridge is none (3.5): what is short is so with its pauses.
        spans, _ = exposure.merged((drug,), bridge + 1, 0)
        grows = exposure.at if drug in exposure.running else None
        runs = [(start, end) for start, end in spans if end - start >= least or end == grows]
        if not runs or at - runs[-1][1] >= after.get(drug, bridge):
            continue
        start, end = runs[-1]
        (running if end - start >= least else starting).append(drug)
        begun = start if begun is None else min(begun, start)
    silent = any(drug in drugs and course.silent for drug, course in infusions.courses.items())
    hidden = infusions.blurred or silent
    if at < moment.now:
        hidden = any(start <= at < end for start, end in exposure.unknown)
    return Criterion(
        name=name,
        holds=False if running else None if starting or hidden else True,
        value=", ".join(running or starting) or None,
        source="pumps",
        at=begun,
        note="a running drug is not known" if hidden and not running else "",
    )
