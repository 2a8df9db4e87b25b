"""Simulated devices that answer late, wrongly or not at all, and that restart: alike for all.

A device of a driver knows nothing of this; the options are `SIMULATOR_FAULTS` of the contract.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from drivers.kit.contract import SIMULATOR_FAULTS, Driver, SimulatedDevice
from drivers.kit.playback import BedState, Play, PumpState, SimClock

#: Makes the device as it is after it was switched on.
SwitchOn = Callable[[Play, SimClock], SimulatedDevice]

#: One bit in the middle of a chunk, of those that also seven data bits carry.
_DAMAGE: Final = 0x08


def simulated(
    driver: Driver, given: Mapping[str, Any], play: Play, clock: SimClock
) -> SimulatedDevice:
    """The driver's simulated device with the faults that the options `given` ask for.

    Raises KeyError or ValueError naming a wrong option.
    """
    settings = driver.settings(given)
    return faulty(lambda *world: driver.simulator(settings, *world), settings, play, clock)


def faulty(
    switch_on: SwitchOn, settings: Mapping[str, Any], play: Play, clock: SimClock
) -> SimulatedDevice:
    """The device that `switch_on` makes, with the faults of `settings` around it if there are any.

    `settings` hold all of `SIMULATOR_FAULTS`. Raises ValueError naming a wrong one.
    """
    for fault in SIMULATOR_FAULTS:
        value = settings[fault.name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value != fault.default and not (number and value >= 0):
            raise ValueError(f"{fault.name} = {value!r}: a number, 0 or more")
    if all(settings[fault.name] == fault.default for fault in SIMULATOR_FAULTS):
        return switch_on(play, clock)
    return _Faulty(switch_on, settings, play, clock)


class _Later:
    """A play from its second `start` on; pumps have counted nothing before that."""

    def __init__(self, play: Play, start: float) -> None:
        self._play = play
        self._start = start
        self._before = {
            (bed.bed, pump.channel): pump.volume_ml for bed in play.at(start) for pump in bed.pumps
        }
        self.length = play.length - start

    def at(self, elapsed: float) -> Sequence[BedState]:
        beds = self._play.at(elapsed + self._start)
        return [
            replace(bed, pumps=[self._counted(bed.bed, pump) for pump in bed.pumps]) for bed in beds
        ]

    def _counted(self, bed: str, pump: PumpState) -> PumpState:
        before = self._before.get((bed, pump.channel), 0.0)
        return replace(pump, volume_ml=max(0.0, pump.volume_ml - before))


class _Faulty:
    """A device and its faults, as a device."""

    def __init__(
        self, switch_on: SwitchOn, settings: Mapping[str, Any], play: Play, clock: SimClock
    ) -> None:
        self._switch_on = switch_on
        self._settings = settings
        self._play = play
        self._clock = clock
        self._device: SimulatedDevice | None = switch_on(play, clock)
        at = settings["restart_at"]
        #: When it goes off, and when it is on again: monotonic seconds.
        self._off: float | None = None if at is None else clock.monotonic(at)
        self._on: float | None = None
        self._sent = 0
        #: Chunks that are still under way, with the time at which they arrive.
        self._late: deque[tuple[float, bytes]] = deque()

    def connected(self, now: float) -> Iterable[bytes]:
        """The reader connected."""
        return self._step(now, lambda device: device.connected(now))

    def feed(self, data: bytes, now: float) -> Iterable[bytes]:
        """Bytes from the reader; a device that is off does not hear them."""
        return self._step(now, lambda device: device.feed(data, now))

    def due(self) -> float | None:
        """The device's own time, a restart, or the arrival of what is under way."""
        times = [self._off, self._on, self._device.due() if self._device else None]
        times += [at for at, _ in list(self._late)[:1]]
        return min((time for time in times if time is not None), default=None)

    def wake(self, now: float) -> Iterable[bytes]:
        """What is due."""
        return self._step(now, lambda device: device.wake(now))

    def _step(
        self, now: float, act: Callable[[SimulatedDevice], Iterable[bytes]]
    ) -> Iterable[bytes]:
        chunks = [*self._restart(now)]
        if self._device is not None:
            chunks += act(self._device)
        muted = self._settings["mute_after"]
        if muted is None or self._clock.elapsed(now) < muted:
            arrival = now + self._settings["delay"]
            self._late.extend((arrival, self._damaged(chunk)) for chunk in chunks)
        arrived = []
        while self._late and self._late[0][0] <= now:
            arrived.append(self._late.popleft()[1])
        return arrived

    def _restart(self, now: float) -> Iterable[bytes]:
        """Goes off and on again when it is time; gives what it says as soon as it is on."""
        if self._off is not None and now >= self._off:
            self._on, self._off = self._off + self._settings["restart_for"], None
            self._device = None
            self._late.clear()
        if self._on is None or now < self._on:
            return ()
        start = self._clock.elapsed(self._on)
        clock = replace(self._clock, start=self._on, utc=self._clock.at(self._on))
        self._on = None
        self._device = self._switch_on(_Later(self._play, start), clock)
        return self._device.connected(now)

    def _damaged(self, chunk: bytes) -> bytes:
        self._sent += 1
        every = self._settings["corrupt_every"]
        if not chunk or not every or self._sent % every:
            return chunk
        damaged = bytearray(chunk)
        damaged[len(chunk) // 2] ^= _DAMAGE
        return bytes(damaged)
