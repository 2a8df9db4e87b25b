"""Lays out a new driver: a copy of `drivers.kit.template` under its own name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from drivers.kit.registry import driver_names
from monitor_daemon.core.errors import CommandError

_TEMPLATE: Final = "drivers.kit.template"
_NAME: Final = re.compile("[a-z][a-z0-9_]{1,30}")
#: Files of the template that are no Python of ours carry this ending.
_PLAIN: Final = ".txt"
_PROJECT: Final = "pyproject.toml"
_TEST: Final = "test_driver.py"


@dataclass(frozen=True, slots=True)
class NewDriver:
    """What was laid out. `entry_point` is the line that announces the driver."""

    files: tuple[Path, ...]
    entry_point: str
    announced: bool


def new_driver(name: str, into: Path) -> NewDriver:
    """Lay out the driver `name` in the folder `into`.

    If `into` is the folder `drivers` of a clone, the driver becomes a part of it and its line in
    `pyproject.toml` is left to a person; else `into` becomes a package of its own that announces
    the driver. Raises CommandError for a name that cannot be or is taken, and for files that are
    there already.
    """
    inside = (into / "kit" / "contract.py").is_file()
    if not _NAME.fullmatch(name):
        raise CommandError(
            f"driver name {name!r}: a small letter, then small letters, digits and _, at most 31",
            code="USAGE",
        )
    if name in driver_names() or (not inside and find_spec(name) is not None):
        raise CommandError(f"the name {name!r} is taken: choose another", code="USAGE")
    texts = dict(_texts(name, into, f"drivers.{name}" if inside else name, inside=inside))
    for path in texts:
        if path.exists():
            raise CommandError(f"{path} exists: choose another name or folder", code="FILE")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    module = f"drivers.{name}" if inside else name
    return NewDriver(tuple(texts), f'{name} = "{module}.driver:DRIVER"', announced=not inside)


def _texts(name: str, into: Path, module: str, *, inside: bool) -> Iterator[tuple[Path, str]]:
    """Where each file goes and what stands in it."""
    tests = into.parent / "tests" / "unit" / name if inside else into / "tests"
    for source in sorted(files(_TEMPLATE).iterdir(), key=lambda entry: entry.name):
        file = source.name.removesuffix(_PLAIN)
        if not source.is_file() or (file == _PROJECT and inside):
            continue
        place = {_PROJECT: into / file, _TEST: tests / f"test_{name}.py"}.get(file)
        text = source.read_text(encoding="utf-8")
        text = text.replace(_TEMPLATE, module).replace("acme_line", name)
        text = text.replace("Acme Line", name.replace("_", " ").title())
        if file == "__init__.py":
            text = f'"""Driver {name}."""\n'
        yield place or into / name / file, text
