"""Alarms of devices: what they say about the arterial line, and about pumps.

A technical problem of the line explains what its numbers show: while it stands they are no
pressure of the patient. Event terms are those of ISO/IEEE 11073-10101; Philips' technical alarms
(IntelliVue Data Export, alert lists) are numbered alike.
"""

from typing import Final

import msgspec

from monitor_daemon.core.events import MINUTE, Alarmed

#: The longest that the last word about an alarm counts (ms): a lost end must not blind us.
LONGEST: Final = 5 * MINUTE
#: An alarm without a phase is one of a list that comes every few seconds while it lasts (Philips:
#: every second) and says nothing at its end.
LISTED: Final = MINUTE

#: Disconnected, lead off, sensor disconnected, sensor problem; no transducer, its malfunction,
#: line disconnected, over range, artefact, non-pulsatile, zero and check calibration.
_LINE: Final = frozenset({22, 272, 308, 312, 336, 338, 352, 364, 432, 442, 6664})
#: Empty, occlusion, fluid line occlusion, infusion near complete.
_PUMP: Final = frozenset({26, 80, 332, 726})
#: Partition of events; Philips sends the term alone.
_EVENTS: Final = 3
_TERMS: Final = 65536

_OVER: Final = frozenset({"end", "stop", "reset", "inactivate"})
#: The condition is over and only its signal stands (IEC 60601-1-8), or no patient is concerned.
_UNREAL: Final = frozenset({"inactive", "latched", "test", "standby", "demo"})


class Problem(msgspec.Struct):
    """A problem of the arterial line, in [since, until) ms as far as is known.

    `own`: it is one of a line of the link that tells it, and says nothing of another link's.
    """

    since: int
    until: int
    own: bool = False


class Line(msgspec.Struct):
    """The alarms of a bed that stand, by link and code: line problems, and alarms of pumps.

    `pumps` tells until when (ms) the last word about an alarm counts.
    """

    problems: dict[str, Problem] = {}
    pumps: dict[str, int] = {}

    def doubts(self, at: int, source: str | None = None) -> bool:
        """Whether a technical problem explains what a line showed at `at` (ms).

        With `source`, whether it explains what that arterial source showed.
        """
        return any(
            problem.since <= at < problem.until
            and (source is None or not problem.own or _link(key) == _link(source))
            for key, problem in self.problems.items()
        )

    def problem(self, key: str, alarm: Alarmed, now: int, *, own: bool) -> bool:
        """Take an alarm of the line that came at `now`; True if a problem begins with it.

        `own`: its link brings a line, of which it speaks.
        """
        known = self.problems.pop(key, None)
        if is_over(alarm):
            return False
        until = now + (LISTED if alarm.phase is None else LONGEST)
        since, own = (now, own) if known is None else (known.since, known.own)
        self.problems[key] = Problem(since, until, own)
        return known is None

    def pump_alarm(self, key: str, alarm: Alarmed, now: int) -> bool:
        """Take an alarm of a pump that came at `now`; True if it begins."""
        stood = self.pumps.pop(key, now) > now
        if is_over(alarm):
            return False
        self.pumps[key] = now + LONGEST
        return not stood

    def settle(self, now: int) -> None:
        """Forget of what nobody has spoken for too long."""
        self.problems = {key: p for key, p in self.problems.items() if now < p.until}
        self.pumps = {key: until for key, until in self.pumps.items() if now < until}


def concerns_line(alarm: Alarmed) -> bool:
    """Whether it is a technical alarm of the arterial line."""
    partition, term = _term(alarm.code)
    return alarm.arterial and partition in {0, _EVENTS} and term in _LINE


def concerns_pump(alarm: Alarmed) -> bool:
    """Whether its event can only be a pump's; those that come with a pump's rates are, too."""
    partition, term = _term(alarm.code)
    return partition == _EVENTS and term in _PUMP


def is_over(alarm: Alarmed) -> bool:
    """Whether the alarm says that its condition has ended, or was none of a patient."""
    return alarm.phase in _OVER or not _UNREAL.isdisjoint(alarm.state)


def _link(key: str) -> str:
    return key.partition("|")[0]


def _term(code: str) -> tuple[int, int]:
    """Partition and term of a numeric code; (-1, -1) for a code of another kind."""
    return divmod(int(code), _TERMS) if code.isdecimal() and len(code) < 10 else (-1, -1)
