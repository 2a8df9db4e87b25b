"""What became of each field of a line, in words for a biomedical engineer."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any, Final

from drivers.alaris_gh.decode import line_rows
from drivers.alaris_gh.frames import Framer, Line, parse
from drivers.kit.probe import Explained, made
from monitor_daemon.core.vocabulary import Fault

_IGNORED: Final = "ignored: not needed here"
#: The fields of INF in their order, and what this driver does with them.
_INF: Final = (
    ("serial number", "used: the channel"),
    ("alarm", "used"),
    ("mode", "unmapped: nobody has listed its words"),
    ("rate", "used"),
    ("rate unit", "used"),
    ("drug", "used; it was empty in every recorded sample"),
    ("volume", "used"),
    ("volume unit", "used"),
    ("pressure", _IGNORED),
    ("pressure unit", _IGNORED),
    ("time remaining", _IGNORED),
    ("log type", _IGNORED),
    ("log entry", _IGNORED),
)


def explain(raw: bytes, options: Mapping[str, Any], /) -> Iterator[Explained]:
    """Every field of the line `raw`, then the rows that it made; nothing is raised for a bad one.

    `options` are those of the driver; none of them changes what a line means.
    """
    line = parse(raw)
    if isinstance(line, Fault):
        yield Explained("line", "", f"unreadable: {line.reason}")
        return
    rows = line_rows(line)
    known = _INF if line.name == "INF" else ()
    other = "see the rows" if rows else _IGNORED
    fields = zip_longest(line.arguments, known[: len(line.arguments)])
    for number, (text, meant) in enumerate(fields, 1):
        name, use = meant or ("", other)
        yield Explained(f"{line.name} {number} {name}".rstrip(), text.strip(), use)
    yield from made(rows)


def messages(data: bytes, options: Mapping[str, Any], /) -> Iterator[tuple[int, bytes | Fault]]:
    """The lines of a file with their offsets."""
    framer = Framer()
    for item in (*framer.feed(data), *framer.finish()):
        yield (item.offset, item.raw) if isinstance(item, Line) else (item.offset or 0, item)
