"""Results that came in parts, joined (Programming Guide H.0, linked results).

Parts carry a state (first, middle, last) and a counter from 1; after the last one more result
closes the poll. All of them have the invoke id and the relative time of their poll.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from drivers.philips_intellivue.export import LAST, PollResult
from drivers.philips_intellivue.frames import Frame
from monitor_daemon.core.vocabulary import Fault, Row

#: Polls whose parts may be under way at a time; the oldest is given up for one more.
_LIMIT: Final = 4


@dataclass(slots=True)
class Joined:
    """The parts of one result: their bytes, their rows."""

    invoke: int
    ticks: int
    offset: int
    raw: bytes = b""
    rows: list[Row] = field(default_factory=list)
    counters: set[int] = field(default_factory=set)
    last: int = 0

    def add(self, frame: Frame, rows: Sequence[Row], linked: tuple[int, int] | None) -> None:
        """One more part, in any order: datagrams overtake. One that came before is left out."""
        if linked is not None:
            state, counter = linked
            if counter in self.counters:
                return
            self.counters.add(counter)
            if state == LAST:
                self.last = counter
        self.raw += frame.raw
        self.rows += rows

    def close(self) -> "Joined":
        """No more parts: says so if not all came. The rows of those that came count."""
        if self.counters != set(range(1, self.last + 1)):
            count = max(self.counters)
            reason = f"a linked result of {count} or more parts, of which some did not come"
            self.rows.append(Fault("RECORD", self.offset, reason))
        return self


class Joiner:
    """Collects parts until their result is closed."""

    def __init__(self) -> None:
        self._open: dict[int, Joined] = {}

    def take(self, frame: Frame, result: PollResult, rows: Sequence[Row]) -> list[Joined]:
        """The results that this message completes: none, one, or also one that it supersedes."""
        done: list[Joined] = []
        pending = self._open.pop(result.invoke, None)
        closing = result.linked is None and not result.entries
        if pending and pending.ticks != result.ticks and not closing:
            done.append(pending.close())
            pending = None
        joined = pending or Joined(result.invoke, result.ticks, frame.offset)
        joined.add(frame, rows, result.linked)
        if result.linked is None:
            done.append(joined.close())
            return done
        self._open[result.invoke] = joined
        if len(self._open) > _LIMIT:
            oldest = next(iter(self._open))
            done.append(self._open.pop(oldest).close())
        return done

    def finish(self) -> list[Joined]:
        """No more messages."""
        left = [joined.close() for joined in self._open.values()]
        self._open.clear()
        return left
