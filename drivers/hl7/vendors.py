"""Codes outside of MDC: LOINC, JLAC10 and those of single manufacturers.

Sources: the LOINC table; SS-MIX2 of the National Hospital Organization, Japan (JLAC10); Philips
IntelliVue Data Export, private terms; published messages of Mindray, Nihon Kohden and Draeger
gateways, one public source each.
"""

from typing import Final

LOINC: Final = {
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
    **dict.fromkeys(("2160-0", "14682-9", "38483-4", "59826-8"), "creatinine"),
    "44963-7": "crt",
    **dict.fromkeys(("29463-7", "3141-9"), "weight"),
    "8302-2": "height",
}
#: JLAC10: the analyte is the first five characters, for bedside observations the first three.
JLAC10: Final = {
    "3E010": "lactate",
    "3H010": "sodium",
    "3C015": "creatinine",
    "9P3": "pulse_rate",
    "9P2": "respiration_rate",
    "9P1": "temperature",
}
#: Private terms of partition 2: continuous cardiac index, lactate.
PHILIPS: Final = {0xF047: "cardiac_index", 0xF174: "lactate"}
MINDRAY: Final = {("378", "MNDRY_OUTPUT_CARD_INDEX_CTS"): "cardiac_index"}
NIHON_KOHDEN: Final = {
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
DRAEGER: Final = {
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
    # In the order of 500 to 502; a name that says another phase is refused.
    "503": "pap_sys",
    "504": "pap_map",
    "505": "pap_dia",
    "51": "weight",
    "52": "height",
}
