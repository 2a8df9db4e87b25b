"""`monitor-daemon run`: the daemon."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from monitor_daemon.cli import logs
from monitor_daemon.cli.exits import stop
from monitor_daemon.clock import EngineClock
from monitor_daemon.config import load
from monitor_daemon.core.errors import ConfigError, LinkError, MonitorError
from monitor_daemon.daemon import Daemon, run_until_signalled
from monitor_daemon.groups import first


def run(
    config: Annotated[Path, typer.Option(help="The site configuration.")],
    speed: Annotated[
        float, typer.Option(min=0.1, help="Engine time runs so many times faster (rehearsal).")
    ] = 1.0,
    origin: Annotated[
        float | None,
        typer.Option(help="Unix seconds at which engine time is true time; with --speed."),
    ] = None,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option(help="The least that is logged.")
    ] = "info",
) -> None:
    """Run the daemon until it is asked to stop."""
    logs.configure(log_level)
    try:
        asyncio.run(run_until_signalled(Daemon(load(config), EngineClock(speed, origin))))
    except (ConfigError, LinkError, OSError, sqlite3.Error) as error:
        _leave(error)
    except BaseExceptionGroup as group:
        for kind in (sqlite3.Error, ConfigError, LinkError):
            found = group.subgroup(kind)
            if found is not None:
                _leave(first(found))
        raise


def _leave(error: BaseException) -> NoReturn:
    """Say in one line what a person can mend; what is our own fault keeps its traceback."""
    if isinstance(error, sqlite3.Error):
        error = MonitorError(f"the record cannot be written: {error}", code="STORAGE")
    if isinstance(error, MonitorError) or (isinstance(error, OSError) and error.filename):
        stop(error)
    raise error
