"""What machines tell the core: the rows of the journal, beside what people tell it (people.py).

Inputs are masked already: a bed is the unit's alias, a drug is an entry of the drug file, and a
patient has no name but his trial pseudonym. Times are integer milliseconds of engine time (UTC).
The JSON form of these structures is what the journal stores and the hash chain covers, so a change
of a field is a change of the record: add fields with defaults, never rename.
"""

from typing import ClassVar, Final

import msgspec

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
SECOND: Final = 1_000


class Given(msgspec.Struct, frozen=True, tag_field="input", omit_defaults=True):
    """An input. `order` is its place among inputs of one instant (reference section 0.2)."""

    order: ClassVar[int] = 0


class Sample(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One value: signal, number or None, quality, corrected-to-UTC device time (ms) or None."""

    signal: str
    value: float | None
    quality: str
    at: int | None = None
    channel: str | None = None


class Flow(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One infusion channel as its pump reports it.

    `drug` is the entry of the drug file; None if nobody mapped the pump's words, which stay in the
    vault. Rate in mL/h, None when the pump gave no usable number. `concentration` is as on the
    wire, in `unit`, not yet base.
    """

    channel: str
    status: str
    rate: float | None = None
    drug: str | None = None
    concentration: float | None = None
    unit: str | None = None
    derived: bool = False
    dose: float | None = None
    dose_unit: str | None = None
    weight: float | None = None
    at: int | None = None
    volume: float | None = None


class Alarmed(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An alarm as a device reports it: the number of its event and words from closed lists.

    `phase` as in IHE PCD-04 (start, continue, end, ...), None in lists that are repeated while an
    alarm stands. `at`: device time as the device has it. `arterial`: its words name an arterial
    pressure; they themselves stay behind.
    """

    code: str
    phase: str | None = None
    state: tuple[str, ...] = ()
    at: int | None = None
    arterial: bool = False


class Configured(Given, frozen=True, tag="configured"):
    """The configuration in force: texts, so that the record can be judged again from itself.

    `ranks` by link: of two arterial sources of a bed the one with the smaller rank is followed.
    `repeats`: a link whose pumps are those that another link shows.
    """

    site: str
    drugs: str
    protocols: dict[str, str] = {}
    periods: dict[str, float] = {}
    speed: float = 1.0
    ranks: dict[str, int] = msgspec.field(default_factory=dict)
    repeats: dict[str, str] = msgspec.field(default_factory=dict)


class Started(Given, frozen=True, tag="started"):
    """The daemon started; `stopped` is the last instant it is known to have judged before."""

    version: str
    stopped: int | None = None


class ClockStepped(Given, frozen=True, tag="clock_stepped"):
    """The wall clock of this machine moved by `seconds` against the monotonic clock."""

    seconds: float


class LinkChanged(Given, frozen=True, tag="link_changed"):
    """A link changed its state."""

    link: str
    state: str
    reason: str


class Data(Given, frozen=True, tag="data"):
    """One wire message, or the part of it that concerns one bed; None: nobody knows the bed.

    `buffered`: the gateway says that it repeats what it could not deliver before.
    """

    link: str
    bed: str | None
    samples: tuple[Sample, ...] = ()
    flows: tuple[Flow, ...] = ()
    unmapped: tuple[str, ...] = ()
    buffered: bool = False
    alarms: tuple[Alarmed, ...] = ()


class Moved(Given, frozen=True, tag="moved"):
    """A patient came, moved or left, as the hospital's ADT says (HL7 v2.9 chapter 3).

    `event` as in the vocabulary's `Identity`. Patients are tokens, which tell nothing without the
    site's key. `bed` is where he is after the event, `prior_bed` where he was: aliases, "" for a
    bed that is not ours, None if not told. `at`: when it happened.
    """

    event: str
    bed: str | None = None
    prior_bed: str | None = None
    patient: str | None = None
    prior_patient: str | None = None
    at: int | None = None


class Tick(Given, frozen=True, tag="tick"):
    """Whole minute `minute` (minutes since 1970, UTC) is over for judging."""

    order: ClassVar[int] = 5
    minute: int


class HandOver(Given, frozen=True, tag="hand_over"):
    """The shift of these roster roles changes: what is open is told to those who come."""

    order: ClassVar[int] = 5
    roles: tuple[str, ...]
