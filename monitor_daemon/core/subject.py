"""The state of one enrolled patient, and of one bed whose devices he is connected to."""

import hashlib
from typing import Any, TypeVar

import msgspec

from monitor_daemon.core.condition import Condition
from monitor_daemon.core.infusion import Infusions
from monitor_daemon.core.ledger import Ledger
from monitor_daemon.core.pressure import Pressure

Memory = TypeVar("Memory", bound=msgspec.Struct)


class Bed(msgspec.Struct):
    """What the devices of one bed have told since the last patient left.

    `holder` is the subject whose data they are, `failed` names our own error.
    """

    pressure: Pressure = msgspec.field(default_factory=Pressure)
    infusions: Infusions = msgspec.field(default_factory=Infusions)
    latest: dict[str, tuple[int, float]] = {}
    holder: str | None = None
    failed: str | None = None


class OpenAlert(msgspec.Struct):
    """An alert as it stands. `transitions` counts what has happened to it."""

    alert_id: str
    name: str
    clause: str
    level: str
    reason: str
    condition_since: int
    raised_at: int
    values: dict[str, float | str | None] = {}
    target: float | None = None
    transitions: int = 0
    acknowledged_by: str | None = None
    acknowledged_at: int | None = None


class Subject(msgspec.Struct):
    """One enrolled patient. `target_change` says what moved the target last."""

    id: str
    bed: str
    protocol: str
    version: str
    arm: str
    weight_kg: float
    randomised: int
    phase: str
    overrides: dict[str, float | bool] = {}
    target: float | None = None
    target_changed: int | None = None
    target_change: str = ""
    conditions: dict[str, Condition] = {}
    alerts: dict[str, OpenAlert] = {}
    episodes: dict[str, int] = {}
    memory: dict[str, Any] = {}
    ledger: Ledger = msgspec.field(default_factory=Ledger)
    failed: str | None = None

    def recall(self, kind: type[Memory]) -> Memory:
        """The memory of a rule family, made on first use and typed again after a snapshot."""
        found = self.memory.get(kind.__name__)
        if not isinstance(found, kind):
            found = kind() if found is None else msgspec.convert(found, kind)
            self.memory[kind.__name__] = found
        return found


def alert_id(site: str, subject: str, name: str, episode: int) -> str:
    """Hash of site, subject, rule and episode: the same after a restart and on a twin."""
    return hashlib.sha256(f"{site}\n{subject}\n{name}\n{episode}".encode()).hexdigest()[:20]
