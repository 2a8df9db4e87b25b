"""What goes into the core and what comes out of it: the rows of the journal.

Inputs are masked already: a bed is the unit's alias, a drug is an entry of the drug file, and a
patient has no name but his trial pseudonym. Times are integer milliseconds of engine time (UTC).
The JSON form of these structures is what the journal stores and the hash chain covers, so a change
of a field is a change of the record: add fields with defaults, never rename.
"""

from typing import Any, ClassVar, Final

import msgspec

MINUTE: Final = 60_000
SECOND: Final = 1_000


class _Input(msgspec.Struct, frozen=True, tag_field="input", omit_defaults=True):
    """An input. `order` is its place among inputs of one instant (reference section 0.2)."""

    order: ClassVar[int] = 0


class Sample(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One value: signal, number or None, quality, corrected-to-UTC device time (ms) or None."""

    signal: str
    value: float | None
    quality: str
    at: int | None = None
    channel: str | None = None


class Flow(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One infusion channel as its pump reports it.

    `drug` is the entry of the drug file; None if nobody mapped the pump's words, which stay in the
    vault. Rate in mL/h, None when the pump gave no usable number. `concentration` is as on the
    wire, in `unit`, not yet base.
    """

    channel: str
    status: str
    rate: float | None = None
    drug: str | None = None
    concentration: float | None = None
    unit: str | None = None
    derived: bool = False
    dose: float | None = None
    dose_unit: str | None = None
    weight: float | None = None
    at: int | None = None


class Configured(_Input, frozen=True, tag="configured"):
    """The configuration in force: texts, so that the record can be judged again from itself."""

    site: str
    drugs: str
    protocols: dict[str, str] = {}
    periods: dict[str, float] = {}
    speed: float = 1.0


class Started(_Input, frozen=True, tag="started"):
    """The daemon started; `stopped` is the last instant it is known to have judged before."""

    version: str
    stopped: int | None = None


class ClockStepped(_Input, frozen=True, tag="clock_stepped"):
    """The wall clock of this machine moved by `seconds` against the monotonic clock."""

    seconds: float


class LinkChanged(_Input, frozen=True, tag="link_changed"):
    """A link changed its state."""

    link: str
    state: str
    reason: str


class Data(_Input, frozen=True, tag="data"):
    """One wire message, or the part of it that concerns one bed; None: nobody knows the bed."""

    link: str
    bed: str | None
    samples: tuple[Sample, ...] = ()
    flows: tuple[Flow, ...] = ()
    unmapped: tuple[str, ...] = ()


class Enrol(_Input, frozen=True, tag="enrol"):
    """A patient was randomised. `version` pins a protocol version, default the newest one."""

    order: ClassVar[int] = 1
    subject: str
    bed: str
    protocol: str
    arm: str
    weight_kg: float
    actor: str
    randomised: int | None = None
    version: str | None = None
    floor: float | None = None
    overrides: dict[str, float | bool] = {}


class Observe(_Input, frozen=True, tag="observe"):
    """A person entered a value: crt (s), weight (kg), or a laboratory value. `at`: measured."""

    order: ClassVar[int] = 4
    subject: str
    kind: str
    value: float
    actor: str
    at: int | None = None
    reason: str | None = None


class Acknowledge(_Input, frozen=True, tag="ack"):
    """A person has seen an alert. `alert` is an alert_id or the name of an open alert."""

    order: ClassVar[int] = 4
    subject: str
    alert: str
    actor: str
    reason: str | None = None


class End(_Input, frozen=True, tag="end"):
    """The protocol ends for this patient: death, discharge, withdrawal, end of study."""

    order: ClassVar[int] = 4
    subject: str
    actor: str
    reason: str


class Tick(_Input, frozen=True, tag="tick"):
    """Whole minute `minute` (minutes since 1970, UTC) is over for judging."""

    order: ClassVar[int] = 5
    minute: int


Input = (
    Configured
    | Started
    | ClockStepped
    | LinkChanged
    | Data
    | Enrol
    | Observe
    | Acknowledge
    | End
    | Tick
)
Command = Enrol | Observe | Acknowledge | End


class _Decision(msgspec.Struct, frozen=True, tag_field="decision", omit_defaults=True):
    """A decision: what the rules made of the inputs."""


class Alert(_Decision, frozen=True, tag="alert"):
    """One transition of one alert. `event_id` is the same on every machine that judges again."""

    event_id: str
    alert_id: str
    subject: str
    bed: str
    name: str
    clause: str
    level: str
    transition: str
    reason: str
    condition_since: int
    raised_at: int
    at: int
    protocol: str
    version: str
    params_hash: str
    target: float | None = None
    values: dict[str, Any] = {}
    window: int | None = None
    coverage: float | None = None
    actor: str | None = None


class Phase(_Decision, frozen=True, tag="phase"):
    """A subject entered a phase; `window` is the start of the span that showed it."""

    subject: str
    phase: str
    at: int
    window: int | None = None


class Target(_Decision, frozen=True, tag="target"):
    """The MAP target (mmHg) changed."""

    subject: str
    target: float
    reason: str
    at: int
    previous: float | None = None


class Held(_Decision, frozen=True, tag="hold"):
    """A CRT entry did not move the target, and why."""

    subject: str
    reason: str
    at: int


class Logged(_Decision, frozen=True, tag="log"):
    """A fact worth a line in the record that alerts nobody."""

    name: str
    at: int
    subject: str | None = None
    detail: dict[str, Any] = {}


class Refused(_Decision, frozen=True, tag="refused"):
    """A command that could not be carried out, and why."""

    code: str
    reason: str


class Failure(_Decision, frozen=True, tag="failure"):
    """The core failed for this subject or bed: he is not judged until the next start."""

    where: str
    error: str


Decision = Alert | Phase | Target | Held | Logged | Refused | Failure
