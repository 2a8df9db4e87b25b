"""DTM, the time stamp of HL7 (v2.9, 2A.3.22), to ISO 8601 and back.

An offset stays the wire's own, a time without one stays local: whoever knows the sender decides.
"""

import re
from datetime import datetime
from functools import lru_cache
from typing import Final

_DTM: Final = re.compile(
    r"([0-9]{4,17})(?:\.([0-9]{1,9}))?(?:([+-])([0-9]{2}):?([0-9]{2})?|(Z))?", re.ASCII
)
_ISO: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ](.*))?", re.ASCII)
#: How much of an ISO 8601 date is known from so many digits.
_DATES: Final = {4: 4, 6: 7, 8: 10}


@lru_cache(maxsize=4096)
def to_iso(dtm: str) -> str | None:
    """`20261121101503.250+0900` as `2026-11-21T10:15:03.250+09:00`; None if it cannot be read.

    A date stays a date, since midnight was not said; an hour or minute gets seconds. Also read:
    milliseconds without a point (17 digits), a fraction after minutes, ISO 8601 with dashes.
    """
    text = dtm.split("^", 1)[0].strip()
    iso = _ISO.fullmatch(text)
    if iso:
        text = "".join(iso.group(1, 2, 3)) + (iso[4] or "").replace(":", "")
    match = _DTM.fullmatch(text)
    if not match:
        return None
    digits, fraction, sign, hours, minutes, zulu = match.groups()
    if len(digits) == 17 and not fraction:
        digits, fraction = digits[:14], digits[14:]
    size = len(digits)
    if size not in {4, 6, 8, 10, 12, 14} or (fraction and size < 12):
        return None
    try:
        date = f"{digits[:4]}-{digits[4:6] or '01'}-{digits[6:8] or '01'}"
        time = f"{digits[8:10] or '00'}:{digits[10:12] or '00'}:{digits[12:] or '00'}"
        result = datetime.fromisoformat(f"{date}T{time}").isoformat()
    except ValueError:
        return None
    if size in _DATES:
        return result[: _DATES[size]]
    if fraction and fraction.strip("0"):
        result += f".{fraction[:6]}"
    if zulu or (sign and hours + (minutes or "00") == "0000"):
        return result + "+00:00"
    if sign:
        if int(hours) > 14 or int(minutes or 0) > 59:
            return None
        result += f"{sign}{hours}:{minutes or '00'}"
    return result


def to_dtm(moment: datetime) -> str:
    """A zone-aware `moment` as a DTM with whole seconds and its offset."""
    return moment.strftime("%Y%m%d%H%M%S%z")
