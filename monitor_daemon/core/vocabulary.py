"""The words every driver speaks: what a wire message can tell us, before anything is judged.

A decoder turns frames into these rows and nothing else. `monitor-daemon decode` prints them as they
are; the engine masks them (bed alias for bed code, no patient) before they reach the journal.
Signals, units and qualities are those of docs/reference/decode.md.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal

import msgspec

#: The one unit of each signal; a decoder converts to it or reports the value as `Unmapped`.
SIGNAL_UNITS: Final[Mapping[str, str]] = {
    "art_map": "mmHg",
    "art_sys": "mmHg",
    "art_dia": "mmHg",
    "nibp_map": "mmHg",
    "nibp_sys": "mmHg",
    "nibp_dia": "mmHg",
    "cvp": "mmHg",
    "pap_map": "mmHg",
    "pap_sys": "mmHg",
    "pap_dia": "mmHg",
    "heart_rate": "1/min",
    "pulse_rate": "1/min",
    "respiration_rate": "1/min",
    "spo2": "%",
    "temperature": "degC",
    "cardiac_output": "L/min",
    "cardiac_index": "L/min/m2",
    "svr": "dyn.s/cm5",
    "lactate": "mmol/L",
    "sodium": "mmol/L",
    "creatinine": "umol/L",
    "crt": "s",
    "weight": "kg",
    "height": "cm",
}


class Quality(StrEnum):
    """How far a value may be trusted; only `GOOD` enters a minute bin."""

    GOOD = "good"
    QUESTIONABLE = "questionable"
    NO_VALUE = "no_value"
    CALIBRATING = "calibrating"
    ARTIFACT = "artifact"
    NOT_PATIENT = "not_patient"
    STALE = "stale"


#: If several qualities apply to one value, the first of these wins.
QUALITY_ORDER: Final = (
    Quality.NOT_PATIENT,
    Quality.CALIBRATING,
    Quality.ARTIFACT,
    Quality.NO_VALUE,
    Quality.STALE,
    Quality.QUESTIONABLE,
    Quality.GOOD,
)

#: Qualities with which a row may carry a number.
VALUED: Final = frozenset({Quality.GOOD, Quality.QUESTIONABLE})


class PumpStatus(StrEnum):
    """What an infusion channel says it is doing."""

    RUNNING = "running"
    STOPPED = "stopped"
    PAUSED = "paused"
    BOLUS = "bolus"
    PURGE = "purge"
    KVO = "kvo"
    STANDBY = "standby"
    ALARM = "alarm"
    OFF = "off"
    UNKNOWN = "unknown"


class _Row(msgspec.Struct, frozen=True, tag_field="kind"):
    """A decoded row; keys without a value are present and null."""


class Reading(_Row, frozen=True, gc=False, tag="reading"):
    """One value of one signal. `value` is null unless quality is good or questionable.

    `device_time` is ISO 8601 with the wire's own offset, or local if the wire sent none. `channel`
    tells two sources of one signal apart. `bed` and `patient` are the wire's words, trimmed.
    `source` is the wire's own code.
    """

    signal: str
    value: float | None
    unit: str
    quality: Quality
    unvalidated: Literal[True] | None = None
    device_time: str | None = None
    channel: str | None = None
    bed: str | None = None
    patient: str | None = None
    source: str | None = None


class Infusion(_Row, frozen=True, gc=False, tag="infusion"):
    """The state of one infusion channel.

    `drug` is the wire's words. `rate_ml_h` (mL/h) is what is being delivered now where the wire
    tells it, else the programmed rate, and 0 while the pump says that it does not run. Rate, dose
    and concentration are null unless quality is good or questionable. `concentration_unit` is one
    of ug/mL, mg/mL, g/mL, ng/mL, U/mL, mU/mL, ...; `dose_unit` e.g. ug/kg/min, U/h.
    """

    channel: str | None = None
    drug: str | None = None
    rate_ml_h: float | None = None
    status: PumpStatus = PumpStatus.UNKNOWN
    quality: Quality = Quality.GOOD
    concentration: float | None = None
    concentration_unit: str | None = None
    concentration_derived: Literal[True] | None = None
    dose: float | None = None
    dose_unit: str | None = None
    weight_kg: float | None = None
    volume_ml: float | None = None
    device_time: str | None = None
    bed: str | None = None
    patient: str | None = None


class Alarm(_Row, frozen=True, gc=False, tag="alarm"):
    """An alarm a device reports, in the device's words."""

    code: str | None = None
    text: str | None = None
    priority: str | None = None
    phase: str | None = None
    state: str | None = None
    device_time: str | None = None
    bed: str | None = None
    patient: str | None = None


class Identity(_Row, frozen=True, gc=False, tag="identity"):
    """A patient came, moved or left (ADT)."""

    event: str
    patient: str | None = None
    bed: str | None = None
    prior_bed: str | None = None
    prior_patient: str | None = None
    device_time: str | None = None


class Unmapped(_Row, frozen=True, gc=False, tag="unmapped"):
    """A value nobody knows the meaning or unit of; shown and counted, never guessed."""

    source: str
    value: str | None = None
    unit: str | None = None


class Fault(_Row, frozen=True, gc=False, tag="error"):
    """Bytes that could not be read. `offset` counts from the start of the stream or file."""

    code: str
    offset: int | None = None
    reason: str = ""


Row = Reading | Infusion | Alarm | Identity | Unmapped | Fault
