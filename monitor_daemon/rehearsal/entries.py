"""What people tell in a scenario, and when."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from monitor_daemon.core.people import VARIABLE
from monitor_daemon.rehearsal.parts import Minutes, Part, Positive, Pressure, Role, Word


class CrtEntry(Part):
    """A capillary refill time of `v` seconds, measured at `t`, entered at `entered`.

    With `correct` it is a correction, entered at `t`, of what was measured at `correct`.
    """

    t: Minutes
    v: float
    entered: Minutes | None = None
    by: Word | None = None
    correct: Minutes | None = None
    reason: Word | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.correct is not None:
            if self.entered is not None:
                raise ValueError("a correction is entered at t: leave out entered")
            if self.reason is None:
                raise ValueError("a correction needs a reason")
            if self.correct > self.t:
                raise ValueError(
                    f"t {self.t:g} is before correct {self.correct:g}, the measurement"
                )
        elif self.reason is not None:
            raise ValueError("reason belongs to a correction: give correct")
        if self.entered is not None and self.entered < self.t:
            raise ValueError(f"entered {self.entered:g} is before it was measured at {self.t:g}")
        return self


#: A laboratory value by its name in a scenario: kind in the core, and factors to the core's unit.
#: Lactate in mg/dL is divided by 9.01 (reference G1), creatinine has 113.12 g/mol, and 1 cmH2O is
#: 0.7356 mmHg.
_LABS: Final[dict[str, tuple[str, dict[str, float]]]] = {
    "lactate": ("lactate", {"mmol/L": 1.0, "mg/dL": 1 / 9.01}),
    "CI": ("cardiac_index", {"L/min/m2": 1.0, "L/min/m²": 1.0}),
    "Na": ("sodium", {"mmol/L": 1.0, "mEq/L": 1.0}),
    "CVP": ("cvp", {"mmHg": 1.0, "cmH2O": 0.73556}),
    "creatinine": ("creatinine", {"umol/L": 1.0, "µmol/L": 1.0, "mg/dL": 88.402}),
}


class Lab(Part):
    """A result of `kind`, measured at `t`, known from `available` on (default `t`)."""

    t: Minutes
    kind: Literal["lactate", "CI", "Na", "CVP", "creatinine"]
    v: float
    unit: Word | None = None
    available: Minutes | None = None

    @model_validator(mode="after")
    def _readable(self) -> Self:
        units = _LABS[self.kind][1]
        if self.unit is not None and self.unit not in units:
            raise ValueError(f"unit {self.unit!r}: {self.kind} is in {' or '.join(units)}")
        if self.available is not None and self.available < self.t:
            raise ValueError(f"available {self.available:g} is before t {self.t:g}")
        return self

    @property
    def converted(self) -> tuple[str, float]:
        """The core's name of the result, and its value in the core's unit."""
        kind, units = _LABS[self.kind]
        return kind, self.v if self.unit is None else self.v * units[self.unit]


class TargetRange(Part):
    """The physician's range in mmHg; the same one again confirms it."""

    t: Minutes
    lo: Pressure
    hi: Pressure
    var: VARIABLE = "MAP"


class WeightEntry(Part):
    """A corrected dosing weight."""

    t: Minutes
    kg: Positive
    reason: Word


class OverrideEntry(Part):
    """A physician's own target (mmHg) with its reason, or its end."""

    t: Minutes
    target: Pressure | None = None
    reason: Word | None = None
    lift: Literal[True] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.target is None) == (self.lift is None):
            raise ValueError("give either target and reason, or lift: true")
        return self


class Declaration(Part):
    """A physician declares the first target achieved."""

    t: Minutes
    reason: Word


class Exemption(Part):
    """The patient is exempted from a rule, or no longer."""

    t: Minutes
    rule: Word
    reason: Word | None = None
    lift: bool = False


class StopEntry(Part):
    """Why an infusion was stopped on purpose."""

    t: Minutes
    ch: Word | None = None
    reason: Word


class Ack(Part):
    """A person has seen an alert."""

    t: Minutes
    alert: Word
    by: Word | None = None
    reason: Word | None = None


class SnoozeEntry(Part):
    """An alert is to be silent for some minutes."""

    t: Minutes
    alert: Word
    minutes: Annotated[float, Field(gt=0, le=10_000)]
    reason: Word = "asked for silence"


class Association(Part):
    """The patient belongs to the devices of `bed`, or to none; said at `t`, true since `from`."""

    t: Minutes
    bed: Word | None
    from_: Minutes | None = Field(None, alias="from")

    @property
    def since(self) -> float:
        """When it takes effect."""
        return self.t if self.from_ is None else self.from_

    @model_validator(mode="after")
    def _not_ahead(self) -> Self:
        if self.since > self.t:
            raise ValueError(f"from {self.since:g} is later than t {self.t:g}")
        return self


class Handover(Part):
    """The shift of these roles of the roster changes."""

    t: Minutes
    roles: Annotated[list[Role], Field(min_length=1)]


class Version(Part):
    """A version of the protocol that comes into force at `t`."""

    t: Minutes
    version: Word
