"""Messages put together from their definition, independent of what the driver writes."""

import struct

from drivers.philips_intellivue.decode import PhilipsDecoder
from drivers.philips_intellivue.frames import encode

START = 0x00A00000
NAN = "007FFFFF"


def attributes(pairs):
    listed = b"".join(struct.pack(">HH", k, len(v)) + v for k, v in pairs.items())
    return struct.pack(">HH", len(pairs), len(listed)) + listed


def value(code, state=0, unit=0x0F20, number="00000041"):
    return struct.pack(">HHH", code, state, unit) + bytes.fromhex(number)


def compound(*values):
    return struct.pack(">HH", len(values), 10 * len(values)) + b"".join(values)


def result(*objects, ticks=START, code=6, invoke=1, linked=None, single=False):
    """A poll result with objects (context, handle, attributes), each context listed by itself."""
    listed = b""
    for context, handle, found in objects:
        body = struct.pack(">H", handle) + attributes(found)
        listed += struct.pack(">HHH", context, 1, len(body)) + body
    body = struct.pack(">H", 1) + (b"" if single else bytes(2)) + struct.pack(">I", ticks)
    body += b"\xff" * 8 + struct.pack(">HHHHH", 1, code, 0, len(objects), len(listed)) + listed
    action = 0x0C16 if single else 0xF13B
    content = struct.pack(">HHHHH", 0x21, 0, 0, action, len(body)) + body
    command = struct.pack(">HHH", invoke, 7, len(content)) + content
    command = command if linked is None else bytes(linked) + command
    kind = 2 if linked is None else 5
    return struct.pack(">HHHH", 0xE100, 2, kind, len(command)) + command


def mds_create(**changed):
    found = {
        0x0946: bytes.fromhex("4000"),
        0x0987: bytes.fromhex("2026112114000000"),
        0x098F: struct.pack(">I", START),
    } | {int(name[1:], 16): data for name, data in changed.items()}
    body = struct.pack(">HHH", 0x21, 0, 0) + attributes(found)
    content = struct.pack(">HHHIHH", 0x21, 0, 0, START, 0x0D06, len(body)) + body
    command = struct.pack(">HHH", 1, 1, len(content)) + content
    return struct.pack(">HHHH", 0xE100, 2, 1, len(command)) + command


def string(words):
    encoded = words.encode("utf-16-be")
    return struct.pack(">H", len(encoded)) + encoded


def rows(*messages, framing="udp", codes=None):
    decoder = PhilipsDecoder(framing, codes)
    found = [row for message in messages for row in decoder.feed(encode(message, framing))]
    return found + decoder.finish()


def one(code, state=0, unit=0x0F20, number="00000041", **more):
    [row] = rows(result((0, 1, {0x0950: value(code, state, unit, number)})), **more)
    return row
