"""One judgement of one subject at one instant: what rules see and what they may do."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import Final

import msgspec

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.decisions import Alert, Decision, Held, Logged, Phase, Target
from monitor_daemon.core.dose import exact
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.exposure import Exposure
from monitor_daemon.core.infusion import PRESSORS, Dose
from monitor_daemon.core.protocol import NOT_MONITORED, Rule, RuleSet
from monitor_daemon.core.response import Handling
from monitor_daemon.core.subject import Bed, OpenAlert, Subject, alert_id

NOREPINEPHRINE: Final = "norepinephrine"
VASOPRESSIN: Final = "vasopressin"
STUDY: Final = "study"


class Moment:
    """A subject, his bed and his rules at `now` (ms); `minute` is the whole minute judged."""

    def __init__(
        self, *, site: str, now: int, minute: int, subject: Subject, bed: Bed, rules: RuleSet
    ) -> None:
        self.site = site
        self.now = now
        self.minute = minute
        self.subject = subject
        self.bed = bed
        self.rules = rules
        self.decisions: list[Decision] = []
        #: Since when (ms) pumps are known better than at the judgements before this one.
        self.relived: int | None = None
        #: Names of info alerts that became attention at this moment.
        self.heightened: set[str] = set()

    def runs(self, rule: Rule) -> bool:
        """Whether the subject is in a phase of this rule and not exempted from it."""
        subject = self.subject
        return subject.phase in rule.phases and rule.name not in subject.exempt

    @cached_property
    def map5(self) -> float | None:
        """MAP5 (mmHg) at the judged minute; None is unknown."""
        return self.bed.pressure.map5(self.minute)

    @cached_property
    def on(self) -> bool | None:
        """Whether any vasopressor is delivered."""
        return self.bed.infusions.on(PRESSORS)

    @cached_property
    def dose(self) -> Dose:
        """Norepinephrine base in ug/kg/min."""
        return self.bed.infusions.dose(NOREPINEPHRINE, self.subject.weight_kg)

    @property
    def exposure(self) -> Exposure:
        """What the pumps delivered to this patient, over all beds he was in."""
        subject = self.subject
        since = subject.attached if subject.attached is not None else 0
        whole = Exposure()
        whole.join(subject.exposure)
        if subject.left is None:
            whole.join(self.bed.infusions.exposure.within(since, self.now + 1))
            whole.at = self.now
            running = self.bed.infusions.exposure.running
            whole.running = [drug for drug in running if drug in whole.runs]
        return whole

    def result(self, kind: str) -> tuple[int, float] | None:
        """(measured, value) of the newest result of `kind`, from people or devices."""
        found = (self.subject.results, self.bed.results)
        newest = [item for results in found if (item := results.newest(kind, self.now))]
        return max(newest, default=None)

    def amount(self, dose: float) -> Decimal:
        """A dose (ug/kg/min) of this subject as an amount in ug/h, without rounding up to it.

        A dose counts from half a thousandth below, because it is compared after rounding.
        """
        weight = self.subject.weight_kg
        if weight is None:
            return Decimal("Infinity")
        return (exact(dose) - Decimal("0.0005")) * exact(weight) * 60

    def handling(self, name: str) -> Handling:
        """How people are told of the alert `name`."""
        rules = (*self.rules.rules, NOT_MONITORED)
        return next((rule.handling for rule in rules if rule.name == name), Handling())

    def after_randomisation(self, when: int) -> bool:
        """Whether `when` (ms) is at or after randomisation."""
        randomised = self.subject.randomised
        return randomised is not None and when >= randomised

    def minutes_since(self, when: int | None) -> float:
        """Minutes from `when` (ms) to now; infinite if it never was."""
        return float("inf") if when is None else (self.now - when) / MINUTE

    def enter(self, phase: str, window: int | None = None) -> None:
        """Move the subject into a phase."""
        self.subject.phase = phase
        self.decisions.append(Phase(self.subject.id, phase, self.now, window))

    def aim(self, change: str) -> None:
        """What staff aim at has moved: graces begin."""
        self.subject.changed, self.subject.change = self.now, change

    def retarget(self, target: float, change: str, reason: str) -> None:
        """Set the protocol's MAP target (mmHg)."""
        previous = None if change == "active" else self.subject.target
        self.subject.target = target
        self.aim(change)
        self.decisions.append(Target(self.subject.id, target, reason, self.now, previous))

    def hold(self, reason: str) -> None:
        """Log why a CRT entry did not move the target."""
        self.decisions.append(Held(self.subject.id, reason, self.now))

    def log(self, name: str, /, **detail: object) -> None:
        """Write an information record."""
        self.decisions.append(Logged(name, self.now, self.subject.id, detail))

    def notice(self, name: str, values: Mapping[str, float | str | None], reason: str = "") -> None:
        """Raise the event alert of this name, if the protocol file has one."""
        for rule in self.rules.rules:
            if rule.name == name and self.runs(rule):
                self.open(rule, Verdict(True, False, reason=reason, values=values), self.now)

    def open(self, rule: Rule, verdict: Verdict, since: int) -> None:
        """Raise an alert. An open one of the same name is replaced: a new episode."""
        subject = self.subject
        if rule.name in subject.alerts:
            self.close(rule.name, "replaced")
        alert = OpenAlert(
            alert_id=self.next_id(rule.name),
            name=rule.name,
            clause=rule.clause,
            level=rule.level,
            reason=verdict.reason or rule.name,
            condition_since=since,
            raised_at=self.now,
            values=plain(verdict.values),
            values_at=self.now,
            target=subject.aim,
        )
        subject.alerts[rule.name] = alert
        self.transition(alert, "raised")

    def next_id(self, name: str) -> str:
        """The id of the next episode of an alert."""
        subject = self.subject
        episode = subject.episodes[name] = subject.episodes.get(name, 0) + 1
        return alert_id(self.site, subject.id, name, episode)

    def close(self, name: str, reason: str, transition: str = "cleared") -> None:
        """Clear an open alert, or void it."""
        alert = self.subject.alerts.pop(name)
        alert.cleared_at = self.now
        self.subject.past[alert.alert_id] = alert
        self.transition(alert, transition, reason=reason)

    def transition(
        self,
        alert: OpenAlert,
        transition: str,
        *,
        reason: str | None = None,
        actor: str | None = None,
    ) -> None:
        """Say that something happened to an alert."""
        alert.transitions += 1
        said = as_it_stands(self.subject, alert, self.now, self.rules.params_hash)
        self.decisions.append(
            msgspec.structs.replace(
                said,
                event_id=f"{alert.alert_id}-{alert.transitions}",
                transition=transition,
                reason=reason or alert.reason,
                coverage=self.coverage(alert),
                actor=actor,
            )
        )

    def coverage(self, alert: OpenAlert) -> float:
        """Share of minutes since the condition began (at most 45) that have a valid bin."""
        first = max(alert.condition_since // MINUTE, self.minute - 45)
        minutes = range(min(first, self.minute - 1), self.minute)
        return round(sum(m in self.bed.pressure.bins for m in minutes) / len(minutes), 3)


def plain(values: Mapping[str, float | str | None]) -> dict[str, float | str | None]:
    """Values of an alert: whole numbers too are floats, so that a snapshot gives back the same."""
    return {key: float(v) if isinstance(v, int) else v for key, v in values.items()}


def as_it_stands(subject: Subject, alert: OpenAlert, now: int, params_hash: str = "") -> Alert:
    """An alert at `now` (ms) in the form of a decision; none was made, so it has no event's id."""
    return Alert(
        event_id="",
        alert_id=alert.alert_id,
        subject=subject.id,
        bed=subject.bed,
        name=alert.name,
        clause=alert.clause,
        level=alert.level,
        transition="raised",
        reason=alert.reason,
        condition_since=alert.condition_since,
        raised_at=alert.raised_at,
        at=now,
        protocol=subject.protocol,
        version=subject.version,
        params_hash=params_hash,
        target=alert.target,
        values=alert.values,
        values_at=alert.values_at,
    )
