"""A device that is asked by UDP: one connected socket, whose datagrams are the session's chunks.

A connected socket hears only the device that it is connected to, keeps one source port for its
whole life, and learns from the network when nobody listens there.
"""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from drivers.kit.contract import Driver, Transport
from drivers.kit.conversation import Conversation
from drivers.kit.link import Link, LinkSpec
from drivers.kit.link_state import Backoff

#: No datagram is longer.
_LONGEST: Final = 65536


def speaks_udp(driver: Driver) -> bool:
    """Whether an address to dial means UDP for this driver: it speaks that and no TCP."""
    return Transport.UDP in driver.transports and Transport.TCP_CLIENT not in driver.transports


def udp_options(driver: Driver, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with `framing` set to "udp" for a driver that has this option.

    A session is not told its transport, and some protocols frame differently over UDP.
    """
    named = any(option.name == "framing" for option in driver.options)
    return {**options, "framing": "udp"} if named else dict(options)


class UdpLink(Link):
    """A UDP link to `host`:`port`."""

    def __init__(self, spec: LinkSpec, host: str, port: int) -> None:
        spec = replace(spec, options=udp_options(spec.driver, spec.options))
        super().__init__(spec, f"{host}:{port} (UDP)", Backoff(cap=30.0))
        self._host, self._port = host, port

    async def _hold(self) -> str:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, address = found[0]
        conversation = Conversation(self, self._begin)
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            sock.connect(address)
            UdpTransport(loop, sock, conversation).start()
            return await asyncio.shield(conversation.ended)
        finally:
            await conversation.stop()
            sock.close()

    def _begin(self, _conversation: Conversation) -> None:
        self._opened(f"{self.where} is open, nothing heard yet")


class UdpTransport(asyncio.Transport):
    """A connected UDP socket as the transport of a conversation.

    asyncio's own datagram transport cannot pause. While this one is paused the kernel keeps what
    comes, and drops what does not fit, as UDP does.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, protocol: asyncio.Protocol
    ) -> None:
        super().__init__({"socket": sock, "peername": sock.getpeername()})
        self._loop = loop
        self._sock = sock
        self._protocol = protocol
        self._closing = False

    def start(self) -> None:
        """Begin to read and tell the protocol."""
        self._protocol.connection_made(self)
        if not self._closing:
            self.resume_reading()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send one datagram; what the kernel has no room for is lost, as on the way."""
        if self._closing:
            return
        try:
            self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            self._end(error)

    def pause_reading(self) -> None:
        """Read no more until `resume_reading`."""
        self._loop.remove_reader(self._sock)

    def resume_reading(self) -> None:
        """Read again."""
        if not self._closing:
            self._loop.add_reader(self._sock, self._readable)

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._closing

    def close(self) -> None:
        """Close; every datagram has left already."""
        self._end(None)

    def abort(self) -> None:
        """Close."""
        self._end(None)

    def _readable(self) -> None:
        try:
            data = self._sock.recv(_LONGEST)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(error)
            return
        self._protocol.data_received(data)

    def _end(self, error: OSError | None) -> None:
        if self._closing:
            return
        self._closing = True
        self._loop.remove_reader(self._sock)
        self._loop.call_soon(self._protocol.connection_lost, error)
