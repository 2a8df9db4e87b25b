"""Tracks: values that hold until the next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.kit.track import Track, total


def test_a_value_holds_until_the_next_and_the_track_ends():
    track = Track([0, 60, 120], [65.0, None, 70.0], end=180)
    assert [track.at(t) for t in (-1, 0, 59.9, 60, 119, 120, 180, 180.1)] == [
        None, 65.0, 65.0, None, None, 70.0, 70.0, None,
    ]  # fmt: skip


def test_integral_counts_from_zero_and_stops_at_the_end():
    track = Track([-30, 60, 120], [2.0, None, 4.0], end=180)
    assert track.integral(30) == 60
    assert track.integral(100) == 120
    assert track.integral(1000) == 120 + 4 * 60


def test_two_syringes_of_one_drug_add_up():
    old = Track([0, 100], [5.0, 0.0], end=300)
    new = Track([100], [5.5], end=300)
    both = total([old, new])
    assert [both.at(t) for t in (0, 99, 100, 299, 301)] == [5.0, 5.0, 5.5, 5.5, None]


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.floats(0, 100)), min_size=1, max_size=20),
    st.integers(0, 1200),
)
def test_integral_agrees_with_summing_second_by_second(points, until):
    times = sorted({time for time, _ in points})
    values = [value for _, value in points][: len(times)]
    track = Track(times, values, end=1100)
    slow = sum(track.at(second) or 0.0 for second in range(min(until, 1100)))
    assert track.integral(until) == pytest.approx(slow)
