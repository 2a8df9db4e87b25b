"""How a command says what is wrong, on standard error, and the exit code it ends with."""

from typing import NoReturn

import typer

from monitor_daemon.core.errors import CommandError, LinkError, MonitorError
from monitor_daemon.core.toml_text import Remark, TomlFileError


def stop(error: MonitorError | OSError) -> NoReturn:
    """Say what is wrong and leave.

    Exit codes: 1 a configuration is invalid, 2 wrong use, 3 the device or daemon cannot be reached.
    """
    say(error)
    usage = _code(error) in {"UNKNOWN_DRIVER", "FILE"} or isinstance(error, CommandError)
    unreachable = isinstance(error, LinkError)
    raise typer.Exit(2 if usage else 3 if unreachable else 1)


def say(error: MonitorError | OSError) -> None:
    """Say every mistake, one line each with its stable code; of a TOML file also where it stands.

    The line of the file follows, and carets below what is meant.
    """
    if isinstance(error, TomlFileError):
        for remark in error.remarks:
            _show("", remark)
        return
    text = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    for line in text.splitlines():
        typer.echo(f"{_code(error)}: {line}", err=True)


def warn(remark: Remark) -> None:
    """Say what in a right TOML file is hardly meant."""
    _show("warning ", remark)


def _show(what: str, remark: Remark) -> None:
    typer.echo(f"{what}{remark.code}: {remark}\n{remark.excerpt}", err=True)


def _code(error: MonitorError | OSError) -> str:
    return error.code if isinstance(error, MonitorError) else "FILE"
