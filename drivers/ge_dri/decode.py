"""DRI records to rows: the displayed values of physiological records.

Facts: GE 8005313, Datex-Ohmeda Record Specification, physiological data, status bits, labels and
special values.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import product
from struct import Struct
from typing import Final

from drivers.ge_dri.frames import Frame, Framer, Item
from drivers.ge_dri.layout import (
    ACTIVE,
    ARTERIAL_SIGNALS,
    CHANNEL_NAMES,
    CHANNELS,
    CLASS_WORD,
    EXISTS,
    GROUPS,
    LABEL_SIGNALS,
    LABELS,
    MMHG,
    NO_MEASUREMENT,
    NOT_CALIBRATED,
    PRESSURE_FIELDS,
    SIZE,
    ZEROED,
    ZEROED_LEVEL,
    ZEROING,
    ZEROING_LEVEL,
    Channel,
    Group,
)
from drivers.ge_dri.records import Record, displayed, local_time, read_record
from monitor_daemon.core.vocabulary import (
    SIGNAL_UNITS,
    Fault,
    Quality,
    Reading,
    Row,
    Unmapped,
)

#: A pressure line: name of its channel, its label.
Line = tuple[str, str]

_HEAD: Final = Struct("<IH")


def lines(labels: Iterable[str], channels: Iterable[str]) -> frozenset[Line]:
    """Every line that has one of the labels on one of the channels."""
    return frozenset(product(channels, labels))


class Subrecord:
    """One displayed subrecord of a record of some DRI level."""

    def __init__(self, data: bytes, level: int) -> None:
        self._data = data
        self._level = level
        self._time = local_time(int.from_bytes(data[:4], "little"))
        self._kind = data[CLASS_WORD + 1] & 0x0F

    def rows(self, arterial: Collection[Line]) -> Iterator[Row]:
        """Readings of its class; the lines in `arterial` are arterial pressure."""
        for channel in CHANNELS:
            if channel.kind == self._kind:
                yield from self._pressure(channel, arterial)
        for group in GROUPS:
            if group.kind == self._kind and group.level <= self._level:
                yield from self._group(group)

    def _group(self, group: Group) -> Iterator[Row]:
        status, label = _HEAD.unpack_from(self._data, group.at)
        if not status & EXISTS:
            return
        for name, at, signal, divisor, old in group.fields:
            value = self._value(group.at + at)
            quality = _quality(status, value, old=bool(label & old))
            source = f"{group.name}.{name}"
            yield self._reading(signal, value / divisor, quality, group.name, source)

    def _pressure(self, channel: Channel, arterial: Collection[Line]) -> Iterator[Row]:
        status, number = _HEAD.unpack_from(self._data, channel.at)
        label = LABELS[number] if number < len(LABELS) else f"label {number}"
        line = channel.name, label
        signals = ARTERIAL_SIGNALS if line in arterial else LABEL_SIGNALS.get(label, {})
        for name, at in PRESSURE_FIELDS.items():
            value = self._value(channel.at + at)
            divisor, unit = (1, "1/min") if name == "hr" else (MMHG, "mmHg")
            if name in signals:
                quality = _quality(status, value, zero=_zero(status, self._level))
                source = f"{label}.{name}"
                yield self._reading(signals[name], value / divisor, quality, channel.name, source)
            elif status & EXISTS and value > NO_MEASUREMENT:
                source = f"{channel.name} {label}.{name}"
                yield Unmapped(source, f"{value / divisor:g}", unit)

    def _value(self, at: int) -> int:
        return int.from_bytes(self._data[at : at + 2], "little", signed=True)

    def _reading(
        self, signal: str, value: float, quality: Quality, channel: str, source: str
    ) -> Reading:
        return Reading(
            signal,
            value if quality is Quality.GOOD else None,
            SIGNAL_UNITS[signal],
            quality,
            device_time=self._time,
            channel=channel,
            source=source,
        )


def _zero(status: int, level: int) -> Quality:
    """What the state of a pressure transducer's zero does to its values."""
    if level >= ZEROING_LEVEL and status & ZEROING:
        return Quality.CALIBRATING
    if level >= ZEROED_LEVEL and not status & ZEROED:
        return Quality.NO_VALUE
    return Quality.GOOD


def _quality(
    status: int, value: int, *, zero: Quality = Quality.GOOD, old: bool = False
) -> Quality:
    if zero is Quality.CALIBRATING or value == NOT_CALIBRATED:
        return Quality.CALIBRATING
    measured = status & EXISTS and status & ACTIVE and value > NO_MEASUREMENT
    if zero is Quality.NO_VALUE or not measured:
        return Quality.NO_VALUE
    return Quality.STALE if old else Quality.GOOD


def record_rows(record: Record, offset: int, arterial: Collection[Line]) -> tuple[Row, ...]:
    """The rows of a record that began at `offset`; none unless it holds displayed values."""
    rows: list[Row] = []
    for data in displayed(record):
        if len(data) < SIZE:
            rows.append(Fault("RECORD", offset, f"subrecord of {len(data)} bytes, not {SIZE}"))
        else:
            rows += Subrecord(data, record.level).rows(arterial)
    return tuple(rows)


def arterial_channels(rows: Iterable[Row]) -> Mapping[str, str]:
    """The channels that carry an arterial pressure, with the label of each."""
    return {
        row.channel: row.source.removesuffix(".mean")
        for row in rows
        if isinstance(row, Reading) and row.signal == "art_map" and row.channel and row.source
    }


class DriDecoder:
    """Framer and decoder without a session; `lines` of these are arterial pressure."""

    def __init__(self, labels: Iterable[str], channels: Iterable[str] = CHANNEL_NAMES) -> None:
        self._framer = Framer()
        self._arterial = lines(labels, channels)

    def feed(self, data: bytes) -> list[Row]:
        """The rows of the frames that `data` completes."""
        return [row for item in self._framer.feed(data) for row in self._rows(item)]

    def finish(self) -> list[Fault]:
        """What was left incomplete."""
        return self._framer.finish()

    def _rows(self, item: Item) -> tuple[Row, ...]:
        if not isinstance(item, Frame):
            return (item,)
        record = read_record(item.record)
        if isinstance(record, str):
            return (Fault("RECORD", item.offset, record),)
        return record_rows(record, item.offset, self._arterial)
