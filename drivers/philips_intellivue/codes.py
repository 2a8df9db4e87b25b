"""What the numbers on the wire mean: physiological ids, units, alarms, operating modes.

Public numbers are those of ISO/IEEE 11073-10101, partition 2 for measurements and 4 for units;
those from F000 on are Philips' own (Programming Guide H.0). Label strings follow the language of
the monitor and are never read.
"""

from collections.abc import Mapping
from typing import Final

#: Physiological id to signal. Pressures of other sites and unlabelled pressures are not here: they
#: count as arterial only where a site's own list says so.
SIGNALS: Final[Mapping[int, str]] = {
    **dict.fromkeys((0x4A15, 0x4A11), "art_sys"),
    **dict.fromkeys((0x4A16, 0x4A12), "art_dia"),
    **dict.fromkeys((0x4A17, 0x4A13), "art_map"),
    0x4A05: "nibp_sys",
    0x4A06: "nibp_dia",
    0x4A07: "nibp_map",
    0x4A1D: "pap_sys",
    0x4A1E: "pap_dia",
    0x4A1F: "pap_map",
    # The venous pressure has one number, under the id of its group or of its mean.
    **dict.fromkeys((0x4A44, 0x4A47), "cvp"),
    0x4182: "heart_rate",
    # Pulse; from a pressure, from SpO2, from a cuff.
    **dict.fromkeys((0x480A, 0x4812, 0x481A, 0x482A, 0xF0E5), "pulse_rate"),
    **dict.fromkeys((0x5000, 0x500A), "respiration_rate"),
    0x4BB8: "spo2",
    # Unlabelled, bladder, core, oesophagus, blood.
    **dict.fromkeys((0x4B48, 0x4B4C, 0x4B60, 0x4B64, 0xE014), "temperature"),
    # Intermittent and continuous.
    **dict.fromkeys((0x4B04, 0x4BDC), "cardiac_output"),
    **dict.fromkeys((0x490C, 0xF047), "cardiac_index"),
    0x4B28: "svr",
}

#: The groups of invasive pressures: ids of a group differ in their last two bits only. Aorta, ABP,
#: ART, umbilical, pulmonary, central venous, unlabelled, femoral, brachial.
PRESSURE_GROUPS: Final = frozenset(
    {0x4A0C, 0x4A14, 0x4A10, 0x4A28, 0x4A1C, 0x4A44, 0x4A00, 0xF0BC, 0xF0C0}
)

UNITS: Final[Mapping[int, str]] = {
    0x0200: "1",
    0x0220: "%",
    0x0AA0: "1/min",
    0x0AE0: "1/min",
    0x0B20: "L/min/m2",
    0x0C00: "L/min",
    0x0F03: "kPa",
    0x0F20: "mmHg",
    0x0F40: "cmH2O",
    0x1140: "degF",
    **dict.fromkeys((0x1780, 0x2140), "dyn.s/cm5"),
    0x17A0: "degC",
}

#: From a unit to a signal's unit: value * factor + offset. 1 mmHg = 133.322387415 Pa.
CONVERSIONS: Final[Mapping[tuple[str, str], tuple[float, float]]] = {
    ("kPa", "mmHg"): (1000 / 133.322387415, 0.0),
    ("cmH2O", "mmHg"): (98.0665 / 133.322387415, 0.0),
    ("degF", "degC"): (5 / 9, -160 / 9),
}

#: Alarms of a pressure line, for entries that come without a text.
ALARMS: Final[Mapping[int, str]] = {
    40: "high",
    62: "low",
    61830: "extremely high",
    61832: "extremely low",
    74: "noisy signal",
    242: "equipment malfunction",
    336: "no transducer",
    338: "transducer malfunction",
    352: "disconnected",
    364: "over range",
    432: "artefact",
    442: "non-pulsatile",
    6664: "zero and check calibration",
    6704: "reduced gain",
}
#: While one of these stands for a pressure, its numbers are not the patient's.
LINE_PROBLEMS: Final = frozenset({352, 432, 442})

PRIORITIES: Final[Mapping[int, str]] = {
    1: "low",
    2: "medium",
    4: "high",
    256: "low",
    512: "medium",
    1024: "high",
}
#: States of an alarm whose condition is over, so that only its signal stands (latched, as in IEC
#: 60601-1-8), or is no patient's: test, standby, demo.
NOT_NOW: Final = 0x2000 | 0x0400 | 0x0200 | 0x0100
ALARM_STATES: Final[Mapping[int, str]] = {
    0x8000: "inhibited",
    0x4000: "suspended",
    0x2000: "latched",
    0x1000: "silenced",
    0x0400: "test",
    0x0200: "standby",
    0x0100: "demo",
}

#: Bits of the operating mode.
MODES: Final[Mapping[int, str]] = {
    0x8000: "unspecified",
    0x4000: "monitoring",
    0x2000: "demo",
    0x1000: "service",
    0x0002: "standby",
    0x0001: "configuration",
}
#: Modes in which numbers are not those of a patient.
NOT_A_PATIENT: Final = 0x2000 | 0x1000 | 0x0002


def group(physio_id: int) -> int:
    """The group of a pressure, e.g. 4A14 (ABP) for its mean 4A17."""
    return physio_id & 0xFFFC


def words(names: Mapping[int, str], bits: int) -> str:
    """The names of the bits that are set, separated by commas."""
    return ", ".join(name for bit, name in names.items() if bits & bit)
