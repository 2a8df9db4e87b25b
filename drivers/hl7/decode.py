"""A message to rows."""

from collections.abc import Mapping
from typing import Any, Final

from drivers.hl7.alarms import Alarms
from drivers.hl7.code_map import site_codes
from drivers.hl7.identity import bed_of, identities, patient_of
from drivers.hl7.observations import Observations
from drivers.hl7.tables import Tables
from monitor_daemon.core.vocabulary import Fault, Quality, Row
from monitor_daemon.hl7.er7 import Er7Message

#: Message types that may carry what we read; orders and queries are none of our business.
READ: Final = frozenset({"ORU", "OUL", "ADT"})
#: Answers, which are never answered.
ANSWERS: Final = frozenset({"ACK", "MCF", "ORA"})


def message_type(message: Er7Message) -> tuple[str, str]:
    """MSH-9.1 and MSH-9.2 in capitals, such as ORU and R01."""
    whole = message.msh(9).upper().split(message.encoding.component)
    parts = [part.strip() for part in whole] + [""]
    return parts[0], parts[1]


def is_simulated(message: Er7Message) -> bool:
    """MSH-11 says training or debugging: nothing in the message is about a patient."""
    return message.msh(11).split(message.encoding.component)[0].strip().upper() in {"T", "D"}


class Reader:
    """Decodes messages with the options and the codes of one site.

    Raises ConfigError for a code map that cannot be used.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._tables = Tables(site_codes(options["codes"], options.get("code_map", "")))
        self._unvalidated = bool(options["accept_unvalidated"])

    def rows(self, message: Er7Message, offset: int | None = None) -> tuple[Row, ...]:
        """What `message` says; nothing for orders, answers and heartbeats. Never raises."""
        kind, trigger = message_type(message)
        rows: list[Row] = []
        if message.damaged:
            reason = f"bytes do not fit the character set MSH-18 = {message.msh(18)!r}"
            rows.append(Fault("HL7_CHARSET", offset, reason))
        if kind == "ADT":
            rows += identities(message, trigger)
        elif kind == "ORU" and trigger == "R40":
            rows += _alarms(message)
        elif kind in READ:
            rows += self._observations(message, specimen_first=trigger == "R22")
        return tuple(rows)

    def collector(self, message: Er7Message) -> Observations:
        """What takes the segments of an ORU or OUL one by one."""
        quality = Quality.NOT_PATIENT if is_simulated(message) else Quality.GOOD
        return Observations(message, self._tables, quality, unvalidated=self._unvalidated)

    def _observations(self, message: Er7Message, *, specimen_first: bool) -> list[Row]:
        found = self.collector(message)
        patient: str | None = None
        for segment in message.segments:
            name = segment[0]
            if name == "OBX":
                if not found.express(segment):
                    found.observation(segment)
            elif name == "OBR":
                found.group(segment)
            elif name == "PID":
                patient = patient_of(message, segment)
                found.person(None, patient)
            elif name == "PV1":
                found.person(bed_of(segment), patient)
            elif name == "PRT":
                found.participant(segment)
            elif specimen_first and name == "SPM":
                found.specimen(segment)
        return found.finish()


def _alarms(message: Er7Message) -> list[Row]:
    found = Alarms(message)
    bed: str | None = None
    patient: str | None = None
    for segment in message.segments:
        match segment[0]:
            case "OBX":
                found.observation(segment)
            case "OBR":
                found.finish(bed, patient)
                found.group(segment)
            case "PID":
                bed, patient = None, patient_of(message, segment)
            case "PV1":
                bed = bed_of(segment)
    found.finish(bed, patient)
    return list(found.rows)
