"""What a scenario file may say: the typed form of `docs/reference/scenarios.md`.

Times are minutes from scenario zero, intervals are half-open, pressures mmHg, rates mL/h.
"""

import difflib
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    model_validator,
)

from monitor_daemon.core.drugs import SALT_FACTORS
from monitor_daemon.core.errors import ConfigError

#: Two factors of one salt that differ by less are the same factor, printed differently.
_SAME: Final = 0.01
_SALTS: Final = {
    **{name: float(factor) for name, factor in SALT_FACTORS.items()},
    "tartrate": float(SALT_FACTORS["bitartrate"]),
}


class ScenarioError(ConfigError):
    """A document that is no scenario. `problems` are sentences that name key, value and remedy."""

    code = "SCENARIO"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


def _word(value: object) -> object:
    """Text; YAML reads a channel called 1 as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _parameter(value: object) -> float | bool:
    if isinstance(value, bool | int | float) and isfinite(value):
        return value
    raise ValueError("should be a finite number, true or false")


Word = Annotated[str, BeforeValidator(_word), Field(min_length=1)]
#: Limits that no patient or device passes, so that a slip does not make an endless rehearsal.
Minutes = Annotated[float, Field(ge=-200_000, le=200_000)]
Pressure = Annotated[float, Field(ge=-400, le=400)]
Rate = Annotated[float, Field(ge=0, le=10_000)]
Positive = Annotated[float, Field(gt=0, le=1_000_000)]
Parameter = Annotated[float | bool, PlainValidator(_parameter)]
MassOrUnits = Literal["ng/mL", "ug/mL", "mg/mL", "g/mL", "mU/mL", "U/mL", "kU/mL"]
MinuteClass = Literal["IN", "LOW", "HIGH", "TITRATING", "OFF", "UNKNOWN"]


class Part(BaseModel):
    """A mapping of a scenario. A key that it does not know is an error."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            raise ValueError("should be a mapping")  # noqa: TRY004 - pydantic wants ValueError
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in given:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(known)}"
                raise ValueError(f"unknown key {key!r}; {hint}")
        return given


class Span(Part):
    """A half-open interval."""

    from_: Minutes = Field(alias="from")
    to: Minutes

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.from_ >= self.to:
            raise ValueError(f"from {self.from_:g} must be earlier than to {self.to:g}")
        return self


class Segment(Span):
    """Arterial pressure over a while. A `flag` is a state in which the monitor has no pressure."""

    value: Pressure | None = None
    pattern: Annotated[list[Pressure], Field(min_length=1)] | None = None
    ramp: Annotated[list[Pressure], Field(min_length=2, max_length=2)] | None = None
    none: Literal[True] | None = None
    sys: Pressure | None = None
    dia: Pressure | None = None
    flag: Literal["zeroing", "lead_off", "static"] | None = None

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        shapes = [self.value, self.pattern, self.ramp, self.none]
        given = sum(shape is not None for shape in shapes)
        if given > 1 or (given == 0 and self.flag is None):
            raise ValueError("give exactly one of value, pattern, ramp, none (a flag may do alone)")
        if self.none and (self.sys, self.dia, self.flag) != (None, None, None):
            raise ValueError("none means no sample: sys, dia and flag have no place beside it")
        if (self.sys is None) != (self.dia is None):
            raise ValueError("give sys and dia together")
        return self


class PumpEvent(Part):
    """What a pump is set to from `t` on. `conc` counts base; the label keys only describe it."""

    t: Minutes
    ch: Word | None = None
    rate: Rate
    conc: Positive | None = None
    unit: MassOrUnits | None = None
    drug: Word | None = None
    salt: Word | None = None
    factor: Annotated[float, Field(gt=0, le=1)] | None = None
    conc_salt: Positive | None = None
    dose: float | None = None
    dose_unit: Word | None = None
    weight_kg: Positive | None = None

    @model_validator(mode="after")
    def _label_agrees(self) -> Self:
        if self.unit is not None and self.conc is None:
            raise ValueError("unit is that of conc: give conc")
        if (self.dose is None) != (self.dose_unit is None):
            raise ValueError("give dose and dose_unit together")
        molar = None if self.salt is None else _SALTS.get(self.salt)
        factor = molar if self.factor is None else self.factor
        if factor is None and (self.salt or self.conc_salt) is not None:
            raise ValueError(f"give factor, or as salt one of {', '.join(_SALTS)}")
        if molar and factor and abs(factor / molar - 1) > _SAME:
            raise ValueError(f"factor {factor:g} is not that of {self.salt} ({molar:g})")
        if factor is not None and self.conc_salt is not None:
            if self.conc is None:
                raise ValueError("conc_salt only describes the label: give conc, which counts base")
            base = self.conc_salt * factor
            if abs(base / self.conc - 1) > _SAME:
                label = f"conc_salt {self.conc_salt:g} x {factor:g} = {base:g}"
                raise ValueError(f"conc {self.conc:g} is not {label}")
        return self


class CrtEntry(Part):
    """A capillary refill time of `v` seconds, measured at `t`, entered at `entered`."""

    t: Minutes
    v: float
    entered: Minutes | None = None
    by: Word | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.entered is not None and self.entered < self.t:
            raise ValueError(f"entered {self.entered:g} is before it was measured at {self.t:g}")
        return self


class WeightEntry(Part):
    """A corrected dosing weight."""

    t: Minutes
    kg: Positive
    reason: Word


class Ack(Part):
    """A person has seen an alert."""

    t: Minutes
    alert: Word
    by: Word | None = None
    reason: Word | None = None


class Silence(Span):
    """Nothing comes from the pump channel `ch`, or from any."""

    ch: Word | None = None


class Version(Part):
    """A version of the protocol that comes into force at `t`."""

    t: Minutes
    version: Word


class ScenarioClock(Part):
    """The wall clock at scenario zero: ISO 8601, local to `zone` if it has no offset."""

    zero: Word | None = None
    zone: Word | None = None


class Expected(Part):
    """One line of `expect`."""

    t: Minutes
    raise_: Word | None = Field(None, alias="raise")
    clear: Word | None = None
    phase: Literal["PRE", "RESUS", "ACTIVE", "ENDED"] | None = None
    target: float | None = None
    hold: Word | None = None
    log: Word | None = None
    dose: float | None = None
    reason: Word | None = None

    @model_validator(mode="after")
    def _one_item(self) -> Self:
        if len(self._given()) != 1:
            raise ValueError("give exactly one of raise, clear, phase, target, hold, log, dose")
        if self.reason is not None and self.kind not in {"raise", "clear", "target"}:
            raise ValueError("reason belongs to raise, clear or target")
        return self

    def _given(self) -> dict[str, str | float]:
        given = self.model_dump(by_alias=True, exclude={"t", "reason"}, exclude_none=True)
        return dict(given)

    @property
    def kind(self) -> str:
        """What is expected: raise, clear, phase, target, hold, log or dose."""
        return next(iter(self._given()))

    @property
    def value(self) -> str | float:
        """The name or number expected."""
        return self._given()[self.kind]


class Scenario(Part):
    """One document."""

    id: Word
    title: str = ""
    trial: Word
    arm: Word
    weight_kg: Positive
    params: dict[str, Parameter] = {}
    versions: list[Version] = []
    start: Minutes = 0.0
    end: Minutes
    randomised: Minutes = 0.0
    clock: ScenarioClock = ScenarioClock()
    map_rate: Literal["1/min", "1/s"] = "1/min"
    map: list[Segment] = []
    ne: list[PumpEvent] = []
    vp: list[PumpEvent] = []
    inotrope: list[PumpEvent] = []
    other: list[PumpEvent] = []
    crt: list[CrtEntry] = []
    weight: list[WeightEntry] = []
    ack: list[Ack] = []
    death: Minutes | None = None
    discharge: Minutes | None = None
    pump_silent: list[Silence] = []
    expect: list[Expected] = []
    forbid: list[Word] = []
    minutes: dict[MinuteClass, Annotated[float, Field(ge=0)]] = {}

    @model_validator(mode="after")
    def _times_agree(self) -> Self:
        if not max(self.start, self.randomised) < self.end:
            raise ValueError(
                f"end {self.end:g} must be later than start {self.start:g}"
                f" and randomised {self.randomised:g}"
            )
        for line in self.expect:
            if not self.start <= line.t <= self.end:
                raise ValueError(
                    f"expect {line.kind} {line.value} at {line.t:g}: only"
                    f" {self.start:g} to {self.end:g} is judged"
                )
        return self

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        raised = {line.value for line in self.expect if line.kind == "raise"}
        if both := raised.intersection(self.forbid):
            raise ValueError(f"{min(map(str, both))} is both expected and forbidden")
        return self
