"""What became of each segment of a message, and why, in words for a biomedical engineer.

The decoder itself is run, segment by segment, so that this cannot say otherwise. No name and no
number of a patient is quoted.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from drivers.hl7.alarms import facet_of
from drivers.hl7.decode import READ, Reader, is_simulated, message_type
from drivers.hl7.identity import bed_of, patient_of, whole
from drivers.hl7.observations import Observations
from drivers.hl7.values import ARRAYS
from drivers.kit.probe import Explained, describe
from monitor_daemon.core.vocabulary import SIGNAL_UNITS, Quality, Reading, Row, Unmapped
from monitor_daemon.hl7.er7 import Er7Message, Unreadable, read

_WIDTH: Final = 19
_SHOWN: Final = 60


def explain(raw: bytes, options: Mapping[str, Any]) -> Iterator[Explained]:
    """Every segment of `raw`, a message without MLLP bytes, and the rows that several made.

    `options` are those of the driver. A bad message is explained too; nothing is raised for it.
    """
    message = read(raw, options["charset"])
    if isinstance(message, Unreadable):
        yield Explained("message", "", f"unreadable: {message.reason}")
        return
    kind, trigger = message_type(message)
    yield Explained("MSH", f"{kind}^{trigger}, version {message.msh(12)}", _header(message, kind))
    reader = Reader(options)
    if kind in {"ORU", "OUL"} and trigger != "R40":
        yield from _groups(message, reader, specimen_first=trigger == "R22")
        return
    for segment in message.segments[1:]:
        yield _person(message, segment) or _event(message, segment, alarm=trigger == "R40")
    yield from _sums(reader.rows(message))


def _header(message: Er7Message, kind: str) -> str:
    if kind not in READ:
        return f"ignored: only {', '.join(sorted(READ))} are read"
    if is_simulated(message):
        return f"MSH-11 = {message.msh(11)}: a test; nothing in it is about a patient"
    return "read"


def _person(message: Er7Message, segment: list[str]) -> Explained | None:
    match segment[0]:
        case "PID":
            told = patient_of(message, segment) is not None
            return Explained("PID", "not shown", "the patient" if told else "names no patient")
        case "PV1":
            bed = bed_of(segment)
            return Explained("PV1", bed or "", "the bed" if bed else "PV1-3 is empty: no bed")
    return None


def _event(message: Er7Message, segment: list[str], *, alarm: bool) -> Explained:
    """A segment of an ADT, or of an alarm."""
    name = segment[0]
    if name == "EVN" and not alarm:
        time = whole(segment, 6) or whole(segment, 2)
        return Explained(name, time or "", "when it happened; MSH-9 says what")
    if name == "MRG" and not alarm:
        return Explained(name, "not shown", "who the patient was before")
    if name == "OBR" and alarm:
        return Explained(name, whole(segment, 7) or "", "an alarm, and its time")
    if name == "OBX" and alarm:
        code = whole(segment, 3) or ""
        parts = [part.strip() for part in code.split(message.encoding.component)] + [""]
        facet = facet_of(parts[0], parts[1])
        use = f"{facet} of the alarm" if facet else "the event, or what it is about"
        return Explained(_place(segment), f"{code} = {whole(segment, 5) or ''}", use)
    return Explained(name, "", "ignored: not needed here")


def _groups(message: Er7Message, reader: Reader, *, specimen_first: bool) -> Iterator[Explained]:
    """The segments of an ORU or OUL; an infusion comes where its group ends."""
    found = reader.collector(message)
    patient: str | None = None
    for segment in message.segments[1:]:
        before = len(found.rows)
        line = _person(message, segment) or Explained(segment[0], "", "ignored: not needed here")
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
                use = "time of values that have none of their own" if time else "OBR-7 is empty"
                line = Explained("OBR", time or "", use)
            case "SPM" if specimen_first:
                found.specimen(segment)
                line = Explained("SPM", whole(segment, 17) or "", "when the specimen was taken")
        yield from _sums(found.rows[before:])
        yield line
    before = len(found.rows)
    yield from _sums(found.finish()[before:])


def _observation(found: Observations, hat: str, segment: list[str], rows: list[Row]) -> Explained:
    obx = segment + [""] * (_WIDTH - len(segment))
    wire = f"{obx[3]} = {obx[5][:_SHOWN]} {obx[6]}".rstrip()
    code, _ = found.meaning(obx[3], obx[4], obx[6])
    if rows and isinstance(rows[0], Reading):
        use = _reading(rows[0], obx)
    elif rows and isinstance(rows[0], Unmapped):
        use = "unmapped: " + _why_unmapped(found, obx, hat)
    elif rows:
        use = describe(rows[0]).signal
    elif obx[2] in ARRAYS:
        use = f"ignored: OBX-2 = {obx[2]}, a waveform or a document"
    elif code.pump:
        use = "ignored: not needed of a pump" if code.pump == "-" else f"{code.pump} of a pump"
    else:
        use = f"a part of the device, at {obx[4] or 'no place'}; it has no value itself"
    return Explained(_place(segment), wire, use)


def _reading(row: Reading, obx: list[str]) -> str:
    said = f"{row.signal} {describe(row).value} {row.unit}, {row.quality}"
    if row.unvalidated:
        said += ", unvalidated (OBX-11 = X)"
    elif row.quality is not Quality.GOOD:
        said += f": OBX-8 = {obx[8] or 'empty'}, OBX-11 = {obx[11] or 'empty'}"
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
    if unit is None:
        if not obx[6].strip():
            return f"{code.signal} has no unit"
        wanted = SIGNAL_UNITS[code.signal]
        return f"the unit of {code.signal} contradicts itself or cannot be converted to {wanted}"
    return f"{code.signal}, but OBX-5 is not one number with a decimal point"


def _sums(rows: Iterable[Row]) -> Iterator[Explained]:
    """Rows that no single segment made."""
    for row in rows:
        heard = describe(row)
        words = " ".join(filter(None, (heard.value, heard.unit, heard.quality)))
        yield Explained(f"-> {heard.signal}", heard.code, words)


def _place(obx: list[str]) -> str:
    return f"OBX {obx[1]}".rstrip() if len(obx) > 1 else "OBX"
