"""What people tell the core: commands, each with the one who gave it (`actor`).

Like all inputs they are rows of the journal. Free text is screened before it gets here where a
protocol is blinded. Times are integer milliseconds of engine time (UTC), None is now.
"""

from typing import ClassVar, Literal

import msgspec

from monitor_daemon.core.events import (
    ClockStepped,
    Configured,
    Data,
    Given,
    HandOver,
    LinkChanged,
    Moved,
    Started,
    Tick,
)

#: Why a deviation happened (reference section 6.2).
CAUSES = Literal[
    "CLIN", "CONTRA", "PROC", "DELAY", "UNAWARE", "ERR", "SUPPLY", "TECH", "EOL", "OTHER"
]
#: What a physician's pressure range is about: MAP, or mean perfusion pressure (MAP minus CVP).
VARIABLE = Literal["MAP", "MPP"]


class Screen(Given, frozen=True, tag="screen"):
    """Look whether a patient may be included. `age` in whole years, `admitted` to the ICU.

    `patient` is the token of his hospital id, by which ADT events find him.
    """

    order: ClassVar[int] = 1
    subject: str
    bed: str
    protocol: str
    actor: str
    weight_kg: float | None = None
    version: str | None = None
    age: int | None = None
    admitted: bool | None = None
    patient: str | None = None


class Enrol(Given, frozen=True, tag="enrol"):
    """A patient was randomised. `version` pins a protocol version, default the newest one.

    `arm` may be empty if the protocol has only one. `age` in whole years at randomisation.
    `day_zero` is the start and `days` are the ends of D0, D1, ... in the site's zone.
    """

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
    overrides: dict[str, float | bool] = msgspec.field(default_factory=dict)
    age: int | None = None
    admitted: bool | None = None
    day_zero: int | None = None
    days: tuple[int, ...] = ()
    patient: str | None = None


class Randomise(Given, frozen=True, tag="randomise"):
    """A patient under screening was randomised; what is None stays as it was screened."""

    order: ClassVar[int] = 1
    subject: str
    actor: str
    arm: str = ""
    randomised: int | None = None
    version: str | None = None
    weight_kg: float | None = None
    floor: float | None = None
    overrides: dict[str, float | bool] = msgspec.field(default_factory=dict)
    age: int | None = None
    admitted: bool | None = None
    day_zero: int | None = None
    days: tuple[int, ...] = ()


class Associate(Given, frozen=True, tag="associate"):
    """A patient is connected to the devices of `bed` (None: of no bed) since `since`.

    `reopen`: the discharge that ended his protocol was cancelled.
    """

    order: ClassVar[int] = 1
    subject: str
    bed: str | None
    actor: str
    since: int | None = None
    reason: str | None = None
    reopen: bool = False


class Observe(Given, frozen=True, tag="observe"):
    """A person entered a value: crt (s), weight (kg), or a laboratory value. `at`: measured."""

    order: ClassVar[int] = 4
    subject: str
    kind: str
    value: float
    actor: str
    at: int | None = None
    reason: str | None = None


class Correct(Given, frozen=True, tag="correct"):
    """The value measured at `at` was entered wrongly; it was `value`."""

    order: ClassVar[int] = 4
    subject: str
    kind: str
    at: int
    value: float
    actor: str
    reason: str


class Range(Given, frozen=True, tag="range"):
    """The physician's pressure range (mmHg); the same one again confirms it."""

    order: ClassVar[int] = 1
    subject: str
    low: float
    high: float
    actor: str
    variable: VARIABLE = "MAP"


class Override(Given, frozen=True, tag="override"):
    """A physician sets another MAP target (mmHg); None lifts it."""

    order: ClassVar[int] = 4
    subject: str
    target: float | None
    actor: str
    reason: str | None = None


class Achieved(Given, frozen=True, tag="achieved"):
    """A physician declares the first target achieved."""

    order: ClassVar[int] = 3
    subject: str
    actor: str
    reason: str


class Exempt(Given, frozen=True, tag="exempt"):
    """A patient is exempted from a rule, for a reason; `lift` ends it."""

    order: ClassVar[int] = 4
    subject: str
    rule: str
    actor: str
    reason: str | None = None
    lift: bool = False


class StopReason(Given, frozen=True, tag="stop_reason"):
    """Why the study infusion was stopped on purpose."""

    order: ClassVar[int] = 1
    subject: str
    actor: str
    reason: str
    channel: str | None = None


class Acknowledge(Given, frozen=True, tag="ack"):
    """A person has seen an alert. `alert` is an alert_id or the name of an open alert."""

    order: ClassVar[int] = 4
    subject: str
    alert: str
    actor: str
    reason: str | None = None


class Snooze(Given, frozen=True, tag="snooze"):
    """An alert keeps quiet for some minutes, for a reason."""

    order: ClassVar[int] = 4
    subject: str
    alert: str
    minutes: float
    actor: str
    reason: str


class Code(Given, frozen=True, tag="code"):
    """The cause of a deviation, as a person judges it. `alert` is an alert_id or a name."""

    order: ClassVar[int] = 4
    subject: str
    alert: str
    cause: CAUSES
    actor: str
    text: str | None = None
    action: str | None = None


class Void(Given, frozen=True, tag="void"):
    """An alert was wrong. It stays in the record, voided."""

    order: ClassVar[int] = 4
    subject: str
    alert: str
    actor: str
    reason: str


class Unblinding(Given, frozen=True, tag="unblinding"):
    """Somebody was unblinded elsewhere: who, when, why, who was told. Never the result."""

    order: ClassVar[int] = 4
    subject: str
    actor: str
    reason: str
    told: str
    at: int | None = None


class SignDay(Given, frozen=True, tag="sign_day"):
    """The record of trial day `day` (D0 is 0) is complete."""

    order: ClassVar[int] = 4
    subject: str
    day: int
    actor: str


class End(Given, frozen=True, tag="end"):
    """The protocol ends for this patient, who leaves his devices.

    `outcome` tells the outcomes what happened; `at` when, if not now.
    """

    order: ClassVar[int] = 4
    subject: str
    actor: str
    reason: str
    outcome: Literal["death", "discharge", "withdrawal", "other"] = "other"
    at: int | None = None


#: Commands about a patient who is known already, in the order in which they are carried out.
Word = (
    Achieved
    | Acknowledge
    | Associate
    | Code
    | Correct
    | End
    | Exempt
    | Observe
    | Override
    | Randomise
    | Range
    | SignDay
    | Snooze
    | StopReason
    | Unblinding
    | Void
)
Command = Screen | Enrol | Word
Input = Configured | Started | ClockStepped | LinkChanged | Data | Moved | HandOver | Tick | Command
