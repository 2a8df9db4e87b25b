"""A tolerant reader of HL7 v2 messages in ER7 ("pipe and hat") form.

It splits and nothing else: no schema, no types, no cardinality. HL7 v2.9 chapter 2 rules the
grammar; the tolerance (line ends, broken lines, missing ends, wrong character sets) follows what
gateways really send.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from monitor_daemon.hl7.charset import ISO_2022_JP, codecs_of, iso_2022_jp

_BOM: Final = b"\xef\xbb\xbf"
_BLANK: Final = b"\r\n\t \0"


@dataclass(frozen=True, slots=True)
class Encoding:
    """The delimiters a message declares in MSH-1 and MSH-2, and the codec of its text.

    `truncation` (HL7 v2.7) is empty where MSH-2 declares none.
    """

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""
    codec: str = "utf-8"

    def unescape(self, text: str) -> str:
        """`text` of one leaf with its escape sequences resolved; unknown ones stay as they are."""
        if self.escape not in text:
            return text
        escape = re.escape(self.escape)
        return re.sub(f"{escape}([^{escape}]*){escape}", self._resolve, text)

    def identifier(self, text: str) -> str | None:
        """`text` of one leaf as an id, trimmed; None if it says nothing or was truncated."""
        text = text.strip()
        if self.truncation and text.endswith(self.truncation):
            return None
        text = self.unescape(text).strip()
        return None if text in {"", '""'} else text

    def escaped(self, text: str) -> str:
        """`text` made safe to stand in one leaf."""
        text = text.replace(self.escape, f"{self.escape}E{self.escape}")
        for delimiter, letter in (
            (self.field, "F"),
            (self.component, "S"),
            (self.repetition, "R"),
            (self.subcomponent, "T"),
            ("\r", "X0D"),
            ("\n", "X0A"),
        ):
            text = text.replace(delimiter, f"{self.escape}{letter}{self.escape}")
        return text

    def _resolve(self, match: re.Match[str]) -> str:
        sequence = match[1]
        simple = {
            "F": self.field,
            "S": self.component,
            "T": self.subcomponent,
            "R": self.repetition,
            "E": self.escape,
            "P": self.truncation or "#",
            "H": "",
            "N": "",
        }
        if sequence in simple:
            return simple[sequence]
        if sequence[:3] in {".br", ".sp", ".ce"}:
            return "\n"
        if sequence[:3] in {".in", ".ti", ".fi", ".nf", ".sk"}:
            return ""
        if re.fullmatch("X(?:[0-9A-Fa-f]{2})+", sequence):
            return bytes.fromhex(sequence[1:]).decode(self.codec, "replace")
        return match[0]


@dataclass(frozen=True, slots=True)
class Header:
    """MSH as raw bytes, for an acknowledgement that must echo them exactly.

    Of a header with ISO 2022 escapes the characters beyond ASCII are question marks.
    """

    separator: bytes
    parts: tuple[bytes, ...]

    def field(self, number: int) -> bytes:
        """MSH-`number` (from 2); empty if the sender left it out."""
        return self.parts[number - 1] if number <= len(self.parts) else b""


@dataclass(frozen=True, slots=True)
class Er7Message:
    """A split message: `segments[i][0]` is a segment's name and `[n]` its field n, also for MSH.

    Names are in capitals, however they were sent.

    Trailing fields that were not sent are missing, not empty. `damaged` says that some bytes did
    not fit the character set and were replaced by U+FFFD.
    """

    encoding: Encoding
    header: Header
    segments: list[list[str]]
    damaged: bool = False

    def msh(self, number: int) -> str:
        """MSH-`number`, not unescaped; empty if the sender left it out."""
        fields = self.segments[0]
        return fields[number] if number < len(fields) else ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """No message: there is no MSH segment to start from, so nothing can be acknowledged."""

    reason: str


def read(payload: bytes, fallback: str = "8859/1") -> Er7Message | Unreadable:
    """The message in `payload` (without MLLP bytes).

    `fallback` is the character set (as in MSH-18) for a message that declares none or ASCII and is
    not UTF-8 either. Reasons quote no more than a delimiter: the rest may name a patient.
    """
    payload = _tidy(payload)
    first = payload.partition(b"\r")[0]
    if first[:3] != b"MSH":
        return Unreadable("does not start with MSH")
    separator = first[3:4]
    parts = tuple(first.split(separator)) if separator else (first,)
    standard = _delimiters(separator, parts[1] if len(parts) > 1 else b"")
    if isinstance(standard, Unreadable):
        return standard
    if len(parts) < 3:
        return Unreadable("MSH has no field after MSH-2")
    declared = parts[17].decode("ascii", "replace").strip() if len(parts) > 17 else ""
    text, codec, damaged = _decode(payload, declared, standard.repetition, fallback)
    bar = standard.field
    segments = [line.split(bar) for line in text.split("\r")]
    for segment in segments:
        if not segment[0].isupper():
            segment[0] = segment[0].upper()
    if b"\x1b" in first:
        # The bytes of a kanji may look like delimiters: none of them is echoed.
        parts = tuple(part.encode("ascii", "replace") for part in segments[0])
    segments[0].insert(1, bar)
    encoding = standard if codec == standard.codec else replace(standard, codec=codec)
    return Er7Message(encoding, Header(separator, parts), segments, damaged)


@lru_cache(maxsize=64)
def _delimiters(separator: bytes, declared: bytes) -> Encoding | Unreadable:
    """The delimiters in MSH-1 and MSH-2; those that MSH-2 leaves out are the usual ones."""
    if not separator.isascii() or separator.isalnum() or not separator.strip(b" \0\x7f"):
        return Unreadable(f"MSH-1 is no field separator: {separator!r}")
    marks = declared.decode("ascii", "replace")
    delimiters = marks[:4] + "^~\\&"[len(marks) :]
    bar = separator.decode("ascii")
    if bar in delimiters or any(not mark.isascii() or mark.isalnum() for mark in marks):
        return Unreadable("MSH-2 names no delimiters")
    return replace(Encoding(bar, *delimiters), truncation=marks[4:5])


@lru_cache(maxsize=64)
def _broken(separator: bytes) -> re.Pattern[bytes]:
    """A line end that no segment name follows; one that starts with a digit is part of a value."""
    return re.compile(rb"\r(?![A-Za-z][A-Za-z0-9]{2}%b)" % re.escape(separator))


def _tidy(payload: bytes) -> bytes:
    """`payload` with CR between its segments: any line end, no BOM, broken lines joined again.

    CR and LF are no part of a character in any set that HL7 allows, so this comes before decoding.
    """
    payload = payload.removeprefix(_BOM).strip(_BLANK)
    if b"\n" in payload:
        payload = payload.replace(b"\r\n", b"\r").replace(b"\n", b"\r")
    separator = payload[3:4]
    if _broken(separator).search(payload):
        return b"\r".join(_joined(payload.split(b"\r"), separator))
    return payload


def _joined(lines: list[bytes], separator: bytes) -> list[bytes]:
    joined: list[bytes] = []
    for line in lines:
        bare = line.strip(b" \t\0")
        if not bare:
            continue
        named = len(bare) > 2 and bare[:1].isalpha() and bare[:3].isalnum()
        if (named and bare[3:4] in {b"", separator}) or not joined:
            joined.append(bare)
        else:
            joined[-1] += line
    return joined


def _decode(raw: bytes, declared: str, repetition: str, fallback: str) -> tuple[str, str, bool]:
    """The decoded text, the codec that fitted, and whether bytes had to be replaced."""
    codecs = codecs_of(declared, repetition, fallback)
    if codecs == (ISO_2022_JP,) or b"\x1b$" in raw or b"\x1b(I" in raw:
        # A cut text may leave the shift open: each segment starts in ASCII again.
        text = "\r".join(iso_2022_jp(line) for line in raw.split(b"\r"))
        return text, ISO_2022_JP, "\ufffd" in text
    for codec in codecs:
        try:
            return raw.decode(codec), codec, False
        except UnicodeDecodeError:
            continue
    codec = codecs[0] if codecs else "utf-8"
    text = raw.decode(codec, "replace")
    # Under a name that nobody knows plain ASCII is what it seems to be.
    unknown = not codecs and (not raw.isascii() or b"\x1b" in raw)
    return text, codec, unknown or "\ufffd" in text
