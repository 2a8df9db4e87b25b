"""The condition of an alert: a machine that moves only on data and ticks.

The table below is the whole machine. It is rendered into the manual and walked by the tests.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from monitor_daemon.core.errors import InvariantError
from monitor_daemon.core.sustain import Sustain


class State(StrEnum):
    """Where the condition of an alert stands."""

    NORMAL = "normal"
    PENDING = "pending"
    ACTIVE = "active"
    CLEARING = "clearing"


class Sign(StrEnum):
    """What one judgement says to the machine."""

    TRUE = "true"  # the condition runs, not yet long enough or not yet allowed to raise
    RIPE = "ripe"  # true for long enough: raise
    LAPSED = "lapsed"  # the condition does not run
    CALM = "calm"  # the clearing condition runs
    CLEARED = "cleared"  # calm for long enough: clear
    AGAIN = "again"  # no longer calm


TRANSITIONS: Final = {
    (State.NORMAL, Sign.TRUE): State.PENDING,
    (State.NORMAL, Sign.RIPE): State.ACTIVE,
    (State.NORMAL, Sign.LAPSED): State.NORMAL,
    (State.PENDING, Sign.TRUE): State.PENDING,
    (State.PENDING, Sign.RIPE): State.ACTIVE,
    (State.PENDING, Sign.LAPSED): State.NORMAL,
    (State.ACTIVE, Sign.CALM): State.CLEARING,
    (State.ACTIVE, Sign.CLEARED): State.NORMAL,
    (State.ACTIVE, Sign.AGAIN): State.ACTIVE,
    (State.CLEARING, Sign.CALM): State.CLEARING,
    (State.CLEARING, Sign.CLEARED): State.NORMAL,
    (State.CLEARING, Sign.AGAIN): State.ACTIVE,
}

RAISED: Final = frozenset({State.ACTIVE, State.CLEARING})


class Verdict(msgspec.Struct, frozen=True):
    """What a rule finds at one instant; None is unknown, and unknown never clears.

    `holds`: the condition. `clears`: the clearing condition (with `lapses` in the rule, a condition
    false for that long clears too). `may_raise` False holds an alert back without stopping its
    timer. `ended`: false for good, its timer starts anew without a lapse. `values` explain the
    judgement.
    """

    holds: bool | None
    clears: bool | None
    may_raise: bool = True
    ended: bool = False
    reason: str = ""
    values: Mapping[str, float | str | None] = {}


class Timing(msgspec.Struct, frozen=True):
    """The durations of a rule in ms: raise after, condition lapses after, clear after."""

    sustain: int = 0
    lapse: int = 0
    clear_sustain: int = 0


class Condition(msgspec.Struct):
    """The machine of one alert of one subject. `known` tells whether the last judgement was one."""

    state: State = State.NORMAL
    known: bool = True
    raising: Sustain = msgspec.field(default_factory=Sustain)
    clearing: Sustain = msgspec.field(default_factory=Sustain)

    def feed(self, sign: Sign) -> None:
        """Move by the table. Raises InvariantError for a sign that the state does not know."""
        target = TRANSITIONS.get((self.state, sign))
        if target is None:
            raise InvariantError(f"condition {self.state} cannot take {sign}")
        self.state = target

    def judge(self, verdict: Verdict, timing: Timing, now: int) -> bool:
        """Take a verdict at `now` (ms). Returns True if the alert was raised or cleared by it."""
        self.known = verdict.holds is not None
        self.raising.update(verdict.holds, now, 0 if verdict.ended else timing.lapse)
        was_raised = self.state in RAISED
        if not was_raised:
            if self.raising.since is None:
                self.feed(Sign.LAPSED)
            elif verdict.may_raise and self.raising.ripe(verdict.holds, now, timing.sustain):
                self.clearing = Sustain()
                self.feed(Sign.RIPE)
            else:
                self.feed(Sign.TRUE)
            return self.state is State.ACTIVE
        calm = verdict.clears or self._lapsed(verdict, timing, now)
        self.clearing.update(calm or verdict.clears, now)
        if self.clearing.ripe(calm, now, timing.clear_sustain):
            self.feed(Sign.CLEARED)
            self.raising = Sustain()
            return True
        self.feed(Sign.AGAIN if self.clearing.since is None else Sign.CALM)
        return False

    def _lapsed(self, verdict: Verdict, timing: Timing, now: int) -> bool:
        since = self.raising.false_since
        return bool(
            timing.lapse
            and verdict.holds is False
            and since is not None
            and now - since >= timing.lapse
        )
