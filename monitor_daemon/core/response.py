"""The response to an alert: a machine that moves only on people and time.

It decides when staff are told about an open alert again, and whom. Whether the alert is open at
all is the business of its condition. The table below is the whole machine. Roles are names of the
site's roster; all times and durations are ms. Sources: reference section 5.3 and its case table.
"""

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Final

import msgspec

from monitor_daemon.core.errors import CommandError, InvariantError
from monitor_daemon.core.events import MINUTE

#: The longest snooze, in minutes (reference section 5.3).
LONGEST_SNOOZE: Final = 120


class State(StrEnum):
    """Where the response to an alert stands."""

    UNTOLD = "untold"  # not raised yet
    UNSEEN = "unseen"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    ESCALATED = "escalated"  # overdue or persisting, and nobody has acknowledged it since


class Signal(StrEnum):
    """What people or time say to the machine."""

    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    EXPIRED = "expired"  # the snooze is over; nobody has acknowledged the alert
    EXPIRED_SEEN = "expired_seen"  # the snooze is over; somebody has acknowledged it
    REPEATED = "repeated"  # one notify-again interval is over
    OVERDUE = "overdue"  # unacknowledged for too long
    PERSISTING = "persisting"  # still active two intervals after the acknowledgement
    HANDED_OVER = "handed_over"  # the shift changed


#: An acknowledgement does not end a snooze, and after a snooze an alert that was escalated before
#: is escalated anew: the snooze has silenced its escalation too.
TRANSITIONS: Final = {
    (State.UNTOLD, Signal.RAISED): State.UNSEEN,
    (State.UNSEEN, Signal.ACKNOWLEDGED): State.ACKNOWLEDGED,
    (State.UNSEEN, Signal.SNOOZED): State.SNOOZED,
    (State.UNSEEN, Signal.REPEATED): State.UNSEEN,
    (State.UNSEEN, Signal.OVERDUE): State.ESCALATED,
    (State.UNSEEN, Signal.HANDED_OVER): State.UNSEEN,
    (State.ACKNOWLEDGED, Signal.ACKNOWLEDGED): State.ACKNOWLEDGED,
    (State.ACKNOWLEDGED, Signal.SNOOZED): State.SNOOZED,
    (State.ACKNOWLEDGED, Signal.REPEATED): State.ACKNOWLEDGED,
    (State.ACKNOWLEDGED, Signal.PERSISTING): State.ESCALATED,
    (State.ACKNOWLEDGED, Signal.HANDED_OVER): State.ACKNOWLEDGED,
    (State.SNOOZED, Signal.ACKNOWLEDGED): State.SNOOZED,
    (State.SNOOZED, Signal.SNOOZED): State.SNOOZED,
    (State.SNOOZED, Signal.EXPIRED): State.UNSEEN,
    (State.SNOOZED, Signal.EXPIRED_SEEN): State.ACKNOWLEDGED,
    (State.ESCALATED, Signal.ACKNOWLEDGED): State.ACKNOWLEDGED,
    (State.ESCALATED, Signal.SNOOZED): State.SNOOZED,
    (State.ESCALATED, Signal.REPEATED): State.ESCALATED,
    (State.ESCALATED, Signal.HANDED_OVER): State.ESCALATED,
}


class Reason(StrEnum):
    """Why staff are told about an alert."""

    FIRST = "first"
    REPEAT = "repeat"
    ESCALATED = "escalated"
    PERSISTING = "persisting"
    HANDOVER = "handover"


class Push(msgspec.Struct, frozen=True):
    """One alert is told to these roles, and why."""

    reason: Reason
    to: tuple[str, ...]


class Handling(msgspec.Struct, frozen=True):
    """What the protocol says about telling one alert.

    `to` is told first and every `again` ms, `times` times at most (None: without end). After
    `escalate` ms without an acknowledgement `escalate_to` is told too. None: never. `attention_to`
    is told once when an info alert becomes attention, acknowledged or not.
    """

    again: int | None = None
    times: int | None = None
    escalate: int | None = None
    escalate_to: tuple[str, ...] = ()
    to: tuple[str, ...] = ("bedside",)
    attention_to: tuple[str, ...] = ()


class Response(msgspec.Struct):
    """The machine of one open alert. Every new episode of an alert begins with a new one.

    `repeat_at` is when the next repeat is due, `repeats` how many have been told.
    """

    state: State = State.UNTOLD
    raised_at: int = 0
    acknowledged_at: int | None = None
    snoozed_until: int | None = None
    repeat_at: int | None = None
    repeats: int = 0

    def feed(self, signal: Signal) -> None:
        """Move by the table. Raises InvariantError for a signal that the state does not know."""
        target = TRANSITIONS.get((self.state, signal))
        if target is None:
            raise InvariantError(f"response {self.state} cannot take {signal}")
        self.state = target

    def raised(self, now: int, handling: Handling) -> Push:
        """The alert is raised at `now`: the first push."""
        self.feed(Signal.RAISED)
        self.raised_at = now
        self.repeat_at = self._repeat_after(now, handling)
        return Push(Reason.FIRST, handling.to)

    def acknowledged(self, now: int, handling: Handling) -> None:
        """A person has seen it: silence for one interval, and no escalation before two."""
        self.feed(Signal.ACKNOWLEDGED)
        self.acknowledged_at = now
        self.repeat_at = self._repeat_after(now, handling)

    def snoozed(self, until: int) -> None:
        """A person wants silence until `until` (from `snooze_until`)."""
        self.feed(Signal.SNOOZED)
        self.snoozed_until = until

    def tick(self, now: int, handling: Handling) -> Push | None:
        """What is to be told at `now`, if anything.

        A repeat and an escalation that are due together are one push, to both. A late tick gives
        one push for all that it missed, and the next interval counts from it.
        """
        if self.state is State.SNOOZED and not self._wake(now, handling):
            return None
        escalation = self._escalation(handling)
        escalates = escalation is not None and now >= escalation
        repeats = self.repeat_at is not None and now >= self.repeat_at
        reason = Reason.REPEAT
        to: tuple[str, ...] = ()
        if repeats:
            to = self._told(handling)
            self.feed(Signal.REPEATED)
            self.repeats += 1
            self.repeat_at = self._repeat_after(now, handling)
        if escalates:
            persists = self.state is State.ACKNOWLEDGED
            reason = Reason.PERSISTING if persists else Reason.ESCALATED
            to = roles_of(to, handling.escalate_to)
            self.feed(Signal.PERSISTING if persists else Signal.OVERDUE)
        return Push(reason, to) if repeats or escalates else None

    def handover(self, handling: Handling, roles: Collection[str]) -> Push | None:
        """The shift of `roles` changes: those of them who know of the alert are told once more.

        Acknowledged alerts too, for the one who acknowledged leaves; snoozed ones not. The clocks
        of repeat and escalation go on as they were.
        """
        to = tuple(role for role in self._told(handling) if role in roles)
        if not to or self.state in {State.UNTOLD, State.SNOOZED}:
            return None
        self.feed(Signal.HANDED_OVER)
        return Push(Reason.HANDOVER, to)

    def due(self, handling: Handling) -> int | None:
        """The next instant at which `tick` may have something to do; None if there is none."""
        if self.state is State.SNOOZED:
            return self.snoozed_until
        instants = (self.repeat_at, self._escalation(handling))
        return min((at for at in instants if at is not None), default=None)

    def _wake(self, now: int, handling: Handling) -> bool:
        """End a snooze that is over. The repeat is due at once, or when an acknowledgement says."""
        if self.snoozed_until is None or now < self.snoozed_until:
            return False
        quiet = self.snoozed_until
        if self.acknowledged_at is None:
            self.feed(Signal.EXPIRED)
        else:
            self.feed(Signal.EXPIRED_SEEN)
            quiet = max(quiet, self.acknowledged_at + (handling.again or 0))
        if self.repeat_at is not None:
            self.repeat_at = quiet
        return True

    def _repeat_after(self, last: int, handling: Handling) -> int | None:
        spent = handling.times is not None and self.repeats >= handling.times
        return None if handling.again is None or spent else last + handling.again

    def _escalation(self, handling: Handling) -> int | None:
        """When the alert escalates if nobody does anything."""
        if not handling.escalate_to:
            return None
        if self.state is State.UNSEEN and handling.escalate is not None:
            return self.raised_at + handling.escalate
        if self.state is State.ACKNOWLEDGED and handling.again is not None:
            return (self.acknowledged_at or 0) + 2 * handling.again
        return None

    def _told(self, handling: Handling) -> tuple[str, ...]:
        """Whom a repeat concerns: who heard of an escalation hears on until somebody answers."""
        escalated = self.state is State.ESCALATED
        return roles_of(handling.to, handling.escalate_to) if escalated else handling.to


def snooze_until(name: str, *, urgent: bool, minutes: float, reason: str, now: int) -> int:
    """The end (ms) of a snooze of alert `name`, asked for at `now`.

    Raises CommandError for an urgent alert, for a time outside 1 to 120 minutes, and without a
    reason.
    """
    if urgent:
        raise CommandError(f"alert {name} is urgent and cannot be snoozed; acknowledge it")
    if not 1 <= minutes <= LONGEST_SNOOZE:
        raise CommandError(
            f"snooze of {name} for {minutes:g} minutes: 1 to {LONGEST_SNOOZE}", code="BAD_VALUE"
        )
    if not reason.strip():
        raise CommandError(f"{name} is snoozed with a reason", code="REASON_MISSING")
    return now + round(minutes * MINUTE)


def roles_of(*groups: Iterable[str]) -> tuple[str, ...]:
    """All roles of these groups, each once, in order."""
    return tuple(dict.fromkeys(role for group in groups for role in group))
