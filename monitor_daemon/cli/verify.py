"""`monitor-daemon verify`: whether the record is whole and its decisions follow from its inputs."""

import sqlite3
from pathlib import Path
from typing import Annotated

import typer

from monitor_daemon.cli.exits import stop
from monitor_daemon.core.errors import CommandError
from monitor_daemon.engine.replay import Verification
from monitor_daemon.engine.replay import verify as walk

#: Differences shown one by one; a broken chain makes every later row differ.
_SHOWN = 20


def verify(
    journal: Annotated[Path, typer.Argument(help="The journal, e.g. /var/lib/.../journal.db")],
    anchor: Annotated[
        Path | None, typer.Option(help="A file holding a chain head noted earlier (hex).")
    ] = None,
) -> None:
    """Walk the hash chain and judge every input again. Exit 1 if anything differs."""
    result = Verification()
    wanted = None if anchor is None else _link(anchor)
    findings = 0
    try:
        for finding in walk(journal, result, wanted):
            findings += 1
            if findings <= _SHOWN:
                typer.echo(f"row {finding.seq}: {finding.reason}")
    except sqlite3.Error as error:
        stop(CommandError(f"{journal}: {error}", code="JOURNAL"))
    if wanted is not None and not result.anchored:
        findings += 1
        typer.echo(f"the anchor {wanted} is not a link of this chain")
    if findings > _SHOWN:
        typer.echo(f"and {findings - _SHOWN} more")
    verdict = "whole" if not findings else f"{findings} findings"
    typer.echo(
        f"{verdict}: {result.inputs} inputs, {result.decisions} decisions judged again,"
        f" head {result.head.hex()}"
    )
    if findings:
        raise typer.Exit(1)


def _link(anchor: Path) -> str:
    """The link that an anchor file holds; leaves with its error if there is none."""
    try:
        words = anchor.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        stop(CommandError(f"{anchor}: {getattr(error, 'strerror', 'not text')}", code="FILE"))
    if not words:
        stop(CommandError(f"{anchor}: empty, expected a link of the chain (hex)", code="FILE"))
    return words[0]
