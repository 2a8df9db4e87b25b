"""What tests in several folders wait with, and the ports they take."""

import asyncio
import socket
from typing import Any

PATIENCE_S = 20.0


def free_port() -> int:
    """A TCP port of the loopback address that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(condition: Any, what: str, seconds: float = PATIENCE_S) -> Any:
    """Wait until `condition()` (may be async) gives something true; fail with `what` if not."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                found = condition()
                found = await found if asyncio.iscoroutine(found) else found
                if found:
                    return found
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:g} s: {what}") from None


class Watched:
    """Something that can be waited for: it says when it changed."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def changed(self) -> None:
        self._changed.set()

    async def until(self, holds: Any) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._changed.clear()
                await self._changed.wait()
