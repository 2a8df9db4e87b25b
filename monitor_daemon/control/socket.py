"""The local door: a Unix socket that only this machine's authorised users can open."""

import asyncio
import socket
import struct
from pathlib import Path

import msgspec
import structlog

from monitor_daemon.control.handler import Handler
from monitor_daemon.control.requests import Reply
from monitor_daemon.core.errors import CommandError, ConfigError, LinkError

#: A request is one line; nobody needs more.
_LIMIT = 64 * 1024
_encode = msgspec.json.encode
log = structlog.get_logger("control")


async def serve(path: Path, handler: Handler) -> None:
    """Answer requests on `path` until cancelled. The socket is for its owner and group only.

    Raises ConfigError if there can be no socket.
    """
    writers: set[asyncio.StreamWriter] = set()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            while line := await reader.readline():
                reply = await handler.handle(line, f"uid {_peer(writer)}")
                writer.write(_encode(reply) + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError) as error:
            log.info("control.client_gone", reason=type(error).__name__)
        finally:
            writers.discard(writer)
            writer.close()

    try:
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        # What a daemon that was killed left behind is replaced; a file that is no socket is not.
        server = await asyncio.start_unix_server(client, path, limit=_LIMIT)
        await asyncio.to_thread(path.chmod, 0o660)
    except OSError as error:
        raise ConfigError(f"control.socket {path}: {error}", code="CONFIG_SOCKET") from None
    try:
        async with server:
            await server.serve_forever()
    finally:
        # A client that is cut off reads the end of its stream and leaves; none must be cancelled.
        for writer in writers:
            writer.close()
        await asyncio.sleep(0)
        await asyncio.to_thread(path.unlink, missing_ok=True)


async def refuse_if_served(path: Path) -> None:
    """Raise ConfigError if another daemon answers on `path`; a dead one's socket is no obstacle."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return
    writer.close()
    raise ConfigError(f"control.socket {path}: another daemon answers there", code="SOCKET_BUSY")


def _peer(writer: asyncio.StreamWriter) -> int:
    """The user id at the other end, as the kernel knows it."""
    peer = writer.get_extra_info("socket")
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


async def ask(path: Path, request: bytes, timeout: float = 10.0) -> Reply:  # noqa: ASYNC109
    """Send one request to a running daemon.

    Raises LinkError if it cannot be reached, CommandError for more than it would read.
    """
    if len(request) >= _LIMIT:
        raise CommandError(
            f"request: {len(request)} bytes, expected less than {_LIMIT}", code="BAD_REQUEST"
        )
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_unix_connection(path, limit=2**24)
            writer.write(request + b"\n")
            line = await reader.readline()
            writer.close()
    except (OSError, TimeoutError) as error:
        reason = getattr(error, "strerror", None) or "no answer"
        raise LinkError(f"daemon at {path}: {reason}; is it running?", code="DAEMON") from None
    if not line:
        raise LinkError(f"daemon at {path}: closed the connection", code="DAEMON")
    return msgspec.json.decode(line, type=Reply)
