"""Messages to rows: what the monitor says of itself, its numerics, its alarms, its refusals."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from drivers.philips_intellivue import alarms, numerics
from drivers.philips_intellivue.association import Kind
from drivers.philips_intellivue.channels import Channels
from drivers.philips_intellivue.clock import DeviceClock, iso
from drivers.philips_intellivue.codes import MODES, NOT_A_PATIENT, SIGNALS, words
from drivers.philips_intellivue.export import (
    ERRORS,
    MDS,
    Entry,
    Event,
    Export,
    Other,
    PollResult,
    Refusal,
    parse,
)
from drivers.philips_intellivue.frames import Frame, Framing, framer
from drivers.philips_intellivue.linked import Joined, Joiner
from drivers.philips_intellivue.wire import (
    TICKS_PER_SECOND,
    TICKS_WRAP,
    Cursor,
    ShortError,
    moment,
    text,
)
from monitor_daemon.core.vocabulary import Fault, Row

_ABSOLUTE_TIME: Final = 0x0987
_RELATIVE_TIME: Final = 0x098F
_MODE: Final = 0x0946
_BED: Final = 0x091E
_MODEL: Final = 0x0928
_ALARM_TIME_S: Final = 5

_KINDS: Final = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Heard:
    """One message, or a result whose parts are joined: `what` it was and its rows."""

    raw: bytes
    what: Kind | Export
    rows: tuple[Row, ...] = ()


@dataclass(slots=True)
class Mds:
    """What the monitor has said of itself in this association."""

    bed: str | None = None
    model: str | None = None
    mode: int = 0
    clock: DeviceClock = field(default_factory=DeviceClock)

    def tell(self, found: Mapping[int, bytes], ticks: int) -> None:
        """Attributes of the monitor as they were at `ticks`."""
        if _BED in found:
            self.bed = text(found[_BED]) or None
        if _MODEL in found:
            self.model = _model(found[_MODEL]) or None
        if len(found.get(_MODE, b"")) == 2:
            self.mode = int.from_bytes(found[_MODE], "big")
        now = moment(found.get(_ABSOLUTE_TIME, b""))
        if now is not None:
            own = found.get(_RELATIVE_TIME, b"")
            self.clock.tell(now, int.from_bytes(own, "big") if len(own) == 4 else ticks)

    def __str__(self) -> str:
        parts = (self.model, self.bed and f"bed {self.bed}", words(MODES, self.mode))
        return ", ".join(part for part in parts if part)


class Reader:
    """Reads the messages of one monitor in order; never raises.

    `codes` are a site's own physiological ids with the signals that they count as.
    """

    def __init__(self, codes: Mapping[int, str] | None = None) -> None:
        self._signals = {**SIGNALS, **(codes or {})}
        self._begin()

    def _begin(self) -> None:
        self.mds = Mds()
        self._channels = Channels()
        self._joiner = Joiner()
        #: Pressure lines with a problem by alarm list, and the ticks when the list was made.
        self._disturbed: dict[int, tuple[set[int], int]] = {}

    def read(self, frame: Frame) -> list[Heard] | Fault:
        """What a message says; a `Fault` with code RECORD if it cannot be read.

        A part of a linked result says nothing until the result is complete.
        """
        kind = _KINDS.get(frame.payload[0]) if frame.payload else None
        if kind is not None:
            if kind is Kind.ACCEPT:
                # Ticks may count anew. All else is told by the MDS create event, which a datagram
                # that is late or comes twice must not undo.
                self.mds.clock = DeviceClock()
            return [Heard(frame.raw, kind)]
        said = parse(frame.payload)
        match said:
            case str():
                return Fault("RECORD", frame.offset, said)
            case Event():
                # A new association: the monitor presents itself before it serves any poll.
                left = self.finish()
                self._begin()
                self.mds.tell(said.attributes, said.ticks)
                return [*left, Heard(frame.raw, said)]
            case PollResult():
                done = self._joiner.take(frame, said, self._rows(said, frame.offset))
                return [_joined(joined, said) for joined in done]
            case Refusal(error=error):
                reason = f"poll refused: {ERRORS.get(error, 'undocumented')} ({error})"
                return [Heard(frame.raw, said, (Fault("REFUSED", frame.offset, reason),))]
            case Other():
                pass
        return [Heard(frame.raw, said)]

    def finish(self) -> list[Heard]:
        """No more messages: linked results whose end did not come."""
        return [Heard(joined.raw, Other(), tuple(joined.rows)) for joined in self._joiner.finish()]

    def _rows(self, result: PollResult, offset: int) -> list[Row]:
        if result.code == MDS:
            for entry in result.entries:
                self.mds.tell(entry.attributes, result.ticks)
        found: list[Row] = []
        scene = numerics.Scene(
            signals=self._signals,
            channels=self._channels,
            bed=self.mds.bed,
            patient=not self.mds.mode & NOT_A_PATIENT,
            disturbed=self._lines(result.ticks),
            ticks=result.ticks,
            at=self.mds.clock.at(result.ticks),
        )
        for entry in result.entries:
            try:
                alerts = self._alarms(entry, result.ticks)
                found.extend(alarm.row(scene.bed, iso(scene.at)) for alarm in alerts)
                found.extend(numerics.rows(entry, scene))
            except ShortError as error:
                found.append(Fault("RECORD", offset, f"object {entry.handle:04X}: {error}"))
        if result.broken is not None:
            found.append(Fault("RECORD", offset, result.broken))
        return found

    def _alarms(self, entry: Entry, ticks: int) -> Iterator[alarms.Alert]:
        """The alarms that an object lists; raises `ShortError` after those that could be read."""
        for name in alarms.LISTS:
            if name in entry.attributes:
                lines: set[int] = set()
                self._disturbed[name] = (lines, ticks)
                for alarm in alarms.alerts(entry.attributes[name]):
                    lines |= alarm.lines
                    yield alarm

    def _lines(self, ticks: int) -> frozenset[int]:
        """The pressure lines that have a problem by the newest lists, unless those are too old."""
        limit = _ALARM_TIME_S * TICKS_PER_SECOND
        return frozenset().union(
            *(
                lines
                for lines, made in self._disturbed.values()
                if (ticks - made) % TICKS_WRAP <= limit or (made - ticks) % TICKS_WRAP <= limit
            )
        )


def _joined(joined: Joined, result: PollResult) -> Heard:
    what = result if joined.invoke == result.invoke else Other()
    return Heard(joined.raw, what, tuple(joined.rows))


def _model(data: bytes) -> str:
    """Manufacturer and model, each behind its length."""
    cursor = Cursor(data)
    parts: list[bytes] = []
    with suppress(ShortError):
        while cursor.left:
            parts.append(cursor.take(cursor.u16()))
    names = (part.decode("ascii", "replace").strip("\0 ") for part in parts)
    return " ".join(name for name in names if name)


class PhilipsDecoder:
    """Framer and decoder without a session. What a client sends gives no rows."""

    def __init__(self, framing: Framing = "serial", codes: Mapping[int, str] | None = None) -> None:
        self._framer = framer(framing)
        self._reader = Reader(codes)

    def feed(self, data: bytes) -> list[Row]:
        """The rows of the messages that `data` completes."""
        found: list[Row] = []
        for item in self._framer.feed(data):
            heard = item if isinstance(item, Fault) else self._reader.read(item)
            if isinstance(heard, Fault):
                found.append(heard)
            else:
                found += [row for one in heard for row in one.rows]
        return found

    def finish(self) -> list[Row]:
        """What was left incomplete."""
        rows = [row for heard in self._reader.finish() for row in heard.rows]
        return [*self._framer.finish(), *rows]
