"""What a bed has told since somebody else lies there: all that is older was another patient's."""

import msgspec

from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.infusion import Course, Infusions
from monitor_daemon.core.pressure import Pressure
from monitor_daemon.core.results import Results
from monitor_daemon.core.subject import Bed


def rest(bed: Bed, at: int) -> Bed:
    """What a bed has told of `at` (ms) and later, for whoever lies there since then."""
    since = max(at, bed.begun)
    if bed.failed is not None:
        return Bed(begun=since)
    results = {
        kind: [item for item in values if item[0] >= since]
        for kind, values in bed.results.values.items()
    }
    made = Bed(
        pressure=_pressure_since(bed.pressure, since),
        infusions=_infusions_since(bed.infusions, since),
        results=Results(results),
        latest={signal: item for signal, item in bed.latest.items() if item[0] >= since},
        begun=since,
    )
    made.line.problems = {k: p for k, p in bed.line.problems.items() if p.since >= since}
    return made


def _pressure_since(before: Pressure, since: int) -> Pressure:
    """The record from the first whole minute on."""
    made = Pressure(closed=before.closed)
    if before.last_sample is None or before.last_sample < since:
        return made
    first = -(-since // MINUTE)
    made.source, made.source_seen = before.source, before.source_seen
    made.source_rank = before.source_rank
    made.first_sample, made.last_sample = since, before.last_sample
    made.recent = [sample for sample in before.recent if sample[0] >= since]
    made.ordered = sorted(mean for _, mean in made.recent)
    made.bins = {m: value for m, value in before.bins.items() if m >= first}
    made.open = {m: values for m, values in before.open.items() if m >= first}
    made.late = {m: values for m, values in before.late.items() if m >= first}
    return made


def _infusions_since(before: Infusions, since: int) -> Infusions:
    """The pumps that were heard since then; what they gave before is cut off."""
    made = Infusions()
    for key, report in before.late:
        if report.at >= since:
            made.defer(key, report.flow, report.at)
    made.channels = {key: c for key, c in before.channels.items() if c.measured >= since}
    made.unread = {key: at for key, at in before.unread.items() if at >= since}
    if not made.channels:
        return made
    exposure = before.exposure
    made.exposure = exposure.within(since, max(since, exposure.at or since) + 1)
    made.exposure.blind = exposure.blind
    made.blurred, made.links = before.blurred, before.links
    made.log = {
        key: [report for report in reports if report.until >= since]
        for key, reports in before.log.items()
    }
    for drug, course in before.courses.items():
        if course.since is not None:
            made.courses[drug] = _course_since(course, since)
    return made


def _course_since(before: Course, since: int) -> Course:
    changes = [(max(at, since), *given) for at, *given in before.history]
    last = {at: (at, amount, complete) for at, amount, complete in changes}
    return msgspec.structs.replace(
        before,
        since=_not_before(before.since, since),
        run=_not_before(before.run, since),
        gap=_not_before(before.gap, since),
        stopped=None,
        history=list(last.values()),
    )


def _not_before(at: int | None, since: int) -> int | None:
    return None if at is None else max(at, since)
