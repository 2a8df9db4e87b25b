"""The door: what is acknowledged is on the disk, in order, and a full disk is never answered."""

import asyncio
import sqlite3
from contextlib import suppress
from zoneinfo import ZoneInfo

import msgspec
import pytest
from engine_room import ZERO, HandClock, engine_room, record, refuse_writing

from drivers.kit.link import LinkSpec
from drivers.kit.links import listen_link
from drivers.kit.registry import load_driver
from monitor_daemon import resources
from monitor_daemon.core.decisions import Refused
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.errors import InvariantError
from monitor_daemon.core.events import MINUTE, Data, Sample, Tick
from monitor_daemon.core.people import Enrol, Observe
from monitor_daemon.daemon import EngineSink
from monitor_daemon.engine.entrance import Entrance, LinkMap
from monitor_daemon.engine.replay import Verification, verify

WIRE = b"\x0bMSH|^~\\&|GW|W|MD|W|||ORU^R01^ORU_R01|M1|P|2.6|||AL|NE\rPV1||I|B1\r\x1c\r"
ENROLMENT = Enrol("S1", "B1", "personalise", "usual_vp01", 60.0, "nurse")


def sample(value, bed="B1"):
    return Data("gateway", bed, (Sample("art_map", value, "good"),))


def kinds(folder):
    return [msgspec.json.decode(body)["input"] for *_, body in record(folder)]


async def turns(condition):
    """Turns of the loop until `condition()` holds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


class Listener:
    """The real MLLP listener in front of an engine."""

    def __init__(self, room):
        drugs = DrugTable.parse(resources.text("drugs.toml"))
        entrance = Entrance(
            LinkMap("gateway", ZoneInfo("UTC"), bed="B1"), drugs, room.vault.sealer.token
        )
        sink = EngineSink(room.engine, {"gateway": entrance})
        self.link = listen_link(LinkSpec("gateway", load_driver("hl7"), sink), "127.0.0.1:0")

    async def __aenter__(self):
        self._task = asyncio.create_task(self.link.run())
        await turns(lambda: self.link.address)
        self.reader, self._writer = await asyncio.open_connection(*self.link.address)
        return self

    def write(self, wire):
        self._writer.write(wire)

    async def __aexit__(self, *exc_info):
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()
        self._task.cancel()
        with suppress(asyncio.CancelledError, InvariantError):
            await self._task


async def test_a_sender_is_acknowledged_after_the_commit_and_not_before(tmp_path):
    async with engine_room(tmp_path) as room, Listener(room) as listener:
        await room.settle()
        stored = len(record(tmp_path))
        room.journal.gate.clear()
        room.journal.reached.clear()
        listener.write(WIRE)
        answer = asyncio.create_task(listener.reader.readuntil(b"\x1c\r"))
        await turns(lambda: room.journal.reached.is_set() and listener.link.counters.messages)
        # The group stands before the disk; give the loop every chance to answer too early.
        for _ in range(100):
            await asyncio.sleep(0)
        assert not answer.done()
        assert listener.link.counters.bytes_out == 0
        assert len(record(tmp_path)) == stored
        room.journal.gate.set()
        assert b"MSA|CA|M1" in await answer
        assert "data" in kinds(tmp_path)[stored:]


async def test_publications_leave_after_the_commit(tmp_path):
    async with engine_room(tmp_path) as room:
        await room.settle()
        room.offered.clear()
        done = await room.stand_before_the_disk(ENROLMENT)
        assert (done.done(), room.offered) == (False, [])
        room.journal.gate.set()
        await done
        assert [row.topic for row in room.offered] == ["monitor/TEST/subjects/S1/state"]


@pytest.mark.expects_error("link.storage_failed")
async def test_a_disk_that_refuses_answers_nobody_and_stops_the_engine(tmp_path):
    async with engine_room(tmp_path) as room, Listener(room) as listener:
        await room.settle()
        before = record(tmp_path)
        await refuse_writing(room.journal)
        listener.write(WIRE + WIRE.replace(b"M1", b"M2"))
        assert await listener.reader.read() == b""
        assert isinstance(await room.stopped_by(), sqlite3.OperationalError)
        with pytest.raises(InvariantError, match="stopped") as raised:
            room.engine.submit([sample(66.0)])
        assert raised.value.code == "ENGINE_STOPPED"
        assert listener.link.counters.storage_failures == 1
    assert record(tmp_path) == before
    async with engine_room(tmp_path) as room:
        await room.settle()
        assert len(record(tmp_path)) == len(before) + 3
    assert list(verify(tmp_path / "journal.db", Verification())) == []


async def test_who_waits_when_storage_fails_is_told_and_so_is_who_stands_behind(tmp_path):
    async with engine_room(tmp_path) as room:
        await room.settle()
        first = await room.stand_before_the_disk(sample(66.0))
        behind = room.engine.submit([sample(67.0)])
        await refuse_writing(room.journal)
        room.journal.gate.set()
        for waiting in (first, behind):
            with pytest.raises(InvariantError) as raised:
                await waiting
            assert raised.value.code == "NOT_STORED"
        assert isinstance(await room.stopped_by(), sqlite3.OperationalError)


async def test_a_vault_that_cannot_store_keeps_the_record_from_citing_it(tmp_path):
    async with engine_room(tmp_path) as room:
        await room.settle()
        before = record(tmp_path)
        await refuse_writing(room.vault)
        with pytest.raises(InvariantError):
            await room.engine.submit([sample(66.0)], ("gateway", b"wire"))
        assert isinstance(await room.stopped_by(), sqlite3.OperationalError)
    assert record(tmp_path) == before


async def test_what_comes_while_the_disk_is_busy_shares_a_commit_in_the_order_it_came(tmp_path):
    clock = HandClock()
    async with engine_room(tmp_path, clock=clock) as room:
        await room.settle()
        first = await room.stand_before_the_disk(sample(60.0))
        later = []
        for n in range(50):
            clock.at += 1
            later.append(room.engine.submit([sample(61.0 + n)]))
        room.journal.gate.set()
        await asyncio.gather(first, *later)
    rows = [row for row in record(tmp_path) if b'"samples"' in row[3].encode()]
    groups = [row[1] for row in rows]
    assert groups == sorted(groups)
    # One commit under way, one that was being prepared, one for all who came later.
    assert len(set(groups)) <= 3
    values = [msgspec.json.decode(body)["samples"][0][1] for *_, body in rows]
    assert values == [60.0] + [61.0 + n for n in range(50)]
    assert [row[2] for row in rows] == sorted(row[2] for row in rows)


async def test_inputs_of_one_instant_stand_in_the_order_of_the_reference(tmp_path):
    """Data and states first, then enrolment, then entries, then the tick."""
    clock = HandClock()
    async with engine_room(tmp_path, clock=clock) as room:
        await room.settle()
        clock.at += 1
        minute = ZERO // MINUTE
        given = [
            Tick(minute),
            Observe("S1", "crt", 2.0, "nurse"),
            ENROLMENT,
            sample(66.0),
        ]
        await asyncio.gather(*(room.engine.submit([one]) for one in given))
    assert kinds(tmp_path)[-4:] == ["data", "enrol", "observe", "tick"]


async def test_each_sender_gets_his_own_answer(tmp_path):
    async with engine_room(tmp_path) as room:
        wrong = room.engine.submit([Observe("NOBODY", "crt", 2.0, "nurse")])
        right = room.engine.submit([ENROLMENT])
        (refusal,) = await wrong
        assert isinstance(refusal, Refused)
        assert refusal.code == "UNKNOWN_SUBJECT"
        assert not [decision for decision in await right if isinstance(decision, Refused)]


async def test_what_was_handed_in_is_stored_when_the_engine_is_stopped(tmp_path):
    async with engine_room(tmp_path) as room:
        await room.settle()
        before = len(record(tmp_path))
        handed = [room.engine.submit([sample(60.0 + n)]) for n in range(1500)]
    assert all(one.done() for one in handed)
    assert len(record(tmp_path)) == before + 1500


async def test_a_citation_leads_to_the_bytes_that_came(tmp_path):
    wires = [b"first", b"\x00\xff" * 40, b""]
    async with engine_room(tmp_path) as room:
        await asyncio.gather(
            *(room.engine.submit([sample(66.0)], ("gateway", wire)) for wire in wires)
        )
        cited = record(tmp_path, "original, part")
        found = [await room.vault.read(*place) for place in cited if place[0] is not None]
    assert sorted(original.raw for original in found) == sorted(wires)
    assert {original.link for original in found} == {"gateway"}
