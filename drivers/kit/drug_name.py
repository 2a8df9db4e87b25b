"""The concentration that some sites write into the drug's name, such as "Norad 4mg/50ml"."""

import re
import unicodedata
from typing import Final

_UNITS: Final = {
    "ng": "ng/mL",
    "mcg": "ug/mL",
    "ug": "ug/mL",
    "μg": "ug/mL",
    "mg": "mg/mL",
    "g": "g/mL",
    "iu": "U/mL",
    "ie": "U/mL",
    "u": "U/mL",
    "units": "U/mL",
    "mmol": "mmol/mL",
    "meq": "mEq/mL",
}
_UNIT: Final = "|".join(sorted(_UNITS, key=len, reverse=True))
# "1.000", "1,000", "1 000" and "1'000" may be one or a thousand, so none of them is a number.
_THOUSANDS: Final = r"(?![1-9][0-9]{0,2}[.,][0-9]{3}(?![0-9]))(?!(?<=[0-9]\s)[0-9]{3}(?![0-9]))"
_NUMBER: Final = rf"(?<![0-9.,'\u2019]){_THOUSANDS}([0-9]+(?:[.,][0-9]+)?)"
# What follows must not continue the volume (a cut name ends in a private-use ellipsis) and must
# not make it something else, as in "100mg/50mg", "40IU/24 h", "4mg/50%".
_OTHER: Final = rf"(?:{_UNIT}|min|h|hr|std|d|day|kg)\b|%"
_END: Final = rf"(?![\w.,$/'\u2019\ue000-\uf8ff])(?!\s[0-9]{{3}}(?![0-9]))(?!\s*(?:{_OTHER}))"
_STRENGTH: Final = re.compile(
    rf"{_NUMBER}\s*({_UNIT})\s*/\s*(?:{_NUMBER}\s*(ml)?|(ml)){_END}", re.IGNORECASE
)


def concentration(name: str, limit: int) -> tuple[float, str] | None:
    """Concentration and unit written in `name`; None unless there is exactly one.

    `limit` is the number of characters the pump keeps: a volume without "ml" at the very end of
    such a name may have been cut. A drug id (with "~") is no name and gives None.
    """
    text = unicodedata.normalize("NFKC", name)
    found = list(_STRENGTH.finditer(text))
    if len(found) != 1 or "~" in text:
        return None
    amount, unit, volume, millilitres, _ = found[0].groups()
    if volume and not millilitres and found[0].end() == len(text) and len(name) >= limit:
        return None
    divisor = float(volume.replace(",", ".")) if volume else 1.0
    value = float(amount.replace(",", ".")) / divisor if divisor else 0.0
    return (value, _UNITS[unit.lower()]) if value else None
