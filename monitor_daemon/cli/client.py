"""The commands with which people talk to the running daemon about a patient."""

import asyncio
import getpass
import os
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from monitor_daemon.cli.exits import stop
from monitor_daemon.clock import iso
from monitor_daemon.control import requests
from monitor_daemon.control.socket import ask
from monitor_daemon.core.errors import CommandError, LinkError
from monitor_daemon.core.events import MINUTE

DEFAULT_SOCKET = Path(os.environ.get("MONITOR_DAEMON_SOCKET", "/run/monitor-daemon/control.sock"))


def login() -> str:
    """The name of the login; the number of a user whom this machine has no name for."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


LOGIN = login()

#: Lines of the record that say which measurement was corrected.
_CORRECTIONS = {"crt_corrected", "corrected"}

Socket = Annotated[
    Path, typer.Option(help="The daemon's control socket; also MONITOR_DAEMON_SOCKET.")
]
Actor = Annotated[str, typer.Option(help="Who asks; default: the name of the login.")]
Subject = Annotated[str, typer.Argument(help="The trial pseudonym.")]
Reason = Annotated[str | None, typer.Option(help="Why, in a few words. No patient's name.")]
Why = Annotated[str, typer.Option("--reason", help="Why, in a few words. No patient's name.")]


def send(socket: Path, request: requests.Request) -> dict[str, Any]:
    """Ask the daemon; leave with the exit code that fits if it refuses or is not there."""
    for name, value in msgspec.structs.asdict(request).items():
        # JSON has no word for it, so that the daemon would be asked about nothing.
        if isinstance(value, float) and not isfinite(value):
            stop(CommandError(f"{name} {value:g}: expected a number", code="BAD_VALUE"))
    try:
        reply = asyncio.run(ask(socket, msgspec.json.encode(request)))
    except (LinkError, CommandError) as error:
        stop(error)
    if not reply.ok:
        stop(CommandError(reply.reason or "refused", code=reply.code))
    return reply.result or {}


def tell(result: dict[str, Any], headline: str) -> None:
    """Print what came of a request."""
    typer.echo(headline)
    for decision in result.get("decisions", []):
        for line in outcome(decision):
            typer.echo(f"  {line}")


def outcome(decision: dict[str, Any]) -> Iterator[str]:
    """A decision in the words of the command line; nothing for a mere line of the record."""
    match decision["decision"]:
        case "target":
            yield f"target {decision['target']:g} mmHg ({decision['reason']})"
        case "hold":
            yield f"target held: {decision['reason']}"
        case "phase":
            yield f"phase {decision['phase']}"
        case "alert":
            yield f"{decision['name']} {decision['transition']}"
        case "retrospective":
            yield f"{decision['name']} from {iso(decision['condition_since'])}, seen too late"
        case "eligibility":
            yield from _verdict(decision)
        case "log" if decision["name"] in _CORRECTIONS:
            yield f"measured {iso(decision['detail']['measured'])}"


def _verdict(decision: dict[str, Any]) -> Iterator[str]:
    """The verdict of screening, the count-down and every criterion."""
    because = f" ({decision['reason']})" if decision["reason"] else ""
    yield f"verdict: {decision['verdict']}{because}"
    for name, key in (("window", "deadline"), ("conservative clock", "conservative_deadline")):
        deadline = decision.get(key)
        if deadline is not None:
            left = max(0, deadline - decision["at"]) // MINUTE
            yield f"{name} closes {iso(deadline)}, in {left // 60} h {left % 60} min"
    for name, found in decision.get("criteria", {}).items():
        yield f"{name}: {' '.join(_criterion(found))}"


def _criterion(found: dict[str, Any]) -> Iterator[str]:
    yield {True: "met", False: "NOT met", None: "not known"}[found["holds"]]
    if found["value"] is not None:
        value = found["value"]
        yield f"{value:g}" if isinstance(value, int | float) else value
        yield found["unit"]
    if found["source"]:
        yield f"({found['source']}" + (
            ")" if found["age"] is None else f", {found['age']:.0f} min ago)"
        )
    if found["note"]:
        yield f"- {found['note']}"
