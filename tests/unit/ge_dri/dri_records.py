"""Records composed byte by byte from the record specification, without the driver's own writer."""

from struct import pack

#: Basic subrecord as worked out by hand: HR 96, P1 ART zeroed 118/42/65, P2 CVP mean 9, P3 and P4
#: not there.
BEGINNING = bytes.fromhex(
    "60 70 20 69 03 00 00 00 00 00 60 00 01 80 01 80 01 80 01 80"
    "0B 00 00 00 01 00 18 2E 68 10 64 19 60 00"
    "0B 00 00 00 02 00 01 80 01 80 84 03 01 80" + 2 * "00 00 00 00 00 00 01 80 01 80 01 80 01 80"
)


def basic(*patches):
    """The worked subrecord with (offset, bytes) laid over it."""
    return patched(BEGINNING + bytes(276 - len(BEGINNING)) + b"\x81\x00", patches)


def empty(kind, *patches):
    """A subrecord of a class in which no module is there."""
    return patched(BEGINNING[:4] + bytes(272) + pack("<H", 0x81 | kind << 8), patches)


def patched(data, patches):
    data = bytearray(data)
    for offset, new in patches:
        data[offset : offset + len(new)] = new
    assert len(data) == 278
    return bytes(data)


def pressure(label, sys, dia, mean, hr=-32767, status=0x0B):
    """A pressure group; pressures in 1/100 mmHg."""
    return pack("<IHhhhh", status, label, sys, dia, mean, hr)


def record(*subrecords, level=8, kind=1, main_type=0, end=True):
    """A frame of subrecords; after the end of their list stands garbage."""
    data = b"".join(subrecords)
    descriptors = b"".join(pack("<hB", 278 * i, kind) for i in range(len(subrecords)))
    descriptors += b"\x00\x00\xff" * end
    header = pack("<HBBHIBBHh", 40 + len(data), 5, level, 0, 0x69207061, 0, 0, 0, main_type)
    return framed(header + descriptors.ljust(24, b"\x05") + data)


def framed(plain):
    plain += bytes([sum(plain) % 256])
    return b"\x7e" + plain.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e") + b"\x7e"
