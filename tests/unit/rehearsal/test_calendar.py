"""Ages and local days; expected values from the calendar of the zone, worked out by hand."""

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.calendar import age, day_ends, day_start

HOUR = 3_600_000
PARIS = ZoneInfo("Europe/Paris")
TOKYO = ZoneInfo("Asia/Tokyo")


def ms(text):
    return round(datetime.fromisoformat(text).timestamp()) * 1000


@pytest.mark.parametrize(
    ("at", "zone", "years"),
    [
        ("2026-06-30T14:59:59+00:00", TOKYO, 17),  # 23:59:59 there
        ("2026-06-30T15:00:00+00:00", TOKYO, 18),  # midnight there
        ("2026-06-30T15:00:00+00:00", UTC, 17),
        ("2026-07-01T00:00:00+00:00", UTC, 18),
    ],
)
def test_age_counts_local_dates(at, zone, years):
    assert age(date(2008, 7, 1), ms(at), zone) == years


def test_a_birthday_on_29_february_is_1_march_in_a_common_year():
    birth = date(2008, 2, 29)
    assert age(birth, ms("2026-02-28T12:00:00+00:00"), UTC) == 17
    assert age(birth, ms("2026-03-01T00:00:00+00:00"), UTC) == 18


@pytest.mark.parametrize(
    ("start", "hours"),
    [
        ("2026-03-28T10:00:00+01:00", [23, 24]),  # clocks go forward in the night to Sunday 29
        ("2026-10-24T10:00:00+02:00", [25, 24]),  # and back in the night to Sunday 25 October
        ("2026-06-01T00:00:00+02:00", [24, 24]),
    ],
)
def test_a_day_across_a_clock_change_has_23_or_25_hours(start, hours):
    ends = day_ends(ms(start), PARIS, 3)
    assert [(b - a) / HOUR for a, b in pairwise(ends)] == hours


def test_the_first_day_ends_at_the_next_local_midnight():
    assert day_ends(ms("2026-06-01T23:59:00+09:00"), TOKYO, 1) == (ms("2026-06-02T00:00:00+09:00"),)
    assert day_ends(ms("2026-06-01T00:00:00+09:00"), TOKYO, 1) == (ms("2026-06-02T00:00:00+09:00"),)


@given(
    st.integers(0, 4_000_000_000_000),
    st.sampled_from(["Europe/Paris", "Asia/Tokyo", "Australia/Lord_Howe", "America/New_York"]),
)
def test_a_time_lies_in_the_first_of_its_days(at, name):
    zone = ZoneInfo(name)
    ends = day_ends(at, zone, 8)
    assert day_start(at, zone) <= at < ends[0]
    assert list(ends) == sorted(set(ends))
    assert day_start(ends[0], zone) == ends[0]
