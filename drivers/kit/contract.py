"""What a driver is: a framer, a decoder and a manifest. Everything else belongs to the links.

A driver never opens, reconnects, retries, sleeps, reads a clock, converts to trial units or fills a
gap, and it sends nothing that its manifest does not allow. It is a sans-IO machine: bytes and times
go in, effects come out. `now` is a monotonic time in seconds given by the link.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol, runtime_checkable

from drivers.kit.playback import Play, SimClock
from monitor_daemon.core.vocabulary import Fault, Row


class Transport(StrEnum):
    """How the bytes travel. `MLLP_SERVER` means that the device dials in."""

    SERIAL = "serial"
    TCP_CLIENT = "tcp_client"
    MLLP_SERVER = "mllp_server"
    UDP = "udp"


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes for the device now (a poll request). Refused by the link unless the manifest allows."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """One complete wire message.

    `raw` are the bytes exactly as received, `rows` what they say. `reply` is sent only after the
    message is durably stored; None means that this message is never answered. `sent_at` is the
    sender's own time of transmission (ISO 8601) where the wire tells it.
    """

    raw: bytes
    rows: tuple[Row, ...]
    reply: bytes | None = None
    sent_at: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Bytes that broke the protocol: counted, logged, shown; the session goes on."""

    fault: Fault
    reply: bytes | None = None


@dataclass(frozen=True, slots=True)
class Alive:
    """The device answered without data (identification, heartbeat). `detail` goes to `status`."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Close:
    """The connection cannot go on; the link closes it and says why."""

    reason: str


Effect = Send | Message | Problem | Alive | Close


class Session(Protocol):
    """One connection's protocol state. Never raises on bad input: bad input is a `Problem`."""

    def connected(self, now: float) -> Iterable[Effect]:
        """The transport opened."""

    def feed(self, data: bytes, now: float) -> Iterable[Effect]:
        """Bytes arrived: any number, split anywhere."""

    def stored(self, message: Message, now: float) -> Iterable[Effect]:
        """`message` is durable and its reply was handed to the transport: go on polling."""

    def lost(self, now: float) -> Iterable[Effect]:
        """The transport is gone: say what was left incomplete. Nothing can be sent any more."""

    def due(self) -> float | None:
        """The monotonic time at which `wake` wants to be called, or None."""

    def wake(self, now: float) -> Iterable[Effect]:
        """The time of `due` has come: poll, or give up on an answer."""


@runtime_checkable
class Departing(Session, Protocol):
    """A session that has something to say before we leave; most have not."""

    def farewell(self, now: float) -> Iterable[Effect]:
        """We stop this connection: last requests to the device, e.g. that it releases us.

        The connection stays open until the session gives a `Close`, at most half a second.
        """


class Decoder(Protocol):
    """Framer and decoder without a session: what `monitor-daemon decode` and tests use."""

    def feed(self, data: bytes) -> Iterable[Row]:
        """Bytes as the device sent them, split anywhere."""

    def finish(self) -> Iterable[Row]:
        """No more bytes: report what was left incomplete."""


class SimulatedDevice(Protocol):
    """The device side of the same protocol, sans-IO; the simulator host gives it a transport."""

    def connected(self, now: float) -> Iterable[bytes]:
        """The reader connected."""

    def feed(self, data: bytes, now: float) -> Iterable[bytes]:
        """Bytes from the reader."""

    def due(self) -> float | None:
        """When `wake` wants to be called, or None."""

    def wake(self, now: float) -> Iterable[bytes]:
        """Time to send something unasked."""


@dataclass(frozen=True, slots=True)
class Option:
    """A setting of a driver in the site configuration."""

    name: str
    default: Any
    meaning: str
    choices: tuple[Any, ...] = ()


#: What every simulated device can be asked to do wrong; `drivers.kit.faults` does it.
SIMULATOR_FAULTS: Final = (
    Option("delay", 0.0, "simulator: seconds by which everything it sends comes late"),
    Option("mute_after", None, "simulator: silent from this simulated second on"),
    Option("corrupt_every", 0, "simulator: damages each n-th chunk it sends; 0 is none"),
    Option("restart_at", None, "simulator: restarts at this simulated second, all forgotten"),
    Option("restart_for", 0.0, "simulator: seconds that a restart takes"),
)


@dataclass(frozen=True, slots=True)
class Driver:
    """The manifest: what a driver is called, needs, promises and may say.

    `may_send` is the closed allow-list: the link refuses every other byte, and every byte at all
    while an option called `passive` is true.
    `decoder(mode, options)`, `session(options)` and `simulator(options, play, clock)` make fresh
    machines; they are given all of `options`, and those of `SIMULATOR_FAULTS`, which no driver has
    to heed. `sources` says how sure the facts are and where they come from.
    """

    name: str
    title: str
    transports: tuple[Transport, ...]
    modes: tuple[str, ...]
    expected_period: float
    promises: str
    sources: str
    may_send: Callable[[bytes], bool]
    decoder: Callable[[str, Mapping[str, Any]], Decoder]
    session: Callable[[Mapping[str, Any]], Session]
    simulator: Callable[[Mapping[str, Any], Play, SimClock], SimulatedDevice]
    options: tuple[Option, ...] = ()
    serial: Mapping[str, Any] = field(default_factory=dict)
    port: int | None = None

    def settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All options with defaults filled in. Raises KeyError or ValueError naming a wrong one."""
        known = {option.name: option for option in (*self.options, *SIMULATOR_FAULTS)}
        for name, value in given.items():
            if name not in known:
                raise KeyError(f"{name}: driver {self.name} knows only {', '.join(known)}")
            default, choices = known[name].default, known[name].choices
            if isinstance(default, bool):
                choices = choices or (False, True)
            if choices and value not in choices:
                raise ValueError(f"{name} = {value!r}: one of {', '.join(map(str, choices))}")
        return {name: given.get(name, option.default) for name, option in known.items()}
