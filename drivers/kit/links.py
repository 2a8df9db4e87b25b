"""From words in a configuration or on a command line to a link."""

from collections.abc import Mapping
from typing import Any

from drivers.kit.contract import Driver, Transport
from drivers.kit.link import Link, LinkSpec
from drivers.kit.mllp_link import MllpLink
from drivers.kit.serial_link import SerialLink
from drivers.kit.tcp_link import TcpLink
from drivers.kit.udp_link import UdpLink, speaks_udp
from monitor_daemon.core.errors import ConfigError


def serial_link(spec: LinkSpec, port: str, line: Mapping[str, Any] | None = None) -> Link:
    """A link over the serial port `port` (path, by-id name or USB serial number).

    Raises ConfigError if the driver does not speak over a serial port.
    """
    _require(spec.driver, Transport.SERIAL)
    return SerialLink(spec, port, line)


def dial_link(spec: LinkSpec, address: str) -> Link:
    """A link that dials `address` (host:port), by UDP if the driver speaks that and no TCP.

    Raises ConfigError as above.
    """
    if speaks_udp(spec.driver):
        return UdpLink(spec, *split_address(address, spec.driver.port))
    _require(spec.driver, Transport.TCP_CLIENT)
    return TcpLink(spec, *split_address(address, spec.driver.port))


def listen_link(spec: LinkSpec, address: str) -> MllpLink:
    """A link that listens on `address` ([host]:port). Raises ConfigError as above."""
    _require(spec.driver, Transport.MLLP_SERVER)
    return MllpLink(spec, *split_address(address, spec.driver.port))


def split_address(address: str, default_port: int | None = None) -> tuple[str, int]:
    """`host:port`, `[ipv6]:port`, `:port` or, with a default port, `host`.

    An empty host is the loopback address: listening wider must be said. Raises ConfigError.
    """
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        host, port = address, "" if default_port is None else str(default_port)
    if not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"address {address!r}: expected host:port with a port up to 65535")
    return host.strip("[]") or "127.0.0.1", int(port)


def _require(driver: Driver, transport: Transport) -> None:
    if transport not in driver.transports:
        known = ", ".join(driver.transports)
        raise ConfigError(f"driver {driver.name} does not speak over {transport}, only {known}")
