"""The order in which messages go out, and which of them are safe with the broker. Pure.

Rows wait, fly, and are settled by the broker's acknowledgement. A retained row replaces a waiting
one of its topic. A row that flew when the connection broke is a suspect: suspects go out again one
at a time, so that the one the broker cannot bear is found and set aside while the others go on.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from monitor_daemon.journal.rows import OutboxRow

#: Unacknowledged messages at a time. Brokers close the connection of a client that exceeds their
#: Receive Maximum (MQTT 5.0 section 3.3.4); 10 is the lowest default among common ones.
WINDOW: Final = 10
#: Connections that break on one message flying alone before it is set aside.
STRIKES: Final = 2


class Delivery:
    """Rows on their way. Rows are known by `id`; those of one event stream leave in its order."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[int, OutboxRow] = OrderedDict()
        self._newest: dict[str, int] = {}
        self._flying: dict[int, OutboxRow] = {}
        self._standing: dict[str, OutboxRow] = {}
        self._known: set[int] = set()
        self._settled: list[int] = []
        self._suspects: set[int] = set()
        self._strikes: dict[int, int] = {}
        self.sequence = 0

    @property
    def waiting(self) -> int:
        """How many rows wait."""
        return len(self._waiting)

    @property
    def flying(self) -> int:
        """How many rows were sent and not yet acknowledged."""
        return len(self._flying)

    def add(self, rows: Iterable[OutboxRow]) -> None:
        """Queue rows, oldest first; rows already on their way are passed over."""
        for row in rows:
            if row.id not in self._known:
                self._known.add(row.id)
                self._queue(row)

    def take(self) -> OutboxRow | None:
        """The next row to send, or None if none waits or as many fly as may."""
        if not self._waiting or len(self._flying) >= (1 if self._suspects else WINDOW):
            return None
        _, row = self._waiting.popitem(last=False)
        if self._newest.get(row.topic) == row.id:
            del self._newest[row.topic]
        self._flying[row.id] = row
        return row

    def acknowledged(self, row: OutboxRow) -> None:
        """The broker has it."""
        if self._remove(row):
            self._settled.append(row.id)
            self.sequence = max(self.sequence, row.sequence)
            if row.retain and row.payload:
                self._standing[row.topic] = row
            elif row.retain:
                self._standing.pop(row.topic, None)

    def set_aside(self, row: OutboxRow) -> None:
        """The broker will not take it."""
        self._remove(row)

    def broken(self, *, by_broker: bool) -> OutboxRow | None:
        """The connection is gone: what flew waits again, in its place.

        Returns the row that is to be set aside, if the broker (not we) ended the connection and it
        was that row, alone, once too often.
        """
        guilty = None
        if by_broker:
            self._suspects.update(self._flying)
            if len(self._flying) == 1:
                (row,) = self._flying.values()
                self._strikes[row.id] = self._strikes.get(row.id, 0) + 1
                if self._strikes[row.id] >= STRIKES:
                    self._remove(row)
                    guilty = row
        flown, self._flying = self._flying, {}
        self._requeue(flown.values())
        return guilty

    def reconnected(self) -> None:
        """A broker may have forgotten what it retained: what stands goes out again, first."""
        standing = [row for row in self._standing.values() if row.topic not in self._newest]
        self._known.update(row.id for row in standing)
        self._requeue(standing)

    def settled(self) -> Sequence[int]:
        """Ids to be marked as sent, since the last call; `forget` them when that is done."""
        ids, self._settled = self._settled, []
        return ids

    def forget(self, ids: Iterable[int]) -> None:
        """These rows are marked in the outbox and will not be offered again."""
        self._known.difference_update(ids)

    def _queue(self, row: OutboxRow) -> None:
        if row.retain:
            older = self._newest.get(row.topic)
            if older is not None:
                self._supersede(self._waiting[older])
            self._newest[row.topic] = row.id
        self._waiting[row.id] = row

    def _requeue(self, rows: Iterable[OutboxRow]) -> None:
        """Put rows back in front, in their order; a waiting newer one of the topic wins."""
        for row in reversed(list(rows)):
            self._waiting[row.id] = row
            self._waiting.move_to_end(row.id, last=False)
            if row.retain and self._newest.setdefault(row.topic, row.id) != row.id:
                self._supersede(row)

    def _supersede(self, row: OutboxRow) -> None:
        self._remove(row)
        self._settled.append(row.id)

    def _remove(self, row: OutboxRow) -> bool:
        found = self._flying.pop(row.id, None) or self._waiting.pop(row.id, None)
        if self._newest.get(row.topic) == row.id:
            del self._newest[row.topic]
        self._suspects.discard(row.id)
        self._strikes.pop(row.id, None)
        return found is not None
