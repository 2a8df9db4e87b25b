"""What the core makes of its inputs: the other half of the journal.

The JSON form of these structures is stored and hashed: add fields with defaults, never rename.
Times are integer milliseconds of engine time (UTC).
"""

from typing import Any

import msgspec


class _Decision(msgspec.Struct, frozen=True, tag_field="decision", omit_defaults=True):
    """A decision: what the rules made of the inputs."""


class Alert(_Decision, frozen=True, tag="alert"):
    """One transition of one alert. `event_id` is the same on every machine that judges again.

    `values` are those by which its condition last held, at `values_at` (ms).
    """

    event_id: str
    alert_id: str
    subject: str
    bed: str
    name: str
    clause: str
    level: str
    transition: str
    reason: str
    condition_since: int
    raised_at: int
    at: int
    protocol: str
    version: str
    params_hash: str
    target: float | None = None
    values: dict[str, Any] = {}
    values_at: int | None = None
    window: int | None = None
    coverage: float | None = None
    actor: str | None = None


class Retrospective(_Decision, frozen=True, tag="retrospective"):
    """A deviation that late data show and that was over before they came: nobody was notified."""

    alert_id: str
    subject: str
    bed: str
    name: str
    clause: str
    level: str
    condition_since: int
    raised_at: int
    ended_at: int
    at: int
    protocol: str
    version: str
    params_hash: str
    values: dict[str, Any] = {}
    target: float | None = None
    notified: bool = False


class Pushed(msgspec.Struct, frozen=True, omit_defaults=True):
    """One alert in a push: why it is told (first, repeat, ...) and to which roster roles."""

    alert_id: str
    name: str
    reason: str
    to: tuple[str, ...]


class Push(_Decision, frozen=True, tag="push"):
    """What is told to people now about one patient: everything in one message."""

    subject: str
    bed: str
    at: int
    items: tuple[Pushed, ...]


class Eligibility(_Decision, frozen=True, tag="eligibility"):
    """The verdict of screening changed: eligible, excluded or unknown (cannot verify).

    `criteria` are the single ones with verdict, value, source and age; `reason` names those that
    decided. `deadline` (ms) is when the window closes.
    """

    subject: str
    verdict: str
    reason: str
    at: int
    criteria: dict[str, Any] = {}
    deadline: int | None = None
    conservative_deadline: int | None = None


class Phase(_Decision, frozen=True, tag="phase"):
    """A subject entered a phase; `window` is the start of the span that showed it."""

    subject: str
    phase: str
    at: int
    window: int | None = None


class Target(_Decision, frozen=True, tag="target"):
    """The MAP target (mmHg) changed."""

    subject: str
    target: float
    reason: str
    at: int
    previous: float | None = None


class Held(_Decision, frozen=True, tag="hold"):
    """A CRT entry did not move the target, and why."""

    subject: str
    reason: str
    at: int


class Logged(_Decision, frozen=True, tag="log"):
    """A fact worth a line in the record that alerts nobody."""

    name: str
    at: int
    subject: str | None = None
    detail: dict[str, Any] = {}


class Refused(_Decision, frozen=True, tag="refused"):
    """A command that could not be carried out, and why."""

    code: str
    reason: str


class Failure(_Decision, frozen=True, tag="failure"):
    """The core failed for this subject or bed: he is not judged until the next start."""

    where: str
    error: str


Decision = (
    Alert | Retrospective | Push | Eligibility | Phase | Target | Held | Logged | Refused | Failure
)
