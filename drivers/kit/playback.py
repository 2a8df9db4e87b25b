"""What a simulated device plays: a timeline of pressures and infusions, and the clock it runs by.

A play file (YAML) lays recorded or written tracks over beds; `docs/how-to/simulate.md` shows one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from monitor_daemon.core.vocabulary import PumpStatus


@dataclass(frozen=True, slots=True)
class SimClock:
    """The clock that simulators share with the daemon: simulated seconds run `speed` times faster.

    `start` is the monotonic time (s) at which playback second 0 happens, `utc` the simulated
    date and time of that moment.
    """

    start: float
    utc: datetime
    speed: float = 1.0

    def elapsed(self, now: float) -> float:
        """Playback seconds at monotonic time `now` (s)."""
        return (now - self.start) * self.speed

    def at(self, now: float) -> datetime:
        """Simulated date and time (UTC) at monotonic time `now` (s)."""
        return self.utc.astimezone(UTC) + timedelta(seconds=self.elapsed(now))

    def monotonic(self, elapsed: float) -> float:
        """The monotonic time (s) at which playback second `elapsed` happens."""
        return self.start + elapsed / self.speed


@dataclass(frozen=True, slots=True)
class PumpState:
    """One syringe at one moment, as its display would show it."""

    channel: str
    drug: str
    rate_ml_h: float
    status: PumpStatus = PumpStatus.RUNNING
    concentration: float | None = None
    concentration_unit: str | None = None
    dose: float | None = None
    dose_unit: str | None = None
    weight_kg: float | None = None
    volume_ml: float = 0.0


@dataclass(frozen=True, slots=True)
class BedState:
    """One bed at one moment. A signal that is absent is not connected."""

    bed: str
    signals: Mapping[str, float]
    pumps: Sequence[PumpState]


class Play(Protocol):
    """What is played."""

    length: float
    """Seconds until the recording ends; infinity for a script that holds its last values."""

    def at(self, elapsed: float) -> Sequence[BedState]:
        """Every bed at playback second `elapsed`."""


def bed_at(play: Play, elapsed: float, wanted: str) -> BedState:
    """The bed called `wanted` at playback second `elapsed`, the first bed if that is empty.

    Without such a bed one to which nothing is connected; `drivers.kit.simulate` refuses that
    name. Before second 0 it is as at second 0.
    """
    for bed in play.at(max(0.0, elapsed)):
        if wanted in {"", bed.bed}:
            return bed
    return BedState(wanted, {}, ())


def pump_at(play: Play, elapsed: float, wanted: str, channel: str) -> PumpState | None:
    """The pump `channel` of the bed `wanted`, the first pump if `channel` is empty."""
    pumps = bed_at(play, elapsed, wanted).pumps
    return next((pump for pump in pumps if channel in {"", pump.channel}), None)
