"""The blinded study infusion and vasopressin beside it: the tables G2-a, b and d."""

import pytest
from blinded import Blinded, ne, study, terlipressin, vasopressin, wanted
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_daemon.core.decisions import Refused
from monitor_daemon.core.people import StopReason
from monitor_daemon.core.ward import Ward

BASE = [(-30, ne(14.4)), (-10, 67), (-5, wanted(65, 70))]


def test_g2_a_started_late_a_bag_change_of_8_min_then_a_stop_of_20():
    patient = Blinded().play(
        300, [*BASE, (75, study(3)), (150, study(0)), (158, study(3)), (250, study(0)),
              (270, study(3))]
    )  # fmt: skip
    assert patient.told() == [
        (60, "raised", "SD_NOT_STARTED"),
        (75, "cleared", "SD_NOT_STARTED"),
        (265, "raised", "SD_INTERRUPTED"),
        (270, "cleared", "SD_INTERRUPTED"),
    ]
    (raised,) = (d for d in patient.decisions if getattr(d, "at", None) == 1_789_999_980_000
                 + 265 * 60_000 and getattr(d, "transition", "") == "raised")  # fmt: skip
    assert raised.condition_since == 1_789_999_980_000 + 250 * 60_000


def test_g2_b_open_label_vasopressin():
    patient = Blinded().play(
        240, [*BASE, (20, study(4.5)), (90, vasopressin(2)), (93, vasopressin(0)),
              (120, vasopressin(2)), (200, vasopressin(0))]
    )  # fmt: skip
    assert patient.told() == [
        (125, "raised", "OL_VASOPRESSIN"),
        (205, "cleared", "OL_VASOPRESSIN"),
    ]


def test_g2_d_above_the_configured_maximum():
    patient = Blinded().play(120, [*BASE, (20, study(4.5)), (60, study(6)), (90, study(4.5))])
    assert patient.told() == [(65, "raised", "SD_RATE"), (90, "cleared", "SD_RATE")]


@pytest.mark.parametrize(("rate", "raised"), [(4.5, False), (4.51, True)])
def test_the_maximum_itself_is_allowed(rate, raised):
    patient = Blinded().play(40, [*BASE, (20, study(rate))])
    assert ((25, "raised", "SD_RATE") in patient.told()) == raised


@pytest.mark.parametrize(("start", "raised"), [(59, False), (61, True)])
def test_started_in_the_last_minute_is_in_time(start, raised):
    patient = Blinded().play(80, [*BASE, (start, study(3))])
    assert ((60, "raised", "SD_NOT_STARTED") in patient.told()) == raised


def test_started_at_the_very_minute_is_in_time():
    # Pump events come before alerts at one instant (reference 0.2).
    assert Blinded().play(80, [*BASE, (60, study(3))]).told() == []


@pytest.mark.parametrize(("again", "raised"), [(264, False), (266, True)])
def test_a_stop_of_fifteen_minutes_is_an_interruption(again, raised):
    patient = Blinded().play(290, [*BASE, (20, study(3)), (250, study(0)), (again, study(3))])
    assert ((265, "raised", "SD_INTERRUPTED") in patient.told()) == raised


@pytest.mark.parametrize(
    ("first", "alert"), [(4, (60, "SD_NOT_STARTED")), (5, (40, "SD_INTERRUPTED"))]
)
def test_a_run_of_less_than_five_minutes_is_priming_and_no_start(first, alert):
    # Reference 3.5; the stop of the longer run is an interruption 15 min later.
    patient = Blinded().play(70, [*BASE, (20, study(3)), (20 + first, study(0))])
    assert patient.told() == [(alert[0], "raised", alert[1])]


def test_priming_after_the_hour_is_no_start_either():
    patient = Blinded().play(90, [*BASE, (70, study(3)), (72, study(0))])
    assert patient.told() == [
        (60, "raised", "SD_NOT_STARTED"),
        (70, "cleared", "SD_NOT_STARTED"),
        (72, "raised", "SD_NOT_STARTED"),
    ]


@pytest.mark.parametrize(("pause", "raised"), [(4, 97), (5, 98), (6, 104)])
def test_open_label_vasopressin_that_pauses_for_five_minutes_at_most_never_stopped(pause, raised):
    # References 0.4 and 3.5: the time runs from 90; after a longer pause from the new start.
    changes = [(90, vasopressin(2)), (93, vasopressin(0)), (93 + pause, vasopressin(2))]
    patient = Blinded().play(110, [*BASE, (20, study(3)), *changes])
    assert patient.told() == [(raised, "raised", "OL_VASOPRESSIN")]


def reason(t):
    return (t, StopReason("S1", "physician", "limb ischaemia"))


def test_a_stop_with_a_reason_is_no_interruption_until_it_runs_again():
    patient = Blinded().play(
        300, [*BASE, (20, study(3)), (100, study(0)), reason(105), (200, study(3)), (220, study(0))]
    )
    assert patient.told() == [(235, "raised", "SD_INTERRUPTED")]
    assert [d.detail["reason"] for d in patient.decisions if getattr(d, "name", "") ==
            "stop_reason"] == ["limb ischaemia"]  # fmt: skip


def test_a_reason_clears_the_interruption():
    patient = Blinded().play(200, [*BASE, (20, study(3)), (100, study(0)), reason(130)])
    assert patient.told() == [(115, "raised", "SD_INTERRUPTED"), (130, "cleared", "SD_INTERRUPTED")]


def test_a_reason_told_just_before_the_stop_counts():
    patient = Blinded().play(200, [*BASE, (20, study(3)), reason(98), (100, study(0))])
    assert patient.told() == []


def test_fault_a_reason_for_a_stop_that_never_came_does_not_cover_the_next_one():
    patient = Blinded().play(300, [*BASE, (20, study(3)), reason(98), (200, study(0))])
    assert patient.told() == [(215, "raised", "SD_INTERRUPTED")]


def test_fault_a_stop_reason_before_randomisation_is_refused():
    patient = Blinded().play(-20, BASE[:1])
    (refused,) = (d for d in patient.give(-20, reason(0)[1]) if isinstance(d, Refused))
    assert refused.code == "NOT_RANDOMISED"


def test_fault_a_silent_study_pump_has_not_stopped():
    patient = Blinded().play(100, [*BASE, (20, study(3))]).play(200, quiet={"S"})
    assert "SD_INTERRUPTED" not in patient.open()
    # Said to be running at 99; its silence itself is told.
    assert (105, "raised", "PUMP_GAP") in patient.told()


def test_fault_a_silent_pump_does_not_clear_an_interruption():
    patient = Blinded().play(130, [*BASE, (20, study(3)), (100, study(0))])
    assert "SD_INTERRUPTED" in patient.open()
    patient.play(200, quiet={"S", "N"})
    assert "SD_INTERRUPTED" in patient.open()


def test_fault_no_pump_was_ever_heard():
    patient = Blinded().play(90, BASE[1:])
    assert "SD_NOT_STARTED" not in patient.open()


def test_fault_a_pump_of_unknown_drug_may_be_the_study_pump():
    unknown = ne(3.0, drug=None)
    patient = Blinded().play(90, [*BASE, (20, unknown)])
    assert patient.told() == [(20, "raised", "DRUG_UNMAPPED")]


def test_two_bags_for_a_change_are_not_too_fast():
    double = [(60, study(4.5, channel="T")), (64, study(0))]
    assert Blinded().play(100, [*BASE, (20, study(4.5)), *double]).told() == []


@pytest.mark.parametrize("status", ["kvo", "standby", "paused", "off"])
def test_a_pump_that_keeps_the_vein_open_gives_no_study_drug(status):
    patient = Blinded().play(150, [*BASE, (20, study(3)), (100, study(1, status))])
    assert patient.told() == [(115, "raised", "SD_INTERRUPTED")]


def test_terlipressin_counts_as_open_label():
    patient = Blinded().play(100, [*BASE, (20, study(3)), (50, terlipressin(2))])
    assert patient.told() == [(55, "raised", "OL_VASOPRESSIN")]
    assert patient.subject.alerts["OL_VASOPRESSIN"].values == {"drug": "terlipressin"}


def test_the_study_infusion_is_no_vasopressor_and_no_dose():
    patient = Blinded().play(90, [(-30, study(3)), (-10, 67), (-5, wanted(65, 70))])
    infusions = patient.bed.infusions
    assert infusions.on({"vasopressor", "vasopressin"}) is False
    assert infusions.amount("vasopressin") == (0, True)
    assert infusions.amount("norepinephrine") == (0, True)


def test_what_runs_at_a_late_entry_of_randomisation_has_started():
    patient = Blinded().play(70, [*BASE, (-1, study(3))])
    assert patient.told() == []


def test_a_study_infusion_of_before_randomisation_is_none_of_the_trial():
    patient = Blinded().play(70, [*BASE, (-20, study(3)), (-8, study(0))])
    assert patient.told() == [(60, "raised", "SD_NOT_STARTED")]


def test_nothing_is_judged_before_randomisation():
    patient = Blinded(start=-200).play(0, [(-199, ne(14.4)), (-190, 30), (-150, vasopressin(2))])
    assert patient.told() == []


def test_a_snapshot_changes_nothing():
    changes = [(75, study(3)), (150, study(0)), (158, study(3)), (250, study(0)), (270, study(3))]
    whole = Blinded().play(300, [*BASE, *changes])
    halves = Blinded().play(160, [*BASE, *changes[:3]])
    halves.ward = Ward.restore(halves.ward.snapshot())
    halves.play(300, changes[3:])
    assert halves.decisions == whole.decisions


steps = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from("SV"), st.sampled_from([0, 3, 4.5, 6])),
    max_size=8,
)


@given(steps)
@settings(max_examples=20, deadline=None)
def test_whatever_runs_alerts_alternate_and_nothing_fails(sequence):
    t, changes = 5, list(BASE)
    for wait, channel, rate in sequence:
        t += wait
        changes.append((t, study(rate) if channel == "S" else vasopressin(rate)))
    patient = Blinded().play(t + 30, changes)
    for name in ("SD_NOT_STARTED", "SD_INTERRUPTED", "SD_RATE", "OL_VASOPRESSIN"):
        said = [transition for _, transition, what in patient.told() if what == name]
        assert said == ["raised", "cleared"] * (len(said) // 2) + ["raised"] * (len(said) % 2)
    assert patient.subject.failed is None
