"""ORU^R40 (IHE PCD-04, report alert) to alarm rows: one for each OBR.

Facets are told by number or name, since published messages misspell either. A measured value that
comes along with an alarm is part of the alarm, not a reading.
"""

from typing import Final

from drivers.hl7.values import bad_times
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
_WIDTH: Final = 15
#: What monitors call the arterial pressure that an alarm is about: its text need not say.
_ARTERIAL: Final = {
    **dict.fromkeys(("150032", "150033", "150034", "150035"), "ART"),
    **dict.fromkeys(("150036", "150037", "150038", "150039"), "ABP"),
    **{f"MDC_PRESS_BLD_ART{part}": "ART" for part in ("", "_SYS", "_DIA", "_MEAN")},
    **{f"MDC_PRESS_BLD_ART_ABP{part}": "ABP" for part in ("", "_SYS", "_DIA", "_MEAN")},
}
_NOT_TECHNICAL: Final = frozenset({"SP", "SA"})


class Alarms:
    """Collects the alarms of one message, and a fault for each time that is none."""

    def __init__(self, message: Er7Message) -> None:
        self.rows: list[Alarm | Fault] = []
        self._encoding = message.encoding
        self._time = ""
        self._facets: dict[str, str] = {}
        self._event: list[str] | None = None

    def group(self, obr: list[str]) -> None:
        """An OBR starts a new alarm."""
        self._facets, self._event = {}, None
        self._time = obr[7] if len(obr) > 7 else ""

    def observation(self, obx: list[str]) -> None:
        """One OBX: a facet of the alarm, its event, or something around it."""
        obx = obx + [""] * (_WIDTH - len(obx))
        parts = [part.strip() for part in obx[3].split(self._encoding.component)] + [""]
        facet = facet_of(parts[0], parts[1])
        if facet:
            self._facets.setdefault(facet, self._said(obx[5]))
        elif self._event is None and _is_event(parts[0], parts[1], obx[4]):
            self._event = obx
        elif obx[4].strip().endswith(".2"):
            self._facets.setdefault("source", parts[0] or parts[1])

    def finish(self, bed: str | None, patient: str | None) -> None:
        """The alarm of this OBR is complete."""
        if self._event is None and not self._facets:
            return
        obx = self._event or [""] * _WIDTH
        hat, repetition = self._encoding.component, self._encoding.repetition
        value = [self._encoding.unescape(part).strip() for part in obx[5].split(hat)]
        named = {part.strip() for part in obx[3].split(hat)}
        if _HEARTBEAT & {*named, *value}:
            return
        # A coded event stands in OBX-5 with the text a person reads in CWE-9 or an alternate; an
        # event named in OBX-3 has its text there.
        coded = len(value) > 1 and bool(value[0] or _GENERIC & named)
        code = hat.join(value[:3]) if coded else self._encoding.unescape(obx[3].strip())
        words = next((value[at] for at in (8, 4, 1, 0) if at < len(value) and value[at]), None)
        flags = [flag.strip() for flag in obx[8].split(repetition)]
        priority = self._facets.get("priority") or next(
            (flag for flag in flags if flag in _PRIORITIES), None
        )
        self.rows.append(
            Alarm(
                code=code or None,
                text=self._named(self._facets.get("text") or words, flags),
                priority=priority or None,
                phase=self._facets.get("phase") or None,
                state=self._facets.get("state") or None,
                device_time=to_iso(obx[14] or self._time),
                bed=bed,
                patient=patient,
            )
        )
        self.rows += bad_times([obx[14] or self._time])

    def _named(self, text: str | None, flags: list[str]) -> str | None:
        """The text; that of a technical alarm names the arterial pressure that it is about."""
        label = _ARTERIAL.get(self._facets.get("source", ""))
        if label is None or _NOT_TECHNICAL & {self._facets.get("type"), *flags}:
            return text
        return f"{text or ''} ({label})".strip() if label not in (text or "").upper() else text

    def _said(self, obx5: str) -> str:
        """The first repetition's text: a word, or the text of a coded one."""
        first = obx5.split(self._encoding.repetition, 1)[0].split(self._encoding.component)
        return self._encoding.unescape(next((part for part in first if part.strip()), "")).strip()


def facet_of(number: str, name: str) -> str | None:
    """What of an alarm an OBX with this code tells; the name goes before the number."""
    return _FACETS.get(name.upper()) or _FACETS.get(number)


def _is_event(number: str, name: str, obx4: str) -> bool:
    """Facet 1 of the five or more elements of OBX-4, or a code of the event partition."""
    places = obx4.strip().split(".")
    facet_1 = len(places) > 4 and places[-1] == "1"
    return number == "196616" or name.startswith("MDC_EVT_") or facet_1
