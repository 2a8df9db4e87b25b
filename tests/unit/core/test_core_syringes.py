"""What changes at a pump besides its rate: strength, weight, boluses, drug (reference 3.3, 3.5)."""

import pytest
from bedside import Bedside, alerts, ms

from monitor_daemon.core.decisions import Alert, Logged
from monitor_daemon.core.events import Data, Flow
from monitor_daemon.core.people import Acknowledge


def flow(rate, *, channel="1", drug="norepinephrine", strength=60.0, **more):
    given = {"status": "running" if rate else "stopped", "unit": "ug/mL", **more}
    return Flow(channel=channel, rate=rate, drug=drug, concentration=strength, **given)


def told(bedside, name):
    return [d for d in bedside.decisions if isinstance(d, Alert) and d.name == name]


@pytest.fixture
def bedside():
    return Bedside.active(rate=4.8, until=20)


def pumps(*flows):
    return Data("pumps", "B1", flows=flows)


def test_a_stronger_syringe_at_the_same_rate_is_told_at_once(bedside):
    bedside.give(20, pumps(flow(4.8, strength=120.0)))
    (alert,) = told(bedside, "CONC_CHANGE")
    assert (alert.at, alert.values) == (ms(20), {"drug": "norepinephrine", "ratio": 2.0})


@pytest.mark.parametrize(
    ("rate", "strength"),
    [
        (2.4, 120.0),  # the rate was halved with it: the dose is the same
        (4.8, 80.0),  # 1.33-fold: less than 1.5
        (4.8, 60.0),
    ],
)
def test_a_change_that_keeps_the_dose_is_silent(bedside, rate, strength):
    bedside.give(20, pumps(flow(rate, strength=strength)))
    assert told(bedside, "CONC_CHANGE") == []


def test_a_new_syringe_on_another_channel_is_compared_with_the_old_one(bedside):
    bedside.give(20, pumps(flow(4.8, channel="2", strength=30.0), flow(0.0)))
    (alert,) = told(bedside, "CONC_CHANGE")
    assert alert.values["ratio"] == 0.5


def test_a_pump_with_another_weight_is_told_once(bedside):
    for t in (20, 21, 22):
        bedside.give(t, pumps(flow(4.8, weight=64.0)))
        bedside.tick(t)
    (alert,) = told(bedside, "WEIGHT_MISMATCH")
    assert alert.values == {"channel": "pumps|1", "pump": "64 kg", "weight": 60.0}
    # 63 kg is 5 % more than 60 kg: not more than 5 %.
    bedside.give(23, pumps(flow(4.8, weight=63.0)))
    assert len(told(bedside, "WEIGHT_MISMATCH")) == 1


def test_a_dose_that_rate_and_concentration_do_not_give_is_told(bedside):
    # 4.8 mL/h of 60 ug/mL are 288 ug/h: 0.08 ug/kg/min in 60 kg, and the pump shows 0.1 as ug/min.
    bedside.give(20, pumps(flow(4.8, dose=6.0, dose_unit="ug/min")))
    (alert,) = told(bedside, "WEIGHT_MISMATCH")
    assert alert.values["pump"] == "1.25 times the dose"
    bedside.give(21, pumps(flow(4.8, dose=4.8, dose_unit="ug/min")))
    assert len(told(bedside, "WEIGHT_MISMATCH")) == 1


@pytest.mark.parametrize(
    ("dose", "said"),
    [
        (0.08, None),  # 4.8 mL/h of 60 ug/mL in 60 kg
        (0.084, None),  # 5 % more, not more than that
        (0.069, "0.86 times the dose"),  # computed with 70 kg
        (0.1, "1.25 times the dose"),
    ],
)
def test_a_dose_per_kg_without_the_pumps_weight_tells_of_another_weight(bedside, dose, said):
    bedside.give(20, pumps(flow(4.8, dose=dose, dose_unit="ug/kg/min")))
    assert [alert.values["pump"] for alert in told(bedside, "WEIGHT_MISMATCH")] == [said][
        : bool(said)
    ]


def test_a_small_dose_per_kg_may_be_rounded_to_two_decimals(bedside):
    bedside.give(20, pumps(flow(1.0, dose=0.02, dose_unit="ug/kg/min")))  # 0.0167
    assert told(bedside, "WEIGHT_MISMATCH") == []


def test_a_pump_that_tells_its_dose_but_no_concentration_has_a_dose():
    bedside = Bedside.active(rate=None, until=1)
    bedside.give(1, pumps(flow(5.0, strength=None, unit=None, dose=0.36, dose_unit="mg/h")))
    assert bedside.bed.infusions.dose("norepinephrine", 60.0).value == 0.1  # 6 ug/min in 60 kg
    vasopressin = flow(4.5, channel="2", drug="vasopressin", strength=None, unit=None)
    units = Flow(**{f: getattr(vasopressin, f) for f in vasopressin.__struct_fields__} | {
        "dose": 1.8, "dose_unit": "U/h"
    })  # fmt: skip
    bedside.give(2, pumps(units))
    assert bedside.bed.infusions.units_per_minute("vasopressin").value == 0.03


def test_a_dose_per_kg_needs_the_weight_of_the_pump():
    bedside = Bedside.active(rate=None, until=1)
    told_dose = {"strength": None, "unit": None, "dose": 0.1, "dose_unit": "ug/kg/min"}
    bedside.give(1, pumps(flow(5.0, **told_dose)))
    assert bedside.bed.infusions.dose("norepinephrine", 60.0).value is None
    bedside.give(2, pumps(flow(5.0, weight=50.0, **told_dose)))
    assert bedside.bed.infusions.dose("norepinephrine", 50.0).value == 0.1


def test_boluses_are_written_down_in_ug_and_three_within_15_minutes_noted(bedside):
    volume = 10.0
    for n, t in enumerate((20, 25, 30)):
        bedside.give(t, pumps(flow(600.0, status="bolus", volume=volume)))
        # One minute later: 0.08 mL of the steady rate and 0.5 mL of the bolus.
        volume += 0.58
        bedside.give(t + 1, pumps(flow(4.8, volume=volume)))
        volume += 0.32
        logged = [d for d in bedside.decisions if isinstance(d, Logged) and d.name == "BOLUS"]
        assert len(logged) == n + 1
        assert logged[-1].detail["drug"] == "norepinephrine"
        assert logged[-1].detail["amount"] == pytest.approx(30.0)
    (noted,) = [d for d in bedside.decisions if isinstance(d, Logged) and d.name == "BOLUSES"]
    assert (noted.at, noted.detail["count"]) == (ms(31), 3)
    assert bedside.bed.infusions.dose("norepinephrine", 60.0).value == 0.08


def test_more_than_0_04_units_for_five_minutes_is_told_once_and_closed_when_seen():
    bedside = Bedside.active(rate=20.0, until=10)

    def vasopressin(start, end, rate):
        for t in range(start, end):
            strength = {"drug": "vasopressin", "strength": 0.4, "unit": "U/mL"}
            bedside.give(t, pumps(flow(rate, channel="2", **strength)))
            bedside.run(t, t + 1, rate=20.0)

    vasopressin(10, 30, 6.0)  # 0.04 exactly
    assert told(bedside, "VP_DOSE") == []
    vasopressin(30, 50, 6.2)  # 2.48 U/h = 0.0413 U/min
    (alert,) = told(bedside, "VP_DOSE")
    assert (alert.condition_since, alert.at) == (ms(30), ms(35))
    bedside.give(50, Acknowledge("S1", "VP_DOSE", "nurse"))
    vasopressin(51, 60, 6.2)
    assert alerts(bedside.decisions, "raised").count("VP_DOSE") == 1
    assert "VP_DOSE" not in bedside.subject.alerts
