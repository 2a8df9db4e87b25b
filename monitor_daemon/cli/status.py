"""The command `status`: how everything stands, as tables or as JSON."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from monitor_daemon.cli.client import DEFAULT_SOCKET, Socket, send
from monitor_daemon.control.requests import StatusRequest


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
    if found.get("alarm_manager"):
        console.print(f"alarm manager: {_words(found['alarm_manager'])}")
    console.print(_links(found["links"], found["now"]))
    console.print(_beds(found["beds"]))
    console.print(_subjects(found["subjects"]))


def _words(pairs: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in pairs.items())


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")  # a cut reason or label helps nobody
    return table


def _links(links: dict[str, Any], now: str) -> Table:
    table = _table("links", "link", "state", "for", "reason", "messages", "not understood")
    for name, link in links.items():
        wrong = [
            f"{what}: {_words(link[what])}"
            for what in ("faults", "unmapped", "unknown_beds", "unknown_drugs")
            if link[what]
        ]
        table.add_row(
            name,
            link["state"],
            # Each attempt to open begins a state anew; its trouble began before.
            _span(link["trouble_since"] or link["since"], now),
            link["reason"],
            str(link["messages"]),
            "\n".join(wrong),
        )
    return table


def _span(since: str, now: str) -> str:
    """How long it has been so, in the largest unit of which there are two."""
    seconds = (datetime.fromisoformat(now) - datetime.fromisoformat(since)).total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


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
        alerts = [
            f"{alert} since {a['since']}{_answer(a)}" for alert, a in subject["alerts"].items()
        ]
        table.add_row(
            name,
            subject["bed"] or "none",
            _phase(subject),
            _target(subject),
            _number(subject["map5"]),
            _number(subject["dose"]),
            "\n".join(alerts),
        )
    return table


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:g}"


def _phase(subject: dict[str, Any]) -> str:
    """The phase; under screening with the verdict and when the window closes."""
    said = subject["eligibility"]
    if subject["failed"] or said is None:
        return str(subject["failed"] or subject["phase"])
    until = f" until {said['deadline']}" if said["deadline"] else ""
    return f"{subject['phase']}: {said['verdict']}{until}"


def _target(subject: dict[str, Any]) -> str:
    """The MAP target, or the physician's range of a protocol without one."""
    wanted = subject["range"]
    if subject["target"] is None and wanted is not None:
        return f"{wanted['variable']} {wanted['low']:g}-{wanted['high']:g}"
    return _number(subject["target"]) + (" (override)" if subject["override"] else "")


def _answer(alert: dict[str, Any]) -> str:
    if alert["response"] == "snoozed":
        return f", snoozed until {alert['snoozed_until']}"
    return f", seen by {alert['acknowledged_by']}" if alert["acknowledged_by"] else ""
