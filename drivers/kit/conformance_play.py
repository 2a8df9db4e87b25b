"""What the conformance suite plays, and how to tell it in a row."""

from collections.abc import Sequence
from math import inf
from typing import Final

from drivers.kit.playback import BedState, PumpState
from monitor_daemon.core.vocabulary import Infusion, Quality, Reading, Row

#: Resolution that a wire may cost: whole mmHg, tenths of mL/h.
SIGNAL_TOLERANCE = 0.51
RATE_TOLERANCE = 0.051

MAP_FIRST, MAP_STEPS, MAP_STEP_S = 60.0, 20, 5.0


class ConformancePlay:
    """One bed whose pressure moves every five seconds, with norepinephrine and vasopressin."""

    length = inf

    def at(self, elapsed: float) -> Sequence[BedState]:
        """The bed at playback second `elapsed`; systolic is MAP + 40, diastolic MAP - 15."""
        pressure = MAP_FIRST + int(elapsed / MAP_STEP_S) % MAP_STEPS
        signals = {
            "art_map": pressure,
            "art_sys": pressure + 40,
            "art_dia": pressure - 15,
            "heart_rate": 90.0,
        }
        pumps = [
            PumpState("11", "Norepinephrine", 8.4, concentration=40.0, concentration_unit="ug/mL",
                      dose=0.08, dose_unit="ug/kg/min", weight_kg=70.0),
            PumpState("12", "Vasopressin", 1.8, concentration=1.0, concentration_unit="U/mL"),
        ]  # fmt: skip
        return [BedState("ICU-1", signals, pumps)]


_OFFSETS: Final = {"art_map": 0.0, "art_sys": 40.0, "art_dia": -15.0}
_RATES: Final = (8.4, 1.8)


def is_played(row: Row) -> bool:
    """Whether a good row can come from `ConformancePlay`."""
    if isinstance(row, Reading) and row.quality is Quality.GOOD and row.signal in _OFFSETS:
        base = (row.value or 0.0) - _OFFSETS[row.signal] - MAP_FIRST
        return -SIGNAL_TOLERANCE <= base <= MAP_STEPS - 1 + SIGNAL_TOLERANCE
    if isinstance(row, Infusion) and row.rate_ml_h:
        return any(abs(row.rate_ml_h - rate) <= RATE_TOLERANCE for rate in _RATES)
    return True


def is_data(row: Row) -> bool:
    """Whether a row carries something a trial rule can use."""
    if isinstance(row, Reading):
        return row.value is not None
    return isinstance(row, Infusion) and row.rate_ml_h is not None
