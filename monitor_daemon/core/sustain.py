"""The one timer behind every "for N minutes" (reference section 0.4)."""

from typing import Final

import msgspec

from monitor_daemon.core.events import MINUTE

#: More than five consecutive unknown minutes reset a timer: the sixth unknown judgement does.
UNKNOWN_RESET: Final = 5 * MINUTE


class Sustain(msgspec.Struct):
    """How long a condition has been true.

    `since` is the first instant at which it was true, None if it is not running. It is broken by
    false (at once, or after `lapse` ms of continuous false), and by more than five unknown minutes.
    """

    since: int | None = None
    false_since: int | None = None
    unknown_since: int | None = None

    def update(self, holds: bool | None, now: int, lapse: int = 0) -> None:
        """Take the condition as it is at `now` (ms); None is unknown."""
        if holds:
            if self.since is None:
                self.since = now
            self.false_since = self.unknown_since = None
        elif holds is None:
            if self.unknown_since is None:
                self.unknown_since = now
            if now - self.unknown_since >= UNKNOWN_RESET:
                self.since = self.false_since = None
        else:
            self.unknown_since = None
            if self.false_since is None:
                self.false_since = now
            if now - self.false_since >= lapse:
                self.since = None

    def ripe(self, holds: bool | None, now: int, after: int) -> bool:
        """True if the condition holds now and has done so for `after` ms."""
        return bool(holds) and self.since is not None and now - self.since >= after
