"""The text of a TOML file: where each key and value stands, and remarks on them.

`tomllib` gives the values; this gives their places, for errors that a person can follow.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monitor_daemon.core.errors import ConfigError

#: Keys and, in lists, indices from the root of the document.
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Remark:
    """A mistake or a warning; `line` and `column` count from 1, `length` is in characters."""

    code: str
    where: str
    line: int
    column: int
    length: int
    reason: str
    source: str

    def __str__(self) -> str:
        """One line: place, key, value, what is wrong."""
        return f"{self.where}:{self.line}:{self.column}: {self.reason}"

    @property
    def excerpt(self) -> str:
        """The line of the file, and below it carets under what is meant."""
        indent = re.sub(r"[^\t]", " ", self.source[: self.column - 1])
        number = f"{self.line:>7}"
        blank = " " * len(number)
        return f"{number} | {self.source}\n{blank} | {indent}{'^' * self.length}"


class TomlFileError(ConfigError):
    """A TOML file is wrong: `remarks` are its mistakes, the text has a line for each."""

    def __init__(self, remarks: Sequence[Remark]) -> None:
        super().__init__("\n".join(map(str, remarks)), code=remarks[0].code)
        self.remarks = tuple(remarks)


def load_toml(text: str, where: str) -> dict[str, Any]:
    """The document of any TOML text. Raises TomlFileError naming line and column."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason, _, at = str(error).removesuffix(")").rpartition(" (at ")
    except RecursionError:
        reason, at = "lists or tables lie too deep in each other", "line 1, column 1"
    if text.startswith("\ufeff"):
        reason, at = (
            "begins with a byte order mark: save it as UTF-8 without one",
            "line 1, column 1",
        )
    lines = text.replace("\r\n", "\n").split("\n")
    place = re.fullmatch(r"line (\d+), column (\d+)", at)
    last = max((n for n, line in enumerate(lines, 1) if line.strip()), default=1)
    line, column = (int(place[1]), int(place[2])) if place else (last, len(lines[last - 1]) + 1)
    length = 1
    if reason.startswith(("Cannot overwrite", "Cannot declare")):
        # The reader of TOML has gone past what stands twice: mark the line from its begin.
        reason += "; the same name stands twice: keep one"
        first = re.search(r"\S", lines[line - 1])
        start = first.start() + 1 if first else 1
        column, length = start, max(1, len(lines[line - 1].rstrip()) - start + 1)
    raise TomlFileError(
        [Remark("CONFIG_SYNTAX", where, line, column, length, reason, lines[line - 1])]
    )


class Places:
    """Where keys and values stand in a valid TOML text, as (start, end) offsets.

    A table of an array of tables has its index in the path, as items of a list have.
    """

    _SPACE = re.compile(r"(?:\s|#[^\n]*)*")
    _STRING = re.compile(
        r"""
        \"{3} (?: \\. | [^\\] )*? \"{3,5}      # several lines, with escapes
        | '{3} .*? '{3,5}                       # several lines, as they stand
        | " (?: \\. | [^"\\] )* "
        | ' [^']* '
        """,
        re.DOTALL | re.VERBOSE,
    )
    _BARE = re.compile(r"[A-Za-z0-9_-]+")
    # A date and its time may be separated by a blank.
    _SCALAR = re.compile(r"[^\s,\]}#]+(?: \d\d:[^\s,\]}#]*)?")

    def __init__(self, text: str, where: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._where = where
        self.keys: dict[Path, tuple[int, int]] = {}
        self.values: dict[Path, tuple[int, int]] = {}
        self._at = 0
        self._arrays: dict[Path, int] = {}
        table: Path = ()
        while self._peek():
            if self._peek() == "[":
                table = self._header()
            else:
                self._pair(table)

    def remark(self, path: Path, reason: str, *, code: str, key: bool = False) -> Remark:
        """A remark on the value at `path`, or on its key; on the table above if it is not there."""
        span = None if key else self.values.get(path)
        shown = dotted(path)
        if span is not None:
            value = self._text[slice(*span)].split("\n")[0]
            shown += f" = {value if len(value) <= 60 else value[:57] + '...'}"
        above = path
        while span is None and above:
            span, above = self.keys.get(above), above[:-1]
        start, end = span or (0, 0)
        begun = self._text.rfind("\n", 0, start) + 1
        source = self._text[begun:].split("\n", 1)[0]
        column = start - begun + 1
        length = max(1, min(end - start, len(source) - column + 1))
        line = self._text.count("\n", 0, start) + 1
        said = f"{shown}: {reason}" if shown else reason
        return Remark(code, self._where, line, column, length, said, source)

    def _peek(self) -> str:
        """The next character that is neither blank nor comment; "" at the end."""
        self._take(self._SPACE)
        return self._text[self._at : self._at + 1]

    def _skip(self, characters: str) -> None:
        while (found := self._peek()) and found in characters:
            self._at += 1

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found else len(self._text)
        return found[0] if found else ""

    def _header(self) -> Path:
        """The table that begins here; below an array of tables it belongs to the newest of them."""
        array = self._text.startswith("[[", self._at)
        self._skip("[")
        start = self._at
        path: Path = ()
        named = self._key(())
        for depth, part in enumerate(named, start=1):
            path = (*path, part)
            if array and depth == len(named):
                self._arrays[path] = self._arrays.get(path, -1) + 1
            if path in self._arrays:
                path = (*path, self._arrays[path])
        self.keys.setdefault(path, (start, self._at))
        self._skip("]")
        return path

    def _key(self, path: Path) -> Path:
        """A key, dotted or not, below `path`; each table on the way has the first place it got."""
        while True:
            quoted = self._peek() in "\"'"
            start = self._at
            name = self._take(self._STRING if quoted else self._BARE)
            path = (*path, tomllib.loads(f"k = {name}")["k"] if quoted else name)
            self.keys.setdefault(path, (start, self._at))
            if self._peek() != ".":
                return path
            self._at += 1

    def _pair(self, table: Path) -> None:
        path = self._key(table)
        self._skip("=")
        self._value(path)

    def _value(self, path: Path) -> None:
        opening = self._peek()
        start = self._at
        if opening and opening in "[{":
            self._at += 1
            index = 0
            while (found := self._peek()) and found not in "]}":
                if opening == "{":
                    self._pair(path)
                else:
                    self._value((*path, index))
                    index += 1
                self._skip(",")
            self._at += 1
        else:
            self._take(self._STRING if opening in "\"'" else self._SCALAR)
        self.values[path] = (start, self._at)


def dotted(path: Path) -> str:
    """A path as it is spoken of: rules.MAP_LOW.phases[0]."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")
