"""A simulated monitor: sends the displayed values of one bed of a play as it is asked to."""

from collections.abc import Mapping
from struct import Struct
from typing import Any, Final

from drivers.ge_dri.frames import Frame, Framer
from drivers.ge_dri.layout import (
    ACTIVE,
    ARTERIAL_SIGNALS,
    BASIC,
    CHANNELS,
    CLASS_WORD,
    EXISTS,
    EXT3,
    GROUPS,
    INVALID,
    LABEL_SIGNALS,
    LABELS,
    MMHG,
    PRESSURE_FIELDS,
    SIZE,
    ZEROED,
    ZEROING,
)
from drivers.ge_dri.records import (
    ALL_CLASSES,
    DISPLAYED,
    FASTEST,
    PHYSIOLOGICAL,
    REQUEST,
    REQUEST_BODY,
    Record,
    read_record,
    write_record,
)
from drivers.kit.playback import Play, SimClock, bed_at

_LEVEL: Final = 11
_HEAD: Final = Struct("<IH")
#: Bits 0 to 7 of the class word as seen in a real record.
_CLASS_LOW: Final = 0x81
_LARGEST: Final = 32000

#: What the status of a pressure can say.
STATES: Final = {
    "measuring": EXISTS | ACTIVE | ZEROED,
    "zeroing": EXISTS | ACTIVE | ZEROED | ZEROING,
    "unzeroed": EXISTS | ACTIVE,
    "off": EXISTS | ZEROED,
}
_SINGLE_SHOT: Final = -1

#: The fields that a play fills. One signal goes into one field.
_PLAYED: Final = (
    ("ECG", "hr"),
    ("ECG", "rr"),
    ("NIBP", "sys"),
    ("NIBP", "dia"),
    ("NIBP", "mean"),
    ("T1", "temp"),
    ("SpO2", "spo2"),
    ("CO", "co"),
    ("PiCCO", "cci"),
)


class Monitor:
    """The device side, with the driver's options.

    It sends nothing until it is asked. To a reader that is passive it sends at once, as if somebody
    else had asked. Its clock shows UTC.
    """

    def __init__(self, settings: Mapping[str, Any], play: Play, clock: SimClock) -> None:
        self._settings = settings
        self._play = play
        self._clock = clock
        self._framer = Framer()
        self._interval = 0
        self._classes = ALL_CLASSES
        self._next: float | None = None
        self._sent = 0

    def connected(self, now: float) -> list[bytes]:
        """A reader came; the monitor does not notice that one left."""
        self._framer = Framer()
        if self._settings["passive"]:
            self._interval, self._next = self._settings["interval"], now
        return []

    def feed(self, data: bytes, now: float) -> list[bytes]:
        """A request for displayed values takes effect at once; anything else is ignored."""
        for item in self._framer.feed(data):
            record = read_record(item.record) if isinstance(item, Frame) else None
            if isinstance(record, Record) and record.main_type == PHYSIOLOGICAL:
                for kind, body in record.subrecords:
                    if kind == REQUEST and len(body) == REQUEST_BODY.size:
                        self._asked(body, now)
        return []

    def due(self) -> float | None:
        """When the next record is due; None while nobody asked."""
        return self._next

    def wake(self, now: float) -> list[bytes]:
        """The record that is due."""
        if self._next is None or now < self._next:
            return []
        self._next = now + self._interval if self._interval > 0 else None
        return self._send(now)

    def _asked(self, body: bytes, now: float) -> None:
        wanted, interval, classes, _ = REQUEST_BODY.unpack(body)
        if wanted != DISPLAYED:
            return
        self._interval, self._classes = interval, classes
        self._next = now if interval >= FASTEST or interval == _SINGLE_SHOT else None

    def _send(self, now: float) -> list[bytes]:
        self._sent += 1
        time = int(self._clock.at(now).timestamp())
        signals = bed_at(self._play, self._clock.elapsed(now), self._settings["bed"]).signals
        kinds = [kind for kind in range(EXT3 + 1) if self._wants(kind)]
        subrecords = tuple((DISPLAYED, self._subrecord(kind, time, signals)) for kind in kinds)
        return [write_record(Record(_LEVEL, time, PHYSIOLOGICAL, subrecords, number=self._sent))]

    def _wants(self, kind: int) -> bool:
        asked = bool(self._classes & 1 << kind)
        return not asked if kind == BASIC else asked

    def _subrecord(self, kind: int, time: int, signals: Mapping[str, float]) -> bytes:
        data = bytearray(SIZE)
        data[:4] = time.to_bytes(4, "little")
        data[CLASS_WORD:] = (_CLASS_LOW | kind << 8).to_bytes(2, "little")
        for group in GROUPS:
            names = [f for f in group.fields if (group.name, f.name) in _PLAYED]
            if group.kind == kind and any(field.signal in signals for field in names):
                _HEAD.pack_into(data, group.at, EXISTS | ACTIVE, 0)
                for field in group.fields:
                    played = signals.get(field.signal) if field in names else None
                    _put(data, group.at + field.at, played, field.divisor)
        if kind == BASIC:
            self._pressures(data, signals)
        return bytes(data)

    def _pressures(self, data: bytearray, signals: Mapping[str, float]) -> None:
        arterial = [(self._settings["label"], ARTERIAL_SIGNALS)] * (1 + self._settings["twin"])
        lines = [line for line in (*arterial, *LABEL_SIGNALS.items()) if line[1]["mean"] in signals]
        for channel, (label, names) in zip(CHANNELS, lines, strict=False):
            state = self._settings["state"] if names is ARTERIAL_SIGNALS else "measuring"
            _HEAD.pack_into(data, channel.at, STATES[state], LABELS.index(label))
            for name, at in PRESSURE_FIELDS.items():
                value = signals.get(names.get(name, ""))
                _put(data, channel.at + at, value, 1 if name == "hr" else MMHG)


def _put(data: bytearray, at: int, value: float | None, divisor: int) -> None:
    number = INVALID
    if value is not None:
        number = max(-_LARGEST, min(_LARGEST, round(value * divisor)))
    data[at : at + 2] = number.to_bytes(2, "little", signed=True)
