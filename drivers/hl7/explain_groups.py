"""What became of the segments of an ORU or OUL message, and why."""

from collections.abc import Iterator
from typing import Final

from drivers.hl7.decode import Reader
from drivers.hl7.identity import bed_of, patient_of, whole
from drivers.hl7.observations import Observations, told
from drivers.hl7.values import ARRAYS
from drivers.kit.probe import Explained, describe, made
from monitor_daemon.core.vocabulary import SIGNAL_UNITS, Quality, Reading, Row, Unmapped
from monitor_daemon.hl7.er7 import Er7Message

_SHOWN: Final = 60


def groups(message: Er7Message, reader: Reader, *, specimen_first: bool) -> Iterator[Explained]:
    """The segments of an ORU or OUL; an infusion comes where its group ends."""
    found = reader.collector(message)
    patient: str | None = None
    for segment in message.segments[1:]:
        before = len(found.rows)
        line = person(message, segment) or Explained(segment[0], "", "ignored: not needed here")
        match segment[0]:
            case "OBX":
                found.observation(segment)
                hat = message.encoding.component
                yield _observation(found, hat, segment, found.rows[before:])
                continue
            case "PID":
                patient = patient_of(message, segment)
                found.person(None, patient)
            case "PV1":
                found.person(bed_of(segment), patient)
            case "OBR":
                found.group(segment)
                time = whole(segment, 7)
                none = "ignored: OBR-7 is empty"
                use = "used: time of values that have none of their own" if time else none
                line = Explained("OBR", time or "", use)
            case "PRT":
                if found.participant(segment):
                    line = Explained("PRT", "not shown", "used: PRT-10 names the device above")
            case "SPM" if specimen_first:
                found.specimen(segment)
                time = whole(segment, 17)
                use = "used: when the specimen was taken" if time else "ignored: SPM-17 is empty"
                line = Explained("SPM", time or "", use)
        yield from made(found.rows[before:])
        yield line
    before = len(found.rows)
    yield from made(found.finish()[before:])


def _observation(found: Observations, hat: str, segment: list[str], rows: list[Row]) -> Explained:
    obx = told(segment)
    wire = f"{obx[3]} = {obx[5][:_SHOWN]} {obx[6]}".rstrip()
    code, _ = found.meaning(obx[3], obx[4], obx[6])
    if rows and isinstance(rows[0], Reading):
        use = "used: " + _reading(rows[0], obx)
    elif rows and isinstance(rows[0], Unmapped):
        use = "unmapped: " + _why_unmapped(found, obx, hat)
    elif rows:
        use = f"used: {describe(rows[0]).signal}"
    elif obx[2] in ARRAYS:
        use = f"ignored: OBX-2 = {obx[2]}, a waveform or a document"
    elif code.pump:
        used = f"used: {code.pump} of a pump, whose row stands below"
        use = "ignored: not needed of a pump" if code.pump == "-" else used
    else:
        use = f"used: a part of the device, at {obx[4] or 'no place'}; it has no value itself"
    return Explained(place(segment), wire, use)


def _reading(row: Reading, obx: list[str]) -> str:
    said = f"{row.signal} {describe(row).value} {row.unit}, {row.quality}"
    if row.unvalidated:
        said += ", unvalidated (OBX-11 = X)"
    elif row.quality is not Quality.GOOD:
        said += f": OBX-8 = {obx[8] or 'empty'}, OBX-11 = {obx[11] or 'empty, so OBR-25'}"
    source = "OBX-14" if obx[14] else "OBR-7 or the device above"
    return f"{said}; time {row.device_time} ({source})" if row.device_time else f"{said}; no time"


def _why_unmapped(found: Observations, obx: list[str], hat: str) -> str:
    code, unit = found.meaning(obx[3], obx[4], obx[6])
    if code.signal is None:
        parts = [*obx[3].split(hat), "", ""]
        alone, _ = found.meaning(hat.join((parts[0], "", parts[2])), obx[4], obx[6])
        if alone.signal:
            return f"the code is that of {alone.signal}, the name is not"
        return "nobody mapped this code; a code map may"
    if reason := found.not_measured(code, obx):
        return f"{code.signal}, but {reason}"
    if unit is None:
        if not obx[6].strip():
            return f"{code.signal} has no unit"
        wanted = SIGNAL_UNITS[code.signal]
        return f"the unit of {code.signal} contradicts itself or cannot be converted to {wanted}"
    return f"{code.signal}, but OBX-5 is not one number with a decimal point"


def person(message: Er7Message, segment: list[str]) -> Explained | None:
    """A PID or PV1; None for another segment. Of a PID nothing is quoted."""
    match segment[0]:
        case "PID":
            told = patient_of(message, segment) is not None
            use = "used: the patient" if told else "ignored: names no patient"
            return Explained("PID", "not shown", use)
        case "PV1":
            bed = bed_of(segment)
            return Explained("PV1", bed or "", "used: the bed" if bed else "ignored: no PV1-3")
    return None


def place(obx: list[str]) -> str:
    """How an OBX is called: by its OBX-1, if it has one."""
    return f"OBX {obx[1]}".rstrip() if len(obx) > 1 else "OBX"
