"""What became of each field of a status record, in words for a biomedical engineer.

Places and sizes are those of the Terumo TE-SS830P manual, external communication functions.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from drivers.kit.probe import Explained, made
from drivers.terumo_ss3.commands import Body
from drivers.terumo_ss3.decode import body_of, body_rows
from drivers.terumo_ss3.frames import Framer, Packet, parse
from drivers.terumo_ss3.record import KNOWN
from monitor_daemon.core.vocabulary import Fault

_IGNORED: Final = "ignored: not needed here"
#: First byte, number of bytes, name, and what this driver does with it.
_FIELDS: Final = (
    (0, 1, "sequence", "used: answers our request"),
    (1, 3, "command", "used"),
    (4, 1, "result", "used"),
    (5, 2, "software version", _IGNORED),
    (7, 1, "status", "used: the upper four bits"),
    (8, 2, "reserved", _IGNORED),
    (10, 3, "alarms", "used"),
    (13, 1, "power", _IGNORED),
    (14, 1, "monitor", _IGNORED),
    (15, 1, "syringe", _IGNORED),
    (16, 3, "set flow rate", "used: in 0.01 mL/h"),
    (19, 3, "volume delivered", "used: in 0.01 mL"),
    (22, 3, "VTBI", _IGNORED),
    (25, 3, "dose rate", "used: in 0.01 of its unit"),
    (28, 1, "dose unit", "used"),
    (29, 2, "weight", "used: in 0.1 kg"),
    (31, 3, "dilution", "used: in 0.01; its unit is not documented"),
)


def explain(raw: bytes, options: Mapping[str, Any], /) -> Iterator[Explained]:
    """Every field of the packet `raw`, then the rows that it made; nothing is raised for a bad one.

    `options` are those of the driver.
    """
    packet = parse(raw)
    body = packet if isinstance(packet, Fault) else body_of(packet)
    if isinstance(body, Fault):
        yield Explained("packet", "", f"unreadable: {body.reason}")
        return
    yield Explained("DEVID", body.device, "used: the channel")
    rows = body_rows(body, 0, options["dilution_unit"] or None)
    yield from _fields(body)
    yield from made(rows)


def _fields(body: Body) -> Iterator[Explained]:
    record = body.command or b""
    if body.request or len(record) < KNOWN:
        yield Explained("CMD", record.hex(" "), "no status record")
        return
    for first, size, name, use in _FIELDS:
        yield Explained(f"{first} {name}", record[first : first + size].hex(" "), use)
    if record[KNOWN:]:
        yield Explained(f"{KNOWN} rest", record[KNOWN:].hex(" "), "unmapped: not documented")


def messages(data: bytes, options: Mapping[str, Any], /) -> Iterator[tuple[int, bytes | Fault]]:
    """The packets of a file with their offsets."""
    framer = Framer()
    for item in (*framer.feed(data), *framer.finish()):
        yield (item.offset, item.raw) if isinstance(item, Packet) else (item.offset or 0, item)
