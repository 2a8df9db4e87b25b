"""The commands of the program with what each takes."""

from typing import Any

from typer.main import get_command

from monitor_daemon.cli.main import app


def commands() -> dict[str, list[Any]]:
    """Command path ("drivers probe") to its parameters."""
    found: dict[str, list[Any]] = {}

    def walk(group: Any, path: str) -> None:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                walk(command, f"{path}{name} ")
            else:
                found[f"{path}{name}"] = list(command.params)

    walk(get_command(app), "")
    return found


def options(parameters: list[Any]) -> set[str]:
    return {o for p in parameters if p.param_type_name == "option" for o in p.opts}


def required(parameters: list[Any]) -> set[str]:
    """Options that must be given."""
    return {o for p in parameters if p.param_type_name == "option" and p.required for o in p.opts}


def arguments(parameters: list[Any]) -> list[str]:
    return [p.name.upper() for p in parameters if p.param_type_name == "argument"]
