"""All beds and subjects of a site, judged instant by instant. The core's one entrance.

`Ward.step` takes the inputs of one instant and gives the decisions that follow. The same inputs in
the same order give the same decisions on any machine. An error in the judgement of one subject ends
his judgement, says so, and leaves the others alone.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from monitor_daemon.core.commands import acknowledge, end, enrol, find_subject, observe
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.errors import MonitorError
from monitor_daemon.core.events import (
    MINUTE,
    SECOND,
    Acknowledge,
    ClockStepped,
    Command,
    Configured,
    Data,
    Decision,
    End,
    Enrol,
    Failure,
    Input,
    LinkChanged,
    Logged,
    Observe,
    Refused,
    Sample,
    Started,
    Tick,
)
from monitor_daemon.core.intake import JUMP, DeviceClock
from monitor_daemon.core.judgement import ENDED, NOT_MONITORED, judge
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import Protocol, RuleSet, parse
from monitor_daemon.core.rules import kinds
from monitor_daemon.core.subject import Bed, Subject

BRIDGE: Final = 5 * MINUTE
_PRESSURE: Final = ("art_map", "art_sys", "art_dia")


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
        out: list[tuple[int, Decision]] = []
        entries: dict[str, list[tuple[int, Command]]] = {}
        touched: set[str] = set()
        minute: int | None = None
        for index, given in enumerate(inputs):
            match given:
                case Data():
                    self._data(index, given, now, out)
                    if given.flows and given.bed is not None:
                        touched.add(given.bed)
                case Tick():
                    minute = max(given.minute, minute or 0)
                case Enrol():
                    self._answer(index, out, self._enrol, given, now)
                    touched.add(given.bed)
                case Observe() | Acknowledge() | End():
                    entries.setdefault(given.subject, []).append((index, given))
                case Configured():
                    out.extend((index, decision) for decision in self._configure(given, now))
                case Started():
                    out.extend((index, decision) for decision in self._started(given, now))
                case LinkChanged():
                    self.state.links[given.link] = given
                case ClockStepped():
                    out.append((index, Logged("CLOCK", now, detail={"seconds": given.seconds})))
        self._judge_all(len(inputs) - 1, now, minute, touched, entries, out)
        return out

    def rules(self, subject: Subject) -> RuleSet:
        """The rules a subject is judged by: the version in force at his randomisation."""
        protocol = self.protocols[f"{subject.protocol}@{subject.version}"]
        return protocol.for_arm(subject.arm, subject.overrides)

    def _judge_all(
        self,
        last: int,
        now: int,
        minute: int | None,
        touched: set[str],
        entries: dict[str, list[tuple[int, Command]]],
        out: list[tuple[int, Decision]],
    ) -> None:
        state = self.state
        if minute is not None:
            state.minute = minute
            now = minute * MINUTE
            for name, bed in state.beds.items():
                self._guard(name, bed, bed.pressure.close, minute, self._need(name))
        elif not touched and not entries:
            return
        state.judged = max(state.judged, now)
        for name, bed in state.beds.items():
            if minute is not None or name in touched:
                self._guard(name, bed, bed.infusions.settle, now, BRIDGE)
        for subject in list(state.subjects.values()):
            mine = entries.pop(subject.id, [])
            if minute is not None or mine or subject.bed in touched:
                self._judge(subject, mine, last, now, whole=minute is not None, out=out)
        for unknown in entries.values():
            for index, given in unknown:
                self._answer(index, out, find_subject, state.subjects, given.subject)

    def _judge(
        self,
        subject: Subject,
        entries: list[tuple[int, Command]],
        last: int,
        now: int,
        *,
        whole: bool,
        out: list[tuple[int, Decision]],
    ) -> None:
        bed = self.state.beds.setdefault(subject.bed, Bed())
        if subject.failed is None and bed.failed is not None:
            subject.failed = bed.failed
            out.append((last, Failure(subject.id, bed.failed)))
        moment = Moment(
            site=self.state.configured.site if self.state.configured else "",
            now=now,
            minute=self.state.minute,
            subject=subject,
            bed=bed,
            rules=self.rules(subject),
        )
        seen = self._carry_out(moment, entries, out)
        if subject.failed is None:
            try:
                judge(moment, seen, whole=whole)
            except Exception as error:  # noqa: BLE001 - one subject's failure must not stop the others
                subject.failed = type(error).__name__
                out.append((last, Failure(subject.id, subject.failed)))
        if subject.failed is not None and subject.phase != ENDED:
            NOT_MONITORED.say(moment)
            if whole and subject.phase == "ACTIVE":
                counts = subject.ledger.counts
                counts["UNKNOWN"] = counts.get("UNKNOWN", 0) + 1
        elif NOT_MONITORED.rule.name in subject.alerts:
            moment.close(NOT_MONITORED.rule.name, "judged again")
        out.extend((last, decision) for decision in moment.decisions)

    def _carry_out(
        self,
        moment: Moment,
        entries: list[tuple[int, Command]],
        out: list[tuple[int, Decision]],
    ) -> list[Observe]:
        """Acknowledgements and ends first; give the observations that the rules must see."""
        for index, given in entries:
            if isinstance(given, Acknowledge):
                self._answer(index, out, acknowledge, moment, given)
            elif isinstance(given, End) and self._answer(index, out, end, moment, given):
                # Who comes next must not inherit what this patient's devices told.
                self.state.beds[moment.subject.bed] = Bed()
        seen: list[Observe] = []
        for index, given in entries:
            if isinstance(given, Observe) and self._answer(index, out, observe, moment, given):
                seen.append(given)
        return seen

    def _guard(self, name: str, bed: Bed, work: Callable[..., object], *given: object) -> None:
        """Run work on a bed; a failure of ours marks the bed, whose subject then says so."""
        if bed.failed is None:
            try:
                work(*given)
            except Exception as error:  # noqa: BLE001 - one bed's failure must not stop the others
                bed.failed = f"{type(error).__name__} at {name}"

    def _answer(
        self,
        index: int,
        out: list[tuple[int, Decision]],
        work: Callable[..., object],
        *given: object,
    ) -> bool:
        """Carry out a command; a wrong one is answered with its code and reason."""
        try:
            work(*given)
        except MonitorError as error:
            out.append((index, Refused(error.code, str(error))))
            return False
        return True

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

    def _started(self, given: Started, now: int) -> list[Decision]:
        """Begin again after a stop: what failed gets a second chance with empty windows."""
        for name, bed in self.state.beds.items():
            if bed.failed is not None:
                self.state.beds[name] = Bed()
        for subject in self.state.subjects.values():
            if subject.failed is not None:
                subject.failed = None
                self.state.beds[subject.bed] = Bed()
                subject.conditions = {
                    name: condition
                    for name, condition in subject.conditions.items()
                    if name in subject.alerts
                }
        if given.stopped is None:
            return []
        return [Logged("OUTAGE", now, detail={"from": given.stopped, "to": now})]

    def _enrol(self, given: Enrol, now: int) -> None:
        subject = enrol(given, self.state.subjects, self.protocols, now)
        bed = self.state.beds.get(subject.bed)
        if bed is None or bed.holder is not None:
            bed = self.state.beds[subject.bed] = Bed()
        bed.holder = subject.id
        self.state.subjects[subject.id] = subject

    def _data(self, index: int, given: Data, now: int, out: list[tuple[int, Decision]]) -> None:
        if given.bed is None:
            return
        bed = self.state.beds.get(given.bed)
        if bed is None:
            bed = self.state.beds[given.bed] = Bed()
        self._guard(given.bed, bed, self._absorb, index, bed, given, now, out)

    def _absorb(
        self, index: int, bed: Bed, given: Data, now: int, out: list[tuple[int, Decision]]
    ) -> None:
        for flow in given.flows:
            source = f"{given.link}|{flow.channel}"
            at, jump = self._place(source, flow.at, now, at_once=False)
            if jump is not None:
                out.append((index, _clock(given, now, jump)))
            bed.infusions.take(source, flow, self.drugs, now, at)
        triplets: dict[tuple[str | None, int | None], list[Sample | None]] = {}
        for sample in given.samples:
            if sample.signal in _PRESSURE:
                triplet = triplets.setdefault((sample.channel, sample.at), [None, None, None])
                triplet[_PRESSURE.index(sample.signal)] = sample
            elif sample.value is not None and sample.quality == "good":
                bed.latest[sample.signal] = (sample.at or now, sample.value)
        for (channel, stamped), (mean, systolic, diastolic) in triplets.items():
            if mean is None:
                continue
            at, jump = self._place(f"{given.link}|{given.bed}", stamped, now, at_once=True)
            if jump is not None:
                out.append((index, _clock(given, now, jump)))
            bed.pressure.take(
                f"{given.link}|{channel}",
                at,
                mean.value if mean.value is not None else 0.0,
                _number(systolic),
                _number(diastolic),
                usable=mean.quality == "good" and mean.value is not None,
            )

    def _place(
        self, source: str, stamped: int | None, now: int, *, at_once: bool
    ) -> tuple[int, int | None]:
        """True time of what a device stamped, and the jump if its clock was set."""
        if stamped is None:
            return now, None
        clock = self.state.clocks.get(source)
        if clock is None:
            self.state.clocks[source] = DeviceClock(now - stamped, stamped, now)
            return now, None
        speed = self.state.configured.speed if self.state.configured else 1.0
        limit = max(JUMP, round(5 * speed) * SECOND)
        return clock.place(stamped, now, limit, at_once=at_once)

    def _need(self, bed: str) -> int:
        """Samples a valid bin needs: half of what the source's declared period promises."""
        configured, pressure = self.state.configured, self.state.beds[bed].pressure
        link = (pressure.source or "").split("|", 1)[0]
        period = configured.periods.get(link, 60.0) if configured else 60.0
        return max(1, math.ceil(round(30.0 / period, 6)))


def _clock(given: Data, now: int, jump: int) -> Logged:
    detail = {"link": given.link, "bed": given.bed, "seconds": jump / SECOND}
    return Logged("CLOCK", now, detail=detail)


def _number(sample: Sample | None) -> float | None:
    return sample.value if sample is not None and sample.quality == "good" else None


def in_order(inputs: Sequence[Input]) -> list[Input]:
    """Inputs of one instant in the order of reference 0.2, whatever order they arrived in."""
    return sorted(inputs, key=lambda given: (given.order, msgspec.json.encode(given)))
