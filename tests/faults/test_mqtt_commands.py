"""Commands by MQTT: the second door to the same handler."""

import asyncio
import contextlib
from pathlib import Path

import aiomqtt
import msgspec
from site_process import Site, tidy
from waiting import until

from monitor_daemon.notify.broker import EmbeddedBroker
from monitor_daemon.notify.settings import BrokerSettings

ENROL = {
    "request_id": "r1",
    "actor": "dr-x",
    "subject": "S1",
    "bed": "bed-1",
    "protocol": "personalise",
    "arm": "usual_vp01",
    "weight_kg": 60.0,
}


async def _asked(broker: BrokerSettings, command: str, *requests: dict) -> list[dict]:
    """The answers to requests of one command."""
    answers = []
    async with aiomqtt.Client(
        broker.host, broker.port, username=broker.username, password=broker.password()
    ) as client:
        await client.subscribe("monitor/test/replies/+", qos=1)
        for request in requests:
            payload = msgspec.json.encode(request)
            await client.publish(f"monitor/test/commands/{command}", payload, qos=1)
        async with asyncio.timeout(10):
            async for message in client.messages:
                assert message.topic.value.endswith(f"/{requests[len(answers)]['request_id']}")
                answers.append(msgspec.json.decode(bytes(message.payload)))
                if len(answers) == len(requests):
                    return answers
    raise AssertionError("no answer")


ROSTER = """
[[roster]]
role = "bedside"
recipients = ["nurses"]
"""


async def test_an_override_by_mqtt_is_told_to_the_nurse_on_duty(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        broker = (await stack.enter_async_context(EmbeddedBroker(tmp_path / "broker"))).settings
        site = Site(tmp_path / "site", broker, ("bed-1",), extra=ROSTER)
        stack.callback(lambda: tidy(site.process))
        await site.start()
        await until(lambda: _connected(site), "the daemon reaches its broker")
        client = await stack.enter_async_context(
            aiomqtt.Client(
                broker.host, broker.port, username=broker.username, password=broker.password()
            )
        )
        await client.subscribe("monitor/test/recipients/nurses", qos=1)
        assert (await _asked(broker, "enrol", ENROL))[0]["ok"]
        order = {"request_id": "r2", "actor": "dr-x", "subject": "S1", "target": 70, "reason": "x"}
        (answer,) = await _asked(broker, "override", order)
        raised = [d["name"] for d in answer["result"]["decisions"] if d["decision"] == "alert"]
        assert raised == ["TARGET_OVERRIDE"]
        async with asyncio.timeout(10):
            push = await anext(aiter(client.messages))
        content = msgspec.json.decode(bytes(push.payload))
        assert [(i["kind"], i["reason"], i["role"]) for i in content["items"]] == [
            ("TARGET_OVERRIDE", "first", "bedside")
        ]
        assert (content["subject"], content["bed"], push.retain) == ("S1", "bed-1", False)
        assert "70 mmHg" in content["text"]
        assert await site.stop() == 0


async def _connected(site: Site) -> bool:
    return bool((await site.status())["broker"]["connected"])


async def test_a_command_by_mqtt_is_carried_out_and_answered(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        broker = (await stack.enter_async_context(EmbeddedBroker(tmp_path / "broker"))).settings
        site = Site(tmp_path / "site", broker, ("bed-1",))
        stack.callback(lambda: tidy(site.process))
        await site.start()

        await until(lambda: _connected(site), "the daemon reaches its broker")
        first, again = await _asked(broker, "enrol", ENROL, ENROL | {"request_id": "r2"})
        assert first["ok"]
        assert (again["ok"], again["code"]) == (False, "ALREADY_ENROLLED")
        assert "S1" in (await site.status())["subjects"]
        assert await site.stop() == 0
