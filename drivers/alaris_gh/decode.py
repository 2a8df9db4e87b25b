"""Lines to rows.

The layout of INF comes from one public driver with strings recorded from two pumps; the meanings of
alarm codes are a reading of their abbreviations.
"""

import re
from typing import Final

from drivers.alaris_gh.frames import Framer, Line
from monitor_daemon.core.vocabulary import Alarm, Fault, Infusion, Quality, Row, Unmapped

#: Fields of INF after its name: serial number, alarm, mode, rate and unit, drug, volume and unit,
#: pressure and unit, time remaining, log type and entry.
INF_FIELDS: Final = 13

ALARMS: Final[dict[str, str]] = {
    "AL_OCCLU": "occlusion",
    "AL_NEOIN": "near end of infusion",
    "AL_EOIST": "end of infusion, stopped",
    "AL_EOIKV": "end of infusion, KVO",
    "AL_VTBIC": "VTBI reached, continues",
    "AL_VTBIK": "VTBI reached, KVO",
    "AL_VTBIS": "VTBI reached, stopped",
    "AL_DRDIS": "drive disengaged",
    "AL_SYRCO": "syringe",
    "AL_LWBAT": "battery low",
    "AL_EMBAT": "battery empty",
    "AL_ACDIS": "mains lost",
    "AL_CALLB": "call back",
    "AL_COMTO": "communication time-out",
    "AL_PRDSC": "pressure disc",
    "AL_RHIGH": "rate high",
    "AL_TITCG": "titration not confirmed",
    "AL_TITCA": "titration not confirmed",
    "AL_TITNC": "titration not confirmed",
    "AL_FAULT": "fault",
}
#: How a pump says that no alarm stands: in INF, and in the answer to ALARM.
_NO_ALARM: Final = frozenset({"", "-", "AL_NOALM"})

#: Answers that describe the pump and no infusion.
_ABOUT: Final = frozenset(
    {"INST_SERIALNO", "COMMS_PROTOCOL", "COMMS_RESPONSE_MAX", "SYRINGE_STATUS"}
    | {"INF_RATE_MAX_SYRINGE", "INF_VTBI"}
)
_NUMBER: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{0,9})?")


def line_rows(line: Line) -> tuple[Row, ...]:
    """The rows of a line.

    INF gives an `Infusion`, an `Alarm` if one stands, and as `Unmapped` the mode, whose words
    nobody has listed, and numbers that cannot be read. Status is always unknown. A line that nobody
    has documented becomes `Unmapped`, an INF with too few fields a `Fault` with code RECORD.
    """
    if line.name == "INF":
        if not line.arguments:
            return ()  # the question, as another computer asks it
        if len(line.arguments) < INF_FIELDS:
            reason = f"INF with {len(line.arguments)} fields: {INF_FIELDS} expected"
            return (Fault("RECORD", line.offset, reason),)
        return _infusion(line.arguments)
    if line.name == "ALARM":
        return tuple(_alarm(line.arguments[0].strip(), None)) if line.arguments else ()
    if line.name in _ABOUT or not line.arguments:
        return ()
    return (Unmapped(line.name, "^".join(line.arguments)),)


def _infusion(fields: tuple[str, ...]) -> tuple[Row, ...]:
    serial, alarm, mode, rate_text, rate_unit, drug, volume_text, volume_unit = (
        field.strip() for field in fields[:8]
    )
    unmapped = [Unmapped("INF mode", mode)] if mode else []
    rate = _number(rate_text) if rate_unit == "ml/h" else None
    if rate is None and rate_text:
        unmapped.append(Unmapped("INF rate", rate_text, rate_unit or None))
    volume = _number(volume_text) if volume_unit == "ml" else None
    if volume is None and volume_text:
        unmapped.append(Unmapped("INF volume", volume_text, volume_unit or None))
    infusion = Infusion(
        channel=serial or None,
        drug=drug or None,
        rate_ml_h=rate,
        quality=Quality.NO_VALUE if rate is None else Quality.GOOD,
        volume_ml=volume,
    )
    return (infusion, *_alarm(alarm, serial or None), *unmapped)


def _alarm(code: str, serial: str | None) -> list[Alarm]:
    if code in _NO_ALARM:
        return []
    text = ALARMS.get(code, "undocumented") + (f" (pump {serial})" if serial else "")
    return [Alarm(code=code, text=text, state="active")]


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


class AlarisDecoder:
    """Framer and decoder without a session."""

    def __init__(self) -> None:
        self._framer = Framer()

    def feed(self, data: bytes) -> list[Row]:
        """The rows of the lines that `data` completes."""
        rows: list[Row] = []
        for item in self._framer.feed(data):
            rows += [item] if isinstance(item, Fault) else line_rows(item)
        return rows

    def finish(self) -> list[Row]:
        """What was left incomplete."""
        return list(self._framer.finish())
