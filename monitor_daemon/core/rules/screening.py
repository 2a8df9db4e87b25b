"""The inclusion window of the argipressin trial, before any allocation exists (reference G1)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.criteria import (
    ELIGIBLE,
    Criterion,
    Lab,
    Said,
    Windows,
    age,
    announce,
    check,
    not_running,
    verdict,
)
from monitor_daemon.core.dose import exact, rounded
from monitor_daemon.core.equivalents import DOSE_UNITS, GORADIA, doses_given, equivalents
from monitor_daemon.core.events import HOUR, MINUTE
from monitor_daemon.core.infusion import Dose
from monitor_daemon.core.moment import NOREPINEPHRINE, VASOPRESSIN, Moment
from monitor_daemon.core.protocol import Number, Rule, RuleKind
from monitor_daemon.core.rules.family import Family
from monitor_daemon.core.rules.physician_range import perfusion_pressure
from monitor_daemon.core.sustain import Sustain

Options = Mapping[str, Number]

#: Alerts of a window that is open or may open.
_OPEN: Final = ("ELIG_SCREEN", "ELIG_MET", "ELIG_WARN")
#: Results without which there is no window; their validity is counted from the measurement.
_LABS: Final = (
    Lab("CI", "cardiac_index", "L/min/m2", "ci_min", "ci_valid"),
    Lab("lactate", "lactate", "mmol/L", "lactate_min", "lactate_valid", strict=True),
)
_SODIUM: Final = Lab("Na", "sodium", "mmol/L", "na_min", required=False)
#: Inotropes (reference G1); two of them are vasopressors too.
_INOTROPES: Final = {
    "dobutamine", "milrinone", "enoximone", "levosimendan", "epinephrine", "dopamine",
    "isoprenaline",
}  # fmt: skip
#: Vasopressors that the registered dose does not say how to count.
_UNCOUNTED: Final = {"phenylephrine", "metaraminol", "angiotensin_ii"}


class Refractory(msgspec.Struct):
    """The norepinephrine base dose against the threshold.

    `holds` and `dose` (ug/kg/min) are the newest. `timer` runs while it is refractory, `below`
    towards the end of the episode, which `begun` when the dose first reached the threshold;
    `rise_seen` if it was known to be lower before. `low`: it was before the timer last started.
    """

    timer: Sustain = msgspec.field(default_factory=Sustain)
    below: Sustain = msgspec.field(default_factory=Sustain)
    holds: bool | None = None
    dose: float | None = None
    low: bool = False
    begun: int | None = None
    rise_seen: bool = False
    followed: bool = False

    def follow(self, moment: Moment, options: Options) -> bool:
        """Take the dose of now, at first also those before. True: an episode has ended.

        What is known only now of the doses before is gone through again.
        """
        if moment.relived is not None:
            self._forget(moment.relived)
        if not self.followed or moment.relived is not None:
            self.followed = True
            self._replay(moment, options, moment.now)
        return self._take(moment.dose, options, moment.now)

    def as_of(self, moment: Moment, options: Options, at: int) -> "Refractory":
        """The same as it was at `at` (ms), not more than 40 minutes ago."""
        if at >= moment.now:
            return self
        then = Refractory(low=self.low)
        if self.begun is not None and self.begun <= at:
            then.begun, then.rise_seen = self.begun, self.rise_seen
        then._replay(moment, options, at + 1)
        return then

    def _forget(self, since: int) -> None:
        """Go back to before `since` (ms), as far as the doses that are kept do not tell it."""
        self.timer = Sustain()
        if self.below.since is None or self.below.since >= since:
            self.below = Sustain()
        if self.begun is not None and self.begun >= since:
            self.begun, self.rise_seen = None, False

    def _replay(self, moment: Moment, options: Options, until: int) -> None:
        for since, end, dose in _doses(moment, until):
            self._take(dose, options, since)
            self._take(dose, options, end - 1)

    def _take(self, dose: Dose, options: Options, at: int) -> bool:
        holds = self.holds = dose.at_least(exact(float(options["threshold"])))
        self.dose = dose.value
        if not holds:
            self.low = holds is False
        elif self.begun is None:
            self.begun, self.rise_seen = at, self.low
        self.timer.update(holds, at, round(options["reset"] * MINUTE))
        self.below.update(None if holds is None else not holds, at)
        ended = self.below.ripe(holds is False, at, round(options["episode"] * HOUR))
        if ended:
            self.begun = None
        return ended

    def judge(self, moment: Moment, options: Options, at: int) -> Criterion:
        """At the threshold for long enough, and not below it for too long."""
        lapsed = self.timer.false_since
        held: bool | None = None
        if self.timer.ripe(self.holds, at, round(options["refractory"] * MINUTE)):
            # A rate that is only trusted starts nothing (reference 0.7).
            fresh = at < moment.now or moment.bed.infusions.fresh(NOREPINEPHRINE, at)
            held = True if fresh else None
        elif self.holds and self.low:
            held = False
        elif self.holds is False and lapsed is not None:
            held = False if at - lapsed >= options["reset"] * MINUTE else None
        return Criterion("dose", held, self.dose, "ug/kg/min", "pumps", self.timer.since)


class Screening(msgspec.Struct):
    """What was told in this episode.

    `met`: that he can be included, and nothing was lost since. `screened`, `expired`, `late`: that
    the dose is refractory, the window closed, the conservative clock over. `warned` counts the
    warnings that are behind. `documented` is when each result first qualified, `over` runs while
    the pressure is above the range.
    """

    met: bool = False
    screened: bool = False
    expired: bool = False
    late: bool = False
    warned: int = 0
    documented: dict[str, int] = {}
    over: Sustain = msgspec.field(default_factory=Sustain)


class InclusionWindow(Family):
    """Raises ELIG_SCREEN, ELIG_MET, ELIG_WARN, ELIG_EXPIRED and ELIG_LOST, if the file has them.

    The window is open while every measurable criterion holds and no exclusion is seen, for less
    than `window` hours from the last of dose, cardiac index and lactate. What is unknown opens and
    closes nothing.
    """

    kind = RuleKind(
        frozenset(
            {
                "threshold", "refractory", "reset", "episode", "window", "warn_first", "warn_last",
                "ci_min", "ci_valid", "lactate_min", "lactate_valid", "cvp_valid", "over", "na_min",
                "exclude", "bridge", "terlipressin", "levosimendan", "adult",
            }
        ),
        timed=False,
        switches=frozenset({"terlipressin"}),
    )  # fmt: skip

    def advance(self, moment: Moment, rule: Rule) -> None:
        subject, options = moment.subject, rule.options
        said = subject.recall(Said, rule.name)
        randomised = subject.randomised
        if said.checked or (randomised is None and not moment.runs(rule)):
            return
        dose = subject.recall(Refractory)
        if dose.follow(moment, options):
            subject.memory.pop(Screening.__name__, None)
        memory = subject.recall(Screening)
        at = moment.now if randomised is None else randomised
        dose = dose.as_of(moment, options, at)
        pressure = _pressure(moment, memory.over, options, at)
        windows = _windows(moment, dose, memory, options, at)
        criteria = _criteria(moment, options, at, dose.judge(moment, options, at), pressure)
        criteria.append(_window(dose, windows, at))
        if randomised is not None:
            check(moment, said, criteria, windows, randomised)
            return
        if not memory.expired:
            _move(moment, options, dose, memory, criteria, windows)
        announce(moment, said, criteria, windows)


def _doses(moment: Moment, until: int) -> Iterator[tuple[int, int, Dose]]:
    """Spans [since, end) of the last 40 minutes with the dose in them, up to `until` (ms)."""
    course = moment.bed.infusions.courses.get(NOREPINEPHRINE)
    weight, attached = moment.subject.weight_kg, moment.subject.attached or 0
    if course is None or weight is None:
        return
    ends = [since for since, _, _ in course.history[1:]] + [until]
    for (since, amount, complete), end in zip(course.history, ends, strict=True):
        first, last = max(since, attached), min(end, until)
        if first < last:
            yield first, last, Dose(rounded(amount / (60 * exact(weight))), complete)


def _criteria(
    moment: Moment, options: Options, at: int, dose: Criterion, pressure: Criterion
) -> list[Criterion]:
    """Every criterion but the window. Where a person must decide about the dose, nobody else does.

    A blinded study infusion is none of the drugs.
    """
    equivalent = _equivalent(moment)
    if equivalent is not None and dose.holds is False:
        value = equivalent.value
        if isinstance(value, float) and value >= options["threshold"]:
            dose = msgspec.structs.replace(dose, holds=None, note="see equivalent")
    least, bridge = round(options["exclude"] * MINUTE), round(options["bridge"] * MINUTE)
    groups = {drug: course.group for drug, course in moment.bed.infusions.courses.items()}
    vasopressins = {VASOPRESSIN} | {d for d, group in groups.items() if group == "vasopressin"}
    if options["terlipressin"]:
        vasopressins.add("terlipressin")
    inotropes = _INOTROPES | {d for d, group in groups.items() if group == "inotrope"}
    after = {"levosimendan": round(options["levosimendan"] * HOUR)}
    found = [dose, pressure, *(lab.judge(moment, options, at) for lab in _LABS)]
    for name, drugs in (("vasopressin", vasopressins), ("inotrope", inotropes)):
        found.append(not_running(moment, name, drugs, at, least=least, bridge=bridge, after=after))
    found += [_SODIUM.judge(moment, options, at), age(moment, float(options["adult"]))]
    return found if equivalent is None else [*found, equivalent]


def _pressure(moment: Moment, over: Sustain, options: Options, at: int) -> Criterion:
    """The dose is needed: MAP5, or MAP5 minus CVP, is not above the physician's range for long."""
    given = moment.subject.range
    if given is None:
        return Criterion("pressure", None, note="no range recorded")
    mean = moment.map5 if at >= moment.now else moment.bed.pressure.map5(at // MINUTE)
    if given.variable == "MPP":
        valid = float(options["cvp_valid"])
        mean = perfusion_pressure(moment, valid) if at >= moment.now else None
    above = None if mean is None else mean > given.high
    if at >= moment.now:
        over.update(above, at)
    long = over.ripe(above, at, round(options["over"] * MINUTE))
    return Criterion(
        name="pressure",
        holds=False if long else None if above or above is None else True,
        value=mean,
        unit="mmHg",
        source="monitor",
        at=at,
    )


def _equivalent(moment: Moment) -> Criterion | None:
    """The equivalent dose, if a drug runs that the base dose does not count: a person decides."""
    infusions, weight = moment.bed.infusions, moment.subject.weight_kg
    given = {d for d, course in infusions.courses.items() if course.since is not None}
    if not given & _UNCOUNTED or weight is None:
        return None
    drugs = sorted(given & DOSE_UNITS.keys() - {VASOPRESSIN})
    doses, known = doses_given(infusions, drugs, exact(weight))
    found = next(e for e in equivalents(doses, blinded=True) if e.formula == GORADIA)
    known = known and found.complete
    return Criterion(
        name="equivalent",
        holds=None,
        value=float(found.value),
        unit=found.unit,
        source="pumps",
        at=moment.now,
        required=False,
        note=f"{'' if known else 'at least this; '}{GORADIA} without vasopressin, a person decides",
    )


def _windows(
    moment: Moment, dose: Refractory, memory: Screening, options: Options, at: int
) -> Windows:
    """The documented deadline, from the last criterion that was documented, and that by dose."""
    if dose.begun is None:
        return Windows()
    known = memory.documented
    for lab in _LABS:
        first = lab.documented(moment, options, dose.begun, known.pop(lab.kind, None), at)
        if first is not None:
            known[lab.kind] = first
    length = round(options["window"] * HOUR)
    complete = len(known) == len(_LABS)
    last = max(dose.begun, *known.values()) + length if complete else None
    return Windows(last, dose.begun + length)


def _window(dose: Refractory, windows: Windows, at: int) -> Criterion:
    """The criteria are met for less than 12 hours; exactly 12 are too long."""
    deadline = windows.deadline
    early = None if deadline is None else at < deadline
    unseen = dose.begun is not None and not dose.rise_seen
    return Criterion(
        name="window",
        holds=None if early and unseen else early,
        value=None if deadline is None else _left(deadline - at),
        source="computed",
        at=dose.begun,
        required=False,
        note="start of the dose was not seen" if unseen else "",
    )


def _left(ms: int) -> str:
    minutes = max(0, ms) // MINUTE
    return f"{minutes // 60} h {minutes % 60} min"


def _move(
    moment: Moment,
    options: Options,
    dose: Refractory,
    memory: Screening,
    criteria: Sequence[Criterion],
    windows: Windows,
) -> None:
    """Tell what has changed about the window."""
    now, deadline, refractory = moment.now, windows.deadline, criteria[0].holds
    if windows.conservative is not None and now >= windows.conservative and not memory.late:
        memory.late = True
        moment.log("CONSERVATIVE_CLOCK", begun=dose.begun, deadline=deadline)
    if deadline is not None and now >= deadline and (refractory or memory.met):
        memory.expired, memory.met = True, False
        _shut(moment, _OPEN, "expired")
        _tell(moment, "ELIG_EXPIRED", {"hours": float(options["window"])})
        return
    if refractory and not memory.screened:
        memory.screened = True
        values = {"dose": dose.dose, "threshold": float(options["threshold"])}
        _tell(moment, "ELIG_SCREEN", values, since=dose.timer.since)
    lost = [c for c in criteria if c.holds is False or c.stale]
    if refractory is False:
        memory.screened = False
    if refractory is False or (memory.met and lost):
        _shut(moment, _OPEN, "lost")
    if memory.met and lost:
        memory.met = False
        seen = ", ".join(c.seen for c in lost)
        _tell(moment, "ELIG_LOST", {"lost": seen}, reason=seen)
    if deadline is not None:
        _count_down(moment, options, memory, criteria, deadline)


def _count_down(
    moment: Moment,
    options: Options,
    memory: Screening,
    criteria: Sequence[Criterion],
    deadline: int,
) -> None:
    """The window opens, or it will close soon."""
    left = deadline - moment.now
    ends: dict[str, float | str | None] = {"left": _left(left), "deadline": float(deadline)}
    passed = sum(left <= options[key] * HOUR for key in ("warn_first", "warn_last"))
    if not memory.met and verdict(criteria)[0] == ELIGIBLE:
        memory.met = True
        _shut(moment, ("ELIG_LOST", "ELIG_EXPIRED"), "met again")
        _tell(moment, "ELIG_MET", {**{c.name: c.value for c in criteria[:4]}, **ends})
    elif memory.met and passed > memory.warned:
        _tell(moment, "ELIG_WARN", ends)
    memory.warned = max(passed, memory.warned)


def _shut(moment: Moment, names: Sequence[str], reason: str) -> None:
    for name in names:
        if name in moment.subject.alerts:
            moment.close(name, reason)


def _tell(
    moment: Moment,
    name: str,
    values: Mapping[str, float | str | None],
    *,
    since: int | None = None,
    reason: str = "",
) -> None:
    """Raise one of the alerts, if the protocol file has it."""
    for rule in moment.rules.rules:
        if rule.name == name and moment.runs(rule):
            found = Verdict(True, False, reason=reason, values=values)
            moment.open(rule, found, moment.now if since is None else since)
