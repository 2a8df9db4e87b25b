"""The timer of reference section 0.4 and the condition machine, walked completely."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.core.condition import (
    RAISED,
    TRANSITIONS,
    Condition,
    Sign,
    State,
    Timing,
    Verdict,
)
from monitor_daemon.core.errors import InvariantError
from monitor_daemon.core.events import MINUTE, SECOND
from monitor_daemon.core.sustain import Sustain

T, F, U = True, False, None


def timer(*holds, lapse=0):
    """A timer that was told one value a minute, from minute 0."""
    made = Sustain()
    for n, value in enumerate(holds):
        made.update(value, n * MINUTE, lapse * MINUTE)
    return made


def test_ten_minutes_are_satisfied_at_the_first_minute_ten_after_the_first():
    assert not timer(*[T] * 10).ripe(T, 9 * MINUTE, 10 * MINUTE)
    assert timer(*[T] * 11).ripe(T, 10 * MINUTE, 10 * MINUTE)


def test_it_is_satisfied_only_while_the_condition_holds():
    made = timer(*[T] * 11)
    assert not made.ripe(U, 10 * MINUTE, 10 * MINUTE)
    assert not made.ripe(F, 10 * MINUTE, 10 * MINUTE)


def test_false_resets_a_pressure_timer_at_once():
    assert timer(T, T, T, F).since is None
    assert timer(T, T, F, T).since == 3 * MINUTE


def test_five_unknown_minutes_neither_extend_nor_break():
    made = timer(T, U, U, U, U, U, T)
    assert made.since == 0
    assert made.ripe(T, 6 * MINUTE, 6 * MINUTE)


def test_a_sixth_unknown_minute_resets():
    assert timer(T, U, U, U, U, U, U).since is None
    assert timer(T, U, U, U, U, U, U, T).since == 7 * MINUTE


def test_unknown_minutes_are_counted_in_a_row():
    assert timer(T, U, U, U, T, U, U, U, T).since == 0


def test_a_dip_of_less_than_five_minutes_leaves_a_dose_timer_alone():
    assert timer(T, T, F, F, F, T, lapse=5).since == 0
    assert timer(T, T, F, F, F, F, F, T, lapse=5).since == 0


def test_five_continuous_minutes_of_false_reset_a_dose_timer():
    assert timer(T, T, F, F, F, F, F, F, lapse=5).since is None
    made = Sustain()
    made.update(holds=True, now=0)
    made.update(holds=False, now=MINUTE, lapse=5 * MINUTE)
    made.update(holds=False, now=6 * MINUTE - SECOND, lapse=5 * MINUTE)
    assert made.since == 0
    made.update(holds=False, now=6 * MINUTE, lapse=5 * MINUTE)
    assert made.since is None


def started(history):
    """The start of the timer by the words of 0.4: the first that nothing since has ended."""
    since, unknown = None, 0
    for n, value in enumerate(history):
        unknown = unknown + 1 if value is None else 0
        if value is False or unknown > 5:
            since = None
        elif value and since is None:
            since = n
    return since


@given(st.lists(st.sampled_from([T, T, T, U, U, U, F]), min_size=1, max_size=60))
def test_any_history_gives_the_start_that_0_4_says(history):
    expected = started(history)
    since = timer(*history).since
    assert since == (None if expected is None else expected * MINUTE)


@pytest.mark.parametrize(("state", "sign"), list(itertools.product(State, Sign)))
def test_every_sign_in_every_state(state, sign):
    condition = Condition(state=state)
    if (state, sign) in TRANSITIONS:
        condition.feed(sign)
        assert condition.state is TRANSITIONS[state, sign]
    else:
        with pytest.raises(InvariantError, match=f"{state}.*{sign}"):
            condition.feed(sign)
        assert condition == Condition(state=state)


def test_an_alert_is_raised_by_ripe_and_cleared_by_cleared_and_by_nothing_else():
    for (state, sign), target in TRANSITIONS.items():
        assert (state not in RAISED and target in RAISED) == (sign is Sign.RIPE)
        assert (state in RAISED and target not in RAISED) == (sign is Sign.CLEARED)


TIMING = Timing(sustain=3 * MINUTE, clear_sustain=2 * MINUTE)


def judged(*verdicts, timing=TIMING):
    """States after one verdict a minute; a verdict is (holds, clears[, may_raise])."""
    condition, states = Condition(), []
    for n, verdict in enumerate(verdicts):
        changed = condition.judge(Verdict(*verdict), timing, n * MINUTE)
        raised = condition.state in RAISED
        assert changed == (raised != (bool(states) and states[-1] in RAISED))
        states.append(condition.state)
    return [state.value for state in states]


HOLDS, CALM, UNKNOWN = (T, F), (F, T), (U, U)


def test_a_condition_raises_after_its_time_and_clears_after_its_time():
    states = judged(HOLDS, HOLDS, HOLDS, HOLDS, CALM, CALM, CALM)
    assert states == ["pending"] * 3 + ["active"] + ["clearing"] * 2 + ["normal"]


def test_unknown_holds_an_alert_open_for_ever():
    states = judged(*[HOLDS] * 4, CALM, *[UNKNOWN] * 30)
    assert states[3:5] == ["active", "clearing"]
    assert set(states[5:]) <= {"active", "clearing"}


def test_calm_must_be_known_again_after_a_long_gap():
    states = judged(*[HOLDS] * 4, CALM, *[UNKNOWN] * 6, CALM, CALM, CALM)
    assert states[-4:] == ["active", "clearing", "clearing", "normal"]


def test_an_alert_held_back_rises_when_it_may_with_its_true_start():
    condition = Condition()
    for n in range(10):
        assert not condition.judge(Verdict(T, F, may_raise=False), TIMING, n * MINUTE)
    assert condition.raising.since == 0
    assert condition.judge(Verdict(T, F), TIMING, 10 * MINUTE)


def test_between_the_limits_an_alert_stays():
    assert judged(*[HOLDS] * 4, *[(F, F)] * 20)[-1] == "active"


def test_a_raised_dose_alert_clears_after_five_minutes_of_false():
    timing = Timing(sustain=0, lapse=5 * MINUTE)
    states = judged(HOLDS, *[(F, F)] * 5, HOLDS, *[(F, F)] * 6, timing=timing)
    assert states[:12] == ["active"] * 12
    assert states[12] == "normal"


def test_an_alert_that_cleared_needs_its_whole_time_again():
    states = judged(*[HOLDS] * 4, CALM, CALM, CALM, *[HOLDS] * 4)
    assert states[-5:] == ["normal", "pending", "pending", "pending", "active"]


verdicts = st.lists(
    st.tuples(st.sampled_from([HOLDS, HOLDS, CALM, UNKNOWN, (F, F)]), st.integers(1, 400)),
    max_size=40,
)


@given(verdicts, st.integers(0, 4), st.integers(0, 6), st.integers(0, 4))
def test_no_verdicts_break_the_machine_and_unknown_changes_no_alert(told, sustain, lapse, clear):
    timing = Timing(sustain * MINUTE, lapse * MINUTE, clear * MINUTE)
    condition, now = Condition(), 0
    for (holds, clears), seconds in told:
        now += seconds * SECOND
        changed = condition.judge(Verdict(holds, clears), timing, now)
        assert condition.known is (holds is not None)
        if changed:
            assert holds is (condition.state in RAISED)
