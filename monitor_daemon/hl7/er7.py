"""A tolerant reader of HL7 v2 messages in ER7 ("pipe and hat") form.

It splits and nothing else: no schema, no types, no cardinality. HL7 v2.9 chapter 2 rules the
grammar; the tolerance (line ends, broken lines, missing ends, wrong character sets) follows what
gateways really send.
"""

import re
from dataclasses import dataclass
from typing import Final

from monitor_daemon.hl7.charset import ISO_2022_JP, codecs_of

_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Encoding:
    """The delimiters a message declares in MSH-1 and MSH-2, and the codec of its text."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    codec: str = "utf-8"

    def unescape(self, text: str) -> str:
        """`text` of one leaf with its escape sequences resolved; unknown ones stay as they are."""
        if self.escape not in text:
            return text
        escape = re.escape(self.escape)
        return re.sub(f"{escape}([^{escape}]*){escape}", self._resolve, text)

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
            "P": "#",
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


_STANDARD: Final = Encoding()


@dataclass(frozen=True, slots=True)
class Header:
    """MSH as raw bytes, for an acknowledgement that must echo them exactly."""

    separator: bytes
    parts: tuple[bytes, ...]

    def field(self, number: int) -> bytes:
        """MSH-`number` (from 2); empty if the sender left it out."""
        return self.parts[number - 1] if number <= len(self.parts) else b""


@dataclass(frozen=True, slots=True)
class Er7Message:
    """A split message: `segments[i][0]` is a segment's name and `[n]` its field n, also for MSH.

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
    lines = _lines(payload)
    if not lines or lines[0][:3] != b"MSH":
        return Unreadable("does not start with MSH")
    first = lines[0]
    separator = first[3:4]
    if not separator.isascii() or separator.isalnum() or not separator.strip(b" \0\x7f"):
        return Unreadable(f"MSH-1 is no field separator: {separator!r}")
    parts = tuple(first.split(separator))
    if len(parts) < 3:
        return Unreadable("MSH has no field after MSH-2")
    marks = parts[1].decode("ascii", "replace")
    delimiters = marks[:4] + "^~\\&"[len(marks) :]
    bar = separator.decode("ascii")
    if bar in delimiters or any(not mark.isascii() or mark.isalnum() for mark in marks):
        return Unreadable("MSH-2 names no delimiters")
    component, repetition, escape, subcomponent = tuple(delimiters)
    declared = parts[17].decode("ascii", "replace").strip() if len(parts) > 17 else ""
    text, codec, damaged = _decode(lines, declared, repetition, fallback)
    segments = [line.split(bar) for line in text]
    segments[0].insert(1, bar)
    encoding = (
        _STANDARD
        if bar == "|" and marks == "^~\\&" and codec == "utf-8"
        else Encoding(bar, component, repetition, escape, subcomponent, codec)
    )
    return Er7Message(encoding, Header(separator, parts), segments, damaged)


def _lines(payload: bytes) -> list[bytes]:
    """The segments of `payload`: any line end, no BOM, broken lines joined again.

    CR and LF are no part of a character in any set that HL7 allows, so this comes before decoding.
    """
    payload = payload.removeprefix(_BOM).rstrip(b"\r\n\t \0")
    if b"\n" in payload:
        payload = payload.replace(b"\r\n", b"\r").replace(b"\n", b"\r")
    lines = payload.split(b"\r")
    lines[0] = lines[0].lstrip(b" \t\0")
    separator = lines[0][3:4]
    for line in lines:
        if line[3:4] != separator or not line[:3].isalnum():
            return _joined(lines, separator)
    return lines


def _joined(lines: list[bytes], separator: bytes) -> list[bytes]:
    joined: list[bytes] = []
    for line in lines:
        bare = line.strip(b" \t\0")
        if not bare:
            continue
        name = bare[:3].isalnum() and (bare[3:4] == separator or len(bare) == 3)
        if name or not joined:
            joined.append(bare)
        else:
            joined[-1] += line
    return joined


def _decode(
    lines: list[bytes], declared: str, repetition: str, fallback: str
) -> tuple[list[str], str, bool]:
    """The decoded lines, the codec that fitted, and whether bytes had to be replaced."""
    raw = b"\r".join(lines)
    codecs = codecs_of(declared, repetition, fallback)
    if codecs == (ISO_2022_JP,) or b"\x1b$" in raw:
        # A cut text may leave the shift open: each segment starts in ASCII again.
        text = [line.decode(ISO_2022_JP, "replace") for line in lines]
        return text, ISO_2022_JP, any("\ufffd" in line for line in text)
    for codec in codecs:
        try:
            return raw.decode(codec).split("\r"), codec, False
        except UnicodeDecodeError:
            continue
    codec = codecs[0] if codecs else "utf-8"
    text = raw.decode(codec, "replace").split("\r")
    return text, codec, not codecs or any("\ufffd" in line for line in text)
