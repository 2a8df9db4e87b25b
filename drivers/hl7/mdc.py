"""Codes of ISO/IEEE 11073-10101 (MDC) as printed in the IHE PCD Technical Framework, volume 3."""

from collections.abc import Iterator
from typing import Final, NamedTuple


class Code(NamedTuple):
    """One meaning of OBX-3; all empty is unknown. `device` is the role of a containment level.

    `mapped`: the site says so; `unit` is what it says of values that come without one.
    """

    signal: str | None = None
    pump: str | None = None
    device: str | None = None
    alert: bool = False
    unit: str = ""
    mapped: bool = False
    foreign: bool = False


UNKNOWN: Final = Code()
#: Known to be something else than what we read, or number and name contradict each other: the
#: other triplet of OBX-3 cannot make a signal of it.
FOREIGN: Final = Code(foreign=True)

_SIGNALS: Final = """
150037 art_sys MDC_PRESS_BLD_ART_ABP_SYS
150038 art_dia MDC_PRESS_BLD_ART_ABP_DIA
150039 art_map MDC_PRESS_BLD_ART_ABP_MEAN
150033 art_sys MDC_PRESS_BLD_ART_SYS
150034 art_dia MDC_PRESS_BLD_ART_DIA
150035 art_map MDC_PRESS_BLD_ART_MEAN
150021 nibp_sys MDC_PRESS_BLD_NONINV_SYS
150022 nibp_dia MDC_PRESS_BLD_NONINV_DIA
150023 nibp_map MDC_PRESS_BLD_NONINV_MEAN
150045 pap_sys MDC_PRESS_BLD_ART_PULM_SYS
150046 pap_dia MDC_PRESS_BLD_ART_PULM_DIA
150047 pap_map MDC_PRESS_BLD_ART_PULM_MEAN
150084 cvp MDC_PRESS_BLD_VEN_CENT
150087 cvp MDC_PRESS_BLD_VEN_CENT_MEAN
147842 heart_rate MDC_ECG_HEART_RATE MDC_ECG_CARD_BEAT_RATE
149514 pulse_rate MDC_PULS_RATE
149522 pulse_rate MDC_BLD_PULS_RATE_INV
149530 pulse_rate MDC_PULS_OXIM_PULS_RATE
149546 pulse_rate MDC_PULS_RATE_NON_INV
151562 respiration_rate MDC_RESP_RATE
151552 respiration_rate MDC_RESP
150456 spo2 MDC_PULS_OXIM_SAT_O2
150344 temperature MDC_TEMP
150368 temperature MDC_TEMP_CORE
188436 temperature MDC_TEMP_BLD MDC_TEMP_BLOOD
150348 temperature MDC_TEMP_BLAD MDC_TEMP_BLADDER
150372 temperature MDC_TEMP_ESOPH
150276 cardiac_output MDC_OUTPUT_CARD
150492 cardiac_output MDC_OUTPUT_CARD_CTS
149772 cardiac_index MDC_OUTPUT_CARD_INDEX
150312 svr MDC_RES_VASC_SYS
188736 weight MDC_MASS_BODY_ACTUAL
68060 height MDC_ATTR_PT_HEIGHT
188740 height MDC_LEN_BODY_ACTUAL
"""
#: Parameters of a pump; `-` is understood but not kept.
_PUMP: Final = """
158014 flow_now MDC_FLOW_FLUID_PUMP_CURRENT
157784 flow MDC_FLOW_FLUID_PUMP
157924 dose MDC_RATE_DOSE
157804 dose MDC_FLOW_DRUG_DELIV
157760 concentration MDC_CONC_DRUG
184514 drug MDC_DRUG_NAME_LABEL
184330 drug_type MDC_DRUG_NAME_TYPE
184468 drug_type MDC_DRUG_NAME
157993 volume MDC_VOL_FLUID_DELIV_TOTAL
157864 volume MDC_VOL_FLUID_DELIV
157948 volume MDC_VOL_INFUS_ACTUAL_TOTAL
184519 status MDC_PUMP_INFUSING_STATUS
184508 status MDC_PUMP_STAT
158005 delivery MDC_PUMP_CURRENT_DELIVERY_STATUS
158006 reason MDC_PUMP_NOT_DELIVERING_REASON
158016 sources MDC_PUMP_ACTIVE_SOURCES
68487 event MDC_ATTR_EVT_COND
68488 - MDC_ATTR_EVT_SOURCE
157884 - MDC_VOL_FLUID_TBI
157872 - MDC_VOL_FLUID_TBI_REMAIN
157992 - MDC_VOL_FLUID_DELIV_SEGMENT
157996 - MDC_TIME_PD_PROG
157916 - MDC_TIME_PD_REMAIN
157999 - MDC_DOSE_DRUG_TBI
158000 - MDC_DOSE_DRUG_TBI_REMAIN
158001 - MDC_DOSE_DRUG_DELIV_TOTAL
158003 - MDC_DOSE_DRUG_DELIV_SEGMENT
158008 - MDC_PUMP_PROGRAM_DELIVERY_MODE
158012 label MDC_PUMP_SOURCE_CHANNEL_LABEL
184504 - MDC_PUMP_MODE
184516 - MDC_PUMP_DRUG_LIBRARY_CARE_AREA
184517 - MDC_PUMP_DRUG_LIBRARY_VERSION
184520 - MDC_PUMP_DRUG_LIBRARY_NAME
157880 - MDC_SYRINGE_SIZE
157984 - MDC_SYRINGE_VOLUME
184488 - MDC_SYRINGE_BRAND
"""
_DEVICES: Final = """
69985 pump MDC_DEV_PUMP_INFUS_MDS
70049 pump MDC_DEV_PUMP_INFUS_LVP_MDS
70053 pump MDC_DEV_PUMP_INFUS_SYRINGE_MDS
126978 delivery MDC_DEV_PUMP_INFUS_CHAN_DELIVERY
70067 delivery MDC_DEV_PUMP_DELIVERY_INFO
126977 source MDC_DEV_PUMP_INFUS_CHAN_SOURCE
70071 primary MDC_DEV_PUMP_INFUSATE_SOURCE_PRIMARY
70091 syringe MDC_DEV_PUMP_SYRINGE_INFO
"""
#: Pressures of places that count only where the site says so, and what is easily taken for another:
#: wedge pressure, venous saturation, skin temperature.
_FOREIGN: Final = {
    150052: "MDC_PRESS_BLD_ART_PULM_WEDGE",
    150332: "MDC_SAT_O2_VEN",
    150388: "MDC_TEMP_SKIN",
    **{
        number + offset: f"{name}{phase}"
        for number, name in (
            (150016, "MDC_PRESS_BLD"),
            (150028, "MDC_PRESS_BLD_AORT"),
            (150056, "MDC_PRESS_BLD_ART_UMB"),
            (150300, "MDC_PRESS_CUFF"),
            (150648, "MDC_PRESS_BLD_ART_FEMORAL"),
            (150680, "MDC_PRESS_BLD_ART_BRACHIAL"),
        )
        for offset, phase in enumerate(("", "_SYS", "_DIA", "_MEAN"))
    },
}
#: The patient's weight: of the bed when a monitor sends it, of the dose when a pump does.
_WEIGHT: Final = Code(signal="weight", pump="weight")


def _entries(table: str) -> Iterator[tuple[int, str, list[str]]]:
    for line in table.split("\n"):
        if line:
            number, name, *refids = line.split()
            yield int(number), name, refids


BY_NUMBER: Final[dict[int, Code]] = {
    68063: _WEIGHT,
    **dict.fromkeys(_FOREIGN, FOREIGN),
    **{number: Code(signal=name) for number, name, _ in _entries(_SIGNALS)},
    **{number: Code(pump=name) for number, name, _ in _entries(_PUMP)},
    **{number: Code(device=name) for number, name, _ in _entries(_DEVICES)},
}
#: Names without the DEV_ that some texts add to a pump's parameters.
_NUMBER_BY_REFID: Final[dict[str, int]] = {
    "MDC_ATTR_PT_WEIGHT": 68063,
    **{refid: number for number, refid in _FOREIGN.items()},
    **{
        refid.replace("_DEV_", "_"): number
        for table in (_SIGNALS, _PUMP, _DEVICES)
        for number, _, refids in _entries(table)
        for refid in refids
    },
}
#: Events that make a difference to us: those of an arterial line, and of a pump that empties.
_EVENTS: Final = """
196630 MDC_EVT_DISCONN
196634 MDC_EVT_EMPTY
196688 MDC_EVT_OCCL
196880 MDC_EVT_LEAD_OFF
196916 MDC_EVT_SENSOR_DISCONN
196920 MDC_EVT_SENSOR_PROB
196940 MDC_EVT_FLUID_LINE_OCCL
197334 MDC_EVT_VOL_INFUS_NEAR_COMP
"""
_EVENT_BY_REFID: Final = {
    refid: number for number, refid in (line.split() for line in _EVENTS.split("\n") if line)
}


def event_number(code: str, refid: str) -> str:
    """`code`, or the number of the event `refid` where `code` is 0, empty or the bare term."""
    number = _EVENT_BY_REFID.get(refid.upper())
    if number is None or not (code in {"", "0"} or code == str(int(number) & 0xFFFF)):
        return code
    return number


def number_of(refid: str) -> int:
    """The number of a reference id in capitals; 0 if it is none of ours."""
    return _NUMBER_BY_REFID.get(refid.replace("_DEV_", "_"), 0)
