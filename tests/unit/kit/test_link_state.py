"""The life of a link, walked completely."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.kit.link_state import TRANSITIONS, Backoff, LinkEvent, LinkMachine, LinkState
from monitor_daemon.core.errors import InvariantError


def machine_in(state):
    machine = LinkMachine(0.0)
    machine.state = state
    return machine


@pytest.mark.parametrize("state", LinkState)
@pytest.mark.parametrize("event", LinkEvent)
def test_every_pair_moves_as_the_table_says_or_changes_nothing(state, event):
    machine = machine_in(state)
    following = TRANSITIONS.get((state, event))
    if following is None:
        with pytest.raises(InvariantError) as caught:
            machine.step(event, "why", 5.0)
        assert caught.value.code == "LINK_STATE"
        assert (machine.state, machine.reason, machine.since) == (state, "not started", 0.0)
    else:
        machine.step(event, "why", 5.0)
        assert (machine.state, machine.reason) == (following, "why")
        assert machine.since == (0.0 if following is state else 5.0)


def test_more_may_become_known_of_the_reason_of_a_state():
    machine = machine_in(LinkState.SILENT)
    machine.explain("bytes come, but nobody can read them")
    assert (machine.state, machine.since) == (LinkState.SILENT, 0.0)
    assert machine.reason == "bytes come, but nobody can read them"


def test_every_state_is_reached_and_every_open_one_can_be_stopped():
    assert set(TRANSITIONS.values()) == set(LinkState)
    stoppable = {state for state, event in TRANSITIONS if event is LinkEvent.STOP}
    assert stoppable == set(LinkState) - {LinkState.CLOSED}


def test_a_failed_link_is_never_retried():
    out_of_failed = {event for state, event in TRANSITIONS if state is LinkState.FAILED}
    assert out_of_failed == {LinkEvent.STOP}


@given(st.lists(st.sampled_from(LinkEvent), max_size=40))
def test_live_is_reached_only_by_a_message(events):
    machine = LinkMachine(0.0)
    for event in events:
        before = machine.state
        try:
            machine.step(event, "why", 1.0)
        except InvariantError:
            assert machine.state is before
            continue
        if machine.state is LinkState.LIVE:
            assert event is LinkEvent.HEARD


def test_backoff_doubles_to_its_cap_and_starts_again_after_a_message():
    backoff = Backoff(first=0.5, cap=4.0, chance=lambda: 1.0)
    assert [backoff.pause() for _ in range(5)] == [0.5, 1.0, 2.0, 4.0, 4.0]
    backoff.reset()
    assert backoff.pause() == 0.5


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 20))
def test_jitter_keeps_a_pause_between_half_and_whole(chance, failures):
    backoff = Backoff(first=1.0, cap=30.0, chance=lambda: chance)
    pauses = [backoff.pause() for _ in range(failures)]
    whole = min(2.0 ** (failures - 1), 30.0)
    assert whole / 2 <= pauses[-1] <= whole
