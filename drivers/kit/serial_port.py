"""Which serial port is meant, and who holds it: questions to the operating system."""

import os
from pathlib import Path
from typing import Final

from serial.tools import list_ports

from monitor_daemon.core.errors import LinkError

BY_ID: Final = Path("/dev/serial/by-id")


def find_port(port: str) -> str:
    """The path of a port given by path (with a slash), by-id name or USB serial number.

    Raises LinkError if no adapter with that number is plugged in, naming those that are, and if
    several ports have it, as those of one adapter with four sockets do.
    """
    if "/" in port:
        return port
    by_id = BY_ID / port
    if by_id.exists():
        return str(by_id)
    plugged = [info for info in list_ports.comports() if info.serial_number]
    found = [str(info.device) for info in plugged if info.serial_number == port]
    if len(found) > 1:
        raise LinkError(
            f"{', '.join(sorted(found))} all have USB serial number {port}: "
            f"name one of them as it is under {BY_ID}",
            code="NO_PORT",
        )
    if found:
        return found[0]
    known = ", ".join(sorted({str(info.serial_number) for info in plugged})) or "none"
    raise LinkError(
        f"no name under {BY_ID} and no port with USB serial number {port}; plugged in: {known} "
        "(a path has a slash)",
        code="NO_PORT",
    )


def is_pty(path: str) -> bool:
    """Whether `path` leads to a pseudo-terminal."""
    return os.path.realpath(path).startswith("/dev/pts/")


def holder(path: str) -> str:
    """Who locked the port, in words: from the kernel's table of locks, which everybody may read."""
    unknown = "another program"
    try:
        port = Path(path).stat()
        locks = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return unknown
    for line in locks.splitlines():
        # 1: FLOCK  ADVISORY  WRITE 4711 00:1b:3 0 EOF (proc_locks(5)); a waiting one has "->".
        fields = line.split()
        if len(fields) < 6 or not fields[4].isdigit() or fields[5] != _place(port):
            continue
        pid = int(fields[4])
        try:
            name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
        except OSError:
            continue
        return f"process {pid} ({name})"
    return unknown


def _place(file: os.stat_result) -> str:
    """Device and inode of a file as the table of locks writes them."""
    return f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
