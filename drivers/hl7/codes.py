"""OBX-3 to what it means: a signal, a pump parameter, a device, or nothing we know.

Number and name are judged together: where they contradict each other the code means nothing.
Sources: ISO/IEEE 11073-10101 as printed in the IHE PCD Technical Framework (MDC); LOINC; SS-MIX2
(JLAC10); published messages of Philips, Mindray, Nihon Kohden and Draeger gateways.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple


class Code(NamedTuple):
    """One meaning of OBX-3; all None is unknown. `device` is the role of a containment level."""

    signal: str | None = None
    pump: str | None = None
    device: str | None = None


UNKNOWN: Final = Code()

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
158012 - MDC_PUMP_SOURCE_CHANNEL_LABEL
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
70071 source MDC_DEV_PUMP_INFUSATE_SOURCE_PRIMARY
70091 syringe MDC_DEV_PUMP_SYRINGE_INFO
"""
#: The patient's weight: of the bed when a monitor sends it, of the dose when a pump does.
_WEIGHT: Final = Code(signal="weight", pump="weight")


def _entries(table: str) -> Iterator[tuple[int, str, list[str]]]:
    for line in table.split("\n"):
        if line:
            number, name, *refids = line.split()
            yield int(number), name, refids


_BY_NUMBER: Final[dict[int, Code]] = {
    68063: _WEIGHT,
    **{number: Code(signal=name) for number, name, _ in _entries(_SIGNALS)},
    **{number: Code(pump=name) for number, name, _ in _entries(_PUMP)},
    **{number: Code(device=name) for number, name, _ in _entries(_DEVICES)},
}
#: Names without the DEV_ that some texts add to a pump's parameters.
_NUMBER_BY_REFID: Final[dict[str, int]] = {
    "MDC_ATTR_PT_WEIGHT": 68063,
    **{
        refid.replace("_DEV_", "_"): number
        for table in (_SIGNALS, _PUMP, _DEVICES)
        for number, _, refids in _entries(table)
        for refid in refids
    },
}

_LOINC: Final = {
    "76215-3": "art_sys",
    "76213-8": "art_dia",
    "76214-6": "art_map",
    "8508-4": "nibp_sys",
    "8496-2": "nibp_dia",
    **dict.fromkeys(("76536-2", "8502-7"), "nibp_map"),
    **dict.fromkeys(("60985-9", "8591-0"), "cvp"),
    **dict.fromkeys(("8867-4", "76282-3"), "heart_rate"),
    "9279-1": "respiration_rate",
    **dict.fromkeys(("59408-5", "2708-6", "2710-2"), "spo2"),
    **dict.fromkeys(("8741-1", "8737-9"), "cardiac_output"),
    **dict.fromkeys(("8751-0", "75919-1"), "cardiac_index"),
    **dict.fromkeys(("8310-5", "8329-5", "60834-9", "8334-5"), "temperature"),
    **dict.fromkeys(("32693-4", "2518-9", "2519-7", "19240-1", "19239-3", "2524-7"), "lactate"),
    **dict.fromkeys(("59032-3", "30242-2", "14118-4"), "lactate"),
    **dict.fromkeys(("2951-2", "2947-0"), "sodium"),
    "44963-7": "crt",
    **dict.fromkeys(("29463-7", "3141-9"), "weight"),
    "8302-2": "height",
}
#: JLAC10: the analyte is the first five characters, for bedside observations the first three.
_JLAC10: Final = {
    "3E010": "lactate",
    "3H010": "sodium",
    "9P3": "pulse_rate",
    "9P2": "respiration_rate",
    "9P1": "temperature",
}
_MINDRAY: Final = {("378", "MNDRY_OUTPUT_CARD_INDEX_CTS"): "cardiac_index"}
_NIHON_KOHDEN: Final = {
    ("001000", "VITAL HR"): "heart_rate",
    ("007000", "VITAL SPO2"): "spo2",
    ("007001", "VITAL PR"): "pulse_rate",
    **{
        (code, f"NIBP {label}"): signal
        for code in ("009000", "009001", "009002")
        for label, signal in (
            ("SYS", "nibp_sys"),
            ("DIAS", "nibp_dia"),
            ("DIA", "nibp_dia"),
            ("MEAN", "nibp_map"),
        )
        if (label == "MEAN") == (code == "009002")
    },
}
_DRAEGER: Final = {
    **{
        f"ART {letter}": name
        for letter, name in zip("SDM", ("art_sys", "art_dia", "art_map"), strict=True)
    },
    **{
        f"NIBP {letter}": name
        for letter, name in zip("SDM", ("nibp_sys", "nibp_dia", "nibp_map"), strict=True)
    },
    **{
        f"PA {letter}": name
        for letter, name in zip("SDM", ("pap_sys", "pap_dia", "pap_map"), strict=True)
    },
}
#: Identifiers of the Mindray bedside interface (HL7 2.3.1), sent without a coding system.
PDS: Final = {
    "101": "heart_rate",
    "151": "respiration_rate",
    "160": "spo2",
    "161": "pulse_rate",
    "170": "nibp_sys",
    "171": "nibp_dia",
    "172": "nibp_map",
    "200": "temperature",
    "201": "temperature",
    "202": "temperature",
    "500": "art_sys",
    "501": "art_map",
    "502": "art_dia",
    "51": "weight",
    "52": "height",
}
_PHASES: Final = {"SYS": "_sys", "DIA": "_dia", "MEAN": "_map"}


class CodeTable:
    """The built-in codes and those of one site.

    `site` maps `code^system` of OBX-3.1 and OBX-3.3 (`150651^MDC`, `LAC^L`, `P7^`) to a signal; it
    is how a femoral line or a laboratory's own code comes to count.
    """

    def __init__(self, site: Mapping[str, str] | None = None) -> None:
        self._site = dict(site or {})

    def find(self, obx3: str, *, pds: bool = False) -> Code:
        """What OBX-3 (components by `^`) means; `pds` for a Mindray bedside message.

        Two triplets with different meanings cancel each other.
        """
        parts = [part.strip() for part in obx3.split("^")] + [""] * 6
        first, second = self._triplet(*parts[:3]), self._triplet(*parts[3:6])
        if pds and not parts[2]:
            first = _pds(parts[0], parts[1])
        if first is not UNKNOWN and second is not UNKNOWN and first != second:
            return UNKNOWN
        return second if first is UNKNOWN else first

    def _triplet(self, code: str, text: str, system: str) -> Code:
        site = self._site.get(f"{code}^{system}")
        if site is not None:
            return Code(signal=site)
        system, label = system.upper(), text.upper()
        signal: str | None = None
        if system == "MDC" or (not system and label.startswith("MDC_")):
            return _mdc(code, label)
        if system == "MDIL":
            return _mdil(code, label)
        if system in {"LN", "LOINC"}:
            signal = _LOINC.get(code.split("&", 1)[0])
        elif system in {"JC10", "JLAC10"}:
            signal = _JLAC10.get(code[:5]) or _JLAC10.get(code[:3])
        elif system == "99MNDRY":
            signal = _MINDRAY.get((code, label))
        elif system == "LOCAL":
            signal = _DRAEGER.get(code.upper())
        elif not system:
            signal = _NIHON_KOHDEN.get((code, label))
        return Code(signal=signal) if signal else UNKNOWN


def _mdc(code: str, refid: str) -> Code:
    """By number and name; a number of 0 or none leaves the name, a bare term needs the name."""
    named = _NUMBER_BY_REFID.get(refid.replace("_DEV_", "_"), 0)
    number = int(code) if code.isascii() and code.isdecimal() and len(code) < 10 else 0
    bare_term = number not in _BY_NUMBER and named & 0xFFFF == number
    if number == 0 or bare_term:
        number = named
    found = _BY_NUMBER.get(number)
    if found is None:
        return Code(device="other") if refid.startswith("MDC_DEV_") and not named else UNKNOWN
    if named:
        return found if named == number else UNKNOWN
    # The same pump parameter goes by several names; a signal's name must be one we know.
    foreign = refid.startswith("MDC_") and found.signal is not None
    return UNKNOWN if foreign or _contradicts(refid, found.signal) else found


def _mdil(code: str, label: str) -> Code:
    """Philips: partition and term in hexadecimal, `0002-4a17^ABPm`."""
    try:
        partition, term = (int(part, 16) for part in code.split("-"))
    except ValueError:
        return UNKNOWN
    found = _BY_NUMBER.get((partition << 16) + term, UNKNOWN)
    phase = {"S": "SYS", "D": "DIA", "M": "MEAN"}.get(label[-1:], "")
    pressure = label[:3] in {"ABP", "ART", "NBP", "PAP", "CVP"}
    return UNKNOWN if pressure and _contradicts(phase, found.signal) else found


def _pds(code: str, label: str) -> Code:
    signal = PDS.get(code)
    return UNKNOWN if signal is None or _contradicts(label.upper(), signal) else Code(signal=signal)


def _contradicts(label: str, signal: str | None) -> bool:
    """Whether `label` names another phase of the pressure than `signal` is."""
    if signal is None or not signal.endswith(tuple(_PHASES.values())):
        return False
    said = [ending for word, ending in _PHASES.items() if word in label]
    return bool(said) and not any(signal.endswith(ending) for ending in said)
