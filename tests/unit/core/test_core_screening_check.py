"""Screening for the argipressin trial (reference G1): the check, and what no stay may show."""

import itertools

import pytest
from bedside import ZERO, Bedside, alerts, ms, pressure
from hypothesis import given, settings
from hypothesis import strategies as st
from screening_stay import HOUR, OPENED, Stay, drug, lab, labs_until, limits, open_window

from monitor_daemon.core.decisions import Alert, Eligibility, Logged
from monitor_daemon.core.events import MINUTE, Tick
from monitor_daemon.core.people import Enrol, Randomise
from monitor_daemon.core.ward import Ward, in_order

# --- randomisation --------------------------------------------------------------------------


def randomise(stay, t, **more):
    stay.give(t, pressure(66.0), drug(12.0), Randomise("S1", "research", **more))
    return stay.said(Logged, "INCLUSION_CHECK")


def test_an_eligible_patient_is_written_down_once_and_his_alerts_end():
    stay = open_window(59)
    (check,) = randomise(stay, 60)
    stay.play(61, 70, {61: [drug(12.0), lab("lactate", 1.0)]})
    assert stay.said(Logged, "INCLUSION_CHECK") == [check]
    assert check.detail["verdict"] == "eligible"
    assert check.detail["criteria"]["lactate"] == {
        "holds": True,
        "value": 3.0,
        "unit": "mmol/L",
        "source": "entry",
        "age": 54.0,
        "note": "",
    }
    assert "ELIG_VIOLATION" not in alerts(stay.decisions)
    assert {"ELIG_SCREEN", "ELIG_MET"} <= set(alerts(stay.decisions, "cleared"))
    assert not [name for name in stay.subject.alerts if name.startswith("ELIG_")]


def test_a_failed_criterion_is_a_violation():
    stay = open_window(59, {30: [lab("sodium", 119.0)]})
    (check,) = randomise(stay, 60, age=17)
    assert check.detail["verdict"] == "excluded"
    violation = stay.subject.alerts["ELIG_VIOLATION"]
    assert violation.values == {"failed": "Na 119 mmol/L, age 17 years"}


def test_what_cannot_be_verified_is_no_violation():
    stay = Stay()
    enrol = Enrol("S1", "B1", "argipressin", "study", 80.0, "research")
    stay.give(0, enrol)
    (check,) = stay.said(Logged, "INCLUSION_CHECK")
    assert check.detail["verdict"] == "unknown"
    assert all(c["holds"] is None for c in check.detail["criteria"].values())
    assert "ELIG_VIOLATION" not in alerts(stay.decisions)


def test_the_check_looks_at_the_instant_of_randomisation():
    stay = open_window(70, {62: [drug(5.0)], 65: [lab("lactate", 1.0)]})
    (check,) = randomise(stay, 71, randomised=ms(60))
    assert check.detail["verdict"] == "eligible"
    assert check.detail["criteria"]["dose"]["value"] == 0.25


def test_a_direct_enrolment_is_checked_by_what_the_bed_told():
    stay = Stay().play(-60, -1, {-60: [drug(9.6)], -30: [drug(0.0)]})
    stay.give(0, drug(9.6), Enrol("S1", "B1", "argipressin", "study", 80.0, "research"))
    assert stay.subject.alerts["ELIG_VIOLATION"].values == {"failed": "dose 0.2 ug/kg/min"}


@pytest.mark.parametrize(("at", "violated"), [(12 * HOUR + 5, False), (12 * HOUR + 6, True)])
def test_exactly_twelve_hours_are_out(at, violated):
    stay = open_window(at - 1, labs_until(14))
    randomise(stay, at)
    assert ("ELIG_VIOLATION" in stay.subject.alerts) is violated


# --- what no sequence of inputs may do ------------------------------------------------------

MOVES = st.sampled_from(
    [
        drug(12.0),
        drug(11.0),
        drug(0.0),
        drug(3.0, "vasopressin"),
        drug(0.0, "vasopressin"),
        drug(3.0, "dobutamine"),
        drug(0.0, "dobutamine"),
        lab("lactate", 3.0),
        lab("lactate", 2.0),
        lab("cardiac_index", 2.6),
        lab("cardiac_index", 2.2),
        lab("sodium", 119.0),
        lab("sodium", 140.0),
        limits(),
        66.0,
        80.0,
        None,
    ]
)
STAYS = st.lists(st.tuples(st.sampled_from([1, 4, 6, 16, 40]), MOVES), max_size=9)
few = settings(max_examples=40, deadline=None)


def story_of(moves):
    story, t = {}, 20
    for wait, move in moves:
        t += wait
        story.setdefault(t, []).append(move)
    return story, t + 20


@few
@given(STAYS)
def test_no_window_opens_while_a_criterion_fails(moves):
    story, end = story_of(moves)
    stay = open_window(end, story)
    for d in stay.decisions:
        if isinstance(d, Alert) and (d.name, d.transition) == ("ELIG_MET", "raised"):
            now = [e for e in stay.said(Eligibility) if e.at <= d.at][-1]
            assert now.verdict == "eligible"
            assert not [c for c in now.criteria.values() if c["holds"] is False]


GAPS = st.lists(st.tuples(st.integers(16, 200), st.integers(1, 60)), max_size=4)


@few
@given(GAPS, GAPS)
def test_missing_data_lose_nothing(no_map, no_pump):
    stay = open_window(15)
    for t in range(16, 240):
        inputs = [Tick(ZERO // MINUTE + t)]
        if not any(start <= t < start + length for start, length in no_map):
            inputs.append(pressure(66.0))
        if not any(start <= t < start + length for start, length in no_pump):
            inputs.append(drug(12.0))
        stay._step(in_order(inputs), ms(t))
    assert stay.raised() == OPENED


def test_missing_data_for_hours_lose_nothing_but_old_results():
    stay = open_window(15)
    for t in range(16, 300):
        stay.tick(t)
    assert stay.raised() == [*OPENED, (pytest.approx(6 + 4 * HOUR + 1, abs=0.1), "ELIG_LOST")]
    assert stay.subject.alerts["ELIG_LOST"].reason == "lactate 3 mmol/L (too old)"


def test_the_order_within_one_instant_does_not_matter():
    at_once = [lab("lactate", 1.0), drug(5.0, "dobutamine"), limits(60.0, 65.0), drug(12.0)]
    decisions = set()
    for order in itertools.permutations(at_once):
        stay = open_window(29)
        stay._step(in_order([*order, pressure(66.0), Tick(ZERO // MINUTE + 30)]), ms(30))
        decisions.add(str(stay.decisions))
    assert len(decisions) == 1


def test_a_snapshot_in_the_middle_changes_nothing():
    story = {60: [drug(5.0, "dobutamine")], 100: [drug(0.0, "dobutamine")]}
    whole = open_window(120, story)
    first = open_window(80, story)
    second = Stay.__new__(Stay)
    Bedside.__init__(second, Ward.restore(first.ward.snapshot()))
    rest = {t: e for t, e in story.items() if t > 80}
    second.play(81, 120, {81: [drug(12.0), drug(5.0, "dobutamine")], **rest})
    assert first.raised() + second.raised() == whole.raised()
