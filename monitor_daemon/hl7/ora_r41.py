"""ORA^R41: what an alarm manager tells of an alert that it was sent (IHE PCD-05). Pure."""

from dataclasses import dataclass
from typing import Final

from monitor_daemon.hl7.er7 import Er7Message

#: What may have become of an alert for one recipient (IHE PCD TF-2, PCD-05 Report Alert Status).
STATUSES: Final = (
    "received", "delivered", "undeliverable", "read", "accepted", "rejected", "cancelled",
)  # fmt: skip
#: A word that is none of these.
OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Answer:
    """MSA: the code and the control id of the message it answers. `reason` is ERR-3, code only."""

    code: str
    control_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """`status` (one of STATUSES, else OTHER) of the alert in message `control_id`.

    `person` is the first component of PRT-5, the recipient's id; "" if not told. His name is not
    read.
    """

    control_id: str
    status: str
    person: str


def answer(message: Er7Message) -> Answer | None:
    """What a message acknowledges; None if it has no MSA."""
    found = [segment for segment in message.segments if segment[0] == "MSA"]
    if not found:
        return None
    errors = (_part(message, line, 3) for line in message.segments if line[0] == "ERR")
    return Answer(
        code=_field(found[0], 1).strip(),
        control_id=message.encoding.unescape(_field(found[0], 2)),
        reason=", ".join(filter(None, errors)),
    )


def is_status(message: Er7Message) -> bool:
    """Whether the message is an ORA^R41."""
    kind = message.msh(9).split(message.encoding.component)
    return kind[:2] == ["ORA", "R41"]


def statuses(message: Er7Message) -> list[AlertStatus]:
    """What became of the alert, a row for each recipient (PRT segment). Never raises.

    The word stands in PRT-3 (action reason), with some senders in PRT-4 (participation).
    """
    answered = answer(message)
    if answered is None or not is_status(message):
        return []
    return [
        AlertStatus(answered.control_id, _status(message, segment), _part(message, segment, 5))
        for segment in message.segments
        if segment[0] == "PRT"
    ]


def _status(message: Er7Message, segment: list[str]) -> str:
    """The first known word; "Accepted as true positive" is an acceptance too."""
    for number in (3, 4):
        for part in _field(segment, number).split(message.encoding.component):
            word = message.encoding.unescape(part).casefold().split()[:1]
            if word and word[0] in STATUSES:
                return word[0]
    return OTHER


def _field(segment: list[str], number: int) -> str:
    return segment[number] if number < len(segment) else ""


def _part(message: Er7Message, segment: list[str], number: int) -> str:
    """The first component of a field's first repetition."""
    first = _field(segment, number).split(message.encoding.repetition)[0]
    return message.encoding.unescape(first.split(message.encoding.component)[0]).strip()
