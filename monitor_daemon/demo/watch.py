"""A subscriber as a site would write one: subject states and alert events over MQTT."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiomqtt
import msgspec

from monitor_daemon.notify.connection import Client
from monitor_daemon.notify.settings import BrokerSettings

Seen = Callable[[dict[str, Any]], None]


async def watch(broker: BrokerSettings, site: str, state: Seen, event: Seen) -> None:
    """Call `state` and `event` with each message; a repeated event comes once.

    Returns if the broker is lost: whoever runs the broker says so.
    """
    known: set[str] = set()
    with suppress(aiomqtt.MqttError):
        async with Client(
            broker.host,
            broker.port,
            username=broker.username,
            password=broker.password(),
            protocol=aiomqtt.ProtocolVersion.V311,
            timeout=2,
        ) as client:
            await client.subscribe(f"monitor/{site}/subjects/+/state", qos=1)
            await client.subscribe(f"monitor/{site}/events", qos=1)
            async for message in client.messages:
                content = msgspec.json.decode(bytes(message.payload))
                if message.topic.matches("monitor/+/events"):
                    if content["event_id"] not in known:
                        known.add(content["event_id"])
                        event(content)
                else:
                    state(content)
