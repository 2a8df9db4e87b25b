"""Scenario files: YAML 1.2, several documents a file, one wrong document does not stop the others."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError

from monitor_daemon.rehearsal.scenario import ScenarioError

_MARKER: Final = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_CONTENT: Final = re.compile(r"^(?!\s*(#|$)|%|\.\.\.)", re.MULTILINE)


class _PlainDates(SafeConstructor):
    """YAML 1.2 has no dates: 2026-01-22 is a word, as a protocol version is."""


_PlainDates.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


def read_documents(path: Path) -> Iterator[object | ScenarioError]:
    """Every document of a file, or why it cannot be read; never raises for what is in the file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        yield ScenarioError([f"cannot be read: {error.strerror}"])
        return
    except UnicodeDecodeError as error:
        yield ScenarioError([f"byte {error.start} is not UTF-8; save the file as UTF-8"])
        return
    parts = list(_split(text))
    if not parts:
        yield ScenarioError(["no scenario in this file"])
    for part in parts:
        try:
            yield from _load(part)
        except (YAMLError, ValueError, RecursionError) as error:
            yield ScenarioError([f"not YAML 1.2: {' '.join(str(error).split())}"])


def _split(text: str) -> Iterator[str]:
    """The documents as text, each with its line numbers kept by the lines left blank before it."""
    begin = 0
    for end in [*(found.start() for found in _MARKER.finditer(text)), len(text)]:
        part = text[begin:end]
        if _CONTENT.search(part.removeprefix("---")):
            yield "\n" * text.count("\n", 0, begin) + part
            begin = end


def _load(text: str) -> list[object]:
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _PlainDates
    return list(yaml.load_all(text))
