"""`monitor-daemon drivers keep` and `drivers new`: captures and drivers that become files."""

from pathlib import Path
from typing import Annotated

import typer

from drivers.kit.kept import keep
from drivers.kit.new_driver import new_driver
from drivers.kit.registry import GROUP, load_driver
from monitor_daemon.cli.decode import driver_options, driver_settings, framing
from monitor_daemon.cli.exits import stop
from monitor_daemon.core.errors import MonitorError


def keep_capture(
    name: Annotated[str, typer.Argument(help="The driver's name, as in `drivers list`.")],
    capture: Annotated[Path, typer.Argument(help="Capture file, *.cap.jsonl.")],
    into: Annotated[Path, typer.Option(help="Folder under tests/ that keeps it.")],
    seconds: Annotated[float, typer.Option(min=0, help="Keep so many seconds of it.")] = 60.0,
    mode: Annotated[str | None, typer.Option(help="The framing, as in `decode`.")] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", help="A driver option, name=value; repeatable.")
    ] = None,
) -> None:
    """Make a regression test of a capture and print the rows that a person must review.

    The test is not counted as evidence before `reviewed` in the file says who compared the rows.
    """
    try:
        driver = load_driver(name)
        driver_settings(driver, option or ())
        given = driver_options(driver, option or ())
        file, kept = keep(driver, framing(driver, mode), given, capture, into, seconds)
    except (MonitorError, OSError) as error:
        stop(error)
    for row in kept.rows:
        typer.echo("  ".join(f"{key}={value}" for key, value in row.items()))
    typer.echo(
        f"{len(kept.rows)} rows in {file}, NOT REVIEWED: compare each with what the device showed, "
        'correct the file, then write who did so into "reviewed". '
        "A capture holds what the device sent, names included.",
        err=True,
    )


def new(
    name: Annotated[str, typer.Argument(help="What the driver is to be called, e.g. acme_line.")],
    into: Annotated[
        Path, typer.Option(help="Folder of the new package, or `drivers` of a clone.")
    ] = Path(),
) -> None:
    """Lay out a new driver that passes the conformance suite, to be changed part by part."""
    try:
        laid = new_driver(name, into)
    except (MonitorError, OSError) as error:
        stop(error)
    for path in laid.files:
        typer.echo(path)
    if not laid.announced:
        typer.echo(f"now add to [project.entry-points] {GROUP}: {laid.entry_point}", err=True)
