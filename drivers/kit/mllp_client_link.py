"""A device that is a server and sends of itself: we dial, stay, and acknowledge what it sends.

Central stations and gateways that take connections instead of making them (Nihon Kohden, Mindray
and others) answer to this. What a sender repeats is stored once, as with a listener.
"""

import asyncio
from dataclasses import replace
from typing import Any

from drivers.kit.conversation import Conversation
from drivers.kit.link import Link, LinkSpec
from drivers.kit.link_state import Backoff
from drivers.kit.repeats import Once
from drivers.kit.tcp_link import OPEN_TIMEOUT_S, keep_alive
from drivers.kit.tls import HANDSHAKE_S, Tls


class MllpClientLink(Link):
    """A connection that we open to `host`:`port`, with `tls` encrypted and checked.

    Raises ConfigError for a TLS file that cannot be used.
    """

    def __init__(self, spec: LinkSpec, host: str, port: int, tls: Tls | None = None) -> None:
        self._once = Once(spec.sink)
        super().__init__(replace(spec, sink=self._once), f"{host}:{port}", Backoff(cap=30.0))
        self._host, self._port = host, port
        self._options: dict[str, Any] = {}
        if tls is not None:
            self._options = {
                "ssl": tls.for_dialling(),
                "server_hostname": tls.name or host,
                "ssl_handshake_timeout": HANDSHAKE_S,
            }

    def status(self) -> dict[str, Any]:
        """What every link tells, and how many messages were repeats."""
        return super().status() | {"repeated": self._once.repeats}

    async def _hold(self) -> str:
        conversation = Conversation(self, self._begin)
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await asyncio.get_running_loop().create_connection(
                    lambda: conversation, self._host, self._port, **self._options
                )
            return await asyncio.shield(conversation.ended)
        finally:
            await conversation.stop()

    def _begin(self, conversation: Conversation) -> None:
        keep_alive(conversation.transport)
        self._opened(f"{self.where} is open, nothing heard yet")
