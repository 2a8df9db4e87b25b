"""`monitor-daemon run`: the daemon."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Annotated

import typer

from monitor_daemon.cli import logs
from monitor_daemon.cli.exits import stop
from monitor_daemon.clock import EngineClock
from monitor_daemon.config import load
from monitor_daemon.core.errors import ConfigError, MonitorError
from monitor_daemon.daemon import Daemon, run_until_signalled


def run(
    config: Annotated[Path, typer.Option(help="The site configuration.")],
    speed: Annotated[
        float, typer.Option(min=0.1, help="Engine time runs so many times faster (rehearsal).")
    ] = 1.0,
    origin: Annotated[
        float | None,
        typer.Option(help="Unix seconds at which engine time is true time; with --speed."),
    ] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the daemon until it is asked to stop."""
    logs.configure(log_level)
    try:
        asyncio.run(run_until_signalled(Daemon(load(config), EngineClock(speed, origin))))
    except ConfigError as error:
        stop(error)
    except BaseExceptionGroup as group:
        storage = group.subgroup(sqlite3.Error)
        if storage is None:
            raise
        stop(MonitorError(f"the record cannot be written: {_first(storage)}", code="STORAGE"))


def _first(group: BaseExceptionGroup[sqlite3.Error]) -> BaseException:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
