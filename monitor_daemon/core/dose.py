"""Dose arithmetic in decimals: rate, concentration and weight to ug/kg/min of base.

D = rate (mL/h) x base concentration (ug/mL) / 60 / weight (kg), rounded half-up to three decimals
once, at the end, before any comparison (reference sections 0.3 and 3.2).
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

THOUSANDTH: Final = Decimal("0.001")

#: Mass concentrations in ug/mL and unit concentrations in U/mL (1 IU = 1 U).
_MASS: Final = {
    "ng/mL": Decimal("0.001"),
    "ug/mL": Decimal(1),
    "mg/mL": Decimal(1000),
    "g/mL": Decimal(1_000_000),
}
_UNITS: Final = {
    "U/mL": Decimal(1),
    "mU/mL": Decimal("0.001"),
    "kU/mL": Decimal(1000),
}
#: Amounts in ug or U, and times in which a dose is counted.
_AMOUNTS: Final = {unit.removesuffix("/mL"): factor for unit, factor in (_MASS | _UNITS).items()}
_HOURLY: Final = {"h": Decimal(1), "min": Decimal(60)}


def exact(number: float) -> Decimal:
    """The decimal that was printed: 0.0996 is 0.0996, not its binary neighbour."""
    return Decimal(repr(number))


def concentration(value: float | None, unit: str | None, *, in_units: bool) -> Decimal | None:
    """A label's concentration in ug/mL, or in U/mL if `in_units`; None if it is not known.

    Zero means that the pump does not know (B. Braun BCC), never a syringe of water. Mass for a drug
    dosed in units, or units for one dosed by mass, is not known either.
    """
    if value is None or value <= 0:
        return None
    factor = (_UNITS if in_units else _MASS).get(unit or "")
    return None if factor is None else exact(value) * factor


def per_hour(value: float | None, unit: str | None, weight: float | None) -> Decimal | None:
    """A pump's own dose as ug/h or U/h; per kg it needs the `weight` (kg) that the pump used.

    None if it is not known. 1.8 U/h is 0.03 U/min: the factor of 60 is the usual mistake.
    """
    if value is None or value < 0:
        return None
    amount, *divisors = (unit or "").split("/")
    factor = _AMOUNTS.get(amount)
    if factor is None or not divisors or divisors[-1] not in _HOURLY:
        return None
    result = exact(value) * factor * _HOURLY[divisors[-1]]
    match divisors[:-1]:
        case []:
            return result
        case ["kg"] if weight:
            return result * exact(weight)
    return None


def rounded(dose: Decimal) -> Decimal:
    """Half-up to three decimals: 0.0996 is 0.100 and meets 0.1; 0.0994 is 0.099 and does not."""
    return dose.quantize(THOUSANDTH, rounding=ROUND_HALF_UP)
