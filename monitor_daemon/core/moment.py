"""One judgement of one subject at one instant: what rules see and what they may do."""

from decimal import Decimal
from functools import cached_property
from typing import Final

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.dose import exact
from monitor_daemon.core.events import MINUTE, Alert, Decision, Held, Logged, Phase, Target
from monitor_daemon.core.infusion import PRESSORS, Dose
from monitor_daemon.core.protocol import Rule, RuleSet
from monitor_daemon.core.subject import Bed, OpenAlert, Subject, alert_id

NOREPINEPHRINE: Final = "norepinephrine"
VASOPRESSIN: Final = "vasopressin"


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

    def runs(self, rule: Rule) -> bool:
        """Whether the subject is in a phase of this rule."""
        return self.subject.phase in rule.phases

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

    def amount(self, dose: float) -> Decimal:
        """A dose (ug/kg/min) of this subject as an amount in ug/h, without rounding up to it.

        A dose counts from half a thousandth below, because it is compared after rounding.
        """
        return (exact(dose) - Decimal("0.0005")) * exact(self.subject.weight_kg) * 60

    def minutes_since(self, when: int | None) -> float:
        """Minutes from `when` (ms) to now; infinite if it never was."""
        return float("inf") if when is None else (self.now - when) / MINUTE

    def enter(self, phase: str, window: int | None = None) -> None:
        """Move the subject into a phase."""
        self.subject.phase = phase
        self.decisions.append(Phase(self.subject.id, phase, self.now, window))

    def retarget(self, target: float, change: str, reason: str) -> None:
        """Set the MAP target (mmHg)."""
        subject = self.subject
        previous = None if change == "active" else subject.target
        subject.target, subject.target_changed, subject.target_change = target, self.now, change
        self.decisions.append(Target(subject.id, target, reason, self.now, previous))

    def hold(self, reason: str) -> None:
        """Log why a CRT entry did not move the target."""
        self.decisions.append(Held(self.subject.id, reason, self.now))

    def log(self, name: str, **detail: float | str | bool | None) -> None:
        """Write an information record."""
        self.decisions.append(Logged(name, self.now, self.subject.id, detail))

    def open(self, rule: Rule, verdict: Verdict, since: int) -> None:
        """Raise an alert. An open one of the same name is replaced: a new episode."""
        subject = self.subject
        if rule.name in subject.alerts:
            self.close(rule.name, "replaced")
        episode = subject.episodes.get(rule.name, 0) + 1
        subject.episodes[rule.name] = episode
        alert = OpenAlert(
            alert_id=alert_id(self.site, subject.id, rule.name, episode),
            name=rule.name,
            clause=rule.clause,
            level=rule.level,
            reason=verdict.reason or rule.name,
            condition_since=since,
            raised_at=self.now,
            # Whole numbers too are floats, so that a snapshot gives back the same record.
            values={k: float(v) if isinstance(v, int) else v for k, v in verdict.values.items()},
            target=subject.target,
        )
        subject.alerts[rule.name] = alert
        self.transition(alert, "raised")

    def close(self, name: str, reason: str) -> None:
        """Clear an open alert."""
        alert = self.subject.alerts.pop(name)
        self.transition(alert, "cleared", reason=reason)

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
        self.decisions.append(
            Alert(
                event_id=f"{alert.alert_id}-{alert.transitions}",
                alert_id=alert.alert_id,
                subject=self.subject.id,
                bed=self.subject.bed,
                name=alert.name,
                clause=alert.clause,
                level=alert.level,
                transition=transition,
                reason=reason or alert.reason,
                condition_since=alert.condition_since,
                raised_at=alert.raised_at,
                at=self.now,
                protocol=self.rules.protocol,
                version=self.rules.version,
                params_hash=self.rules.params_hash,
                target=alert.target,
                values=alert.values,
                coverage=self.coverage(alert),
                actor=actor,
            )
        )

    def coverage(self, alert: OpenAlert) -> float:
        """Share of minutes since the condition began (at most 45) that have a valid bin."""
        first = max(alert.condition_since // MINUTE, self.minute - 45)
        minutes = range(min(first, self.minute - 1), self.minute)
        return round(sum(m in self.bed.pressure.bins for m in minutes) / len(minutes), 3)
