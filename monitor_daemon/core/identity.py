"""Patients who move, as the hospital's ADT tells it (HL7 v2.9 chapter 3): what follows for ours.

A subject is found by the token of his patient id, or by the bed that an event says he leaves; then
the token becomes his. What contradicts the record changes nothing and is written down. A bed that
somebody leaves forgets what was measured before: it is never given to the next patient.
"""

from collections.abc import Mapping, MutableMapping
from typing import Final

import msgspec

from monitor_daemon.core.commands import inclusion
from monitor_daemon.core.decisions import Logged
from monitor_daemon.core.events import HOUR, MINUTE, Moved
from monitor_daemon.core.judgement import ENDED
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.people import Associate, End, Word
from monitor_daemon.core.stay import rest
from monitor_daemon.core.subject import Bed, Subject

#: Who acts where no person does.
ACTOR: Final = "ADT"
#: Events whose PV1-6 is the bed that the patient leaves. In others it may be years old.
_MOVES: Final = frozenset({"transfer", "cancel_transfer", "swap"})
#: Events whose PV1-3 is the bed that he leaves, and those whose PV1-3 is where he is from now on.
_LEAVES: Final = frozenset({"discharge", "cancel_admit"})
_ARRIVES: Final = frozenset({"admit", "cancel_discharge", *_MOVES})


class Strangers(msgspec.Struct):
    """Events about patients who are not ours: how many since the last line about them (ms)."""

    count: int = 0
    said: int | None = None

    def met(self, now: int) -> list[Logged]:
        """One more; a line of the record, at most once an hour."""
        self.count += 1
        if self.said is not None and now - self.said < HOUR:
            return []
        line = Logged("ADT_UNKNOWN", now, detail={"events": self.count})
        self.count, self.said = 0, now
        return [line]


class Told(msgspec.Struct):
    """What follows from an event: commands for a subject, lines of the record."""

    words: list[Word] = []
    said: list[Logged] = []


class Register:
    """Where everybody is, by the ward's state; `now` in ms."""

    def __init__(
        self,
        subjects: Mapping[str, Subject],
        beds: MutableMapping[str, Bed],
        strangers: Strangers,
        now: int,
    ) -> None:
        self._subjects = subjects
        self._beds = beds
        self._strangers = strangers
        self._now = now

    def take(self, given: Moved) -> Told:
        """What follows from one event. An event of the future is one of now.

        The time of a cancellation is that of the event it cancels (EVN-6).
        """
        at = self._now if given.at is None else min(given.at, self._now)
        subject = self._find(given, at)
        if subject is None:
            return self._stranger(given, at)
        if given.event == "merge":
            return self._merge(given, subject)
        subject.patient = given.patient or subject.patient
        match given.event:
            case "discharge":
                return self._discharge(given, subject, at)
            case "cancel_discharge":
                return self._cancel_discharge(given, subject)
            case "cancel_admit":
                return self._place(given, subject, None, self._now)
        if given.bed is None:
            if given.event == "update":
                return Told()
            return self._conflict(given, subject, "no bed is told")
        if given.event == "cancel_transfer":
            # He was never where he seems to be: what that bed told was at no time his.
            mistaken = given.prior_bed in {None, _here(subject) or ""}
            at = _begun(subject) if mistaken else self._now
        return self._place(given, subject, given.bed or None, at)

    def _find(self, given: Moved, at: int) -> Subject | None:
        """By his token, else by the bed that he leaves; those who are under protocol first."""
        token = given.prior_patient if given.event == "merge" else given.patient
        ours = sorted(self._subjects.values(), key=lambda s: (s.phase == ENDED, -_begun(s)))
        for subject in ours:
            if token is not None and subject.patient == token:
                return subject
        left = _left_by(given)
        for subject in ours if left and given.event != "cancel_admit" else []:
            nameless = subject.patient is None or token is None
            until = self._now if subject.left is None else subject.left
            if nameless and subject.bed == left and _begun(subject) <= at <= until:
                return subject
        return None

    def _stranger(self, given: Moved, at: int) -> Told:
        """Somebody else: he leaves a bed to the next one, and may not lie where one of ours is."""
        left = _left_by(given) or ""
        bed = self._beds.get(left)
        if bed is not None and bed.holder is None:
            self._beds[left] = rest(bed, at)
        said = self._strangers.met(self._now)
        holder = self._holder(given.bed)
        other = holder is not None and None not in {given.patient, holder.patient}
        if given.event in _ARRIVES and holder is not None and other:
            said += self._conflict(given, holder, "another patient is told to lie here").said
        return Told(said=said)

    def _merge(self, given: Moved, subject: Subject) -> Told:
        """Two records of the hospital are one patient's; the record of the trial stays."""
        if given.patient is None:
            return self._conflict(given, subject, "no patient is told")
        for other in self._subjects.values():
            if other.patient == given.patient and other is not subject:
                return self._conflict(given, subject, f"the same patient as {other.id}")
        subject.patient = given.patient
        return Told(said=[Logged("ADT_MERGED", self._now, subject.id)])

    def _discharge(self, given: Moved, subject: Subject, at: int) -> Told:
        """He leaves his devices when it happened, and his protocol ends."""
        if subject.phase == ENDED and subject.left is not None:
            return Told()
        if at < _begun(subject):
            return self._conflict(given, subject, "older than his present stay")
        words: list[Word] = []
        if at < self._now and subject.phase != ENDED and subject.left is None:
            words.append(Associate(subject.id, None, ACTOR, since=at, reason="discharge"))
        return Told([*words, End(subject.id, ACTOR, "discharge", outcome="discharge", at=at)])

    def _cancel_discharge(self, given: Moved, subject: Subject) -> Told:
        if subject.phase != ENDED:
            return self._place(given, subject, given.bed or None, self._now)
        if subject.discharge is None or subject.death is not None or subject.left is None:
            return self._conflict(given, subject, "no discharge ended his protocol")
        if phase_before(subject) == ENDED:
            return self._conflict(given, subject, "his protocol had ended before")
        target = subject.bed if given.bed is None else given.bed or None
        # In his own bed he has been all the time.
        since = subject.left if target == subject.bed else self._now
        return self._place(given, subject, target, since, reopen=True)

    def _place(
        self,
        given: Moved,
        subject: Subject,
        target: str | None,
        since: int,
        *,
        reopen: bool = False,
    ) -> Told:
        """He is in bed `target` (None: in none of ours) since `since`."""
        if target == _here(subject) and not reopen:
            return Told()
        over = subject.phase == ENDED and not reopen
        if over and subject.left is not None:
            return Told()
        if since < _begun(subject):
            return self._conflict(given, subject, "older than his present stay")
        if over:
            return self._follow_no_more(subject, since)
        holder = self._holder(target)
        if holder is not None:
            if given.event != "swap" or since < _begun(holder):
                return self._conflict(given, subject, f"bed {target} holds {holder.id}")
            # The other half of the exchange says where this one is.
            inclusion.leave(holder, self._beds[holder.bed], since)
        at = None if since >= self._now else since
        return Told([Associate(subject.id, target, ACTOR, at, given.event, reopen=reopen)])

    def _follow_no_more(self, subject: Subject, since: int) -> Told:
        """After the end of his protocol his drugs were recorded as long as he stayed."""
        inclusion.leave(subject, self._beds[subject.bed], since)
        detail = {"bed": None, "before": subject.bed, "since": since, "reason": "protocol ended"}
        return Told(said=[Logged("ASSOCIATION", self._now, subject.id, detail)])

    def _holder(self, bed: str | None) -> Subject | None:
        """Who lies in a bed under protocol."""
        for subject in self._subjects.values() if bed else ():
            if _here(subject) == bed and subject.phase != ENDED:
                return subject
        return None

    def _conflict(self, given: Moved, subject: Subject, reason: str) -> Told:
        detail = {"event": given.event, "bed": given.bed, "reason": reason}
        return Told(said=[Logged("ADT_CONFLICT", self._now, subject.id, detail)])


def move(
    moment: Moment,
    given: Associate,
    subjects: Mapping[str, Subject],
    beds: MutableMapping[str, Bed],
) -> list[int]:
    """Carry out an association. Raises CommandError.

    Gives the past minutes of his new bed that are his from the start.
    """
    subject, before = moment.subject, moment.subject.bed
    since = moment.now if given.since is None else given.since
    lay_nowhere = subject.left is not None
    if given.reopen:
        _reopen(moment)
    inclusion.associate(moment, given, subjects)
    held = beds.get(before)
    if held is not None and held.holder == subject.id and given.bed != before:
        beds[before] = rest(held, since)
    if subject.left is not None:
        return []
    bed = beds.setdefault(subject.bed, Bed())
    if bed.holder != subject.id:
        _part(bed, subjects, since)
        bed = beds[subject.bed] = rest(bed, since)
        bed.holder = subject.id
        if lay_nowhere and since < moment.now:
            # Whether a vasopressor ran was not written down for him: the bed's pumps know it.
            bed.infusions.miss(since)
    return sorted(m for m in bed.pressure.bins if since // MINUTE <= m < moment.now // MINUTE)


def _reopen(moment: Moment) -> None:
    """His protocol never ended: what his bed tells of the time between is judged as it stood."""
    subject, history = moment.subject, moment.subject.history
    subject.discharge = None
    moment.enter(phase_before(subject))
    history.entries = [stood for stood in history.entries if stood.phase != ENDED]
    moment.log("REOPENED", phase=subject.phase)


def occupy(
    subject: Subject, subjects: Mapping[str, Subject], beds: MutableMapping[str, Bed], now: int
) -> None:
    """A new subject: the devices of his bed are his from when the last one left."""
    bed = beds.setdefault(subject.bed, Bed())
    if bed.holder is not None:
        _part(bed, subjects, now)
        bed = beds[subject.bed] = Bed(begun=now)
    bed.holder = subject.id


def _part(bed: Bed, subjects: Mapping[str, Subject], at: int) -> None:
    """Whoever held the bed: his protocol has ended, but until now his drugs were recorded."""
    before = subjects.get(bed.holder or "")
    if before is not None and before.left is None:
        inclusion.leave(before, bed, at)


def phase_before(subject: Subject) -> str:
    """The phase in which he left his devices."""
    stood = subject.history.at((subject.left or 0) - 1)
    return subject.phase if stood is None else stood.phase


def _left_by(given: Moved) -> str | None:
    """The bed that an event says is left."""
    if given.event in _LEAVES:
        return given.bed
    return given.prior_bed if given.event in _MOVES else None


def _here(subject: Subject) -> str | None:
    return subject.bed if subject.left is None else None


def _begun(subject: Subject) -> int:
    """Since when (ms) he is where he is."""
    if subject.left is not None:
        return subject.left
    if subject.attached is not None:
        return subject.attached
    entries = subject.history.entries
    return entries[0].since if entries else subject.entered
