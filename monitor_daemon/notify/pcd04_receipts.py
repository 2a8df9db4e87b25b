"""What the alarm manager tells of its recipients: counted, logged, seldom an acknowledgement.

That a phone has rung, or that somebody has pressed a key, is no acknowledgement of an alert unless
the site has said so.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence

import structlog

from monitor_daemon.core.commands.checks import NAME
from monitor_daemon.core.people import Acknowledge, Input
from monitor_daemon.core.subject import OpenAlert, Subject
from monitor_daemon.core.ward import Ward
from monitor_daemon.hl7.ora_r41 import AlertStatus
from monitor_daemon.notify.pcd04_reports import alert_of

log = structlog.get_logger("notify")

#: Who acknowledged, where the alarm manager names nobody.
_NOBODY = "somebody"


class Receipts:
    """Takes statuses for the alerts of `ward()`.

    One of `acknowledge_on` acknowledges its alert, by way of `submit`, once.
    """

    def __init__(
        self,
        ward: Callable[[], Ward],
        submit: Callable[[Sequence[Input]], Awaitable[object]],
        acknowledge_on: Collection[str] = (),
    ) -> None:
        self._ward = ward
        self._submit = submit
        self._acknowledge_on = acknowledge_on
        self.counts: Counter[str] = Counter()

    async def take(self, told: AlertStatus) -> None:
        """Count and log one; one for an alert that is not ours is `foreign` and goes no further."""
        found = _find(self._ward(), alert_of(told.control_id))
        if found is None:
            self.counts["foreign"] += 1
            say = log.debug if self.counts["foreign"] > 1 else log.warning
            say("receipt for an unknown alert", status=told.status)
            return
        subject, alert = found
        self.counts[told.status] += 1
        log.info("receipt", alert_id=alert.alert_id, kind=alert.name, status=told.status)
        seen = alert.acknowledged_at is not None or alert.cleared_at is not None
        if told.status in self._acknowledge_on and not seen:
            person = told.person if NAME.fullmatch(told.person) else _NOBODY
            actor = f"{person} (alarm manager)"
            await self._submit([Acknowledge(subject.id, alert.alert_id, actor, reason=told.status)])


def _find(ward: Ward, alert_id: str) -> tuple[Subject, OpenAlert] | None:
    for subject in ward.state.subjects.values():
        for alert in (*subject.alerts.values(), *subject.past.values()):
            if alert.alert_id == alert_id:
                return subject, alert
    return None
