"""Session messages: how an association begins and ends (Programming Guide H.0, association).

The long headers are constants of the ISO session, presentation and association layers; only the
user data behind them differ. The first byte tells the message.
"""

import struct
from dataclasses import dataclass
from enum import Enum
from typing import Final

from drivers.philips_intellivue.wire import (
    TICKS_PER_SECOND,
    Cursor,
    ShortError,
    attribute_list,
    attributes,
)

#: Extended options: numerics of one second, waves, enumerations, as real monitors have accepted
#: them. Averages are never asked for: they would smooth the pressure.
OPTIONS: Final = 0x8C000000
ONE_SECOND: Final = 0x80000000
AVERAGES: Final = 0x70000000

MIN_POLL: Final = TICKS_PER_SECOND
MTU: Final = 1000

_SESSION: Final = bytes.fromhex("0508130100160102800014020002")
_REQUEST_HEADER: Final = bytes.fromhex(
    "3180a0808001010000a280a003000001a4803080020101060452010001308006025101000000003080020102"
    "060c2a8648ce14020100000001013080060c2a8648ce140201000000020100000000000061803080020101a0"
    "806080a180060c2a8648ce14020100000003010000be802880060c2a8648ce140201000000010102010281"
)
_ACCEPT_HEADER: Final = bytes.fromhex(
    "3180a0808001010000a280a003000001a58030808001008102510100003080800100810c2a8648ce14020100"
    "000002010000000061803080020101a0806180a180060c2a8648ce14020100000003010000a203020100a305"
    "a103020100be80288002010281"
)
_USER_DATA_FOLLOWS: Final = (
    bytes.fromhex("be80288002010281"),
    bytes.fromhex("be80288081"),
    _REQUEST_HEADER[-8:],
)
_END: Final = bytes(16)

_CLIENT: Final = 0x80000000, 0x20000000
_SERVER: Final = 0x00800000, 0x80000000
_POLL_PROFILE: Final = 0x0001
_EXTENDED_PROFILE: Final = 0xF001

REFUSE: Final = bytes.fromhex("0c03320100")
RELEASE_REQUEST: Final = bytes.fromhex("0918c11661803080020101a08062808001000000000000000000")
RELEASE_RESPONSE: Final = bytes.fromhex("0a18c11661803080020101a08063808001000000000000000000")
ABORT: Final = bytes.fromhex(
    "192e110103c129a080a0803080020101060251010000000061803080020101a0806480800101"
) + bytes(10)


class Kind(Enum):
    """The session messages by their first byte."""

    REQUEST = 0x0D
    ACCEPT = 0x0E
    REFUSE = 0x0C
    RELEASE_REQUEST = 0x09
    RELEASE_RESPONSE = 0x0A
    ABORT = 0x19


@dataclass(frozen=True, slots=True)
class Profile:
    """What was asked for or granted. `min_poll` in ticks of 125 us, `mtu` in bytes."""

    min_poll: int
    mtu: int
    options: int


def request(profile: Profile) -> bytes:
    """An association request."""
    return _message(Kind.REQUEST, _REQUEST_HEADER, _CLIENT, profile)


def accept(profile: Profile) -> bytes:
    """The answer of a monitor that accepts."""
    return _message(Kind.ACCEPT, _ACCEPT_HEADER, _SERVER, profile)


def granted(message: bytes) -> Profile | None:
    """The profile in a request or an answer; None if there is none that can be read."""
    for mark in _USER_DATA_FOLLOWS:
        _, found, rest = message.partition(mark)
        if found:
            break
    else:
        return None
    try:
        return _profile(_user_data(Cursor(rest)))
    except ShortError:
        return None


def _user_data(cursor: Cursor) -> Cursor:
    """The user data behind their length: one byte up to 127, else 80h + n and n bytes."""
    length = cursor.u8()
    if length & 0x80:
        length = int.from_bytes(cursor.take(length & 0x7F), "big")
    return Cursor(cursor.take(length))


def _profile(user: Cursor) -> Profile | None:
    # Protocol and nomenclature version, functional units, system type, startup mode.
    user.take(20)
    attributes(user)
    poll = attributes(user).get(_POLL_PROFILE)
    if poll is None:
        return None
    cursor = Cursor(poll)
    cursor.u32()
    min_poll, receive, transmit = cursor.u32(), cursor.u32(), cursor.u32()
    cursor.take(8)
    extended = attributes(cursor).get(_EXTENDED_PROFILE, bytes(4))
    return Profile(min_poll, min(receive, transmit), Cursor(extended).u32())


def _message(kind: Kind, header: bytes, role: tuple[int, int], profile: Profile) -> bytes:
    system, startup = role
    extended = attribute_list([(_EXTENDED_PROFILE, struct.pack(">II", profile.options, 0))])
    mtu = profile.mtu
    poll = struct.pack(">6I", 0x80000000, profile.min_poll, mtu, mtu, 0xFFFFFFFF, 0x60000000)
    user = (
        struct.pack(">5I", 0x80000000, 0x40000000, 0, system, startup)
        + attribute_list([])
        + attribute_list([(_POLL_PROFILE, poll + extended)])
    )
    body = header + bytes((len(user),)) + user + _END
    content = _SESSION + b"\xc1" + _li(len(body)) + body
    return bytes((kind.value,)) + _li(len(content)) + content


def _li(length: int) -> bytes:
    return bytes((length,)) if length <= 254 else b"\xff" + length.to_bytes(2, "big")


#: The one association request that is ever sent.
REQUEST: Final = request(Profile(MIN_POLL, MTU, OPTIONS))
