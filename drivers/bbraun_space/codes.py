"""Code tables of the BCC protocol.

Source: B. Braun BCC 4.0, parameter list, unit codes and bit fields; an independent public reader of
the protocol has the same unless noted.
"""

from typing import Final

_PER_TIME: Final = ("min", "h", "day")


def _rates(first: int, amount: str) -> dict[int, str]:
    """Three consecutive codes: an amount per minute, hour and day."""
    return {first + i: f"{amount}/{time}" for i, time in enumerate(_PER_TIME)}


#: Unit codes of INDCONU, INDORTU, DORTU, with IU written U. Any other code is an unknown unit.
UNITS: Final[dict[int, str]] = {
    1: "mL/h",
    2: "mL",
    10: "mbar",
    22: "kg",
    23: "ng",
    24: "mg",
    25: "ug",
    26: "g",
    27: "mmol",
    28: "mEq",
    29: "U",
    30: "ng/mL",
    31: "mg/mL",
    32: "ug/mL",
    33: "g/mL",
    34: "mmol/mL",
    35: "mEq/mL",
    36: "U/mL",
    37: "ng/kg",
    38: "mg/kg",
    39: "ug/kg",
    40: "g/kg",
    **_rates(44, "ng"),
    **_rates(47, "mg"),
    **_rates(50, "ug"),
    **_rates(53, "g"),
    **_rates(56, "mmol"),
    **_rates(59, "mEq"),
    **_rates(62, "U"),
    **_rates(65, "ng/kg"),
    **_rates(68, "mg/kg"),
    **_rates(71, "ug/kg"),
    **_rates(74, "g/kg"),
    **_rates(83, "U/kg"),
    86: "mmHg",
    87: "kPa",
    88: "lb",
    117: "mU",
    118: "mU/mL",
    119: "mU/kg",
    **_rates(121, "mU"),
    **_rates(124, "mU/kg"),
    130: "kU",
    131: "kU/mL",
    133: "kU/h",
    153: "mL/kg",
    155: "mL/kg/h",
}

#: Bits of the alarm words. Bit 0 means "none". Bits that are not here are undocumented.
ALARM_BITS: Final[dict[str, dict[int, str]]] = {
    "ALARM1": {
        1: "calibration",
        2: "battery",
        3: "battery or data",
        4: "data corrupt",
        5: "voltage low",
        6: "no battery",
        7: "battery flat",
        8: "cover",
        9: "syringe empty",
        10: "pressure",
        11: "pressure and drive blocked",
        12: "standby expired",
        13: "volume infused",
        14: "time expired",
        15: "claw",
        16: "pressure sensor",
        17: "syringe holder open",
        18: "syringe not inserted",
        19: "KVO end",
        20: "upstream",
        **dict.fromkeys(range(22, 28), "drop"),
        **dict.fromkeys(range(28, 32), "air"),
    },
    "ALARM2": {
        1: "data lock",
        2: "PCA limit",
        3: "SGC",
        4: "takeover: syringe end",
        5: "takeover failed",
        6: "takeover slave",
        7: "free flow",
        29: "occlusion test",
        30: "door open",
        31: "syringe not secure",
    },
    "PREALARM": {
        # The two sources disagree about this bit.
        1: "disposable not inserted or syringe empty",
        2: "volume near end",
        3: "time near end",
        4: "battery nearly flat",
        5: "KVO",
        6: "data lock",
        7: "CAN",
        8: "piggyback done",
        9: "SGC",
        **dict.fromkeys(range(10, 13), "pressure trend"),
        13: "takeover master: syringe pre-alarm",
        14: "takeover slave failure",
        15: "battery defective",
    },
}

#: Alarm flags INA1 ... INA16, each 0 or 1. Nobody has documented 4 and 10.
ALARM_FLAGS: Final[dict[str, str]] = {
    "INA1": "battery empty",
    "INA2": "syringe empty",
    "INA3": "pressure",
    "INA4": "undocumented",
    "INA5": "standby over",
    "INA6": "CC",
    "INA7": "end of volume",
    "INA8": "time over",
    "INA9": "syringe alarm",
    "INA10": "undocumented",
    "INA11": "battery pre-alarm",
    "INA12": "syringe nearly empty",
    "INA13": "door",
    "INA14": "drop",
    "INA15": "air",
    "INA16": "KVO end",
}
#: Those of the flags that only warn: the infusion goes on.
WARNING_FLAGS: Final = frozenset({"INA11", "INA12"})

#: Software prefixes of GNMODEL and GNNEW.
MODELS: Final[dict[str, str]] = {
    "686": "Infusomat Space",
    "687": "Infusomat P Space",
    "688": "Perfusor Space",
    "586": "Infusomat Space (US)",
    "587": "Infusomat P Space (US)",
    "588": "Perfusor Space (US)",
    "I0002": "Perfusor Compact+",
    "I0003": "Infusomat Compact+",
}

#: GNERR codes that refuse our request: no answer to it will come.
REFUSALS: Final[dict[str, str]] = {
    "68": "syntax or checksum error in the request",
    "811": "wrong pump address",
}


def refusal(code: str) -> str:
    """What a GNERR code means."""
    if code.startswith("4") and len(code) == 2:
        return "communication error with a pump"
    if code.startswith("5") and len(code) == 2:
        return "topology invalid: has every pillar its SpaceCover?"
    other = {"11": "no data available, no pump in the system", "39": "pump was removed"}
    return (REFUSALS | other).get(code, "undocumented code")


def model(software: str) -> str:
    """The pump that runs this software (GNMODEL); the software alone if unknown."""
    name = next((name for prefix, name in MODELS.items() if software.startswith(prefix)), None)
    return f"{name} {software}" if name else software
