"""Where the values of a physiological subrecord stand.

Facts: GE 8005313, Datex-Ohmeda Record Specification, physiological data.
Offsets of groups count from the beginning of the subrecord, offsets of fields from that of their
group. A group is a u32 status, a u16 label and i16 values.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

SIZE: Final = 278
#: Offset of the u16 of which bits 8 to 11 are the class.
CLASS_WORD: Final = 276
BASIC, EXT1, EXT2, EXT3 = range(4)

#: Status bits of all groups, then of pressures with the DRI level from which they mean this.
EXISTS, ACTIVE = 1, 2
ZEROING, ZEROING_LEVEL = 4, 3
ZEROED, ZEROED_LEVEL = 8, 8

#: Anything at or below is no measurement; two of these values have a name.
NO_MEASUREMENT: Final = -32001
INVALID: Final = -32767
NOT_CALIBRATED: Final = -32762


class Field(NamedTuple):
    """A value: its name in the specification, offset, signal, and how many of it make one unit.

    `old` are bits of its group's label that say that it is older than 60 s.
    """

    name: str
    at: int
    signal: str
    divisor: int = 1
    old: int = 0


class Group(NamedTuple):
    """A group of values in subrecords of class `kind`; `level` is the first DRI level with it."""

    name: str
    kind: int
    at: int
    fields: tuple[Field, ...]
    level: int = 0


_NIBP_OLD: Final = 0x100
_CO_OLD: Final = 0x1
_TEMPERATURES: Final = {"T1": 90, "T2": 98, "T3": 106, "T4": 114}

GROUPS: Final = (
    Group("ECG", BASIC, 4, (Field("hr", 6, "heart_rate"), Field("rr", 14, "respiration_rate"))),
    Group(
        "NIBP",
        BASIC,
        76,
        (
            Field("sys", 6, "nibp_sys", 100, _NIBP_OLD),
            Field("dia", 8, "nibp_dia", 100, _NIBP_OLD),
            Field("mean", 10, "nibp_map", 100, _NIBP_OLD),
        ),
    ),
    *(
        Group(name, BASIC, at, (Field("temp", 6, "temperature", 100),))
        for name, at in _TEMPERATURES.items()
    ),
    Group("SpO2", BASIC, 122, (Field("spo2", 6, "spo2", 100),)),
    Group(
        "CO",
        BASIC,
        204,
        (
            Field("co", 6, "cardiac_output", 1000, _CO_OLD),
            Field("tblood", 8, "temperature", 100),
        ),
    ),
    # The continuous values come last: an intermittent one may be hours old and does not say so.
    Group(
        "PiCCO",
        EXT3,
        146,
        (
            Field("ci", 12, "cardiac_index", 1000),
            Field("co", 14, "cardiac_output", 1000),
            Field("cci", 6, "cardiac_index", 1000),
            Field("cco", 8, "cardiac_output", 1000),
        ),
        level=11,
    ),
)


class Channel(NamedTuple):
    """An invasive pressure channel; its label says what it measures."""

    name: str
    kind: int
    at: int


CHANNELS: Final = (
    Channel("P1", BASIC, 20),
    Channel("P2", BASIC, 34),
    Channel("P3", BASIC, 48),
    Channel("P4", BASIC, 62),
    Channel("P5", BASIC, 244),
    Channel("P6", BASIC, 258),
    Channel("P7", EXT1, 82),
    Channel("P8", EXT1, 96),
)

CHANNEL_NAMES: Final = tuple(channel.name for channel in CHANNELS)

PRESSURE_FIELDS: Final = {"sys": 6, "dia": 8, "mean": 10, "hr": 12}
MMHG: Final = 100

LABELS: Final = (
    "undefined", "ART", "CVP", "PA", "RAP", "RVP", "LAP", "ICP", "ABP", "P1", "P2", "P3", "P4",
    "P5", "P6", "SP", "FEM", "UAC", "UVC", "ICP2", "P7", "P8", "FEMV",
)  # fmt: skip
ARTERIAL: Final = ("ART", "ABP")
#: Labels that a site may count as arterial: arteries, and those that name no site.
POSSIBLY_ARTERIAL: Final = (
    *ARTERIAL, "FEM", "UAC", "SP", "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8",
)  # fmt: skip

ARTERIAL_SIGNALS: Final[Mapping[str, str]] = {
    "sys": "art_sys",
    "dia": "art_dia",
    "mean": "art_map",
    "hr": "pulse_rate",
}
#: Signals of labels that mean the same at every site. Phases of a venous pressure mean nothing.
LABEL_SIGNALS: Final[Mapping[str, Mapping[str, str]]] = {
    "CVP": {"mean": "cvp"},
    "PA": {"sys": "pap_sys", "dia": "pap_dia", "mean": "pap_map"},
}
