"""DRI records: header, subrecords, and the one request.

Facts: GE 8005313, Datex-Ohmeda Record Specification, record header and physiological data.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from struct import Struct
from typing import Final

from drivers.ge_dri.frames import HEADER_SIZE, encode

PHYSIOLOGICAL: Final = 0
#: Kinds of subrecord of a physiological record.
REQUEST, DISPLAYED = 0, 1
_END: Final = 0xFF
_MAX_SUBRECORDS: Final = 8

#: Length, number, level, monitor, time, subnet, reserved (two), main type.
_HEADER: Final = Struct("<HBBHIBBHh")
_DESCRIPTOR: Final = Struct("<hB")
#: What is asked for, interval in seconds, classes, reserved.
REQUEST_BODY: Final = Struct("<BhIH")
#: Class bits: the basic class is sent unless denied (1), ext1 2, ext2 4, ext3 8.
ALL_CLASSES: Final = 0x0E

#: A monitor ignores displayed values asked for more often (s); the upper end is ours.
FASTEST, SLOWEST = 5, 60


@dataclass(frozen=True, slots=True)
class Record:
    """A record's header and subrecords, as (kind, bytes from its beginning to the record's end).

    `level` is the DRI level (8 is '03, 11 is '15), `time` seconds since 1970 by its clock.
    Only physiological records (main type 0) are taken apart.
    """

    level: int
    time: int
    main_type: int
    subrecords: tuple[tuple[int, bytes], ...]
    number: int = 0


def read_record(data: bytes) -> Record | str:
    """The record of a frame, or in words what is wrong with its list of subrecords."""
    _, number, level, _, time, _, _, _, main_type = _HEADER.unpack_from(data)
    subrecords: list[tuple[int, bytes]] = []
    for place in range(_MAX_SUBRECORDS if main_type == PHYSIOLOGICAL else 0):
        at, kind = _DESCRIPTOR.unpack_from(data, _HEADER.size + place * _DESCRIPTOR.size)
        if kind == _END:
            break
        if not 0 <= at < len(data) - HEADER_SIZE:
            return f"subrecord at {at} of {len(data) - HEADER_SIZE} data bytes"
        subrecords.append((kind, data[HEADER_SIZE + at :]))
    return Record(level, time, main_type, tuple(subrecords), number)


def write_record(record: Record) -> bytes:
    """The frame of a physiological record with at most seven subrecords, one after the other.

    What stands after the end of their list is not zero: real monitors leave garbage there.
    """
    offset = 0
    descriptors = b""
    for kind, data in record.subrecords:
        descriptors += _DESCRIPTOR.pack(offset, kind)
        offset += len(data)
    descriptors += _DESCRIPTOR.pack(0, _END)
    return _framed(record, descriptors.ljust(HEADER_SIZE - _HEADER.size, b"\xa5"))


def _framed(record: Record, descriptors: bytes) -> bytes:
    data = b"".join(data for _, data in record.subrecords)
    length = HEADER_SIZE + len(data)
    number, level, time = record.number % 256, record.level, record.time
    header = _HEADER.pack(length, number, level, 0, time, 0, 0, 0, record.main_type)
    return encode(header + descriptors + data)


def request(interval: int) -> bytes:
    """The frame that asks for the displayed values of all classes every `interval` seconds."""
    body = REQUEST_BODY.pack(DISPLAYED, interval, ALL_CLASSES, 0)
    wanted = Record(0, 0, PHYSIOLOGICAL, ((REQUEST, body),))
    descriptors = _DESCRIPTOR.pack(0, REQUEST) + _DESCRIPTOR.pack(0, _END)
    return _framed(wanted, descriptors.ljust(HEADER_SIZE - _HEADER.size, b"\x00"))


#: Everything that may ever be sent to a monitor.
REQUESTS: Final = {interval: request(interval) for interval in range(FASTEST, SLOWEST + 1)}


def local_time(seconds: int) -> str | None:
    """Seconds since 1970 by the monitor's clock as ISO 8601 without offset; None for 0.

    The record specification does not say whether the clock is local or UTC: it is taken as the wall
    clock of the ward.
    """
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()


def displayed(record: Record) -> Iterable[bytes]:
    """The subrecords of a record that hold displayed values."""
    return (data for kind, data in record.subrecords if kind == DISPLAYED)
