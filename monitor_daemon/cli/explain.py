"""`monitor-daemon drivers explain`: what became of each part of the messages in a file, and why."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from drivers.kit.capture import SUFFIX
from drivers.kit.contract import Driver
from drivers.kit.probe import Explain, Explained, explainer, splitter, validator
from drivers.kit.registry import driver_names, load_driver
from monitor_daemon.cli.decode import driver_settings, received, while_read
from monitor_daemon.cli.exits import stop
from monitor_daemon.core.errors import CommandError, FrameError, MonitorError
from monitor_daemon.core.vocabulary import Fault


def explain(
    name: Annotated[str, typer.Argument(help="The driver's name, as in `drivers list`.")],
    file: Annotated[str, typer.Argument(help="Raw bytes, or a capture (*.cap.jsonl); - is stdin.")],
    option: Annotated[
        list[str] | None, typer.Option("--option", help="A driver option, name=value; repeatable.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--validate", help="Say too what is not as the standard has it.")
    ] = False,
) -> None:
    """Say of every part of the messages in a file what it was used for, or why it was ignored."""
    try:
        driver = load_driver(name)
        explanation = _explainer(driver)
        options = driver_settings(driver, option or ())
        driver.decoder(driver.modes[0], options)  # refuses options that cannot be used
        items = list(splitter(driver)(_content(file), options))
        whole = [found for _, found in items if isinstance(found, bytes)]
        findings = iter(_validate(driver, whole, options) if check else [()] * len(whole))
        readable = 0
        with while_read():
            for number, (offset, found) in enumerate(items, 1):
                typer.echo(f"message {number}, at byte {offset}")
                if isinstance(found, Fault):
                    parts = [Explained(found.code, "", f"unreadable: {found.reason}")]
                else:
                    parts = list(explanation(found, options))
                readable += not (len(parts) == 1 and parts[0].use.startswith("unreadable"))
                if isinstance(found, bytes):
                    parts += next(findings)
                for text in told(parts):
                    typer.echo(text)
        if not readable:
            raise FrameError(f"{file}: no message that driver {name} can read")
    except (MonitorError, OSError) as error:
        stop(error)


def _validate(
    driver: Driver, messages: Sequence[bytes], options: Mapping[str, Any]
) -> Sequence[Sequence[Explained]]:
    validate = validator(driver)
    if validate is None:
        reason = f"driver {driver.name} does not validate its messages"
        raise CommandError(reason, code="USAGE")
    return validate(messages, options)


def told(parts: Iterable[Explained]) -> Iterator[str]:
    """A line for each part of a message: where it stands, what the wire says, what became of it."""
    for part in parts:
        line = f"  {part.place:<8} {part.wire + '  |  ' if part.wire else ''}{part.use}"
        # What a device sends must not steer the terminal.
        yield "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in line)


def _explainer(driver: Driver) -> Explain:
    found = explainer(driver)
    if found is None:
        others = ", ".join(filter(_can_explain, driver_names())) or "none"
        reason = f"driver {driver.name} does not explain its messages; those that do: {others}"
        raise CommandError(reason, code="USAGE")
    return found


def _can_explain(name: str) -> bool:
    try:
        return explainer(load_driver(name)) is not None
    except MonitorError:
        return False


def _content(file: str) -> bytes:
    """What the device sent. A line of a capture that cannot be read is said and passed over."""
    content = bytearray()
    with sys.stdin.buffer if file == "-" else Path(file).open("rb") as source:
        for part in received(source, capture=file.endswith(SUFFIX)):
            if isinstance(part, bytes):
                content += part
            elif isinstance(part, Fault):
                typer.echo(f"{part.code}: {part.reason}", err=True)
    return bytes(content)
