"""What became of each record of a block, in words for a biomedical engineer."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from drivers.bbraun_space.decode import block_rows, read_block
from drivers.bbraun_space.frames import Broken, Frame, Framer, parse
from drivers.bbraun_space.pump import ABSENT, READ
from drivers.bbraun_space.slots import IDENTITY
from drivers.kit.probe import Explained, made
from monitor_daemon.core.vocabulary import Fault

#: Read by the session: for its notes, and to know a pump again in another slot.
_WHICH: Final = frozenset({"GNMODEL", "GNNEW", *IDENTITY})
_PATIENT: Final = "PATID"


def explain(raw: bytes, options: Mapping[str, Any], /) -> Iterator[Explained]:
    """Every record of the frame `raw`, then the rows that they made; no patient is quoted.

    `options` are those of the driver. A bad frame is explained too; nothing is raised for it.
    """
    frame = parse(raw, stuffing=options["stuffing"])
    if isinstance(frame, Fault):
        yield Explained("frame", "", f"unreadable: {frame.reason}")
        return
    block = read_block(frame)
    if block.version is not None:
        yield Explained("station version", block.version, "used: which BCC it speaks")
    for parameter, value in block.station.items():
        yield Explained(f"station {parameter}", value.strip(), "ignored: not needed here")
    for address, parameters in block.pumps.items():
        for parameter, value in parameters.items():
            shown = "not shown" if parameter == _PATIENT else value.strip()
            yield Explained(f"{address} {parameter}", shown, _use(parameter, value))
    yield from made(block_rows(block))


def messages(data: bytes, options: Mapping[str, Any], /) -> Iterator[tuple[int, bytes | Fault]]:
    """The frames of a file with their offsets; ACK and NAK between them are left out."""
    framer = Framer(options["stuffing"])
    for item in (*framer.feed(data), *framer.finish()):
        if isinstance(item, Frame):
            yield item.offset, item.raw
        elif isinstance(item, Broken):
            yield item.fault.offset or 0, item.fault


def _use(parameter: str, value: str) -> str:
    if parameter in _WHICH:
        return "used: which pump it is"
    if parameter not in READ:
        return "ignored: not needed here"
    return "used: no value" if value.strip() in ABSENT else "used"
