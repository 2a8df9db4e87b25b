"""What a scenario expects: lines of `expect`, outcomes, days."""

from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from monitor_daemon.core.protocol_file import unknown
from monitor_daemon.core.response import Reason
from monitor_daemon.rehearsal.parts import Minutes, Part, Word, check_role

#: The verdicts of screening as people write them.
_VERDICTS: Final = {
    "eligible": "eligible",
    "yes": "eligible",
    "true": "eligible",
    "excluded": "excluded",
    "not eligible": "excluded",
    "no": "excluded",
    "false": "excluded",
    "unknown": "unknown",
    "cannot verify": "unknown",
}
#: What may be expected, in the order in which it is explained.
KINDS: Final = (
    "raise", "clear", "void", "retro", "push", "no_push", "phase", "target", "hold", "log",
    "dose", "eligible",
)  # fmt: skip
_WITH_REASON: Final = ("raise", "clear", "void", "push", "target", "eligible")

MinuteClass = Literal["IN", "LOW", "HIGH", "TITRATING", "OFF", "UNKNOWN"]
OutcomeName = Literal[
    "catecholamine_free_days",
    "after_last_liberation",
    "alive_and_free",
    "catecholamine_free_days_without_dobutamine",
    "after_last_liberation_without_dobutamine",
    "alive_and_free_without_dobutamine",
    "vasopressor_days",
    "lactate_clearance",
]
OutcomeValue = Annotated[float, Field()] | Literal["missing"]


def _verdict(value: object) -> object:
    found = _VERDICTS.get(str(value).lower().replace("_", " "))
    if found is None:
        raise ValueError(f"should be one of {', '.join(_VERDICTS)}")
    return found


def _day(value: object) -> object:
    """The number of a day: 1 or D1."""
    text = value.removeprefix("D") if isinstance(value, str) else None
    return int(text) if text is not None and text.isdecimal() and len(text) < 4 else value


class Expected(Part):
    """One line of `expect`."""

    t: Minutes
    raise_: Word | None = Field(None, alias="raise")
    clear: Word | None = None
    void: Word | None = None
    retro: Word | None = None
    push: Word | None = None
    no_push: Word | None = None
    phase: Literal["PRE", "RESUS", "ACTIVE", "ENDED"] | None = None
    target: float | None = None
    hold: Word | None = None
    log: Word | None = None
    dose: float | Literal["unknown"] | None = None
    eligible: Annotated[str, BeforeValidator(_verdict)] | None = None
    reason: Word | None = None
    to: float | str | None = None
    notified: bool | None = None
    ch: Word | None = None

    @model_validator(mode="after")
    def _one_item(self) -> Self:
        if len(self._given()) != 1:
            raise ValueError(f"give exactly one of {', '.join(KINDS)}")
        if self.reason is not None and self.kind not in _WITH_REASON:
            raise ValueError(
                f"reason belongs to {', '.join(k for k in KINDS if k in _WITH_REASON)}"
            )
        if self.ch is not None and self.kind != "dose":
            raise ValueError("ch belongs to dose")
        if self.notified is not None and self.kind != "retro":
            raise ValueError("notified belongs to retro")
        wanted = {"push": str, "retro": float}.get(self.kind)
        if self.to is not None and not (wanted and isinstance(self.to, wanted)):
            raise ValueError("to belongs to push (a role) or to retro (its end in minutes)")
        if isinstance(self.to, str):
            check_role(self.to)
        if self.kind == "push" and self.reason not in {None, *Reason}:
            raise ValueError(unknown("reason of a push", self.reason, Reason))
        return self

    def _given(self) -> dict[str, str | float]:
        given = self.model_dump(by_alias=True, include={*KINDS, "raise_"}, exclude_none=True)
        return dict(given)

    @property
    def kind(self) -> str:
        """What is expected: one of `KINDS`."""
        return next(iter(self._given()))

    @property
    def value(self) -> str | float:
        """The name or number expected."""
        return self._given()[self.kind]


class Day(Part):
    """Trial day `day` (D0 is that of randomisation) has `hours` hours."""

    day: Annotated[int, BeforeValidator(_day), Field(ge=0, le=7)]
    hours: Annotated[float, Field(gt=0, le=30)]
