"""TLS for links over TCP: our certificate, whom we trust, and the handshake of who dials in."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from monitor_daemon.core.errors import ConfigError

#: A peer that does not finish the handshake in this time (s) is let go.
HANDSHAKE_S = 10.0


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM form. `cert` and `key` are ours; `ca` holds the authorities that we trust.

    A listener needs `cert` and `key`; with `ca` it demands a certificate from everyone who dials
    in. A link that dials checks the other side against `ca`, or against the system's authorities,
    and shows `cert` if it has one. `name` is the one in the other side's certificate, if that is
    not the host that is dialled.
    """

    cert: Path | None = None
    key: Path | None = None
    ca: Path | None = None
    name: str | None = None

    def for_listener(self) -> ssl.SSLContext:
        """The context of a server. Raises ConfigError for a file that cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if self.cert is None:
            raise ConfigError("tls: a listener needs tls_cert and tls_key", code="CONFIG_LINK")
        if self.ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
        return self._filled(context)

    def for_dialling(self) -> ssl.SSLContext:
        """The context of a client. Raises ConfigError for a file that cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.ca is None:
            context.load_default_certs()
        return self._filled(context)

    def _filled(self, context: ssl.SSLContext) -> ssl.SSLContext:
        # BCP 195 (RFC 9325): nothing below TLS 1.2.
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            if self.cert is not None:
                # An empty password, so that nobody is asked for one on a terminal.
                context.load_cert_chain(self.cert, self.key, password=b"")
            if self.ca is not None:
                context.load_verify_locations(self.ca)
        except OSError as error:  # ssl.SSLError too
            files = ", ".join(str(file) for file in (self.cert, self.key, self.ca) if file)
            raise ConfigError(
                f"tls: {files}: {error.strerror or error}", code="CONFIG_LINK"
            ) from None
        return context


class Handshake(asyncio.Protocol):
    """The first protocol of a connection that dialled in; after the handshake `inner` takes over.

    `admit` may refuse the connection before it costs a handshake, by False. `failed` is told in
    words why no handshake was possible.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        inner: asyncio.Protocol,
        admit: Callable[[asyncio.Transport], bool],
        failed: Callable[[str], None],
    ) -> None:
        self._context = context
        self._inner = inner
        self._admit = admit
        self._failed = failed
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody has dialled."""
        opened = cast("asyncio.Transport", transport)
        if self._admit(opened):
            self._task = asyncio.create_task(self._secure(opened))
        else:
            opened.abort()

    def cancel(self) -> None:
        """Give up a handshake that is under way."""
        if self._task is not None:
            self._task.cancel()

    async def _secure(self, transport: asyncio.Transport) -> None:
        early = _Early(self._inner)
        try:
            secure = await asyncio.get_running_loop().start_tls(
                transport,
                early,
                self._context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_S,
            )
        except OSError as error:
            self._failed(str(error) or type(error).__name__)
            return
        if secure is None or secure.is_closing():
            self._failed("the other side left during the handshake")
            return
        early.hand_over(secure)


class _Early(asyncio.Protocol):
    """Keeps what arrives with the last bytes of a handshake for the protocol that takes over."""

    def __init__(self, inner: asyncio.Protocol) -> None:
        self._inner = inner
        self._data: list[bytes] = []
        self._over = False
        self._lost: list[Exception | None] = []

    def data_received(self, data: bytes) -> None:
        self._data.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._over:
            self._inner.connection_lost(exc)
        else:
            self._lost.append(exc)

    def hand_over(self, secure: asyncio.Transport) -> None:
        self._over = True
        secure.set_protocol(self._inner)
        self._inner.connection_made(secure)
        for data in self._data:
            self._inner.data_received(data)
        for error in self._lost:
            self._inner.connection_lost(error)
