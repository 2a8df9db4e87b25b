"""A site's own codes: TOML files, packaged ones by name, and the option `codes`.

[map]
title = "Laboratory of the south wing"     # what it is for
source = "list of 2026-03-01"              # who says so

[[code]]
system = "L"              # OBX-3.3, empty if the sender names none
code = "LAC"              # OBX-3.1, empty if the sender has only a name
name = "Lactate"          # OBX-3.2; if given the wire must say the same, in any case
channel = "1.13.1"        # if given, only there: OBX-4 without its last element
unit = "mmol/L"           # if given, of values that come without a unit
signal = "lactate"        # what it is
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from drivers.hl7.code_map_form import line_of, mistakes
from monitor_daemon.core.errors import ConfigError

_PACKAGE: Final = Path(str(files("monitor_daemon")))
#: In a wheel the maps lie inside the package, in a clone at the root.
_FOLDERS: Final = (_PACKAGE / "_config" / "codes", _PACKAGE.parent / "config" / "codes")


class SiteCode(msgspec.Struct, frozen=True):
    """One code of a site: what identifies it on the wire, and the signal it means."""

    signal: str
    code: str = ""
    system: str = ""
    name: str = ""
    channel: str = ""
    unit: str = ""

    def fits(self, name: str, channel: str) -> bool:
        """Whether OBX-3.2 and OBX-4 without its last element are those of this code."""
        alone = self.code and not name
        named = not self.name or alone or self.name.casefold() == name.casefold()
        return bool(named) and self.channel in {"", channel}


def site_codes(codes: Mapping[str, str], maps: object) -> tuple[SiteCode, ...]:
    """All codes of a site: `codes` (`code^system` to signal), then those of the option `code_map`.

    The first code that fits counts. A map is read once in the life of the process: a later
    connection must read as the first one does, whatever became of the file meanwhile. Raises
    ConfigError as `map_codes` does.
    """
    direct = [
        SiteCode(signal, *(part.strip() for part in key.split("^", 1)))
        for key, signal in codes.items()
    ]
    return (*direct, *(code for place in places(maps) for code in _once(place)))


def places(maps: object) -> list[str]:
    """The option `code_map` as a list: names of packaged maps, and paths that end in `.toml`.

    Raises ConfigError if it is no text and no list of texts.
    """
    found = maps if isinstance(maps, list | tuple) else [maps] if maps else []
    if not all(isinstance(place, str) for place in found):
        raise ConfigError(f"code_map = {maps!r}: a name, a path that ends in .toml, or a list")
    return list(found)


def packaged() -> dict[str, Path]:
    """The maps that come with the program, by name."""
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), _FOLDERS[0])
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def map_codes(place: str) -> tuple[SiteCode, ...]:
    """The codes of one map: a packaged one by name, or the path of a file.

    Raises ConfigError as `file_codes`, and for a name that no packaged map has.
    """
    path = Path(place) if place.endswith(".toml") else packaged().get(place)
    if path is None:
        known = ", ".join(packaged())
        raise ConfigError(f"code_map = {place!r}: a path that ends in .toml, or one of {known}")
    return file_codes(path)


def file_codes(path: Path) -> tuple[SiteCode, ...]:
    """The codes in a file.

    Raises ConfigError with a line for every mistake: file, line, key, value, what to do.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", code="CONFIG_FILE") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text", code="CONFIG_FILE") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}", code="CONFIG_SYNTAX") from error
    wrong = sorted(
        (line_of(text, number, key), reason)
        for number, key, reason in mistakes(document, SiteCode.__struct_fields__)
    )
    if wrong:
        said = "\n".join(f"{path}:{line}: {reason}" for line, reason in wrong)
        raise ConfigError(said, code="CONFIG_KEY")
    return tuple(SiteCode(**entry) for entry in document["code"])


_once = cache(map_codes)
