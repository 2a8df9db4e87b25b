"""What became of each segment of a message, and why, in words for a biomedical engineer.

The decoder itself is run, segment by segment, so that this cannot say otherwise. Of PID and MRG,
which name a patient, nothing is quoted.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from drivers.hl7 import frames
from drivers.hl7.alarms import Alarms, facet_of
from drivers.hl7.decode import ANSWERS, READ, Reader, is_simulated, message_type
from drivers.hl7.explain_groups import groups, person, place
from drivers.hl7.frames import FileSplitter
from drivers.hl7.identity import whole
from drivers.kit.probe import Explained, made
from monitor_daemon.core.vocabulary import Alarm, Fault
from monitor_daemon.hl7.er7 import Er7Message, Unreadable, read
from monitor_daemon.hl7.mllp import VT, Frame, FrameFault, Framer

#: Facets that an alarm row holds or, of a technical one, that name its arterial line.
_TAKEN: Final = frozenset({"text", "priority", "phase", "state", "source", "type"})


def explain(raw: bytes, options: Mapping[str, Any], /) -> Iterator[Explained]:
    """Every segment of `raw`, a message without MLLP bytes, and the rows that several made.

    `options` are those of the driver. A bad message is explained too; nothing is raised for it.
    """
    message = read(raw, options["charset"])
    if isinstance(message, Unreadable):
        yield Explained("message", "", f"unreadable: {message.reason}")
    else:
        yield from _message(message, Reader(options))


def messages(data: bytes, options: Mapping[str, Any], /) -> Iterator[tuple[int, bytes | Fault]]:
    """The messages of a file with their offsets: bare ones up to the first VT, then MLLP frames.

    Batches are taken apart. They are those that the decoder finds.
    """
    bare, mark, rest = data.partition(VT)
    splitter, framer = FileSplitter(options["max_bytes"]), Framer(options["max_bytes"])
    for item in (*splitter.feed(bare), *splitter.finish()):
        yield item.offset, _content(item)
    for frame in (*framer.feed(mark + rest), *framer.finish()):
        for item in (frame,) if isinstance(frame, FrameFault) else frames.messages(frame):
            yield len(bare) + item.offset, _content(item)


def _content(item: Frame | FrameFault) -> bytes | Fault:
    return item.payload if isinstance(item, Frame) else Fault(item.code, reason=item.reason)


def _message(message: Er7Message, reader: Reader) -> Iterator[Explained]:
    kind, trigger = message_type(message)
    rows = reader.rows(message)
    why = _why_ignored(kind, trigger, is_empty=not rows)
    yield Explained("MSH", f"{kind}^{trigger}, version {message.msh(12)}", why or _header(message))
    if message.damaged:
        charset = message.msh(18) or "empty"
        yield Explained("MSH-18", charset, "unreadable: bytes that do not fit this character set")
    if why:
        yield from (
            Explained(s[0][:3], "", "ignored: as its message is") for s in message.segments[1:]
        )
    elif kind == "ADT" or trigger == "R40":
        for segment in message.segments[1:]:
            yield person(message, segment) or _event(message, segment, alarm=trigger == "R40")
        yield from made(rows)
    else:
        yield from groups(message, reader, specimen_first=trigger == "R22")


def _why_ignored(kind: str, trigger: str, *, is_empty: bool) -> str:
    """Why a message as a whole says nothing to us; empty if it is read."""
    if kind in ANSWERS:
        return "ignored: an answer"
    if kind not in READ:
        return f"ignored: only {', '.join(sorted(READ))} are read; refused over a connection"
    if is_empty and trigger == "R40":
        return "ignored: no alarm in it; a sign of life"
    if is_empty and kind == "ADT":
        return f"ignored: {trigger or 'this'} moves nobody"
    return ""


def _header(message: Er7Message) -> str:
    last = message.segments[-1]
    if last[0] == "DSC" and whole(last, 1):
        return "used here, refused over a connection: DSC-1 says that it goes on in another message"
    if is_simulated(message):
        return (
            f"used: MSH-11 = {message.msh(11)}: a test; nothing in it is about a patient, and over"
            " a connection its alarms and admissions are not taken"
        )
    return "used"


def _event(message: Er7Message, segment: list[str], *, alarm: bool) -> Explained:
    """A segment of an ADT, or of an alarm."""
    name = segment[0]
    if name == "EVN" and not alarm:
        time = whole(segment, 6) or whole(segment, 2)
        return Explained(name, time or "", "used: when it happened; MSH-9 says what")
    if name == "MRG" and not alarm:
        return Explained(name, "not shown", "used: who the patient was before")
    if name == "OBR" and alarm:
        return Explained(name, whole(segment, 7) or "", "used: an alarm, and its time")
    if name == "OBX" and alarm:
        code, said = whole(segment, 3) or "", whole(segment, 5)
        parts = [part.strip() for part in code.split(message.encoding.component)] + [""]
        facet = facet_of(parts[0], parts[1])
        if facet:
            use = f"{'used' if facet in _TAKEN else 'ignored'}: {facet} of the alarm"
        elif _is_event(message, segment):
            use = "used: the event"
        else:
            use = "ignored: a device or value beside the alarm"
        return Explained(place(segment), f"{code} = {said or ''}", use)
    return Explained(name, "", "ignored: not needed here")


def _is_event(message: Er7Message, obx: list[str]) -> bool:
    """Whether an OBX, which is no facet, makes an alarm by itself."""
    alone = Alarms(message)
    alone.observation(obx)
    alone.finish(None, None)
    return any(isinstance(row, Alarm) for row in alone.rows)
