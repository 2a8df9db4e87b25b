"""All beds and subjects of a site, judged instant by instant. The core's one entrance.

`Ward.step` takes the inputs of one instant and gives the decisions that follow. The same inputs in
the same order give the same decisions on any machine. An error in the judgement of one subject ends
his judgement, says so, and leaves the others alone.
"""

from collections.abc import Callable, Sequence

import msgspec

from monitor_daemon.core import identity
from monitor_daemon.core.absorb import Absorber, Pressures, refills
from monitor_daemon.core.commands import inclusion
from monitor_daemon.core.commands.checks import find_subject
from monitor_daemon.core.commands.words import WORDS
from monitor_daemon.core.decisions import Decision, Failure, Logged
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.events import (
    MINUTE,
    ClockStepped,
    Configured,
    Data,
    HandOver,
    LinkChanged,
    Moved,
    Started,
    Tick,
)
from monitor_daemon.core.instant import Instant
from monitor_daemon.core.intake import DeviceClock
from monitor_daemon.core.judgement import ENDED, judge, say_not_monitored
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.people import (
    Associate,
    Correct,
    End,
    Enrol,
    Input,
    Observe,
    Randomise,
    Screen,
    Word,
)
from monitor_daemon.core.protocol import (
    NOT_MONITORED,
    Protocol,
    RuleSet,
    bridge_and_lead,
    parse,
)
from monitor_daemon.core.relive import relive
from monitor_daemon.core.retrospect import retrospect
from monitor_daemon.core.rules import kinds
from monitor_daemon.core.subject import Bed, Subject
from monitor_daemon.core.telling import tell


class WardState(msgspec.Struct):
    """Everything the core remembers; a snapshot is this structure and nothing else.

    `protocols` are the texts of the versions in force and of those that somebody follows. `minute`
    is the last whole minute judged, `judged` (ms) the newest instant.
    """

    configured: Configured | None = None
    protocols: dict[str, str] = {}
    minute: int = 0
    judged: int = 0
    beds: dict[str, Bed] = {}
    subjects: dict[str, Subject] = {}
    clocks: dict[str, DeviceClock] = {}
    links: dict[str, LinkChanged] = {}
    strangers: identity.Strangers = msgspec.field(default_factory=identity.Strangers)


class Ward:
    """The core. Construct it empty, or from a snapshot's state."""

    def __init__(self, state: WardState | None = None) -> None:
        self.state = state or WardState()
        self.drugs = DrugTable([])
        self.protocols: dict[str, Protocol] = {}
        self._load()

    def snapshot(self) -> bytes:
        """The whole state, for a quick restart."""
        return msgspec.msgpack.encode(self.state)

    @classmethod
    def restore(cls, snapshot: bytes) -> "Ward":
        """A ward as it was when `snapshot` was taken."""
        return cls(msgspec.msgpack.decode(snapshot, type=WardState))

    def step(self, inputs: Sequence[Input], now: int) -> list[tuple[int, Decision]]:
        """Take the inputs of instant `now` (ms) in order; give (index of input, decision) pairs."""
        instant = Instant(now, len(inputs) - 1)
        for index, given in enumerate(inputs):
            match given:
                case Data():
                    self._data(index, given, instant)
                case Tick():
                    instant.minute = max(given.minute, instant.minute or 0)
                case Screen() | Enrol():
                    if instant.answer(index, self._admit, given, now):
                        instant.touched.add(given.bed)
                        instant.owners[given.subject] = index
                case Configured():
                    instant.out += [(index, said) for said in self._configure(given, now)]
                case Started():
                    instant.out += [(index, said) for said in self._started(given, now)]
                case LinkChanged():
                    self.state.links[given.link] = given
                case ClockStepped():
                    detail = {"seconds": given.seconds}
                    instant.out.append((index, Logged("CLOCK", now, detail=detail)))
                case HandOver():
                    instant.roles = (*instant.roles, *given.roles)
                case Moved():
                    self._follow(index, given, instant)
                case _:
                    _ask(index, given, instant)
        self._judge_all(instant)
        return instant.out

    def step_block(
        self, block: Sequence[tuple[int, Data, Pressures]]
    ) -> list[tuple[int, Decision]]:
        """Take messages of one source with nothing but one usable arterial triplet each.

        The state is then what `step` makes of them one by one; gives (instant, decision) pairs.
        """
        name = block[0][1].bed or ""
        bed = self.state.beds.setdefault(name, Bed())
        said: list[tuple[int, Decision]] = []
        self._guard(name, bed, self._absorber.absorb_block, bed, block, _sayer(said))
        return said

    def still(self, inputs: Sequence[Input], now: int) -> bool:
        """Take pumps that only say again what they said; False, and nothing is taken, otherwise.

        Nothing follows from them; the state is what `step` makes of them.
        """
        if len(inputs) != 1:
            return False
        (given,) = inputs
        if type(given) is not Data or not given.flows or given.bed is None:
            return False
        bed = self.state.beds.get(given.bed)
        return bed is not None and bed.failed is None and self._absorber.still(bed, given, now)

    def rules(self, subject: Subject) -> RuleSet:
        """The rules a subject is judged by: the version in force at his randomisation."""
        return self.protocol(subject).for_arm(subject.arm, subject.overrides)

    def protocol(self, subject: Subject) -> Protocol:
        """The protocol version that a subject follows."""
        return self.protocols[f"{subject.protocol}@{subject.version}"]

    def bed(self, subject: Subject) -> Bed:
        """The bed whose devices are his; an empty one if he has none."""
        return Bed() if subject.left is not None else self.state.beds.setdefault(subject.bed, Bed())

    def _judge_all(self, instant: Instant) -> None:
        state, minute = self.state, instant.minute
        now = instant.now
        if minute is not None:
            state.minute = minute
            now = minute * MINUTE
            for name, bed in state.beds.items():
                self._guard(name, bed, self._close, name, bed, instant)
        elif not (instant.touched or instant.words or instant.roles):
            return
        state.judged = max(state.judged, now)
        for name, bed in state.beds.items():
            if minute is not None or name in instant.touched:
                self._guard(name, bed, self._settle, bed, now)
        # Where pumps told late what they did, everything waits for the minute that places it.
        touched = {n for n in instant.touched if state.beds[n].infusions.missed is None}
        for subject in list(state.subjects.values()):
            words = instant.words.pop(subject.id, [])
            concerned = minute is not None or instant.roles or subject.bed in touched
            if words or (concerned and not (subject.phase == ENDED and subject.left is not None)):
                self._judge(subject, words, now, instant)
        for unknown in instant.words.values():
            for index, given in unknown:
                instant.answer(index, find_subject, state.subjects, given.subject)

    def _judge(
        self, subject: Subject, words: list[tuple[int, Word]], now: int, instant: Instant
    ) -> None:
        out, last = instant.out, instant.owner(subject.id)
        moment = self._moved(subject, words, now, instant)
        if subject.failed is None and moment.bed.failed is not None:
            subject.failed = moment.bed.failed
            out.append((last, Failure(subject.id, subject.failed)))
        entries = self._carry_out(moment, words, instant)
        if subject.failed is None:
            try:
                late, relived = instant.late.get(subject.bed), instant.relived.get(subject.bed)
                if relived is not None:
                    moment.relived = relived.first * MINUTE
                if (late or relived) and subject.left is None:
                    retrospect(moment, late or [], relived)
                judge(moment, entries, whole=instant.minute is not None)
            except Exception as error:  # noqa: BLE001 - one subject's failure must not stop the others
                subject.failed = type(error).__name__
                out.append((last, Failure(subject.id, subject.failed)))
        if subject.failed is not None and subject.phase != ENDED:
            say_not_monitored(moment)
            if instant.minute is not None and subject.phase == "ACTIVE":
                counts = subject.ledger.counts
                counts["UNKNOWN"] = counts.get("UNKNOWN", 0) + 1
        elif NOT_MONITORED.name in subject.alerts:
            moment.close(NOT_MONITORED.name, "judged again")
        tell(moment, instant.roles)
        out.extend((last, decision) for decision in moment.decisions)

    def _moment(self, subject: Subject, now: int) -> Moment:
        return Moment(
            site=self.state.configured.site if self.state.configured else "",
            now=now,
            minute=self.state.minute,
            subject=subject,
            bed=self.bed(subject),
            rules=self.rules(subject),
        )

    def _moved(
        self, subject: Subject, words: list[tuple[int, Word]], now: int, instant: Instant
    ) -> Moment:
        """Identity first: randomisations and changes of bed, then the moment that they make."""
        moment = self._moment(subject, now)
        for index, given in words:
            if isinstance(given, Randomise):
                instant.answer(index, inclusion.randomise, subject, given, self.protocols, now)
            elif isinstance(given, Associate):
                instant.answer(index, self._associate, moment, given)
            else:
                continue
            said = moment.decisions
            moment = self._moment(subject, now)
            moment.decisions = said
        return moment

    def _associate(self, moment: Moment, given: Associate) -> None:
        late = identity.move(moment, given, self.state.subjects, self.state.beds)
        if late:
            here = self._moment(moment.subject, moment.now)
            here.decisions = moment.decisions
            retrospect(here, late, None)

    def _follow(self, index: int, given: Moved, instant: Instant) -> None:
        """What the hospital's ADT tells of one of ours becomes commands about him."""
        state = self.state
        register = identity.Register(state.subjects, state.beds, state.strangers, instant.now)
        told = register.take(given)
        instant.out += [(index, said) for said in told.said]
        for word in told.words:
            _ask(index, word, instant)

    def _carry_out(
        self, moment: Moment, words: list[tuple[int, Word]], instant: Instant
    ) -> list[Observe | Correct]:
        """Do what people ask; give the entries that the rules must see."""
        entries: list[Observe | Correct] = []
        for index, given in words:
            work = WORDS.get(type(given))
            if work is None or not instant.answer(index, work, moment, given):
                continue
            if isinstance(given, Observe | Correct):
                entries.append(given)
            elif isinstance(given, End) and moment.bed.holder == moment.subject.id:
                # Who comes next must not inherit what this patient's devices told.
                self.state.beds[moment.subject.bed] = Bed(begun=moment.now)
        return entries

    def _close(self, name: str, bed: Bed, instant: Instant) -> None:
        late = bed.pressure.close(self.state.minute, self._absorber.need(bed))
        if late:
            instant.late[name] = late
        now, missed = self.state.minute * MINUTE, bed.infusions.missed
        if missed is not None and missed <= now:
            timing = bridge_and_lead(self._rules_of(bed))
            instant.relived[name] = relive(bed.infusions, self.drugs, now, *timing)

    def _guard(self, name: str, bed: Bed, work: Callable[..., object], *given: object) -> None:
        """Run work on a bed; a failure of ours marks the bed, whose subject then says so."""
        if bed.failed is None:
            try:
                work(*given)
            except Exception as error:  # noqa: BLE001 - one bed's failure must not stop the others
                bed.failed = f"{type(error).__name__} at {name}"

    def _settle(self, bed: Bed, now: int) -> None:
        bridge, _ = bridge_and_lead(self._rules_of(bed))
        bed.infusions.settle(now, bridge)
        if bed.others.infusions.channels:
            bed.others.infusions.settle(now, bridge)

    def _rules_of(self, bed: Bed) -> RuleSet | None:
        """The rules of whoever lies in a bed."""
        holder = self.state.subjects.get(bed.holder or "")
        return None if holder is None else self.rules(holder)

    def _configure(self, given: Configured, now: int) -> list[Decision]:
        """Take the configuration in force. A patient keeps the version of his randomisation.

        A version that somebody follows stays as it was, even if its file is gone or was changed
        without a new version; the latter is said.
        """
        before = self.state.protocols
        followed = {f"{s.protocol}@{s.version}" for s in self.state.subjects.values()}
        kept = {key: text for key, text in before.items() if key in followed}
        changed = [k for k in sorted(kept) if given.protocols.get(k, kept[k]) != kept[k]]
        self.state.protocols = {**given.protocols, **kept}
        self.state.configured = given
        self._load()
        return [Logged("PROTOCOL_CHANGED", now, detail={"version": key}) for key in changed]

    def _load(self) -> None:
        """Parse what the state holds as text."""
        configured = self.state.configured
        if configured is not None and configured.drugs:
            self.drugs = DrugTable.parse(configured.drugs)
        self.protocols = {
            key: parse(text, kinds(), key) for key, text in sorted(self.state.protocols.items())
        }
        self._absorber = Absorber(self.state.clocks, self.drugs, configured)

    def _started(self, given: Started, now: int) -> list[Decision]:
        """Begin again after a stop: what failed gets a second chance with empty windows."""
        subjects = self.state.subjects
        for name, bed in self.state.beds.items():
            holder = subjects.get(bed.holder or "")
            if bed.failed is not None or (holder is not None and holder.failed is not None):
                self.state.beds[name] = Bed(holder=bed.holder, begun=bed.begun)
        for subject in subjects.values():
            if subject.failed is not None:
                subject.failed = None
                subject.conditions = {
                    name: condition
                    for name, condition in subject.conditions.items()
                    if name in subject.alerts
                }
        if given.stopped is None:
            return []
        for bed in self.state.beds.values():
            bed.infusions.miss(bed.infusions.exposure.at)
        return [Logged("OUTAGE", now, detail={"from": given.stopped, "to": now})]

    def _admit(self, given: Screen | Enrol, now: int) -> None:
        """A new patient comes into a bed, whose devices are his from when the last one left."""
        subjects, protocols = self.state.subjects, self.protocols
        if isinstance(given, Screen):
            subject = inclusion.screen(given, subjects, protocols, now)
        else:
            subject = inclusion.enrol(given, subjects, protocols, now)
        subject.patient = given.patient
        identity.occupy(subject, subjects, self.state.beds, now)
        subjects[subject.id] = subject

    def _data(self, index: int, given: Data, instant: Instant) -> None:
        if given.bed is None:
            return
        bed = self.state.beds.get(given.bed)
        if bed is None:
            bed = self.state.beds[given.bed] = Bed()
        self._guard(given.bed, bed, self._absorb, index, bed, given, instant)

    def _absorb(self, index: int, bed: Bed, given: Data, instant: Instant) -> None:
        def say(said: Logged) -> None:
            instant.out.append((index, said))

        for measured, value in refills(bed, given, instant.now):
            if bed.holder is not None:
                # A refill time charted elsewhere is an entry like one made here.
                entry = Observe(bed.holder, "crt", value, f"link {given.link}", measured)
                instant.words.setdefault(bed.holder, []).append((index, entry))
        if self._absorber.absorb(bed, given, instant.now, say) and given.bed is not None:
            instant.touched.add(given.bed)


def _ask(index: int, word: Word, instant: Instant) -> None:
    instant.words.setdefault(word.subject, []).append((index, word))
    instant.owners[word.subject] = index


def _sayer(said: list[tuple[int, Decision]]) -> Callable[[Logged], None]:
    return lambda logged: said.append((logged.at, logged))


def in_order(inputs: Sequence[Input]) -> list[Input]:
    """Inputs of one instant in the order of reference 0.2, whatever order they arrived in."""
    return sorted(inputs, key=lambda given: (given.order, msgspec.json.encode(given)))
