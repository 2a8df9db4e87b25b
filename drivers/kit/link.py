"""A link opens a transport, keeps it open, and hands what a driver's session says to a sink.

What serial, TCP and MLLP links have in common stands here: life cycle, back-off, silence, counters,
logs. The bytes of one connection are the business of `drivers.kit.conversation`.

All times are monotonic seconds (`asyncio` loop time, which on Linux is `time.monotonic`).
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

import structlog

from drivers.kit.contract import Driver, Message, Problem, Session
from drivers.kit.failures import in_words, place
from drivers.kit.link_state import Backoff, LinkEvent, LinkMachine, LinkState
from monitor_daemon.core.errors import ConfigError, InvariantError, LinkError
from monitor_daemon.core.vocabulary import Fault

log = structlog.get_logger("links")

#: Periods without a complete valid message until a link counts as silent.
SILENT_PERIODS = 3

#: So much of what a device said of itself is kept: a station, its version, its pumps.
DETAILS = 12

#: Called with every chunk of bytes as it passes: from the device (rx) or to it (tx).
Tap = Callable[[Literal["rx", "tx"], bytes], None]


class Sink(Protocol):
    """Where a link delivers: the engine, a recorder, a probe."""

    def message(self, link: str, message: Message, received: float) -> Awaitable[object]:
        """Store `message`; done when it is durable. If this fails, no reply is sent."""
        ...

    def problem(self, link: str, problem: Problem) -> None:
        """Bytes could not be read; the session goes on."""

    def state(self, link: str, state: LinkState, reason: str, since: float) -> None:
        """The link's state or the reason for it changed."""


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """What every link needs: its name, the driver with its options, and where to deliver.

    `expected_period` (s) is how often this site's device sends; the driver's own if None.
    """

    name: str
    driver: Driver
    sink: Sink
    options: Mapping[str, Any] = field(default_factory=dict)
    expected_period: float | None = None
    tap: Tap | None = None


@dataclass(slots=True)
class Counters:
    """What passed over a link since it was made. `last_message` is monotonic seconds."""

    messages: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    problems: dict[str, int] = field(default_factory=dict)
    refused_sends: int = 0
    storage_failures: int = 0
    reconnects: int = 0
    last_message: float | None = None


class Link(ABC):
    """One configured device connection.

    `where` says in words what is opened. Raises ConfigError for an option the driver does not know.
    """

    def __init__(self, spec: LinkSpec, where: str, backoff: Backoff) -> None:
        try:
            self._settings = spec.driver.settings(spec.options)
            # A session that its settings make impossible is a fault of the configuration, now.
            spec.driver.session(self._settings)
        except (KeyError, ValueError) as error:
            raise ConfigError(f"link {spec.name}: option {error.args[0]}") from error
        except ConfigError as error:
            raise ConfigError(f"link {spec.name}: {error}", code=error.code) from error
        self.spec = spec
        self.where = where
        self.counters = Counters()
        #: What the device said of itself on this connection, the newest last.
        self.details: deque[str] = deque(maxlen=DETAILS)
        #: What may be wrong if bytes come that nobody can read.
        self.doubt = "wrong driver, or something else at this address"
        self.period = spec.expected_period or spec.driver.expected_period
        self.log = log.bind(link=spec.name, driver=spec.driver.name)
        self._backoff = backoff
        self._woken = asyncio.Event()
        self._machine = LinkMachine(0.0)
        self._trouble_since: float | None = None
        self._quiet_since = 0.0
        self._bytes_at_message = 0
        self._answers = False
        self._signs: tuple[bool, bool] | None = None
        self._watch: asyncio.TimerHandle | None = None

    @property
    def state(self) -> LinkState:
        """Where the link stands."""
        return self._machine.state

    @property
    def detail(self) -> str:
        """What the device said last of itself."""
        return self.details[-1] if self.details else ""

    def status(self) -> dict[str, Any]:
        """State, reason, since when, what the device says of itself, and the counters.

        `since`, `trouble_since` (None unless data ought to come and do not) and `last_message` are
        monotonic seconds.
        """
        machine = self._machine
        return {
            "state": machine.state.value,
            "reason": machine.reason,
            "since": machine.since,
            "trouble_since": self._trouble_since,
            "detail": self.detail,
            **asdict(self.counters),
        }

    def wake(self) -> None:
        """Something suggests that the device is back (a hot-plug event, a person): try now."""
        self._woken.set()

    async def run(self) -> None:
        """Open, reopen after every loss, until cancelled. Returns only if a setting is wrong."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                code = LinkError.code
                self._step(LinkEvent.START, f"opening {self.where}")
                try:
                    reason = f"lost {self.where}: {await self._hold()}"
                except ConfigError as error:
                    self._step(LinkEvent.REFUSED, str(error))
                    self.log.critical("link.failed", reason=str(error), code=error.code)
                    return
                except (OSError, LinkError) as error:
                    reason = f"cannot open {self.where}: {in_words(error)}"
                    code = error.code if isinstance(error, LinkError) else code
                except Exception as error:  # noqa: BLE001 - a defect here must not stop other links
                    kind, code = type(error).__name__, InvariantError.code
                    self.log.critical("link.fault", code=code, error=kind, place=place(error))
                    reason = f"fault of ours with {self.where}: {kind}"
                self._stop_watch()
                self._step(LinkEvent.LOST, reason)
                self._trouble(reason, loop.time(), code)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._backoff.pause()):
                        await self._woken.wait()
                self._woken.clear()
                self.counters.reconnects += 1
        finally:
            self._stop_watch()
            if self.state is not LinkState.FAILED:
                self._step(LinkEvent.STOP, "stopped")

    @abstractmethod
    async def _hold(self) -> str:
        """Open the transport and hold it; return in words why it ended.

        Calls `_opened` once it is open. Raises OSError or LinkError if it cannot be opened,
        ConfigError if it never can be. Leaves nothing open, also when cancelled.
        """

    def new_session(self) -> Session:
        """A fresh session of the driver with this link's settings."""
        return self.spec.driver.session(self._settings)

    def may_send(self, data: bytes) -> bool:
        """Whether `data` may go to the device: nothing if the link is `passive`, whatever it is."""
        return not self._settings.get("passive") and self.spec.driver.may_send(data)

    def answered(self, detail: str) -> None:
        """The device answered without data; `detail` is what it says of itself."""
        if detail != self.detail:
            self.log.debug("link.answered", detail=detail)
        if detail in self.details:
            self.details.remove(detail)
        self.details.append(detail)
        self._answers = True

    def heard(self, now: float) -> None:
        """A complete valid message came."""
        self.counters.messages += 1
        self.counters.last_message = now
        self._listen_from(now)
        if self.state is LinkState.LIVE:
            return
        self._step(LinkEvent.HEARD, "messages arrive")
        self._backoff.reset()
        if self._trouble_since is not None:
            self.log.warning("link.recovered", after_s=round(now - self._trouble_since, 1))
            self._trouble_since = None

    def problem(self, problem: Problem) -> None:
        """Count a problem; the first of its code is logged loudly, repeats quietly."""
        code = problem.fault.code
        count = self.counters.problems.get(code, 0) + 1
        self.counters.problems[code] = count
        say = self.log.warning if count == 1 else self.log.debug
        say("link.problem", code=code, offset=problem.fault.offset, reason=problem.fault.reason)
        self.spec.sink.problem(self.spec.name, problem)

    def fault(self, code: str, reason: str) -> None:
        """A problem of the link itself, not of the bytes."""
        self.problem(Problem(Fault(code=code, reason=reason)))

    def _opened(self, reason: str) -> None:
        self._step(LinkEvent.OPENED, reason)
        self.details.clear()  # it may be another device now
        self._listen_from(asyncio.get_running_loop().time())
        self._watch_from(self._quiet_since)

    def _listen_from(self, now: float) -> None:
        """From `now` on nothing has been heard yet."""
        self._quiet_since = now
        self._bytes_at_message = self.counters.bytes_in
        self._answers = False

    def _step(self, event: LinkEvent, reason: str) -> None:
        self._machine.step(event, reason, asyncio.get_running_loop().time())
        self._tell()

    def _tell(self) -> None:
        machine = self._machine
        self.spec.sink.state(self.spec.name, machine.state, machine.reason, machine.since)
        self.log.debug("link.state", state=machine.state.value, reason=machine.reason)

    def _trouble(self, reason: str, since: float, code: str = LinkError.code) -> None:
        if self._trouble_since is None:
            self._trouble_since = since
            self.log.warning("link.trouble", code=code, state=self.state.value, reason=reason)

    def _watch_from(self, start: float) -> None:
        loop = asyncio.get_running_loop()
        self._watch = loop.call_at(start + SILENT_PERIODS * self.period, self._check_silence)

    def _stop_watch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()

    def _check_silence(self) -> None:
        # One timer a link, re-armed from the last message: nothing to pay for each message.
        now = asyncio.get_running_loop().time()
        if now - self._quiet_since < SILENT_PERIODS * self.period:
            self._watch_from(self._quiet_since)
            return
        self._watch_from(now)
        # Somebody may plug the device in, with wrong settings, long after the port was opened.
        signs = (self._answers, self.counters.bytes_in > self._bytes_at_message)
        if self.state is not LinkState.SILENT:
            reason = self.why_silent(now - self._quiet_since)
            self._step(LinkEvent.QUIET, reason)
            self._trouble(reason, self._quiet_since)
        elif signs != self._signs:
            reason = self.why_silent(now - self._quiet_since)
            self._machine.explain(reason)
            self._tell()
            self.log.warning("link.trouble", code=LinkError.code, state="silent", reason=reason)
        self._signs = signs

    def why_silent(self, seconds: float) -> str:
        """Why nothing valid has come for so many seconds, as far as the bytes that came tell."""
        if self._answers:
            return f"the device answers ({self.detail}) but sent no data for {seconds:.0f} s"
        received = self.counters.bytes_in - self._bytes_at_message
        if received:
            return f"{received} bytes but no valid frame in {seconds:.0f} s: {self.doubt}?"
        return f"{self.where} is open but silent for {seconds:.0f} s"
