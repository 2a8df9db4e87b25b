"""Scenario files: YAML 1.2, several documents a file, each of them checked.

A document that is wrong is answered with sentences and does not stop the others.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from monitor_daemon.rehearsal.parts import ScenarioError
from monitor_daemon.rehearsal.scenario import Scenario

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
    documents = _load(text)
    if isinstance(documents[0], ScenarioError):
        # One fault stops the reader for the whole file: read document by document instead.
        documents = [document for part in _split(text) for document in _load(part)] or documents
    yield from documents


def make_scenario(document: object) -> Scenario:
    """A scenario from a YAML document. Raises ScenarioError with every problem found."""
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        found = [_sentence(dict(problem)) for problem in error.errors()]
        raise ScenarioError(found) from None


def _split(text: str) -> Iterator[str]:
    """The documents as text, each with its line numbers kept by the lines left blank before it."""
    begin = 0
    for end in [*(found.start() for found in _MARKER.finditer(text)), len(text)]:
        part = text[begin:end]
        if _CONTENT.search(part.removeprefix("---")):
            yield "\n" * text.count("\n", 0, begin) + part
            begin = end


def _load(text: str) -> list[object | ScenarioError]:
    """All documents of a text, or the one reason why there are none."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _PlainDates
    try:
        found = [document for document in yaml.load_all(text) if document is not None]
    except (YAMLError, ValueError, RecursionError) as error:
        return [ScenarioError([f"not YAML 1.2: {_fault(error)}"])]
    return found or [ScenarioError(["no scenario in this file"])]


def _fault(error: Exception) -> str:
    """What the reader of YAML was in, and what stopped it, each with its place, in one line."""
    if not isinstance(error, MarkedYAMLError):
        return " ".join(str(error).split())
    found = ((error.context, error.context_mark), (error.problem, error.problem_mark))
    return "; ".join(
        f"line {mark.line + 1}, column {mark.column + 1}: {said}"
        for said, mark in found
        if said and mark is not None
    )


def _sentence(problem: Mapping[str, Any]) -> str:
    """One of pydantic's errors as: where = value: what should be there."""
    where = (
        "".join(
            f"[{step}]" if isinstance(step, int) else f".{step}"
            for step in problem["loc"]
            if step != "[key]"
        ).lstrip(".")
        or "document"
    )
    text = str(problem.get("ctx", {}).get("error") or problem["msg"])
    text = text.removeprefix("Input ").replace("Field required", "missing")
    if problem["type"] == "missing" or isinstance(problem["input"], Mapping):
        return f"{where}: {text}"
    return f"{where} = {_short(problem['input'])}: {text}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
