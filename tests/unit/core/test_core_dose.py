"""Dose arithmetic against the worked tables of the reference and against exact fractions."""

from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest
from bedside import DRUGS
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.core.dose import concentration, exact, rounded
from monitor_daemon.core.drugs import SALT_FACTORS, DrugTable
from monitor_daemon.core.events import MINUTE, Flow
from monitor_daemon.core.infusion import Infusions

TABLE = DrugTable.parse(DRUGS)
BRIDGE = 5 * MINUTE
TARTRATE = """
[drug.norepinephrine_tartrate]
drug = "norepinephrine"
group = "vasopressor"
names = ["NORADRENALINE TARTRATE"]
as = "bitartrate"
"""


def dose_of(flows, weight, table=TABLE):
    """Norepinephrine of several (rate, ug/mL) syringes of entry `drug`, as it is compared."""
    infusions = Infusions()
    for channel, (rate, strength, drug) in enumerate(flows):
        flow = Flow(str(channel), "running", rate, drug, strength, "ug/mL")
        infusions.take(str(channel), flow, table, 0, 0)
    infusions.settle(0, BRIDGE)
    return infusions.dose("norepinephrine", weight)


@pytest.mark.parametrize(
    ("rate", "mg_ml", "factor", "weight", "expected"),
    [
        ("5", 0.08, "1", "70", "0.09524"),
        ("1", 0.06, "1", "50", "0.02000"),
        ("30", 0.016, "1", "80", "0.10000"),
        ("18.8", 0.016, "1", "70", "0.07162"),
        ("6", 0.2, "1", "75", "0.26667"),
        ("8", 0.5, "1", "70", "0.95238"),
        ("8", 0.5, "0.5", "70", "0.47619"),
    ],
    ids=["4mg/50", "3mg/50", "premix-80kg", "premix-70kg", "10mg/50", "tartrate", "as-base"],
)
def test_worked_mass_doses(rate, mg_ml, factor, weight, expected):
    labelled = DrugTable.parse(TARTRATE + f"factor = {float(factor)}\n")
    infusions = Infusions()
    flow = Flow("1", "running", float(rate), "norepinephrine_tartrate", mg_ml, "mg/mL")
    infusions.take("1", flow, labelled, 0, 0)
    infusions.settle(0, BRIDGE)
    per_hour, complete = infusions.amount("norepinephrine")
    assert complete
    assert (per_hour / 60 / Decimal(weight)).quantize(Decimal("0.00001")) == Decimal(expected)


def test_a_bcc_concentration_of_80_ug_ml_is_0_08_mg_ml():
    assert concentration(80, "ug/mL", in_units=False) == concentration(
        0.08, "mg/mL", in_units=False
    )


@pytest.mark.parametrize(
    ("rate", "u_ml", "expected"),
    [("2.25", 0.8, "0.03"), ("9", 0.2, "0.03"), ("1.8", 1.0, "0.03"), ("3", 0.8, "0.04")],
)
def test_worked_unit_doses(rate, u_ml, expected):
    infusions = Infusions()
    flow = Flow("v", "running", float(rate), "vasopressin", u_ml, "U/mL")
    infusions.take("v", flow, TABLE, 0, 0)
    infusions.settle(0, BRIDGE)
    assert infusions.units_per_minute("vasopressin").known == Decimal(expected)


def test_vasopressin_1_8_units_an_hour_are_0_03_a_minute():
    infusions = Infusions()
    infusions.take("v", Flow("v", "running", 2.25, "vasopressin", 0.8, "U/mL"), TABLE, 0, 0)
    infusions.settle(0, BRIDGE)
    assert infusions.units_per_minute("vasopressin").known == Decimal("0.03")


@pytest.mark.parametrize(
    ("rate", "strength", "weight", "expected"),
    [
        (6.0, 50.0, 50.0, "0.100"),
        (7.3, 50.0, 72.0, "0.084"),
        (5.976, 60.0, 60.0, "0.100"),
        (5.964, 60.0, 60.0, "0.099"),
        (12.0, 100.0, 80.0, "0.250"),
        (5.97, 60.0, 60.0, "0.100"),
        (5.9699, 60.0, 60.0, "0.099"),
        (0.03, 60.0, 60.0, "0.001"),
        (0.0299, 60.0, 60.0, "0.000"),
    ],
    ids=str,
)
def test_doses_as_they_are_compared(rate, strength, weight, expected):
    assert dose_of([(rate, strength, "norepinephrine")], weight).known == Decimal(expected)


@pytest.mark.parametrize("factor", ["factor = 0.5", ""], ids=["label", "molar"])
def test_a_tartrate_syringe_is_counted_as_base(factor):
    table = DrugTable.parse(TARTRATE + factor)
    dose = dose_of([(10.8, 100.0, "norepinephrine_tartrate")], 75.0, table)
    assert dose.known == Decimal("0.120")


def test_salt_factors_are_quotients_of_molar_masses():
    base = 169.18
    masses = {"bitartrate": 337.28, "bitartrate_anhydrous": 319.27, "hydrochloride": 205.64}
    assert SALT_FACTORS["base"] == 1
    for salt, mass in masses.items():
        assert float(SALT_FACTORS[salt]) == pytest.approx(base / mass, abs=5e-6)
    printed = {"bitartrate": "0.50160", "bitartrate_anhydrous": "0.52990"}
    assert {salt: str(SALT_FACTORS[salt]) for salt in printed} == printed


def test_the_threshold_is_met_at_0_0996_and_not_at_0_0994():
    threshold = exact(0.1)
    assert dose_of([(5.976, 60.0, "norepinephrine")], 60.0).at_least(threshold) is True
    assert dose_of([(5.964, 60.0, "norepinephrine")], 60.0).at_least(threshold) is False


@pytest.mark.parametrize("value", [None, 0, 0.0, -1.0])
def test_a_concentration_of_nothing_is_not_known(value):
    assert concentration(value, "ug/mL", in_units=False) is None


@pytest.mark.parametrize(
    ("unit", "in_units"),
    [("U/mL", False), ("mU/mL", False), ("mg/mL", True), ("ug/mL", True), (None, False),
     ("mL", False), ("ug/kg/min", False), ("U/h", True)],
)  # fmt: skip
def test_the_wrong_kind_of_unit_gives_no_strength(unit, in_units):
    assert concentration(0.8, unit, in_units=in_units) is None


@pytest.mark.parametrize(
    ("value", "unit", "in_units", "expected"),
    [(60.0, "ng/mL", False, "0.06"), (0.0001, "g/mL", False, "100"), (800.0, "mU/mL", True, "0.8"),
     (0.0008, "kU/mL", True, "0.8")],
)  # fmt: skip
def test_strengths_in_other_prefixes(value, unit, in_units, expected):
    assert concentration(value, unit, in_units=in_units) == Decimal(expected)


def test_two_pumps_of_one_drug_are_summed():
    one, two = (3.0, 60.0, "norepinephrine"), (1.5, 120.0, "norepinephrine")
    assert dose_of([one, two], 60.0).known == Decimal("0.100")


def test_three_pumps_are_rounded_once_at_the_end():
    """Each gives 4/3 ug/min: together 4 ug/min, in 64 kg exactly 0.0625, half-up 0.063."""
    assert dose_of([(1.0, 80.0, "norepinephrine")] * 3, 64.0).known == Decimal("0.063")


def decimals(low, high, places):
    scale = 10**places
    return st.integers(round(low * scale), round(high * scale)).map(lambda n: n / scale)


@given(
    st.lists(st.tuples(decimals(0.1, 99.9, 2), decimals(4, 400, 1)), min_size=1, max_size=2),
    decimals(30, 200, 1),
)
def test_any_dose_is_the_exact_quotient_rounded_half_up(syringes, weight):
    total = sum(Fraction(repr(rate)) * Fraction(repr(strength)) for rate, strength in syringes)
    quotient = total / 60 / Fraction(repr(weight))
    expected = Fraction(floor(quotient * 1000 + Fraction(1, 2)), 1000)
    flows = [(rate, strength, "norepinephrine") for rate, strength in syringes]
    assert Fraction(dose_of(flows, weight).known) == expected


@given(st.decimals(min_value=0, max_value=50, places=6))
def test_rounding_never_moves_a_dose_by_more_than_half_a_thousandth(dose):
    assert abs(rounded(dose) - dose) <= Decimal("0.0005")
