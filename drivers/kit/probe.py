"""What a probe hears: each parameter with its wire code, last value and count. Nothing is kept."""

from collections import Counter
from dataclasses import dataclass

from drivers.kit.contract import Message, Problem
from drivers.kit.link_state import LinkState
from monitor_daemon.core.vocabulary import Alarm, Fault, Identity, Infusion, Reading, Row, Unmapped


@dataclass(frozen=True, slots=True)
class Heard:
    """One parameter as last heard. `signal` is empty for what nobody mapped."""

    code: str
    signal: str
    value: str
    unit: str
    quality: str


class ProbeSink:
    """A link's sink that only remembers."""

    def __init__(self) -> None:
        self.parameters: dict[tuple[str, str], Heard] = {}
        self.counts: Counter[tuple[str, str]] = Counter()
        self.errors: Counter[tuple[str, str]] = Counter()
        self.messages = 0
        self.reason = ""

    async def message(self, _link: str, message: Message, _received: float) -> None:
        """Remember the rows."""
        self.messages += 1
        for row in message.rows:
            if isinstance(row, Fault):
                self.errors[row.code, row.reason] += 1
                continue
            heard = describe(row)
            # The same code may come from two channels, and with two meanings.
            key = (heard.code, heard.signal)
            self.parameters[key] = heard
            self.counts[key] += 1

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
