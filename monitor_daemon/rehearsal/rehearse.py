"""A scenario file from reading to verdict."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor_daemon.rehearsal.compare import compare
from monitor_daemon.rehearsal.reader import make_scenario, read_documents
from monitor_daemon.rehearsal.run import Observed, play
from monitor_daemon.rehearsal.scenario import ScenarioError
from monitor_daemon.rehearsal.timeline import make_timeline


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one document went: it passed if there is no difference. `observed`: None if not run."""

    name: str
    differences: list[str]
    observed: Observed | None = None

    @property
    def passed(self) -> bool:
        """Whether everything came as expected."""
        return not self.differences


def rehearse_file(path: Path) -> Iterator[Outcome]:
    """Run every document of a file; one that cannot be read fails and the others run."""
    for document in read_documents(path):
        if isinstance(document, ScenarioError):
            yield Outcome(path.name, document.problems)
        else:
            yield rehearse_document(document, path)


def rehearse_document(document: object, path: Path) -> Outcome:
    """Run one document read from `path`."""
    name = _name(document) or path.name
    try:
        scenario = make_scenario(document)
        timeline = make_timeline(scenario, path.parent)
    except ScenarioError as error:
        return Outcome(name, error.problems)
    observed = play(timeline)
    return Outcome(name, compare(scenario, observed), observed)


def report(outcome: Outcome) -> dict[str, Any]:
    """An outcome as plain data; what was observed has the form of `expect`."""
    observed = outcome.observed or Observed()
    return {
        "id": outcome.name,
        "passed": outcome.passed,
        "differences": outcome.differences,
        "observed": [
            {"t": round(item.t, 3), item.kind: item.value}
            | ({} if item.reason is None else {"reason": item.reason})
            for item in observed.items
        ],
        "minutes": observed.minutes,
    }


def _name(document: object) -> str | None:
    """The id of a document, though the rest of it may be wrong."""
    found = document.get("id") if isinstance(document, Mapping) else None
    return str(found) if isinstance(found, str | int) else None
