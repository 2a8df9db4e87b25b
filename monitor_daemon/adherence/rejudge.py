"""The record judged again under other rules, beside the rules of its time.

The inputs of a journal go into two wards: one as they are recorded, one in which the patients of a
protocol follow another file. Both are judged by the installed program, so that what differs is the
file's doing. What devices and people did stays as it was: staff who would have been told sooner
would perhaps have acted sooner.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final

import msgspec

from monitor_daemon.core.decisions import Decision, Refused, Retrospective
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.events import Configured
from monitor_daemon.core.ledger import CLASSES
from monitor_daemon.core.people import Enrol, Input, Randomise, Screen
from monitor_daemon.core.protocol import Protocol, parse
from monitor_daemon.core.rules import kinds
from monitor_daemon.core.subject import Subject
from monitor_daemon.core.ward import Ward
from monitor_daemon.journal.reader import decode_input, instants, read_only, rows

Admission = Screen | Enrol | Randomise
#: Minutes in which something was aimed at and could be reached.
_COUNTED: Final = ("IN", "LOW", "HIGH")


@dataclass(frozen=True, slots=True)
class Judged:
    """A patient under one set of rules: "id@version" and minutes by class."""

    rules: str
    minutes: Mapping[str, int]

    @property
    def adherence(self) -> float | None:
        """IN / (IN + LOW + HIGH), 0 to 1; None without such minutes."""
        return adherence(self.minutes)


@dataclass(frozen=True, slots=True)
class Change:
    """An alert that is not the same under both rules: raised at `before` and at `after` (ms).

    Without `before` it appears, without `after` it vanishes, with both it moves.
    """

    alert: str
    before: int | None
    after: int | None

    @property
    def word(self) -> str:
        """What the alert does."""
        if self.before is None:
            return "appears"
        return "vanishes" if self.after is None else "moves"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A patient under both rules; `randomised` in ms, None if he was only screened."""

    subject: str
    arm: str
    randomised: int | None
    before: Judged
    after: Judged
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class _Span:
    """A deviation: raised at, and over at, ms."""

    name: str
    start: int
    end: float


def adherence(minutes: Mapping[str, int]) -> float | None:
    """IN / (IN + LOW + HIGH) of minutes by class, 0 to 1; None without such minutes."""
    counted = sum(minutes[name] for name in _COUNTED)
    return minutes["IN"] / counted if counted else None


def rejudge(
    journal: Path, text: str, where: str, instead_of: str | None = None
) -> list[Comparison]:
    """Compare the record with what the protocol file `text` (called `where`) makes of it.

    Every patient of protocol `instead_of`, by default that of the file's id, follows the file in
    his own arm. Raises ConfigError if the file is wrong, lacks an arm, takes a patient's enrolment
    for wrong or concerns nobody; sqlite3.Error and msgspec.MsgspecError if the journal cannot be
    read. The journal is not written to.
    """
    protocol = parse(text, kinds(), where)
    replaced = instead_of or protocol.id
    recorded, other = _Course(), _Course()
    exchange = _Exchange(recorded.ward, protocol, text, where, replaced)
    for t, inputs in _inputs(journal):
        said = recorded.step(inputs, t)
        again = exchange.inputs(inputs, said)
        exchange.confirm(again, other.step(again, t))
    if not exchange.moved:
        followed = sorted({subject.protocol for subject in recorded.subjects.values()})
        raise ConfigError(
            f"{journal}: no patient of protocol {replaced!r};"
            f" there are those of: {', '.join(followed) or 'none'}",
            code="REPLAY_NOBODY",
        )
    return [_compare(name, recorded, other) for name in exchange.moved]


def _inputs(journal: Path) -> Iterator[tuple[int, list[Input]]]:
    connection = read_only(journal)
    try:
        for instant in instants(rows(connection)):
            yield instant[0].t, [decode_input(row.body) for row in instant]
    finally:
        connection.close()


class _Course:
    """A ward, and the deviations that only late data showed."""

    def __init__(self) -> None:
        self.ward = Ward()
        self._late: dict[str, list[_Span]] = {}

    @property
    def subjects(self) -> dict[str, Subject]:
        """The patients by pseudonym."""
        return self.ward.state.subjects

    def step(self, inputs: Sequence[Input], t: int) -> list[tuple[int, Decision]]:
        """Take the inputs of instant `t`."""
        found = self.ward.step(inputs, t)
        for _, said in found:
            if isinstance(said, Retrospective):
                span = _Span(said.name, said.raised_at, said.ended_at)
                self._late.setdefault(said.subject, []).append(span)
        return found

    def deviations(self, name: str) -> list[_Span]:
        """Every alert of a patient, in the order in which they were raised."""
        subject = self.subjects[name]
        told = (*subject.past.values(), *subject.alerts.values())
        spans = [
            _Span(
                alert.name, alert.raised_at, inf if alert.cleared_at is None else alert.cleared_at
            )
            for alert in told
        ]
        return sorted([*spans, *self._late.get(name, [])], key=lambda span: (span.start, span.name))

    def judged(self, name: str) -> Judged:
        """The minutes of a patient."""
        subject = self.subjects[name]
        minutes = {kind: subject.ledger.counts.get(kind, 0) for kind in CLASSES}
        return Judged(f"{subject.protocol}@{subject.version}", minutes)


class _Exchange:
    """Rewrites inputs so that the patients of one protocol follow another file.

    `moved` are these patients in the order in which they came.
    """

    def __init__(
        self, recorded: Ward, protocol: Protocol, text: str, where: str, replaced: str
    ) -> None:
        self.moved: dict[str, None] = {}
        self._recorded = recorded
        self._protocol = protocol
        self._key = f"{protocol.id}@{protocol.version}"
        self._text = text
        self._where = where
        self._replaced = replaced

    def inputs(self, inputs: Sequence[Input], said: Sequence[tuple[int, Decision]]) -> list[Input]:
        """The same inputs for the other ward; `said` is what the recorded one made of them.

        An enrolment that was refused is left out: the other rules must not admit whom nobody had.
        """
        refused = {index for index, decision in said if isinstance(decision, Refused)}
        again: list[Input] = []
        for index, given in enumerate(inputs):
            if isinstance(given, Configured):
                protocols = {**given.protocols, self._key: self._text}
                again.append(msgspec.structs.replace(given, protocols=protocols))
            elif not isinstance(given, Admission):
                again.append(given)
            elif index not in refused:
                again.append(self._moved(given) if self._concerns(given) else given)
        return again

    def confirm(self, inputs: Sequence[Input], said: Sequence[tuple[int, Decision]]) -> None:
        """Raises ConfigError if the other rules refused a patient: nothing can be compared."""
        for index, decision in said:
            given = inputs[index]
            if not isinstance(decision, Refused) or not isinstance(given, Admission):
                continue
            if given.subject in self.moved:
                raise ConfigError(
                    f"{self._where}: patient {given.subject} cannot be enrolled under"
                    f" {self._key}: {decision.reason}",
                    code="REPLAY_REFUSED",
                )

    def _concerns(self, given: Admission) -> bool:
        if isinstance(given, Randomise):
            return given.subject in self.moved
        return given.protocol == self._replaced

    def _moved(self, given: Admission) -> Admission:
        self.moved[given.subject] = None
        version = self._protocol.version
        if isinstance(given, Screen):
            return msgspec.structs.replace(given, protocol=self._protocol.id, version=version)
        arm = self._arm(given.subject)
        if isinstance(given, Enrol):
            return msgspec.structs.replace(
                given, protocol=self._protocol.id, version=version, arm=arm
            )
        return msgspec.structs.replace(given, version=version, arm=arm)

    def _arm(self, name: str) -> str:
        """The patient's arm, which the file must have too."""
        subject = self._recorded.state.subjects[name]
        if subject.arm not in self._protocol.arms:
            before = self._recorded.protocol(subject)
            raise ConfigError(
                f"{self._where}: arms: patient {name} is in arm {subject.arm!r} of"
                f" {subject.protocol}@{subject.version}, which has {', '.join(before.arms)};"
                f" the file has {', '.join(self._protocol.arms)}: name its arms alike",
                code="CONFIG_ARM",
            )
        return subject.arm


def _compare(name: str, recorded: _Course, other: _Course) -> Comparison:
    subject = recorded.subjects[name]
    return Comparison(
        subject=name,
        arm=subject.arm,
        randomised=subject.randomised,
        before=recorded.judged(name),
        after=other.judged(name),
        changes=_changes(recorded.deviations(name), other.deviations(name)),
    )


def _changes(before: Sequence[_Span], after: Sequence[_Span]) -> tuple[Change, ...]:
    """What is different. An alert has moved if the other rules raise it within the same deviation.

    That is: the two stand open at the same time, and each is compared with one other at most.
    """
    same = {(span.name, span.start) for span in before} & {(s.name, s.start) for s in after}
    gone = [span for span in before if (span.name, span.start) not in same]
    new = [span for span in after if (span.name, span.start) not in same]
    changes = []
    for old in gone:
        moved = next((s for s in new if s.name == old.name and _overlap(s, old)), None)
        if moved is not None:
            new.remove(moved)
        changes.append(Change(old.name, old.start, moved.start if moved else None))
    changes += [Change(span.name, None, span.start) for span in new]
    return tuple(sorted(changes, key=lambda c: (c.before or c.after or 0, c.alert)))


def _overlap(one: _Span, other: _Span) -> bool:
    return one.start <= other.end and other.start <= one.end
