"""A scenario file from reading to verdict."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from monitor_daemon.rehearsal.compare import Difference, clock, compare
from monitor_daemon.rehearsal.parts import ScenarioError
from monitor_daemon.rehearsal.reader import make_scenario, read_documents
from monitor_daemon.rehearsal.run import Item, Observed, play
from monitor_daemon.rehearsal.timeline import make_timeline

#: Of what came within so many minutes of a difference, so many things are shown.
_AROUND: Final = 15
_SHOWN: Final = 6


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one document went: it passed if there is no difference. `observed`: None if not run."""

    name: str
    found: list[Difference]
    observed: Observed | None = None

    @property
    def passed(self) -> bool:
        """Whether everything came as expected."""
        return not self.found

    @property
    def differences(self) -> list[str]:
        """What differs, a sentence each."""
        return [difference.sentence for difference in self.found]

    def lines(self) -> list[str]:
        """What differs, and what came around each difference, for a person to read."""
        items = self.observed.items if self.observed else []
        told = []
        for difference in self.found:
            told.append(difference.sentence)
            if difference.t is not None:
                told += [f"  {_told(item)}" for item in _around(difference.t, items)]
        return told


def rehearse_file(path: Path) -> Iterator[Outcome]:
    """Run every document of a file; one that cannot be read fails and the others run."""
    for document in read_documents(path):
        if isinstance(document, ScenarioError):
            yield _unreadable(path.name or str(path), document)
        else:
            yield rehearse_document(document, path)


def rehearse_document(document: object, path: Path) -> Outcome:
    """Run one document read from `path`."""
    name = _name(document) or path.name
    try:
        scenario = make_scenario(document)
        timeline = make_timeline(scenario, path.parent)
    except ScenarioError as error:
        return _unreadable(name, error)
    observed = play(timeline)
    return Outcome(name, compare(scenario, observed), observed)


def report(outcome: Outcome) -> dict[str, Any]:
    """An outcome as plain data; what was observed has the form of `expect`."""
    observed = outcome.observed or Observed()
    return {
        "id": outcome.name,
        "passed": outcome.passed,
        "differences": outcome.differences,
        "observed": [_plain(item) for item in observed.items],
        "minutes": observed.minutes,
        "outcomes": observed.outcomes,
        "days": [{"day": day, "hours": hours} for day, hours in enumerate(observed.days)],
    }


def _plain(item: Item) -> dict[str, Any]:
    ends = list(item.to) if item.until is None else round(item.until, 3)
    more = {"reason": item.reason, "to": ends or None, "notified": item.notified}
    return {
        "t": round(item.t, 3),
        item.kind: item.value,
        **{key: value for key, value in more.items() if value is not None},
    }


def _unreadable(name: str, error: ScenarioError) -> Outcome:
    return Outcome(name, [Difference(None, problem) for problem in error.problems])


def _around(t: float, items: Sequence[Item]) -> list[Item]:
    """The things nearest to minute `t`, in order of time."""
    near = [item for item in items if abs(item.t - t) <= _AROUND and item.kind != "eligible"]
    nearest = sorted(near, key=lambda item: abs(item.t - t))[:_SHOWN]
    return sorted(nearest, key=lambda item: item.t)


def _told(item: Item) -> str:
    value = f"{item.value:g}" if isinstance(item.value, float) else item.value
    to = f" to {', '.join(item.to)}" if item.to else ""
    reason = f" ({item.reason})" if item.reason not in {None, item.value} else ""
    return f"{clock(item.t)} {item.kind} {value}{to}{reason}"


def _name(document: object) -> str | None:
    """The id of a document, though the rest of it may be wrong."""
    found = document.get("id") if isinstance(document, Mapping) else None
    return str(found) if isinstance(found, str | int) else None
