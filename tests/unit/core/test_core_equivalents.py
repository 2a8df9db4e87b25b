"""Equivalents against the worked example of the reference (3.4) and the factors of the papers."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.equivalents import (
    DOSE_UNITS,
    FACTORS,
    GORADIA,
    KHANNA,
    KOTANI,
    catecholamines,
    doses_given,
    equivalents,
    micrograms_per_minute,
    sympathomimetics,
    units_per_minute,
)
from monitor_daemon.core.errors import InvariantError, MappingError
from monitor_daemon.core.events import MINUTE, Flow
from monitor_daemon.core.infusion import Infusions

#: A site's own drug file.
TABLE = "".join(
    f"[drug.{drug}]\ngroup = {('vasopressin' if drug == 'vasopressin' else 'vasopressor')!r}\n"
    f"names = [{drug.upper()!r}]\nas = 'base'\n"
    for drug in DOSE_UNITS
)
#: The worked example: six drugs at once.
WORKED = {
    "norepinephrine": Decimal("0.20"),
    "epinephrine": Decimal("0.05"),
    "dopamine": Decimal(5),
    "phenylephrine": Decimal("0.5"),
    "vasopressin": Decimal("0.03"),
    "angiotensin_ii": Decimal(20),
}


def by_formula(doses, *, with_vasopressin=True):
    found = equivalents(doses)
    return {e.formula: e for e in found if e.with_vasopressin is with_vasopressin}


@pytest.mark.parametrize(
    ("formula", "value", "missing"),
    [(KHANNA, "0.408", ("angiotensin_ii",)), (GORADIA, "0.625", ()), (KOTANI, "0.455", ())],
)
def test_worked_example(formula, value, missing):
    found = by_formula(WORKED)[formula]
    assert (found.value, found.missing) == (Decimal(value), missing)
    assert found.complete is not bool(missing)
    assert found.unit == "ug/kg/min norepinephrine base equivalent"


def test_worked_example_without_vasopressin():
    assert by_formula(WORKED, with_vasopressin=False)[GORADIA].value == Decimal("0.550")


def test_worked_sums_of_a_part():
    assert sympathomimetics(WORKED).value == Decimal("0.350")
    assert catecholamines(WORKED).value == Decimal("0.300")


def test_1_8_units_an_hour_are_0_075():
    dose = units_per_minute(Decimal("1.8"), "U/h")
    assert dose == Decimal("0.03")
    values = [e.value for e in by_formula({"vasopressin": dose}).values()]
    assert values == [Decimal("0.075")] * 3


@pytest.mark.parametrize(
    ("drug", "dose", "khanna", "goradia", "kotani"),
    [
        ("norepinephrine", "0.3", "0.3", "0.3", "0.3"),
        ("epinephrine", "0.3", "0.3", "0.3", "0.3"),
        ("dopamine", "15", "0.1", "0.15", "0.15"),
        ("phenylephrine", "1", "0.1", "0.1", "0.06"),
        ("metaraminol", "0.8", None, "0.1", "0.1"),
        ("vasopressin", "0.04", "0.1", "0.1", "0.1"),
        ("angiotensin_ii", "40", None, "0.4", "0.1"),
        ("terlipressin", "0.02", None, None, "0.2"),
        ("methylene_blue", "0.5", None, None, "0.1"),
        ("hydroxocobalamin", "5", None, None, "0.1"),
        ("midodrine", "0.25", None, None, "0.1"),
    ],
)
def test_one_drug_alone(drug, dose, khanna, goradia, kotani):
    """Products of the table's factors, made by hand; angiotensin II differs four-fold."""
    expected = {KHANNA: khanna, GORADIA: goradia, KOTANI: kotani}
    for formula, found in by_formula({drug: Decimal(dose)}).items():
        value = expected[formula]
        assert found.value == Decimal(value or 0)
        assert found.missing == (() if value else (drug,))


def test_every_drug_with_a_factor_has_a_unit():
    assert FACTORS.keys() == DOSE_UNITS.keys()


def test_in_a_blinded_trial_no_value_with_vasopressin_exists():
    found = equivalents(WORKED, blinded=True)
    assert [e.formula for e in found] == [KHANNA, GORADIA, KOTANI]
    assert not any(e.with_vasopressin for e in found)
    assert found == equivalents({**WORKED, "vasopressin": Decimal(9)}, blinded=True)


def test_a_drug_that_does_not_run_is_not_missing():
    found = by_formula({"norepinephrine": Decimal("0.1"), "terlipressin": Decimal(0)})
    assert found[KHANNA].complete


def test_a_drug_nobody_has_a_factor_for_is_named():
    for found in equivalents({"norepinephrine": Decimal("0.1"), "selepressin": Decimal(1)}):
        assert (found.value, found.missing) == (Decimal("0.1"), ("selepressin",))


def test_dobutamine_is_a_catecholamine_without_a_factor():
    found = catecholamines({"norepinephrine": Decimal("0.1"), "dobutamine": Decimal(5)})
    assert (found.value, found.missing) == (Decimal("0.1"), ("dobutamine",))


def test_a_sum_is_rounded_once_at_its_end():
    """0.06 / 150 + 0.0004 = 0.0008; each rounded alone would be nothing."""
    found = by_formula({"dopamine": Decimal("0.06"), "norepinephrine": Decimal("0.0004")})
    assert found[KHANNA].value == Decimal("0.001")
    half = by_formula({"norepinephrine": Decimal("0.0005")})
    assert half[KHANNA].value == Decimal("0.001")


@pytest.mark.parametrize("dose", [Decimal("-0.1"), Decimal("NaN"), Decimal("Infinity")])
def test_a_dose_that_cannot_be_is_refused(dose):
    with pytest.raises(InvariantError, match="dose of epinephrine"):
        equivalents({"epinephrine": dose})


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("2.4", "U/h", "0.04"),
        ("0.03", "U/min", "0.03"),
        ("30", "mU/min", "0.03"),
        ("1800", "mU/h", "0.03"),
    ],
)
def test_units_per_minute(value, unit, expected):
    assert units_per_minute(Decimal(value), unit) == Decimal(expected)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("0.6", "mg/h", "10"),
        ("10", "ug/min", "10"),
        ("3", "ug/h", "0.05"),
        ("500", "ng/min", "0.5"),
        ("0.00006", "g/h", "1"),
    ],
)
def test_micrograms_per_minute(value, unit, expected):
    assert micrograms_per_minute(Decimal(value), unit) == Decimal(expected)


@pytest.mark.parametrize("unit", ["mL/h", "U", "U/d", "U/kg/min", "u/min", "mg/h", ""])
def test_an_unknown_unit_of_vasopressin_is_refused(unit):
    with pytest.raises(MappingError, match="one of U/min, U/h, mU/min, mU/h"):
        units_per_minute(Decimal(1), unit)


@given(st.text(max_size=12))
def test_any_text_is_a_unit_or_a_mapping_error(unit):
    for convert in (units_per_minute, micrograms_per_minute):
        try:
            assert convert(Decimal(60), unit) > 0
        except MappingError:
            continue


doses = st.dictionaries(
    st.sampled_from([*DOSE_UNITS, "selepressin"]), st.decimals(0, 50, places=3), max_size=8
)


@given(doses)
def test_values_lie_within_half_a_thousandth_of_the_exact_sum(given_doses):
    for found in equivalents(given_doses):
        exact = sum(
            Fraction(dose) * FACTORS.get(drug, {}).get(found.formula, 0)
            for drug, dose in given_doses.items()
            if found.with_vasopressin or drug != "vasopressin"
        )
        assert abs(Fraction(found.value) - exact) <= Fraction(1, 2000)


@given(doses)
def test_a_part_is_never_more_than_the_whole(given_doses):
    whole = by_formula(given_doses, with_vasopressin=False)[GORADIA].value
    assert catecholamines(given_doses).value <= sympathomimetics(given_doses).value <= whole


def test_doses_are_given_in_the_unit_of_each_drug():
    # For 80 kg: 14.4 mL/h of 100 ug/mL are 0.3 ug/kg/min; 4.8 mL/h of 1 ug/mL are 1 ng/kg/min;
    # 2.25 mL/h of 0.8 U/mL are 0.03 U/min; 16 mL/h of 5 mg/mL are 1 mg/kg/h.
    infusions = Infusions()
    drugs = {
        "norepinephrine": (14.4, 100.0, "ug/mL"),
        "angiotensin_ii": (4.8, 1.0, "ug/mL"),
        "vasopressin": (2.25, 0.8, "U/mL"),
        "methylene_blue": (16.0, 5.0, "mg/mL"),
        "hydroxocobalamin": (100.0, 25.0, "mg/mL"),
    }
    table = DrugTable.parse(TABLE)
    for channel, (drug, (rate, strength, unit)) in enumerate(drugs.items()):
        flow = Flow(str(channel), "running", rate, drug, strength, unit)
        infusions.take(str(channel), flow, table, MINUTE, MINUTE)
    infusions.settle(MINUTE, 0)
    doses, known = doses_given(infusions, list(drugs)[:-1], Decimal(80))
    assert (list(map(float, doses.values())), known) == ([0.3, 1.0, 0.03, 1.0], True)
    # Hydroxocobalamin counts in grams in all, which no pump tells.
    doses, known = doses_given(infusions, drugs, Decimal(80))
    assert (set(doses), known) == (set(drugs) - {"hydroxocobalamin"}, False)
