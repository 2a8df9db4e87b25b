"""What is wrong with a code map, entry by entry, and where in the file it stands."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from drivers.hl7.units import conversion
from monitor_daemon.core.vocabulary import SIGNAL_UNITS

_ENTRY: Final = re.compile(r"^[ \t]*\[\[[ \t]*code[ \t]*\]\]", re.MULTILINE)
#: So much of a wrong value is shown.
_SHOWN: Final = 60

#: The number of a [[code]] in its file from 1 (0: what stands outside of them), a key of it, and
#: what is wrong with it.
Mistake = tuple[int, str, str]


def mistakes(document: Mapping[str, Any], known: Sequence[str]) -> Iterator[Mistake]:
    """Every mistake of a code map; `known` are the keys that a [[code]] may have."""
    for key in document.keys() - {"map", "code"}:
        yield 0, key, f"{key}: no such key; a code map has [map] and [[code]]"
    head, entries = document.get("map"), document.get("code")
    if isinstance(head, dict):
        yield from _wrong_texts(0, "map", head, ("title", "source"), ("title", "source"))
    else:
        yield 0, "map", "map: missing; a table [map] with title and source"
    if not (isinstance(entries, list) and entries and all(isinstance(e, dict) for e in entries)):
        yield 0, "code", "code: missing; a table [[code]] for each code"
        return
    seen: dict[tuple[str, ...], int] = {}
    for number, entry in enumerate(entries, 1):
        wrong = [*_wrong_texts(number, f"code {number}", entry, known, ("signal",))]
        yield from wrong or _wrong_code(number, entry)
        if not wrong:
            parts = (entry.get("code", ""), entry.get("system", ""), entry.get("channel", ""))
            first = seen.setdefault((*parts, entry.get("name", "").casefold()), number)
            if first != number:
                yield number, "code", f"code {number}: the same as code {first}; keep one of them"


def line_of(text: str, number: int, key: str) -> int:
    """The line of `key` in the [[code]] of this number (0: above the first), else of its head."""
    heads = [found.start() for found in _ENTRY.finditer(text)]
    starts = [0, *heads, len(text)]
    at = min(number, len(heads))
    table = "" if number else r"\[*"
    name = re.compile(rf"^[ \t]*{table}[ \t]*[\"']?{re.escape(key)}\b", re.MULTILINE)
    found = name.search(text, starts[at], starts[at + 1])
    return text.count("\n", 0, found.start() if found else starts[at]) + 1


def _wrong_texts(
    number: int, where: str, table: Mapping[str, Any], known: Sequence[str], needed: Iterable[str]
) -> Iterator[Mistake]:
    """Keys of one table that are not known, no plain text, or missing."""
    for key, value in table.items():
        shown = f"{where}: {key} = {str(value)[:_SHOWN]!r}"
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(known)}"
            yield number, key, f"{where}: {key}: no such key; {hint}"
        elif not isinstance(value, str):
            yield number, key, f'{shown}: a text, in quotes: {key} = "..."'
        elif number and value != value.strip():
            yield number, key, f"{shown}: the wire is read without blanks around; remove them"
    for key in needed:
        if key not in table:
            yield number, key if number else "map", f"{where}: {key}: missing"


def _wrong_code(number: int, entry: Mapping[str, str]) -> Iterator[Mistake]:
    """What makes one code, whose values are texts, unusable."""
    where = f"code {number}"
    for key in ("code", "system", "name"):
        if "^" in entry.get(key, ""):
            yield number, key, f"{where}: {key} = {entry[key]!r}: one component of OBX-3, without ^"
    if not (entry.get("code") or entry.get("name")):
        yield number, "code", f"{where}: give code (OBX-3.1) or name (OBX-3.2)"
    signal, unit = entry["signal"], entry.get("unit", "")
    if signal not in SIGNAL_UNITS:
        near = difflib.get_close_matches(signal, SIGNAL_UNITS, 1)
        hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(SIGNAL_UNITS)}"
        yield number, "signal", f"{where}: signal = {signal!r}: no such signal; {hint}"
    elif unit and conversion(signal, unit) is None:
        reason = f"cannot be converted to {SIGNAL_UNITS[signal]}; give another or leave it out"
        yield number, "unit", f"{where}: unit = {unit!r}: {reason}"
