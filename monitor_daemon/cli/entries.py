"""The commands by which staff enter values and orders, and answer alerts."""

from typing import Annotated

import typer

from monitor_daemon.cli.client import (
    DEFAULT_SOCKET,
    LOGIN,
    Actor,
    Reason,
    Socket,
    Subject,
    Why,
    send,
    tell,
)
from monitor_daemon.control import requests
from monitor_daemon.core.people import CAUSES, VARIABLE

Alert = Annotated[str, typer.Argument(help="The alert's id or name, e.g. MAP_LOW.")]
Kind = Annotated[
    str,
    typer.Argument(help="crt, weight, lactate, cardiac_index, sodium, creatinine, cvp"),
]
Value = Annotated[float, typer.Argument(help="s, kg, mmol/L, L/min/m2, mmol/L, umol/L, mmHg")]
Unit = Annotated[str | None, typer.Option(help="Of the value, if another: lactate in mg/dL.")]


def observe(
    subject: Subject,
    kind: Kind,
    value: Value,
    unit: Unit = None,
    at: Annotated[
        str | None, typer.Option(help="When measured: ISO 8601 with offset, or -MINUTES.")
    ] = None,
    reason: Reason = None,
    actor: Actor = LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Enter a capillary refill time, a weight or a laboratory value."""
    request = requests.ObserveRequest(
        actor=actor, subject=subject, kind=kind, value=value, unit=unit, at=at, reason=reason
    )
    tell(send(socket, request), f"{kind} {value:g} of {subject} is stored")


def correct(
    subject: Subject,
    kind: Kind,
    value: Value,
    at: Annotated[str, typer.Option(help="When the wrong value was measured.")],
    reason: Why,
    unit: Unit = None,
    actor: Actor = LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Correct a value that was entered wrongly."""
    request = requests.CorrectRequest(
        actor=actor, subject=subject, kind=kind, value=value, unit=unit, at=at, reason=reason
    )
    result = send(socket, request)
    tell(result, f"{kind} of {subject} is corrected to {value:g}")
    if kind == "crt" and all(said["decision"] == "log" for said in result["decisions"]):
        typer.echo("  the target stays: only the newest refill time, entered lately, can move it")


def set_range(
    subject: Subject,
    low: Annotated[float, typer.Argument(help="mmHg")],
    high: Annotated[float, typer.Argument(help="mmHg")],
    variable: Annotated[VARIABLE, typer.Option(help="MAP, or MPP: MAP minus CVP.")] = "MAP",
    actor: Actor = LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Set or confirm the physician's pressure range."""
    request = requests.RangeRequest(
        actor=actor, subject=subject, low=low, high=high, variable=variable
    )
    tell(send(socket, request), f"{variable} {low:g} to {high:g} mmHg is the range of {subject}")


def override(
    subject: Subject,
    target: Annotated[float | None, typer.Option(help="MAP target in mmHg.")] = None,
    lift: Annotated[bool, typer.Option("--lift", help="The protocol's target again.")] = False,
    reason: Reason = None,
    actor: Actor = LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Set a physician's own MAP target, or lift it."""
    request = requests.OverrideRequest(
        actor=actor, subject=subject, target=target, lift=lift, reason=reason
    )
    said = "is lifted" if target is None else f"is {target:g} mmHg"
    tell(send(socket, request), f"the physician's own target of {subject} {said}")


def achieved(
    subject: Subject, reason: Why, actor: Actor = LOGIN, socket: Socket = DEFAULT_SOCKET
) -> None:
    """Declare the first MAP target achieved."""
    request = requests.AchievedRequest(actor=actor, subject=subject, reason=reason)
    tell(send(socket, request), f"{subject} has achieved the first target")


def exempt(
    subject: Subject,
    rule: Annotated[str, typer.Argument(help="Name of an alert or of an exemption.")],
    lift: Annotated[bool, typer.Option("--lift", help="The rule applies again.")] = False,
    reason: Reason = None,
    actor: Actor = LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Exempt a patient from a rule, or end that."""
    request = requests.ExemptRequest(
        actor=actor, subject=subject, rule=rule, lift=lift, reason=reason
    )
    said = "applies again to" if lift else "is suspended for"
    tell(send(socket, request), f"{rule} {said} {subject}")


def stop_reason(
    subject: Subject,
    reason: Why,
    channel: Annotated[str | None, typer.Option(help="The pump channel.")] = None,
    actor: Actor = LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Say why the study infusion was stopped on purpose."""
    request = requests.StopReasonRequest(
        actor=actor, subject=subject, reason=reason, channel=channel
    )
    tell(send(socket, request), f"the stop of {subject} has its reason")


def ack(
    subject: Subject,
    alert: Alert,
    reason: Reason = None,
    actor: Actor = LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Acknowledge an alert: seen, mine."""
    request = requests.AckRequest(actor=actor, subject=subject, alert=alert, reason=reason)
    tell(send(socket, request), f"{alert} of {subject} is acknowledged")


def snooze(
    subject: Subject,
    alert: Alert,
    minutes: Annotated[float, typer.Option(help="1 to 120.")],
    reason: Why,
    actor: Actor = LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Silence an alert for some minutes; never an urgent one."""
    request = requests.SnoozeRequest(
        actor=actor, subject=subject, alert=alert, minutes=minutes, reason=reason
    )
    tell(send(socket, request), f"{alert} of {subject} is silent for {minutes:g} min")


def code(
    subject: Subject,
    alert: Alert,
    cause: Annotated[CAUSES, typer.Argument(help="Why it happened.")],
    text: Annotated[str | None, typer.Option(help="In words; OTHER needs it.")] = None,
    action: Annotated[str | None, typer.Option(help="What was done.")] = None,
    actor: Actor = LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Say the cause of a deviation, open or over."""
    request = requests.CodeRequest(
        actor=actor, subject=subject, alert=alert, cause=cause, text=text, action=action
    )
    tell(send(socket, request), f"{alert} of {subject} is coded {cause}")


def void(
    subject: Subject,
    alert: Alert,
    reason: Why,
    actor: Actor = LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Void an alert that was wrong; it stays in the record."""
    request = requests.VoidRequest(actor=actor, subject=subject, alert=alert, reason=reason)
    tell(send(socket, request), f"{alert} of {subject} is void")
