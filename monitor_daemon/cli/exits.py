"""How a command ends when something is wrong: one line on standard error, and the exit code."""

from typing import NoReturn

import typer

from monitor_daemon.core.errors import CommandError, LinkError, MonitorError


def stop(error: MonitorError | OSError) -> NoReturn:
    """Say what is wrong, one line a mistake, each with its stable code, and leave.

    Exit codes: 1 a configuration is invalid, 2 wrong use, 3 the device or daemon cannot be reached.
    """
    code = error.code if isinstance(error, MonitorError) else "FILE"
    text = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    for line in text.splitlines():
        typer.echo(f"{code}: {line}", err=True)
    usage = code in {"UNKNOWN_DRIVER", "FILE"} or isinstance(error, CommandError)
    unreachable = isinstance(error, LinkError)
    raise typer.Exit(2 if usage else 3 if unreachable else 1)
