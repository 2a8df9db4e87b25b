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
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from drivers.hl7.units import conversion
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.vocabulary import SIGNAL_UNITS

_PACKAGE: Final = Path(str(files("monitor_daemon")))
#: In a wheel the maps lie inside the package, in a clone at the root.
_FOLDERS: Final = (_PACKAGE / "_config" / "codes", _PACKAGE.parent / "config" / "codes")


class SiteCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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


class _Map(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    source: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    map: _Map
    code: list[SiteCode]


def site_codes(codes: Mapping[str, str], maps: str | Sequence[str]) -> tuple[SiteCode, ...]:
    """All codes of a site: `codes` (`code^system` to signal), then those of `maps`.

    A map is the name of a packaged one, or a path that ends in `.toml`. The first code that fits
    counts. Raises ConfigError naming file, entry and reason.
    """
    direct = [
        SiteCode(signal, *(part.strip() for part in key.split("^", 1)))
        for key, signal in codes.items()
    ]
    places = [maps] if maps and isinstance(maps, str) else maps
    if not all(isinstance(place, str) for place in places):
        raise ConfigError(f"code_map = {maps!r}: a name, a path that ends in .toml, or a list")
    return (*direct, *(code for place in places for code in load(place)))


def packaged() -> dict[str, Path]:
    """The maps that come with the program, by name."""
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), _FOLDERS[0])
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load(place: str) -> tuple[SiteCode, ...]:
    """The codes of one map. Raises ConfigError naming file, entry and reason."""
    path = Path(place) if place.endswith(".toml") else packaged().get(place)
    if path is None:
        known = ", ".join(packaged())
        raise ConfigError(f"code_map = {place!r}: a path that ends in .toml, or one of {known}")
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        found = msgspec.convert(document, _File)
    except OSError as error:
        raise ConfigError(f"code_map {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"code_map {path}: {error}") from error
    seen: set[tuple[str, ...]] = set()
    for number, entry in enumerate(found.code, 1):
        key = (entry.code, entry.system, entry.name.casefold(), entry.channel)
        reason = "there is another for the same value" if key in seen else _mistake(entry)
        if reason:
            raise ConfigError(
                f"code_map {path}: [[code]] number {number}, {entry.code!r}: {reason}"
            )
        seen.add(key)
    return tuple(found.code)


def _mistake(entry: SiteCode) -> str:
    """Why `entry` cannot be used; empty if it can."""
    if not entry.code and not entry.name:
        return "give code (OBX-3.1) or name (OBX-3.2)"
    if any("^" in text for text in (entry.code, entry.system, entry.name)):
        return "code, system and name are single components, without ^"
    if entry.signal not in SIGNAL_UNITS:
        return f"signal = {entry.signal!r} is none of {', '.join(SIGNAL_UNITS)}"
    if entry.unit and conversion(entry.signal, entry.unit) is None:
        return f"unit = {entry.unit!r} cannot be converted to {SIGNAL_UNITS[entry.signal]}"
    return ""
