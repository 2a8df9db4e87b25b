"""Who is told what about a subject's alerts at this instant: responses, bundled into one push."""

from collections.abc import Iterable

from monitor_daemon.core.decisions import Push, Pushed
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import LEVELS
from monitor_daemon.core.response import Push as Telling
from monitor_daemon.core.response import Reason, State

#: How an event names what a push repeats.
_TRANSITIONS = {
    Reason.REPEAT: "repeated",
    Reason.ESCALATED: "escalated",
    Reason.PERSISTING: "escalated",
    Reason.HANDOVER: "repeated",
}


def tell(moment: Moment, handed_over: Iterable[str] = ()) -> None:
    """Move the response of every open alert; push what is due, within the limits of 5.3."""
    subject = moment.subject
    roles = tuple(handed_over)
    told: dict[str, list[Pushed]] = {level: [] for level in LEVELS}
    for alert in list(subject.alerts.values()):
        handling = moment.handling(alert.name)
        tellings: list[Telling | None] = []
        if alert.response.state is State.UNTOLD:
            tellings.append(alert.response.raised(moment.now, handling))
        else:
            tellings.append(alert.response.tick(moment.now, handling))
            if roles:
                tellings.append(alert.response.handover(handling, roles))
        if alert.name in moment.heightened and handling.attention_to:
            item = Pushed(alert.alert_id, alert.name, Reason.ESCALATED.value, handling.attention_to)
            told[alert.level].append(item)
        for telling in tellings:
            if telling is None:
                continue
            if telling.reason in _TRANSITIONS:
                moment.transition(alert, _TRANSITIONS[telling.reason], reason=telling.reason)
            item = Pushed(alert.alert_id, alert.name, telling.reason.value, telling.to)
            told[alert.level].append(item)
    # What was closed or answered while it waited is not told any more.
    waiting = {item.alert_id for item in (*subject.bundle.waiting, *subject.bundle.notices)}
    for alert_id in waiting - {alert.alert_id for alert in subject.alerts.values()}:
        subject.bundle.withdraw(alert_id)
    items = subject.bundle.offer(moment.now, *told.values())
    if items:
        moment.decisions.append(Push(subject.id, subject.bed, moment.now, items))
