"""What a simulated monitor shows: the objects of a poll result for one bed of a play.

The order within a compound is that of captured results: mean, systolic, diastolic for a line;
systolic, diastolic, mean for a cuff; a lone mean for the venous pressure.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from drivers.kit.playback import BedState
from drivers.philips_intellivue.codes import MODES
from drivers.philips_intellivue.export import Entry
from drivers.philips_intellivue.wire import NAN, block, float_type, string

_MMHG: Final = 0x0F20
_PER_MINUTE: Final = 0x0AA0


@dataclass(frozen=True, slots=True)
class _Shown:
    """A numeric object: label id, label, unit, decimals, then signal and id of each value."""

    group: int
    label: str
    unit: int
    decimals: int
    values: tuple[tuple[str, int], ...]


_CUFF: Final = _Shown(
    0x4A04, "NBP", _MMHG, 0, (("nibp_sys", 0x4A05), ("nibp_dia", 0x4A06), ("nibp_map", 0x4A07))
)
_OTHERS: Final = (
    _Shown(0x4182, "HR", _PER_MINUTE, 0, (("heart_rate", 0x4182),)),
    _Shown(
        0x4A1C, "PAP", _MMHG, 0, (("pap_map", 0x4A1F), ("pap_sys", 0x4A1D), ("pap_dia", 0x4A1E))
    ),
    _Shown(0x4A44, "CVP", _MMHG, 0, (("cvp", 0x4A47),)),
    _CUFF,
    _Shown(0x4BB8, "SpO2", 0x0220, 1, (("spo2", 0x4BB8),)),
    _Shown(0x480A, "Pulse", _PER_MINUTE, 0, (("pulse_rate", 0x480A),)),
    _Shown(0x500A, "RR", 0x0AE0, 0, (("respiration_rate", 0x500A),)),
    _Shown(0x4B60, "Tcore", 0x17A0, 1, (("temperature", 0x4B60),)),
    _Shown(0x4B04, "C.O.", 0x0C00, 2, (("cardiac_output", 0x4B04),)),
    _Shown(0x490C, "C.I.", 0x0B20, 2, (("cardiac_index", 0x490C),)),
)
#: Labels follow the language of the monitor; some Chinese ones begin with a byte order mark.
_LABELS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {},
    "de": {"HR": "HF", "CVP": "ZVD", "Pulse": "Puls", "RR": "AF", "C.O.": "HZV", "C.I.": "HI"},
    "zh": {"HR": "心率", "Pulse": "\ufeff脉搏", "RR": "呼吸", "Tcore": "体温"},
}
LANGUAGES: Final = tuple(_LABELS)
#: Objects with one value say it alone; the venous pressure is a compound of one.
_ALONE: Final = frozenset({0x4182, 0x4BB8, 0x480A, 0x500A, 0x4B60, 0x4B04, 0x490C})
_LINES: Final = {"ABP": 0x4A14, "ART": 0x4A10}
#: States with these bits come without a number: invalid, unavailable.
_WITHOUT_NUMBER: Final = 0xA000


def line_group(settings: Mapping[str, Any]) -> int:
    """The group id of the arterial line."""
    return _LINES[settings["line"]]


def mode(settings: Mapping[str, Any]) -> int:
    """The operating mode as on the wire."""
    return next(bit for bit, name in MODES.items() if name == settings["operating_mode"])


def numerics(bed: BedState, settings: Mapping[str, Any], session: int) -> list[Entry]:
    """The objects of a bed. Contexts and handles differ from one association to the next."""
    group = line_group(settings)
    values = (("art_map", group + 3), ("art_sys", group + 1), ("art_dia", group + 2))
    line = _Shown(group, settings["line"], _MMHG, 0, values)
    labels = _LABELS[settings["language"]]
    state = settings["state"] | (0x0400 if settings["operating_mode"] == "demo" else 0)
    first = 0x8A12 + 0x40 * session
    entries = list(_entry(line, bed.signals, session, first, state))
    if settings["twin"]:
        entries += _entry(line, bed.signals, session + 1, first, state)
    for number, other in enumerate(_OTHERS, 1):
        shown = replace(other, label=labels.get(other.label, other.label))
        entries += _entry(shown, bed.signals, session, first + number, state & 0x0C00)
    return entries


def _entry(
    shown: _Shown, signals: Mapping[str, float], context: int, handle: int, state: int
) -> Iterator[Entry]:
    """The object with the values that are connected; none if there are none."""
    values = [
        _value(code, state, shown.unit, signals[signal], shown.decimals)
        for signal, code in shown.values
        if signal in signals
    ]
    if values:
        alone = shown.group in _ALONE
        value = values[0] if alone else block(len(values), b"".join(values))
        attributes = {
            0x0924: struct.pack(">HH", 2, shown.group),
            0x0927: string(shown.label),
            0x0950 if alone else 0x094B: value,
        }
        yield Entry(context, handle, attributes)


def _value(code: int, state: int, unit: int, value: float, decimals: int) -> bytes:
    number = NAN if state & _WITHOUT_NUMBER else float_type(value, decimals)
    return struct.pack(">HHH", code, state, unit) + number


def alarms(settings: Mapping[str, Any], session: int) -> Sequence[Entry]:
    """The alarm lists: of the patient, which is empty, and of the equipment."""
    listed = b""
    if settings["alarm"]:
        text = struct.pack(">HIHH", 0, 0, 0, 0) + string(f"** {settings['line']} ALARM")
        group = line_group(settings)
        listed = struct.pack(">HHHH", group, settings["alarm"], 4, 0)
        listed += struct.pack(">HHH", 6, session, 0x8A12 + 0x40 * session)
        listed += struct.pack(">HH", 516, len(text)) + text
    lists = {0x0902: block(0, b""), 0x0904: block(int(bool(listed)), listed)}
    return [Entry(session, 0x0F00, lists)]
