"""ORU^R40: an alert as IHE PCD-04 reports it to an alarm manager. Pure.

Message and facets: IHE PCD Technical Framework rev. 8.0, volume 2, PCD-04 Report Alert; HL7 v2.6.
Our alerts are advisories about a trial protocol (SA), never physiological or technical alarms.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from monitor_daemon.hl7.er7 import Encoding
from monitor_daemon.hl7.times import to_dtm

Phase = Literal["start", "continue", "escalate", "end"]
Priority = Literal["PN", "PL", "PM", "PH"]
Inactivation = Literal["enabled", "audio-paused", "alert-acknowledged"]

#: Our coding system, as HL7 wants local ones to be named: 99 and letters (HL7 table 0396).
LOCAL: Final = "99MONITORDAEMON"
_PROFILE: Final = ("IHE_PCD_ACM_001", "IHE PCD", "1.3.6.1.4.1.19376.1.6.1.4.1", "ISO")
_EVENT: Final = ("196616", "MDC_EVT_ALARM", "MDC")
_ACTIVE: Final = ("196614", "MDC_EVT_ACTIVE", "MDC")
_SOURCE: Final = ("68480", "MDC_ATTR_ALERT_SOURCE", "MDC")
_TIMEOUT: Final = ("67860", "MDC_ATTR_CONFIRM_TIMEOUT", "MDC")
_CALCULATED: Final = ("ACALC", "auto-calculation", "MDC")
_LANGUAGES: Final = {"en": "English", "fr": "French", "ja": "Japanese"}
#: Event codes (ISO/IEEE 11073-10101) of a pressure beyond a limit, by which limit.
_BEYOND: Final = {
    "low": ("196672", "MDC_EVT_LO_LT_LIM", "MDC"),
    "high": ("196650", "MDC_EVT_HI_GT_LIM", "MDC"),
}
_MAP: Final = ("150039", "MDC_PRESS_BLD_ART_ABP_MEAN", "MDC")
_MMHG: Final = ("266016", "MDC_DIM_MMHG", "MDC", "mm[Hg]", "mm[Hg]", "UCUM")
_SECONDS: Final = ("264320", "MDC_DIM_SEC", "MDC", "s", "s", "UCUM")
#: The devices above the mean pressure, by their place in OBX-4.
_CONTAINMENT: Final = (
    ("1.0.0.0", ("69965", "MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS", "MDC")),
    ("1.2.0.0", ("69854", "MDC_DEV_METER_PRESS_BLD_VMD", "MDC")),
    ("1.2.1.0", ("69855", "MDC_DEV_METER_PRESS_BLD_CHAN", "MDC")),
)
#: PID-5 of somebody whose name is not told (IHE PCD TF-2, PID).
_UNNAMED: Final = ("", "", "", "", "", "", "U")

_ER7: Final = Encoding()
#: Beside delimiters: VT and FS would end the frame that carries the message.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

#: A field is text, or components, each text or subcomponents.
Component = str | Sequence[str]
Field = str | Sequence[Component]


@dataclass(frozen=True, slots=True)
class Envelope:
    """From whom to whom. Each name is an HD: `name`, or `name`, universal id, its type.

    `site` stands for the unit in PV1-3. `language` is that of the texts (ISO 639). `receipts` asks
    the alarm manager to tell what became of an alert (PCD-05).
    """

    site: str
    application: tuple[str, ...]
    facility: tuple[str, ...]
    to_application: tuple[str, ...] = ()
    to_facility: tuple[str, ...] = ()
    language: str = "en"
    receipts: bool = False


@dataclass(frozen=True, slots=True)
class MeanPressure:
    """The mean arterial pressure (mmHg) that an alert is about, and on which side it was.

    `value` was seen at `at`; None: nobody looks at it any more.
    """

    value: float | None
    at: datetime
    side: Literal["low", "high"]
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class AlertReport:
    """One report of one alert.

    `control_id` is MSH-10. `report_id` is OBR-3, that of the first report of an alert is the
    `parent` of the later ones; a first report has none. `subject` is a pseudonym, `bed` an alias.
    `kind` and `clause` name the rule and its place in the protocol, `text` is what staff read.
    """

    control_id: str
    report_id: str
    parent: str | None
    at: datetime
    phase: Phase
    priority: Priority
    subject: str
    bed: str
    kind: str
    clause: str
    text: str
    inactivation: Inactivation = "enabled"
    pressure: MeanPressure | None = None


def alert_message(envelope: Envelope, report: AlertReport) -> bytes:
    """The report as a message in UTF-8, without framing. Takes any text; `at` knows its zone."""
    at = to_dtm(report.at)
    pressure = report.pressure
    own = (report.kind, report.clause, LOCAL)
    place, origin, code = "1.0.0.0", own, _EVENT
    if pressure is not None:
        place, origin, code = "1.2.1.3", _MAP, _BEYOND[pressure.side]
    # The code of the standard, ours as the alternate, and the text a person reads in CWE-9.
    event = (*code, *own, "", "", report.text)
    rows = [
        *([] if pressure is None else _measured(pressure)),
        _observation("CWE", _EVENT, f"{place}.1", event, {14: at, 18: _device(envelope)}),
        _observation("CWE", _SOURCE, f"{place}.2", origin, {14: at}),
        *_states(place, report.phase, report.inactivation, report.priority),
    ]
    return _message(
        _header(envelope, report.control_id, at),
        ["PID", "", "", (report.subject, "", "", envelope.application, "ANON"), "", _UNNAMED],
        ["PV1", "", "I", (envelope.site, "", report.bed)],
        _request(envelope, report.report_id, at, report.parent),
        *_numbered(rows),
    )


def heartbeat_message(envelope: Envelope, control_id: str, at: datetime, every: float) -> bytes:
    """Says that we are there; the next one comes within `every` seconds. It concerns no patient.

    Its place is the site, since PCD-04 wants a patient or a place. As Draeger's sample for the IHE
    ACM profile has it: MDC_EVT_ACTIVE as an advisory without priority that continues, with a
    confirm time-out.
    """
    now, place = to_dtm(at), "1.0.0.0"
    source = ("HEARTBEAT", "", LOCAL)
    rows = [
        _observation("CWE", _EVENT, f"{place}.1", _ACTIVE, {14: now, 18: _device(envelope)}),
        _observation("CWE", _SOURCE, f"{place}.2", source, {14: now}),
        *_states(place, "continue", "enabled", "PN"),
        _observation("NM", _TIMEOUT, f"{place}.8", f"{every:g}", {6: _SECONDS}),
    ]
    return _message(
        # What becomes of a sign of life nobody has to tell.
        _header(replace(envelope, receipts=False), control_id, now),
        ["PV1", "", "N", (envelope.site,)],
        _request(envelope, control_id, now, None),
        *_numbered(rows),
    )


def control_id(message: bytes) -> str:
    """MSH-10 of a message that was made here."""
    return message.split(b"|", 10)[9].decode()


def _header(envelope: Envelope, control: str, at: str) -> list[Field]:
    language = (envelope.language, _LANGUAGES.get(envelope.language, ""), "ISO639")
    return [
        "MSH", envelope.application, envelope.facility, envelope.to_application,
        envelope.to_facility, at, "", ("ORU", "R40", "ORU_R40"), control, "P", "2.6", "", "", "AL",
        "AL" if envelope.receipts else "NE", "", "UNICODE UTF-8", language, "", _PROFILE,
    ]  # fmt: skip


def _request(envelope: Envelope, report: str, at: str, parent: str | None) -> list[Field]:
    fields: list[Field] = ["OBR", "1", "", (report, *envelope.application), _EVENT, "", "", at]
    if parent is not None:
        fields += [""] * 21 + [("", (parent, *envelope.application))]
    return fields


def _device(envelope: Envelope) -> Field:
    """OBX-18, an EI whose first part may stand alone."""
    name, *universal = envelope.application
    return (name, "", *universal)


def _measured(pressure: MeanPressure) -> Iterable[list[Field]]:
    for place, code in _CONTAINMENT:
        yield _observation("", code, place, "", {11: "X"})
    if pressure.value is None:
        return
    sign, flag = (">", "L") if pressure.side == "low" else ("<", "H")
    limit = "" if pressure.limit is None else f"{sign}{pressure.limit:g}"
    more = {6: _MMHG, 7: limit, 8: flag, 14: to_dtm(pressure.at), 17: _CALCULATED}
    yield _observation("NM", _MAP, "1.2.1.3", f"{pressure.value:.1f}", more)


def _states(
    place: str, phase: Phase, inactivation: Inactivation, priority: Priority
) -> Iterable[list[Field]]:
    state = "inactive" if phase == "end" else "active"
    for facet, code, name, value in (
        (3, "68481", "MDC_ATTR_EVENT_PHASE", phase),
        (4, "68482", "MDC_ATTR_ALARM_STATE", state),
        (5, "68483", "MDC_ATTR_ALARM_INACTIVATION_STATE", inactivation),
        (6, "68484", "MDC_ATTR_ALARM_PRIORITY", priority),
        (7, "68485", "MDC_ATTR_ALERT_TYPE", "SA"),
    ):
        yield _observation("ST", (code, name, "MDC"), f"{place}.{facet}", value)


def _observation(
    kind: str, code: Field, place: str, value: Field, more: Mapping[int, Field] | None = None
) -> list[Field]:
    """One OBX without its number: OBX-2 to OBX-5, and `more` fields by their numbers."""
    fields: list[Field] = ["OBX", "", kind, code, place, value, *[""] * 13]
    fields[11] = "F"
    for number, field in (more or {}).items():
        fields[number] = field
    return fields


def _numbered(rows: Sequence[list[Field]]) -> Iterable[list[Field]]:
    for number, row in enumerate(rows, start=1):
        yield [row[0], str(number), *row[2:]]


def _message(*segments: Sequence[Field]) -> bytes:
    lines = ["|".join(_field(field) for field in segment).rstrip("|") for segment in segments]
    lines[0] = lines[0].replace("MSH|", "MSH|^~\\&|", 1)
    return "".join(f"{line}\r" for line in lines).encode("utf-8", "replace")


def _field(field: Field) -> str:
    if isinstance(field, str):
        return _leaf(field)
    return "^".join(_component(part) for part in field).rstrip("^")


def _component(part: Component) -> str:
    return _leaf(part) if isinstance(part, str) else "&".join(map(_leaf, part)).rstrip("&")


def _leaf(text: str) -> str:
    """One leaf with its delimiters escaped, control characters too."""
    return _CONTROL.sub(lambda found: f"\\X{ord(found[0]):02X}\\", _ER7.escaped(text))
