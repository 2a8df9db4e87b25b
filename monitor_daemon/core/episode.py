"""A deviation that was found after it began, when late news arrived (reference 0.7)."""

import msgspec

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.decisions import Retrospective
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import Rule


class Episode(msgspec.Struct):
    """Since when it held, when it would have been raised, and when it was over (ms)."""

    since: int
    raised: int
    verdict: Verdict
    ended: int | None = None


def write(moment: Moment, rule: Rule, episode: Episode) -> None:
    """Raise what still holds, with its true beginning; record what is over, telling nobody."""
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
