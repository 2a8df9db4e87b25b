"""Late data: what the pressures of a buffered hour would have raised (reference 0.7).

The minutes that late samples filled are judged again by the rules that look at pressures only, with
what stood at that time. A deviation that is over is written down without telling anybody; one that
still holds is raised now, with its true beginning.
"""

from collections.abc import Sequence

import msgspec

from monitor_daemon.core.condition import RAISED, Condition, Verdict
from monitor_daemon.core.decisions import Retrospective
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.history import Standing
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import Rule
from monitor_daemon.core.rules import FAMILIES


class _Past(Moment):
    """A moment as it would have been, by what stood then."""

    def __init__(self, present: Moment, minute: int, stood: Standing) -> None:
        subject = msgspec.structs.replace(
            present.subject,
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
            bed=present.bed,
            rules=present.rules,
        )
        self._on = stood.on

    @property
    def on(self) -> bool | None:
        """Whether any vasopressor was delivered."""
        return self._on


class _Episode(msgspec.Struct):
    """A deviation found: since when, raised when, over when."""

    since: int
    raised: int
    verdict: Verdict
    ended: int | None = None


def retrospect(moment: Moment, minutes: Sequence[int]) -> None:
    """Judge again from the first of `minutes`, which got their values late."""
    for rule in moment.rules.rules:
        if FAMILIES[rule.kind].late:
            _judge_again(moment, rule, min(minutes))


def _judge_again(moment: Moment, rule: Rule, first: int) -> None:
    subject = moment.subject
    live = subject.conditions.get(rule.name)
    if live is not None and live.state in RAISED:
        # It is open: only new data can clear it, and its beginning was told.
        return
    condition, episodes = Condition(), list[_Episode]()
    # The condition may have begun before the silence: its timer runs from there.
    lead = (rule.timing.sustain + rule.timing.lapse) // MINUTE + 5
    for minute in range(first - lead, moment.minute):
        stood = subject.history.at(minute * MINUTE)
        if stood is None or stood.phase not in rule.phases or rule.name in subject.exempt:
            condition = Condition()
            continue
        past = _Past(moment, minute, stood)
        verdict = FAMILIES[rule.kind].judge(past, rule)
        if verdict is None:
            continue
        since = condition.raising.since
        if condition.judge(verdict, rule.timing, past.now):
            if condition.state in RAISED:
                episodes.append(_Episode(past.now if since is None else since, past.now, verdict))
            else:
                episodes[-1].ended = past.now
    for episode in episodes:
        if episode.raised >= first * MINUTE and not _told(moment, rule, episode):
            _write(moment, rule, episode)
    if moment.runs(rule):
        subject.conditions[rule.name] = condition


def _told(moment: Moment, rule: Rule, episode: _Episode) -> bool:
    """Whether staff heard of it when it happened."""
    return any(
        alert.name == rule.name
        and not alert.voided
        and alert.raised_at <= (episode.ended or moment.now)
        and (alert.cleared_at or moment.now) >= episode.raised
        for alert in moment.subject.past.values()
    )


def _write(moment: Moment, rule: Rule, episode: _Episode) -> None:
    if episode.ended is None:
        moment.open(rule, episode.verdict, episode.since)
        return
    moment.decisions.append(
        Retrospective(
            alert_id=moment.next_id(rule.name),
            subject=moment.subject.id,
            bed=moment.subject.bed,
            name=rule.name,
            clause=rule.clause,
            level=rule.level,
            condition_since=episode.since,
            raised_at=episode.raised,
            ended_at=episode.ended,
            at=moment.now,
            protocol=moment.rules.protocol,
            version=moment.rules.version,
            params_hash=moment.rules.params_hash,
            values=dict(episode.verdict.values),
        )
    )
