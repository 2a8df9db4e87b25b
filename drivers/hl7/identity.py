"""ADT messages to identity rows: who lies where, by MSH-9.2.

EVN-1 may contradict it, as in an A12 of HL7's own examples; it counts only where MSH-9.2 is empty.
"""

from typing import Final

from drivers.hl7.values import bad_times, stamp
from monitor_daemon.core.vocabulary import Fault, Identity
from monitor_daemon.hl7.er7 import Er7Message
from monitor_daemon.hl7.times import to_iso

_EVENTS: Final = {
    "A01": "admit",
    "A04": "admit",
    "A02": "transfer",
    "A06": "transfer",
    "A07": "transfer",
    "A03": "discharge",
    "A08": "update",
    "A11": "cancel_admit",
    "A12": "cancel_transfer",
    "A13": "cancel_discharge",
    "A17": "swap",
    "A18": "merge",
    "A34": "merge",
    "A40": "merge",
}
#: Messages about more than one patient.
_MANY: Final = frozenset({"swap", "merge"})


def identities(message: Er7Message, trigger: str) -> list[Identity | Fault]:
    """The rows of an ADT message; none for an event that moves nobody.

    `bed` is where the patient is after the event, also for a cancelled transfer or discharge.
    """
    evn = next((segment for segment in message.segments if segment[0] == "EVN"), [])
    event = _EVENTS.get(trigger or whole(evn, 1) or "")
    if event is None:
        return []
    hat = message.encoding.component
    times = [stamp(whole(evn, number) or "", hat) for number in (6, 2)]
    rows: list[Identity] = []
    pid: list[str] | None = None
    pv1: list[str] = []
    mrg: list[str] = []

    def close() -> None:
        if pid is not None:
            rows.append(
                Identity(
                    event=event,
                    patient=patient_of(message, pid),
                    bed=bed_of(pv1),
                    prior_bed=whole(pv1, 6),
                    prior_patient=first_component(message, mrg, 1),
                    device_time=to_iso(times[0]) or to_iso(times[1]),
                )
            )

    for segment in message.segments:
        match segment[0]:
            case "PID":
                close()
                pid, pv1, mrg = segment, [], []
            case "PV1":
                pv1 = segment
            case "MRG":
                mrg = segment
    close()
    return [*(rows if event in _MANY else rows[:1]), *bad_times(times)]


def whole(segment: list[str], number: int) -> str | None:
    """Field `number` as the wire has it, trimmed; None if it says nothing."""
    text = segment[number].strip() if number < len(segment) else ""
    return None if text in {"", '""'} else text


def first_component(message: Er7Message, segment: list[str], number: int) -> str | None:
    """The first component of the first repetition of a field, unescaped and trimmed."""
    encoding = message.encoding
    text = whole(segment, number) or ""
    if encoding.repetition in text:
        text = text.split(encoding.repetition, 1)[0]
    return encoding.identifier(text.split(encoding.component, 1)[0])


def patient_of(message: Er7Message, pid: list[str]) -> str | None:
    """PID-3.1, else PID-2.1, else PID-4.1."""
    for number in (3, 2, 4):
        patient = first_component(message, pid, number)
        if patient:
            return patient
    return None


def bed_of(pv1: list[str]) -> str | None:
    """PV1-3, whole."""
    return whole(pv1, 3)
