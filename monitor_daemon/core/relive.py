"""Late pump data: the infusions of the last hours, made again with what is known now (0.7, 3.5).

A gateway that repeats, or a daemon that was down, learns late what a pump did. What every channel
said is kept for a day, so that the courses of drugs can be gone through once more in order of time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from monitor_daemon.core.channel import same_words
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.history import off_until
from monitor_daemon.core.infusion import HISTORY, KEPT, PRESSORS, Course, Infusions, Report

#: Before any stay (ms).
_EVER: Final = 0

#: (since, whether a vasopressor ran), in order of time.
Changes = list[tuple[int, bool | None]]


@dataclass(slots=True)
class Relived:
    """What was made again from minute `first` on: the infusions by time (ms), and `on`.

    `on` begins a bridge earlier; a stop in it has its true beginning. There are infusions of each
    whole minute and of each change. They have no history of their own.
    """

    first: int
    steps: dict[int, Infusions] = field(default_factory=dict)
    on: Changes = field(default_factory=list)


def relive(known: Infusions, drugs: DrugTable, now: int, bridge: int, lead: int) -> Relived:
    """Make `known` again from where something was missed up to `now` (ms).

    `bridge` in ms; `lead` (ms) is how long before that rules look back. What is older than a day
    stays as it is.
    """
    missed = now if known.missed is None else max(known.missed, now - KEPT)
    log = {key: list(reports) for key, reports in known.log.items()}
    for key, late in known.late:
        _insert(log.setdefault(key, []), late)
    # Before its first report the record holds nothing that could be made again.
    first = min((report.at for reports in log.values() for report in reports), default=missed)
    begin = max(missed - max(lead, HISTORY), first)
    past, relived, news = _before(known, begin), Relived(missed // MINUTE), _news(log, begin)
    current: dict[str, Report] = {}
    for at in sorted({begin, *range(-(-begin // MINUTE) * MINUTE, now + 1, MINUTE), *news}):
        for key, report in news.get(at, ()):
            past.take(key, report.flow, drugs, report.at, report.at)
            current[key] = report
        _keep_alive(past, current, at)
        past.settle(at, bridge)
        if at >= missed - bridge:
            # A pause that had begun by then may have been none.
            _note(relived.on, past, at)
        relived.steps[at] = _still(past)
    for key, channel in past.channels.items():
        if key in known.channels:
            channel.seen = max(channel.seen, known.channels[key].seen)
    past.log = log
    for name in past.__struct_fields__:
        setattr(known, name, getattr(past, name))
    return relived


def _news(log: Mapping[str, Sequence[Report]], begin: int) -> dict[int, list[tuple[str, Report]]]:
    """(channel, report) by when it is new: at `begin` what was in force, then every other."""
    found: dict[int, list[tuple[str, Report]]] = {}
    for key, reports in log.items():
        before = [report for report in reports if report.at <= begin]
        for report in reports[max(0, len(before) - 1) :]:
            found.setdefault(max(report.at, begin), []).append((key, report))
    return found


def _insert(reports: list[Report], late: Report) -> None:
    """Put a late report where it belongs; what was heard at its time itself stands."""
    place = next((n for n, report in enumerate(reports) if report.at > late.at), len(reports))
    before = reports[place - 1] if place else None
    if before is not None and late.at <= before.until:
        return
    if before is not None and same_words(before.flow, late.flow):
        before.until = late.at
    else:
        reports.insert(place, msgspec.structs.replace(late))


def _keep_alive(past: Infusions, current: Mapping[str, Report], at: int) -> None:
    """A channel that went on saying the same was heard until it said something else."""
    for key, report in current.items():
        channel = past.channels.get(key)
        if channel is not None:
            channel.seen = channel.measured = max(channel.seen, min(at, report.until))


def _before(known: Infusions, begin: int) -> Infusions:
    """The infusions as they stood at `begin`, without their channels."""
    exposure = known.exposure.within(_EVER, begin)
    made = Infusions(
        exposure=exposure,
        links=known.links,
        boluses=[bolus for bolus in known.boluses if bolus.at <= begin],
        changes=[change for change in known.changes if change.at <= begin],
    )
    whole = known.exposure
    exposure.at = begin
    exposure.running = [d for d, runs in whole.runs.items() if any(s < begin <= e for s, e in runs)]
    exposure.blind = any(start < begin <= end for start, end in whole.unknown)
    for drug, course in known.courses.items():
        made.courses[drug] = _course_before(course, whole.runs.get(drug, []), begin)
    return made


def _course_before(known: Course, runs: Sequence[tuple[int, int]], begin: int) -> Course:
    """A course as its deliveries up to then tell it; its amount follows from the channels."""
    course = Course(known.group)
    begun = [run for run in runs if run[0] < begin]
    if not begun:
        return course
    start, end = begun[-1]
    stood = [given for given in known.history if given[0] <= begin]
    if stood:
        course.history = stood
        _, course.amount, course.complete = stood[-1]
    course.since = start
    if end >= begin:
        course.run = start
    else:
        course.gap = end
    return course


def _note(on: Changes, past: Infusions, at: int) -> None:
    """Write down whether a vasopressor runs."""
    runs = past.on(PRESSORS)
    stood = on[-1][1] if on else False
    off = None if stood is False else off_until(past, at, stood)
    if off is not None:
        while on and on[-1][0] >= off:
            on.pop()
        on.append((off, False))
    if not on or on[-1][1] is not runs:
        on.append((at, runs))


def _still(past: Infusions) -> Infusions:
    """The infusions as they stand, for a look back."""
    return Infusions(
        channels={key: msgspec.structs.replace(c) for key, c in past.channels.items()},
        courses={drug: msgspec.structs.replace(c, history=[]) for drug, c in past.courses.items()},
        blurred=past.blurred,
        exposure=past.exposure.within(_EVER, (past.exposure.at or 0) + 1),
        links=past.links,
    )
