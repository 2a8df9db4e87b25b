"""Devices and gateways that dial in: one listener, many connections, a session for each.

A connection that is slow, hostile or dead costs only itself: it has its own session, its own limit
of messages that wait for storage and its own place among `max_connections`; the kernel's keepalive
ends it when its peer is gone. There is no idle time-out: pump gateways may be silent for hours.
"""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from drivers.kit.conversation import MAX_WAITING, Conversation
from drivers.kit.link import Link, LinkSpec
from drivers.kit.link_state import Backoff, LinkEvent, LinkState
from drivers.kit.tcp_link import keep_alive
from monitor_daemon.core.errors import ConfigError

MAX_CONNECTIONS = 64


class MllpLink(Link):
    """A TCP listener on `host`:`port`; `port` 0 takes a free one, see `address`.

    `allow` lists the networks (CIDR) that may connect; empty means any. Raises ConfigError for a
    network that cannot be read.
    """

    def __init__(
        self,
        spec: LinkSpec,
        host: str,
        port: int,
        allow: Sequence[str] = (),
        max_connections: int = MAX_CONNECTIONS,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        super().__init__(spec, f"listener {host}:{port}", Backoff(cap=30.0))
        self._host, self._port = host, port
        try:
            self._allow = [ip_network(network) for network in allow]
        except ValueError as error:
            raise ConfigError(f"link {spec.name}: allow: {error}") from error
        self._max_connections = max_connections
        self._max_waiting = max_waiting
        self._conversations: dict[Conversation, str] = {}
        self.address: tuple[str, int] | None = None

    @property
    def peers(self) -> list[str]:
        """The addresses that are connected now."""
        return list(self._conversations.values())

    async def _hold(self) -> str:
        server = await asyncio.get_running_loop().create_server(
            self._accept, self._host, self._port
        )
        host, port = server.sockets[0].getsockname()[:2]
        self.address = (host, port)
        self._opened(f"listening on {host}:{port}, no device has connected yet")
        try:
            await server.serve_forever()
        finally:
            self.address = None
            server.close()
            leaving = list(self._conversations)
            self._conversations.clear()
            for conversation in leaving:
                await conversation.stop()
        return "the listener was closed"

    def _accept(self) -> Conversation:
        return Conversation(self, self._begin, self._max_waiting)

    def _begin(self, conversation: Conversation) -> str | None:
        peer = str(conversation.transport.get_extra_info("peername")[0])
        if self._allow and not any(ip_address(peer) in network for network in self._allow):
            reason = f"{peer} is not on the allow list"
            self.fault("PEER_REFUSED", reason)
            return reason
        if len(self._conversations) >= self._max_connections:
            reason = f"{peer} refused: {self._max_connections} connections are open already"
            self.fault("TOO_MANY_CONNECTIONS", reason)
            return reason
        keep_alive(conversation.transport)
        self._conversations[conversation] = peer
        conversation.ended.add_done_callback(lambda ended: self._left(conversation, ended.result()))
        self.log.debug("link.peer_connected", peer=peer, connections=len(self._conversations))
        return None

    def _left(self, conversation: Conversation, reason: str) -> None:
        peer = self._conversations.pop(conversation, None)
        if peer is None:
            return
        self.log.debug("link.peer_left", peer=peer, reason=reason)
        if not self._conversations and self.state in {
            LinkState.WAITING,
            LinkState.LIVE,
            LinkState.SILENT,
        }:
            self._step(LinkEvent.DROPPED, f"{peer} left ({reason}); no device is connected")
