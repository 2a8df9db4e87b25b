"""What is told about one patient in one message, so that nobody is told too often.

Reference section 5.3: at most one push per patient per minute, at most four attention pushes per
patient per hour, the rest wait in the list; urgent is exempt. Notices (class info) wait for their
minute only. The limits count pushes, not alerts in them and not those who receive them.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from monitor_daemon.core.decisions import Pushed
from monitor_daemon.core.events import HOUR, MINUTE
from monitor_daemon.core.response import Reason, roles_of

PER_HOUR: Final = 4
#: What one item says if an alert is to be told for several reasons: the first of these. An alert
#: of which nobody has heard yet is still a first push when its repeat falls due in the list.
_STRONGEST: Final = (
    Reason.PERSISTING,
    Reason.ESCALATED,
    Reason.FIRST,
    Reason.REPEAT,
    Reason.HANDOVER,
)


class Bundle(msgspec.Struct):
    """What waits to be told about one patient, and what limits it. Times in ms.

    `pushed_at` is the last push of any kind; `counted` are the newest ones that named an attention
    alert. `waiting` are attention alerts, `notices` those of class info.
    """

    pushed_at: int | None = None
    counted: list[int] = []
    waiting: list[Pushed] = []
    notices: list[Pushed] = []

    def offer(
        self,
        now: int,
        urgent: Iterable[Pushed] = (),
        attention: Iterable[Pushed] = (),
        notices: Iterable[Pushed] = (),
    ) -> tuple[Pushed, ...]:
        """Take all that is to be told at `now`; give the one push that goes out, or nothing.

        Call it at every whole minute, also with nothing new: what waits goes out then.
        """
        self.waiting = _merged([*self.waiting, *attention])
        self.notices = _merged([*self.notices, *notices])
        items = [*urgent]
        # Others share a push with urgent ones only when they might go out alone, and it counts as
        # theirs: so a series of urgent pushes never carries more of them than the limits allow.
        if self._minute_is_free(now):
            if self.waiting and self._hour_allows(now):
                items += self.waiting
                self.waiting = []
                self.counted = [*self.counted, now][-PER_HOUR:]
            items += self.notices
            self.notices = []
        if items:
            self.pushed_at = now
        return tuple(_merged(items))

    def withdraw(self, alert_id: str) -> None:
        """An alert is closed, or a person has answered it: what waits about it is not told."""
        self.waiting = [item for item in self.waiting if item.alert_id != alert_id]
        self.notices = [item for item in self.notices if item.alert_id != alert_id]

    def _minute_is_free(self, now: int) -> bool:
        """Whether nothing was pushed in this minute of the clock."""
        return self.pushed_at is None or now // MINUTE > self.pushed_at // MINUTE

    def _hour_allows(self, now: int) -> bool:
        return len(self.counted) < PER_HOUR or now - self.counted[0] >= HOUR


def _merged(items: Iterable[Pushed]) -> list[Pushed]:
    """One item an alert, to all its roles, for the strongest of its reasons."""
    merged: dict[str, Pushed] = {}
    for item in items:
        before = merged.get(item.alert_id, item)
        reason = min(before.reason, item.reason, key=lambda r: _STRONGEST.index(Reason(r)))
        to = roles_of(before.to, item.to)
        merged[item.alert_id] = Pushed(item.alert_id, item.name, reason, to)
    return list(merged.values())
