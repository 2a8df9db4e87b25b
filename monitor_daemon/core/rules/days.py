"""The trial days of a patient: their values, the signature under each, the last one: 2.4."""

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.days import HOUR, Day, DayBook, Flowing, summary
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.moment import NOREPINEPHRINE, Moment
from monitor_daemon.core.protocol import Rule, RuleKind
from monitor_daemon.core.rules.family import Family
from monitor_daemon.core.rules.physician_range import perfusion_pressure
from monitor_daemon.core.rules.study import open_label, study_rate


class Days(Family):
    """Keeps the book of the days, and writes each into the record once, when it is over."""

    kind = RuleKind(frozenset({"cvp_valid"}), timed=False)

    def advance(self, moment: Moment, rule: Rule) -> None:
        book = _book(moment, rule)
        if book is not None:
            book.flow(moment.now, _flowing(moment))

    def close(self, moment: Moment, rule: Rule) -> None:
        book = _book(moment, rule)
        if book is None:
            return
        minute = moment.minute - 1
        day = book.at_time(minute * MINUTE)
        if day is not None:
            mpp = perfusion_pressure(moment, float(rule.options["cvp_valid"]))
            valid = minute in moment.bed.pressure.bins
            day.press(moment.map5, mpp, moment.subject.range, valid=valid)
        for each in book.days:
            # A result is known some time after it was measured: until the next day is over.
            if each.start <= moment.now < each.end + 24 * HOUR:
                each.collect((moment.subject.results, moment.bed.results))
            if each.end <= moment.now:
                _write(moment, each)

    def finish(self, moment: Moment, rule: Rule) -> None:
        self.advance(moment, rule)
        book = _book(moment, rule)
        for day in [] if book is None else book.days:
            if day.since <= moment.now:
                day.collect((moment.subject.results, moment.bed.results))
                _write(moment, day)


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


def _flowing(moment: Moment) -> Flowing:
    infusions, weight = moment.bed.infusions, moment.subject.weight_kg
    amount, complete = infusions.amount(NOREPINEPHRINE)
    course, study = infusions.courses.get(NOREPINEPHRINE), study_rate(moment)
    dose = float(amount) / 60 / weight if complete and weight else None
    pauses = course is not None and course.run is None
    return Flowing(
        dose=dose,
        delivered=0.0 if dose is not None and pauses else dose,
        study=None if study is None else float(study),
        openly=open_label(moment)[0],
    )


def _write(moment: Moment, day: Day) -> None:
    if not day.written:
        day.written = True
        moment.log("DAY", **summary(day, moment.now))
