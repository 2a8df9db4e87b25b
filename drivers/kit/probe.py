"""What a probe hears: each parameter with its wire code, last value and rate. Nothing is kept.

And what became of the parts of a message, for a driver that can say so.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final, Protocol

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


class Explain(Protocol):
    """The function `explain` in the module `explain` of a driver's package; it may have none.

    It takes one message as `Message.raw` has it and all options of the driver, and says of every
    part of it what it was used for, or why it was not. Bytes that are no message have one part, of
    which `use` begins with `unreadable`. Never raises for bad bytes.
    """

    def __call__(self, raw: bytes, options: Mapping[str, Any], /) -> Iterable[Explained]:
        """Explain one message."""
        ...


class Split(Protocol):
    """The function `messages` in the same module: the messages in a file, for `drivers explain`.

    It takes the bytes that the driver's decoder takes, all at once, and gives each message as
    `Explain` wants it, or what was wrong with the bytes there, with its offset. Without it a file
    is one message.
    """

    def __call__(
        self, data: bytes, options: Mapping[str, Any], /
    ) -> Iterable[tuple[int, bytes | Fault]]:
        """Find the messages."""
        ...


class Validate(Protocol):
    """The function `validate` in the module `validate` of a driver's package; it may have none.

    It takes messages as `Explain` does and says, for each, where another implementation or a
    standard finds fault with it. Values are not quoted.
    """

    def __call__(
        self, raws: Sequence[bytes], options: Mapping[str, Any], /
    ) -> Sequence[Sequence[Explained]]:
        """Find faults."""
        ...


def explainer(driver: Driver) -> Explain | None:
    """The driver's function `explain`; None if its package has no module of this name."""
    explain: Explain | None = getattr(_beside(driver, "explain"), "explain", None)
    return explain


def splitter(driver: Driver) -> Split:
    """How the driver finds the messages in a file."""
    split: Split = getattr(_beside(driver, "explain"), "messages", _one_message)
    return split


def validator(driver: Driver) -> Validate | None:
    """The driver's function `validate`; None if its package has no module of this name."""
    validate: Validate | None = getattr(_beside(driver, "validate"), "validate", None)
    return validate


def _one_message(data: bytes, _options: Mapping[str, Any], /) -> Iterable[tuple[int, bytes]]:
    return [(0, data)] if data else []


def _beside(driver: Driver, name: str) -> ModuleType | None:
    """The module `name` in the package of the driver's own, if there is one."""
    package = driver.session.__module__.rpartition(".")[0]
    if not package or find_spec(f"{package}.{name}") is None:
        return None
    return import_module(f"{package}.{name}")


class ProbeSink:
    """A link's sink that only remembers; `tap` belongs into the same link's `LinkSpec`.

    `beginning` are the first bytes that came, whatever they are. `waiting`: the link was open when
    it was stopped, and nothing had been heard yet.
    """

    def __init__(self) -> None:
        self.parameters: dict[tuple[str, str], Heard] = {}
        self.arrivals: dict[tuple[str, str], Arrivals] = {}
        self.beginning = b""
        self.errors: Counter[tuple[str, str]] = Counter()
        self.messages = 0
        self.newest = b""
        self.reason = ""
        self.waiting = False

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

    def state(self, _link: str, state: LinkState, reason: str, _since: float) -> None:
        """Remember the last reason; that we try again or stopped it ourselves is none."""
        if state not in {LinkState.OPENING, LinkState.CLOSED}:
            self.reason, self.waiting = reason, state is LinkState.WAITING


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


def made(rows: Iterable[Row]) -> Iterator[Explained]:
    """Rows that a message, and no single part of it, made: as the end of its explanation."""
    for row in rows:
        heard = describe(row)
        words = " ".join(filter(None, (heard.value, heard.unit, heard.quality)))
        yield Explained(f"-> {heard.signal or 'unmapped'}", heard.code, words or "no more is said")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
