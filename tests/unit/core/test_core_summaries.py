"""Summaries of minute bins, with sums made by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.core.summaries import (
    Block,
    area_over_band,
    area_under,
    coverage_blocks,
    time_weighted_mean,
)


def test_a_mean_of_whole_minutes():
    assert time_weighted_mean({0: 60.0, 1: 70.0, 2: 80.0}, range(3)) == 70.0


def test_a_bin_is_carried_forward_for_five_minutes():
    """60 for minutes 0 to 5, then 72 for minutes 6 to 11; 12 to 99 count nowhere."""
    assert time_weighted_mean({0: 60.0, 6: 72.0}, range(100)) == 66.0


def test_a_gap_beyond_five_minutes_leaves_the_mean():
    """60 for minutes 0 to 5, nothing for 6 to 9, 74 for minute 10: (6 x 60 + 74) / 7."""
    assert time_weighted_mean({0: 60.0, 10: 74.0}, range(11)) == pytest.approx(62.0)


def test_a_bin_before_the_span_is_carried_into_it():
    assert time_weighted_mean({9: 64.0}, range(10, 60)) == 64.0
    assert time_weighted_mean({4: 64.0}, range(10, 60)) is None


def test_a_mean_over_the_minutes_on_a_vasopressor_only():
    assert time_weighted_mean({0: 60.0, 1: 70.0, 2: 90.0}, [0, 1]) == 65.0


@pytest.mark.parametrize(("bins", "minutes"), [({}, range(10)), ({0: 60.0}, [])])
def test_no_known_minute_has_no_mean(bins, minutes):
    assert time_weighted_mean(bins, minutes) is None


def test_area_under_65():
    """5 + 0 + 15 + 0; minute 4 is unknown and adds nothing."""
    bins = {0: 60.0, 1: 65.0, 2: 50.0, 3: 80.0}
    assert area_under(bins, dict.fromkeys(range(5), 65.0)) == 20.0


def test_area_under_a_target_that_steps_down():
    """65 - 62, then 62 is above 60; minute 2 has no target."""
    assert area_under(dict.fromkeys(range(3), 62.0), {0: 65.0, 1: 60.0}) == 3.0


def test_area_over_the_band_while_on_a_vasopressor():
    """Band to 70: 75 gives 5, 70 gives 0, 90 is off, minute 3 is unknown, 71.5 gives 1.5."""
    bins = {0: 75.0, 1: 70.0, 2: 90.0, 4: 71.5}
    assert area_over_band(bins, dict.fromkeys(range(5), 65.0), {0, 1, 3, 4}) == 6.5


def test_area_over_another_band():
    assert area_over_band({0: 75.0}, {0: 65.0}, {0}, tolerance=0.0) == 10.0


def test_blocks_of_six_hours_the_last_one_shorter():
    bins = dict.fromkeys([*range(10, 370), *range(370, 400)], 66.0)
    assert coverage_blocks(bins, 10, 500) == [Block(10, 370, 360), Block(370, 500, 30)]


@pytest.mark.parametrize(("valid", "ranked"), [(288, True), (287, False), (0, False), (360, True)])
def test_below_80_per_cent_of_360_minutes_a_block_is_not_ranked(valid, ranked):
    (block,) = coverage_blocks(dict.fromkeys(range(valid), 66.0), 0, 360)
    assert block.ranked is ranked
    assert block.coverage == pytest.approx(valid / 360)


def test_no_minutes_no_blocks():
    assert coverage_blocks({0: 66.0}, 5, 5) == []


records = st.dictionaries(st.integers(-10, 800), st.floats(30, 200), max_size=60)


@given(records, st.integers(0, 700), st.integers(0, 100))
def test_a_mean_lies_between_lowest_and_highest(bins, start, length):
    mean = time_weighted_mean(bins, range(start, start + length))
    if mean is not None:
        assert min(bins.values()) - 1e-9 <= mean <= max(bins.values()) + 1e-9


@given(records, st.integers(0, 400), st.integers(0, 800))
def test_blocks_cover_every_minute_once(bins, start, length):
    blocks = coverage_blocks(bins, start, start + length)
    assert [m for b in blocks for m in range(b.start, b.end)] == list(range(start, start + length))
    assert sum(b.valid for b in blocks) == sum(start <= m < start + length for m in bins)
    assert all(0 <= b.coverage <= 1 for b in blocks)


@given(records, st.floats(40, 90))
def test_areas_below_and_above_a_line_make_the_whole_difference(bins, line):
    lines = dict.fromkeys(bins, line)
    under = area_under(bins, lines)
    over = area_over_band(bins, lines, bins, tolerance=0.0)
    assert over - under == pytest.approx(sum(bins.values()) - line * len(bins), abs=1e-6)
