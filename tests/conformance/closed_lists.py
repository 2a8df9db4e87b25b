"""What may ever be sent to a device, driver by driver, written apart from the drivers.

Frames and checksums are made here by rules of their own, from the manufacturers' documents and the
public readers that the drivers' manuals name. Where a list is not finite (a bed or device id, an
invoke id, an acknowledged message) `frames` are examples and `may` tells the others.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True)
class ClosedList:
    """All that may be sent."""

    frames: frozenset[bytes]
    may: Callable[[bytes], bool] = lambda data: False

    def __contains__(self, data):
        return data in self.frames or self.may(data)


def crc16(data, start):
    """CRC-16, polynomial 1021 (hex), bit by bit."""
    register = start
    for byte in data:
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1) ^ (0x1021 if register & 0x8000 else 0)
        register &= 0xFFFF
    return register


def x25(data):
    """CRC-16/X-25, bit by bit."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0x8408 if register & 1 else 0)
    return register ^ 0xFFFF


def alaris():
    questions = [b"INST_SERIALNO", b"COMMS_PROTOCOL", b"COMMS_RESPONSE_MAX", b"INF"]
    return ClosedList(frozenset(b"!%b|%04X\r" % (q, crc16(q, 0xFFFF)) for q in questions))


def bbraun():
    """For three bed ids; with and without stuffing. Two replies of one byte."""
    slots = [b"MEM:GETSLOT#%d%c" % (p, s) for p in (1, 2, 3) for s in b"123456789ABCDEFGHIJKLMNO"]
    requests = [b"ADMIN:ALIVE", b"ADMIN:VERSION", b"MEM:GET", *slots]
    frames = {b"\x06", b"\x15"}
    for bed, request in product([b"1", b"ICU_1", b"d/E"], requests):
        body = b"\x02%b/1/1>%b\x03" % (bed, request)
        summed = b"\x01%05d%b" % (len(body) + 12, body)
        plain = b"%b%05d\x04" % (summed, sum(summed) % 256)
        stuffed = re.sub(rb"([Ee])", rb"\1\1", plain).replace(b"D", b"EX").replace(b"d", b"ex")
        frames |= {plain, stuffed}
    return ClosedList(frozenset(frames))


def ge():
    """Displayed values, all classes, every 5 to 60 s: header, one request, 9 bytes of body."""
    frames = set()
    for seconds in range(5, 61):
        record = bytearray(49)
        record[0] = 49
        record[21] = 0xFF
        record[40:44] = 1, seconds, 0, 0x0E
        frame = bytes([*record, sum(record) % 256])
        frame = frame.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e")
        frames.add(b"\x7e" + frame + b"\x7e")
    return ClosedList(frozenset(frames))


def orchestra():
    def framed(text):
        return b"\x02%b%02X\x03" % (text, 0xFF - sum(text) % 256)

    modules = [b"", *(b"%d" % n for n in range(1, 9))]
    everybody = [*modules, b"0"]
    texts = {a + word for a, word in product(everybody, [b"DC", b"FC"])} | {b"0LE;b"}
    texts |= {a + word for a, word in product(modules, [b"LE;dr", b"LE;draem"])}
    frames = {b"\x06", b"\x14", b"\x152", *map(framed, texts)}
    frames |= {b"\x06" + framed(a + word) for a, word in product(everybody, [b"E", b"M"])}
    return ClosedList(frozenset(frames))


def terumo():
    """Of all 2 to the 96 device ids two; the sequence number counts from 0 to 7E."""
    texts = [b'<?xml version="1.0"?><REQ><DEVID></DEVID></REQ>']
    for device, sequence in product([b"000100700000001201000001", b"F" * 24], range(0x7F)):
        command = b64encode(bytes([sequence, 1, 0, 0]))
        texts.append(
            b'<?xml version="1.0"?><REQ><DEVID>%b</DEVID><CMD>%b</CMD></REQ>' % (device, command)
        )
    return ClosedList(frozenset(b"\x02%b%04X\x03" % (text, crc16(text, 0)) for text in texts))


#: The association request of the Programming Guide H.0 (no averages, alerts), the release request.
PHILIPS_FIXED = (
    """
    0DEC0508130100160102800014020002C1DC3180A0808001010000A280A003000001A4803080020101060452
    010001308006025101000000003080020102060C2A8648CE14020100000001013080060C2A8648CE14020100
    0000020100000000000061803080020101A0806080A180060C2A8648CE14020100000003010000BE80288006
    0C2A8648CE140201000000010102010281488000000040000000000000008000000020000000000000000001
    002C000100288000000000001F40000003E8000003E8FFFFFFFF600000000001000CF00100088C0000000000
    000000000000000000000000000000000000
    """,
    "0918C11661803080020101A08062808001000000000000000000",
)
#: The result of the MDS create event; the polls: numerics once, the monitor, its time, numerics
#: and alerts for ten minutes. Small letters stand for numbers of any value.
PHILIPS_NUMBERED = """
E100000200020014 iiii 0001000E002100000000 tttttttt 0D060000
E10000020001001C iiii 0007001600210000000000000000 0C160008 nnnn 000100060000
E10000020001001C iiii 0007001600210000000000000000 0C160008 nnnn 00010021080A
E10000020001001C iiii 0007001600210000000000000000 0C160008 nnnn 000100360811
E100000200010028 iiii 0007002200210000000000000000 F13B0014nnnn00010006000000010008F13E000400493E00
E100000200010028 iiii 0007002200210000000000000000 F13B0014nnnn00010036000000010008F13E000400493E00
""".replace(" ", "").split()


def philips():
    """Alone, as over UDP, or in a serial frame."""
    fixed = [bytes.fromhex(text) for text in PHILIPS_FIXED]
    # Numbers that a serial frame must escape too.
    numbered = [
        bytes.fromhex(re.sub("[a-z]{2}", number, text))
        for text in PHILIPS_NUMBERED
        for number in ("00", "7D", "C1")
    ]
    pattern = re.compile(re.sub("[a-z]", "[0-9A-F]", "|".join(PHILIPS_NUMBERED)))

    def may(data):
        body = data
        if data[:1] == b"\xc0":
            mirror = re.compile(rb"\x7d(.)", re.DOTALL)
            plain = mirror.sub(lambda found: bytes((found[1][0] ^ 0x20,)), data[1:-1])
            body = plain[4:-2]
            if serial_frame(body) != data:
                return False
        return body in fixed or bool(pattern.fullmatch(body.hex().upper()))

    payloads = [*fixed, *numbered]
    return ClosedList(frozenset([*payloads, *map(serial_frame, payloads)]), may)


def serial_frame(payload):
    body = b"\x11\x01%b%b" % (len(payload).to_bytes(2, "big"), payload)
    body += x25(body).to_bytes(2, "little")
    escaped = re.sub(rb"[\xc0\xc1\x7d]", lambda found: bytes((0x7D, found[0][0] ^ 0x20)), body)
    return b"\xc0" + escaped + b"\xc1"


def hl7():
    """MSH of type ACK, MSA, and ERR where something was refused."""
    field = rb"(?:(?!\1)[^\r\x0b\x1c])*"
    line = rb"[^\r\x0b\x1c]*"
    pattern = re.compile(
        rb"\x0bMSH([^\r\x0b\x1c])(?=[^\r])" + rb"\1".join([field] * 7)
        + rb"\1ACK" + field + rb"\1" + line
        + rb"\rMSA\1(?:AA|AE|AR|CA|CE|CR)\1" + field + rb"\r(?:ERR" + line + rb"\r)*\x1c\r"
    )  # fmt: skip
    examples = (
        rb"\x0bMSH|^~\&|A|B|C|D|20260101000000||ACK^R01^ACK|1|P|2.6@MSA|CA|42@\x1c@",
        rb"\x0bMSH|^~\&|A|B|C|D|20260101000000||ACK|1|P|2.3@MSA|AE|42@ERR||MSH^1^9|200@\x1c@",
    )
    frames = [
        text.replace(b"@", b"\r").replace(rb"\x0b", b"\x0b").replace(rb"\x1c", b"\x1c")
        for text in examples
    ]
    return ClosedList(frozenset(frames), lambda data: bool(pattern.fullmatch(data)))


def silent():
    """Nothing at all."""
    return ClosedList(frozenset())


#: A driver that has no list here fails the tests: it has to be written.
LISTS = {
    "alaris_gh": alaris,
    "bbraun_space": bbraun,
    "edwards_ifmout": silent,
    "fresenius_orchestra": orchestra,
    "ge_dri": ge,
    "hl7": hl7,
    "philips_intellivue": philips,
    "terumo_ss3": terumo,
}
