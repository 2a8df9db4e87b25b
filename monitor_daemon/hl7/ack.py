"""Acknowledgements: which one the sender asked for, and its bytes (HL7 v2.9, 2.9 and 2.13).

MSA-2 and the mirrored fields are copied as bytes, so a leading blank or a foreign character set
comes back as it came.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from monitor_daemon.hl7.er7 import Header
from monitor_daemon.hl7.mllp import END, FS, VT


class Outcome(Enum):
    """What became of the message: in safe storage, wrong in itself, or of a kind not taken here."""

    ACCEPTED = "A"
    ERROR = "E"
    REJECTED = "R"


@dataclass(frozen=True, slots=True)
class AckError:
    """An ERR segment: `code` of HL7 table 0357, ERR-2 `location` such as `MSH^1^9`, plain ASCII."""

    code: str
    text: str
    location: str = ""


#: MSA-1 by (enhanced accept level?, outcome).
_CODES: Final = {
    (level, outcome): f"{letter}{outcome.value}".encode()
    for level, letter in ((True, "C"), (False, "A"))
    for outcome in Outcome
}
_MSA_1: Final = frozenset(_CODES.values())


def acknowledgement_code(header: Header, outcome: Outcome) -> bytes | None:
    """MSA-1 as MSH-15 (accept) and MSH-16 (application) ask for it; None if they ask for none.

    Both empty, or `""`, is the original mode. A monitor that asks for an application
    acknowledgement only expects it at once on the same connection, so it gets AA, AE or AR there.
    """
    accept, application = (header.field(n).strip(b' "').upper() for n in (15, 16))
    if _wanted(accept, outcome):
        return _CODES[True, outcome]
    if _wanted(application, outcome) or not (accept or application):
        return _CODES[False, outcome]
    return None


def _wanted(condition: bytes, outcome: Outcome) -> bool:
    if condition == b"ER":
        return outcome is not Outcome.ACCEPTED
    if condition == b"SU":
        return outcome is Outcome.ACCEPTED
    return condition not in {b"", b"NE"}


def acknowledgement(
    header: Header, outcome: Outcome, *, now: str, control_id: str, error: AckError | None = None
) -> bytes | None:
    """The acknowledgement as an MLLP block, or None if the sender wants none.

    `now` is its MSH-7 (DTM with offset), `control_id` its MSH-10.
    """
    code = acknowledgement_code(header, outcome)
    if code is None:
        return None
    bar, field = header.separator, header.field
    marks = field(2) or b"^~\\&"
    hat = marks[:1]
    message_type = field(9).split(hat)
    trigger = message_type[1].strip() if len(message_type) > 1 else b""
    head = [
        b"MSH",
        marks,
        field(5),
        field(6),
        field(3),
        field(4),
        now.encode(),
        b"",
        hat.join((b"ACK", trigger, b"ACK")) if trigger else b"ACK",
        control_id.encode(),
        field(11),
        field(12),
    ]
    if field(18):
        head += [b"", b"", b"", b"", b"", field(18)]
    text = bar.join(head) + b"\rMSA" + bar + code + bar + field(10) + b"\r"
    if error is not None:
        what = hat.join((error.code.encode(), error.text.encode("ascii", "replace"), b"HL70357"))
        location = error.location.encode().replace(b"^", hat)
        text += bar.join((b"ERR", b"", location, what, b"E")) + b"\r"
    return VT + text + END


def is_acknowledgement(data: bytes) -> bool:
    """Whether `data` is exactly one MLLP block that holds a well-formed acknowledgement."""
    if not (data.startswith(VT + b"MSH") and data.endswith(b"\r" + END)):
        return False
    segments = data[1 : -len(END)].split(b"\r")
    bar = segments[0][3:4] or b"|"
    header = segments[0].split(bar)
    marks = header[1] if len(header) > 9 else b""
    status = segments[1].split(bar)
    return (
        data.count(VT) == data.count(FS) == 1
        and bool(marks)
        and header[8].split(marks[:1])[0] == b"ACK"
        and len(status) == 3
        and status[0] == b"MSA"
        and status[1] in _MSA_1
        and all(segment[:3] == b"ERR" for segment in segments[2:-1])
    )
