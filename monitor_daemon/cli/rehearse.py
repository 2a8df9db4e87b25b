"""`monitor-daemon rehearse`: scenario files through the real core on a virtual clock."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from monitor_daemon.rehearsal.rehearse import Outcome, rehearse_file, report


def rehearse(
    files: Annotated[list[Path], typer.Argument(help="Scenario files (YAML).")],
    json: Annotated[
        bool, typer.Option("--json", help="Print what was observed, one JSON object a scenario.")
    ] = False,
) -> None:
    """Run scenarios; PASS or FAIL a line each, with what differs. Exit code 1 if one fails."""
    passed = True
    for file in files:
        for outcome in rehearse_file(file):
            passed = passed and outcome.passed
            typer.echo(msgspec.json.encode(report(outcome)) if json else _lines(outcome))
    if not passed:
        raise typer.Exit(1)


def _lines(outcome: Outcome) -> str:
    verdict = "PASS" if outcome.passed else "FAIL"
    return "\n  ".join([f"{verdict} {outcome.name}", *outcome.lines()])
