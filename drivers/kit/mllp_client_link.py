"""A device that is a server and sends of itself: we dial, stay, and acknowledge what it sends.

Central stations and gateways that take connections instead of making them (Nihon Kohden, Mindray
and others) answer to this. What a sender repeats is stored once, as with a listener.
"""

from dataclasses import replace
from typing import Any

from drivers.kit.link import LinkSpec
from drivers.kit.repeats import Once
from drivers.kit.tcp_link import TcpLink
from drivers.kit.tls import HANDSHAKE_S, Tls


class MllpClientLink(TcpLink):
    """A connection that we open to `host`:`port`, with `tls` encrypted and checked.

    Raises ConfigError for a TLS file that cannot be used.
    """

    def __init__(self, spec: LinkSpec, host: str, port: int, tls: Tls | None = None) -> None:
        how: dict[str, Any] = {}
        if tls is not None:
            how = {
                "ssl": tls.for_dialling(),
                "server_hostname": tls.name or host,
                "ssl_handshake_timeout": HANDSHAKE_S,
            }
        self._once = Once(spec.sink)
        super().__init__(replace(spec, sink=self._once), host, port, how)

    def status(self) -> dict[str, Any]:
        """What every link tells, and how many messages were repeats."""
        return super().status() | {"repeated": self._once.repeats}
