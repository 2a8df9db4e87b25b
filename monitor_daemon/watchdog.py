"""Tells systemd that the daemon is ready, and that it is alive only while it really commits."""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress


def notify(state: str) -> None:
    """Send one line of the sd_notify protocol, if systemd listens.

    What does not arrive is lost, as sd_notify(3) recommends: nobody may be there any more.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.setblocking(False)
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        channel.send(state.encode())


async def watch(committed_at: Callable[[], int | None]) -> None:
    """Ready after the first commit; then a heartbeat for every half period with a new commit.

    A tick commits every minute, so WatchdogSec must be well above 60 s.
    """
    period = int(os.environ.get("WATCHDOG_USEC", "0")) / 2e6 or 60.0
    seen: int | None = None
    while True:
        newest = committed_at()
        if newest is not None and newest != seen:
            notify("READY=1" if seen is None else "WATCHDOG=1")
            seen = newest
        await asyncio.sleep(0.1 if seen is None else period)
