"""Severity: the table of the reference (6.3), each limit from both sides."""

from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.core.severity import ALWAYS, CRITERIA, Fact, Facts, severity


@pytest.mark.parametrize("kind", ["MAP_HIGH", "PP_HIGH", "STEP_DOWN"])
@pytest.mark.parametrize(
    ("minutes", "in_24_h", "proposed"),
    [(120, 120, "important"), (119, 239, "minor"), (20, 240, "important")],
)
def test_pressure_too_high(kind, minutes, in_24_h, proposed):
    assert severity(kind, minutes=minutes, minutes_in_24_h=in_24_h) == proposed


@pytest.mark.parametrize("kind", ["MAP_LOW", "PP_LOW"])
@pytest.mark.parametrize(
    ("minutes", "floor", "proposed"),
    [(60, 0, "important"), (59, 14, "minor"), (20, 15, "important")],
)
def test_pressure_too_low(kind, minutes, floor, proposed):
    assert severity(kind, minutes=minutes, floor_minutes=floor) == proposed


@pytest.mark.parametrize(
    ("kind", "facts", "proposed"),
    [
        ("FLOOR", {"minutes": 15}, "important"),
        ("FLOOR", {"minutes": 14}, "minor"),
        ("CRT_OVERDUE", {"minutes_without_crt": 240}, "important"),
        ("CRT_OVERDUE", {"minutes_without_crt": 239}, "minor"),
        ("VP_LATE", {"minutes_after_due": 120, "never_started": False}, "minor"),
        ("VP_LATE", {"minutes_after_due": 121, "never_started": False}, "important"),
        ("VP_LATE", {"never_started": True}, "important"),
        ("VP_EARLY", {"dose_below": Decimal("0.050")}, "minor"),
        ("VP_EARLY", {"dose_below": Decimal("0.051")}, "important"),
        ("TARGET_OVERRIDE", {"minutes": 359}, "minor"),
        ("TARGET_OVERRIDE", {"minutes": 360}, "important"),
        ("SD_NOT_STARTED", {"minutes": 359}, "minor"),
        ("SD_NOT_STARTED", {"minutes": 360}, "important"),
        ("SD_INTERRUPTED", {"minutes": 360}, "important"),
        ("MISSING_DATA", {"coverage": 0.5}, "minor"),
        ("MISSING_DATA", {"coverage": 0.499}, "important"),
    ],
)
def test_other_deviations(kind, facts, proposed):
    assert severity(kind, **facts) == proposed


@pytest.mark.parametrize("kind", ["OL_VASOPRESSIN", "ELIG_VIOLATION", "WRONG_ARM", "UNBLINDING"])
def test_always_important(kind):
    assert severity(kind) == "important"


def test_a_deviation_without_criteria_is_minor():
    assert severity("VP_DOSE", minutes=5000) == "minor"


@pytest.mark.parametrize("kind", CRITERIA)
def test_without_any_fact_nothing_is_proposed(kind):
    assert severity(kind) is None


def test_one_fact_may_be_enough_and_one_may_not():
    assert severity("MAP_HIGH", minutes=120) == "important"
    assert severity("MAP_HIGH", minutes=119) is None


def test_an_unknown_fact_is_not_zero():
    assert severity("VP_LATE", minutes_after_due=30) is None
    assert severity("VP_LATE", minutes_after_due=30, never_started=False) == "minor"


def test_every_fact_is_named_once():
    assert set(get_args(Fact)) == set(Facts.__annotations__)
    assert {c.fact for criteria in CRITERIA.values() for c in criteria} == set(get_args(Fact))
    assert not ALWAYS & CRITERIA.keys()


@given(st.sampled_from(["MAP_HIGH", "MAP_LOW", "FLOOR"]), st.floats(0, 2000), st.floats(0, 600))
def test_a_longer_episode_is_never_less_grave(kind, minutes, more):
    def proposed(length):
        return severity(kind, minutes=length, minutes_in_24_h=0, floor_minutes=0)

    assert [proposed(minutes), proposed(minutes + more)] != ["important", "minor"]
