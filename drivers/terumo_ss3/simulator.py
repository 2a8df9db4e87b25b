"""A simulated pump: answers for one syringe of a bed of a play."""

from collections.abc import Mapping
from typing import Any, Final

from drivers.kit.playback import Play, PumpState, SimClock, pump_at
from drivers.terumo_ss3.commands import STATUS, Body, read, write
from drivers.terumo_ss3.frames import Framer, Packet
from drivers.terumo_ss3.record import DOSE_UNITS
from monitor_daemon.core.vocabulary import PumpStatus

#: The example record of the TE-SS830P manual has 87 bytes; what ours holds after the dilution is
#: zero and means nothing.
RECORD_LENGTH: Final = 87

_UNKNOWN_COMMAND: Final = b"\x11\x00\x00\x00"
_VERSION: Final = b"\x04\x03"
_RESERVED: Final = b"\x10\x00"
#: Full battery on mains; nothing on the monitor; a 50 mL syringe.
_POWER, _MONITOR, _SYRINGE = 0x15, 0x00, 0x06
_VTBI_DISABLED: Final = b"\xee\xee\xee"
_OCCLUSION: Final = 1 << 3

#: A pump has no word for the rest: KVO runs, paused and alarm stand.
_NIBBLES: Final[Mapping[PumpStatus, int]] = {
    PumpStatus.RUNNING: 1,
    PumpStatus.KVO: 1,
    PumpStatus.STANDBY: 2,
    PumpStatus.PURGE: 3,
    PumpStatus.BOLUS: 4,
    PumpStatus.STOPPED: 0,
    PumpStatus.PAUSED: 0,
    PumpStatus.ALARM: 0,
    PumpStatus.UNKNOWN: 0xF,
}
_STANDS: Final = frozenset({PumpStatus.STOPPED, PumpStatus.PAUSED, PumpStatus.ALARM})
_DOSE_CODES: Final = {unit: code for code, unit in DOSE_UNITS.items()}
_MG_PER_ML: Final = {"mg/mL": 1.0, "ug/mL": 0.001, "g/mL": 1000.0}


class Pump:
    """The device side, with the driver's options.

    A pump that is switched off, or that is not in the play, says nothing.
    """

    def __init__(self, settings: Mapping[str, Any], play: Play, clock: SimClock) -> None:
        self._settings = settings
        self._play = play
        self._clock = clock
        self._framer = Framer()

    def connected(self, now: float) -> list[bytes]:
        """The reader connected; a pump waits to be asked."""
        self._framer = Framer()
        return []

    def feed(self, data: bytes, now: float) -> list[bytes]:
        """Answers to what the reader sent; what is damaged or for another pump has none."""
        answers: list[bytes] = []
        for item in self._framer.feed(data):
            body = read(item.text) if isinstance(item, Packet) else None
            if isinstance(body, Body) and body.request:
                answers += self._answer(body, self._clock.elapsed(now))
        return answers

    def due(self) -> float | None:
        """Never: a pump only answers."""
        return None

    def wake(self, now: float) -> list[bytes]:
        """Nothing is ever sent unasked."""
        return []

    def _answer(self, body: Body, elapsed: float) -> list[bytes]:
        device = self._settings["device_id"]
        pump = pump_at(self._play, elapsed, self._settings["bed"], self._settings["pump"])
        if body.device not in {"", device} or pump is None or pump.status is PumpStatus.OFF:
            return []
        if body.command is None:
            return [write("REP", device)]
        if len(body.command) < 4:
            return []
        if body.command[1:] != STATUS:
            return [write("REP", device, body.command[:4] + _UNKNOWN_COMMAND)]
        record = body.command + self._record(pump)
        return [write("REP", device, record.ljust(RECORD_LENGTH, b"\0"))]

    def _record(self, pump: PumpState) -> bytes:
        """The record after the echoed head, from the result on."""
        stands = pump.status in _STANDS
        keeps = self._settings["programmed_rate_while_stopped"]
        code = _DOSE_CODES.get(pump.dose_unit or "")
        strength = (pump.concentration or 0.0) * _MG_PER_ML.get(pump.concentration_unit or "", 0.0)
        return b"".join(
            (
                b"\0",
                _VERSION,
                bytes([_NIBBLES[pump.status] << 4]),
                _RESERVED,
                (_OCCLUSION if pump.status is PumpStatus.ALARM else 0).to_bytes(3),
                bytes([_POWER, _MONITOR, _SYRINGE]),
                _field(0.0 if stands and not keeps else pump.rate_ml_h, 100, 3),
                _field(pump.volume_ml, 100, 3),
                _VTBI_DISABLED,
                _field((pump.dose or 0.0) if code is not None else 0.0, 100, 3),
                bytes([code or 0]),
                b"\xff\xff" if pump.weight_kg is None else _field(pump.weight_kg, 10, 2),
                _field(strength, 100, 3),
            )
        )


def _field(value: float, scale: int, size: int) -> bytes:
    """A number as the record holds it, at most the one before EE..., which is no number."""
    return min(round(value * scale), (0xEE << 8 * (size - 1)) - 1).to_bytes(size)
