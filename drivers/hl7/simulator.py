"""A gateway that dials in and sends IHE PCD-01: a message for each bed, and one for each pump.

As real gateways do it has one message in flight, repeats the same bytes with the same control id
until they are acknowledged, and forgets what it could not send while nobody was connected.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from math import ceil
from typing import Any, Final

from drivers.hl7.simulated_pumps import observations, order
from drivers.kit.playback import BedState, Play, SimClock
from monitor_daemon.hl7.er7 import Er7Message, read
from monitor_daemon.hl7.mllp import Frame, Framer, framed
from monitor_daemon.hl7.times import to_dtm

_MMHG: Final = "266016^MDC_DIM_MMHG^MDC"
_BPM: Final = "264864^MDC_DIM_BEAT_PER_MIN^MDC"
_DEGC: Final = "268192^MDC_DIM_DEGC^MDC"
#: Signal, OBX-3, OBX-4, OBX-6.
_METRICS: Final = (
    ("heart_rate", "147842^MDC_ECG_HEART_RATE^MDC", "1.1.1.1", _BPM),
    ("art_sys", "150037^MDC_PRESS_BLD_ART_ABP_SYS^MDC", "1.2.1.1", _MMHG),
    ("art_dia", "150038^MDC_PRESS_BLD_ART_ABP_DIA^MDC", "1.2.1.2", _MMHG),
    ("art_map", "150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC", "1.2.1.3", _MMHG),
    ("pulse_rate", "149522^MDC_BLD_PULS_RATE_INV^MDC", "1.2.1.4", _BPM),
    ("cvp", "150087^MDC_PRESS_BLD_VEN_CENT_MEAN^MDC", "1.2.2.1", _MMHG),
    ("pap_sys", "150045^MDC_PRESS_BLD_ART_PULM_SYS^MDC", "1.2.3.1", _MMHG),
    ("pap_dia", "150046^MDC_PRESS_BLD_ART_PULM_DIA^MDC", "1.2.3.2", _MMHG),
    ("pap_map", "150047^MDC_PRESS_BLD_ART_PULM_MEAN^MDC", "1.2.3.3", _MMHG),
    ("nibp_sys", "150021^MDC_PRESS_BLD_NONINV_SYS^MDC", "1.3.1.1", _MMHG),
    ("nibp_dia", "150022^MDC_PRESS_BLD_NONINV_DIA^MDC", "1.3.1.2", _MMHG),
    ("nibp_map", "150023^MDC_PRESS_BLD_NONINV_MEAN^MDC", "1.3.1.3", _MMHG),
    ("spo2", "150456^MDC_PULS_OXIM_SAT_O2^MDC", "1.4.1.1", "262688^MDC_DIM_PERCENT^MDC"),
    (
        "respiration_rate",
        "151562^MDC_RESP_RATE^MDC",
        "1.5.1.1",
        "264928^MDC_DIM_RESP_PER_MIN^MDC",
    ),
    ("temperature", "150368^MDC_TEMP_CORE^MDC", "1.6.1.1", _DEGC),
    (
        "cardiac_output",
        "150276^MDC_OUTPUT_CARD^MDC",
        "1.7.1.1",
        "265216^MDC_DIM_L_PER_MIN^MDC",
    ),
    (
        "cardiac_index",
        "149772^MDC_OUTPUT_CARD_INDEX^MDC",
        "1.7.1.2",
        "264992^MDC_DIM_L_PER_MIN_PER_M_SQ^MDC",
    ),
)
_PROFILE: Final = "IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO"
_MONITORING: Final = "182777000^monitoring of patient^SCT"
_POSITIVE: Final = frozenset({"AA", "CA"})
_NEGATIVE: Final = frozenset({"AE", "AR", "CE", "CR"})

#: Bed, OBR-4, and each OBX from OBX-2 on.
_Group = tuple[str, str, Sequence[str]]


class Gateway:
    """The device side of one connection. `options` are those of the driver."""

    def __init__(self, options: Mapping[str, Any], play: Play, clock: SimClock) -> None:
        self._play = play
        self._clock = clock
        self._period = float(options["period"])
        self._resend = float(options["resend"])
        self._application: str = options["sending_application"]
        self._pumps: bool = options["pumps"]
        self._round = 0
        self._queue: deque[tuple[str, bytes]] = deque()
        self._sent_at: float | None = None
        self._framer = Framer()
        self.refused = 0

    def connected(self, now: float) -> Iterable[bytes]:
        """Repeats what was not acknowledged; rounds that fell due in between are lost."""
        self._framer = Framer()
        missed = ceil(self._clock.elapsed(now) / self._period)
        self._round = max(self._round, missed)
        return self._send(now)

    def feed(self, data: bytes, now: float) -> Iterable[bytes]:
        """An answer to the message in flight frees the next one; anything else is ignored."""
        sent: list[bytes] = []
        for item in self._framer.feed(data):
            answer = read(item.payload) if isinstance(item, Frame) else None
            if isinstance(answer, Er7Message) and self._answered(answer):
                self._queue.popleft()
                sent += self._send(now)
        return sent

    def due(self) -> float | None:
        """The next repetition or the next round; None when the play is over."""
        if self._sent_at is not None:
            return self._sent_at + self._resend
        if self._round * self._period > self._play.length:
            return None
        return self._clock.monotonic(self._round * self._period)

    def wake(self, now: float) -> Iterable[bytes]:
        """Sends the round that is due, or the unanswered message again."""
        due = self.due()
        return self._send(now) if due is not None and now >= due else ()

    def _answered(self, answer: Er7Message) -> bool:
        status = next((segment for segment in answer.segments if segment[0] == "MSA"), [])
        if self._sent_at is None or len(status) < 3 or status[2] != self._queue[0][0]:
            return False
        self.refused += status[1] in _NEGATIVE
        return status[1] in _POSITIVE | _NEGATIVE

    def _send(self, now: float) -> list[bytes]:
        """The first message of the queue, which a round that has come due fills."""
        self._sent_at = None
        due = self.due()
        if not self._queue and due is not None and now >= due:
            self._queue += self._messages(self._round * self._period)
            self._round += 1
        if not self._queue:
            return []
        self._sent_at = now
        return [self._queue[0][1]]

    def _messages(self, elapsed: float) -> list[tuple[str, bytes]]:
        time = to_dtm(self._clock.utc + timedelta(seconds=elapsed))
        said = [group for bed in self._play.at(elapsed) for group in self._groups(bed)]
        return [self._message(f"{time[:14]}-{n}", time, *group) for n, group in enumerate(said, 1)]

    def _groups(self, bed: BedState) -> Iterable[_Group]:
        """What a round says of a bed: each group is a message."""
        if bed.signals:
            yield bed.bed, _MONITORING, _monitor(bed.signals)
        for pump in bed.pumps if self._pumps else ():
            yield bed.bed, order(pump), observations(pump)

    def _message(
        self, control_id: str, time: str, bed: str, obr4: str, obxs: Sequence[str]
    ) -> tuple[str, bytes]:
        header = f"{self._application}|SIMULATOR|||{time}||ORU^R01^ORU_R01|{control_id}|P|2.6"
        lines = [
            f"MSH|^~\\&|{header}|||AL|NE||UNICODE UTF-8|||{_PROFILE}",
            # Nobody is known: HL7 requires PID-3 all the same, and so it is null.
            'PID|||""||^^^^^^U',
            f"PV1||I|{bed}",
            f"OBR|1|{control_id}|{control_id}|{obr4}|||{time}",
            *(f"OBX|{n}|{obx}" for n, obx in enumerate(obxs, 1)),
        ]
        text = "".join(f"{line}\r" for line in lines)
        return control_id, framed(text.encode())


def _monitor(signals: Mapping[str, float]) -> list[str]:
    """Each OBX from OBX-2 on: the monitor, then what it measures."""
    return [
        "|69965^MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS^MDC|1.0.0.0|||||||X",
        *(
            f"NM|{code}|{place}|{round(signals[signal], 1):g}|{unit}|||||R"
            for signal, code, place, unit in _METRICS
            if signal in signals
        ),
    ]
