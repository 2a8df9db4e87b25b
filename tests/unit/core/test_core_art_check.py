"""A pressure that nobody can read: rule 2 of the filter, and ART_CHECK."""

import pytest
from bedside import Bedside, alerts, pressure, pump

from monitor_daemon.core.events import MINUTE, SECOND
from monitor_daemon.core.pressure import Pressure


def give(record, at, mean, systolic=None, diastolic=None, *, usable=True):
    return record.take("A", at, mean, systolic, diastolic, usable=usable)


def test_two_unreadable_one_minute_samples_in_a_row_are_no_pressure():
    record = Pressure()
    give(record, 0, 70.0)
    give(record, MINUTE, 5.0)
    assert not record.no_pressure()
    give(record, 2 * MINUTE, 5.0)
    assert record.no_pressure()
    give(record, 3 * MINUTE, 66.0)
    assert not record.no_pressure()


@pytest.mark.parametrize(("count", "unreadable"), [(59, False), (60, True)])
def test_sixty_seconds_of_unreadable_samples_at_one_hertz(count, unreadable):
    record = Pressure()
    for second in range(count):
        give(record, second * SECOND, 250.0)
    assert record.no_pressure() is unreadable


def test_no_pulse_counts_as_unreadable_only_below_65():
    low, high = Pressure(), Pressure()
    for n in range(3):
        give(low, n * MINUTE, 64.9, 64.9, 64.9)
        give(high, n * MINUTE, 65.0, 65.0, 65.0)
    assert low.no_pressure()
    assert not high.no_pressure()


def test_monitor_flags_are_no_unreadable_pressure():
    record = Pressure()
    for n in range(5):
        give(record, n * MINUTE, 5.0, usable=False)
    assert not record.no_pressure()


def test_a_late_valid_sample_does_not_make_the_present_pressure_readable():
    record = Pressure()
    give(record, 10 * MINUTE, 250.0)
    give(record, 11 * MINUTE, 250.0)
    give(record, 9 * MINUTE, 70.0)
    assert record.no_pressure()


def test_one_readable_sample_within_sixty_seconds_is_a_pressure():
    record = Pressure()
    for second in range(119):
        give(record, second * SECOND, 66.0 if second == 59 else 250.0)
        assert not record.no_pressure()
    give(record, 119 * SECOND, 250.0)
    assert record.no_pressure()


@pytest.mark.parametrize(
    "between", [(120.0, 120.0, 120.0), (150.0, 190.0, 120.0)], ids=["bag pressure", "excursion"]
)
def test_two_flushes_around_a_blood_draw_are_no_sixty_seconds_without_a_pressure(between):
    """Rule 2 asks that all samples of 60 s fail rule 1, or rule 3 with a MAP below 65."""
    record = Pressure()
    for second in range(10):
        give(record, second * SECOND, 70.0, 110.0, 50.0)
    give(record, 10 * SECOND, 250.0)
    for second in range(11, 75):
        assert not give(record, second * SECOND, *between)
    give(record, 75 * SECOND, 250.0)
    assert not record.no_pressure()


def test_art_check_stands_through_minutes_without_a_value_and_clears_with_the_next_valid_bin():
    bedside = Bedside.active(until=10)
    assert alerts(bedside.run(10, 12, mean=5.0)) == ["ART_CHECK"]
    bedside.decisions.clear()
    for t in (12, 13):
        bedside.give(t, pressure(66.0, quality="artifact"), pump(4.8))
        bedside.tick(t)
    bedside.run(14, 16, mean=None)
    bedside.give(16, pressure(66.0), pump(4.8))
    bedside.tick(16)
    assert "ART_CHECK" not in alerts(bedside.decisions)
    assert "ART_CHECK" in alerts(bedside.tick(17), "cleared")
