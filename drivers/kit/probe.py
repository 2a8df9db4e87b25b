"""What a probe hears: each parameter with its wire code, last value and rate. Nothing is kept."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from drivers.kit.capture import Direction
from drivers.kit.contract import Driver, Message, Problem
from drivers.kit.link_state import LinkState
from monitor_daemon.core.vocabulary import Alarm, Fault, Identity, Infusion, Reading, Row, Unmapped

#: So many bytes are shown of what nobody can read.
BEGINNING: Final = 48


@dataclass(frozen=True, slots=True)
class Heard:
    """One parameter as last heard. `signal` is empty for what nobody mapped."""

    code: str
    signal: str
    value: str
    unit: str
    quality: str


@dataclass(slots=True)
class Arrivals:
    """How often a parameter came: its count, and when first and last (monotonic seconds)."""

    first: float
    last: float
    count: int = 0

    @property
    def every(self) -> float | None:
        """Mean seconds between two arrivals; None if it did not come twice at two times."""
        return (self.last - self.first) / (self.count - 1) if self.last > self.first else None


@dataclass(frozen=True, slots=True)
class Explained:
    """A part of a message: where it stands, what the wire says there, what became of it and why."""

    place: str
    wire: str
    use: str


#: Raw bytes of one message and the driver's options to what became of its parts.
Explain = Callable[[bytes, Mapping[str, Any]], Iterable[Explained]]


def explainer(driver: Driver) -> Explain | None:
    """The function `explain` of the module `explain` beside the driver's own, if there is one."""
    package = driver.session.__module__.rpartition(".")[0]
    if not package or find_spec(f"{package}.explain") is None:
        return None
    explain: Explain = import_module(f"{package}.explain").explain
    return explain


class ProbeSink:
    """A link's sink that only remembers; `tap` belongs into the same link's `LinkSpec`.

    `beginning` are the first bytes that came, whatever they are.
    """

    def __init__(self) -> None:
        self.parameters: dict[tuple[str, str], Heard] = {}
        self.arrivals: dict[tuple[str, str], Arrivals] = {}
        self.beginning = b""
        self.errors: Counter[tuple[str, str]] = Counter()
        self.messages = 0
        self.newest = b""
        self.reason = ""

    def tap(self, direction: Direction, data: bytes) -> None:
        """Remember how it began."""
        if direction == "rx":
            self.beginning += data[: BEGINNING - len(self.beginning)]

    async def message(self, _link: str, message: Message, received: float) -> None:
        """Remember the rows."""
        self.messages += 1
        self.newest = message.raw
        for row in message.rows:
            if isinstance(row, Fault):
                self.errors[row.code, row.reason] += 1
                continue
            heard = describe(row)
            # The same code may come from two channels, and with two meanings.
            key = (heard.code, heard.signal)
            self.parameters[key] = heard
            arrivals = self.arrivals.setdefault(key, Arrivals(received, received))
            arrivals.last, arrivals.count = received, arrivals.count + 1

    def problem(self, _link: str, problem: Problem) -> None:
        """Count it."""
        self.errors[problem.fault.code, problem.fault.reason] += 1

    def state(self, _link: str, _state: LinkState, reason: str, _since: float) -> None:
        """Remember the last reason, except that we stopped it ourselves."""
        if reason != "stopped":
            self.reason = reason


def describe(row: Row) -> Heard:
    """A row in words for a table."""
    match row:
        case Reading():
            code = " ".join(filter(None, (row.channel, row.source)))
            return Heard(code, row.signal, _number(row.value), row.unit, row.quality)
        case Infusion():
            value = f"{_number(row.rate_ml_h)} ({row.status})"
            code = " ".join(filter(None, (row.channel, row.drug)))
            return Heard(code, "infusion", value, "mL/h", row.quality)
        case Alarm():
            return Heard(row.code or "", "alarm", row.text or "", "", row.phase or "")
        case Identity():
            return Heard(row.event, "identity", row.bed or "", "", "")
        case Unmapped():
            return Heard(row.source, "", row.value or "", row.unit or "", "")
        case Fault():
            return Heard(row.code, "error", row.reason, "", "")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
