"""From words in a configuration or on a command line to a link."""

from collections.abc import Mapping, Sequence
from typing import Any

from drivers.kit.contract import Driver, Transport
from drivers.kit.link import Link, LinkSpec
from drivers.kit.mllp_client_link import MllpClientLink
from drivers.kit.mllp_link import MAX_CONNECTIONS, MAX_PER_PEER, MllpLink
from drivers.kit.serial_link import SerialLink
from drivers.kit.tcp_link import TcpLink
from drivers.kit.tls import Tls
from drivers.kit.udp_link import UdpLink, speaks_udp
from monitor_daemon.core.errors import ConfigError


def serial_link(spec: LinkSpec, port: str, line: Mapping[str, Any] | None = None) -> Link:
    """A link over the serial port `port` (path, by-id name or USB serial number).

    Raises ConfigError if the driver does not speak over a serial port.
    """
    _require(spec.driver, Transport.SERIAL)
    return SerialLink(spec, port, line)


def dial_link(spec: LinkSpec, address: str, tls: Tls | None = None) -> Link:
    """A link that dials `address` (host:port), by UDP if the driver speaks that and no TCP.

    Raises ConfigError as above, and for `tls` with a driver that cannot use it.
    """
    host, port = split_address(address, spec.driver.port)
    if "mllp" in spec.driver.modes:
        return MllpClientLink(spec, host, port, tls)
    if tls is not None:
        raise ConfigError(f"driver {spec.driver.name} dials without TLS", code="CONFIG_LINK")
    if speaks_udp(spec.driver):
        return UdpLink(spec, host, port)
    _require(spec.driver, Transport.TCP_CLIENT)
    return TcpLink(spec, host, port)


def listen_link(
    spec: LinkSpec,
    address: str,
    *,
    tls: Tls | None = None,
    allow: Sequence[str] = (),
    max_connections: int = MAX_CONNECTIONS,
    max_per_peer: int = MAX_PER_PEER,
) -> MllpLink:
    """A link that listens on `address` ([host]:port).

    `allow` lists the networks that may connect (any if empty), `max_connections` limits how many
    may at a time, `max_per_peer` how many from one address. Raises ConfigError as above.
    """
    _require(spec.driver, Transport.MLLP_SERVER)
    host, port = split_address(address, spec.driver.port)
    return MllpLink(spec, host, port, allow, max_connections, max_per_peer, tls=tls)


def split_address(address: str, default_port: int | None = None) -> tuple[str, int]:
    """`host:port`, `[ipv6]:port`, `:port` or, with a default port, `host`.

    An empty host is the loopback address: listening wider must be said. Raises ConfigError.
    """
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        host, port = address, "" if default_port is None else str(default_port)
    if not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"address {address!r}: expected host:port with a port up to 65535")
    host = host.strip("[]") or "127.0.0.1"
    try:
        host.encode("idna")
    except UnicodeError as error:
        raise ConfigError(f"address {address!r}: no host can have this name") from error
    return host, int(port)


def _require(driver: Driver, transport: Transport) -> None:
    if transport not in driver.transports:
        known = ", ".join(driver.transports)
        raise ConfigError(f"driver {driver.name} does not speak over {transport}, only {known}")
