"""Walks through the ward: small stories with times from the rules of the reference."""

import itertools

import pytest
from bedside import Bedside, alerts, enrolment, ms, pressure, pump

from monitor_daemon.core.decisions import Alert, Held, Phase, Target
from monitor_daemon.core.events import Tick
from monitor_daemon.core.people import End, Observe
from monitor_daemon.core.subject import alert_id
from monitor_daemon.core.ward import Ward, in_order


def crt(value, t=None):
    return Observe("S1", "crt", value, "nurse", None if t is None else ms(t))


def raised(decisions):
    """Alert name to the minute at which it was raised."""
    return {
        d.name: round((d.at - ms(0)) / 60_000)
        for d in decisions
        if isinstance(d, Alert) and d.transition == "raised"
    }


def test_a_patient_already_above_65_is_active_at_once():
    bedside = Bedside.active(arm="permissive_vp03")
    phases = [d for d in bedside.decisions if isinstance(d, Phase)]
    assert [(d.phase, d.at) for d in phases] == [("ACTIVE", ms(0))]
    targets = [d for d in bedside.decisions if isinstance(d, Target)]
    assert [(d.target, d.previous) for d in targets] == [(65.0, None)]


@pytest.mark.parametrize(("above", "achieved"), [(7, False), (8, True)])
def test_eight_of_ten_bins_at_65_achieve_the_first_target(above, achieved):
    bedside = Bedside()
    bedside.give(0, enrolment())
    bedside.run(0, 10 - above, mean=64.9)
    bedside.run(10 - above, 10, mean=65.0)
    phases = [d for d in bedside.tick(10) if isinstance(d, Phase)]
    assert [(d.phase, d.window) for d in phases] == [("ACTIVE", ms(0))] * achieved


def test_seven_valid_bins_achieve_nothing():
    bedside = Bedside()
    bedside.give(0, enrolment())
    bedside.run(0, 3, mean=None)
    bedside.run(3, 10, mean=80.0)
    bedside.tick(10)
    assert bedside.subject.phase == "RESUS"
    bedside.run(11, 12, mean=80.0)
    assert bedside.subject.phase == "RESUS"


def test_an_entry_at_the_minute_it_falls_due_satisfies_the_schedule():
    bedside = Bedside.active("permissive_vp03", until=30)
    bedside.give(30, pressure(66.0), pump(4.8), crt(2.0), Tick(ms(30) // 60_000))
    assert "CRT_DUE" not in alerts(bedside.decisions)


def test_nobody_measures_crt():
    bedside = Bedside.active("permissive_vp01", until=70)
    assert raised(bedside.decisions) == {"CRT_DUE": 30, "CRT_OVERDUE": 60}


def test_an_usual_care_patient_has_no_crt_schedule():
    assert alerts(Bedside.active("usual_vp03", until=130).decisions) == []


def test_3_0_seconds_do_not_permit_a_step_and_2_9_do():
    bedside = Bedside.active("permissive_vp03", until=12)
    assert not [d for d in bedside.give(12, crt(3.0)) if isinstance(d, Target)]
    bedside.run(12, 42)
    (step,) = [d for d in bedside.give(42, crt(2.9)) if isinstance(d, Target)]
    assert (step.previous, step.target) == (65.0, 60.0)


@pytest.mark.parametrize(("age", "reason"), [(30, None), (31, "stale")])
def test_an_entry_counts_until_thirty_minutes_after_its_measurement(age, reason):
    bedside = Bedside.active("permissive_vp03", until=40)
    out = bedside.give(40, crt(2.0, 40 - age))
    assert any(isinstance(d, Target) for d in out) is (reason is None)


@pytest.mark.parametrize(("mean", "reason"), [(70.0, None), (70.1, "MAP above level")])
def test_the_level_itself_is_tested(mean, reason):
    bedside = Bedside.active("permissive_vp03", mean=mean, until=10)
    held = [d.reason for d in bedside.give(10, crt(2.0)) if isinstance(d, Held)]
    assert held == ([] if reason is None else [reason])


def test_unknown_map_holds_the_target():
    bedside = Bedside.active("permissive_vp03", until=1)
    bedside.run(1, 10, mean=None)
    held = [d.reason for d in bedside.give(10, crt(2.0)) if isinstance(d, Held)]
    assert held == ["MAP unknown"]


def test_a_fall_to_48_then_38():
    bedside = Bedside.active(until=60, mean=67.0)
    bedside.run(60, 70, mean=48.0)
    bedside.run(70, 75, mean=38.0)
    out = bedside.run(75, 82, mean=67.0)
    assert raised(bedside.decisions) == {"FLOOR": 63, "SEVERE_LOW": 71, "MAP_LOW": 73}
    cleared = {d.name: round((d.at - ms(0)) / 60_000) for d in out if isinstance(d, Alert)}
    assert cleared == {"FLOOR": 78, "SEVERE_LOW": 78, "MAP_LOW": 81}


def test_exactly_63_raises_nothing_and_62_raises_map_low():
    bedside = Bedside.active("usual_vp03", until=60)
    assert alerts(bedside.run(60, 100, mean=63.0)) == []
    assert raised(bedside.run(100, 120, mean=62.0)) == {"MAP_LOW": 113}


def test_82_without_a_vasopressor_is_nothing_to_reduce():
    bedside = Bedside.active(rate=1.8, until=38)
    assert alerts(bedside.run(38, 180, mean=82.0, rate=0.0)) == []


@pytest.mark.parametrize(
    ("rate", "expected"),
    [(5.964, {}), (5.976, {"VP_DUE": 75, "VP_LATE": 105}), (6.0, {"VP_DUE": 75, "VP_LATE": 105})],
)
def test_vasopressin_falls_due_at_a_rounded_dose_of_0_100(rate, expected):
    bedside = Bedside.active(rate=5.0, until=60)
    assert raised(bedside.run(60, 110, rate=rate)) == expected


def test_a_silent_pump_raises_no_dose_alert():
    bedside = Bedside.active(rate=5.0, until=60)
    bedside.run(60, 63, rate=6.0)
    assert raised(bedside.run(63, 100, rate=None)) == {"PUMP_GAP": 68}


def test_an_unmapped_syringe_is_told_and_blurs_the_dose():
    bedside = Bedside.active(rate=5.0, until=20)
    alert, push = bedside.give(20, pump(2.0, channel="9", drug=None))
    assert [(item.name, item.to) for item in push.items] == [("DRUG_UNMAPPED", ("coordinator",))]
    assert (alert.name, alert.transition, alert.level) == ("DRUG_UNMAPPED", "raised", "info")
    assert bedside.bed.infusions.dose("norepinephrine", 60.0).value is None


def test_a_gap_of_pressure_is_attention_at_fifteen_minutes_without_a_value():
    bedside = Bedside.active(until=20)
    out = bedside.run(20, 60, mean=None)
    seen = [
        (d.transition, d.level, d.reason, round((d.at - ms(0)) / 60_000))
        for d in out
        if isinstance(d, Alert) and d.name == "MAP_GAP"
    ]
    assert seen == [
        ("raised", "info", "MAP_GAP", 25),
        ("escalated", "attention", "MAP_GAP", 35),
        ("repeated", "attention", "repeat", 40),
        ("escalated", "attention", "escalated", 55),
    ]


def test_the_strategy_ends_72_hours_after_randomisation():
    bedside = Bedside.active(randomised=ms(-72 * 60 + 5), until=5)
    assert bedside.subject.phase == "ACTIVE"
    out = bedside.run(5, 7)
    assert [(d.phase, d.at) for d in out if isinstance(d, Phase)] == [("ENDED", ms(5))]


def test_the_next_patient_of_a_bed_does_not_inherit_the_pressure_of_the_last():
    bedside = Bedside.active(until=10)
    bedside.give(10, End("S1", "dr-x", "death"))
    bedside.give(11, enrolment("S2", randomised=ms(11)))
    bedside.tick(11)
    assert bedside.ward.state.subjects["S2"].phase == "RESUS"


def test_the_next_patient_of_a_bed_does_not_inherit_the_pumps_of_the_last():
    bedside = Bedside.active(until=10)
    bedside.give(10, End("S1", "dr-x", "death"))
    bedside.give(600, enrolment("S2", randomised=ms(600)))
    for t in range(600, 603):
        bedside.give(t, pressure(66.0), pump(4.8, channel="new"))
        bedside.tick(t)
    assert "PUMP_GAP" not in alerts(bedside.decisions, subject="S2")
    assert bedside.bed.infusions.dose("norepinephrine", 60.0).value == 0.08


def test_alert_and_event_ids_are_the_same_on_a_twin():
    one, two = (Bedside.active(until=60, mean=48.0, rate=9.0) for _ in range(2))
    two = Bedside(ward=Ward.restore(two.ward.snapshot()))
    first, second = one.run(60, 90, mean=38.0), two.run(60, 90, mean=38.0)
    assert first == second
    severe, *_ = [d for d in first if isinstance(d, Alert) and d.name == "SEVERE_LOW"]
    assert severe.alert_id == alert_id("SITE", "S1", "SEVERE_LOW", 1)
    assert severe.event_id.startswith(severe.alert_id)


def test_a_new_episode_has_a_new_alert_id():
    bedside = Bedside.active(until=20)
    for start in (20, 40):
        bedside.run(start, start + 5, mean=45.0)
        bedside.run(start + 5, start + 20)
    ids = [d.alert_id for d in bedside.decisions if isinstance(d, Alert) and d.name == "FLOOR"]
    assert ids == [alert_id("SITE", "S1", "FLOOR", n) for n in (1, 1, 2, 2)]


def test_inputs_of_one_instant_give_the_same_decisions_in_any_order():
    instant = [
        pressure(66.0),
        pump(12.0),
        pump(4.5, channel="2", drug="vasopressin"),
        crt(2.0),
        Tick(ms(20) // 60_000),
    ]
    start = Bedside.active("permissive_vp03", until=20).ward.snapshot()
    results = set()
    for order in itertools.permutations(instant):
        bedside = Bedside(ward=Ward.restore(start))
        decisions = bedside.give(20, *in_order(order))
        results.add((repr(decisions), bedside.ward.snapshot()))
    assert len(results) == 1
