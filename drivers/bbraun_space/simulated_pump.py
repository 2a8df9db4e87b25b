"""What a simulated pump sends, after the printed example of B. Braun BCC 4.0."""

from collections.abc import Mapping
from typing import Final

from drivers.bbraun_space.codes import UNITS
from drivers.kit.playback import PumpState
from monitor_daemon.core.vocabulary import PumpStatus

_SOFTWARE: Final = "688N030006"
_UNIT_CODES: Final = {unit: code for code, unit in UNITS.items()}
#: What stands in a unit parameter although there is no value: ug/ml, ug/min.
_FILLED_CONCENTRATION: Final = 32
_FILLED_DOSE: Final = 50
#: Flags that a Perfusor Space has no value for.
_NO_MODE: Final = frozenset({4, 9})
_NO_ALARM: Final = frozenset({6, 10, 13})
_PRESSURE_ALARM: Final = 3

#: RUNSTATE and the INM flags that are 1. The pump gives neither while its status is unknown.
_MODES: Final[Mapping[PumpStatus, tuple[int, frozenset[int]]]] = {
    PumpStatus.RUNNING: (0b0010, frozenset({3, 5, 8})),
    PumpStatus.BOLUS: (0b0010, frozenset({2, 3, 5, 8})),
    PumpStatus.PURGE: (0b0010, frozenset({3, 8, 14})),
    PumpStatus.KVO: (0b1010, frozenset({3, 8, 10})),
    PumpStatus.STANDBY: (0b0000, frozenset({6, 8})),
    PumpStatus.ALARM: (0b0100, frozenset({8})),
    PumpStatus.STOPPED: (0b0000, frozenset({1, 8})),
    PumpStatus.PAUSED: (0b0000, frozenset({1, 8})),
    PumpStatus.OFF: (0b0000, frozenset()),
}


def pump_parameters(
    pump: PumpState, *, first: bool, keep_rate: bool, bolus: float | None = None
) -> list[str]:
    """The `parameter,value` pairs of a pump.

    `first`: it is a new pump, which says GNNEW instead of GNMODEL. `keep_rate`: INRT shows the
    programmed rate (mL/h) also while the pump stands. `bolus`: the volume (mL) of one that ended;
    while it runs nothing is said of it.
    """
    modes = _MODES.get(pump.status)
    stands = modes is not None and 3 not in modes[1]
    rate = 0.0 if stands and not keep_rate else pump.rate_ml_h
    return [
        f"{'GNNEW' if first else 'GNMODEL'},{_SOFTWARE}",
        f"INRT,{rate:.2f}",
        f"INVI,{pump.volume_ml:.1f}",
        f"INSOL,{pump.drug or '_NV'}",
        f"INDOCAL,{int(pump.dose is not None)}",
        *_quantity("INDCON", pump.concentration, pump.concentration_unit, _FILLED_CONCENTRATION),
        *_quantity("INDORT", pump.dose, pump.dose_unit, _FILLED_DOSE),
        "INPATW,_NV" if pump.weight_kg is None else f"INPATW,{pump.weight_kg:.3f}",
        "INBORT,800.00",
        *([] if bolus is None else [f"INBOVAL,{bolus:.2f}", "INBOCNT,1"]),
        "INRMT,65535",
        *(_flags(pump.status, *modes) if modes else ()),
        f"DSSTATUS,{'00050' if pump.status is PumpStatus.OFF else '00051'}",
    ]


def _quantity(key: str, value: float | None, unit: str | None, filled: int) -> list[str]:
    if value is None:
        return [f"{key},0", f"{key}U,{filled}"]
    # A unit that BCC has no code for cannot be sent.
    code = _UNIT_CODES.get(unit or "", "_NV")
    return [f"{key},{f'{value:.6f}'.rstrip('0').rstrip('.')}", f"{key}U,{code}"]


def _flags(status: PumpStatus, runstate: int, modes: frozenset[int]) -> list[str]:
    alarms = {_PRESSURE_ALARM} if status is PumpStatus.ALARM else set()
    return [
        *(f"INM{n},{'_NV' if n in _NO_MODE else int(n in modes)}" for n in range(1, 15)),
        *(f"INA{n},{'_NV' if n in _NO_ALARM else int(n in alarms)}" for n in range(1, 17)),
        f"RUNSTATE,{runstate}",
    ]
