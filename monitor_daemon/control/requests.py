"""What a person may ask, as typed messages; JSON on the wire, one object a line."""

import re
from datetime import datetime
from typing import Any

import msgspec

from monitor_daemon.core.errors import CommandError
from monitor_daemon.core.events import SECOND, Acknowledge, Command, End, Enrol, Observe


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="command"):
    """A request. `actor` is who asks; the door adds how he came in."""

    actor: str = ""
    request_id: str = ""


class StatusRequest(_Request, frozen=True, tag="status"):
    """How everything stands."""


class EnrolRequest(_Request, frozen=True, tag="enrol", kw_only=True):
    """Enrol a patient by his trial pseudonym. `randomised` ISO 8601, default now."""

    subject: str
    bed: str
    protocol: str
    arm: str
    weight_kg: float
    randomised: str | None = None
    version: str | None = None
    floor: float | None = None


class ObserveRequest(_Request, frozen=True, tag="observe", kw_only=True):
    """Enter a value. `at`: when it was measured, ISO 8601 or minutes ago as "-5", default now."""

    subject: str
    kind: str
    value: float
    at: str | None = None
    reason: str | None = None


class AckRequest(_Request, frozen=True, tag="ack", kw_only=True):
    """Acknowledge an open alert by its id or its name."""

    subject: str
    alert: str
    reason: str | None = None


class EndRequest(_Request, frozen=True, tag="end", kw_only=True):
    """End the protocol for a patient."""

    subject: str
    reason: str


Request = StatusRequest | EnrolRequest | ObserveRequest | AckRequest | EndRequest


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer. `code` and `reason` explain a refusal."""

    ok: bool
    request_id: str = ""
    code: str | None = None
    reason: str | None = None
    result: dict[str, Any] | None = None


_decoder: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)


def parse(line: bytes) -> Request:
    """A request from its JSON. Raises CommandError saying which field is wrong."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CommandError(f"request: {error}", code="BAD_REQUEST") from None


def moment(text: str | None, now: int) -> int | None:
    """A time a person gave, as engine ms: ISO 8601 with offset, or minutes ago ("-5").

    Raises CommandError: a time without an offset is refused, not guessed.
    """
    if text is None:
        return None
    if re.fullmatch(r"-\d{1,4}", text):
        return now + int(text) * 60 * SECOND
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"time {text!r}: expected ISO 8601 or -MINUTES", code="BAD_TIME"
        ) from None
    if when.utcoffset() is None:
        raise CommandError(f"time {text!r}: the offset is missing, e.g. +09:00", code="BAD_TIME")
    return round(when.timestamp() * SECOND)


def command(request: Request, actor: str, now: int) -> Command | None:
    """The core's command for a request; None for one that changes nothing. Raises CommandError."""
    match request:
        case EnrolRequest():
            return Enrol(
                subject=request.subject,
                bed=request.bed,
                protocol=request.protocol,
                arm=request.arm,
                weight_kg=request.weight_kg,
                actor=actor,
                randomised=moment(request.randomised, now),
                version=request.version,
                floor=request.floor,
            )
        case ObserveRequest():
            return Observe(
                subject=request.subject,
                kind=request.kind,
                value=request.value,
                actor=actor,
                at=moment(request.at, now),
                reason=request.reason,
            )
        case AckRequest():
            return Acknowledge(request.subject, request.alert, actor, request.reason)
        case EndRequest():
            return End(request.subject, actor, request.reason)
    return None
