"""The session alone: what it sends and when, its transition tables, any bytes at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bbraun_space.driver import DRIVER
from drivers.bbraun_space.frames import ACK, NAK, encode
from drivers.bbraun_space.session import ANSWER_TIMEOUT, CYCLIC_MODE, REQUEST_MODE, Event, State
from drivers.kit.contract import Close, Message, Problem, Send

#: B. Braun BCC 4.0: the recommended wait before an acknowledgement.
PAUSE = 0.1


def _after(session, information, now):
    """What the session sends after one frame of the station that was stored at once."""
    *_, message = session.feed(encode("ICU7", information), now)
    session.stored(message, now)
    return [effect.data for effect in session.wake(now + PAUSE)]


def test_nothing_is_asked_before_a_message_is_stored():
    session = DRIVER.session({"stuffing": "off"})
    session.connected(0.0)
    [_, message] = session.feed(encode("ICU7", "12,50100,GNACK,0", stuffed=False), 1.0)
    assert session.due() is None
    assert session.wake(100.0) == []
    assert session.stored(message, 100.0) == []
    assert session.due() == 100.0 + PAUSE
    version = Send(encode("ICU7", "ADMIN:VERSION", stuffed=False))
    assert session.wake(100.0 + PAUSE) == [Send(ACK), version]
    assert session.due() == 100.0 + PAUSE + ANSWER_TIMEOUT


def test_blocks_that_come_without_waiting_are_acknowledged_one_by_one_in_their_order():
    session = DRIVER.session({"mode": "cyclic"})
    session.connected(0.0)
    blocks = [encode("ICU7", f"1,5011{n},INRT,5", last=n == 2) for n in (1, 2)]
    [first, second] = session.feed(b"".join(blocks), 1.0)
    session.stored(first, 1.0)
    assert session.wake(1.0 + PAUSE) == [Send(ACK)]
    assert session.due() is None  # the second is not stored yet
    session.stored(second, 2.0)
    assert session.wake(2.0 + PAUSE) == [Send(ACK)]


# B. Braun BCC 4.0: ALIVE and VERSION may be answered with GNERR and a code.
@pytest.mark.parametrize("code", ["11", "68"])
def test_station_that_tells_no_version_is_polled_all_the_same(code):
    session = DRIVER.session({"stuffing": "on"})
    session.connected(0.0)
    sent = _after(session, "12,50100,GNACK,0", 1.0)
    assert sent == [ACK, encode("ICU7", "ADMIN:VERSION")]
    assert _after(session, f"13,50100,GNERR,{code}", 2.0) == [ACK, encode("ICU7", "MEM:GET")]


def test_station_without_pumps_is_polled_by_its_own_bed_id():
    session = DRIVER.session({"stuffing": "on"})
    session.connected(0.0)
    sent = _after(session, "12,50100,GNERR,11", 1.0)
    assert sent == [ACK, encode("ICU7", "ADMIN:VERSION")]


def test_a_long_block_on_a_slow_line_does_not_time_out():
    session = DRIVER.session({})
    session.connected(0.0)
    answer = encode("ICU7", "12,50100,GNACK,0")
    assert session.feed(answer[:10], 2.5) == []
    assert session.wake(4.0) == []
    assert isinstance(session.feed(answer[10:], 5.0)[-1], Message)


@pytest.mark.parametrize("babble", [b"\x01x", b"\x01x\x04", b"x"])
def test_babble_is_no_answer(babble):
    session = DRIVER.session({})
    effects = list(session.connected(0.0))
    for tenth in range(150):
        effects += [*session.wake(tenth / 10), *session.feed(babble, tenth / 10)]
    assert any(isinstance(effect, Close) for effect in effects)


def test_control_bytes_from_the_station_change_nothing():
    session = DRIVER.session({})
    session.connected(0.0)
    assert session.feed(ACK + NAK, 1.0) == []
    assert session.due() == ANSWER_TIMEOUT


@pytest.mark.parametrize("table", [REQUEST_MODE, CYCLIC_MODE])
def test_transition_tables_have_no_dead_end(table):
    reached = {State.CLOSED} | {state for state, _ in table.values()}
    assert {state for state, _ in table} == reached
    assert all((state, Event.DUE) in table for state in reached - {State.CLOSED})
    assert {state for state, event in table if event is Event.REFUSED} <= {State.VERSIONING}


wire_chunks = st.lists(
    st.sampled_from(
        [
            encode("ICU7", "12,50100,GNACK,0"),
            encode("ICU7", "15,50100,V3.30"),
            encode("ICU7", "20,50112,INRT,5.00\x1e20,50112,RUNSTATE,2", last=False),
            encode("ICU7", "3,50111,GNMODEL,688", stuffed=False),
            encode("ICU7", "21,50100,GNERR,68"),
            encode("ICU7", "21,50100,GNERR,11")[:-3],
            ACK,
            NAK,
        ]
    )
    | st.binary(max_size=20),
    max_size=12,
)


@given(wire_chunks, st.sampled_from(["request", "cyclic"]), st.floats(0, 10))
def test_whatever_arrives_the_session_says_only_what_it_may(chunks, mode, pause):
    session = DRIVER.session({"mode": mode})
    now = 0.0
    effects = list(session.connected(now))
    for chunk in chunks:
        now += pause
        effects += session.wake(now)
        fresh = session.feed(chunk, now)
        effects += fresh
        for effect in fresh:
            if isinstance(effect, Message):
                effects += session.stored(effect, now)
    for effect in effects:
        if isinstance(effect, Send):
            assert DRIVER.may_send(effect.data)
        if isinstance(effect, Message):
            assert effect.reply is None
        if isinstance(effect, Problem):
            assert effect.reply in {None, NAK}


@given(wire_chunks)
def test_any_split_gives_the_session_the_same_messages(chunks):
    def messages(pieces):
        session = DRIVER.session({})
        session.connected(0.0)
        effects = [e for piece in pieces for e in session.feed(piece, 0.0)]
        return [e for e in effects if isinstance(e, Message | Problem)]

    data = b"".join(chunks)
    assert messages([data]) == messages([bytes([b]) for b in data])
