"""Arterial samples that come many at once: blocks, and replays of minutes long over.

A block leaves exactly the state that its samples leave one by one. A replay (reference 0.7) fills
minutes that have no bin and leaves the live series alone.
"""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_daemon.core.events import MINUTE, SECOND
from monitor_daemon.core.filter import FROZEN_COUNT, Feed
from monitor_daemon.core.pressure import Pressure

START = 10_000 * MINUTE
DAY = 1440


class Undivided(Pressure):
    """A record that takes no sample by itself."""

    def take(self, *given, usable):
        raise AssertionError("taken one by one")


def clean(begin, count, mean=70.0, step=SECOND):
    """A pressure that moves with every sample."""
    return [
        (begin + n * step, mean + n % 3, mean + 40 + n % 5, mean - 15 + n % 2) for n in range(count)
    ]


def both(*steps):
    """The same steps one by one and in blocks: blocks of samples, or minutes that begin."""
    single, block = Pressure(), Pressure()
    for given_step in steps:
        if isinstance(given_step, int):
            assert single.close(given_step, 3) == block.close(given_step, 3)
        else:
            valid = [single.take("A", *sample, usable=True) for sample in given_step]
            assert block.take_block("A", given_step) == sum(valid)
        assert msgspec.msgpack.encode(single) == msgspec.msgpack.encode(block)
    return block


@pytest.mark.parametrize("step", [101, SECOND, 5 * SECOND, MINUTE])
def test_clean_blocks_are_taken_at_once(step):
    record = Undivided()
    for n in range(5):
        rows = clean(START + n * 60 * step, 60, step=step)
        assert record.take_block("A", rows) == 60
    assert both(*[clean(START + n * 60 * step, 60, step=step) for n in range(5)]).rejected == {}


@pytest.mark.parametrize(("systolic", "diastolic"), [(None, None), (110.0, None), (None, 50.0)])
def test_a_block_of_means_alone_is_taken_at_once(systolic, diastolic):
    rows = [(at, mean, systolic, diastolic) for at, mean, _, _ in clean(START, 60)]
    assert Undivided().take_block("A", rows) == 60
    assert both(rows).open == {START // MINUTE: [mean for _, mean, _, _ in rows]}


def test_a_block_over_several_minutes_fills_the_bin_of_each():
    record = both(clean(START, 150), START // MINUTE + 3)
    assert sorted(record.bins) == [10_000, 10_001, 10_002]


def test_a_frozen_block_is_still_a_frozen_feed():
    rows = [(START + n * SECOND, 70.0, 110.0, 50.0) for n in range(600)]
    record = both(rows[:300], rows[300:])
    assert record.frozen_since == START
    assert both(rows, clean(START + 600 * SECOND, 60)).frozen(START // MINUTE + 5)


def test_an_empty_block_changes_nothing():
    record = Pressure()
    assert record.take_block("A", []) == 0
    assert record == Pressure()


FAULTS = {
    "below the range": [(0, 20.0, 25.0, 15.0)],
    "above the range": [(0, 262.0, 270.0, 250.0)],
    "no pulse": [(0, 70.0, 73.0, 68.0)],
    "flat": [(0, 70.0, 70.0, 70.0)],
    "not a number": [(0, float("nan"), 110.0, 50.0)],
    "systolic not a number": [(0, 70.0, float("nan"), 50.0)],
    "infinite": [(0, 70.0, float("inf"), 50.0)],
    "excursion": [(0, 121.0, 160.0, 100.0)],
    "no diastolic": [(0, 70.0, 110.0, None)],
    "repeat": [(-SECOND, 70.0, 110.0, 55.0)],
    "step back": [(-40 * SECOND, 71.5, 110.0, 55.0)],
    "late": [(-20 * MINUTE, 71.5, 110.0, 55.0)],
    "too late": [(-25 * 60 * MINUTE, 71.5, 110.0, 55.0)],
    "silence of an hour": [(60 * MINUTE, 71.5, 110.0, 55.0)],
}


@pytest.mark.parametrize("place", [0, 30, 60])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_block_with_a_fault(fault, place):
    rows = clean(START + MINUTE, 60)
    at = START + MINUTE + place * SECOND
    odd = [(at + offset, *values) for offset, *values in FAULTS[fault]]
    both(clean(START, 60), START // MINUTE + 1, rows[:place] + odd + rows[place:])


def test_a_block_of_a_source_that_does_not_speak_for_the_bed():
    single, block = Pressure(), Pressure()
    for record in (single, block):
        record.take_block("A", clean(START, 60))
    other = clean(START + 30 * SECOND, 120, mean=90.0)
    valid = [single.take("B", *sample, usable=True) for sample in other]
    assert block.take_block("B", other) == sum(valid) > 0
    assert block == single
    assert block.source == "B"


def test_a_clean_block_ends_an_unreadable_run_and_a_raised_one():
    unreadable = [(START + n * SECOND, 5.0, 6.0, 4.0) for n in range(60)]
    raised = [(START + (120 + n) * SECOND, 130.0, 170.0, 100.0) for n in range(60)]
    record = both(unreadable, clean(START + MINUTE, 60), raised, clean(START + 3 * MINUTE, 60))
    assert not record.no_pressure()
    assert record.raised_since is None


#: Mostly what a monitor sends, with everything in between that it should not send.
steps = st.sampled_from([SECOND] * 12 + [MINUTE] * 3 + [0, 50, 100, 101, -SECOND, -90 * SECOND])
leaps = st.sampled_from([0] * 20 + [6 * MINUTE, -10 * MINUTE, -1500 * MINUTE, 1500 * MINUTE])
triplets = st.one_of(
    st.sampled_from([(70.0, 110.0, 50.0)] * 4 + [(71.0, 112.0, 51.0), (70.0, 110.0, 51.0)]),
    st.tuples(st.floats(62, 80), st.floats(100, 140), st.floats(45, 60)),
    st.tuples(st.floats(62, 110), st.none(), st.none()),
    st.sampled_from([(150.0, 190.0, 130.0), (5.0, 6.0, 4.0), (66.0, 68.0, 64.0)]),
    st.tuples(*[st.one_of(st.none(), st.floats(-50, 350))] * 2).map(lambda pair: (90.0, *pair)),
)
runs = st.tuples(triplets, st.integers(1, 20), steps, leaps)
blocks = st.lists(runs, min_size=1, max_size=8)


def test_values_that_come_again_after_others_are_a_run_of_their_own():
    again = [(70.0, 110.0, 50.0), (70.0, 110.0, 50.0), (71.0, 112.0, 51.0), (70.0, 110.0, 50.0)]
    both([(START + n * SECOND, *values) for n, values in enumerate(again)], START // MINUTE + 1)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(blocks, st.integers(0, 4)), min_size=1, max_size=6))
def test_any_blocks_leave_what_single_samples_leave(given_blocks):
    at, minute, sequence = START, START // MINUTE, []
    for block, passed in given_blocks:
        rows = []
        for values, count, step, leap in block:
            at = max(at + leap, 0)
            for _ in range(count):
                at = max(at + step, 0)
                rows.append((at, *values))
        minute = max(minute, at // MINUTE) + passed
        sequence += [rows, minute]
    both(*sequence)


@settings(deadline=None)
@given(
    st.lists(st.tuples(triplets, st.integers(1, 2 * FROZEN_COUNT)), max_size=5),
    st.lists(st.tuples(triplets, st.integers(1, 2 * FROZEN_COUNT)), min_size=1, max_size=5),
)
def test_any_runs_of_triplets_in_a_block_leave_the_same_feed(before, within):
    one, other = Feed(), Feed()
    rows = [values for values, count in before for _ in range(count)]
    block = [values for values, count in within for _ in range(count)]
    ats = range(0, (len(rows) + len(block)) * MINUTE, MINUTE)
    for at, values in zip(ats, rows, strict=False):
        one.see(at, *values)
        other.see(at, *values)
    for at, values in zip(ats[len(rows) :], block, strict=True):
        one.see(at, *values)
    other.see_block(ats[len(rows) :], block)
    assert one == other


def give(record, at, mean, systolic=None, diastolic=None, *, usable=True):
    return record.take("A", round(at), mean, systolic, diastolic, usable=usable)


def bed(*, until, gap=range(0), mean=70.0):
    """One sample a minute from 0 to `until`, none in the gap, all minutes closed."""
    record = Pressure()
    for n in range(until):
        if n not in gap:
            give(record, n * MINUTE, mean)
        record.close(n + 1, 1)
    return record


def live(record):
    """The state of the live series: everything that a replayed sample has no part in."""
    kept = Pressure(**{name: getattr(record, name) for name in record.__struct_fields__})
    return msgspec.structs.replace(
        kept, late={}, late_window=Pressure().late_window, bins={}, rejected={}
    )


def test_a_replayed_gap_gets_its_bins_when_the_next_minute_begins():
    record = bed(until=40, gap=range(10, 31))
    for n in range(10, 31):
        assert give(record, n * MINUTE, 60.0 + n % 2)
    assert record.close(41, 1) == list(range(10, 31))
    assert [record.bins[n] for n in range(9, 32)] == [70.0, *[60.0, 61.0] * 10, 60.0, 70.0]
    assert record.close(42, 1) == []


def test_a_sample_in_time_is_not_told_as_late():
    record = bed(until=37, gap=range(33, 40))
    for n in range(34, 37):
        give(record, n * MINUTE, 66.0)
    assert record.close(38, 1) == []
    assert {34, 35, 36} <= record.bins.keys()


def test_a_bin_that_exists_stays():
    record = bed(until=40, gap=range(20, 25))
    for n in range(15, 30):
        assert give(record, n * MINUTE + SECOND, 50.0) is (20 <= n < 25)
    assert record.close(41, 1) == list(range(20, 25))
    assert [record.bins[n] for n in (19, 20, 24, 25)] == [70.0, 50.0, 50.0, 70.0]


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize(("count", "made"), [(29, []), (30, [5])])
def test_a_late_bin_needs_its_samples_and_a_repeat_is_none(count, made, twice):
    record = bed(until=20, gap=range(5, 6))
    for _ in range(1 + twice):
        for second in range(count):
            give(record, 5 * MINUTE + second * SECOND, 66.0)
    assert record.close(21, 30) == made


def test_a_replay_that_shifts_by_a_tenth_of_a_second_is_a_repeat():
    record = bed(until=20, gap=range(5, 6))
    assert give(record, 5 * MINUTE + 300, 66.0)
    assert not give(record, 5 * MINUTE + 400, 66.0)
    assert not give(record, 5 * MINUTE + 200, 66.0)
    assert give(record, 5 * MINUTE + 401, 66.0)


def test_a_replay_leaves_the_live_series_alone():
    record = bed(until=40, gap=range(10, 31))
    before = live(record)
    for n in range(10, 31):
        give(record, n * MINUTE, 5.0 if n % 4 == 0 else 170.0, 200.0, 100.0)
        give(record, n * MINUTE + SECOND, 66.0, usable=False)
    assert live(record) == before
    assert not record.no_pressure()


def test_a_replayed_rise_is_judged_by_the_minutes_before_it_and_not_by_the_present():
    """Live 100, so that 130 would stand; in the replay 70, so that it is a flush."""
    record = bed(until=40, gap=range(10, 31), mean=100.0)
    for n in range(10, 31):
        assert give(record, n * MINUTE, 130.0 if n == 20 else 70.0) is (n != 20)
    assert 20 not in record.close(41, 1)
    assert record.rejected == {"excursion": 1}


def test_a_replayed_high_pressure_is_not_judged_by_the_present_low_one():
    record = bed(until=40, gap=range(10, 31), mean=60.0)
    assert all(give(record, n * MINUTE, 105.0) for n in range(10, 31))


def test_a_second_burst_that_begins_earlier_is_a_series_of_its_own():
    record = bed(until=200, gap=range(20, 150))
    assert all(give(record, n * MINUTE, 60.0) for n in range(100, 110))
    assert all(give(record, n * MINUTE, 115.0) for n in range(30, 40))


@pytest.mark.parametrize(
    ("rule", "values", "usable"),
    [
        ("flagged", (66.0, None, None), False),
        ("range", (29.0, None, None), True),
        ("pulse", (66.0, 68.0, 64.0), True),
    ],
)
def test_a_replayed_sample_is_refused_by_the_same_rules(rule, values, usable):
    record = bed(until=40, gap=range(10, 31))
    assert not give(record, 15 * MINUTE, *values, usable=usable)
    assert record.rejected == {rule: 1}
    assert record.close(41, 1) == []


def test_a_sample_older_than_a_day_is_counted_and_no_more():
    record = bed(until=DAY + 60, gap=range(50, 70))
    assert not give(record, 59 * MINUTE, 66.0)
    assert give(record, 60 * MINUTE, 66.0)
    assert record.rejected == {"too_late": 1}


def test_a_late_sample_whose_day_ends_before_the_next_minute_makes_no_bin():
    record = bed(until=DAY + 60, gap=range(50, 70))
    give(record, 60 * MINUTE, 66.0)
    assert record.close(DAY + 61, 1) == []


def test_bins_are_kept_for_a_day():
    record = bed(until=DAY + 100)
    assert sorted(record.bins) == list(range(100, DAY + 100))


@pytest.mark.parametrize("away", [1, 5, DAY - 1, DAY, DAY + 1, 3 * DAY])
def test_minutes_that_were_never_closed_drop_what_is_too_old(away):
    record = bed(until=DAY)
    record.close(DAY + away, 1)
    assert sorted(record.bins) == list(range(away, DAY))


def test_what_comes_first_after_an_outage_of_ours_is_told_as_late():
    """No minute was closed for half an hour; the gateway kept the samples."""
    record = bed(until=40)
    for n in range(40, 71):
        give(record, n * MINUTE, 66.0)
    assert record.close(71, 1) == list(range(40, 67))
    assert [m for m in range(71) if m not in record.bins] == []


def test_a_replay_of_a_day_backwards_or_over_and_over_fills_no_memory():
    record = bed(until=DAY + 10, gap=range(20, DAY))
    for n in range(DAY - 1, 19, -1):
        give(record, n * MINUTE, 66.0)
        assert len(record.late_window.recent) <= 6
    for _ in range(500):
        give(record, 30 * MINUTE, 66.0)
    assert len(record.late_window.recent) <= 6
    assert record.close(DAY + 11, 1) == list(range(20, DAY))
    assert record.late == {}


means = st.one_of(st.floats(-50, 350), st.floats(55, 75))
replayed = st.lists(st.tuples(st.integers(0, 60 * 36), means, st.booleans()), max_size=60)


@given(replayed, st.integers(1, 3))
def test_no_replay_touches_the_live_series_or_a_bin(samples, need):
    record = bed(until=40, gap=range(10, 31))
    before, bins = live(record), dict(record.bins)
    for second, mean, usable in samples:
        give(record, second * SECOND, mean, mean + 40, mean - 20, usable=usable)
    assert live(record) == before
    made = record.close(41, need)
    assert made == sorted(set(record.bins) - set(bins))
    assert {m: record.bins[m] for m in bins} == bins
    assert set(made) <= set(range(10, 31))
    assert all(30 <= record.bins[m] <= 200 for m in made)


@given(st.lists(st.floats(55, 75), min_size=21, max_size=21), st.randoms())
def test_a_replay_in_any_order_gives_the_bins_of_its_minutes(found, random):
    """No value is 40 above another, so no order lets the upward gate refuse one."""
    record = bed(until=40, gap=range(10, 31))
    rows = list(enumerate(found, 10))
    random.shuffle(rows)
    for n, mean in rows:
        give(record, n * MINUTE, mean)
    assert record.close(41, 1) == list(range(10, 31))
    assert [record.bins[n] for n in range(10, 31)] == found
