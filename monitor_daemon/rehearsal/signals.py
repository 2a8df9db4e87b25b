"""What the devices of a scenario are set to, and what goes wrong with them.

Pressures in mmHg, rates in mL/h.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from monitor_daemon.core.drugs import SALT_FACTORS
from monitor_daemon.rehearsal.parts import Minutes, Part, Positive, Pressure, Rate, Span, Word

#: Two factors of one salt that differ by less are the same factor, printed differently.
_SAME: Final = 0.01
_SALTS: Final = {name: float(factor) for name, factor in SALT_FACTORS.items()}

MassOrUnits = Literal["ng/mL", "ug/mL", "mg/mL", "g/mL", "mU/mL", "U/mL", "kU/mL"]


class Segment(Span):
    """Arterial pressure over a while. A `flag` is a state in which the monitor has no pressure.

    `bed`: of the monitor that measures it, by default the patient's first bed.
    """

    value: Pressure | None = None
    pattern: Annotated[list[Pressure], Field(min_length=1)] | None = None
    ramp: Annotated[list[Pressure], Field(min_length=2, max_length=2)] | None = None
    none: Literal[True] | None = None
    sys: Pressure | None = None
    dia: Pressure | None = None
    flag: Literal["zeroing", "lead_off", "static"] | None = None
    bed: Word | None = None

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
        molar = None if self.salt is None else _SALTS.get(_salt(self.salt))
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


def _salt(words: str) -> str:
    """A salt's name as the drug file spells it."""
    return words.strip().lower().replace(" ", "_").replace("-", "_")


class Silence(Span):
    """Nothing comes from the pump channel `ch`, or from any."""

    ch: Word | None = None


class DeviceClock(Span):
    """The clock of the monitor, or of the pump channel `ch`, is `offset` minutes ahead of ours."""

    offset: Annotated[float, Field(ge=-1_000_000, le=1_000_000)]
    ch: Word | None = None


class Buffered(Span):
    """What the monitor, or the pump channel `ch`, measures meanwhile arrives only at `deliver`.

    `marked`: the gateway says that it repeats.
    """

    deliver: Minutes
    marked: bool = False
    ch: Word | None = None

    @model_validator(mode="after")
    def _afterwards(self) -> Self:
        if self.deliver < self.to:
            raise ValueError(f"deliver {self.deliver:g} must not be earlier than to {self.to:g}")
        return self


class Outage(Span):
    """The daemon is down. Devices repeat at its end what they could not send, unless it is lost."""

    lost: bool = False
