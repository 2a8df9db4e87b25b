"""What may stand in a play file, and how a dose becomes a rate."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from drivers.kit.recording import plain_unit


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class TrackSpec(_Model):
    """One track as written."""

    file: Path | None = None
    signal: str | None = None
    from_s: float = 0.0
    order_id: str | int | tuple[str | int, ...] | None = None
    sum: bool = False
    merge: bool = False
    steps: Annotated[tuple[tuple[float, float | None], ...], Field(min_length=1)] | None = None
    constant: float | None = None
    parent: str | None = Field(default=None, alias="from")
    add: float = 0.0
    scale: float = 1.0
    offset: float = 0.0

    @model_validator(mode="after")
    def _one_kind(self) -> "TrackSpec":
        kinds = [self.file, self.steps, self.constant, self.parent]
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("give exactly one of file, steps, constant, from")
        if (self.file is None) != (self.signal is None):
            raise ValueError("file and signal belong together")
        if (self.order_id is not None) + self.sum + self.merge > 1:
            raise ValueError("give at most one of order_id, sum, merge")
        if self.steps and [step[0] for step in self.steps] != sorted(s[0] for s in self.steps):
            raise ValueError("the minutes of steps must ascend")
        return self

    @property
    def orders(self) -> set[str] | Literal["sum", "merge"] | None:
        """Which infusion orders of the recording, None if that is left open."""
        if self.sum:
            return "sum"
        if self.merge:
            return "merge"
        if self.order_id is None:
            return None
        several = self.order_id if isinstance(self.order_id, tuple) else (self.order_id,)
        return {str(order) for order in several}


class PumpSpec(_Model):
    """One infusion channel as written."""

    channel: str
    drug: str
    concentration: Annotated[float, Field(gt=0)] | None = None
    concentration_unit: str | None = None
    weight_kg: Annotated[float, Field(gt=0)] | None = None
    rate: TrackSpec | None = None
    dose: TrackSpec | None = None
    dose_unit: str | None = None

    @model_validator(mode="after")
    def _rate_or_dose(self) -> "PumpSpec":
        if (self.rate is None) == (self.dose is None):
            raise ValueError("give exactly one of rate (mL/h) and dose")
        if (self.dose is None) != (self.dose_unit is None):
            raise ValueError("dose and dose_unit belong together")
        if (self.concentration is None) != (self.concentration_unit is None):
            raise ValueError("concentration and concentration_unit belong together")
        return self


class BedSpec(_Model):
    """One bed as written."""

    bed: str
    signals: Mapping[str, TrackSpec] = Field(default_factory=dict)
    pumps: tuple[PumpSpec, ...] = ()


class PlaySpec(_Model):
    """A whole play file as written."""

    title: str
    note: str = ""
    beds: tuple[BedSpec, ...] = Field(min_length=1)


#: Micrograms, or units of activity, in one of each.
_AMOUNTS = {
    "ng": ("mass", 1e-3),
    "ug": ("mass", 1.0),
    "mg": ("mass", 1e3),
    "g": ("mass", 1e6),
    "mU": ("activity", 1e-3),
    "U": ("activity", 1.0),
}
_DOSE_UNIT = re.compile(r"(?P<amount>ng|ug|mg|g|mU|U)(?P<kg>/kg)?/(?P<time>min|h)")
_CONCENTRATION_UNIT = re.compile(r"(?P<amount>ng|ug|mg|g|mU|U)/mL")


def ml_per_hour(dose_unit: str, pump: PumpSpec) -> float:
    """mL/h for one `dose_unit` in this syringe. Raises ValueError saying what is wrong."""
    dose = _DOSE_UNIT.fullmatch(plain_unit(dose_unit))
    if dose is None:
        raise ValueError(f"{dose_unit!r}: expected e.g. ug/kg/min, mg/h, U/min")
    concentration = _CONCENTRATION_UNIT.fullmatch(plain_unit(pump.concentration_unit or ""))
    if pump.concentration is None or concentration is None:
        raise ValueError("a dose needs concentration and concentration_unit, e.g. 40 and ug/mL")
    kind, amount = _AMOUNTS[dose["amount"]]
    other_kind, per_ml = _AMOUNTS[concentration["amount"]]
    if kind != other_kind:
        raise ValueError(f"{dose_unit} cannot be given from {pump.concentration_unit}")
    weight = 1.0
    if dose["kg"]:
        if pump.weight_kg is None:
            raise ValueError(f"{dose_unit} needs weight_kg")
        weight = pump.weight_kg
    per_hour = 60.0 if dose["time"] == "min" else 1.0
    return amount * weight * per_hour / (pump.concentration * per_ml)
