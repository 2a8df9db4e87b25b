"""Data export messages: polls, their results, events, refusals (Programming Guide H.0).

Every message has the same envelope: session id E100, presentation context, kind, length, then an
invoke id that an answer repeats, a command and its content.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from drivers.philips_intellivue.wire import (
    NO_TIME,
    TICKS_PER_SECOND,
    Cursor,
    ShortError,
    attribute_list,
    attributes,
    block,
)

INVOKE: Final = 1
RESULT: Final = 2
ERROR: Final = 3
LINKED: Final = 5

CONFIRMED_EVENT: Final = 1
ACTION: Final = 7

MDS_CREATE: Final = 0x0D06
SINGLE_POLL: Final = 0x0C16
EXTENDED_POLL: Final = 0xF13B
_DURATION: Final = 0xF13E

NUMERICS: Final = 0x0006
ALERTS: Final = 0x0036
MDS: Final = 0x0021

#: The monitor as a managed object: class, context, handle.
_MDS_OBJECT: Final = struct.pack(">HHH", MDS, 0, 0)
_PREFIX: Final = bytes.fromhex("e1000002")

FIRST, MIDDLE, LAST = 1, 2, 3

#: What a monitor says when it refuses.
ERRORS: Final = {
    0: "no such object class",
    1: "no such object",
    2: "access denied",
    7: "error in a get list",
    8: "error in a set list",
    9: "no such action",
    10: "processing failure: an earlier poll of the same kind is still running",
    15: "invalid argument",
    16: "invalid scope",
    17: "invalid object",
}


@dataclass(frozen=True, slots=True)
class Query:
    """What may be asked. `seconds`: how long an extended poll keeps sending; None is once."""

    name: str
    code: int
    group: int = 0
    seconds: int | None = None


NUMERICS_QUERY: Final = Query("numerics", NUMERICS, seconds=600)
ALERTS_QUERY: Final = Query("alerts", ALERTS, seconds=600)
#: Time and operating mode.
SYSTEM_QUERY: Final = Query("time and mode", MDS, 0x080A)
#: All that is ever asked. Each only reads.
QUERIES: Final = (
    NUMERICS_QUERY,
    ALERTS_QUERY,
    SYSTEM_QUERY,
    Query("numerics once", NUMERICS),
    Query("keep-alive", ALERTS, 0x0811),
)


@dataclass(frozen=True, slots=True)
class Event:
    """An event report. `ticks` is the relative time; a confirmed one must be answered."""

    invoke: int
    confirmed: bool
    ticks: int
    kind: int
    attributes: dict[int, bytes]


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of a result; the handle is unique only within its context."""

    context: int
    handle: int
    attributes: dict[int, bytes]


@dataclass(frozen=True, slots=True)
class PollResult:
    """A poll result or a part of one: `linked` is (state, counter), None for the closing result.

    `broken` says why the objects that follow could not be read.
    """

    invoke: int
    linked: tuple[int, int] | None
    ticks: int
    code: int
    entries: Sequence[Entry]
    broken: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The monitor refuses a request."""

    invoke: int
    error: int


@dataclass(frozen=True, slots=True)
class Other:
    """A message that tells nothing here: a client's request or answer, another event."""


Export = Event | PollResult | Refusal | Other


def parse(payload: bytes) -> Export | str:
    """What a data export message says; a reason in words if it cannot be read."""
    cursor = Cursor(payload)
    try:
        if cursor.take(2) != _PREFIX[:2]:
            return f"session id {payload[:2].hex()}, not e100"
        cursor.u16()
        kind = cursor.u16()
        inside = Cursor(cursor.take(cursor.u16()))
        linked = (inside.u8(), inside.u8()) if kind == LINKED else None
        invoke, command = inside.u16(), inside.u16()
        if kind == ERROR:
            return Refusal(invoke, command)
        content = Cursor(inside.take(inside.u16()))
        if kind == INVOKE and command in {0, CONFIRMED_EVENT}:
            return _event(content, invoke, confirmed=command == CONFIRMED_EVENT)
        if kind in {RESULT, LINKED} and command == ACTION:
            return _poll_result(content, invoke, linked)
    except ShortError as error:
        return str(error)
    return Other()


def _event(content: Cursor, invoke: int, *, confirmed: bool) -> Export:
    content.take(6)
    ticks, kind = content.u32(), content.u16()
    inside = Cursor(content.take(content.u16()))
    if kind != MDS_CREATE:
        return Other()
    inside.take(6)
    return Event(invoke, confirmed, ticks, kind, attributes(inside))


def _poll_result(content: Cursor, invoke: int, linked: tuple[int, int] | None) -> Export:
    content.take(6)
    action = content.u16()
    inside = Cursor(content.take(content.u16()))
    if action not in {SINGLE_POLL, EXTENDED_POLL}:
        return Other()
    inside.take(4 if action == EXTENDED_POLL else 2)
    ticks = inside.u32()
    inside.take(8 + 2)
    code = inside.u16()
    inside.u16()
    entries: list[Entry] = []
    broken = None
    try:
        _read_entries(inside, entries)
    except ShortError as error:
        broken = str(error)
    return PollResult(invoke, linked, ticks, code, entries, broken)


def _read_entries(cursor: Cursor, entries: list[Entry]) -> None:
    """Files what can be read, then raises `ShortError` if there is a rest that cannot."""
    contexts = cursor.u16()
    cursor.u16()
    for _ in range(contexts):
        context, objects = cursor.u16(), cursor.u16()
        cursor.u16()
        for _ in range(objects):
            handle = cursor.u16()
            entries.append(Entry(context, handle, attributes(cursor)))


def _envelope(kind: int, content: bytes) -> bytes:
    return _PREFIX + struct.pack(">HH", kind, len(content)) + content


def _command(invoke: int, command: int, content: bytes) -> bytes:
    return struct.pack(">HHH", invoke, command, len(content)) + content


def poll(query: Query, invoke: int, number: int) -> bytes:
    """A poll request. `number` comes back in its results."""
    body = struct.pack(">HHHH", number, 1, query.code, query.group)
    action = SINGLE_POLL
    if query.seconds is not None:
        action = EXTENDED_POLL
        duration = struct.pack(">I", query.seconds * TICKS_PER_SECOND)
        body += attribute_list([(_DURATION, duration)])
    content = _MDS_OBJECT + struct.pack(">IHH", 0, action, len(body)) + body
    return _envelope(INVOKE, _command(invoke, ACTION, content))


def mds_create_result(invoke: int, ticks: int) -> bytes:
    """The answer to an MDS create event, without which no poll is served."""
    content = _MDS_OBJECT + struct.pack(">IHH", ticks, MDS_CREATE, 0)
    return _envelope(RESULT, _command(invoke, CONFIRMED_EVENT, content))


def mds_create(invoke: int, ticks: int, found: Iterable[tuple[int, bytes]]) -> bytes:
    """The event with which a monitor presents itself."""
    body = _MDS_OBJECT + attribute_list(found)
    content = _MDS_OBJECT + struct.pack(">IHH", ticks, MDS_CREATE, len(body)) + body
    return _envelope(INVOKE, _command(invoke, CONFIRMED_EVENT, content))


def refusal(invoke: int, error: int) -> bytes:
    """A refused request."""
    return _envelope(ERROR, struct.pack(">HHH", invoke, error, 0))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the results of one poll have in common. `sequence` is None for a single poll."""

    invoke: int
    number: int
    sequence: int | None
    ticks: int
    code: int
    group: int


def poll_result(
    answer: Answer, entries: Sequence[Entry], linked: tuple[int, int] | None = None
) -> bytes:
    """A poll result, or a part of one if `linked` gives its state and counter."""
    contexts = {entry.context: b"" for entry in entries}
    counts = dict.fromkeys(contexts, 0)
    for entry in entries:
        handle = entry.handle.to_bytes(2, "big")
        contexts[entry.context] += handle + attribute_list(entry.attributes.items())
        counts[entry.context] += 1
    listed = b"".join(
        struct.pack(">HHH", context, counts[context], len(objects)) + objects
        for context, objects in contexts.items()
    )
    sequence = b"" if answer.sequence is None else struct.pack(">H", answer.sequence)
    body = (
        struct.pack(">H", answer.number)
        + sequence
        + struct.pack(">I", answer.ticks)
        + NO_TIME
        + struct.pack(">HHH", 1, answer.code, answer.group)
        + block(len(contexts), listed)
    )
    action = SINGLE_POLL if answer.sequence is None else EXTENDED_POLL
    content = _MDS_OBJECT + struct.pack(">HH", action, len(body)) + body
    command = _command(answer.invoke, ACTION, content)
    if linked is None:
        return _envelope(RESULT, command)
    return _envelope(LINKED, bytes(linked) + command)


def queried(payload: bytes) -> tuple[Query, int, int] | None:
    """Which of `QUERIES` a request is, its invoke id and poll number; None for anything else."""
    invoke, number = (int.from_bytes(payload[at : at + 2], "big") for at in (8, 28))
    for query in QUERIES:
        if payload == poll(query, invoke, number):
            return query, invoke, number
    return None


def is_mds_create_result(payload: bytes) -> bool:
    """Whether this is the answer to an MDS create event and nothing else."""
    return payload == mds_create_result(
        int.from_bytes(payload[8:10], "big"), int.from_bytes(payload[20:24], "big")
    )
