"""`monitor-daemon replay`: the journal under other rules."""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from monitor_daemon.adherence.rejudge import Change, Comparison, Judged, adherence, rejudge
from monitor_daemon.cli.exits import say
from monitor_daemon.clock import iso
from monitor_daemon.config import read_text
from monitor_daemon.core.errors import ConfigError, MonitorError
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.ledger import CLASSES

_WORDS = {"appears": "appear", "vanishes": "vanish", "moves": "move"}


def replay(
    journal: Annotated[Path, typer.Argument(help="The journal, e.g. /var/lib/.../journal.db")],
    protocol: Annotated[Path, typer.Option(help="The protocol file to judge by.")],
    instead_of: Annotated[
        str | None, typer.Option(help="Id of the protocol it replaces; default: its own id.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Judge the journal by another protocol file and print what differs. Writes nothing."""
    try:
        found = _rejudge(journal, protocol, instead_of)
    except MonitorError as error:
        say(error)
        raise typer.Exit(1) from None
    if json:
        typer.echo(msgspec.json.encode(report(found)))
        return
    for comparison in found:
        typer.echo("\n".join(_lines(comparison)))
    typer.echo(_total(found))


def report(found: Sequence[Comparison]) -> dict[str, Any]:
    """The comparison as it is printed with --json; minutes count from randomisation."""
    return {
        "subjects": [
            {
                "subject": comparison.subject,
                "arm": comparison.arm,
                "randomised": _iso(comparison.randomised),
                "before": _judged(comparison.before),
                "after": _judged(comparison.after),
                "alerts": [
                    {
                        "alert": change.alert,
                        "change": change.word,
                        "before": _instant(change.before, comparison.randomised),
                        "after": _instant(change.after, comparison.randomised),
                    }
                    for change in comparison.changes
                ],
            }
            for comparison in found
        ],
        "total": {
            **{plural: _count(found, word) for word, plural in _WORDS.items()},
            **{
                key: {"minutes": minutes, "adherence": adherence(minutes)}
                for key, minutes in _sums(found).items()
            },
        },
    }


def _rejudge(journal: Path, protocol: Path, instead_of: str | None) -> list[Comparison]:
    """The comparison. Raises ConfigError if the file or the journal cannot be used."""
    text = read_text(protocol)
    try:
        return rejudge(journal, text, str(protocol), instead_of)
    except (sqlite3.Error, msgspec.MsgspecError) as error:
        raise ConfigError(f"{journal}: {error}", code="JOURNAL") from None


def _lines(comparison: Comparison) -> list[str]:
    before, after = comparison.before, comparison.after
    arm = f" {comparison.arm}" if comparison.arm else ""
    return [
        f"{comparison.subject}{arm}: {before.rules} -> {after.rules}",
        *(f"  {_sentence(change, comparison.randomised)}" for change in comparison.changes),
        f"  minutes: {_minutes(before.minutes, after.minutes)}",
        f"  adherence: {_percent(before.adherence)} -> {_percent(after.adherence)}",
    ]


def _sentence(change: Change, randomised: int | None) -> str:
    times = [_when(at, randomised) for at in (change.before, change.after) if at is not None]
    return f"{change.alert} {change.word}: {' -> '.join(times)}"


def _total(found: Sequence[Comparison]) -> str:
    sums = _sums(found)
    before, after = (_percent(adherence(minutes)) for minutes in sums.values())
    counts = ", ".join(f"{_count(found, word)} {plural}" for word, plural in _WORDS.items())
    return f"total: {len(found)} patients; alerts: {counts}; adherence: {before} -> {after}"


def _sums(found: Sequence[Comparison]) -> dict[str, dict[str, int]]:
    return {
        "before": {name: sum(c.before.minutes[name] for c in found) for name in CLASSES},
        "after": {name: sum(c.after.minutes[name] for c in found) for name in CLASSES},
    }


def _count(found: Sequence[Comparison], word: str) -> int:
    return sum(change.word == word for comparison in found for change in comparison.changes)


def _judged(judged: Judged) -> dict[str, Any]:
    return {"rules": judged.rules, "minutes": judged.minutes, "adherence": judged.adherence}


def _instant(at: int | None, randomised: int | None) -> dict[str, Any] | None:
    return None if at is None else {"minute": _minute(at, randomised), "time": _iso(at)}


def _when(at: int, randomised: int | None) -> str:
    minute = _minute(at, randomised)
    return iso(at) if minute is None else f"T{minute:+g} ({iso(at)})"


def _minute(at: int, randomised: int | None) -> float | None:
    return None if randomised is None else round((at - randomised) / MINUTE, 1)


def _iso(at: int | None) -> str | None:
    return None if at is None else iso(at)


def _minutes(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    return ", ".join(
        f"{name} {before[name]}" + ("" if before[name] == after[name] else f" -> {after[name]}")
        for name in CLASSES
    )


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share:.1%}"
