"""A simulated station: answers the BCC requests with the pumps of one bed of a play."""

import re
from collections.abc import Mapping
from typing import Any, Final

from drivers.bbraun_space.frames import Broken, Control, Frame, Framer, encode
from drivers.bbraun_space.simulated_pump import pump_parameters
from drivers.kit.playback import BedState, Play, PumpState, SimClock, bed_at
from monitor_daemon.core.vocabulary import PumpStatus

_STATION: Final = "50100"
_STATION_RECORDS: Final = (
    "FMNOR,1",
    "FMSTAT,00051",
    "FMDONGLE,T",
    "FMBANY,_NV",
    "FMRT,FMS1NSNS",
    "FMRSTAT,00051",
)
_SLOTS: Final = "123456789ABCDEFGHIJKLMNO"
_BAD_REQUEST: Final = "GNERR,68"
_NO_PUMP: Final = "GNERR,11"
_WRONG_ADDRESS: Final = "GNERR,811"
_SLOT_REQUEST: Final = re.compile("MEM:GETSLOT#([1-3])([1-9A-O])")
_NOT_IN_BED_ID: Final = re.compile("[^/-9A-z]")

_Slot = tuple[int, int]


class Station:
    """The device side, with the driver's options.

    If the driver is passive, another recorder asks and acknowledges, and only the station's line is
    heard. Its time is the simulated seconds since the start of the play. A pump keeps the slot in
    which it was first seen.
    """

    def __init__(self, settings: Mapping[str, Any], play: Play, clock: SimClock) -> None:
        self._settings = settings
        self._play = play
        self._clock = clock
        self._stuffed = settings["stuffing"] != "off"
        self._framer = self._new_framer()
        self._slots: dict[str, _Slot] = {}
        self._greeted: set[str] = set()
        #: What pumps had delivered (mL) when the bolus that runs was first seen.
        self._boluses: dict[str, float] = {}
        #: Texts still to be sent, and the one sent last with whether it was the last of its answer.
        self._waiting: list[str] = []
        self._latest: tuple[str, bool] | None = None
        self._unacknowledged = False
        self._cycle: float | None = None

    def connected(self, now: float) -> list[bytes]:
        """The reader connected; in cyclic mode the first cycle is due, or another's request."""
        self._framer = self._new_framer()
        self._waiting, self._latest, self._unacknowledged = [], None, False
        unasked = self._settings["passive"] or self._settings["mode"] == "cyclic"
        self._cycle = now if unasked else None
        return []

    def feed(self, data: bytes, now: float) -> list[bytes]:
        """Answers to what the reader sent."""
        answers: list[bytes] = []
        for item in self._framer.feed(data):
            match item:
                case Frame():
                    self._waiting = self._reply(item, now)
                    self._unacknowledged = False
                case Broken(ended=True):
                    self._waiting = [self._record(_STATION, _BAD_REQUEST, now)]
                    self._unacknowledged = False
                case Control.ACK:
                    self._unacknowledged = False
                case Control.NAK:
                    if self._latest:
                        answers += self._send(*self._latest, now)
                    continue
            answers += self._next(now)
        return answers

    def due(self) -> float | None:
        """When the next cycle begins, or another recorder asks; else None."""
        return self._cycle

    def wake(self, now: float) -> list[bytes]:
        """A cycle begins; it is left out while a block is not acknowledged."""
        if self._cycle is None or now < self._cycle:
            return []
        self._cycle = now + self._settings["poll_period"]
        if self._settings["passive"]:
            texts = self._blocks(now)
            return [c for n, t in enumerate(texts, 1) for c in self._send(t, n == len(texts), now)]
        if self._unacknowledged:
            return []
        self._waiting = self._blocks(now)
        return self._next(now)

    def _new_framer(self) -> Framer:
        return Framer("on" if self._stuffed else "off")

    def _next(self, now: float) -> list[bytes]:
        if self._unacknowledged or not self._waiting:
            return []
        text = self._waiting.pop(0)
        self._unacknowledged = True
        return self._send(text, not self._waiting, now)

    def _send(self, text: str, last: bool, now: float) -> list[bytes]:
        self._latest = (text, last)
        return [encode(self._bed_id(now), text, last=last, stuffed=self._stuffed)]

    def _reply(self, frame: Frame, now: float) -> list[str]:
        """The texts that answer a request."""
        request = frame.information.decode("utf-8", errors="replace")
        if request == "ADMIN:ALIVE":
            return [self._record(_STATION, "GNACK,0", now)]
        if frame.bed == self._bed_id(now):
            if request == "ADMIN:VERSION":
                return [self._record(_STATION, "V3.30", now)]
            if request == "MEM:GET":
                return self._blocks(now)
            slot = _SLOT_REQUEST.fullmatch(request)
            if slot:
                return self._blocks(now, (int(slot[1]), _SLOTS.index(slot[2]) + 1))
        return [self._record(_STATION, _BAD_REQUEST, now)]

    def _blocks(self, now: float, only: _Slot | None = None) -> list[str]:
        """One text per pump, or that of the pump in slot `only`; the first tells the station."""
        texts: list[str] = []
        for pump in self._bed(now).pumps:
            slot = self._slots.setdefault(pump.channel, self._free_slot())
            if only in {None, slot}:
                parameters = pump_parameters(
                    pump,
                    first=pump.channel not in self._greeted,
                    keep_rate=self._settings["programmed_rate_while_stopped"],
                    bolus=self._bolus(pump),
                )
                self._greeted.add(pump.channel)
                address = self._address(slot)
                texts.append("\x1e".join(self._record(address, p, now) for p in parameters))
        if not texts:
            return [self._record(_STATION, _NO_PUMP if only is None else _WRONG_ADDRESS, now)]
        station = (self._record(_STATION, record, now) for record in _STATION_RECORDS)
        return ["\x1e".join((*station, texts[0])), *texts[1:]]

    def _bolus(self, pump: PumpState) -> float | None:
        """The volume (mL) of a bolus that has ended since the request before."""
        if pump.status is PumpStatus.BOLUS:
            self._boluses.setdefault(pump.channel, pump.volume_ml)
            return None
        before = self._boluses.pop(pump.channel, None)
        return None if before is None else max(0.0, pump.volume_ml - before)

    def _free_slot(self) -> _Slot:
        pillar, slot = divmod(len(self._slots), len(_SLOTS))
        return pillar + 1, slot + 1

    def _address(self, slot: _Slot) -> str:
        pillar, number = slot
        two_digits = self._settings["addresses"] == "digits"
        return f"501{pillar}{number:02d}" if two_digits else f"501{pillar}{_SLOTS[number - 1]}"

    def _record(self, address: str, record: str, now: float) -> str:
        elapsed = max(0.0, self._clock.elapsed(now))
        return f"{int(elapsed)},{address},{record}"

    def _bed(self, now: float) -> BedState:
        return bed_at(self._play, self._clock.elapsed(now), self._settings["bed"])

    def _bed_id(self, now: float) -> str:
        return _NOT_IN_BED_ID.sub("_", self._bed(now).bed)[:15] or "station"
