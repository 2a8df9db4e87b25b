"""The life of a link as a transition table, and the pause between two attempts.

The table is data: tests walk it completely and the manual is rendered from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import SystemRandom
from typing import Final

from monitor_daemon.core.errors import InvariantError


class LinkState(StrEnum):
    """Where a link stands; only `LIVE` means that valid messages arrive as often as expected."""

    CLOSED = "closed"
    OPENING = "opening"
    WAITING = "waiting"
    LIVE = "live"
    SILENT = "silent"
    BACKING_OFF = "backing_off"
    FAILED = "failed"


class LinkEvent(StrEnum):
    """What can happen to a link."""

    START = "start"
    OPENED = "opened"
    HEARD = "heard"
    QUIET = "quiet"
    DROPPED = "dropped"
    LOST = "lost"
    REFUSED = "refused"
    STOP = "stop"


#: (state, event) -> next state. What is not listed is illegal. `WAITING` is open with nothing heard
#: yet; `DROPPED` is a server's last device leaving; `REFUSED` is a wrong setting, never retried.
TRANSITIONS: Final[Mapping[tuple[LinkState, LinkEvent], LinkState]] = {
    (LinkState.CLOSED, LinkEvent.START): LinkState.OPENING,
    (LinkState.BACKING_OFF, LinkEvent.START): LinkState.OPENING,
    (LinkState.OPENING, LinkEvent.OPENED): LinkState.WAITING,
    (LinkState.OPENING, LinkEvent.LOST): LinkState.BACKING_OFF,
    (LinkState.OPENING, LinkEvent.REFUSED): LinkState.FAILED,
    (LinkState.WAITING, LinkEvent.HEARD): LinkState.LIVE,
    (LinkState.WAITING, LinkEvent.QUIET): LinkState.SILENT,
    (LinkState.WAITING, LinkEvent.DROPPED): LinkState.WAITING,
    (LinkState.WAITING, LinkEvent.LOST): LinkState.BACKING_OFF,
    (LinkState.LIVE, LinkEvent.QUIET): LinkState.SILENT,
    (LinkState.LIVE, LinkEvent.DROPPED): LinkState.WAITING,
    (LinkState.LIVE, LinkEvent.LOST): LinkState.BACKING_OFF,
    (LinkState.SILENT, LinkEvent.HEARD): LinkState.LIVE,
    (LinkState.SILENT, LinkEvent.DROPPED): LinkState.SILENT,
    (LinkState.SILENT, LinkEvent.LOST): LinkState.BACKING_OFF,
    (LinkState.OPENING, LinkEvent.STOP): LinkState.CLOSED,
    (LinkState.WAITING, LinkEvent.STOP): LinkState.CLOSED,
    (LinkState.LIVE, LinkEvent.STOP): LinkState.CLOSED,
    (LinkState.SILENT, LinkEvent.STOP): LinkState.CLOSED,
    (LinkState.BACKING_OFF, LinkEvent.STOP): LinkState.CLOSED,
    (LinkState.FAILED, LinkEvent.STOP): LinkState.CLOSED,
}


class LinkMachine:
    """One link's state, the reason for it in words, and since when (monotonic seconds)."""

    def __init__(self, now: float) -> None:
        self.state = LinkState.CLOSED
        self.reason = "not started"
        self.since = now

    def step(self, event: LinkEvent, reason: str, now: float) -> None:
        """Move on `event`; `since` moves only if the state does.

        Raises InvariantError if the event is illegal in this state; nothing changes then.
        """
        following = TRANSITIONS.get((self.state, event))
        if following is None:
            raise InvariantError(
                f"link event {event} is illegal in state {self.state}", code="LINK_STATE"
            )
        if following is not self.state:
            self.since = now
        self.state, self.reason = following, reason

    def explain(self, reason: str) -> None:
        """The state stays; more is known of the reason."""
        self.reason = reason


@dataclass(slots=True)
class Backoff:
    """Seconds to pause after a failure: doubling from `first` to `cap`, then spread by jitter.

    Each pause is the doubled value times a factor between 0.5 and 1, so that many links that lost
    one gateway do not all return in the same instant. `chance` gives a number in [0, 1).
    """

    first: float = 0.5
    cap: float = 30.0
    chance: Callable[[], float] = SystemRandom().random
    _next: float = 0.0

    def pause(self) -> float:
        """The next pause in seconds."""
        current = self._next or self.first
        self._next = min(current * 2, self.cap)
        return current * (0.5 + self.chance() / 2)

    def reset(self) -> None:
        """A valid message came: begin again with the shortest pause."""
        self._next = 0.0
