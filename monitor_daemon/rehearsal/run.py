"""Play a timeline through the core and write down what it decides."""

from dataclasses import dataclass, field
from typing import Final

from monitor_daemon.core.events import (
    MINUTE,
    Alert,
    Decision,
    Failure,
    Held,
    Input,
    Logged,
    Observe,
    Phase,
    Refused,
    Target,
)
from monitor_daemon.core.moment import NOREPINEPHRINE
from monitor_daemon.core.rules.minutes import bounds
from monitor_daemon.core.ward import Ward, in_order
from monitor_daemon.rehearsal.timeline import SUBJECT, Timeline

_ALERT_KINDS: Final = {"raised": "raise", "cleared": "clear"}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that the core decided, `t` minutes after scenario zero.

    Kinds are those of `expect`, and acknowledged, escalated, refused (a refill time that the
    protocol does not take), error (any other refusal) and failure.
    """

    t: float
    kind: str
    value: str | float
    reason: str | None = None


@dataclass(slots=True)
class Observed:
    """What came, the minutes of each class, and norepinephrine (ug/kg/min) from each change on."""

    items: list[Item] = field(default_factory=list)
    minutes: dict[str, int] = field(default_factory=dict)
    doses: list[tuple[float, float | None]] = field(default_factory=list)


def play(timeline: Timeline) -> Observed:
    """Everything the core decides from the first input to the end of the timeline."""
    ward, observed = Ward(), Observed()
    for now, inputs in timeline.instants:
        ordered = in_order(inputs)
        minutes = (now - timeline.zero) / MINUTE
        for index, decision in ward.step(ordered, now):
            observed.items.append(_item(minutes, decision, ordered[index]))
        _note_dose(ward, minutes, observed)
    observed.minutes = _minutes(ward, timeline)
    return observed


def _item(minutes: float, decision: Decision, cause: Input) -> Item:
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
        case Logged():
            return Item(minutes, "log", decision.name)
        case Refused():
            crt = isinstance(cause, Observe) and cause.kind == "crt"
            return Item(minutes, "refused" if crt else "error", decision.reason, decision.code)
        case Failure():
            return Item(minutes, "failure", decision.error, decision.where)


def _note_dose(ward: Ward, minutes: float, observed: Observed) -> None:
    subject = ward.state.subjects.get(SUBJECT)
    if subject is None:
        return
    infusions = ward.state.beds[subject.bed].infusions
    dose = infusions.dose(NOREPINEPHRINE, subject.weight_kg).value
    if not observed.doses or observed.doses[-1][1] != dose:
        observed.doses.append((minutes, dose))


def _minutes(ward: Ward, timeline: Timeline) -> dict[str, int]:
    """The ledger, with the last minutes classed that the core still holds open for late samples."""
    subject = ward.state.subjects.get(SUBJECT)
    if subject is None:
        return {}
    bins = ward.state.beds[subject.bed].pressure.bins
    for rule in ward.rules(subject).rules:
        if rule.kind == "minute_classes":
            subject.ledger.settle(timeline.end // MINUTE, bins, bounds(rule))
    return dict(subject.ledger.counts)
