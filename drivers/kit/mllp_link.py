"""Devices and gateways that dial in: one listener, many connections, a session for each.

A connection that is slow, hostile or dead costs only itself: it has its own session, its own limit
of messages that wait for storage, little room in the kernel and its own place among
`max_connections`; the kernel's keepalive ends it when its peer is gone. There is no idle time-out:
pump gateways may be silent for hours.
"""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any, Final

from drivers.kit.conversation import MAX_WAITING, Conversation
from drivers.kit.link import Link, LinkSpec
from drivers.kit.link_state import Backoff, LinkEvent, LinkState
from drivers.kit.repeats import Once
from drivers.kit.tcp_link import keep_alive
from drivers.kit.tls import Handshake, Tls
from monitor_daemon.core.errors import ConfigError

MAX_CONNECTIONS: Final = 512
MAX_PER_PEER: Final = 256

#: Receive buffer of a connection (the kernel doubles it). One read then brings so little that even
#: a flood of the smallest messages keeps the others waiting for milliseconds only.
RECEIVE_BYTES: Final = 16 * 1024


class MllpLink(Link):
    """A TCP listener on `host`:`port`; `port` 0 takes a free one, see `address`.

    `allow` lists the networks (CIDR) that may connect; empty means any. With `tls` every connection
    begins with a handshake. Raises ConfigError for a network or a file that cannot be read.
    """

    def __init__(
        self,
        spec: LinkSpec,
        host: str,
        port: int,
        allow: Sequence[str] = (),
        max_connections: int = MAX_CONNECTIONS,
        max_per_peer: int = MAX_PER_PEER,
        max_waiting: int = MAX_WAITING,
        tls: Tls | None = None,
    ) -> None:
        self._once = Once(spec.sink)
        super().__init__(
            replace(spec, sink=self._once), f"listener {host}:{port}", Backoff(cap=30.0)
        )
        self._host, self._port = host, port
        try:
            self._allow = [ip_network(network) for network in allow]
        except ValueError as error:
            raise ConfigError(f"link {spec.name}: allow: {error}") from error
        self._max_connections = max_connections
        self._max_per_peer = max_per_peer
        self._max_waiting = max_waiting
        self._tls = None if tls is None else tls.for_listener()
        self._conversations: dict[Conversation, str] = {}
        self._handshakes: dict[Conversation, Handshake] = {}
        self._blamed: str | None = None
        self.address: tuple[str, int] | None = None

    @property
    def peers(self) -> list[str]:
        """The addresses that are connected now."""
        return list(self._conversations.values())

    def status(self) -> dict[str, Any]:
        """What every link tells, and how many are connected and how many messages were repeats."""
        more = {"connections": len(self._conversations), "repeated": self._once.repeats}
        return super().status() | more

    async def _hold(self) -> str:
        server = await asyncio.get_running_loop().create_server(
            self._accept, self._host, self._port, start_serving=False
        )
        for listening in server.sockets:
            # Accepted connections inherit it.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        host, port = server.sockets[0].getsockname()[:2]
        await server.start_serving()
        self.address = (host, port)
        self._opened(f"listening on {host}:{port}, no device has connected yet")
        try:
            await server.serve_forever()
        finally:
            self.address = None
            server.close()
            for handshake in self._handshakes.values():
                handshake.cancel()
            leaving = list(self._conversations)
            self._conversations.clear()
            for conversation in leaving:
                await conversation.stop()
        return "the listener was closed"

    def _accept(self) -> asyncio.Protocol:
        conversation = Conversation(self, self._begin, self._max_waiting)
        if self._tls is None:
            return conversation
        handshake = Handshake(
            self._tls,
            conversation,
            lambda transport: self._admit(conversation, transport) is None,
            lambda reason: self._not_secured(conversation, reason),
        )
        self._handshakes[conversation] = handshake
        return handshake

    def _begin(self, conversation: Conversation) -> str | None:
        """A connection is open, and secured if it has to be."""
        if self._handshakes.pop(conversation, None) is None:
            refusal = self._admit(conversation, conversation.transport)
            if refusal is not None:
                return refusal
        keep_alive(conversation.transport)
        conversation.ended.add_done_callback(lambda ended: self._left(conversation, ended.result()))
        return None

    def _admit(self, conversation: Conversation, transport: asyncio.Transport) -> str | None:
        """Give the connection its place, or the reason why it gets none."""
        name = transport.get_extra_info("peername")
        if name is None:
            return self._turned_away(conversation, "it left before it was accepted")
        peer = str(name[0])
        if self._allow and not any(ip_address(peer) in network for network in self._allow):
            reason = f"{peer} is not on the allow list"
            self.fault("PEER_REFUSED", reason)
            return self._turned_away(conversation, reason)
        for open_now, limit, whose in (
            (len(self._conversations), self._max_connections, "are"),
            (self.peers.count(peer), self._max_per_peer, "of its own are"),
        ):
            if open_now >= limit:
                reason = f"{peer} refused: {limit} connections {whose} open already"
                self.fault("TOO_MANY_CONNECTIONS", reason)
                return self._turned_away(conversation, reason)
        self._conversations[conversation] = peer
        self.log.debug("link.peer_connected", peer=peer, connections=len(self._conversations))
        return None

    def _turned_away(self, conversation: Conversation, reason: str) -> str:
        self._handshakes.pop(conversation, None)
        return reason

    def _not_secured(self, conversation: Conversation, reason: str) -> None:
        self._handshakes.pop(conversation, None)
        peer = self._conversations.pop(conversation, "a peer")
        self.fault("TLS_REFUSED", f"{peer}: {reason}")

    def why_silent(self, seconds: float) -> str:
        """Also that nobody is there to send."""
        if not self._conversations:
            return f"no device is connected to {self.where} for {seconds:.0f} s"
        return super().why_silent(seconds)

    def _left(self, conversation: Conversation, reason: str) -> None:
        peer = self._conversations.pop(conversation, None)
        if peer is None:
            return
        # Whom we hung up on has to be found among many: loud once, repeats of his quietly.
        blamed = bool(conversation.reason)
        say = self.log.warning if blamed and peer != self._blamed else self.log.debug
        say("link.peer_left", peer=peer, reason=reason)
        if blamed:
            self._blamed = peer
        if not self._conversations and self.state in {
            LinkState.WAITING,
            LinkState.LIVE,
            LinkState.SILENT,
        }:
            self._step(LinkEvent.DROPPED, f"{peer} left ({reason}); no device is connected")
