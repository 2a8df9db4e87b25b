"""What a pump gateway says of one syringe pump: the order and the observations of IHE PCD-01.

Levels, codes and words are those of the IHE PCD Technical Framework and the numbers in OBX-4 those
of a captured gateway, as far as either has them: the framework has no word for purging.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from drivers.kit.playback import PumpState
from monitor_daemon.core.vocabulary import PumpStatus
from monitor_daemon.hl7.er7 import Encoding

#: Number and name (after MDC_DIM_) of a unit; others are sent by UCUM alone.
_MDC_UNITS: Final = {
    "mL/h": "265266^MDC_DIM_MILLI_L_PER_HR",
    "mL": "263762^MDC_DIM_MILLI_L",
    "kg": "263875^MDC_DIM_KILO_G",
    "mg/mL": "264306^MDC_DIM_MILLI_G_PER_ML",
    "ug/mL": "264307^MDC_DIM_MICRO_G_PER_ML",
    "U/mL": "267744^MDC_DIM_INTL_UNIT_PER_ML",
    "ug/kg/min": "265619^MDC_DIM_MICRO_G_PER_KG_PER_MIN",
    "ug/kg/h": "265651^MDC_DIM_MICRO_G_PER_KG_PER_HR",
    "ng/kg/min": "265620^MDC_DIM_NANO_G_PER_KG_PER_MIN",
    "mg/min": "265490^MDC_DIM_MILLI_G_PER_MIN",
    "mg/h": "265522^MDC_DIM_MILLI_G_PER_HR",
    "ug/min": "265491^MDC_DIM_MICRO_G_PER_MIN",
    "ug/h": "265523^MDC_DIM_MICRO_G_PER_HR",
    "U/min": "267808^MDC_DIM_INTL_UNIT_PER_MIN",
    "U/h": "267840^MDC_DIM_INTL_UNIT_PER_HR",
    "mU/min": "267826^MDC_DIM_MILLI_INTL_UNIT_PER_MIN",
}
#: International units, which UCUM writes in brackets.
_ACTIVITY: Final = re.compile(r"\b(m?)U\b")

_ER7: Final = Encoding()
#: What follows OBX-4 of a device or a part of one.
_LEVEL: Final = "|||||||X"


class _Words(NamedTuple):
    """What a pump says of itself: empty is not said. `flows`: the current flow is not 0."""

    flows: bool
    status: str = ""
    delivery: str = ""
    sources: str = ""
    reason: str = ""


_RUNS: Final = _Words(True, "infusing", "delivering", "primary")
_STANDS: Final = _Words(False, "not-infusing", "not-delivering")
_WORDS: Final[Mapping[PumpStatus, _Words]] = {
    PumpStatus.RUNNING: _RUNS,
    PumpStatus.BOLUS: _RUNS._replace(sources="clinician"),
    PumpStatus.KVO: _RUNS._replace(delivery="kvo"),
    PumpStatus.PURGE: _Words(True, "purge"),
    PumpStatus.STANDBY: _STANDS._replace(status="standby"),
    PumpStatus.STOPPED: _STANDS._replace(reason="not-specified"),
    PumpStatus.PAUSED: _STANDS._replace(reason="by-clinician"),
    PumpStatus.ALARM: _STANDS._replace(reason="alarming"),
    PumpStatus.OFF: _STANDS._replace(reason="powered-off"),
    PumpStatus.UNKNOWN: _Words(True),
}


def order(pump: PumpState) -> str:
    """OBR-4: the drug, or that it is not known."""
    drug = _ER7.escaped(pump.drug)
    return f"{drug}^{drug}^L" if drug else "999999^Unknown medication"


def observations(pump: PumpState) -> list[str]:
    """Each OBX from OBX-2 on: the pump, what it delivers, and what was programmed.

    The programmed rate stays while the pump stands, when nothing flows.
    """
    words = _WORDS[pump.status]
    device, drug = f"{_ER7.escaped(pump.channel)}^SIMULATOR", _ER7.escaped(pump.drug)
    flow = pump.rate_ml_h if words.flows else 0.0
    return [
        f"|70053^MDC_DEV_PUMP_INFUS_SYRINGE_MDS^MDC|1.0.0.0{_LEVEL}|||||||{device}",
        f"|70054^MDC_DEV_PUMP_INFUS_SYRINGE_VMD^MDC|1.1.0.0{_LEVEL}",
        f"|70067^MDC_DEV_PUMP_DELIVERY_INFO^MDC|1.1.1.0{_LEVEL}",
        *_word("184519^MDC_PUMP_INFUSING_STATUS^MDC|1.1.1.1", "pump-status", words.status),
        *_amount("158014^MDC_FLOW_FLUID_PUMP_CURRENT^MDC|1.1.1.2", flow, "mL/h"),
        *_word("158016^MDC_PUMP_ACTIVE_SOURCES^MDC|1.1.1.3", "pump-source-info", words.sources),
        f"|70071^MDC_DEV_PUMP_INFUSATE_SOURCE_PRIMARY^MDC|1.1.2.0{_LEVEL}",
        *([f"ST|184514^MDC_DRUG_NAME_LABEL^MDC|1.1.2.2|{drug}||||||R"] if drug else []),
        *_amount("157784^MDC_FLOW_FLUID_PUMP^MDC|1.1.2.5", pump.rate_ml_h, "mL/h"),
        *_amount("157924^MDC_RATE_DOSE^MDC|1.1.2.6", pump.dose, pump.dose_unit),
        *_amount("157760^MDC_CONC_DRUG^MDC|1.1.2.7", pump.concentration, pump.concentration_unit),
        *_amount("157993^MDC_VOL_FLUID_DELIV_TOTAL^MDC|1.1.2.11", pump.volume_ml, "mL"),
        *_amount("68063^MDC_ATTR_PT_WEIGHT^MDC|1.1.2.18", pump.weight_kg, "kg"),
        *_word(
            "158005^MDC_DEV_PUMP_CURRENT_DELIVERY_STATUS^MDC|1.1.2.22",
            "pump-delivery-status",
            words.delivery,
        ),
        *_word("158006^MDC_PUMP_NOT_DELIVERING_REASON^MDC|1.1.2.23", "pump-stopped", words.reason),
    ]


def _word(place: str, kind: str, word: str) -> list[str]:
    """A word of a list, in the second component as gateways send it; none if it is empty."""
    return [f"CWE|{place}|^{kind}-{word}||||||R"] if word else []


def _amount(place: str, value: float | None, unit: str | None) -> list[str]:
    """A number with its unit; none if there is no value."""
    if value is None:
        return []
    number = f"{value:.6f}".rstrip("0").rstrip(".")
    return [f"NM|{place}|{number}|{_obx6(unit or '')}|||||R"]


def _obx6(unit: str) -> str:
    ucum = _ER7.escaped(_ACTIVITY.sub(r"\1[iU]", unit))
    mdc = _MDC_UNITS.get(unit)
    return "^".join([*([mdc, "MDC"] if mdc else []), ucum, ucum, "UCUM"])
