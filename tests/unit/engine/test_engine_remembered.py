"""Commands by MQTT over a real engine: how many are remembered, so that none is done twice."""

import asyncio
from zoneinfo import ZoneInfo

import msgspec
import pytest
from engine_room import engine_room

from monitor_daemon.control.handler import Handler

ENROL = {
    "actor": "dr-x", "subject": "S1", "bed": "b1", "protocol": "personalise", "arm": "usual_vp01",
    "weight_kg": 60.0, "request_id": "r0",
}  # fmt: skip
CRT = {"actor": "nurse", "subject": "S1", "kind": "crt", "value": 2.0}


@pytest.mark.parametrize(
    ("others", "again"),
    [(999, {"ok": True, "repeated": True}), (1000, {"ok": False, "code": "ALREADY_ENROLLED"})],
)
async def test_a_thousand_commands_are_remembered_and_no_more(tmp_path, others, again):
    """What comes again after so many others is taken as new: here, an enrolment, it is refused."""
    async with engine_room(tmp_path) as room:
        handler = Handler(room.engine, ("b1",), dict, ZoneInfo("UTC"), str)

        async def ask(name, request):
            _, answer = await handler.handle_message(name, msgspec.json.encode(request))
            return msgspec.json.decode(answer)

        assert (await ask("enrol", ENROL))["ok"]
        given = [ask("observe", {**CRT, "request_id": f"r{n}"}) for n in range(1, others + 1)]
        assert all(
            reply["ok"] and "repeated" not in reply for reply in await asyncio.gather(*given)
        )
        reply = await ask("enrol", ENROL)
        assert {key: reply.get(key) for key in again} == again
