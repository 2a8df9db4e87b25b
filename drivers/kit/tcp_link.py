"""A device or terminal server that listens: we dial, stay, and dial again after a loss."""

import asyncio
import socket
from collections.abc import Mapping
from typing import Any, Final

from drivers.kit.conversation import Conversation
from drivers.kit.link import Link, LinkSpec
from drivers.kit.link_state import Backoff

OPEN_TIMEOUT_S = 10.0

#: A peer that lost power says nothing: after 60 s of silence ask every 10 s, give up after three
#: questions; a peer that does not take our bytes is given up after the same time.
KEEPALIVE: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 90_000),
)


def keep_alive(transport: asyncio.BaseTransport) -> None:
    """Let the kernel find out that the other side of a TCP connection is gone."""
    sock = transport.get_extra_info("socket")
    for level, option, value in KEEPALIVE:
        sock.setsockopt(level, option, value)


class TcpLink(Link):
    """A TCP client link to `host`:`port`; `how` goes to asyncio's `create_connection`."""

    def __init__(
        self,
        spec: LinkSpec,
        host: str,
        port: int,
        how: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(spec, f"{host}:{port}", Backoff(cap=30.0))
        self._host, self._port, self._how = host, port, how or {}

    async def _hold(self) -> str:
        conversation = Conversation(self, self._begin)
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await asyncio.get_running_loop().create_connection(
                    lambda: conversation, self._host, self._port, **self._how
                )
            return await asyncio.shield(conversation.ended)
        finally:
            await conversation.stop()

    def _begin(self, conversation: Conversation) -> None:
        keep_alive(conversation.transport)
        self._opened(f"{self.where} is open, nothing heard yet")
