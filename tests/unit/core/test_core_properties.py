"""What no sequence of inputs may do. Each sequence is a few stretches of an ICU stay."""

import random
from collections import Counter
from itertools import pairwise

import msgspec
from bedside import ZERO_MINUTE, Bedside, alerts, enrolment, ms, pressure, pump
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_daemon.core.decisions import Alert, Decision, Target
from monitor_daemon.core.events import Data, HandOver, Started, Tick
from monitor_daemon.core.people import (
    Achieved,
    Acknowledge,
    Associate,
    Correct,
    Exempt,
    Observe,
    Override,
    Snooze,
    Void,
)
from monitor_daemon.core.ward import Ward, in_order

ARMS = ["permissive_vp01", "usual_vp01", "permissive_vp03", "usual_vp03"]
NAMES = ["MAP_LOW", "MAP_HIGH", "FLOOR", "CRT_DUE", "CRT_ABN", "STEP_DOWN", "STEP_UP", "VP_EARLY"]
#: What people say, besides entries and acknowledgements, at minute t.
WORDS = {
    "override": lambda t: Override("S1", 70.0, "doctor", "procedure"),
    "lift": lambda t: Override("S1", None, "doctor"),
    "correct to abnormal": lambda t: Correct("S1", "crt", ms(t - 5), 4.0, "nurse", "typed wrongly"),
    "correct to normal": lambda t: Correct("S1", "crt", ms(t - 5), 2.0, "nurse", "typed wrongly"),
    "achieved": lambda t: Achieved("S1", "doctor", "cuff"),
    "exempt": lambda t: Exempt("S1", "R5", "doctor", "ischaemia"),
    "no longer exempt": lambda t: Exempt("S1", "R5", "doctor", lift=True),
    "snooze": lambda t: Snooze("S1", "MAP_HIGH", 30, "nurse", "weaning"),
    "void": lambda t: Void("S1", "MAP_LOW", "nurse", "transducer on the floor"),
    "hand over": lambda t: HandOver(("bedside",)),
    "no bed": lambda t: Associate("S1", None, "nurse", ms(t - 3)),
    "back in bed": lambda t: Associate("S1", "B1", "nurse", ms(t - 3)),
}
#: (minutes, MAP, norepinephrine mL/h, vasopressin mL/h, entry at its end)
stretches = st.lists(
    st.tuples(
        st.sampled_from([1, 3, 6, 16, 31]),
        st.sampled_from([None, 35.0, 48.0, 52.0, 57.0, 62.0, 67.0, 72.0, 90.0, 250.0]),
        st.sampled_from([None, 0.0, 4.8, 6.0, 20.0]),
        st.sampled_from([None, 0.0, 4.5]),
        st.one_of(
            st.tuples(st.sampled_from([0.2, 2.0, 2.0, 2.0, 2.9, 3.0, 4.0]), st.integers(0, 35)),
            st.sampled_from([*NAMES, "restart", "weight", "unknown drug", None]),
            st.sampled_from(sorted(WORDS)),
        ),
    ),
    min_size=1,
    max_size=7,
)
#: Stretches that keep the pressure at the level being tested, so that the target moves.
testing = st.lists(
    st.tuples(
        st.sampled_from([1, 16, 31, 62]),
        st.sampled_from([52.0, 52.0, 62.0]),
        st.just(4.8),
        st.none(),
        st.tuples(st.sampled_from([0.2, 2.0, 2.0, 2.0, 3.0, 20.0]), st.integers(0, 31)),
    ),
    min_size=3,
    max_size=8,
)
few = settings(max_examples=25, deadline=None)


def said(entry, t):
    match entry:
        case (value, age):
            return [Observe("S1", "crt", value, "nurse", ms(t - age))]
        case str() if entry in WORDS:
            return [WORDS[entry](t)]
        case "restart":
            return [Started("1.0", stopped=ms(t - 1))]
        case "weight":
            return [Observe("S1", "weight", 80.0, "nurse", reason="bed scale")]
        case "unknown drug":
            return [pump(2.0, channel="9", drug=None)]
        case str():
            return [Acknowledge("S1", entry, "nurse")]
    return []


def instants(stay):
    """The stay as a list of (minute, inputs before that minute's tick)."""
    made, t = [], 0
    for length, mean, norepinephrine, vasopressin, entry in stay:
        for n in range(length):
            inputs = [] if mean is None else [pressure(mean)]
            inputs += [] if norepinephrine is None else [pump(norepinephrine)]
            if vasopressin is not None:
                inputs.append(pump(vasopressin, channel="2", drug="vasopressin"))
            made.append((t, inputs + (said(entry, t) if n == length - 1 else [])))
            t += 1
    return made


def play(bedside, made):
    for t, inputs in made:
        if inputs:
            bedside.give(t, *inputs)
        bedside.tick(t)


def enrolled(arm, **more):
    bedside = Bedside.active(arm, until=0, **more)
    bedside.tick(0)
    return bedside


def encoded(bedside):
    """The decisions as the journal would store them, and the whole state."""
    return msgspec.json.encode(bedside.decisions), bedside.ward.snapshot()


@few
@given(
    stretches | testing,
    st.sampled_from(ARMS),
    st.sampled_from([None, 50.0, 52.5, 55.0, 60.0, 65.0]),
)
def test_the_target_never_leaves_its_levels_nor_goes_below_the_floor(stay, arm, floor):
    bedside = enrolled(arm, floor=floor)
    play(bedside, instants(stay))
    targets = [d.target for d in bedside.decisions if isinstance(d, Target)]
    assert set(targets) <= {65.0, 60.0, 55.0, 50.0}
    assert min(targets, default=65.0) >= (floor or 50.0)
    for before, after in pairwise(d for d in bedside.decisions if isinstance(d, Target)):
        # A correction restores what would have been: one step from before the entry, either way.
        limits = {"corrected": {5.0, 10.0}, "override lifted": {0.0}}
        assert abs(after.target - before.target) in limits.get(after.reason, {5.0})
    if arm.startswith("usual"):
        assert set(targets) <= {65.0}


def test_the_steps_that_the_properties_look_at_do_happen():
    """So that they are not true of nothing: the full descent and the climb back."""
    bedside = enrolled("permissive_vp03")
    step = (31, 52.0, 4.8, None, (2.0, 0))
    play(bedside, instants([step] * 4 + [(31, 52.0, 4.8, None, (4.0, 0))] * 3))
    targets = [d.target for d in bedside.decisions if isinstance(d, Target)]
    assert targets == [65.0, 60.0, 55.0, 50.0, 55.0, 60.0, 65.0]


@few
@given(stretches, st.sampled_from(ARMS), st.booleans())
def test_missing_data_never_clear_an_alert(stay, arm, pumps_too):
    """Within the first 20 minutes of silence the last values still count: a trusted pump may stop.

    CRT alerts are left out: a person's entry or the stop of every vasopressor clears them.
    """
    bedside = enrolled(arm)
    made = instants(stay)
    play(bedside, made)
    rate = None if pumps_too else 4.8
    end = len(made)
    bedside.run(end, end + 20, mean=None, rate=rate)
    before = {name for name in bedside.subject.alerts if not name.startswith("CRT")}
    pump_alerts = {"VP_DUE", "VP_LATE", "PUMP_GAP", "DRUG_UNMAPPED"}
    if not pumps_too:
        before -= pump_alerts
    bedside.run(end + 20, end + 60, mean=None, rate=rate)
    assert before <= set(bedside.subject.alerts)


@few
@given(stretches, st.sampled_from(ARMS), st.randoms(use_true_random=False))
def test_inputs_of_one_instant_may_arrive_in_any_order(stay, arm, shuffled: random.Random):
    one, two = enrolled(arm), enrolled(arm)
    for t, inputs in instants(stay):
        together = [*inputs, Tick(ZERO_MINUTE + t)]
        one.give(t, *in_order(together))
        shuffled.shuffle(together)
        two.give(t, *in_order(together))
    assert encoded(one) == encoded(two)


@few
@given(stretches | testing, st.sampled_from(ARMS), st.floats(0, 1))
def test_a_restored_ward_goes_on_like_the_original_byte_for_byte(stay, arm, share):
    original = enrolled(arm)
    made = instants(stay)
    cut = int(share * len(made))
    play(original, made[:cut])
    restored = Bedside(ward=Ward.restore(original.ward.snapshot()))
    assert restored.ward.snapshot() == original.ward.snapshot()
    original.decisions.clear()
    for bedside in (original, restored):
        play(bedside, made[cut:])
    assert encoded(restored) == encoded(original)


@few
@given(stretches, st.sampled_from(ARMS))
def test_a_second_evaluation_of_the_same_minute_changes_nothing(stay, arm):
    once, twice = enrolled(arm), enrolled(arm)
    for t, inputs in instants(stay):
        for bedside in (once, twice):
            if inputs:
                bedside.give(t, *inputs)
            bedside.tick(t)
        assert twice.tick(t) == []
    assert twice.decisions == once.decisions


@few
@given(stretches, st.sampled_from(ARMS))
def test_messages_that_come_twice_decide_nothing_new(stay, arm):
    once, twice = enrolled(arm), enrolled(arm)
    for t, inputs in instants(stay):
        data = [one for one in inputs if isinstance(one, Data)]
        for bedside, sent in [(once, data), (twice, data + data)]:
            if sent:
                bedside.give(t, *sent)
            bedside.tick(t)
    assert alerts(twice.decisions) == alerts(once.decisions)


@few
@given(stretches | testing, st.sampled_from(ARMS))
def test_every_alert_is_raised_once_and_nothing_follows_its_end(stay, arm):
    bedside = enrolled(arm)
    play(bedside, instants(stay))
    events = [d for d in bedside.decisions if isinstance(d, Alert)]
    assert max(Counter(d.event_id for d in events).values(), default=1) == 1
    state = {}
    for event in events:
        before = state.get(event.alert_id)
        assert (before is None) == (event.transition == "raised")
        assert before != "voided"
        assert before != "cleared" or event.transition == "voided"
        assert event.condition_since <= event.raised_at <= event.at
        state[event.alert_id] = event.transition
    still_open = {a.alert_id for a in bedside.subject.alerts.values()}
    assert still_open == {key for key, last in state.items() if last not in {"cleared", "voided"}}


@few
@given(stretches, st.sampled_from(ARMS))
def test_every_minute_under_the_strategy_is_classed_once(stay, arm):
    bedside = enrolled(arm)
    made = instants(stay)
    play(bedside, made)
    ledger = bedside.subject.ledger
    first, last = ZERO_MINUTE, bedside.ward.state.minute
    waiting = last + 1 - max(ledger.next, first)
    classed = sum(ledger.counts.values()) + waiting
    assert classed == (max(len(made), 1) if bedside.subject.phase == "ACTIVE" else waiting)


@few
@given(stretches, st.sampled_from(ARMS))
def test_decisions_read_back_from_the_journal_are_the_same(stay, arm):
    bedside = enrolled(arm)
    play(bedside, instants(stay))
    stored = msgspec.json.encode(bedside.decisions)
    assert msgspec.json.encode(msgspec.json.decode(stored, type=list[Decision])) == stored


def test_a_second_registration_does_not_disturb_the_first():
    bedside = enrolled("usual_vp01")
    bedside.give(1, enrolment("S2", "B2", "permissive_vp03", randomised=ms(1)))
    bedside.run(1, 30)
    assert [d.subject for d in bedside.decisions if isinstance(d, Target)] == ["S1"]
