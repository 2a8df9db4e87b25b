"""Play a timeline through the core and write down what it decides."""

from dataclasses import dataclass, field
from typing import Final

from monitor_daemon.core.decisions import (
    Alert,
    Decision,
    Eligibility,
    Failure,
    Held,
    Logged,
    Phase,
    Push,
    Refused,
    Retrospective,
    Target,
)
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.people import Input, Observe
from monitor_daemon.core.rules.minutes import bounds
from monitor_daemon.core.subject import Subject
from monitor_daemon.core.ward import Ward, in_order
from monitor_daemon.rehearsal.doses import channel_dose, total_dose
from monitor_daemon.rehearsal.people import SUBJECT
from monitor_daemon.rehearsal.results import day_hours, outcomes
from monitor_daemon.rehearsal.timeline import Timeline

_ALERT_KINDS: Final = {"raised": "raise", "cleared": "clear", "voided": "void"}
_Single = Alert | Phase | Target | Held | Retrospective | Eligibility | Logged | Failure
#: After the end of the protocol only deliveries are recorded. Every event of a pump is judged at
#: its own instant and a pump is trusted for 15 minutes, so heartbeats so many minutes apart give
#: the same outcomes. Four weeks are rehearsed in a second then, not in four.
_SPARSE: Final = 10


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that the core decided, `t` minutes after scenario zero.

    Kinds are those of `expect`, and acknowledged, escalated, refused (a refill time that the
    protocol does not take), error (any other refusal) and failure. A retro item stands at its true
    beginning and ends at `until`; `also` are the minutes at which it would have been raised and was
    written. `to` are the roles of a push.
    """

    t: float
    kind: str
    value: str | float
    reason: str | None = None
    to: tuple[str, ...] = ()
    until: float | None = None
    also: tuple[float, ...] = ()
    notified: bool | None = None


@dataclass(slots=True)
class Observed:
    """What came.

    `doses` are in force from each change on: of norepinephrine in ug/kg/min under None, of a
    channel in its usual unit under its name. `verdicts` are those of screening.
    """

    items: list[Item] = field(default_factory=list)
    minutes: dict[str, int] = field(default_factory=dict)
    doses: dict[str | None, list[tuple[float, float | None]]] = field(default_factory=dict)
    outcomes: dict[str, float | str] = field(default_factory=dict)
    days: list[float] = field(default_factory=list)

    @property
    def verdicts(self) -> list[Item]:
        """The verdicts of screening, each in force from its minute on."""
        return [item for item in self.items if item.kind == "eligible"]


def play(timeline: Timeline) -> Observed:
    """Everything the core decides from the first input to the end of the timeline."""
    ward, observed = Ward(), Observed()
    doses: dict[str | None, list[tuple[float, float | None]]]
    doses = {channel: [] for channel in timeline.watched}
    phase: str | None = None
    sparse = False
    for now, inputs, routine in timeline.instants():
        if routine and sparse and (now // MINUTE) % _SPARSE:
            continue
        ordered = in_order(inputs)
        minutes = (now - timeline.zero) / MINUTE
        for index, decision in ward.step(ordered, now):
            observed.items += _items(minutes, decision, ordered[index], timeline)
            if isinstance(decision, Phase):
                phase = decision.phase
        subject = ward.state.subjects.get(SUBJECT)
        if subject is None:
            continue
        if subject.phase != phase:
            phase = subject.phase
            observed.items.append(Item(minutes, "phase", phase))
        sparse = phase == "ENDED" and _is_over(ward, subject)
        for channel, series in doses.items():
            _note(series, minutes, _dose(ward, subject, channel))
    observed.doses = doses
    subject = ward.state.subjects.get(SUBJECT)
    if subject is not None:
        _sum_up(ward, subject, timeline, observed)
    return observed


def _items(minutes: float, decision: Decision, cause: Input, timeline: Timeline) -> list[Item]:
    match decision:
        case Push():
            told = decision.items
            return [Item(minutes, "push", item.name, item.reason, to=item.to) for item in told]
        case Refused():
            crt = isinstance(cause, Observe) and cause.kind == "crt"
            kind = "refused" if crt else "error"
            return [Item(minutes, kind, decision.reason, decision.code)]
        case _:
            return [_item(minutes, decision, timeline)]


def _item(minutes: float, decision: _Single, timeline: Timeline) -> Item:
    match decision:
        case Alert():
            kind = _ALERT_KINDS.get(decision.transition, decision.transition)
            return Item(minutes, kind, decision.name, decision.reason)
        case Phase():
            return Item(minutes, "phase", decision.phase)
        case Target():
            return Item(minutes, "target", decision.target, decision.reason)
        case Held():
            return Item(minutes, "hold", decision.reason)
        case Retrospective():
            return Item(
                t=timeline.minutes(decision.condition_since),
                kind="retro",
                value=decision.name,
                until=timeline.minutes(decision.ended_at),
                also=(timeline.minutes(decision.raised_at), minutes),
                notified=decision.notified,
            )
        case Eligibility():
            return Item(minutes, "eligible", decision.verdict, decision.reason)
        case Logged():
            return Item(minutes, "log", decision.name)
        case Failure():
            return Item(minutes, "failure", decision.error, decision.where)


def _is_over(ward: Ward, subject: Subject) -> bool:
    return not any("ENDED" in rule.phases for rule in ward.rules(subject).rules)


def _dose(ward: Ward, subject: Subject, channel: str | None) -> float | None:
    infusions = ward.bed(subject).infusions
    if channel is None:
        return total_dose(infusions, subject.weight_kg)
    return channel_dose(infusions, channel, subject.weight_kg, ward.state.judged)


def _note(series: list[tuple[float, float | None]], minutes: float, dose: float | None) -> None:
    if not series or series[-1][1] != dose:
        series.append((minutes, dose))


def _sum_up(ward: Ward, subject: Subject, timeline: Timeline, observed: Observed) -> None:
    """Minutes, outcomes and days, as they stand at the end."""
    observed.minutes = _minutes(ward, subject, timeline)
    if subject.randomised is None:
        return
    bed = ward.bed(subject)
    moment = Moment(
        site="",
        now=timeline.end,
        minute=timeline.end // MINUTE,
        subject=subject,
        bed=bed,
        rules=ward.rules(subject),
    )
    observed.outcomes = outcomes(subject, bed, moment.exposure)
    observed.days = day_hours(subject, timeline.zone)


def _minutes(ward: Ward, subject: Subject, timeline: Timeline) -> dict[str, int]:
    """The ledger, with the last minutes classed that the core still holds open for late samples."""
    pressure = ward.bed(subject).pressure
    for rule in ward.rules(subject).rules:
        if rule.kind == "minute_classes" and subject.left is None:
            subject.ledger.settle(timeline.end // MINUTE, subject.history, pressure, bounds(rule))
    return dict(subject.ledger.counts)
