"""MSH-18 to a Python codec (HL7 table 0211 and the spellings that vendors use)."""

import re
from functools import lru_cache
from typing import Final

#: Decodes JIS X 0208, 0212 and half-width katakana; its siblings in the standard library do not.
ISO_2022_JP: Final = "iso2022_jp_ext"

_KATAKANA: Final = re.compile(b"[\xa1-\xdf]+")

#: Declares nothing beyond ASCII, or UCS-2 by the book, which nobody sends: UTF-8 or the site's set.
_UNDECLARED: Final = frozenset({"", "ASCII", "ISOIR6", "UNICODE"})

_CODECS: Final = {
    "UNICODEUTF8": "utf-8",
    "UTF8": "utf-8",
    "GB180302000": "gb18030",
    "GB18030": "gb18030",
    "KSX1001": "cp949",
    "BIG5": "big5",
    "ISOIR13": "cp932",
    "ISOIR14": "cp932",
    "SHIFTJIS": "cp932",
    "SJIS": "cp932",
    "CP932": "cp932",
    "EUCJP": "euc_jp",
    "ISOIR87": ISO_2022_JP,
    "ISOIR159": ISO_2022_JP,
    "ISO2022JP": ISO_2022_JP,
} | {
    f"{prefix}8859{part}": f"iso8859-{part}"
    for prefix in ("", "ISO")
    for part in (*range(1, 12), *range(13, 17))
}


@lru_cache(maxsize=256)
def codecs_of(declared: str, repetition: str, fallback: str) -> tuple[str, ...]:
    """The codecs to try in turn where MSH-18 is `declared`; none for an unknown name.

    Any repetition that needs ISO 2022 escapes decides (Japan sends `~ISO IR87`); else the first.
    `fallback`, spelled like MSH-18, is for a sender that declares nothing and does not send UTF-8.
    """
    names = [_plain(name) for name in declared.split(repetition)]
    if any(_CODECS.get(name) == ISO_2022_JP for name in names):
        return (ISO_2022_JP,)
    if names[0] in _UNDECLARED:
        return tuple(dict.fromkeys(("utf-8", _CODECS.get(_plain(fallback), "utf-8"))))
    known = _CODECS.get(names[0])
    return (known,) if known else ()


def iso_2022_jp(line: bytes) -> str:
    """One segment in ISO 2022 with Japanese sets; bytes that do not fit become U+FFFD.

    Texts that return to JIS X 0201 instead of ASCII keep backslash and tilde, which are
    delimiters; its half-width katakana may come with the eighth bit instead of an escape.
    """
    if b"\x1b(J" in line:
        line = line.replace(b"\x1b(J", b"\x1b(B")
    if not line.isascii():
        line = _KATAKANA.sub(_seven_bit, line)
    return line.decode(ISO_2022_JP, "replace")


def _seven_bit(match: re.Match[bytes]) -> bytes:
    return b"\x1b(I%b\x1b(B" % bytes(byte & 0x7F for byte in match[0])


def known(declared: str) -> bool:
    """Whether `declared` names a character set as MSH-18 may."""
    return _plain(declared) in _CODECS


def _plain(name: str) -> str:
    return "".join(letter for letter in name.upper() if letter.isalnum())
