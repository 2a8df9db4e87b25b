"""Intervals of delivery, and runs of infusions as eligibility counts them (reference R7, R8)."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.exposure import Exposure

HOUR = 60 * MINUTE


def exposure(*steps):
    """(minute, drugs that run from then on, whether that is unknown)."""
    made = Exposure()
    for t, drugs, *blind in steps:
        made.advance(t * MINUTE, drugs, blind=bool(blind))
    return made


def minutes(spans):
    return [(start / MINUTE, end / MINUTE) for start, end in spans]


def test_a_drug_that_runs_grows_until_it_stops():
    made = exposure((0, ["a"]), (5, ["a", "b"]), (9, ["b"]), (20, []))
    assert minutes(made.runs["a"]) == [(0, 9)]
    assert minutes(made.runs["b"]) == [(5, 20)]


def test_a_pause_makes_two_intervals_and_unknown_time_is_kept():
    made = exposure((0, ["a"]), (5, [], True), (8, ["a"]), (10, []))
    assert minutes(made.runs["a"]) == [(0, 5), (8, 10)]
    assert minutes(made.unknown) == [(5, 8)]


def test_pauses_under_an_hour_are_closed_and_longer_ones_are_not():
    """R7: stopped for 20 min it is one infusion, for 210 min it is two; exactly 60 is a pause."""
    made = exposure((0, ["ne"]), (30, []), (50, ["ne"]), (60, []), (120, ["ne"]), (200, []))
    infusions, short = made.merged(["ne"], HOUR, 5 * MINUTE)
    assert minutes(infusions) == [(0, 60), (120, 200)]
    assert short == []


def test_a_short_run_that_stands_alone_is_a_bolus():
    made = exposure((0, ["ph"]), (2, []), (100, ["ph"]), (103, []), (150, ["ne"]), (200, ["ne"]))
    infusions, short = made.merged(["ph", "ne"], HOUR, 5 * MINUTE)
    assert minutes(infusions) == [(150, 200)]
    assert minutes(short) == [(0, 2), (100, 103)]


def test_what_has_just_begun_to_run_is_no_bolus():
    made = exposure((0, []), (10, ["ne"]), (12, ["ne"]))
    assert made.merged(["ne"], HOUR, 5 * MINUTE) == ([(10 * MINUTE, 12 * MINUTE)], [])


def test_two_drugs_one_after_the_other_are_one_infusion():
    made = exposure((0, ["ne"]), (3, ["ph"]), (6, []))
    infusions, short = made.merged(["ne", "ph"], HOUR, 5 * MINUTE)
    assert minutes(infusions) == [(0, 6)]
    assert short == []


def test_a_cut_keeps_what_lies_within():
    made = exposure((0, ["a"]), (10, [], True), (20, ["a"]), (30, []))
    cut = made.within(5 * MINUTE, 25 * MINUTE)
    assert minutes(cut.runs["a"]) == [(5, 10), (20, 25)]
    assert minutes(cut.unknown) == [(10, 20)]


@given(
    st.lists(
        st.tuples(st.integers(1, 90), st.sets(st.sampled_from("abc")), st.booleans()), max_size=30
    )
)
def test_the_intervals_of_a_drug_hold_every_minute_in_which_it_ran(steps):
    made, t, ran, dark = Exposure(), 0, {drug: set() for drug in "abc"}, set()
    made.advance(0, [], blind=False)
    for length, drugs, blind in steps:
        made.advance(t * MINUTE, sorted(drugs), blind=blind)
        for drug in drugs:
            ran[drug] |= set(range(t, t + length))
        dark |= set(range(t, t + length)) if blind else set()
        t += length
    made.advance(t * MINUTE, [], blind=False)
    for drug, expected in ran.items():
        spans = made.runs.get(drug, [])
        assert {m for s, e in minutes(spans) for m in range(int(s), int(e))} == expected
        assert all(end < start for (_, end), (start, _) in pairwise(spans))
    assert {m for s, e in minutes(made.unknown) for m in range(int(s), int(e))} == dark
