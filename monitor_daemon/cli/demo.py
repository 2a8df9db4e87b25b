"""`monitor-daemon demo`: a whole site on recorded patients."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from monitor_daemon.cli import logs
from monitor_daemon.cli.exits import stop
from monitor_daemon.core.errors import ConfigError, MonitorError
from monitor_daemon.demo.plan import load
from monitor_daemon.demo.run import Outcome, play
from monitor_daemon.demo.screen import say


def demo(
    speed: Annotated[
        float, typer.Option(min=1, max=600, help="Simulated time runs so many times faster.")
    ] = 60.0,
    limit: Annotated[
        float | None, typer.Option("--for", min=0, help="End after so many real seconds.")
    ] = None,
) -> None:
    """Play recorded patients to a whole site: broker, daemon, devices, alerts as they come.

    Ends with the recordings, after --for or by Ctrl-C with exit code 0, and says whether the alerts
    came that had to come; exit code 1 if the recordings were played to their end and they did not.
    """
    logs.configure("error")
    try:
        plan = load()
    except ConfigError as error:
        typer.echo(f"{error.code}: {error}", err=True)
        raise typer.Exit(2) from None
    console = Console(highlight=False)
    try:
        outcome = asyncio.run(play(plan, speed, limit, console))
    except MonitorError as error:
        stop(error)
    _conclude(console, outcome)
    if outcome.complete and not outcome.verdict.passed:
        raise typer.Exit(1)


def _conclude(console: Console, outcome: Outcome) -> None:
    say(console, "")
    end = "The recordings are over" if outcome.complete else "Ended before the recordings"
    verdict = outcome.verdict
    headline, *differences = verdict.lines()
    say(console, f"{end}: {headline}.", style="green" if verdict.passed else "red")
    for line in differences:
        say(console, f"  {line}")
    say(
        console,
        "What must come, and why: recordings/demo-expected.yaml. Where to go next: the how-tos in"
        " README.md (connect a monitor or a pump, rehearse a protocol, receive alerts).",
    )
