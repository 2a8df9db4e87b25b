"""OBX-6 to a unit, and a unit to the one that a signal has.

Numbers are those of ISO/IEEE 11073-10101 (partition 4, code = 262144 + term) as printed in the IHE
PCD Technical Framework; UCUM and vendor spellings as seen in published messages.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from monitor_daemon.core.vocabulary import SIGNAL_UNITS

_PARTITION: Final = 4 << 16

#: Factor and offset to another unit.
Conversion = tuple[float, float]
AS_IT_IS: Final[Conversion] = (1.0, 0.0)

#: Number, refid without MDC_DIM_ and X_, unit.
_MDC_TABLE: Final = """
266016 MMHG mmHg
266048 CM_H2O cmH2O
265987 KILO_PASCAL kPa
264864 BEAT_PER_MIN 1/min
264928 RESP_PER_MIN 1/min
262688 PERCENT %
268192 DEGC degC
266560 FAHR degF
265216 L_PER_MIN L/min
264992 L_PER_MIN_PER_M_SQ L/min/m2
270656 DYNE_SEC_PER_CM5 dyn.s/cm5
268160 DYNE_SEC_PER_CM5 dyn.s/cm5
266866 MILLI_MOLE_PER_L mmol/L
264274 MILLI_G_PER_DL mg/dL
264320 SEC s
264338 MILLI_SEC ms
264352 MIN min
263875 KILO_G kg
263872 G g
263441 CENTI_M cm
265266 MILLI_L_PER_HR mL/h
263762 MILLI_L mL
264306 MILLI_G_PER_ML mg/mL
264307 MICRO_G_PER_ML ug/mL
267744 INTL_UNIT_PER_ML U/mL
265619 MICRO_G_PER_KG_PER_MIN ug/kg/min
265651 MICRO_G_PER_KG_PER_HR ug/kg/h
265620 NANO_G_PER_KG_PER_MIN ng/kg/min
265490 MILLI_G_PER_MIN mg/min
265522 MILLI_G_PER_HR mg/h
265491 MICRO_G_PER_MIN ug/min
265523 MICRO_G_PER_HR ug/h
267808 INTL_UNIT_PER_MIN U/min
267840 INTL_UNIT_PER_HR U/h
267826 MILLI_INTL_UNIT_PER_MIN mU/min
"""
#: A unit whose number and name contradict each other; nothing converts from it.
_CONFLICT: Final = "?"
_ROWS: Final = [line.split() for line in _MDC_TABLE.split("\n") if line]
_BY_NUMBER: Final = {int(number): unit for number, _, unit in _ROWS}
_BY_REFID: Final = {refid: unit for _, refid, unit in _ROWS}

CONCENTRATIONS: Final = {
    unit.lower(): unit for unit in ("ng/mL", "ug/mL", "mg/mL", "g/mL", "mU/mL", "U/mL")
}
DOSES: Final = {
    unit.lower(): unit
    for amount in ("ng", "ug", "mg", "g", "mU", "U")
    for weight in ("", "/kg")
    for time in ("min", "h")
    for unit in (f"{amount}{weight}/{time}",)
}

#: UCUM and vendor text after `_plain`.
_BY_TEXT: Final = {
    **CONCENTRATIONS,
    **DOSES,
    **dict.fromkeys(("mmhg", "mm[hg]", "mm(hg)"), "mmHg"),
    **dict.fromkeys(("cmh2o", "cm[h2o]", "cm(h2o)"), "cmH2O"),
    "kpa": "kPa",
    **dict.fromkeys(("/min", "1/min", "min-1", "min^-1", "bpm", "rpm"), "1/min"),
    **dict.fromkeys(("回/1分", "回/分"), "1/min"),
    **{
        f"{left}{event}{right}/min": "1/min"
        for event in ("beat", "beats", "breath", "breaths", "resp", "hb")
        for left, right in (("", ""), ("{", "}"), ("(", ")"))
    },
    "%": "%",
    **dict.fromkeys(("cel", "degc", "°c"), "degC"),
    **dict.fromkeys(("[degf]", "degf", "°f"), "degF"),
    "l/min": "L/min",
    "ml/min": "mL/min",
    **dict.fromkeys(("l/min/m2", "l/min/m^2", "l/min/m\\s\\2"), "L/min/m2"),
    **dict.fromkeys(
        ("dyn.s/cm5", "dyn*s/cm5", "dyn.s.cm-5", "dyne.s/cm5", "dyn.sec/cm5", "dyn.s/cm^5"),
        "dyn.s/cm5",
    ),
    "mmol/l": "mmol/L",
    "umol/l": "umol/L",
    **dict.fromkeys(("meq/l", "mval/l"), "mEq/L"),
    "mg/dl": "mg/dL",
    "s": "s",
    "ms": "ms",
    "min": "min",
    **dict.fromkeys(("kg", "kilogram", "kilograms"), "kg"),
    "g": "g",
    **dict.fromkeys(("lb", "lbs", "[lb_av]", "pound", "pounds"), "lb"),
    **dict.fromkeys(("oz", "[oz_av]", "ounce", "ounces"), "oz"),
    "cm": "cm",
    "m": "m",
    **dict.fromkeys(("in", "[in_i]"), "in"),
    "ml/h": "mL/h",
    "ml": "mL",
    "l": "L",
}
#: Parts of a unit with other names: mass and international units, times.
_PARTS: Final = {
    "mcg": "ug",
    "iu": "u",
    "ie": "u",
    "ui": "u",
    "miu": "mu",
    "mui": "mu",
    "mie": "mu",
    "i.u.": "u",
    "i.e.": "u",
    "unit": "u",
    "units": "u",
    **dict.fromkeys(("munit", "munits", "milliunit", "milliunits"), "mu"),
    **dict.fromkeys(("hr", "hour", "hours"), "h"),
    **dict.fromkeys(("minute", "minutes"), "min"),
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
}
#: Two divisors in brackets, as UCUM has it: ug/(kg.min).
_DIVISORS: Final = re.compile(r"/\((\w+)\.(\w+)\)")

#: To a target unit: value * factor + offset.
_FACTORS: Final[dict[str, dict[str, Conversion]]] = {
    # 1 cmH2O = 98.0665 Pa, 1 mmHg = 133.322387415 Pa.
    "mmHg": {"cmH2O": (98.0665 / 133.322387415, 0.0), "kPa": (1000 / 133.322387415, 0.0)},
    "degC": {"degF": (5 / 9, -160 / 9)},
    "L/min": {"mL/min": (0.001, 0.0)},
    "s": {"ms": (0.001, 0.0)},
    # Avoirdupois pound and ounce.
    "kg": {"g": (0.001, 0.0), "lb": (0.45359237, 0.0), "oz": (0.45359237 / 16, 0.0)},
    "cm": {"m": (100.0, 0.0), "in": (2.54, 0.0)},
    "mL/h": {"mL/min": (60.0, 0.0)},
    "mL": {"L": (1000.0, 0.0)},
}
_SIGNAL_FACTORS: Final[dict[str, dict[str, Conversion]]] = {
    # Molar mass of lactic acid 90.08 g/mol; both ions have one charge.
    "lactate": {"mg/dL": (10 / 90.08, 0.0), "mEq/L": (1.0, 0.0)},
    "sodium": {"mEq/L": (1.0, 0.0)},
    # Molar mass of creatinine 113.12 g/mol.
    "creatinine": {"mg/dL": (1e4 / 113.12, 0.0)},
}
#: Signals that are counted or given in per cent everywhere: a missing unit leaves no doubt.
UNIT_FREE: Final = frozenset({"heart_rate", "pulse_rate", "respiration_rate", "spo2"})


@lru_cache(maxsize=4096)
def unit_of(obx6: str) -> str | None:
    """The unit in OBX-6 (components by `^`); None if unknown or if its two triplets disagree.

    A circumflex that was meant as an exponent (`L/min/m^2`) is read as one.
    """
    whole = _BY_TEXT.get(_plain(obx6))
    if whole:
        return whole
    parts = [part.strip() for part in obx6.split("^")] + [""] * 6
    found = {_triplet(*parts[:3]), _triplet(*parts[3:6])} - {None}
    return found.pop() if len(found) == 1 else None


def conversion(signal: str, obx6: str) -> Conversion | None:
    """Factor and offset from the unit in OBX-6 to the unit of `signal`; None if there is none."""
    if not obx6.strip() and signal in UNIT_FREE:
        return AS_IT_IS
    unit = unit_of(obx6)
    return _SIGNAL_FACTORS.get(signal, {}).get(unit or "") or factor(SIGNAL_UNITS[signal], unit)


def factor(target: str, unit: str | None) -> Conversion | None:
    """Factor and offset from `unit` to `target`; None if they do not measure the same."""
    if unit == target:
        return AS_IT_IS
    return _FACTORS.get(target, {}).get(unit or "")


def _triplet(code: str, text: str, system: str) -> str | None:
    """The unit of code^text^system, None if nothing in it is known, `_CONFLICT` if they differ."""
    if system.upper() == "MDIL":
        unit, named = _mdil(code), _BY_TEXT.get(_plain(text))
        return unit if unit is None or named in {None, unit} else _CONFLICT
    refid = text.upper().removeprefix("MDC_DIM_").removeprefix("X_")
    by_refid = text.upper().startswith("MDC_")
    named = _BY_REFID.get(refid) if by_refid else _BY_TEXT.get(_plain(text))
    number = int(code) if code.isascii() and code.isdecimal() and len(code) < 10 else 0
    if not number:
        coded = _BY_TEXT.get(_plain(code))
        return named if coded in {None, named} else _CONFLICT if named else coded
    unit = _BY_NUMBER.get(number)
    if unit is None:
        # A number of another list (UCUM's own, a bare term): only its name tells the unit.
        foreign = by_refid and _BY_NUMBER.get(number + _PARTITION) != named
        return _CONFLICT if named and foreign else named
    return unit if named in {None, unit} else _CONFLICT


def _mdil(code: str) -> str | None:
    try:
        partition, term = (int(part, 16) for part in code.split("-"))
    except ValueError:
        return None
    return _BY_NUMBER.get((partition << 16) + term)


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).replace(" ", "").replace("μ", "u").lower()
    text = text.replace("[iu]", "iu").replace("·", ".").replace("⋅", ".")
    text = _DIVISORS.sub(r"/\1/\2", text)
    return "/".join(_PARTS.get(part, part) for part in text.split("/"))
