"""Eligibility for PERSONALISE as far as pumps and a few entries can tell it (reference R7)."""

from collections.abc import Mapping

from monitor_daemon.core.criteria import (
    Criterion,
    Said,
    Windows,
    age,
    announce,
    check,
    delivered,
    heard,
)
from monitor_daemon.core.events import HOUR, MINUTE
from monitor_daemon.core.exposure import Exposure
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.outcomes import VASOPRESSORS
from monitor_daemon.core.protocol import Number, Rule, RuleKind
from monitor_daemon.core.rules.family import Family

#: The name under which spans that no pump told are laid beside those of the drugs.
_UNTOLD = "unknown"


class Inclusion(Family):
    """Not on vasopressors for `hours`, `adult`, in the ICU: said in PRE, written at randomisation.

    Pauses under `pause` minutes do not stop the clock, runs under `shortest` do not start it.
    """

    kind = RuleKind(frozenset({"hours", "pause", "shortest", "adult"}), timed=False)

    def advance(self, moment: Moment, rule: Rule) -> None:
        subject = moment.subject
        said = subject.recall(Said, rule.name)
        randomised = subject.randomised
        if said.checked or (randomised is None and not moment.runs(rule)):
            return
        time, windows = vasopressor_time(
            moment, rule.options, moment.now if randomised is None else randomised
        )
        criteria = [time, age(moment, float(rule.options["adult"])), _admission(moment)]
        if randomised is None:
            announce(moment, said, criteria, windows)
        else:
            check(moment, said, criteria, windows, randomised)


def vasopressor_time(
    moment: Moment, options: Mapping[str, Number], at: int
) -> tuple[Criterion, Windows]:
    """Time on vasopressors up to `at` (ms), from the first continuous infusion of any.

    Exactly `hours` is too long: the registration excludes 3 hours or more. If a pump's first words
    show it running, or a pump was not heard meanwhile, the true start may lie earlier.
    """
    name, limit = "vasopressor_time", round(options["hours"] * HOUR)
    if not heard(moment):
        return Criterion(name, None, note="no pump was heard"), Windows()
    exposure = delivered(moment, at)
    pause = round(options["pause"] * MINUTE)
    shortest = round(options["shortest"] * MINUTE)
    infusions, short = exposure.merged(VASOPRESSORS, pause, shortest)
    started = _started(infusions, pause, at)
    untold = Exposure({**exposure.runs, _UNTOLD: exposure.unknown}, running=exposure.running)
    untold.at = exposure.at
    possible = _started(untold.merged((*VASOPRESSORS, _UNTOLD), pause, shortest)[0], pause, at)
    notes = []
    holds: bool | None = started is None or at - started < limit
    sure = True
    if holds and started is not None and _running_at_first(exposure, started):
        holds, sure = None, False
        notes.append("cannot verify, start time requested")
    elif holds and possible is not None and at - possible >= limit:
        holds, sure = None, False
        notes.append("cannot verify, a pump was not heard")
    notes += _review(infusions, started, moment, short, at)
    criterion = Criterion(
        name=name,
        holds=holds,
        value=0.0 if started is None else round((at - started) / HOUR, 3),
        unit="h",
        source="pumps",
        at=started,
        note=", ".join(notes),
    )
    return criterion, Windows(started + limit if started is not None and sure else None)


def _started(infusions: list[tuple[int, int]], pause: int, at: int) -> int | None:
    """Start of the infusion that goes on at `at`, or paused so shortly that it counts as on."""
    return infusions[-1][0] if infusions and at - infusions[-1][1] < pause else None


def _running_at_first(exposure: Exposure, started: int) -> bool:
    """Whether the run that began the clock was running when its pump was first heard.

    A run is dated to the judgement that first saw it, up to a minute from the message.
    """
    return any(abs(first - started) < MINUTE for first in exposure.unverified)


def _review(
    infusions: list[tuple[int, int]],
    started: int | None,
    moment: Moment,
    short: list[tuple[int, int]],
    at: int,
) -> list[str]:
    """What does not decide but a person must see: an earlier infusion, and boluses."""
    notes = []
    earlier = [end for start, end in infusions if start != started]
    if earlier and started is not None:
        notes.append(f"review: infusion before, then {(started - earlier[-1]) // MINUTE} min none")
    elif earlier:
        notes.append("review: infusion before, now none")
    told = [b for b in moment.bed.infusions.boluses if b.drug in VASOPRESSORS and b.at <= at]
    if short or told:
        notes.append(f"{len(short) + len(told)} bolus(es)")
    return notes


def _admission(moment: Moment) -> Criterion:
    admitted = moment.subject.admitted
    source = "" if admitted is None else "entry"
    return Criterion("icu_admission", admitted, source=source, required=False)
