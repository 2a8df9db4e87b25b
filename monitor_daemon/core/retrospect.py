"""Late data: what the pressures and doses of a buffered hour would have raised (reference 0.7).

The minutes that late samples filled are judged again by the rules that look at pressures, those in
which pumps are now known better also by those that look at doses, with what stood at that time. A
deviation that is over is written down without telling anybody; one that still holds is raised now,
with its true beginning.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from monitor_daemon.core.condition import RAISED, Condition, State, Verdict
from monitor_daemon.core.episode import Episode, write
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.history import Standing
from monitor_daemon.core.infusion import Infusions
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import Rule
from monitor_daemon.core.relive import Relived
from monitor_daemon.core.rules import FAMILIES
from monitor_daemon.core.subject import Bed


class _Past(Moment):
    """A moment as it would have been, by what stood then; what it does is not done."""

    def __init__(
        self, present: Moment, minute: int, stood: Standing, bed: Bed, memory: dict[str, Any]
    ) -> None:
        subject = msgspec.structs.replace(
            present.subject,
            memory=memory,
            alerts={},
            past={},
            episodes={},
            phase=stood.phase,
            target=stood.target,
            override=None,
            changed=stood.changed,
            change=stood.change,
        )
        super().__init__(
            site=present.site,
            now=minute * MINUTE,
            minute=minute,
            subject=subject,
            bed=bed,
            rules=present.rules,
        )
        self._on = stood.on

    @property
    def on(self) -> bool | None:
        """Whether any vasopressor was delivered."""
        return self._on


def retrospect(moment: Moment, late: Sequence[int], relived: Relived | None) -> None:
    """Class and judge the minutes again that got their values late, or whose pumps are relived."""
    minutes = sorted(late)
    if relived is not None:
        moment.subject.history.rewrite(relived.on)
        first = min(relived.first, -(-relived.on[0][0] // MINUTE))
        minutes = sorted({*late, *range(first, moment.minute)})
    for rule in moment.rules.rules:
        family = FAMILIES[rule.kind]
        family.remake(moment, rule, minutes, relived)
        if family.late and minutes:
            _judge_again(moment, rule, minutes[0], None)
        elif family.pumped and family.kind.timed and relived is not None:
            _judge_again(moment, rule, relived.first, relived.steps)


def _judge_again(
    moment: Moment, rule: Rule, first: int, pumps: Mapping[int, Infusions] | None
) -> None:
    """Judge from minute `first` on, with the `pumps` by time (ms) if the rule looks at them."""
    subject = moment.subject
    live = subject.conditions.get(rule.name)
    if live is not None and live.state in RAISED:
        # It is open: only new data can clear it, and its beginning was told.
        return
    condition, episodes = Condition(), list[Episode]()
    # The condition may have begun before the silence: its timer runs from there.
    lead = (rule.timing.sustain + rule.timing.lapse) // MINUTE + 5
    for at, verdict in _verdicts(moment, rule, range(first - lead, moment.minute), pumps):
        if verdict is None:
            condition = Condition()
            continue
        since = condition.raising.since
        if condition.judge(verdict, rule.timing, at):
            if condition.state in RAISED:
                episodes.append(Episode(at if since is None else since, at, verdict))
            else:
                episodes[-1].ended = at
    for episode in episodes:
        if episode.raised >= first * MINUTE and not _told(moment, rule, episode):
            write(moment, rule, episode)
    if moment.runs(rule):
        if rule.name not in subject.alerts:
            # Staff were told of this episode and of its end: what goes on is a new one.
            condition.state = State.NORMAL
        subject.conditions[rule.name] = condition


def _verdicts(
    moment: Moment, rule: Rule, minutes: range, pumps: Mapping[int, Infusions] | None
) -> Iterator[tuple[int, Verdict | None]]:
    """(instant, verdict) of each minute that can be judged; None: the rule did not run then."""
    subject, memory = moment.subject, dict[str, Any]()
    for minute in minutes:
        stood = subject.history.at(minute * MINUTE)
        if stood is None or stood.phase not in rule.phases or rule.name in subject.exempt:
            yield minute * MINUTE, None
            continue
        bed = moment.bed
        if pumps is not None:
            if minute * MINUTE not in pumps:
                continue
            bed = msgspec.structs.replace(bed, infusions=pumps[minute * MINUTE])
        past = _Past(moment, minute, stood, bed, memory)
        if pumps is not None:
            _advance(past)
        verdict = FAMILIES[rule.kind].judge(past, rule)
        if verdict is not None:
            yield past.now, verdict


def _advance(past: _Past) -> None:
    """What rules about pumps remember, as it came to be."""
    for rule in past.rules.rules:
        if FAMILIES[rule.kind].pumped:
            FAMILIES[rule.kind].advance(past, rule)


def _told(moment: Moment, rule: Rule, episode: Episode) -> bool:
    """Whether staff heard of it when it happened."""
    return any(
        alert.name == rule.name
        and not alert.voided
        and alert.raised_at <= (episode.ended or moment.now)
        and (alert.cleared_at or moment.now) >= episode.raised
        for alert in moment.subject.past.values()
    )
