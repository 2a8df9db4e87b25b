"""The `hl7` driver: monitors, pump gateways, hospital and laboratory systems that send HL7 v2."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

from drivers.hl7.decode import ANSWERS, READ, Reader, is_simulated, message_type
from drivers.hl7.frames import Hl7Decoder, messages
from drivers.hl7.simulator import Gateway
from drivers.kit.contract import (
    Alive,
    Close,
    Driver,
    Effect,
    Message,
    Option,
    Problem,
    Transport,
)
from drivers.kit.repeats import Repeatable
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.vocabulary import SIGNAL_UNITS, Alarm, Fault, Identity, Row
from monitor_daemon.hl7.ack import AckError, Outcome, acknowledgement, is_acknowledgement
from monitor_daemon.hl7.charset import known
from monitor_daemon.hl7.er7 import Er7Message, Unreadable, read
from monitor_daemon.hl7.mllp import Frame, FrameFault, Framer
from monitor_daemon.hl7.times import to_dtm, to_iso

#: Bytes that are framed at a time, so that a flood of faults is noticed early.
_SLICE: Final = 16 * 1024
#: Faults within a second, without a readable message between them, until we hang up.
_MAX_FAULTS: Final = 100
#: MSH-10 of what we send; one count for all connections.
_NUMBERS: Final = count(1)


def _wall_clock() -> datetime:
    """MSH-7 of an acknowledgement must say when it was made; nothing is decided by it."""
    return datetime.now(UTC)


class Hl7Session:
    """One MLLP connection: every message gets the acknowledgement that its MSH asks for.

    The reply of a `Message` leaves only after storage. Faults in the framing get none, for there is
    no control id to echo. `wall` gives the time that stands in acknowledgements, `numbers` make
    their control ids different.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        wall: Callable[[], datetime] = _wall_clock,
        numbers: Iterator[int] = _NUMBERS,
    ) -> None:
        self._reader = Reader(options)
        self._charset: str = options["charset"]
        self._patience: float = options["frame_seconds"]
        self._framer = Framer(options["max_bytes"])
        self._wall = wall
        self._numbers = numbers
        self._stamp = ""
        self._stamped = -1
        self._open = True
        self._faults = 0
        self._faults_at = -1
        self._due: float | None = None

    def connected(self, now: float) -> Iterable[Effect]:
        """The sender speaks first."""
        return ()

    def feed(self, data: bytes, now: float) -> Iterable[Effect]:
        """Frames become messages in the order in which they came."""
        effects: list[Effect] = []
        before = self._framer.started
        for at in range(0, len(data) if self._open else 0, _SLICE):
            for frame in self._framer.feed(data[at : at + _SLICE]):
                for item in (frame,) if isinstance(frame, FrameFault) else messages(frame):
                    reason = self._item(item, now, effects)
                    if reason is not None:
                        return [*effects, self._end(reason)]
        started = self._framer.started
        if started is None:
            self._due = None
        elif started != before:
            self._due = now + self._patience
        return effects

    def stored(self, message: Message, now: float) -> Iterable[Effect]:
        """The sender goes on when it has its acknowledgement."""
        return ()

    def lost(self, now: float) -> Iterable[Effect]:
        """A message that was cut off cannot be acknowledged, but it can be counted."""
        faults = [item for item in self._framer.finish() if isinstance(item, FrameFault)]
        return [Problem(Fault(item.code, item.offset, item.reason)) for item in faults]

    def due(self) -> float | None:
        """When a message that has begun must be complete. Nothing is ever asked for."""
        return self._due

    def wake(self, now: float) -> Iterable[Effect]:
        """Hangs up on a sender that does not finish its message; it will send it again."""
        if self._due is None or now < self._due:
            return ()
        reason = f"a message that is not complete after {self._patience:g} s"
        fault = Fault("HL7_SLOW", self._framer.started, reason)
        return (Problem(fault), self._end(reason))

    def _end(self, reason: str) -> Close:
        self._open, self._due = False, None
        self._framer = Framer()
        return Close(reason)

    def _item(self, item: Frame | FrameFault, now: float, effects: list[Effect]) -> str | None:
        """Adds the effect of one frame or fault; gives the reason if the connection must end."""
        if isinstance(item, FrameFault):
            if int(now) != self._faults_at:
                self._faults_at, self._faults = int(now), 0
            self._faults += 1
            effects.append(Problem(Fault(item.code, item.offset, item.reason)))
            if item.fatal:
                return item.reason
            if self._faults > _MAX_FAULTS:
                return f"more than {_MAX_FAULTS} faults in a second and no message"
            return None
        message = read(item.payload, self._charset)
        if isinstance(message, Unreadable):
            effects.append(Problem(Fault("HL7_HEADER", item.offset, message.reason)))
            return message.reason
        self._faults = 0
        effect = self._effect(item, message, now)
        kind, trigger = message_type(message)
        if kind == "ADT" and isinstance(effect, Message) and not effect.rows:
            known = len(trigger) == 3 and trigger.isalnum()
            effects.append(Alive(f"ADT^{trigger if known else '?'} ignored: it moves nobody"))
        effects.append(effect)
        return None

    def _effect(self, frame: Frame, message: Er7Message, now: float) -> Effect:
        """What becomes of one message."""
        kind, _ = message_type(message)
        if kind in ANSWERS:
            return Alive(f"{kind} received")
        if kind not in READ:
            # What stands where the type should be may be a name: only a type is quoted.
            plain = kind.isalnum() and len(kind) == 3
            said = kind if plain else "no message type"
            reason = f"MSH-9 = {said}: only {', '.join(sorted(READ))} are read"
            error = AckError("200", "Unsupported message type", "MSH^1^9")
            fault = Fault("HL7_MESSAGE_TYPE", frame.offset, reason)
            return Problem(fault, self._reply(message, Outcome.REJECTED, now, error))
        last = message.segments[-1]
        if last[0] == "DSC" and "".join(last[1:2]).strip():
            reason = "DSC-1 says that the message goes on in another one, which is not supported"
            error = AckError("207", "Continued messages are not supported", "DSC^1^1")
            fault = Fault("HL7_CONTINUED", frame.offset, reason)
            return Problem(fault, self._reply(message, Outcome.REJECTED, now, error))
        rows = self._reader.rows(message, frame.offset)
        if is_simulated(message):
            rows = _without_people(rows, frame.offset)
        sent_at = to_iso(message.msh(7))
        if message.damaged and all(isinstance(row, Fault) for row in rows):
            error = AckError("102", "Character set", "MSH^1^18")
            reply = self._reply(message, Outcome.ERROR, now, error)
        else:
            reply = self._reply(message, Outcome.ACCEPTED, now)
        header = message.header
        if header.field(10) and sent_at is not None:
            sender = header.field(3) + header.separator + header.field(4)
            return Repeatable(frame.payload, rows, reply, sent_at, sender)
        # Without identifier or time an equal message may be a new one that says the same.
        return Message(frame.payload, rows, reply, sent_at)

    def _reply(
        self, message: Er7Message, outcome: Outcome, now: float, error: AckError | None = None
    ) -> bytes | None:
        if int(now) != self._stamped:
            self._stamped = int(now)
            self._stamp = to_dtm(self._wall())
        control_id = f"{self._stamp[:14]}-{next(self._numbers)}"
        return acknowledgement(
            message.header, outcome, now=self._stamp, control_id=control_id, error=error
        )


def _without_people(rows: tuple[Row, ...], offset: int) -> tuple[Row, ...]:
    """Training messages must move no patient and report no alarm."""
    kept = tuple(row for row in rows if not isinstance(row, Identity | Alarm))
    if len(kept) == len(rows):
        return rows
    reason = "MSH-11 is T or D: alarms and admissions of a test are not taken"
    return (*kept, Fault("HL7_PROCESSING_ID", offset, reason))


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """All options. Raises ConfigError, or what `Driver.settings` raises, naming a wrong one."""
    options = DRIVER.settings(given)
    for name, kind, wanted in (("codes", dict, "a table"), ("charset", str, "a text")):
        if not isinstance(options[name], kind):
            raise ConfigError(f"{name} = {options[name]!r}: {wanted}")
    for code, signal in options["codes"].items():
        if signal not in SIGNAL_UNITS or "^" not in code:
            signals = ", ".join(SIGNAL_UNITS)
            raise ConfigError(f"codes: {code!r} = {signal!r}: code^system = one of {signals}")
    if not known(options["charset"]):
        raise ConfigError(f"charset = {options['charset']!r}: a name as in MSH-18, such as 8859/1")
    for name in ("max_bytes", "frame_seconds", "period", "resend"):
        value = options[name]
        if not (isinstance(value, int | float) and 0 < value < float("inf")):
            raise ConfigError(f"{name} = {value!r}: a number above 0")
    return options


OPTIONS: Final = (
    Option(
        "accept_unvalidated",
        True,
        "a value with OBX-11 = X is good and marked unvalidated; false makes it questionable",
        (True, False),
    ),
    Option("codes", {}, "this site's own codes: {'code^system': signal}"),
    Option(
        "code_map", "", "code maps: a .toml file, the name of a packaged one, or a list of these"
    ),
    Option("charset", "8859/1", "character set, as in MSH-18, of a sender that declares none"),
    Option("max_bytes", 1 << 20, "largest message; beyond it the connection is closed"),
    Option("frame_seconds", 60.0, "seconds from the start of a message until it must be complete"),
    Option("period", 60.0, "simulator: simulated seconds between the messages of a bed"),
    Option("resend", 5.0, "simulator: real seconds without an answer before it repeats"),
    Option("sending_application", "SIMGATEWAY", "simulator: MSH-3"),
    Option("pumps", False, "simulator: it also sends the pumps of each bed", (False, True)),
)

DRIVER: Final = Driver(
    name="hl7",
    title="HL7 v2 over MLLP: monitors, pump gateways, admissions, laboratory",
    transports=(Transport.MLLP_SERVER, Transport.TCP_CLIENT),
    modes=("mllp",),
    expected_period=60.0,
    promises="acknowledges a message after it is stored, in the mode its MSH asks for",
    sources="HL7 v2.9 chapters 2, 3, 7; IHE PCD Technical Framework; published samples. Vendor "
    "codes outside IHE rest on single public messages",
    may_send=is_acknowledgement,
    decoder=lambda _mode, options: Hl7Decoder(_checked(options)),
    session=lambda options: Hl7Session(_checked(options)),
    simulator=lambda options, play, clock: Gateway(_checked(options), play, clock),
    options=OPTIONS,
    port=2575,
)
