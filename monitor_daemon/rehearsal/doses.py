"""Doses as a scenario compares them: of norepinephrine together, or of one channel alone."""

from decimal import Decimal
from typing import Final

from monitor_daemon.core.dose import exact, rounded
from monitor_daemon.core.infusion import TRUSTED, Infusions
from monitor_daemon.core.moment import NOREPINEPHRINE, STUDY
from monitor_daemon.rehearsal.devices import PUMPS

#: Drugs whose dose is told in U/min; the others' in ug/kg/min, a study infusion's in mL/h.
_IN_UNITS: Final = "vasopressin"


def total_dose(infusions: Infusions, weight_kg: float | None) -> float | None:
    """Norepinephrine base in ug/kg/min, pauses bridged; None is unknown."""
    return infusions.dose(NOREPINEPHRINE, weight_kg).value


def channel_dose(
    infusions: Infusions, channel: str, weight_kg: float | None, now: int
) -> float | None:
    """What one channel gives at `now` in its usual unit; None if that is unknown."""
    known = infusions.channels.get(f"{PUMPS}|{channel}")
    if known is None or now - known.seen > TRUSTED:
        return None
    if known.group == STUDY:
        return float(known.rate)
    if known.rate == 0:
        return 0.0
    if known.drug is None or known.strength is None or weight_kg is None:
        return None
    per_minute = known.rate * known.strength / 60
    divisor = Decimal(1) if known.group == _IN_UNITS else exact(weight_kg)
    return float(rounded(per_minute / divisor))
