"""BCC frames to rows: records `time,address,parameter,value`, grouped by pump.

Facts: B. Braun BCC 4.0, sections on the information field, parameters and bit fields.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from drivers.bbraun_space.codes import refusal
from drivers.bbraun_space.frames import Broken, Frame, Framer, Item, Stuffing
from drivers.bbraun_space.pump import pump_rows
from monitor_daemon.core.vocabulary import Fault, Row

_STATION: Final = re.compile("50100|501000")
#: Pillar 1 to 3, then the slot: a character (1 to 9, A to O) or two digits.
_PUMP: Final = re.compile("501[1-3](?:[1-9A-O]|0[1-9]|1[0-9]|2[0-4])")
_TIME: Final = re.compile("[0-9]{1,12}")


@dataclass(slots=True)
class Block:
    """The records of one frame.

    `time` counts seconds since the station was switched on. `pumps` holds each pump's parameters
    by the address as on the wire, `errors` the GNERR codes, `version` the answer to ADMIN:VERSION.
    """

    bed: str
    time: int | None = None
    version: str | None = None
    station: dict[str, str] = field(default_factory=dict)
    pumps: dict[str, dict[str, str]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_block(frame: Frame) -> Block:
    """The records of `frame`; what is no record becomes a `Fault` with code RECORD."""
    block = Block(frame.bed)
    text = frame.information.decode("utf-8", errors="replace")
    for record in filter(None, text.split("\x1e")):
        reason = _read_record(block, frame.offset, record.split(",", 3))
        if reason:
            # The record itself may name a patient, so it is not quoted.
            block.faults.append(Fault("RECORD", frame.offset, reason))
    return block


def _read_record(block: Block, offset: int, parts: list[str]) -> str | None:
    """Files one record in `block`; gives the reason if it cannot."""
    if len(parts) < 3 or not _TIME.fullmatch(parts[0]):
        return "not time,address,parameter,value"
    time, address, parameter = parts[:3]
    of_station = bool(_STATION.fullmatch(address))
    if not of_station and not _PUMP.fullmatch(address):
        return "neither a station's nor a pump's address"
    if len(parts) == 3 and not (of_station and parameter.startswith("V")):
        return "no value"
    block.time = int(time)
    if len(parts) == 3:
        block.version = parameter
    elif parameter == "GNERR":
        code = parts[3].strip()
        block.errors.append(code)
        block.faults.append(Fault("REFUSED", offset, f"GNERR {code} of {address}: {refusal(code)}"))
    elif of_station:
        block.station[parameter] = parts[3]
    else:
        block.pumps.setdefault(address, {})[parameter] = parts[3]
    return None


def block_rows(block: Block) -> tuple[Row, ...]:
    """The rows of all pumps of a block, then its faults."""
    rows: list[Row] = []
    for address, parameters in block.pumps.items():
        rows += pump_rows(address, block.bed, parameters)
    return (*rows, *block.faults)


class BccDecoder:
    """Framer and decoder without a session. ACK and NAK between frames give no rows."""

    def __init__(self, stuffing: Stuffing = "auto") -> None:
        self._framer = Framer(stuffing)

    def feed(self, data: bytes) -> list[Row]:
        """The rows of the frames that `data` completes."""
        return [row for item in self._framer.feed(data) for row in _item_rows(item)]

    def finish(self) -> list[Row]:
        """What was left incomplete."""
        return [broken.fault for broken in self._framer.finish()]


def _item_rows(item: Item) -> tuple[Row, ...]:
    if isinstance(item, Frame):
        return block_rows(read_block(item))
    return (item.fault,) if isinstance(item, Broken) else ()


def models(block: Block) -> Mapping[str, str]:
    """The software each pump of the block names (GNNEW in its first answer, then GNMODEL)."""
    named = {
        address: (parameters.get("GNNEW") or parameters.get("GNMODEL") or "").strip()
        for address, parameters in block.pumps.items()
    }
    return {address: software for address, software in named.items() if software}
