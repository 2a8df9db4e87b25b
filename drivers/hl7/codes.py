"""OBX-3 to what it means: a signal, a pump parameter, a device, or nothing we know.

Number and name are judged together: where they contradict each other the code means nothing.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from drivers.hl7.code_map import SiteCode
from drivers.hl7.mdc import BY_NUMBER, FOREIGN, UNKNOWN, Code, number_of
from drivers.hl7.units import UNIT_FREE
from drivers.hl7.vendors import DRAEGER, JLAC10, LOINC, MINDRAY, NIHON_KOHDEN, PDS, PHILIPS

#: How the label of a signal may speak of it (`_topic`), and words that are none of ours.
_WORDS: Final = {
    topic: re.compile(pattern)
    for topic, pattern in (
        ("art", r"^(?!.*(?:PULM|NON.?INV)).*(?:\bART(?!IF)|\bABP|\bIBP)"),
        ("nibp", r"NIBP|NBP|NON.?INV|\bCUFF\b"),
        ("pap", r"\bPAP|PULM"),
        ("cvp", r"\bCVP|CENTRAL VEN"),
        ("heart", r"\bHR\b|HEART|PULS|\bPR\b"),
        ("respiration", r"RESP|\bRR\b"),
        ("spo2", r"SPO2|SATURATION|OXIM"),
        ("temperature", r"TEMP"),
        ("cardiac_output", r"CARD\w* OUTPUT|\bC?CO\b"),
        ("cardiac_index", r"(?:CARD\w*|HEART) INDEX|\bC?CI\b"),
        ("svr", r"\bSVR|VASC\w* RES"),
        ("lactate", r"LACT|\bC?LAC\b"),
        ("sodium", r"SODIUM|NATRIUM"),
        ("creatinine", r"CREAT|KREAT"),
        ("crt", r"CAPILLARY REF|\bCRT\b"),
        ("weight", r"WEIGHT"),
        ("height", r"HEIGHT"),
    )
}
_FOREIGN: Final = re.compile(r"CO2|DEHYDROG|\bLDH\b|\bCSF\b|髄液|\bICP\b")
#: A name that makes something else of the same quantity: a weight nobody has, no blood.
_NO_BLOOD: Final = re.compile(
    r"URIN|HARN|尿|LIQUOR|SPINAL|PLEURA|ASCIT|PERITON|AMNIO|DIALYS|SWEAT|STOOL"
)
_OTHERWISE: Final = {
    "weight": re.compile(r"IDEAL|PREDICT|BIRTH|ADJUSTED|\b(?:DRY|LEAN)\b"),
    **dict.fromkeys(("lactate", "sodium", "creatinine"), _NO_BLOOD),
}
#: JLAC10, characters 10 to 12: blood of any kind, plasma, serum; before that urine, beyond it CSF.
_BLOOD: Final = ("017", "039")
#: Places of an arterial line that count only where the site says so, in capitals.
ELSEWHERE: Final = re.compile(r"FEMOR|BRACHI|AXILL|PEDIS|UMBIL|AORT|PULM")
#: Begin of the names of a pump's sources, of which only the first has a published number.
_SOURCE: Final = "MDC_DEV_PUMP_INFUSATE_SOURCE_"
_PHYSIOLOGY: Final = 2
#: Labels of a pressure on Philips monitors that is none of those we read.
_PHILIPS_ELSEWHERE: Final = re.compile(r"(?:AO|BAP|FAP|UAP|UVP|RAP|LAP|ICP|IC[12]|P[1-8]?)[SDM]?")
_PHASES: Final = {"SYS": "_sys", "DIA": "_dia", "MEAN": "_map"}


class CodeTable:
    """The built-in codes and those of one site, which go before ours.

    That is how a femoral line or a laboratory's own code comes to count.
    """

    def __init__(self, site: Iterable[SiteCode] = ()) -> None:
        self._site: defaultdict[tuple[str, str], list[SiteCode]] = defaultdict(list)
        # The more exact goes before the more general.
        for entry in sorted(site, key=lambda entry: (not entry.channel, not entry.name)):
            self._site[entry.code, entry.system].append(entry)
        #: Whether a code may mean different things in different places.
        self.by_channel = any(entry.channel for found in self._site.values() for entry in found)

    def find(self, obx3: str, channel: str = "", *, pds: bool = False) -> Code:
        """What OBX-3 (components by `^`) means; `pds` for a Mindray bedside message.

        `channel` is OBX-4 without its last element. Two triplets with different meanings cancel
        each other, unless the site gave one of them its meaning.
        """
        parts = [part.strip() for part in obx3.replace('""', "").split("^")] + [""] * 6
        triplets = (parts[:3], parts[3:6])
        for code, text, system in triplets:
            for entry in self._site.get((code, system), ()):
                if entry.fits(text, channel):
                    return Code(signal=entry.signal, unit=entry.unit, mapped=True)
        first, second = (_triplet(*triplet) for triplet in triplets)
        if pds and not parts[2]:
            first = _pds(parts[0], parts[1].upper())
        known = {first, second} - {UNKNOWN}
        return known.pop() if len(known) == 1 and FOREIGN not in known else UNKNOWN


def _triplet(code: str, text: str, system: str) -> Code:
    system, label = system.upper(), text.upper()
    if system == "MDC" or (not system and label.startswith("MDC_")):
        return _mdc(code, label)
    if system == "MDIL":
        return _mdil(code, label)
    if system == "MDIL-ALERT":
        return Code(alert=True)
    if system in {"LN", "LOINC"}:
        return _signal(LOINC.get(code.split("&", 1)[0]), label)
    if system in {"JC10", "JLAC10"}:
        return _jlac10(code, label)
    if system == "99MNDRY":
        return _signal(MINDRAY.get((code, label)))
    if system == "LOCAL":
        return _signal(DRAEGER.get(code.upper()))
    return UNKNOWN if system else _signal(NIHON_KOHDEN.get((code, label)))


def _signal(signal: str | None, label: str = "") -> Code:
    """`signal`, unless there is none or the label speaks of another."""
    if signal is None:
        return UNKNOWN
    return FOREIGN if _agrees(label, signal) is False else Code(signal=signal)


def _jlac10(code: str, label: str) -> Code:
    """By analyte; a laboratory's whole code also says of what material, which must be blood."""
    analyte = JLAC10.get(code[:5])
    if analyte and len(code) > 11 and not _BLOOD[0] <= code[9:12] <= _BLOOD[1]:
        return FOREIGN
    return _signal(analyte or JLAC10.get(code[:3]), label)


def _pds(code: str, label: str) -> Code:
    """Mindray bedside: bare numbers, which other senders use as well.

    The unit tells them apart; what may come without one needs a name that agrees.
    """
    signal = PDS.get(code)
    named = signal not in UNIT_FREE or _agrees(label, signal)
    return _signal(signal, label) if named else UNKNOWN


def _mdc(code: str, refid: str) -> Code:
    """By number and name; a number of 0 or none leaves the name, a bare term needs the name."""
    named = number_of(refid)
    number = int(code) if code.isascii() and code.isdecimal() and len(code) < 10 else 0
    bare_term = number not in BY_NUMBER and named & 0xFFFF == number
    if number == 0 or bare_term:
        number = named
    found = BY_NUMBER.get(number)
    if found is None:
        part = refid.removeprefix(_SOURCE).lower() if refid.startswith(_SOURCE) else "other"
        return Code(device=part) if refid.startswith("MDC_DEV_") and not named else UNKNOWN
    if named:
        return found if named == number else FOREIGN
    # The same pump parameter goes by several names; what a signal is called must be about it.
    if found.signal is None or not refid:
        return found
    return found if _agrees(refid, found.signal) else FOREIGN


def _mdil(code: str, label: str) -> Code:
    """Philips: partition and term in hexadecimal, `0002-4a17^ABPm`."""
    try:
        partition, term = (int(part, 16) for part in code.split("-"))
    except ValueError:
        return UNKNOWN
    found = BY_NUMBER.get((partition << 16) + term, UNKNOWN)
    if partition == _PHYSIOLOGY and term in PHILIPS:
        found = Code(signal=PHILIPS[term])
    if found.signal is None:
        return found
    if _PHILIPS_ELSEWHERE.fullmatch(label):
        return FOREIGN
    phase = {"S": "SYS", "D": "DIA", "M": "MEAN"}.get(label[-1:], "")
    pressure = label[:3] in {"ABP", "ART", "IBP", "NBP", "PAP", "CVP"}
    return _signal(found.signal, f"{label} {phase}" if pressure else label)


def _agrees(label: str, signal: str) -> bool | None:
    """Whether `label`, in capitals, speaks of `signal`; None if it names nothing we know."""
    said = [ending for word, ending in _PHASES.items() if word in label]
    if signal.endswith(tuple(_PHASES.values())) and said and signal[-4:] not in said:
        return False
    other = _OTHERWISE.get(signal)
    if _FOREIGN.search(label) or (other and other.search(label)):
        return False
    if signal.startswith("art_") and ELSEWHERE.search(label):
        return False
    if _WORDS[_topic(signal)].search(label):
        return True
    return False if any(words.search(label) for words in _WORDS.values()) else None


def _topic(signal: str) -> str:
    """What tells `signal` from others: not the phase of a pressure, nor how a rate is counted."""
    if signal in _WORDS:
        return signal
    return "heart" if signal == "pulse_rate" else signal.partition("_")[0]
