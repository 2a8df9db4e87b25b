"""What all parts of a scenario file are made of: words, numbers, mappings, spans."""

import difflib
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Annotated, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    model_validator,
)

from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.protocol_file import ROLES, unknown


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


def check_role(name: str) -> str:
    """A role of the roster. Raises ValueError for another word, of which nobody is ever told."""
    if name not in ROLES:
        raise ValueError(unknown("role", name, ROLES))
    return name


Word = Annotated[str, BeforeValidator(_word), Field(min_length=1)]
Role = Annotated[str, AfterValidator(check_role)]
#: Limits that no patient or device passes, so that a slip does not make an endless rehearsal.
Minutes = Annotated[float, Field(ge=-200_000, le=200_000)]
Pressure = Annotated[float, Field(ge=-400, le=400)]
Rate = Annotated[float, Field(ge=0, le=10_000)]
Positive = Annotated[float, Field(gt=0, le=1_000_000)]
Parameter = Annotated[float | bool, PlainValidator(_parameter)]

_Item = TypeVar("_Item")
_Key = TypeVar("_Key", bound=str)
#: A list or a mapping that may be left out.
Listed = Annotated[list[_Item], Field(default_factory=list)]
Mapped = Annotated[dict[_Key, _Item], Field(default_factory=dict)]


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
