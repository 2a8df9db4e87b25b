"""What a person may ask, as typed messages; JSON on the wire, one object a line.

Each request knows the core's command that carries it out. A birth date goes no further than here:
the core is given the age in whole years.
"""

from datetime import date, tzinfo
from typing import Any, Final, Literal

import msgspec

from monitor_daemon.calendar import TRIAL_DAYS, age, day_ends, day_start
from monitor_daemon.control.asked import Asked, converted, instant
from monitor_daemon.core import people
from monitor_daemon.core.errors import CommandError

OLDEST: Final = 130


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="command"):
    """A request. `actor` is who asks; the door adds how he came in."""

    actor: str = ""
    request_id: str = ""


class StatusRequest(_Request, frozen=True, tag="status"):
    """How everything stands."""


class Order(_Request, frozen=True, kw_only=True):
    """A request about one patient, by his trial pseudonym, that changes something."""

    subject: str

    def command(self, asked: Asked) -> people.Command:
        """The core's command for it. Raises CommandError."""
        return self._command(asked)

    def _command(self, asked: Asked) -> people.Command:
        raise NotImplementedError


class _Admission(Order, frozen=True, kw_only=True):
    """What eligibility asks of the person: one of `age` (whole years) and `birth_date`."""

    birth_date: date | None = None
    age: int | None = None
    admitted: bool | None = None

    def _years(self, at: int, zone: tzinfo) -> int | None:
        """Age in whole years at `at` (ms); the birth date itself is repeated nowhere."""
        if self.birth_date is not None and self.age is not None:
            raise CommandError("give birth_date or age, not both", code="BAD_REQUEST")
        years = self.age if self.birth_date is None else age(self.birth_date, at, zone)
        if years is not None and not 0 <= years <= OLDEST:
            raise CommandError(f"age: expected 0 to {OLDEST} years", code="BAD_VALUE")
        return years


class ScreenRequest(_Admission, frozen=True, tag="screen", kw_only=True):
    """Look from now on whether a patient may be included.

    `patient` is his hospital id; the handler puts a token in its place.
    """

    bed: str
    protocol: str
    weight_kg: float | None = None
    version: str | None = None
    patient: str | None = None

    def _command(self, asked: Asked) -> people.Screen:
        return people.Screen(
            subject=self.subject,
            bed=self.bed,
            protocol=self.protocol,
            actor=asked.actor,
            weight_kg=self.weight_kg,
            version=self.version,
            age=self._years(asked.now, asked.zone),
            admitted=self.admitted,
            patient=self.patient,
        )


class EnrolRequest(_Admission, frozen=True, tag="enrol", kw_only=True):
    """Enrol a randomised patient. `arm` may be empty if there is only one.

    `patient` is his hospital id; the handler puts a token in its place.
    """

    bed: str
    protocol: str
    weight_kg: float
    arm: str = ""
    randomised: str | None = None
    version: str | None = None
    floor: float | None = None
    patient: str | None = None

    def _command(self, asked: Asked) -> people.Enrol:
        randomised = asked.time(self.randomised)
        at = asked.now if randomised is None else randomised
        return people.Enrol(
            subject=self.subject,
            bed=self.bed,
            protocol=self.protocol,
            arm=self.arm,
            weight_kg=self.weight_kg,
            actor=asked.actor,
            randomised=randomised,
            version=self.version,
            floor=self.floor,
            age=self._years(at, asked.zone),
            admitted=self.admitted,
            day_zero=day_start(at, asked.zone),
            days=day_ends(at, asked.zone, TRIAL_DAYS),
            patient=self.patient,
        )


class RandomiseRequest(_Admission, frozen=True, tag="randomise", kw_only=True):
    """A patient under screening was randomised; what is not given stays as it was screened."""

    arm: str = ""
    randomised: str | None = None
    version: str | None = None
    weight_kg: float | None = None
    floor: float | None = None

    def _command(self, asked: Asked) -> people.Randomise:
        randomised = asked.time(self.randomised)
        at = asked.now if randomised is None else randomised
        return people.Randomise(
            subject=self.subject,
            actor=asked.actor,
            arm=self.arm,
            randomised=randomised,
            version=self.version,
            weight_kg=self.weight_kg,
            floor=self.floor,
            age=self._years(at, asked.zone),
            admitted=self.admitted,
            day_zero=day_start(at, asked.zone),
            days=day_ends(at, asked.zone, TRIAL_DAYS),
        )


class AssociateRequest(Order, frozen=True, tag="associate", kw_only=True):
    """The patient is connected to the devices of `bed`, or (null) of none, since `since`."""

    bed: str | None
    since: str | None = None
    reason: str | None = None

    def _command(self, asked: Asked) -> people.Associate:
        since = asked.time(self.since)
        return people.Associate(self.subject, self.bed, asked.actor, since, self.reason)


class ObserveRequest(Order, frozen=True, tag="observe", kw_only=True):
    """Enter a value. `at`: when it was measured, ISO 8601 or minutes ago as "-5", default now."""

    kind: str
    value: float
    unit: str | None = None
    at: str | None = None
    reason: str | None = None

    def _command(self, asked: Asked) -> people.Observe:
        value = converted(self.kind, self.value, self.unit)
        at = asked.time(self.at)
        return people.Observe(self.subject, self.kind, value, asked.actor, at, self.reason)


class CorrectRequest(Order, frozen=True, tag="correct", kw_only=True):
    """The value measured at `at` was entered wrongly; it was `value`."""

    kind: str
    at: str
    value: float
    reason: str
    unit: str | None = None

    def _command(self, asked: Asked) -> people.Correct:
        value = converted(self.kind, self.value, self.unit)
        at = instant(self.at, asked.now)
        return people.Correct(self.subject, self.kind, at, value, asked.actor, self.reason)


class RangeRequest(Order, frozen=True, tag="range", kw_only=True):
    """The physician's pressure range (mmHg); the same one again confirms it."""

    low: float
    high: float
    variable: people.VARIABLE = "MAP"

    def _command(self, asked: Asked) -> people.Range:
        return people.Range(self.subject, self.low, self.high, asked.actor, self.variable)


class OverrideRequest(Order, frozen=True, tag="override", kw_only=True):
    """A physician sets another MAP target (mmHg) with a reason, or lifts his own."""

    target: float | None = None
    lift: bool = False
    reason: str | None = None

    def _command(self, asked: Asked) -> people.Override:
        if (self.target is None) != self.lift:
            raise CommandError("give target, or lift", code="BAD_REQUEST")
        return people.Override(self.subject, self.target, asked.actor, self.reason)


class AchievedRequest(Order, frozen=True, tag="achieved", kw_only=True):
    """A physician declares the first target achieved."""

    reason: str

    def _command(self, asked: Asked) -> people.Achieved:
        return people.Achieved(self.subject, asked.actor, self.reason)


class ExemptRequest(Order, frozen=True, tag="exempt", kw_only=True):
    """Exempt the patient from a rule, for a reason; `lift` ends it."""

    rule: str
    reason: str | None = None
    lift: bool = False

    def _command(self, asked: Asked) -> people.Exempt:
        return people.Exempt(self.subject, self.rule, asked.actor, self.reason, self.lift)


class StopReasonRequest(Order, frozen=True, tag="stop-reason", kw_only=True):
    """Why the study infusion was stopped on purpose."""

    reason: str
    channel: str | None = None

    def _command(self, asked: Asked) -> people.StopReason:
        return people.StopReason(self.subject, asked.actor, self.reason, self.channel)


class AckRequest(Order, frozen=True, tag="ack", kw_only=True):
    """Acknowledge an open alert by its id or its name."""

    alert: str
    reason: str | None = None

    def _command(self, asked: Asked) -> people.Acknowledge:
        return people.Acknowledge(self.subject, self.alert, asked.actor, self.reason)


class SnoozeRequest(Order, frozen=True, tag="snooze", kw_only=True):
    """Silence an open alert for some minutes, for a reason; never an urgent one."""

    alert: str
    minutes: float
    reason: str

    def _command(self, asked: Asked) -> people.Snooze:
        return people.Snooze(self.subject, self.alert, self.minutes, asked.actor, self.reason)


class CodeRequest(Order, frozen=True, tag="code", kw_only=True):
    """The cause of a deviation, open or past; OTHER is explained in `text`."""

    alert: str
    cause: people.CAUSES
    text: str | None = None
    action: str | None = None

    def _command(self, asked: Asked) -> people.Code:
        return people.Code(
            self.subject, self.alert, self.cause, asked.actor, self.text, self.action
        )


class VoidRequest(Order, frozen=True, tag="void", kw_only=True):
    """An alert, open or past, was wrong."""

    alert: str
    reason: str

    def _command(self, asked: Asked) -> people.Void:
        return people.Void(self.subject, self.alert, asked.actor, self.reason)


class UnblindingRequest(Order, frozen=True, tag="unblinding", kw_only=True):
    """Somebody was unblinded elsewhere: when, why, who was told. What was found has no field."""

    reason: str
    told: str
    at: str | None = None

    def _command(self, asked: Asked) -> people.Unblinding:
        at = asked.time(self.at)
        return people.Unblinding(self.subject, asked.actor, self.reason, self.told, at)


class SignDayRequest(Order, frozen=True, tag="sign-day", kw_only=True):
    """The record of trial day `day` (D0 is 0) is complete."""

    day: int

    def _command(self, asked: Asked) -> people.SignDay:
        return people.SignDay(self.subject, self.day, asked.actor)


class EndRequest(Order, frozen=True, tag="end", kw_only=True):
    """End the protocol for a patient."""

    reason: str
    outcome: Literal["death", "discharge", "other"] = "other"
    at: str | None = None

    def _command(self, asked: Asked) -> people.End:
        at = asked.time(self.at)
        return people.End(self.subject, asked.actor, self.reason, self.outcome, at)


class WithdrawRequest(Order, frozen=True, tag="withdraw", kw_only=True):
    """The patient, or who decides for him, has withdrawn from the trial."""

    reason: str
    at: str | None = None

    def _command(self, asked: Asked) -> people.End:
        at = asked.time(self.at)
        return people.End(self.subject, asked.actor, self.reason, "withdrawal", at)


Request = (
    StatusRequest
    | ScreenRequest
    | EnrolRequest
    | RandomiseRequest
    | AssociateRequest
    | ObserveRequest
    | CorrectRequest
    | RangeRequest
    | OverrideRequest
    | AchievedRequest
    | ExemptRequest
    | StopReasonRequest
    | AckRequest
    | SnoozeRequest
    | CodeRequest
    | VoidRequest
    | UnblindingRequest
    | SignDayRequest
    | EndRequest
    | WithdrawRequest
)


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer. `code` and `reason` explain a refusal; `repeated`: it was done before."""

    ok: bool
    request_id: str = ""
    code: str | None = None
    reason: str | None = None
    result: dict[str, Any] | None = None
    repeated: bool = False


_decoder: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)


def parse(line: bytes) -> Request:
    """A request from its JSON. Raises CommandError saying which field is wrong."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CommandError(f"request: {error}", code="BAD_REQUEST") from None
