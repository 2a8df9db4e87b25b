"""The rows that other rooms hand to the journal and get back from it."""

from typing import Final

import msgspec

#: The topic of rows that are not for the broker: reports to an alarm manager.
ALARM_MANAGER: Final = "alarm-manager"


class InputRow(msgspec.Struct, gc=False):
    """One input with the decisions that followed from it. Bodies are JSON; `t` is engine ms.

    `link` is the row's place in the hash chain, set when the row is complete.
    """

    seq: int
    group: int
    t: int
    body: bytes
    original: int | None
    part: int | None
    original_hash: bytes | None
    link: bytes = b""
    decisions: tuple[tuple[str | None, bytes], ...] = ()


class OutboxRow(msgspec.Struct, frozen=True):
    """One message for the broker, or a report to the alarm manager, durable before it is sent.

    A retained row replaces an unsent one of the same topic. `sequence` counts events; 0 for
    retained rows. `id` is given by the engine.
    """

    topic: str
    payload: bytes
    retain: bool
    sequence: int = 0
    id: int = 0


class Head(msgspec.Struct, frozen=True):
    """Where the record stands: counters to go on from. `t` is the engine time of the last input."""

    seq: int
    group: int
    t: int
    link: bytes
    outbox: int
    sequence: int
