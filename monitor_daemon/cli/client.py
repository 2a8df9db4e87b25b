"""The commands that talk to the running daemon: status, enrol, observe, ack, end."""

import asyncio
import getpass
import os
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from monitor_daemon.cli.exits import stop
from monitor_daemon.control.requests import (
    AckRequest,
    EndRequest,
    EnrolRequest,
    ObserveRequest,
    Request,
    StatusRequest,
)
from monitor_daemon.control.socket import ask
from monitor_daemon.core.errors import CommandError, LinkError

DEFAULT_SOCKET = Path(os.environ.get("MONITOR_DAEMON_SOCKET", "/run/monitor-daemon/control.sock"))

_LOGIN = getpass.getuser()

Socket = Annotated[
    Path, typer.Option(help="The daemon's control socket; also MONITOR_DAEMON_SOCKET.")
]
Actor = Annotated[str, typer.Option(help="Who asks; default: the name of the login.")]
Subject = Annotated[str, typer.Argument(help="The trial pseudonym.")]
Reason = Annotated[str | None, typer.Option(help="Why, in a few words. No patient's name.")]


def send(socket: Path, request: Request) -> dict[str, Any]:
    """Ask the daemon; leave with the exit code that fits if it refuses or is not there."""
    try:
        reply = asyncio.run(ask(socket, msgspec.json.encode(request)))
    except LinkError as error:
        stop(error)
    if not reply.ok:
        stop(CommandError(reply.reason or "refused", code=reply.code))
    return reply.result or {}


def status(
    socket: Socket = DEFAULT_SOCKET,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Show how everything stands: record, broker, links, beds, subjects."""
    found = send(socket, StatusRequest())
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
        return
    console = Console()
    record = found["record"]
    console.print(
        f"site {found['site']}, version {found['version']}, {record['inputs']} inputs,"
        f" last commit {record['committed']}"
    )
    console.print(f"broker: {_words(found['broker'])}")
    console.print(_links(found["links"]))
    console.print(_beds(found["beds"]))
    console.print(_subjects(found["subjects"]))


def enrol(
    subject: Subject,
    bed: Annotated[str, typer.Option(help="Bed alias.")],
    arm: Annotated[str, typer.Option(help="Arm as in the protocol file.")],
    weight: Annotated[float, typer.Option(help="Dosing weight in kg.")],
    protocol: Annotated[str, typer.Option(help="Protocol id.")] = "personalise",
    randomised: Annotated[
        str | None, typer.Option(help="ISO 8601 with offset, or -MINUTES; default now.")
    ] = None,
    floor: Annotated[float | None, typer.Option(help="This patient's own floor, mmHg.")] = None,
    actor: Actor = _LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Enrol a randomised patient."""
    request = EnrolRequest(
        actor=actor,
        subject=subject,
        bed=bed,
        protocol=protocol,
        arm=arm,
        weight_kg=weight,
        randomised=randomised,
        floor=floor,
    )
    _tell(send(socket, request), f"{subject} is enrolled")


def observe(
    subject: Subject,
    kind: Annotated[str, typer.Argument(help="crt, weight, lactate, cardiac_index, sodium, cvp")],
    value: Annotated[float, typer.Argument(help="s, kg, mmol/L, L/min/m2, mmol/L, mmHg")],
    at: Annotated[
        str | None, typer.Option(help="When measured: ISO 8601 with offset, or -MINUTES.")
    ] = None,
    reason: Reason = None,
    actor: Actor = _LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Enter a capillary refill time, a weight or a laboratory value."""
    request = ObserveRequest(
        actor=actor, subject=subject, kind=kind, value=value, at=at, reason=reason
    )
    _tell(send(socket, request), f"{kind} {value:g} of {subject} is stored")


def ack(
    subject: Subject,
    alert: Annotated[str, typer.Argument(help="The alert's id or name, e.g. MAP_LOW.")],
    reason: Reason = None,
    actor: Actor = _LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Acknowledge an alert: seen, mine."""
    request = AckRequest(actor=actor, subject=subject, alert=alert, reason=reason)
    _tell(send(socket, request), f"{alert} of {subject} is acknowledged")


def end(
    subject: Subject,
    reason: Annotated[str, typer.Option(help="Why the protocol ends.")],
    actor: Actor = _LOGIN,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """End the protocol for a patient."""
    _tell(send(socket, EndRequest(actor=actor, subject=subject, reason=reason)), f"{subject} ended")


def _tell(result: dict[str, Any], headline: str) -> None:
    typer.echo(headline)
    for decision in result.get("decisions", []):
        match decision["decision"]:
            case "target":
                typer.echo(f"  target {decision['target']:g} mmHg ({decision['reason']})")
            case "hold":
                typer.echo(f"  target held: {decision['reason']}")
            case "alert":
                typer.echo(f"  {decision['name']} {decision['transition']}")


def _words(pairs: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in pairs.items())


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column)
    return table


def _links(links: dict[str, Any]) -> Table:
    table = _table("links", "link", "state", "reason", "messages", "not understood")
    for name, link in links.items():
        wrong = [
            f"{what}: {_words(link[what])}"
            for what in ("problems", "faults", "unmapped", "unknown_beds", "unknown_drugs")
            if link[what]
        ]
        table.add_row(name, link["state"], link["reason"], str(link["messages"]), "\n".join(wrong))
    return table


def _beds(beds: dict[str, Any]) -> Table:
    table = _table("beds", "bed", "last pressure", "rejected samples", "infusions")
    for name, bed in beds.items():
        channels = [
            f"{key}: {c['drug']} {c['rate_ml_h']:g} mL/h {c['status']}"
            + ("" if c["concentration"] is not None else ", concentration unknown")
            for key, c in bed["channels"].items()
        ]
        table.add_row(
            name,
            bed["failed"] or bed["last_pressure"],
            _words(bed["rejected"]),
            "\n".join(channels),
        )
    return table


def _subjects(subjects: dict[str, Any]) -> Table:
    table = _table("subjects", "subject", "bed", "phase", "target", "MAP5", "dose", "open alerts")
    for name, subject in subjects.items():
        alerts = [f"{alert} since {a['since']}" for alert, a in subject["alerts"].items()]
        shown = (subject["target"], subject["map5"], subject["dose"])
        table.add_row(
            name,
            subject["bed"],
            subject["failed"] or subject["phase"],
            *("?" if value is None else f"{value:g}" for value in shown),
            "\n".join(alerts),
        )
    return table
