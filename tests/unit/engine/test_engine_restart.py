"""A restart: time goes on, the state is what it was, whichever way it is rebuilt."""

import sqlite3

import msgspec
import pytest
from engine_room import ZERO, HandClock, engine_room, record

from monitor_daemon.clock import EngineClock
from monitor_daemon.core.events import MINUTE, SECOND, Data, Flow, LinkChanged, Sample, Tick
from monitor_daemon.core.people import Acknowledge, Enrol, Observe
from monitor_daemon.core.ward import Ward
from monitor_daemon.engine.fingerprint import core_fingerprint
from monitor_daemon.engine.replay import Verification, replay, verify


def plain(ward):
    return msgspec.msgpack.decode(ward.snapshot(), strict=False)


async def play(room, clock, start, end):
    """Minutes of a patient: pressure falls at 20, vasopressor throughout, CRT now and then."""
    for minute in range(start, end):
        clock.at = ZERO + minute * MINUTE
        mean = 66.0 if minute < 20 else 58.0
        flow = Flow("1", "running", 7.2, "norepinephrine", 60.0, "ug/mL")
        await room.engine.submit(
            [Data("monitor", "B1", (Sample("art_map", mean, "good", clock.at - 5 * SECOND),))],
            ("monitor", b"wire %d" % minute),
        )
        await room.engine.submit([Data("pumps", "B1", flows=(flow,))])
        if minute == 1:
            await room.engine.submit(
                [Enrol("S1", "B1", "personalise", "permissive_vp01", 60.0, "nurse")]
            )
        if minute % 10 == 5:
            await room.engine.submit([Observe("S1", "crt", 2.0, "nurse")])
        if minute == 35:
            await room.engine.submit([Acknowledge("S1", "MAP_LOW", "nurse")])
        clock.at += 2 * SECOND
        await room.engine.submit([Tick(clock.at // MINUTE)])


@pytest.fixture
async def lived(tmp_path):
    """The record of 45 minutes with one restart in the middle."""
    clock = HandClock()
    for start, end in ((0, 23), (25, 45)):
        clock.at = ZERO + start * MINUTE
        async with engine_room(tmp_path, clock=clock) as room:
            await play(room, clock, start, end)
    return tmp_path


async def test_a_snapshot_and_what_followed_give_the_state_of_the_whole_record(lived):
    path = lived / "journal.db"
    whole = replay(path, Ward(), 0)
    assert whole.state.subjects["S1"].alerts
    connection = sqlite3.connect(path)
    saved = connection.execute("SELECT seq, core, body FROM snapshot ORDER BY seq").fetchall()
    connection.close()
    head = record(lived, "max(seq)")[0][0]
    assert len(saved) == 3
    assert 0 < saved[0][0] < saved[-1][0] < head
    for seq, core, body in saved:
        assert core == core_fingerprint()
        assert plain(replay(path, Ward.restore(body), seq)) == plain(whole)


async def test_the_state_after_a_restart_decides_what_an_undisturbed_one_decides(lived):
    assert list(verify(lived / "journal.db", Verification())) == []
    async with engine_room(lived, clock=HandClock(ZERO + 50 * MINUTE)) as room:
        assert plain(room.engine.ward) == plain(replay(lived / "journal.db", Ward(), 0))


async def test_a_snapshot_of_another_core_is_not_used(lived):
    path = lived / "journal.db"
    connection = sqlite3.connect(path)
    connection.execute("UPDATE snapshot SET core = 'another', body = x'00'")
    connection.commit()
    connection.close()
    async with engine_room(lived, clock=HandClock(ZERO + 50 * MINUTE)) as room:
        assert plain(room.engine.ward)["subjects"].keys() == {"S1"}


@pytest.mark.parametrize("back", [1, 3600, 86_400])
async def test_engine_time_does_not_go_back_when_the_wall_clock_was_set_back(tmp_path, back):
    async with engine_room(tmp_path, clock=EngineClock()) as room:
        await room.engine.submit([LinkChanged("x", "live", "before")])
        last = room.engine.head.t
    clock = EngineClock()
    clock.start -= back * 1000
    async with engine_room(tmp_path, clock=clock) as room:
        await room.engine.submit([LinkChanged("x", "live", "after")])
        assert room.engine.head.t >= last
        assert clock.now() >= last
    times = [t for (t,) in record(tmp_path, "t")]
    assert times == sorted(times)


async def test_a_clock_that_goes_back_while_we_run_leaves_the_record_in_order(tmp_path):
    clock = HandClock()
    async with engine_room(tmp_path, clock=clock) as room:
        for at in (5_000, 3_000, 9_000, 1):
            clock.at = ZERO + at
            await room.engine.submit([LinkChanged("x", "live", str(at))])
    times = [t - ZERO for (t,) in record(tmp_path, "t")]
    assert times[-4:] == [5_000, 5_000, 9_000, 9_000]


async def test_numbers_go_on_after_a_restart(lived):
    path = lived / "journal.db"
    connection = sqlite3.connect(path)
    before = connection.execute("SELECT max(id), max(sequence) FROM outbox").fetchone()
    connection.close()
    seq, group = record(lived, "max(seq), max(grp)")[0]
    async with engine_room(lived, clock=HandClock(ZERO + 50 * MINUTE)) as room:
        await room.engine.submit([Acknowledge("S1", "MAP_LOW", "nurse")])
        head = room.engine.head
        assert head.seq == seq + 3
        assert head.group > group
        assert head.outbox > before[0]
        assert [row.sequence for row in room.offered if row.sequence] == list(
            range(before[1] + 1, head.sequence + 1)
        )
