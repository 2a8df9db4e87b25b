"""OBX-2, -5, -8 and -11 to a number and how far it may be trusted; times that are none."""

import re
from collections.abc import Iterable
from functools import lru_cache
from math import inf, isfinite
from typing import Final

from monitor_daemon.core.vocabulary import QUALITY_ORDER, Fault, Quality
from monitor_daemon.hl7.times import to_iso

#: Arrays and documents: waveforms and reports, never one value.
ARRAYS: Final = frozenset({"NA", "MA", "ED", "RP"})
_NUMERIC: Final = frozenset({"NM", "SN", "ST", "TX", "FT", ""})
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)", re.ASCII)
#: Numbers that mean "no value" on monitors and gateways.
_SENTINELS: Final = frozenset({-100.0, -10000.0, 32767.0, -32767.0, -32768.0, 8388607.0})

#: OBX-8: measurement status of ISO/IEEE 11073-10201 and null flavours, as IHE PCD spells them.
#: BUSY, ALACT, ALINH, alarm limits and priorities leave a value as it is.
_FLAGS: Final = {
    **dict.fromkeys(("DEMO", "TEST"), Quality.NOT_PATIENT),
    "CAL": Quality.CALIBRATING,
    **dict.fromkeys(
        ("INV", "NAV", "OFF", "NI", "NA", "NAN", "MSK", "OTH", "PINF", "NINF"), Quality.NO_VALUE
    ),
    # `<` and `>` (HL7 table 0078): beyond the scale of the instrument, the true value is not known.
    **dict.fromkeys(("QUES", "EARLY", "<", ">"), Quality.QUESTIONABLE),
}
#: OBX-11 (HL7 table 0085): W is the wrong patient, the others are not, or no longer, a result.
_STATUS: Final = {
    **dict.fromkeys(("", "R", "F", "C", "U", "B", "V", "X"), Quality.GOOD),
    **dict.fromkeys(("D", "N", "O", "S", "I"), Quality.NO_VALUE),
    "W": Quality.NOT_PATIENT,
}
_RANK: Final = {quality: rank for rank, quality in enumerate(QUALITY_ORDER)}


def stamp(text: str, component: str) -> str:
    """The time in a field; empty if it tells none, by `""` or by nothing but zeros."""
    time = text.split(component, 1)[0].strip()
    return time if time.strip('"0') else ""


def bad_times(texts: Iterable[str]) -> list[Fault]:
    """A fault for each different text that stands in place of a time and is none."""
    return [
        Fault("HL7_TIME", reason=f"time {text[:26]!r} is no DTM such as 20261121101503+0900")
        for text in sorted(set(texts) - {""})
        if to_iso(text) is None
    ]


def worst(*qualities: Quality) -> Quality:
    """The quality that wins where several apply."""
    return min(qualities, key=_RANK.__getitem__)


@lru_cache(maxsize=8192)
def missing(text: str, component: str) -> bool:
    """Whether OBX-5 says in one of the many spellings that there is no value."""
    if not any(letter.isalnum() for letter in text):
        return True
    return number("SN", text, component) in _SENTINELS


@lru_cache(maxsize=8192)
def number(value_type: str, text: str, component: str) -> float | None:
    """The number in OBX-5, or None if there is not exactly one.

    A structured numeric counts without comparator or with `=`; `>^300` stays text. A comma may
    part decimals or thousands: it is refused, not guessed. Empty components at the end are none.
    """
    if value_type not in _NUMERIC:
        return None
    text = text.strip().rstrip(component)
    if component in text:
        comparator, text, *rest = (part.strip() for part in text.split(component))
        if comparator not in {"", "="} or any(rest):
            return None
    value = float(text) if _DECIMAL.fullmatch(text) else inf
    return value if isfinite(value) else None


@lru_cache(maxsize=8192)
def plain_number(text: str) -> float | None:
    """A short number that needs no thought, digits with at most one point; None for any other."""
    plain = (
        len(text) <= 5
        and text.replace(".", "", 1).isdigit()
        and text.isascii()
        and text != "32767"  # means "no value"
    )
    return float(text) if plain else None


@lru_cache(maxsize=4096)
def judged(flags: str, status: str, repetition: str, component: str, unvalidated: bool) -> Quality:
    """What OBX-8 (`flags`) and OBX-11 (`status`) leave of a value.

    X with a value is taken for an unvalidated one if `unvalidated` allows it, since some gateways
    send every value so; it is questionable else, and while the measurement is still busy.
    """
    words = {part.split(component)[0].strip().upper() for part in flags.split(repetition)}
    found = [_FLAGS[word] for word in words if word in _FLAGS]
    status = status.strip().upper()
    if status == "X" and (not unvalidated or "BUSY" in words):
        found.append(Quality.QUESTIONABLE)
    return worst(_STATUS.get(status, Quality.QUESTIONABLE), *found)
