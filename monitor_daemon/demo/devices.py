"""The devices of the demonstration: each driver's simulator on a real transport."""

from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from drivers.kit.contract import Driver, SimulatedDevice
from drivers.kit.links import split_address
from drivers.kit.playback import BedState, Play, SimClock
from drivers.kit.registry import load_driver
from drivers.kit.simulate import Simulation, run_client, run_pty, run_server
from drivers.terumo_ss3.session import TerumoSession
from monitor_daemon.demo.plan import Patient, Plan
from monitor_daemon.demo.site import (
    GATEWAY,
    GE_INTERVAL_S,
    device_id,
    monitor,
    output,
    philips_period,
    pumps,
    syringe,
)

#: Simulated seconds between two cycles of a pump station, or between two requests to a pump that
#: stands alone, and the fewest real seconds.
_CYCLE_S: Final = 15.0
_SHORTEST_CYCLE_S: Final = 0.05

Running = Coroutine[None, None, None]
_Make = Callable[[Mapping[str, Any], Play, SimClock], SimulatedDevice]


def bedside(plan: Plan, clock: SimClock, where: Mapping[str, str]) -> Iterator[Running]:
    """Everything that waits for a reader: pump stations, and the monitors that serve one bed."""
    for patient in plan.people.patients:
        if patient.station is not None:
            yield _station(patient, plan.play, clock, where[pumps(patient)])
        for channel in patient.syringes:
            yield _syringe(patient, channel, plan.play, clock, where[syringe(patient, channel)])
        if patient.monitor == "philips_intellivue":
            yield _philips(patient, plan.play, clock, where[monitor(patient)])
        elif patient.monitor == "ge_dri":
            options = {"bed": patient.bed, "interval": GE_INTERVAL_S}
            yield _hastened("ge_dri", options, plan.play, clock, where[monitor(patient)])
        if patient.cardiac_output is not None:
            options = {"bed": patient.bed}
            place = where[output(patient)]
            yield _hastened(patient.cardiac_output, options, plan.play, clock, place)


def gateway(plan: Plan, clock: SimClock, where: Mapping[str, str]) -> Running:
    """The gateway of the other monitors: it dials in with all their beds, once a minute."""
    beds = {p.bed for p in plan.people.patients if p.monitor == "hl7"}
    simulation = Simulation(load_driver("hl7"), _Part(plan.play, beds), clock)
    return run_client(simulation, *split_address(where[GATEWAY]), _ignore)


def reader(speed: float, name: str) -> Driver:
    """The driver `name` as the daemon loads it.

    A real Terumo pump is asked at most once a second, which here may be minutes.
    """
    driver = load_driver(name)
    if name != "terumo_ss3":
        return driver

    def session(options: Mapping[str, Any]) -> TerumoSession:
        return TerumoSession(_cycle(speed), driver.settings(options)["dilution_unit"])

    return replace(driver, session=session)


def _cycle(speed: float) -> float:
    return max(_SHORTEST_CYCLE_S, _CYCLE_S / speed)


def _station(patient: Patient, play: Play, clock: SimClock, place: str) -> Running:
    driver = load_driver("bbraun_space")
    options = {
        "bed": patient.bed,
        "addresses": patient.addresses,
        "mode": "cyclic",
        "poll_period": _cycle(clock.speed),
    }
    late = replace(driver, simulator=partial(_Switched, driver.simulator))
    simulation = Simulation(late, play, clock, options)
    if patient.station == "tcp":
        return run_server(simulation, *split_address(place), _ignore)
    return run_pty(simulation, Path(place), _ignore)


def _syringe(patient: Patient, channel: str, play: Play, clock: SimClock, place: str) -> Running:
    name = device_id(patient, channel)
    options = {"bed": patient.bed, "pump": channel, "device_id": name}
    simulation = Simulation(load_driver("terumo_ss3"), play, clock, options)
    return run_server(simulation, *split_address(place), _ignore)


def _philips(patient: Patient, play: Play, clock: SimClock, place: str) -> Running:
    options = {"bed": patient.bed, "period": philips_period(clock.speed)}
    simulation = Simulation(load_driver("philips_intellivue"), play, clock, options)
    return run_server(simulation, *split_address(place), _ignore)


def _hastened(
    name: str, options: Mapping[str, Any], play: Play, clock: SimClock, place: str
) -> Running:
    driver = load_driver(name)
    hastened = replace(driver, simulator=partial(_Hastened, driver.simulator))
    return run_pty(Simulation(hastened, play, clock, options), Path(place), _ignore)


class _Part:
    """A play of which only some beds are seen."""

    def __init__(self, play: Play, beds: Collection[str]) -> None:
        self._play, self._beds = play, beds
        self.length = play.length

    def at(self, elapsed: float) -> Sequence[BedState]:
        """Those beds at playback second `elapsed`."""
        return [bed for bed in self._play.at(elapsed) if bed.bed in self._beds]


class _Switched:
    """A device that is switched on when playback begins.

    A station that sends unasked into a port which is about to be opened loses its first block and
    waits for the acknowledgement.
    """

    def __init__(
        self, make: _Make, options: Mapping[str, Any], play: Play, clock: SimClock
    ) -> None:
        self._device = make(options, play, clock)
        self._start: float | None = clock.start

    def connected(self, now: float) -> Iterable[bytes]:
        """Nothing until it is on."""
        return [] if self._start is not None else self._device.connected(now)

    def feed(self, data: bytes, now: float) -> Iterable[bytes]:
        """What arrives while it is off is lost."""
        return [] if self._start is not None else self._device.feed(data, now)

    def due(self) -> float | None:
        """When it is switched on, later what the device says."""
        return self._device.due() if self._start is None else self._start

    def wake(self, now: float) -> Iterable[bytes]:
        """Switch it on, later what the device does."""
        if self._start is None:
            return self._device.wake(now)
        self._start = None
        return self._device.connected(now)


class _Hastened:
    """A device whose own timers run in simulated time.

    The interval of a GE monitor is asked for in whole seconds, at least 5, an Edwards monitor sends
    every 2 s: too few records of real ones.
    """

    def __init__(
        self, make: _Make, options: Mapping[str, Any], play: Play, clock: SimClock
    ) -> None:
        self._clock = clock
        self._device = make(options, play, replace(clock, speed=1.0))

    def connected(self, now: float) -> Iterable[bytes]:
        """The reader connected."""
        return self._device.connected(self._simulated(now))

    def feed(self, data: bytes, now: float) -> Iterable[bytes]:
        """Bytes from the reader."""
        return self._device.feed(data, self._simulated(now))

    def due(self) -> float | None:
        """When the device wants to be woken, in real time."""
        due = self._device.due()
        return None if due is None else self._clock.monotonic(due - self._clock.start)

    def wake(self, now: float) -> Iterable[bytes]:
        """What is due without being asked."""
        return self._device.wake(self._simulated(now))

    def _simulated(self, now: float) -> float:
        """The time that the device believes it is: simulated seconds after the start."""
        return self._clock.start + self._clock.elapsed(now)


def _ignore(_where: str) -> None:
    """The place of a device is known beforehand."""
