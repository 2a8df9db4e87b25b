"""The `hl7` driver: monitors, pump gateways, hospital and laboratory systems that send HL7 v2."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from drivers.hl7.decode import ANSWERS, READ, Reader, is_simulated, message_type
from drivers.hl7.frames import Hl7Decoder
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
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.vocabulary import SIGNAL_UNITS, Alarm, Fault, Identity, Row
from monitor_daemon.hl7.ack import AckError, Outcome, acknowledgement, is_acknowledgement
from monitor_daemon.hl7.charset import known
from monitor_daemon.hl7.er7 import Er7Message, Unreadable, read
from monitor_daemon.hl7.mllp import FrameFault, Framer
from monitor_daemon.hl7.times import to_dtm, to_iso


def _wall_clock() -> datetime:
    """MSH-7 of an acknowledgement must say when it was made; nothing is decided by it."""
    return datetime.now(UTC)


class Hl7Session:
    """One MLLP connection: every message gets the acknowledgement that its MSH asks for.

    The reply of a `Message` leaves only after storage. Faults in the framing get none, for there is
    no control id to echo. `wall` gives the time that stands in acknowledgements.
    """

    def __init__(
        self, options: Mapping[str, Any], wall: Callable[[], datetime] = _wall_clock
    ) -> None:
        self._reader = Reader(options)
        self._charset: str = options["charset"]
        self._framer = Framer(options["max_bytes"])
        self._wall = wall
        self._stamp = ""
        self._stamped = -1
        self._answered = 0
        self._open = True

    def connected(self, now: float) -> Iterable[Effect]:
        """The sender speaks first."""
        return ()

    def feed(self, data: bytes, now: float) -> Iterable[Effect]:
        """Frames become messages in the order in which they came."""
        effects: list[Effect] = []
        if not self._open:
            return effects
        for item in self._framer.feed(data):
            if isinstance(item, FrameFault):
                effects.append(Problem(Fault(item.code, item.offset, item.reason)))
                reason = item.reason if item.fatal else None
            else:
                reason = self._message(item.offset, item.payload, now, effects)
            if reason is not None:
                self._open = False
                effects.append(Close(reason))
                break
        return effects

    def stored(self, message: Message, now: float) -> Iterable[Effect]:
        """The sender goes on when it has its acknowledgement."""
        return ()

    def lost(self, now: float) -> Iterable[Effect]:
        """A message that was cut off cannot be acknowledged, but it can be counted."""
        faults = [item for item in self._framer.finish() if isinstance(item, FrameFault)]
        return [Problem(Fault(item.code, item.offset, item.reason)) for item in faults]

    def due(self) -> float | None:
        """Nothing is ever asked for."""
        return None

    def wake(self, now: float) -> Iterable[Effect]:
        """Nothing is ever asked for."""
        return ()

    def _message(
        self, offset: int, payload: bytes, now: float, effects: list[Effect]
    ) -> str | None:
        """Adds the effect of one frame; gives the reason if the connection must end."""
        message = read(payload, self._charset)
        if isinstance(message, Unreadable):
            effects.append(Problem(Fault("HL7_HEADER", offset, message.reason)))
            return message.reason
        kind, _ = message_type(message)
        if kind in ANSWERS:
            effects.append(Alive(f"{kind} received"))
        elif kind not in READ:
            # What stands where the type should be may be a name: only a type is quoted.
            plain = kind.isalnum() and len(kind) == 3
            said = kind if plain else "no message type"
            reason = f"MSH-9 = {said}: only {', '.join(sorted(READ))} are read"
            error = AckError("200", "Unsupported message type", "MSH^1^9")
            reply = self._reply(message, Outcome.REJECTED, now, error)
            effects.append(Problem(Fault("HL7_MESSAGE_TYPE", offset, reason), reply))
        else:
            rows = self._reader.rows(message, offset)
            if is_simulated(message):
                rows = _without_people(rows, offset)
            reply = self._reply(message, Outcome.ACCEPTED, now)
            effects.append(Message(payload, rows, reply, to_iso(message.msh(7))))
        return None

    def _reply(
        self, message: Er7Message, outcome: Outcome, now: float, error: AckError | None = None
    ) -> bytes | None:
        if int(now) != self._stamped:
            self._stamped = int(now)
            self._stamp = to_dtm(self._wall())
        self._answered += 1
        control_id = f"{self._stamp[:14]}-{self._answered}"
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
    for code, signal in options["codes"].items():
        if signal not in SIGNAL_UNITS or "^" not in code:
            signals = ", ".join(SIGNAL_UNITS)
            raise ConfigError(f"codes: {code!r} = {signal!r}: code^system = one of {signals}")
    if not known(options["charset"]):
        raise ConfigError(f"charset = {options['charset']!r}: a name as in MSH-18, such as 8859/1")
    for name in ("max_bytes", "period", "resend"):
        value = options[name]
        if not (isinstance(value, int | float) and 0 < value < float("inf")):
            raise ConfigError(f"{name} = {value!r}: a number above 0")
    return options


OPTIONS: Final = (
    Option("dialect", "auto", "which sender's habits to expect", ("auto",)),
    Option(
        "accept_unvalidated",
        True,
        "a value with OBX-11 = X is good and marked unvalidated; false makes it questionable",
        (True, False),
    ),
    Option("codes", {}, "this site's own codes: {'code^system': signal}"),
    Option("charset", "8859/1", "character set, as in MSH-18, of a sender that declares none"),
    Option("max_bytes", 1 << 20, "largest message; beyond it the connection is closed"),
    Option("period", 60.0, "simulator: simulated seconds between the messages of a bed"),
    Option("resend", 5.0, "simulator: real seconds without an answer before it repeats"),
    Option("sending_application", "SIMGATEWAY", "simulator: MSH-3"),
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
