"""The response machine: reference section 5.3 row by row, its case table, and every transition."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.core.errors import CommandError, InvariantError
from monitor_daemon.core.events import MINUTE, SECOND
from monitor_daemon.core.response import (
    TRANSITIONS,
    Handling,
    Push,
    Reason,
    Response,
    Signal,
    State,
    snooze_until,
)

B, P, C, N = "bedside", "physician", "coordinator", "nurse_in_charge"
DAY = 1440


def handling(again=None, escalate=None, *escalate_to, times=None, to=(B,)):
    """A row of 5.3 in minutes."""
    return Handling(
        again=None if again is None else again * MINUTE,
        times=times,
        escalate=None if escalate is None else escalate * MINUTE,
        escalate_to=escalate_to,
        to=to,
    )


MAP_HIGH = handling(60, 60, P, C)
FLOOR = handling(5, 5, P)
MAP_LOW = handling(30, 30, P)
VP_EARLY = handling(None, DAY, C, to=(C, B))


def opened(rule, at=0):
    """A response whose alert was raised at minute `at`, and told."""
    response = Response()
    assert response.raised(at * MINUTE, rule) == Push(Reason.FIRST, rule.to)
    return response


def told(response, rule, since, until):
    """What the whole minutes from `since` to `until` tell: "60 repeat B, 120 escalated BP".

    That is minute, reason, and to whom: Bedside, Physician, Coordinator, Nurse in charge.
    """
    pushes = {m: response.tick(m * MINUTE, rule) for m in range(since, until + 1)}
    return ", ".join(
        f"{m} {push.reason.value} {''.join(role[0].upper() for role in push.to)}"
        for m, push in pushes.items()
        if push is not None
    )


@pytest.mark.parametrize(("state", "signal"), list(itertools.product(State, Signal)))
def test_every_signal_in_every_state(state, signal):
    response = Response(state=state)
    if (state, signal) in TRANSITIONS:
        response.feed(signal)
        assert response == Response(state=TRANSITIONS[state, signal])
    else:
        with pytest.raises(InvariantError, match=f"{state}.*{signal}"):
            response.feed(signal)
        assert response == Response(state=state)


def test_every_state_can_be_reached_and_left():
    assert {state for state, _ in TRANSITIONS} == set(State)
    assert set(TRANSITIONS.values()) == set(State) - {State.UNTOLD}
    assert {signal for _, signal in TRANSITIONS} == set(Signal)


#: Reference 5.3: the columns "notify again" and "escalate if unacknowledged"; by hand, what they
#: come to by the last minute given if nobody ever answers.
ROWS = {
    "SEVERE_LOW": (handling(2, 3, P), "2 repeat B, 3 escalated P, 4 repeat BP, 6 repeat BP", 7),
    "FLOOR": (FLOOR, "5 escalated BP, 10 repeat BP", 14),
    "ART_CHECK": (handling(10, 10, N), "10 escalated BN, 20 repeat BN", 29),
    "MAP_LOW": (MAP_LOW, "30 escalated BP, 60 repeat BP", 89),
    "MAP_HIGH": (MAP_HIGH, "60 escalated BPC, 120 repeat BPC", 179),
    "STEP_UP": (handling(15, 15, P), "15 escalated BP, 30 repeat BP", 44),
    "STEP_DOWN": (handling(30, times=1), "30 repeat B", 1440),
    "CRT_DUE": (handling(), "", 1440),
    "CRT_OVERDUE": (handling(60, 60, C), "60 escalated BC, 120 repeat BC", 179),
    "RESUS_OVERDUE": (handling(60), "60 repeat B, 120 repeat B", 179),
    "VP_DUE": (handling(15, times=1), "15 repeat B", 1440),
    "VP_LATE": (handling(60, 30, P), "30 escalated P, 60 repeat BP, 120 repeat BP", 179),
    "VP_EARLY": (VP_EARLY, "1440 escalated C", 4320),
    "MAP_GAP": (handling(15, 30, C), "15 repeat B, 30 escalated BC, 45 repeat BC", 59),
    "OL_VASOPRESSIN": (handling(None, DAY, "investigator", to=(C, B)), "1440 escalated I", 4320),
    "SD_RATE": (handling(30, 30, P), "30 escalated BP, 60 repeat BP", 89),
    "TARGET_OVERRIDE": (
        handling(360, DAY, C),
        "360 repeat B, 720 repeat B, 1080 repeat B, 1440 escalated BC",
        1799,
    ),
    "DAY_FORM_DUE": (
        handling(DAY, 3 * DAY, C, to=(C,)),
        "1440 repeat C, 2880 repeat C, 4320 escalated C",
        5759,
    ),
    "FEED_FROZEN": (handling(30, 60, C), "30 repeat B, 60 escalated BC, 90 repeat BC", 119),
    "NOT_MONITORED": (handling(10, 10, N, C), "10 escalated BNC, 20 repeat BNC", 29),
}


@pytest.mark.parametrize("name", ROWS)
def test_an_alert_that_nobody_answers_follows_its_row(name):
    rule, expected, until = ROWS[name]
    assert told(opened(rule), rule, 0, until) == expected


@pytest.mark.parametrize("name", ROWS)
def test_due_names_the_very_instants_of_the_row(name):
    rule, expected, until = ROWS[name]
    response, instants = opened(rule), []
    while (due := response.due(rule)) is not None and due <= until * MINUTE:
        assert response.tick(due - 1, rule) is None
        assert response.tick(due, rule) is not None
        instants.append(due // MINUTE)
    assert instants == [int(line.split()[0]) for line in expected.split(",") if line]


def test_case_map_high_that_nobody_acknowledges_is_told_again_and_escalated_at_138():
    response = opened(MAP_HIGH, 78)
    assert told(response, MAP_HIGH, 78, 150) == "138 escalated BPC"


def test_case_map_high_acknowledged_at_80_comes_again_at_140_and_persists_at_200():
    response = opened(MAP_HIGH, 78)
    response.acknowledged(80 * MINUTE, MAP_HIGH)
    assert told(response, MAP_HIGH, 80, 270) == "140 repeat B, 200 persisting BPC, 260 repeat BPC"


def test_case_map_high_raised_again_at_120_has_new_clocks():
    told(opened(MAP_HIGH, 78), MAP_HIGH, 78, 90)
    assert told(opened(MAP_HIGH, 120), MAP_HIGH, 120, 200) == "180 escalated BPC"


def test_case_floor_unacknowledged_for_5_minutes_is_a_second_push_and_goes_to_the_physician():
    assert told(opened(FLOOR, 40), FLOOR, 40, 45) == "45 escalated BP"


def test_an_acknowledgement_at_the_very_minute_stops_the_escalation():
    response = opened(MAP_LOW)
    response.acknowledged(30 * MINUTE, MAP_LOW)
    assert told(response, MAP_LOW, 30, 89) == "60 repeat B"


def test_an_acknowledgement_after_the_escalation_silences_both():
    response = opened(FLOOR)
    assert told(response, FLOOR, 0, 6) == "5 escalated BP"
    response.acknowledged(6 * MINUTE, FLOOR)
    assert told(response, FLOOR, 6, 16) == "11 repeat B, 16 persisting BP"


def test_a_second_acknowledgement_counts_from_itself():
    response = opened(MAP_HIGH)
    response.acknowledged(10 * MINUTE, MAP_HIGH)
    assert told(response, MAP_HIGH, 10, 99) == "70 repeat B"
    response.acknowledged(100 * MINUTE, MAP_HIGH)
    assert told(response, MAP_HIGH, 100, 220) == "160 repeat B, 220 persisting BPC"


def test_an_alert_without_interval_is_silent_after_an_acknowledgement():
    response = opened(VP_EARLY)
    response.acknowledged(5 * MINUTE, VP_EARLY)
    assert response.due(VP_EARLY) is None
    assert told(response, VP_EARLY, 5, 3 * DAY) == ""


def test_a_repeat_that_comes_once_comes_after_the_silence_of_the_acknowledgement():
    rule = handling(15, times=1)
    response = opened(rule)
    response.acknowledged(5 * MINUTE, rule)
    assert told(response, rule, 5, DAY) == "20 repeat B"


def test_nobody_to_escalate_to_means_no_escalation_and_no_persisting():
    rule = handling(60)
    response = opened(rule)
    response.acknowledged(0, rule)
    assert told(response, rule, 0, 180) == "60 repeat B, 120 repeat B, 180 repeat B"


def test_fault_a_tick_after_a_long_stop_gives_one_push_and_no_backlog():
    response = opened(MAP_LOW)
    assert told(response, MAP_LOW, 200, 240) == "200 escalated BP, 230 repeat BP"


def test_fault_a_stop_after_the_acknowledgement_gives_one_push_that_says_it_persists():
    response = opened(MAP_LOW)
    response.acknowledged(0, MAP_LOW)
    assert told(response, MAP_LOW, 200, 229) == "200 persisting BP"


def test_fault_a_restart_from_a_snapshot_changes_nothing():
    response = opened(MAP_HIGH, 78)
    response.acknowledged(80 * MINUTE, MAP_HIGH)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(response), type=Response)
    assert again == response
    assert told(again, MAP_HIGH, 80, 200) == "140 repeat B, 200 persisting BPC"


def test_a_snooze_silences_and_the_repeat_is_due_at_its_end():
    rule = handling(10)
    response = opened(rule)
    response.snoozed(55 * MINUTE)
    assert response.due(rule) == 55 * MINUTE
    assert told(response, rule, 5, 64) == "55 repeat B"


def test_a_snooze_is_no_acknowledgement_the_escalation_waits_for_its_end():
    response = opened(MAP_HIGH, 78)
    response.snoozed(140 * MINUTE)
    assert told(response, MAP_HIGH, 80, 199) == "140 escalated BPC"


def test_an_escalated_alert_is_escalated_anew_after_a_snooze():
    response = opened(MAP_LOW)
    assert told(response, MAP_LOW, 0, 35) == "30 escalated BP"
    response.snoozed(95 * MINUTE)
    assert told(response, MAP_LOW, 35, 100) == "95 escalated BP"


@pytest.mark.parametrize("order", ["acknowledged first", "snoozed first"])
def test_neither_acknowledgement_nor_snooze_shortens_the_silence_of_the_other(order):
    response = opened(MAP_LOW)
    if order == "acknowledged first":
        response.acknowledged(10 * MINUTE, MAP_LOW)
        response.snoozed(20 * MINUTE)
    else:
        response.snoozed(20 * MINUTE)
        response.acknowledged(10 * MINUTE, MAP_LOW)
    assert response.state is State.SNOOZED
    assert told(response, MAP_LOW, 10, 70) == "40 repeat B, 70 persisting BP"


def test_an_acknowledged_alert_that_persists_through_a_snooze_says_so_at_its_end():
    response = opened(MAP_LOW)
    response.acknowledged(10 * MINUTE, MAP_LOW)
    response.snoozed(120 * MINUTE)
    assert told(response, MAP_LOW, 10, 125) == "120 persisting BP"


def test_a_later_snooze_replaces_an_earlier_one():
    response = opened(handling(10))
    response.snoozed(60 * MINUTE)
    response.snoozed(20 * MINUTE)
    assert told(response, handling(10), 5, 29) == "20 repeat B"


@pytest.mark.parametrize("minutes", [1, 60, 120])
def test_a_snooze_of_up_to_two_hours(minutes):
    until = snooze_until("MAP_LOW", urgent=False, minutes=minutes, reason="CT scan", now=7)
    assert until == 7 + minutes * MINUTE


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"urgent": True}, "COMMAND", "MAP_LOW is urgent and cannot be snoozed"),
        ({"minutes": 120.5}, "BAD_VALUE", "for 120.5 minutes: 1 to 120"),
        ({"minutes": 0}, "BAD_VALUE", "for 0 minutes"),
        ({"minutes": float("nan")}, "BAD_VALUE", "for nan minutes"),
        ({"minutes": float("inf")}, "BAD_VALUE", "for inf minutes"),
        ({"reason": " \t"}, "REASON_MISSING", "with a reason"),
    ],
)
def test_a_snooze_that_may_not_be(given, code, words):
    asked = {"urgent": False, "minutes": 30, "reason": "CT scan", "now": 0} | given
    with pytest.raises(CommandError, match=words) as caught:
        snooze_until("MAP_LOW", **asked)
    assert caught.value.code == code


def test_at_shift_change_those_who_know_of_the_alert_are_told_once():
    response = opened(MAP_LOW)
    assert response.handover(MAP_LOW, {B, N, P}) == Push(Reason.HANDOVER, (B,))
    assert response.handover(MAP_LOW, {P}) is None
    assert told(response, MAP_LOW, 1, 30) == "30 escalated BP"
    assert response.handover(MAP_LOW, {P}) == Push(Reason.HANDOVER, (P,))


def test_at_shift_change_acknowledged_alerts_are_told_and_snoozed_ones_not():
    response = opened(MAP_HIGH)
    response.acknowledged(MINUTE, MAP_HIGH)
    assert response.handover(MAP_HIGH, {B}) == Push(Reason.HANDOVER, (B,))
    assert response.state is State.ACKNOWLEDGED
    response.snoozed(30 * MINUTE)
    assert response.handover(MAP_HIGH, {B}) is None


def test_a_response_that_was_never_raised_tells_nothing():
    response = Response()
    assert response.due(MAP_LOW) is None
    assert response.tick(MINUTE, MAP_LOW) is None
    assert response.handover(MAP_LOW, {B}) is None


minutes = st.one_of(st.none(), st.integers(1, 90))
handlings = st.builds(
    handling,
    minutes,
    minutes,
    st.sampled_from([P, C]),
    times=st.one_of(st.none(), st.integers(1, 3)),
    to=st.sampled_from([(B,), (C, B)]),
)
#: What people do, each so many seconds after the one before; None lets time pass. A snooze lasts
#: so many minutes.
deeds = st.lists(
    st.tuples(
        st.integers(1, 3600),
        st.one_of(st.none(), st.just("ack"), st.just("handover"), st.integers(1, 120)),
    ),
    max_size=25,
)


def lived(rule, deeds, start=0):
    """Raise at second `start`, carry out the deeds, tick at whole minutes: (instant, what came)."""
    response, now = Response(), start * SECOND
    story = [(now, response.raised(now, rule))]
    for seconds, deed in deeds:
        before, now = now, now + seconds * SECOND
        minutes = range((before // MINUTE + 1) * MINUTE, now + 1, MINUTE)
        story += [(at, response.tick(at, rule)) for at in minutes]
        if deed == "ack":
            response.acknowledged(now, rule)
        elif deed == "handover":
            story.append((now, response.handover(rule, {B, P})))
        elif deed is not None:
            response.snoozed(now + deed * MINUTE)
        if deed is not None:
            story.append((now, deed))
    return [(at, what) for at, what in story if what is not None]


unanswered = deeds.map(lambda ds: [(s, d if d == "handover" else None) for s, d in ds])


@given(handlings, unanswered, st.integers(0, 59))
def test_an_unanswered_alert_is_never_silent_for_long_and_is_escalated_once(rule, deeds, start):
    rule = msgspec.structs.replace(rule, times=None)
    # A shift change has clocks of its own.
    story = [(at, w) for at, w in lived(rule, deeds, start) if isinstance(w, Push)]
    story = [(at, push) for at, push in story if push.reason is not Reason.HANDOVER]
    heard = [at for at, push in story if set(rule.to) <= set(push.to)]
    end = (start + sum(seconds for seconds, _ in deeds)) * SECOND
    # What falls due within a minute is told at its end.
    rest = (MINUTE - start * SECOND) % MINUTE
    if rule.again is not None:
        silences = itertools.pairwise([*heard, end // MINUTE * MINUTE])
        assert all(later - earlier <= rule.again + rest for earlier, later in silences)
    due = start * SECOND + (rule.escalate or 0) + rest
    escalations = [at for at, push in story if push.reason is Reason.ESCALATED]
    assert escalations == ([due] if rule.escalate is not None and due <= end else [])


@given(handlings, deeds)
def test_after_an_acknowledgement_nothing_comes_before_one_interval(rule, deeds):
    quiet_until = 0
    for at, what in lived(rule, deeds):
        if what == "ack":
            quiet_until = float("inf") if rule.again is None else at + rule.again
        elif isinstance(what, Push) and what.reason is not Reason.HANDOVER:
            assert at == 0 or at >= quiet_until


@given(handlings, deeds)
def test_a_snoozed_alert_tells_nothing_and_every_push_has_its_reason(rule, deeds):
    snoozed_until, acknowledged, repeats = 0, None, 0
    for at, what in lived(rule, deeds):
        if isinstance(what, Push):
            assert what.to
            assert at == 0 or at >= snoozed_until
            repeats += what.reason is Reason.REPEAT
            if what.reason is Reason.ESCALATED:
                assert acknowledged is None
                assert at >= rule.escalate
            if what.reason is Reason.PERSISTING:
                assert at >= acknowledged + 2 * rule.again
        elif what == "ack":
            acknowledged = at
        elif what != "handover":
            snoozed_until = at + what * MINUTE
    assert rule.times is None or repeats <= rule.times
