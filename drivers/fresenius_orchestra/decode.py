"""Replies to rows: `[address]status[;item;item]`, an item being a letter and a hexadecimal number.

Source: one public driver.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from drivers.fresenius_orchestra.frames import Broken, Frame, Framer, Item
from monitor_daemon.core.vocabulary import Fault, Infusion, Quality, Row, Unmapped

BASE: Final = "0"

_REPLY: Final = re.compile("([0-8]?)([CIEM])(?:;(.*))?")
_ITEM: Final = re.compile("([a-z])([0-9A-F]+)")
#: Variables of the base that concern the session only: module mask, number of modules.
_OF_BASE: Final = frozenset("bi")
#: No pump flows at 6553.5 mL/h: a number of which every bit is set is taken for "no value".
_NO_VALUE: Final = re.compile("F{4,}")

#: Codes after `I;`.
REFUSALS: Final[dict[str, str]] = {
    "01": "unknown command",
    "02": "disabled in this mode",
    "03": "disabled in this status",
    "04": "syntax",
    "05": "mode not authorised",
    "06": "mode already active",
    "07": "mode change disabled",
    "08": "out of limits",
    "09": "mode change disabled in this status",
    "0A": "identifier unused",
    "0B": "identifier wrong",
    "0C": "message too long",
    "0D": "session with the base not open",
    "0E": "communication with the module impossible",
    "12": "alarm present",
    "14": "rate not set",
    "15": "volume insufficient for a bolus",
    "16": "empty mode impossible",
    "1A": "event number wrong",
    "1E": "session with the module not open",
    "1F": "a module is not in manual mode",
    "20": "command not authorised on this port",
    "22": "new mode not authorised",
    "24": "connection mode wrong",
    "25": "drug number wrong",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply. `address` is empty without one; `items` are the variables, `rest` what is none.

    `status` is C (accepted), I (refused), E (sent by itself) or M (adjusted, sent by itself).
    """

    offset: int
    address: str
    status: str
    items: Mapping[str, str]
    rest: tuple[str, ...]


def read_reply(frame: Frame) -> Reply | Fault:
    """The reply in a frame; a `Fault` with code RECORD if it is none."""
    found = _REPLY.fullmatch(frame.text)
    if found is None:
        return Fault("RECORD", frame.offset, "not [address]status[;data] with status C, I, E or M")
    items: dict[str, str] = {}
    rest: list[str] = []
    for part in filter(None, (found[3] or "").split(";")):
        item = _ITEM.fullmatch(part)
        if item:
            items[item[1]] = item[2]
        else:
            rest.append(part)
    return Reply(frame.offset, found[1], found[2], items, tuple(rest))


def reply_rows(reply: Reply) -> tuple[Row, ...]:
    """The rows of a reply.

    Rate and volume of a module give an `Infusion`; one of which every bit is set is none. Nobody
    has documented a word for "it runs", so its status is unknown. Every other variable is
    `Unmapped` with its digits as sent, and so is all that comes with status M, because nobody knows
    what adjusted means. A refusal is a `Fault` with code REFUSED.
    """
    if reply.status == "I":
        code = reply.rest[0] if reply.rest else ""
        reason = f"I {code} of {reply.address or 'the pump'}: {REFUSALS.get(code, 'undocumented')}"
        return (Fault("REFUSED", reply.offset, reason),)
    items = dict(reply.items)
    rows: list[Row] = []
    if reply.address != BASE and reply.status != "M" and items.keys() & {"d", "r"}:
        told = {k for k in "dr" if k in items and not _NO_VALUE.fullmatch(items[k])}
        values = {key: items.pop(key) for key in told}
        rows.append(_infusion(reply.address, values.get("d"), values.get("r")))
    if reply.address == BASE:
        items = {key: value for key, value in items.items() if key not in _OF_BASE}
    prefix = f"{reply.address}{reply.status} "
    rows += [Unmapped(prefix + key, value) for key, value in items.items()]
    return (*rows, *(Unmapped(prefix + "text", text) for text in reply.rest))


def missing_module(address: str) -> Infusion:
    """The row of a module that the base does not list any more."""
    return Infusion(channel=address, quality=Quality.NO_VALUE)


def _infusion(address: str, rate: str | None, volume: str | None) -> Infusion:
    """`rate` counts 0.1 mL/h, `volume` 0.001 mL."""
    return Infusion(
        channel=address or None,
        rate_ml_h=None if rate is None else int(rate, 16) / 10,
        quality=Quality.NO_VALUE if rate is None else Quality.GOOD,
        volume_ml=None if volume is None else int(volume, 16) / 1000,
    )


class OrchestraDecoder:
    """Framer and decoder without a session. ACK, NAK and ENQ between frames give no rows."""

    def __init__(self) -> None:
        self._framer = Framer()

    def feed(self, data: bytes) -> list[Row]:
        """The rows of the frames that `data` completes."""
        return [row for item in self._framer.feed(data) for row in _item_rows(item)]

    def finish(self) -> list[Row]:
        """What was left incomplete."""
        return [broken.fault for broken in self._framer.finish()]


def _item_rows(item: Item) -> tuple[Row, ...]:
    if isinstance(item, Broken):
        return (item.fault,)
    if not isinstance(item, Frame):
        return ()
    reply = read_reply(item)
    return (reply,) if isinstance(reply, Fault) else reply_rows(reply)
