"""The state of one patient, and of one bed whose devices he is connected to."""

import hashlib
from typing import Any, TypeVar

import msgspec

from monitor_daemon.core.bundle import Bundle
from monitor_daemon.core.condition import Condition
from monitor_daemon.core.exposure import Exposure
from monitor_daemon.core.history import History
from monitor_daemon.core.infusion import Infusions
from monitor_daemon.core.intake import Jump
from monitor_daemon.core.ledger import Ledger
from monitor_daemon.core.line import Line
from monitor_daemon.core.people import VARIABLE
from monitor_daemon.core.pressure import Pressure
from monitor_daemon.core.response import Response
from monitor_daemon.core.results import Results
from monitor_daemon.core.sources import Others

Memory = TypeVar("Memory", bound=msgspec.Struct)


class Bed(msgspec.Struct):
    """What the devices of one bed have told since the last patient left.

    `holder` is the subject whose data they are, `failed` names our own error. What was measured
    before `begun` (ms) was another's. `jump` is the newest of a device's clock.
    """

    pressure: Pressure = msgspec.field(default_factory=Pressure)
    infusions: Infusions = msgspec.field(default_factory=Infusions)
    results: Results = msgspec.field(default_factory=Results)
    others: Others = msgspec.field(default_factory=Others)
    latest: dict[str, tuple[int, float]] = {}
    holder: str | None = None
    failed: str | None = None
    line: Line = msgspec.field(default_factory=Line)
    begun: int = 0
    jump: Jump | None = None


class OpenAlert(msgspec.Struct):
    """An alert as it stands or stood. `transitions` counts what has happened to it.

    `values` are those by which its condition last held, at `values_at` (ms).
    """

    alert_id: str
    name: str
    clause: str
    level: str
    reason: str
    condition_since: int
    raised_at: int
    values: dict[str, float | str | None] = {}
    values_at: int | None = None
    target: float | None = None
    transitions: int = 0
    acknowledged_by: str | None = None
    acknowledged_at: int | None = None
    cleared_at: int | None = None
    cause: str | None = None
    voided: bool = False
    response: Response = msgspec.field(default_factory=Response)


class PressureRange(msgspec.Struct):
    """The physician's range (mmHg): `changed` when it was set, `confirmed` when last confirmed."""

    low: float
    high: float
    variable: VARIABLE
    changed: int
    confirmed: int


class StopNote(msgspec.Struct, frozen=True):
    """Why the study infusion stands still on purpose, and when (ms) somebody said so."""

    at: int
    reason: str


class Subject(msgspec.Struct):
    """One patient. `randomised` is None while he is screened, `left` when he left his devices.

    `target` is the protocol's MAP target, `override` a physician's in its place. `changed` is when
    what is aimed at moved last, and `change` whether that was step_up, step_down or active.
    `exempt` holds reasons by rule. `exposure` is what was recorded in other beds. `days` are the
    ends of D0, D1, ..., `signed` tells by day who signed its record; `death` and `discharge` when
    they happened. `patient` is the token by which the hospital's ADT names him, if it is known.
    """

    id: str
    bed: str
    protocol: str
    version: str
    arm: str
    weight_kg: float | None
    randomised: int | None
    phase: str
    entered: int
    overrides: dict[str, float | bool] = {}
    age: int | None = None
    admitted: bool | None = None
    attached: int | None = None
    left: int | None = None
    target: float | None = None
    override: float | None = None
    changed: int | None = None
    change: str = ""
    range: PressureRange | None = None
    exempt: dict[str, str] = {}
    results: Results = msgspec.field(default_factory=Results)
    exposure: Exposure = msgspec.field(default_factory=Exposure)
    day_zero: int | None = None
    days: tuple[int, ...] = ()
    signed: dict[int, str] = {}
    stopped_for: StopNote | None = None
    death: int | None = None
    discharge: int | None = None
    conditions: dict[str, Condition] = {}
    alerts: dict[str, OpenAlert] = {}
    past: dict[str, OpenAlert] = {}
    episodes: dict[str, int] = {}
    bundle: Bundle = msgspec.field(default_factory=Bundle)
    memory: dict[str, Any] = {}
    history: History = msgspec.field(default_factory=History)
    ledger: Ledger = msgspec.field(default_factory=Ledger)
    failed: str | None = None
    patient: str | None = None

    @property
    def aim(self) -> float | None:
        """The MAP target that staff are to follow (mmHg)."""
        return self.target if self.override is None else self.override

    def recall(self, kind: type[Memory], key: str | None = None) -> Memory:
        """The memory of a rule family, made on first use and typed again after a snapshot.

        `key` tells two rules of one family apart that each have a memory of their own.
        """
        name = key or kind.__name__
        found = self.memory.get(name)
        if not isinstance(found, kind):
            found = kind() if found is None else msgspec.convert(found, kind)
            self.memory[name] = found
        return found


def alert_id(site: str, subject: str, name: str, episode: int) -> str:
    """Hash of site, subject, rule and episode: the same after a restart and on a twin."""
    return hashlib.sha256(f"{site}\n{subject}\n{name}\n{episode}".encode()).hexdigest()[:20]
