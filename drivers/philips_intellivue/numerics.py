"""Numerics to rows: a value is told by its own physiological id, never by its place in a list."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from drivers.philips_intellivue.channels import Channels
from drivers.philips_intellivue.clock import iso, sampled_at
from drivers.philips_intellivue.codes import CONVERSIONS, PRESSURE_GROUPS, UNITS, group
from drivers.philips_intellivue.export import Entry
from drivers.philips_intellivue.wire import Cursor, moment, number, qualities, worst
from monitor_daemon.core.vocabulary import SIGNAL_UNITS, VALUED, Quality, Reading, Row, Unmapped

_OBSERVED: Final = 0x0950
_COMPOUND: Final = 0x094B
_LABEL: Final = 0x0924
_ABSOLUTE_TIME: Final = 0x0990
_RELATIVE_TIME: Final = 0x0991

_AS_IT_IS: Final = (1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Scene:
    """What holds for all values of one result.

    `patient` is false in a demonstration, in standby and in service; `disturbed` are the groups of
    pressures whose line has a problem; `at` is the monitor's wall clock at `ticks`.
    """

    signals: Mapping[int, str]
    channels: Channels
    bed: str | None
    patient: bool
    disturbed: frozenset[int]
    ticks: int
    at: datetime | None


def rows(entry: Entry, scene: Scene) -> Iterator[Row]:
    """The rows of one object; raises `ShortError` after those that could be read."""
    found = entry.attributes
    values = [Cursor(found[_OBSERVED])] if _OBSERVED in found else []
    if _COMPOUND in found:
        compound = Cursor(found[_COMPOUND])
        count = compound.u16()
        compound.u16()
        values += [compound] * count
    label = int.from_bytes(found.get(_LABEL, b"")[-2:], "big")
    time = iso(_sampled(found, scene))
    for value in values:
        yield _row(value, entry, label, time, scene)


def _row(value: Cursor, entry: Entry, label: int, time: str | None, scene: Scene) -> Row:
    physio_id, state, unit_code = value.u16(), value.u16(), value.u16()
    measured = number(value.take(4))
    signal, unit = scene.signals.get(physio_id), UNITS.get(unit_code)
    convert = _conversion(signal, unit)
    if signal is None or (measured is not None and convert is None):
        said = None if measured is None else f"{measured:g}"
        return Unmapped(f"{physio_id:04X}", said, unit or f"{unit_code:04X}")
    found = qualities(state)
    if measured is None:
        found.append(Quality.NO_VALUE)
    if not scene.patient:
        found.append(Quality.NOT_PATIENT)
    found += _doubts(physio_id, label, scene)
    quality = worst(found)
    if measured is not None and convert is not None and convert != _AS_IT_IS:
        factor, offset = convert
        measured = round(measured * factor + offset, 4)
    return Reading(
        signal,
        measured if quality in VALUED else None,
        SIGNAL_UNITS[signal],
        quality,
        device_time=time,
        channel=scene.channels.name(entry, label or _about(physio_id)),
        bed=scene.bed,
        source=f"{physio_id:04X}",
    )


def _about(physio_id: int) -> int:
    """The label id of a value's object: the group of a pressure, the id itself of other values."""
    return group(physio_id) if group(physio_id) in PRESSURE_GROUPS else physio_id


def _conversion(signal: str | None, unit: str | None) -> tuple[float, float] | None:
    """Factor and offset to the signal's unit; None if they do not measure the same."""
    if signal is None or unit is None:
        return None
    if unit == SIGNAL_UNITS[signal]:
        return _AS_IT_IS
    return CONVERSIONS.get((unit, SIGNAL_UNITS[signal]))


def _doubts(physio_id: int, label: int, scene: Scene) -> Iterator[Quality]:
    """What the state of a pressure cannot say of itself."""
    if group(physio_id) not in PRESSURE_GROUPS:
        return
    if group(physio_id) in scene.disturbed:
        yield Quality.ARTIFACT
    # For under a second after a line was given another name, label and id may disagree.
    if group(label) in PRESSURE_GROUPS and group(label) != group(physio_id):
        yield Quality.QUESTIONABLE


def _sampled(found: Mapping[int, bytes], scene: Scene) -> datetime | None:
    """When it was measured: what the object says (cuff, bolus), else the time of the result."""
    absolute = moment(found.get(_ABSOLUTE_TIME, b""))
    relative = found.get(_RELATIVE_TIME, b"")
    if absolute is not None:
        return absolute
    if scene.at is not None and len(relative) == 4:
        return sampled_at(scene.at, scene.ticks, int.from_bytes(relative, "big"))
    return scene.at
