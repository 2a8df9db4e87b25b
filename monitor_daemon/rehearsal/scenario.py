"""What a scenario file may say: the typed form of `docs/reference/scenarios.md`.

Times are minutes from scenario zero, intervals are half-open, pressures mmHg, rates mL/h.
"""

from datetime import UTC, date, datetime, tzinfo
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from monitor_daemon.core.events import SECOND
from monitor_daemon.rehearsal.entries import (
    Ack,
    Association,
    CrtEntry,
    Declaration,
    Exemption,
    Handover,
    Lab,
    OverrideEntry,
    SnoozeEntry,
    StopEntry,
    TargetRange,
    Version,
    WeightEntry,
)
from monitor_daemon.rehearsal.expected import Day, Expected, MinuteClass, OutcomeName, OutcomeValue
from monitor_daemon.rehearsal.parts import (
    Listed,
    Mapped,
    Minutes,
    Parameter,
    Part,
    Positive,
    Word,
)
from monitor_daemon.rehearsal.signals import (
    Buffered,
    DeviceClock,
    Outage,
    PumpEvent,
    Segment,
    Silence,
)


def _date(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("should be an ISO 8601 date such as 1958-04-30") from None


class ScenarioClock(Part):
    """The wall clock at scenario zero: ISO 8601, local to `zone` if it has no offset."""

    zero: Word | None = None
    zone: Word | None = None

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if self.zone is not None:
            try:
                ZoneInfo(self.zone)
            except (ValueError, OSError, KeyError):
                raise ValueError(
                    f"zone = {self.zone!r}: should be an IANA name such as Asia/Tokyo"
                ) from None
        where = f"zero = {self.zero!r}"
        try:
            zero = self._moment()
        except ValueError:
            raise ValueError(f"{where}: should be ISO 8601 such as 2026-03-29T01:00:00Z") from None
        if zero.tzinfo is None:
            raise ValueError(f"{where}: give an offset such as +01:00, or zone")
        if zero.second or zero.microsecond:
            raise ValueError(f"{where}: should be a whole minute")
        return self

    def _moment(self) -> datetime:
        if self.zero is None:
            return datetime(2026, 1, 1, tzinfo=UTC)
        zero = datetime.fromisoformat(self.zero)
        if zero.tzinfo is None and self.zone is not None:
            return zero.replace(tzinfo=ZoneInfo(self.zone))
        return zero

    @property
    def engine_zero(self) -> int:
        """Scenario zero in ms of engine time."""
        return round(self._moment().timestamp()) * SECOND

    @property
    def local(self) -> tzinfo:
        """The zone in which days and ages are counted: `zone`, else the offset of `zero`."""
        return ZoneInfo(self.zone) if self.zone is not None else self._moment().tzinfo or UTC


class Scenario(Part):
    """One document. `randomised` None: as the trial has it, see `timeline`."""

    id: Word
    title: str = ""
    trial: Word
    arm: Word | None = None
    weight_kg: Positive
    params: Mapped[str, Parameter]
    versions: Listed[Version]
    start: Minutes = 0.0
    end: Minutes
    randomised: Minutes | None = None
    clock: ScenarioClock = ScenarioClock()
    birth_date: Annotated[date, BeforeValidator(_date)] | None = None
    map_rate: Literal["1/min", "1/s"] = "1/min"
    map: Listed[Segment]
    ne: Listed[PumpEvent]
    vp: Listed[PumpEvent]
    inotrope: Listed[PumpEvent]
    sd: Listed[PumpEvent]
    other: Listed[PumpEvent]
    crt: Listed[CrtEntry]
    labs: Listed[Lab]
    target: Listed[TargetRange]
    weight: Listed[WeightEntry]
    override: Listed[OverrideEntry]
    achieved: Listed[Declaration]
    exempt: Listed[Exemption]
    stop_reason: Listed[StopEntry]
    ack: Listed[Ack]
    snooze: Listed[SnoozeEntry]
    associate: Listed[Association]
    handover: Listed[Handover]
    death: Minutes | None = None
    discharge: Minutes | None = None
    device_clock: Listed[DeviceClock]
    buffered: Listed[Buffered]
    outage: Listed[Outage]
    pump_silent: Listed[Silence]
    expect: Listed[Expected]
    outcomes: Mapped[OutcomeName, OutcomeValue]
    days: Listed[Day]
    forbid: Listed[Word]
    minutes: Mapped[MinuteClass, Annotated[float, Field(ge=0)]]

    @model_validator(mode="after")
    def _times_agree(self) -> Self:
        if not max(self.start, self.randomised or self.start) < self.end:
            randomised = "" if self.randomised is None else f" and randomised {self.randomised:g}"
            raise ValueError(
                f"end {self.end:g} must be later than start {self.start:g}{randomised}"
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

    @property
    def first_stay(self) -> Association | None:
        """The association that only says where the patient lies from the beginning.

        It is the first one, if it begins no later than he is judged and nothing was measured
        elsewhere before it.
        """
        told = [entry for entry in self.associate if entry.bed is not None]
        first = min(told, key=lambda entry: entry.since, default=None)
        if first is None or first.since > max(self.start, self.randomised or 0.0):
            return None
        beds = {segment.bed for segment in self.map}
        here = {first.bed} if first.bed in beds else {None}
        before = {segment.bed for segment in self.map if segment.from_ < first.since}
        return first if before <= here else None

    @property
    def first_bed(self) -> str:
        """The bed in which the patient lies at the beginning."""
        stay = self.first_stay
        return "BED" if stay is None or stay.bed is None else stay.bed
