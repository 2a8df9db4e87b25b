"""What people do about an alert: see it, silence it, say why, take it back."""

from monitor_daemon.core.commands.checks import check_reason, find_alert, find_open
from monitor_daemon.core.errors import CommandError
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.people import Acknowledge, Code, Snooze, Void
from monitor_daemon.core.response import snooze_until


def acknowledge(moment: Moment, given: Acknowledge) -> None:
    """A person has seen an alert. One that no condition keeps open is closed by it."""
    alert = find_open(moment, given.alert)
    alert.acknowledged_by, alert.acknowledged_at = given.actor, moment.now
    alert.response.acknowledged(moment.now, moment.handling(alert.name))
    moment.subject.bundle.withdraw(alert.alert_id)
    moment.transition(alert, "acknowledged", reason=given.reason, actor=given.actor)
    if alert.name not in moment.subject.conditions and moment.subject.failed is None:
        moment.close(alert.name, "acknowledged")


def snooze(moment: Moment, given: Snooze) -> None:
    """An alert is silent for a while. Raises CommandError, always for an urgent one."""
    alert = find_open(moment, given.alert)
    until = snooze_until(
        alert.name,
        urgent=alert.level == "urgent",
        minutes=given.minutes,
        reason=given.reason,
        now=moment.now,
    )
    alert.response.snoozed(until)
    moment.subject.bundle.withdraw(alert.alert_id)
    moment.transition(alert, "snoozed", reason=given.reason, actor=given.actor)


def code(moment: Moment, given: Code) -> None:
    """The cause of a deviation (reference 6.2); OTHER is explained in words."""
    alert = find_alert(moment, given.alert)
    if given.cause == "OTHER":
        check_reason("cause OTHER", given.text)
    before, alert.cause = alert.cause, given.cause
    moment.log(
        "coded",
        alert_id=alert.alert_id,
        name=alert.name,
        cause=given.cause,
        before=before,
        text=given.text,
        action=given.action,
        actor=given.actor,
    )


def void(moment: Moment, given: Void) -> None:
    """An alert was wrong: it is voided, never deleted (reference 0.6)."""
    reason = check_reason("voiding", given.reason)
    alert = find_alert(moment, given.alert)
    if alert.voided:
        raise CommandError(f"alert {alert.alert_id} is void already", code="ALREADY_VOID")
    alert.voided = True
    if alert.cleared_at is None:
        moment.close(alert.name, reason, "voided")
        # The condition begins anew: what goes on will be raised again.
        moment.subject.conditions.pop(alert.name, None)
    else:
        moment.transition(alert, "voided", reason=reason, actor=given.actor)
