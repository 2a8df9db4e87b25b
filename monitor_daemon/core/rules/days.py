"""The trial days of a patient: their values, the signature under each, the last one: 2.4."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.days import Day, DayBook, Flowing, Pressed, summary
from monitor_daemon.core.events import HOUR, MINUTE
from monitor_daemon.core.ledger import WAIT
from monitor_daemon.core.moment import NOREPINEPHRINE, Moment
from monitor_daemon.core.protocol import Rule, RuleKind
from monitor_daemon.core.relive import Relived
from monitor_daemon.core.rules.family import Family
from monitor_daemon.core.rules.physician_range import perfusion_pressure
from monitor_daemon.core.rules.study import open_label, study_rate
from monitor_daemon.core.subject import Bed


class Days(Family):
    """Keeps the book of the days, and writes each into the record when it is over.

    It is written again when something of it is known otherwise later.
    """

    kind = RuleKind(frozenset({"cvp_valid"}), timed=False)

    def advance(self, moment: Moment, rule: Rule) -> None:
        book = _book(moment, rule)
        if book is None:
            return
        book.weigh(moment.now, moment.subject.weight_kg)
        book.flow(moment.now, _flowing(moment, book))
        since = max(moment.subject.randomised or 0, moment.subject.attached or 0)
        if since > book.stay:
            book.stay = since
            if since < moment.now:
                # What his devices told before the record knew that he is theirs.
                moment.bed.infusions.miss(since)
                _press(moment, rule, book, range(since // MINUTE, moment.minute))

    def close(self, moment: Moment, rule: Rule) -> None:
        book = _book(moment, rule)
        if book is None:
            return
        last = moment.minute - 1
        # Samples of ordinary lateness remake the bins of the minutes before.
        _press(moment, rule, book, [m for m in range(last - WAIT, last) if m in book.minutes])
        _press(moment, rule, book, [last])
        for each in book.days:
            # A result is known some time after it was measured: until the next day is over.
            news = each.start <= moment.now < each.end + 24 * HOUR and _collect(moment, each)
            if moment.now >= each.end + WAIT * MINUTE and (news or each.written is None):
                _write(moment, book, each)

    def finish(self, moment: Moment, rule: Rule) -> None:
        self.advance(moment, rule)
        book = _book(moment, rule)
        if book is None:
            return
        for day in book.days:
            if day.since <= moment.now:
                _collect(moment, day)
                _write(moment, book, day)

    def remake(
        self, moment: Moment, rule: Rule, minutes: Sequence[int], relived: Relived | None
    ) -> None:
        book = _book(moment, rule)
        if book is None:
            return
        if relived is not None:
            book.reflow(list(_flows(moment, book, relived)))
        if minutes:
            _press(moment, rule, book, range(minutes[0], moment.minute))
        _correct(moment, book)

    def lose(self, moment: Moment, rule: Rule, since: int) -> None:
        book = _book(moment, rule)
        if book is not None:
            book.lose(since)
            for day in book.days:
                day.collect((moment.subject.results,), since)
            _correct(moment, book)


class DayFormDue(Family):
    """DAY_FORM_DUE: `hours` after the end of a day nobody has signed its record."""

    kind = RuleKind(frozenset({"hours"}))

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        subject, wait = moment.subject, round(rule.options["hours"] * HOUR)
        due = [
            f"D{number}"
            for number, end in enumerate(subject.days)
            if moment.now >= end + wait and number not in subject.signed
        ]
        return Verdict(bool(due), not due, values={"days": ", ".join(due)})


class LastDay(Family):
    """The protocol ends with trial day `day` (D0 is 0)."""

    kind = RuleKind(frozenset({"day"}), timed=False)

    def advance(self, moment: Moment, rule: Rule) -> None:
        ends, day = moment.subject.days, round(rule.options["day"])
        if moment.runs(rule) and day < len(ends) and moment.now >= ends[day]:
            moment.enter("ENDED")


def _book(moment: Moment, rule: Rule) -> DayBook | None:
    """The book of a patient whose days are known."""
    subject = moment.subject
    if not moment.runs(rule) or subject.randomised is None or not subject.days:
        return None
    book = subject.recall(DayBook)
    if not book.days:
        zero = subject.days[0] - 24 * HOUR if subject.day_zero is None else subject.day_zero
        book.open(min(zero, subject.randomised), subject.days, subject.randomised)
    return book


def _flowing(moment: Moment, book: DayBook) -> Flowing:
    infusions, weight = moment.bed.infusions, book.weight(moment.now)
    amount, complete = infusions.amount(NOREPINEPHRINE)
    course, study = infusions.courses.get(NOREPINEPHRINE), study_rate(moment)
    delivered = float(amount) / 60 / weight if complete and weight else None
    pauses = course is not None and course.run is None
    return Flowing(
        dose=infusions.dose(NOREPINEPHRINE, weight).value,
        delivered=0.0 if delivered is not None and pauses else delivered,
        study=None if study is None else float(study),
        openly=open_label(moment)[0],
    )


def _flows(moment: Moment, book: DayBook, relived: Relived) -> Iterator[tuple[int, Flowing]]:
    """What flowed since when, as it is known now; never before the patient came to the bed."""
    attached = moment.subject.attached or 0
    for at, infusions in relived.steps.items():
        if at >= relived.first * MINUTE:
            bed = msgspec.structs.replace(moment.bed, infusions=infusions)
            yield max(at, attached), _flowing(_then(moment, at, bed), book)


def _collect(moment: Moment, day: Day) -> bool:
    subject = moment.subject
    since = subject.attached if subject.left is None else subject.left
    return day.collect((subject.results, moment.bed.results), since or 0)


def _press(moment: Moment, rule: Rule, book: DayBook, minutes: Iterable[int]) -> None:
    """Write down the pressures of these minutes, as they are known now."""
    first, last = book.days[0].since, book.days[-1].end
    for minute in minutes:
        if max(first, moment.subject.attached or 0) <= minute * MINUTE < last:
            past = _then(moment, (minute + 1) * MINUTE, moment.bed)
            mpp = perfusion_pressure(past, float(rule.options["cvp_valid"]))
            pressed = Pressed(past.map5, mpp, minute in moment.bed.pressure.bins)
            book.press(minute, pressed, moment.subject.range)


def _then(moment: Moment, at: int, bed: Bed) -> Moment:
    """The same subject with `bed` at `at` (ms)."""
    return Moment(
        site=moment.site,
        now=at,
        minute=at // MINUTE,
        subject=moment.subject,
        bed=bed,
        rules=moment.rules,
    )


def _correct(moment: Moment, book: DayBook) -> None:
    """Write the days again that stand in the record otherwise."""
    for day in book.days:
        if day.written is not None:
            _write(moment, book, day)


def _write(moment: Moment, book: DayBook, day: Day) -> None:
    values, before = summary(book.whole(day), moment.now), day.written
    if values == before:
        return
    day.written = values
    signed = moment.subject.signed.get(day.number)
    moment.log("DAY", **values, **({} if before is None else {"corrected": True, "signed": signed}))
