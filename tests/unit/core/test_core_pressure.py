"""Arterial pressure: the numeric filter, frozen feeds, minute bins, MAP5, repeated samples."""

from math import inf, nan

import pytest
from bedside import ZERO_MINUTE, Bedside, pressure
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.core.events import MINUTE, SECOND
from monitor_daemon.core.pressure import Pressure
from monitor_daemon.core.vocabulary import Quality


def give(record, at, mean, systolic=None, diastolic=None, *, source="A", usable=True):
    return record.take(source, round(at), mean, systolic, diastolic, usable=usable)


def minutes(*means, start=0, need=1):
    """A record of one sample a minute, all bins made."""
    record = Pressure()
    for n, mean in enumerate(means, start):
        if mean is not None:
            give(record, n * MINUTE, mean)
        record.close(n + 1, need)
    return record


@pytest.mark.parametrize("mean", [30.0, 200.0, 65.0])
def test_pressures_a_patient_can_have_are_valid(mean):
    assert give(Pressure(), 0, mean)


@pytest.mark.parametrize("mean", [29.9, 200.1, -39.0, 801.0, 0.0, 300.0, nan, inf, -inf])
def test_pressures_outside_30_to_200_are_not(mean):
    record = Pressure()
    assert not give(record, 0, mean)
    record.close(1, 1)
    assert record.bins == {}


@pytest.mark.parametrize(
    ("mean", "systolic", "diastolic"),
    [(70, 70, 70), (40, 10, 5), (60, 90, 10), (95, 99, 90), (91, 100, 86), (140, 149, 135),
     (131, 151, 122), (180, 200, 171), (168, 201, 152)],
    ids=["flat", "systolic-10", "diastolic-10", "9", "14", "14-high", "29", "29-high", "49"],
)  # fmt: skip
def test_pulse_pressures_no_pulse_has(mean, systolic, diastolic):
    assert not give(Pressure(), 0, mean, systolic, diastolic)


@pytest.mark.parametrize(
    ("mean", "systolic", "diastolic"),
    [(92, 99, 89), (90, 100, 85), (140, 149, 134), (131, 151, 121), (180, 200, 170),
     (168, 201, 151), (38, 45, 33), (65, 90, None), (65, None, 60)],
)  # fmt: skip
def test_pulse_pressures_that_stand(mean, systolic, diastolic):
    assert give(Pressure(), 0, mean, systolic, diastolic)


def test_a_flagged_sample_is_never_used():
    record = Pressure()
    assert not give(record, 0, 70.0, usable=False)
    record.close(1, 1)
    assert record.bins == {}


def test_a_jump_of_more_than_40_above_the_median_waits_for_120_seconds():
    record = minutes(*[70.0] * 5)
    assert not give(record, 5 * MINUTE, 110.1)
    assert not give(record, 6 * MINUTE, 115.0)
    assert not give(record, 7 * MINUTE - SECOND, 115.0)
    assert give(record, 7 * MINUTE + SECOND, 115.0)


def test_a_rise_once_accepted_stays_accepted_from_then_on():
    """One sample a minute, one of them a second late: the window keeps two earlier samples."""
    record = minutes(*[70.0] * 5)
    assert not give(record, 5 * MINUTE, 115.0)
    assert not give(record, 6 * MINUTE, 115.0)
    assert give(record, 7 * MINUTE + SECOND, 115.0)
    assert give(record, 8 * MINUTE, 115.0)
    assert give(record, 9 * MINUTE, 115.0)


def test_exactly_40_above_the_median_is_valid():
    assert give(minutes(70.0, 70.0, 70.0), 3 * MINUTE, 110.0)


def test_the_upward_gate_needs_three_earlier_samples():
    assert give(minutes(70.0, 70.0), 2 * MINUTE, 150.0)


def test_the_upward_gate_forgets_samples_of_more_than_five_minutes_ago():
    assert give(minutes(70.0, 70.0, 70.0), 9 * MINUTE, 150.0)


def test_a_return_below_the_gate_starts_it_afresh():
    record = minutes(70.0, 70.0, 70.0)
    assert not give(record, 3 * MINUTE, 130.0)
    assert give(record, 4 * MINUTE, 72.0)
    assert not give(record, 5 * MINUTE + SECOND, 130.0)


def test_a_true_collapse_is_never_filtered():
    record = minutes(90.0, 90.0, 90.0, 90.0, 90.0)
    assert give(record, 5 * MINUTE, 31.0, 40.0, 24.0)
    assert give(record, 6 * MINUTE, 30.0)


@pytest.mark.parametrize(("count", "made"), [(29, False), (30, True), (60, True)])
def test_a_bin_needs_half_of_the_samples(count, made):
    record = Pressure()
    for second in range(count):
        give(record, second * SECOND, 66.0)
    record.close(1, 30)
    assert (0 in record.bins) is made


def test_a_bin_is_the_median_of_its_valid_samples():
    record = Pressure()
    for second, mean in enumerate([60.0, 62.0, 250.0, 64.0, 90.0]):
        give(record, second * SECOND, mean)
    record.close(1, 1)
    assert record.bins == {0: 63.0}


def test_map5_is_unknown_below_three_bins():
    assert minutes(66.0, None, None, None, 66.0).map5(5) is None
    assert minutes(66.0, None, 70.0, None, 68.0).map5(5) == 68.0
    assert minutes(66.0, 70.0, 68.0, None, 60.0).map5(5) == 67.0
    assert minutes(66.0, 70.0, 68.0, 71.0, 60.0).map5(5) == 68.0


def test_after_a_step_of_map_map5_crosses_three_minutes_later():
    record = minutes(*[70.0] * 10, *[62.0] * 5)
    assert [record.map5(10 + n) for n in range(5)] == [70.0, 70.0, 70.0, 62.0, 62.0]


def test_map5_looks_at_the_five_minutes_before_and_not_at_the_running_one():
    record = minutes(*[70.0] * 5, 100.0)
    assert record.map5(5) == 70.0


def test_repeated_samples_are_ignored():
    record = Pressure()
    assert give(record, 0, 66.0)
    assert not give(record, 0, 66.0)
    assert record.open == {0: [66.0]}


def test_a_repeat_after_a_late_sample_is_still_a_repeat():
    record = Pressure()
    for at, mean in [(0, 66.0), (120, 70.0), (30, 64.0), (120, 70.0)]:
        give(record, at * SECOND, mean)
    assert record.open == {0: [66.0, 64.0], 2: [70.0]}


@pytest.mark.parametrize("late", [1, 2])
def test_a_late_sample_remakes_the_bin_of_its_own_minute(late):
    measured = 7 - late
    record = minutes(*[66.0] * measured, *[None] * late)
    assert measured not in record.bins
    give(record, measured * MINUTE, 50.0)
    record.close(8, 1)
    assert record.bins[measured] == 50.0


def test_a_sample_ten_minutes_late_changes_no_bin():
    record = minutes(*[66.0] * 20)
    give(record, 10 * MINUTE + SECOND, 40.0)
    record.close(21, 1)
    assert record.bins[10] == 66.0


def test_a_bed_stays_with_one_of_two_sources():
    record = Pressure()
    for n in range(10):
        assert give(record, n * MINUTE, 66.0, source="A")
        assert not give(record, n * MINUTE + 30 * SECOND, 90.0, source="B")


def test_the_other_source_takes_over_after_60_seconds_and_stays():
    record = minutes(66.0, 66.0)
    assert not give(record, 2 * MINUTE - SECOND, 70.0, source="B")
    assert give(record, 2 * MINUTE, 70.0, source="B")
    assert not give(record, 2 * MINUTE + SECOND, 66.0, source="A")


def test_a_source_without_values_takes_nothing_over():
    record = Pressure()
    assert give(record, MINUTE, 66.0, source="A")
    assert not give(record, 3 * MINUTE, 66.0, source="B", usable=False)
    assert (record.source, record.rejected) == ("A", {})
    assert give(record, 3 * MINUTE + SECOND, 66.0, source="A")


def test_the_other_source_takes_over_from_one_that_says_it_has_no_value():
    record = minutes(66.0)
    for n in range(1, 4):
        give(record, n * MINUTE, 0.0, source="A", usable=False)
    assert give(record, 3 * MINUTE + 30 * SECOND, 70.0, source="B")


def test_a_flush_before_a_silence_does_not_let_the_next_one_in():
    """The 120 s of rule 4 are those of one rise, not of two with a normal pressure between."""
    record = minutes(*[70.0] * 5)
    assert not give(record, 5 * MINUTE, 150.0)
    for n in (12, 13, 14):
        assert give(record, n * MINUTE, 70.0)
    assert not give(record, 15 * MINUTE, 150.0)


@pytest.mark.parametrize("quality", [q for q in Quality if q is not Quality.GOOD])
def test_a_monitor_that_flags_its_value_makes_no_bin(quality):
    bedside = Bedside.active(until=10)
    bedside.give(10, pressure(66.0, quality=quality))
    bedside.tick(11)
    assert max(bedside.bed.pressure.bins) == ZERO_MINUTE + 9
    assert bedside.bed.pressure.rejected == {"flagged": 1}


def triplets(count, period, *, change=None):
    """A record of `count` samples that are all alike but one."""
    record = Pressure()
    for n in range(count):
        give(record, n * period, 70.0, 111.0 if n == change else 110.0, 50.0)
    return record


@pytest.mark.parametrize(
    ("count", "period", "frozen"),
    [(599, SECOND, False), (600, SECOND, True), (14, MINUTE, False), (15, MINUTE, True),
     (119, 5 * SECOND, False), (120, 5 * SECOND, True)],
)  # fmt: skip
def test_identical_triplets_are_a_frozen_feed(count, period, frozen):
    assert triplets(count, period).frozen_since == (0 if frozen else None)


@pytest.mark.parametrize("change", [0, 300, 598, 599])
def test_one_other_systolic_within_ten_minutes_is_no_frozen_feed(change):
    assert triplets(600, SECOND, change=change).frozen_since is None


@pytest.mark.parametrize(("systolic", "diastolic"), [(None, None), (110.0, None), (None, 50.0)])
def test_a_mean_alone_is_never_frozen(systolic, diastolic):
    record = Pressure()
    for n in range(60):
        give(record, n * MINUTE, 70.0, systolic, diastolic)
    assert record.frozen_since is None


def test_frozen_samples_make_their_bins_and_the_minutes_are_known():
    record = Pressure()
    for n in range(5, 30):
        same = 8 <= n < 26
        give(record, n * MINUTE, 70.0 if same else 60.0 + n, 110.0, 50.0)
        record.close(n + 1, 1)
        assert record.frozen_since == (8 * MINUTE if 22 <= n < 26 else None)
    assert [n for n in range(40) if record.frozen(n)] == list(range(8, 26))
    assert all(record.bins[n] == 70.0 for n in range(8, 26))


def test_a_frozen_feed_that_falls_silent_has_not_thawed():
    record = triplets(15, MINUTE)
    record.close(100, 1)
    assert record.frozen_since == 0
    give(record, 100 * MINUTE, 70.0, 110.0, 50.0)
    assert record.frozen_since is None


def test_equal_triplets_around_a_silence_are_no_run():
    record = triplets(14, MINUTE)
    give(record, (13 + 6) * MINUTE, 70.0, 110.0, 50.0)
    assert record.frozen_since is None


def test_a_flagged_sample_ends_the_run_and_a_late_one_does_not():
    late, flagged = triplets(14, MINUTE), triplets(14, MINUTE)
    give(late, 12 * MINUTE + SECOND, 71.0, 112.0, 51.0)
    give(flagged, 13 * MINUTE + SECOND, 70.0, 110.0, 50.0, usable=False)
    for record in (late, flagged):
        give(record, 14 * MINUTE, 70.0, 110.0, 50.0)
    assert (late.frozen_since, flagged.frozen_since) == (0, None)


def test_a_flat_line_is_frozen_too():
    """A closed stopcock above 65 mmHg is no ART_CHECK: that it never moves is what can be said."""
    record = Pressure()
    for n in range(600):
        give(record, n * SECOND, 184.3, 184.3, 184.3)
    assert record.frozen_since == 0
    assert not record.no_pressure()


values = st.one_of(st.none(), st.floats(-50, 350), st.floats(30, 200))


@given(st.lists(values, max_size=40))
def test_a_fall_is_never_filtered(means):
    record, seen = Pressure(), []
    for n, mean in enumerate(means):
        if mean is None:
            continue
        lowest = min((v for at, v in seen if at >= n - 5), default=200.0)
        valid = give(record, n * MINUTE, mean)
        if 30 <= mean <= min(lowest, 200):
            assert valid
        if valid:
            seen.append((n, mean))


@given(st.lists(st.tuples(st.integers(0, 400), values, values, values), max_size=60))
def test_any_samples_give_bins_within_the_valid_range(samples):
    record = Pressure()
    for n, (second, mean, systolic, diastolic) in enumerate(samples):
        give(record, second * SECOND, mean or 0.0, systolic, diastolic, usable=mean is not None)
        record.close(n // 10, 1)
    record.close(10, 1)
    assert all(30 <= value <= 200 for value in record.bins.values())
    assert record.ordered == sorted(value for _, value in record.recent)


@given(st.lists(st.tuples(st.sampled_from("abm"), st.integers(1, 20)), max_size=8))
def test_frozen_is_fifteen_alike_at_one_a_minute(runs):
    """Against the rule counted out over the whole series; `m` has no systolic."""
    series = "".join(letter * count for letter, count in runs)
    record = Pressure()
    for n, letter in enumerate(series):
        give(record, n * MINUTE, 70.0, {"a": 110.0, "b": 111.0, "m": None}[letter], 50.0)
    run = len(series) - len(series.rstrip(series[-1:]))
    frozen = run >= 15 and series[-1] != "m"
    assert record.frozen_since == ((len(series) - run) * MINUTE if frozen else None)
