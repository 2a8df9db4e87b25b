"""Looks for words that must not leave the vault, however they are written down."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiomqtt

from monitor_daemon.notify.settings import BrokerSettings


def written(word: str) -> set[bytes]:
    """`word` in the forms in which a file or a message may hold it.

    It must be long: sealed bytes are random, and a form of a few bytes would stand there by chance.
    """
    plain = word.encode()
    found = {plain, word.encode("utf-16-le"), word.encode("utf-16-be"), plain.hex().encode()}
    found.add(json.dumps(word)[1:-1].encode())
    for shift in range(3):
        # Whatever stands before and after it changes the first and the last characters only.
        text = base64.b64encode(bytes(shift) + plain).rstrip(b"=")
        found.add(text[4 if shift else 0 : -1])
    assert min(map(len, found)) >= 8, f"{word}: too short to search for"
    return found


def leaks(words: Iterable[str], places: Iterable[tuple[str, bytes]]) -> list[tuple[str, str]]:
    """Which of `words` stand in which of the named places."""
    forms = {word: written(word) for word in words}
    return [
        (word, name)
        for name, content in places
        for word, found in forms.items()
        if any(form in content for form in found)
    ]


def files(*folders: Path) -> list[tuple[str, bytes]]:
    """Every file below `folders`."""
    return [
        (path.name, path.read_bytes())
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    ]


@asynccontextmanager
async def listening(broker: BrokerSettings) -> AsyncIterator[list[tuple[str, bytes]]]:
    """Everything that the broker gives to a subscriber of all topics, as (topic, payload)."""
    heard: list[tuple[str, bytes]] = []
    ready = asyncio.Event()

    async def listen() -> None:
        with suppress(aiomqtt.MqttError):
            async with aiomqtt.Client(
                broker.host, broker.port, username=broker.username, password=broker.password()
            ) as client:
                await client.subscribe("#", qos=1)
                ready.set()
                async for message in client.messages:
                    payload = message.payload if isinstance(message.payload, bytes) else b""
                    heard.append((message.topic.value, payload))

    task = asyncio.create_task(listen())
    try:
        async with asyncio.timeout(20):
            await ready.wait()
        yield heard
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
