"""Norepinephrine equivalents: one number for several vasopressors, by three published formulas.

The formulas differ (angiotensin II four-fold), so a value is never given without its formula, and a
drug that a formula does not know is named, not left out in silence. Exact in fractions, rounded
half-up to three decimals once, at the end (reference sections 3.2 and 3.4).
"""

from collections.abc import Container, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final

import msgspec

from monitor_daemon.core.dose import rounded
from monitor_daemon.core.errors import InvariantError, MappingError
from monitor_daemon.core.infusion import Infusions
from monitor_daemon.core.outcomes import CATECHOLAMINES

UNIT: Final = "ug/kg/min norepinephrine base equivalent"

#: The unit in which the dose of each drug is given here; norepinephrine always as base.
DOSE_UNITS: Final[Mapping[str, str]] = {
    "norepinephrine": "ug/kg/min",
    "epinephrine": "ug/kg/min",
    "dopamine": "ug/kg/min",
    "phenylephrine": "ug/kg/min",
    "metaraminol": "ug/kg/min",
    "vasopressin": "U/min",
    "angiotensin_ii": "ng/kg/min",
    "terlipressin": "ug/kg/min",
    "methylene_blue": "mg/kg/h",
    "hydroxocobalamin": "g",
    "midodrine": "ug/kg/min",
}

KHANNA: Final = "Khanna 2017"
GORADIA: Final = "Goradia 2021"
KOTANI: Final = "Kotani 2023"

#: Drug, then formula, to what one unit of `DOSE_UNITS` is worth. Khanna has none for angiotensin
#: II, the study drug of ATHOS-3. Goradia as the public mimic-code computes it. Khanna and Kotani
#: are recalled, not read in the papers' tables: they are shown beside Goradia; compare them with
#: the papers before a number of theirs is published.
FACTORS: Final[Mapping[str, Mapping[str, Fraction]]] = {
    "norepinephrine": {KHANNA: Fraction(1), GORADIA: Fraction(1), KOTANI: Fraction(1)},
    "epinephrine": {KHANNA: Fraction(1), GORADIA: Fraction(1), KOTANI: Fraction(1)},
    "dopamine": {KHANNA: Fraction(1, 150), GORADIA: Fraction(1, 100), KOTANI: Fraction(1, 100)},
    "phenylephrine": {KHANNA: Fraction(1, 10), GORADIA: Fraction(1, 10), KOTANI: Fraction("0.06")},
    "metaraminol": {GORADIA: Fraction(1, 8), KOTANI: Fraction(1, 8)},
    "vasopressin": {KHANNA: Fraction("2.5"), GORADIA: Fraction("2.5"), KOTANI: Fraction("2.5")},
    "angiotensin_ii": {GORADIA: Fraction("0.01"), KOTANI: Fraction("0.0025")},
    "terlipressin": {KOTANI: Fraction(10)},
    "methylene_blue": {KOTANI: Fraction("0.2")},
    "hydroxocobalamin": {KOTANI: Fraction("0.02")},
    "midodrine": {KOTANI: Fraction("0.4")},
}

#: The catecholamines and the one other direct sympathomimetic that the reference sums with them.
SYMPATHOMIMETICS: Final = CATECHOLAMINES | {"phenylephrine"}

_MINUTES: Final = {"min": 1, "h": 60}
_UNITS: Final = {"U": Decimal(1), "mU": Decimal("0.001")}
_MASS: Final = {
    "ng": Decimal("0.001"),
    "ug": Decimal(1),
    "mg": Decimal(1000),
    "g": Decimal(1_000_000),
}


#: ug/h, or U/h, in one of a dose unit for one kg; a weight matters where "kg" stands in it.
_PER_HOUR: Final = {
    "ug/kg/min": Decimal(60),
    "ng/kg/min": Decimal("0.06"),
    "mg/kg/h": Decimal(1000),
    "U/min": Decimal(60),
}


class Equivalent(msgspec.Struct, frozen=True):
    """An equivalent dose in `unit` by `formula`; `missing` drugs run and have no factor in it."""

    formula: str
    value: Decimal
    with_vasopressin: bool
    missing: tuple[str, ...] = ()
    unit: str = UNIT

    @property
    def complete(self) -> bool:
        """False: the patient is given more than `value` says."""
        return not self.missing


def equivalents(doses: Mapping[str, Decimal], *, blinded: bool = False) -> list[Equivalent]:
    """Every formula, with and without vasopressin, of doses in `DOSE_UNITS`.

    `blinded`: a trial with blinded vasopressin; only the values without it are computed. Raises
    InvariantError for a dose that is negative or not a number.
    """
    variants = (False,) if blinded else (True, False)
    drugs = {vasopressin: _running(doses, vasopressin=vasopressin) for vasopressin in variants}
    return [
        _equivalent(drugs[vasopressin], formula, formula, with_vasopressin=vasopressin)
        for formula in (KHANNA, GORADIA, KOTANI)
        for vasopressin in variants
    ]


def doses_given(
    infusions: Infusions, drugs: Iterable[str], weight: Decimal
) -> tuple[dict[str, Decimal], bool]:
    """The doses of `drugs` for `weight` (kg) in `DOSE_UNITS`, and whether they are all known.

    What a pump gives of a drug whose unit is no rate (hydroxocobalamin) is not known.
    """
    doses: dict[str, Decimal] = {}
    known = True
    for drug in drugs:
        amount, complete = infusions.amount(drug)
        unit = DOSE_UNITS.get(drug, "ug/kg/min")
        known = known and complete and unit in _PER_HOUR
        if unit in _PER_HOUR:
            doses[drug] = amount / _PER_HOUR[unit] / (weight if "kg" in unit else 1)
    return doses, known


def sympathomimetics(doses: Mapping[str, Decimal]) -> Equivalent:
    """Catecholamines and phenylephrine alone, in Goradia's weights; doses in `DOSE_UNITS`."""
    return _part(doses, SYMPATHOMIMETICS, "sympathomimetics")


def catecholamines(doses: Mapping[str, Decimal]) -> Equivalent:
    """The catecholamines of the free-day outcome alone, in Goradia's weights.

    Dobutamine and isoprenaline raise no pressure, have no factor anywhere and are named as missing.
    """
    return _part(doses, CATECHOLAMINES, "catecholamines")


def units_per_minute(value: Decimal, unit: str) -> Decimal:
    """A rate in U/h, U/min, mU/h or mU/min as U/min. Raises MappingError for another unit."""
    return _per_minute(value, unit, _UNITS)


def micrograms_per_minute(value: Decimal, unit: str) -> Decimal:
    """A rate of ng, ug, mg or g per h or min as ug/min. Raises MappingError for another unit."""
    return _per_minute(value, unit, _MASS)


def _per_minute(value: Decimal, unit: str, amounts: Mapping[str, Decimal]) -> Decimal:
    amount, _, time = unit.partition("/")
    if amount not in amounts or time not in _MINUTES:
        allowed = ", ".join(f"{name}/{per}" for name in amounts for per in _MINUTES)
        raise MappingError(f"rate {value} {unit!r}: unknown unit; convert it to one of {allowed}")
    return value * amounts[amount] / _MINUTES[time]


def _running(doses: Mapping[str, Decimal], *, vasopressin: bool) -> dict[str, Decimal]:
    """The drugs that are given, with or without vasopressin, in the order of their names."""
    for drug, dose in doses.items():
        if not dose.is_finite() or dose < 0:
            raise InvariantError(f"dose of {drug} = {dose}: must be a number, 0 or above")
    return {
        drug: dose
        for drug, dose in sorted(doses.items())
        if dose > 0 and (vasopressin or drug != "vasopressin")
    }


def _part(doses: Mapping[str, Decimal], drugs: Container[str], name: str) -> Equivalent:
    members = {drug: dose for drug, dose in doses.items() if drug in drugs}
    running = _running(members, vasopressin=False)
    return _equivalent(running, GORADIA, f"{GORADIA}, {name} only", with_vasopressin=False)


def _equivalent(
    running: Mapping[str, Decimal], formula: str, name: str, *, with_vasopressin: bool
) -> Equivalent:
    factors = {drug: by[formula] for drug, by in FACTORS.items() if formula in by}
    total = sum(
        (factors[drug] * Fraction(dose) for drug, dose in running.items() if drug in factors),
        Fraction(0),
    )
    return Equivalent(
        formula=name,
        value=rounded(Decimal(total.numerator) / Decimal(total.denominator)),
        with_vasopressin=with_vasopressin,
        missing=tuple(drug for drug in running if drug not in factors),
    )
