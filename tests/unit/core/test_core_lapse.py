"""The time of a dose rule starts anew only after five minutes without its condition (0.4)."""

import pytest
from blinded import Blinded, ne, study


def raised(name, changes, until):
    patient = Blinded().play(until, [(-30, ne(14.4)), (-10, 67), *changes])
    return [t for t, what, alert in patient.told() if alert == name and what == "raised"]


@pytest.mark.parametrize(("pause", "expected"), [(4, 28), (6, 35)])
def test_a_rate_that_is_too_high_but_for_a_moment(pause, expected):
    # Above 4.5 mL/h from 20 to 24 and again after the pause: 5 min count from the first, or anew.
    again = 24 + pause
    changes = [(0, study(3)), (20, study(6)), (24, study(3)), (again, study(6))]
    assert raised("SD_RATE", changes, 50) == [expected]


@pytest.mark.parametrize(("run", "expected"), [(4, 35), (6, 49)])
def test_a_study_infusion_that_runs_for_a_moment_between_two_stops(run, expected):
    # Stopped at 20 for 8 min, run for `run` minutes, stopped again: 15 min from the first or anew.
    changes = [(0, study(3)), (20, study(0)), (28, study(3)), (28 + run, study(0))]
    assert raised("SD_INTERRUPTED", changes, 60) == [expected]
