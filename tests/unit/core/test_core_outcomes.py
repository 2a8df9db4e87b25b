"""Outcomes against the tables of the reference (R8) and against a count minute by minute."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.core.events import MINUTE, SECOND
from monitor_daemon.core.outcomes import (
    DAY,
    HOUR,
    WITHOUT_DOBUTAMINE,
    Clearance,
    Counting,
    Delivery,
    Missing,
    free_days,
    lactate_clearance,
    vasopressor_days,
    within_window,
)

#: Randomisation: 2026-09-21T14:13:00Z.
ZERO = 1_790_000_000_000 - 20_000


def ms(hours):
    """Engine time of `hours` after randomisation."""
    return ZERO + round(hours * HOUR)


def spans(*hours):
    return [(ms(start), ms(end)) for start, end in hours]


def ne(*hours):
    return {"norepinephrine": spans(*hours)}


RELAPSE = ne((-5, 50), (120, 130))
TO_30 = {**ne((-5, 30)), "vasopressin": spans((6, 60))}
EIGHT, TEN = 24 + 8 / 60, 24 + 10 / 60


@pytest.mark.parametrize(
    ("runs", "death", "main", "after", "alive"),
    [
        (RELAPSE, None, 24, 22, 24),
        (ne((-5, 40)), 230, 0, 0, 7),
        (ne((-5, EIGHT)), None, 27, 27, 27),
        (ne((-5, TEN)), None, 26, 26, 26),
        (TO_30, None, 26, 26, 26),
        (ne((-5, 2)), 672, 27, 27, 27),
    ],
    ids=["relapse", "death at 230 h", "24 h 08", "24 h 10", "vasopressin", "death at 672 h"],
)
def test_courses_of_the_reference(runs, death, main, after, alive):
    found = free_days(runs, [], ZERO, death=None if death is None else ms(death))
    assert (found.main, found.after_last_liberation, found.alive_and_free) == (main, after, alive)


def test_used_periods_of_a_relapse():
    assert free_days(RELAPSE, [], ZERO).periods.used == (1, 2, 3, 6)


def test_vasopressin_to_60_hours_makes_three_vasopressor_days():
    assert vasopressor_days(TO_30, [], ZERO).days == 3


def test_eight_minutes_of_a_period_are_listed_and_not_counted():
    periods = free_days(ne((-5, EIGHT)), [], ZERO).periods
    assert periods.short == (Delivery(2, "norepinephrine", ms(24), ms(24) + 8 * MINUTE),)


def test_short_runs_of_one_period_add_up():
    runs = {"norepinephrine": spans((1, 1.1)), "epinephrine": spans((2, 2.1))}
    assert free_days(runs, [], ZERO).periods.used == (1,)


def test_two_drugs_at_the_same_minutes_count_once():
    runs = {"norepinephrine": spans((1, 1.1)), "epinephrine": spans((1, 1.1))}
    found = free_days(runs, [], ZERO)
    assert found.main == 28
    assert [one.drug for one in found.periods.short] == ["epinephrine", "norepinephrine"]


@pytest.mark.parametrize(("last", "used"), [(-1, ()), (0, (1,))])
def test_ten_minutes_are_enough(last, used):
    runs = {"norepinephrine": [(ZERO, ZERO + 10 * MINUTE + last)]}
    assert free_days(runs, [], ZERO).periods.used == used


def test_never_on_a_catecholamine():
    found = free_days({}, [], ZERO)
    assert (found.main, found.after_last_liberation, found.alive_and_free) == (28, 28, 28)


def test_with_and_without_dobutamine():
    runs = {**ne((-5, 20)), "dobutamine": spans((10, 60))}
    assert free_days(runs, [], ZERO).main == 25
    assert free_days(runs, [], ZERO, drugs=WITHOUT_DOBUTAMINE).main == 27


@pytest.mark.parametrize("drug", ["vasopressin", "phenylephrine", "study"])
def test_what_is_no_catecholamine_uses_no_day(drug):
    assert free_days({drug: spans((0, 600))}, [], ZERO).main == 28


@pytest.mark.parametrize("drug", ["study", "dobutamine", "propofol"])
def test_what_is_no_vasopressor_makes_no_vasopressor_day(drug):
    assert vasopressor_days({drug: spans((0, 600))}, [], ZERO).days == 0


def test_a_blinded_infusion_changes_nothing_at_all():
    with_study = {**TO_30, "study": spans((0, 200))}
    for outcome in (free_days, vasopressor_days):
        assert outcome(with_study, [], ZERO) == outcome(TO_30, [], ZERO)


def test_death_one_millisecond_before_the_end_is_zero():
    assert free_days({}, [], ZERO, death=ZERO + 28 * DAY - 1).main == 0
    assert free_days({}, [], ZERO, death=ZERO + 28 * DAY).main == 28


@pytest.mark.parametrize(("silence", "incomplete"), [(6, ()), (6.01, (3,))])
def test_more_than_six_unknown_hours_flag_a_period(silence, incomplete):
    found = free_days({}, spans((50, 50 + silence)), ZERO)
    assert found.periods.incomplete == found.periods.undecided == incomplete
    assert found.main == 28


def test_unknown_hours_are_counted_for_each_period_alone():
    assert free_days({}, spans((19, 29)), ZERO).periods.incomplete == ()
    assert free_days({}, spans((19, 22), (23, 26)), ZERO).periods.incomplete == ()
    assert free_days({}, spans((1, 4), (5, 9)), ZERO).periods.incomplete == (1,)


def test_a_used_period_is_decided_whatever_is_unknown_in_it():
    periods = free_days(ne((0, 1)), spans((2, 20)), ZERO).periods
    assert (periods.used, periods.incomplete, periods.undecided) == ((1,), (1,), ())


def test_only_periods_that_are_over_count_so_far():
    found = free_days(ne((-5, 30)), [], ZERO, now=ms(100))
    assert found.periods.elapsed == 4
    assert (found.main, found.after_last_liberation, found.alive_and_free) == (2, 2, 2)


def test_the_running_period_is_used_as_soon_as_it_is():
    found = free_days(ne((97, 98)), [], ZERO, now=ms(98))
    assert found.periods.used == (5,)
    assert (found.main, found.after_last_liberation) == (4, 0)


def test_nothing_is_known_before_randomisation():
    found = free_days(ne((-5, 30)), [], ZERO, now=ms(-1))
    assert (found.main, found.periods.elapsed, found.periods.used) == (0, 0, ())


def test_after_discharge_off_the_drug_days_are_assumed_free():
    found = free_days(ne((-5, 40)), [], ZERO, discharge=ms(25 * 24))
    assert found.main == 26
    assert found.periods.assumed == (26, 27, 28)
    assert found.periods.incomplete == ()


def test_the_day_of_discharge_is_assumed_as_far_as_it_was_not_seen():
    found = free_days(ne((-5, 40)), [], ZERO, discharge=ms(100), now=ms(150))
    assert found.periods.assumed == (5, 6)


def test_after_discharge_on_the_drug_nothing_is_assumed():
    found = free_days(ne((-5, 100)), [], ZERO, discharge=ms(100))
    assert found.periods.assumed == ()
    assert found.periods.undecided == tuple(range(6, 29))


@pytest.mark.parametrize("end", [100, 672])
def test_pumps_that_fall_silent_before_discharge_say_nothing_of_the_drug(end):
    unknown = spans((98, end))
    off = free_days(ne((-5, 90)), unknown, ZERO, discharge=ms(100)).periods
    assert (off.assumed[0], off.incomplete) == (5, ())
    on = free_days(ne((-5, 98)), unknown, ZERO, discharge=ms(100)).periods
    assert (on.assumed, on.undecided[0]) == ((), 6)


def test_a_drug_given_again_after_discharge_counts():
    found = free_days(ne((-5, 40), (200, 220)), [], ZERO, discharge=ms(100))
    assert found.periods.used == (1, 2, 9, 10)
    assert not set(found.periods.assumed) & {9, 10}


def test_another_counting():
    counting = Counting(days=7, minimum_minutes=60, unknown_hours=1)
    found = free_days(ne((-5, 0.9), (24, 25)), spans((50, 52)), ZERO, counting=counting)
    assert (found.main, found.periods.used, found.periods.incomplete) == (6, (2,), (3,))


@pytest.mark.parametrize(
    ("values", "percent"),
    [
        ([(-0.5, 4.0), (21.5, 2.4), (26, 2.0)], 50),
        ([(-0.5, 4.0), (22, 3.0), (26, 2.0)], 25),
        ([(-7, 3.0), (0.5, 5.0), (24, 2.5)], 50),
        ([(-1, 2.0), (24, 3.0)], -50),
        ([(-1, 4.0), (27.5, 2.0)], None),
    ],
    ids=["26 h is nearer", "tie", "-7 h too old", "negative", "27.5 h too late"],
)
def test_lactate_clearances_of_the_reference(values, percent):
    found = lactate_clearance([(ms(at), value) for at, value in values], ZERO, None)
    if percent is None:
        assert found == Missing("no value at 24 h")
    else:
        assert isinstance(found, Clearance)
        assert found.percent == pytest.approx(percent)


def test_a_clearance_says_which_values_it_used():
    values = [(ms(at), value) for at, value in [(26, 2.0), (-0.5, 4.0), (-3, 8.0), (21.5, 2.4)]]
    assert lactate_clearance(values, ZERO, None) == Clearance(50, 4.0, ms(-0.5), 2.0, ms(26))


@pytest.mark.parametrize(
    ("first", "found"),
    [(-6, True), (-6.01, False), (0, True), (1, True), (1.01, False)],
)
def test_limits_of_the_first_value(first, found):
    clearance = lactate_clearance([(ms(first), 4.0), (ms(24), 2.0)], ZERO, None)
    assert (clearance == Missing("no first value")) is not found


@pytest.mark.parametrize(
    ("later", "found"), [(20.99, False), (21, True), (27, True), (27.01, False)]
)
def test_limits_of_the_later_value(later, found):
    clearance = lactate_clearance([(ms(-1), 4.0), (ms(later), 2.0)], ZERO, None)
    assert (clearance == Missing("no value at 24 h")) is not found


def test_of_the_hour_after_the_first_value_counts():
    values = [(ms(0.9), 8.0), (ms(0.2), 4.0), (ms(24), 2.0)]
    found = lactate_clearance(values, ZERO, None)
    assert isinstance(found, Clearance)
    assert found.first_at == ms(0.2)


def test_death_before_24_hours_is_told_apart():
    values = [(ms(-1), 4.0), (ms(22), 2.0)]
    assert lactate_clearance(values, ZERO, ms(23.9)) == Missing("died before 24 h")
    assert isinstance(lactate_clearance(values, ZERO, ms(24)), Clearance)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_number_above_zero_is_no_lactate(value):
    values = [(ms(-1), value), (ms(24), 2.0)]
    assert lactate_clearance(values, ZERO, None) == Missing("no first value")


@pytest.mark.parametrize(
    ("event", "inside"), [(0, True), (72 * HOUR, True), (72 * HOUR + SECOND, False), (-1, False)]
)
def test_an_event_at_exactly_72_hours_is_inside(event, inside):
    assert within_window(ZERO + event, ZERO) is inside


def runs_of(top):
    """Sorted, disjoint runs in minutes, some of them before randomisation."""
    return st.lists(st.integers(-3000, top), max_size=12, unique=True).map(
        lambda edges: list(zip(*[iter(sorted(edges))] * 2, strict=False))
    )


def in_ms(runs):
    return [(ZERO + start * MINUTE, ZERO + end * MINUTE) for start, end in runs]


WEEK = Counting(days=7)
END = 7 * 1440


@given(
    runs_of(END + 3000),
    runs_of(END + 3000),
    runs_of(END + 3000),
    st.one_of(st.none(), st.integers(0, END + 2000)),
)
def test_a_count_minute_by_minute_agrees(first, second, unknown, death):
    found = free_days(
        {"norepinephrine": in_ms(first), "dobutamine": in_ms(second)},
        in_ms(unknown),
        ZERO,
        death=None if death is None else ZERO + death * MINUTE,
        counting=WEEK,
    )
    last = END if death is None else min(death, END)
    on = {m for runs in (first, second) for start, end in runs for m in range(start, end)}
    dark = {m for start, end in unknown for m in range(start, end)}
    days = [range(1440 * day, min(1440 * (day + 1), last)) for day in range(7)]
    used = tuple(n for n, day in enumerate(days, 1) if len(on.intersection(day)) >= 10)
    free = [n for n, day in enumerate(days, 1) if len(day) == 1440 and n not in used]
    assert found.periods.used == used
    assert found.periods.incomplete == tuple(
        n for n, day in enumerate(days, 1) if len(dark.intersection(day)) > 360
    )
    assert found.alive_and_free == len(free)
    assert found.main == (len(free) if last == END else 0)


@given(runs_of(END), st.integers(0, END), st.integers(0, END))
def test_time_only_adds_days_and_drug_only_takes_them(runs, now, more):
    early, late = sorted((now, more))

    def main(spans_, minute):
        given_ = {"norepinephrine": in_ms(spans_)}
        return free_days(given_, [], ZERO, now=ZERO + minute * MINUTE, counting=WEEK).main

    seen = [(start, min(end, early)) for start, end in runs if start < early]
    assert main(seen, early) <= main(runs, late)
    assert main(runs, late) <= main([], late) == late // 1440


@given(st.lists(st.tuples(st.integers(-10 * DAY, 40 * DAY), st.floats()), max_size=10))
def test_any_values_give_a_clearance_or_a_reason(values):
    found = lactate_clearance([(ZERO + at, value) for at, value in values], ZERO, None)
    if isinstance(found, Clearance):
        assert ZERO - 6 * HOUR <= found.first_at <= ZERO + HOUR
        assert abs(found.later_at - ms(24)) <= 3 * HOUR
        assert found.percent <= 100
