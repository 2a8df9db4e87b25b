"""ORU^R40 (IHE PCD-04, report alert) to alarm rows: one for each OBR.

Facets are told by number or name, since published messages misspell either. A measured value that
comes along with an alarm is part of the alarm, not a reading.
"""

import re
from collections.abc import Iterable
from typing import Final

from drivers.hl7.mdc import event_number
from drivers.hl7.observations import told
from drivers.hl7.values import bad_times, stamp
from monitor_daemon.core.vocabulary import Alarm, Fault
from monitor_daemon.hl7.er7 import Er7Message
from monitor_daemon.hl7.times import to_iso

_FACETS: Final = {
    "68480": "source",
    "68481": "phase",
    "68482": "state",
    "68483": "inactivation",
    "68484": "priority",
    "68485": "type",
    "68546": "text",
    "MDC_ATTR_ALERT_SOURCE": "source",
    "MDC_ATTR_EVENT_PHASE": "phase",
    "MDC_ATTR_ALARM_STATE": "state",
    "MDC_ATTR_ALARM_INACTIVATION_STATE": "inactivation",
    "MDC_ATTR_ALARM_PRIORITY": "priority",
    "MDC_ATTR_ALERT_TYPE": "type",
    "MDC_ATTR_ALERT_TEXT": "text",
}
_PRIORITIES: Final = frozenset({"PN", "PL", "PM", "PH"})
#: "This source is alive", sent at intervals; no alarm.
_HEARTBEAT: Final = frozenset({"196614", "MDC_EVT_ACTIVE"})
#: OBX-3 says only that there is an event; which one stands in OBX-5.
_GENERIC: Final = frozenset({"196616", "MDC_EVT_ALARM"})
#: What monitors call the arterial pressure that an alarm is about: its text need not say.
_ARTERIAL: Final = {
    **dict.fromkeys(("150032", "150033", "150034", "150035", "MDC_PRESS_BLD_ART"), "ART"),
    **dict.fromkeys(("150036", "150037", "150038", "150039", "MDC_PRESS_BLD_ART_ABP"), "ABP"),
}
_NAMES_LINE: Final = re.compile(r"\b(?:ABP|ART|ARTERIAL)\b", re.IGNORECASE)
_PHASE_NAMES: Final = re.compile("_(?:SYS|DIA|MEAN)$")
_NOT_TECHNICAL: Final = frozenset({"SP", "SA"})


class Alarms:
    """Collects the alarms of one message, and a fault for each time that is none."""

    def __init__(self, message: Er7Message) -> None:
        self.rows: list[Alarm | Fault] = []
        self._encoding = message.encoding
        self._time = ""
        self._facets: dict[str, str] = {}
        self._source: str | None = None
        self._event: list[str] | None = None

    def group(self, obr: list[str]) -> None:
        """An OBR starts a new alarm."""
        self._facets, self._event, self._source = {}, None, None
        self._time = stamp(obr[7], self._encoding.component) if len(obr) > 7 else ""

    def observation(self, obx: list[str]) -> None:
        """One OBX: a facet of the alarm, its event, or something around it."""
        obx = told(obx)
        parts = self._parts(obx[3])
        facet = facet_of(parts[0], parts[1])
        if facet == "source":
            self._source = _line(self._parts(obx[5]))
        elif facet:
            self._facets.setdefault(facet, self._said(obx[5]))
        elif self._event is None and _is_event(parts[0], parts[1], obx[4]):
            self._event = obx
        elif _facet_number(obx[4]) == "2":
            self._source = self._source or _line(parts)

    def finish(self, bed: str | None, patient: str | None) -> None:
        """The alarm of this OBR is complete."""
        if self._event is None and not self._facets:
            return
        obx = self._event or told([])
        hat, repetition = self._encoding.component, self._encoding.repetition
        value, named = self._parts(obx[5]), self._parts(obx[3])
        if _HEARTBEAT & {*named, *value}:
            return
        words = next((value[at] for at in (8, 4, 1, 0) if at < len(value) and value[at]), None)
        code = _event_code(named, value)
        flags = [flag.strip() for flag in obx[8].split(repetition)]
        priority = self._facets.get("priority") or next(
            (flag for flag in flags if flag in _PRIORITIES), None
        )
        time = stamp(obx[14], hat) or self._time
        self.rows.append(
            Alarm(
                code=hat.join(code).rstrip(hat) or None,
                text=self._named(self._facets.get("text") or words, flags),
                priority=priority or None,
                phase=self._facets.get("phase") or None,
                state=self._facets.get("state") or None,
                device_time=to_iso(time),
                bed=bed,
                patient=patient,
            )
        )
        self.rows += bad_times([time])

    def _named(self, text: str | None, flags: list[str]) -> str | None:
        """The text; that of a technical alarm names the arterial pressure that it is about."""
        label = self._source
        if label is None or _NOT_TECHNICAL & {self._facets.get("type"), *flags}:
            return text
        return text if _NAMES_LINE.search(text or "") else f"{text or ''} ({label})".strip()

    def _parts(self, field: str) -> list[str]:
        """The components of a field, at least two; `""` is empty."""
        found = [part.strip() for part in field.split(self._encoding.component)]
        return [
            *("" if part == '""' else self._encoding.unescape(part) for part in found),
            *[""] * (2 - len(found)),
        ]

    def _said(self, obx5: str) -> str:
        """The first repetition's text: a word, or the text of a coded one."""
        first = self._parts(obx5.split(self._encoding.repetition, 1)[0])
        return next(filter(None, first), "")


def facet_of(number: str, name: str) -> str | None:
    """What of an alarm an OBX with this code tells; the name goes before the number."""
    return _FACETS.get(name.upper()) or _FACETS.get(number)


def _is_event(number: str, name: str, obx4: str) -> bool:
    """Facet 1 of the five or more elements of OBX-4, or a code of the event partition."""
    return number == "196616" or name.startswith("MDC_EVT_") or _facet_number(obx4) == "1"


def _facet_number(obx4: str) -> str:
    """The last of five or more elements of OBX-4; fewer are the place of a device or a value."""
    places = obx4.strip().split(".")
    return places[-1] if len(places) > 4 else ""


def _line(source: Iterable[str]) -> str | None:
    """What monitors call the arterial pressure with this number and name; None for another."""
    number, name, *_ = source
    key = _PHASE_NAMES.sub("", name.upper())
    return _ARTERIAL.get(key if key.startswith("MDC_") else number)


def _event_code(named: list[str], value: list[str]) -> list[str]:
    """The event's code, name and system, from OBX-3 (`named`) and OBX-5 (`value`).

    A coded event stands in OBX-5, in either triplet, with the text a person reads in CWE-9 or an
    alternate; an event that OBX-3 names has its text there.
    """
    triplets = (value[:3], value[3:6])
    event = next((found for found in triplets if found[2:] == ["MDC"]), None)
    if event is None:
        generic = bool(_GENERIC & {*named})
        other = value[0] and not named[1].startswith("MDC_EVT_")
        event = value[:3] if any(value[1:]) and (generic or other) else named
    return [event_number(event[0], event[1]), *event[1:]]
