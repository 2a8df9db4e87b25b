"""A serial port: opened exclusively, found by path or by the adapter's USB serial number.

The only file that imports serialx. It opens ptys with parity, locks the port (`flock`) and reports
a pulled adapter at once; pyserial only lists the ports.
"""

import asyncio
import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import serialx
from serial.tools import list_ports

from drivers.kit.conversation import Conversation
from drivers.kit.link import Link, LinkSpec
from drivers.kit.link_state import Backoff
from monitor_daemon.core.errors import ConfigError, LinkError

BY_ID = Path("/dev/serial/by-id")


class SerialLink(Link):
    """A link over a serial port.

    `port` is a path (`/dev/...`), a name under /dev/serial/by-id, or a USB serial number. `serial`
    overrides the driver's line settings: baudrate, byte_size, parity (N, E, O), stopbits, xonxoff,
    rtscts.
    """

    def __init__(self, spec: LinkSpec, port: str, serial: Mapping[str, Any] | None = None) -> None:
        # Opening a local file costs nothing, so a replugged adapter is found within two seconds.
        super().__init__(spec, port, Backoff(cap=1.5))
        self._port = port
        self.line = {"baudrate": 9600, **spec.driver.serial, **(serial or {})}
        framing = "".join(
            str(self.line.get(key, "?")) for key in ("byte_size", "parity", "stopbits")
        )
        self.doubt = (
            f"wrong line settings ({self.line['baudrate']} baud {framing}), wrong driver or a "
            "damaged cable"
        )

    async def _hold(self) -> str:
        path = await asyncio.to_thread(find_port, self._port)
        conversation = Conversation(self, self._begin)
        try:
            await self._open(path, conversation)
            return await asyncio.shield(conversation.ended)
        except OSError as error:
            if error.errno == errno.EBUSY:
                raise LinkError(f"{path} is in use by {holder(path)}", code="PORT_BUSY") from error
            raise
        except (serialx.SerialException, TypeError, ValueError) as error:
            raise ConfigError(f"{path}: line settings {self.line}: {error}") from error
        finally:
            await conversation.stop()

    async def _open(self, path: str, conversation: Conversation) -> None:
        loop, line = asyncio.get_running_loop(), self.line
        try:
            await serialx.create_serial_connection(
                loop, lambda: conversation, path, exclusive=True, **line
            )
        except OSError as error:
            # A pty drops the parity bit, and refuses a second opening that changes nothing else.
            if error.errno != errno.EINVAL or not is_pty(path):
                raise
            await serialx.create_serial_connection(
                loop, lambda: conversation, path, exclusive=True, **{**line, "parity": "N"}
            )

    def _begin(self, _conversation: Conversation) -> None:
        self._opened(f"{self.where} is open, nothing heard yet")


def find_port(port: str) -> str:
    """The path of a port given by path, by-id name or USB serial number.

    Raises LinkError if no adapter with that number is plugged in; it names those that are.
    """
    if port.startswith("/"):
        return port
    by_id = BY_ID / port
    if by_id.exists():
        return str(by_id)
    found = {info.serial_number: info.device for info in list_ports.comports()}
    if port in found:
        return str(found[port])
    known = ", ".join(sorted(number for number in found if number)) or "none"
    raise LinkError(f"no port with USB serial number {port}; plugged in: {known}", code="NO_PORT")


def is_pty(path: str) -> bool:
    """Whether `path` leads to a pseudo-terminal."""
    return os.path.realpath(path).startswith("/dev/pts/")


def holder(path: str) -> str:
    """Who locked the port, in words: from the kernel's table of locks, which everybody may read."""
    unknown = "another program"
    try:
        wanted = Path(path).stat().st_ino
        locks = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return unknown
    for line in locks.splitlines():
        fields = line.split()
        if (
            len(fields) < 6
            or not fields[4].isdigit()
            or fields[5].rpartition(":")[2] != str(wanted)
        ):
            continue
        pid = int(fields[4])
        try:
            same = Path(path).stat().st_dev == _device(fields[5])
            name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
        except OSError:
            continue
        if same:
            return f"process {pid} ({name})"
    return unknown


def _device(field: str) -> int:
    major, minor, _inode = field.split(":")
    return os.makedev(int(major, 16), int(minor, 16))
