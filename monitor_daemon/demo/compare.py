"""Did every alert come that the recordings must give, and at the right minute? Pure."""

from collections.abc import Iterable, Sequence

import msgspec

from monitor_daemon.demo.plan import Expected

#: Minutes by which an alert may come earlier or later.
TOLERANCE = 1.0


class Came(msgspec.Struct, frozen=True):
    """An alert that was raised `t` minutes after T+0."""

    t: float
    subject: str
    alert: str


class Verdict(msgspec.Struct, frozen=True):
    """What the comparison found. `due` is how many alerts had to come, `right` how many did."""

    due: int
    right: int
    missing: tuple[Expected, ...] = ()
    unexpected: tuple[Came, ...] = ()
    moved: tuple[tuple[Expected, Came], ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing is missing, unexpected or at another minute."""
        return not (self.missing or self.unexpected or self.moved)

    def lines(self) -> list[str]:
        """The verdict in words, one difference a line."""
        said = [f"{self.right} of {self.due} alerts that were due came at the right minute"]
        said += [f"missing: {_words(lacking)}" for lacking in self.missing]
        said += [
            f"at another minute: {_words(expected)}, came T{came.t:+.4g}"
            for expected, came in self.moved
        ]
        said += [f"unexpected: {_words(came)}" for came in self.unexpected]
        return said


def compare(expected: Sequence[Expected], came: Iterable[Came], until: float) -> Verdict:
    """Compare what came until minute `until` (since T+0) with what must come.

    An alert whose minute is less than the tolerance before `until` may still be on its way: it
    counts if it came and is not missed if it did not. What came after `until` is not judged.
    """
    open_now = list(expected)
    right: list[Expected] = []
    others: list[Came] = []
    for event in sorted((e for e in came if e.t <= until), key=lambda event: event.t):
        fit = [line for line in open_now if _same(line, event) and _apart(line, event) <= TOLERANCE]
        if fit:
            nearest = min(fit, key=lambda line: _apart(line, event))
            open_now.remove(nearest)
            right.append(nearest)
        else:
            others.append(event)
    late = [line for line in open_now if line.t + TOLERANCE < until]
    moved: list[tuple[Expected, Came]] = []
    for line in list(late):
        candidates = [event for event in others if _same(line, event)]
        if candidates:
            event = min(candidates, key=lambda event: _apart(line, event))
            late.remove(line)
            others.remove(event)
            moved.append((line, event))
    return Verdict(
        due=len(right) + len(late) + len(moved),
        right=len(right),
        missing=tuple(late),
        unexpected=tuple(others),
        moved=tuple(moved),
    )


def _same(line: Expected, event: Came) -> bool:
    return (line.subject, line.alert) == (event.subject, event.alert)


def _apart(line: Expected, event: Came) -> float:
    return abs(line.t - event.t)


def _words(alert: Expected | Came) -> str:
    return f"{alert.alert} of {alert.subject} at T{alert.t:+.4g}"
