"""At a change of shift the engine says so, once, in the instant of that minute's tick."""

import asyncio
from contextlib import suppress

import msgspec
from engine_room import ZERO, HandClock, engine_room, record

from monitor_daemon.core.events import MINUTE

FIRST = ZERO // MINUTE


class Marching(HandClock):
    """Whoever waits for an instant makes it come."""

    def until(self, engine_ms):
        self.at = max(self.at, engine_ms)
        return 0.0

    def wall_step(self):
        return 0.0


def told(folder):
    """(instant, input) of every tick and hand-over of the record."""
    rows = [(t, msgspec.json.decode(body)) for _, _, t, body in record(folder)]
    return [(t, given) for t, given in rows if given["input"] in {"tick", "hand_over"}]


async def march(folder, changes, minutes):
    """Run the ticks for some minutes; `changes` are (ms, roles) of every hand-over."""

    def next_handover(now):
        return next((change for change in changes if change[0] > now), None)

    async with engine_room(folder, clock=Marching()) as room:
        room.engine._next_handover = next_handover
        await room.settle()
        ticking = asyncio.create_task(room.engine.ticks())
        async with asyncio.timeout(10):
            while room.engine.ward.state.minute < FIRST + minutes:
                await asyncio.sleep(0)
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking


async def test_a_change_of_shift_is_an_input_of_its_minute(tmp_path):
    at = (FIRST + 2) * MINUTE
    await march(tmp_path, [(at, ("bedside", "physician"))], 5)
    found = told(tmp_path)
    (changed,) = [(t, given["roles"]) for t, given in found if given["input"] == "hand_over"]
    assert changed[1] == ["bedside", "physician"]
    ticks = {given["minute"]: t for t, given in found if given["input"] == "tick"}
    assert changed[0] == ticks[FIRST + 2]


async def test_two_changes_within_a_minute_are_one_and_name_a_role_once(tmp_path):
    at = (FIRST + 2) * MINUTE
    changes = [(at - 30_000, ("bedside",)), (at, ("bedside", "research"))]
    await march(tmp_path, changes, 4)
    roles = [given["roles"] for _, given in told(tmp_path) if given["input"] == "hand_over"]
    assert roles == [["bedside", "research"]]


async def test_without_shifts_there_are_only_ticks(tmp_path):
    await march(tmp_path, [], 4)
    assert {given["input"] for _, given in told(tmp_path)} == {"tick"}
