"""What goes wrong on the way from the devices: clocks, gateways that repeat, a daemon that is down.

As soon as one of these is in a scenario its devices stamp what they say, as real ones do; without a
stamp nobody could tell when a repeated value was measured. Times are ms from scenario zero.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from monitor_daemon.core.events import Data, Flow, Sample
from monitor_daemon.rehearsal.devices import Message, channels, check_channel, ms
from monitor_daemon.rehearsal.scenario import Scenario
from monitor_daemon.rehearsal.signals import Buffered, Outage


class Delivery(NamedTuple):
    """What arrives at `at`; `repeated` if it comes in one go, later than it was measured."""

    at: int
    data: Data
    news: bool
    repeated: bool = False


class Transmission:
    """The way from the devices to the daemon. Raises ScenarioError for channels nobody has."""

    def __init__(self, scenario: Scenario, zero: int) -> None:
        known = channels(scenario)
        for key in ("device_clock", "buffered"):
            for index, fault in enumerate(getattr(scenario, key)):
                if fault.ch is not None:
                    check_channel(f"{key}[{index}]", fault.ch, known)
        self._zero = zero
        self._clocks = scenario.device_clock
        self._buffers = sorted(scenario.buffered, key=lambda span: span.deliver)
        self._outages = scenario.outage
        self._stamping = bool(self._clocks or self._buffers or self._outages)

    def carry(self, messages: Iterable[Message]) -> Iterator[Delivery]:
        """What arrives, in order of arrival."""
        if not self._stamping:
            for message in messages:
                yield Delivery(*message)
            return
        held: list[Delivery] = []
        for message in messages:
            yield from _released(held, message.at)
            for part, buffer in self._sorted_out(message):
                data = self._stamped(part, message.at)
                at = message.at if buffer is None else ms(buffer.deliver)
                outage = down(self._outages, at)
                if outage is not None and outage.lost:
                    continue
                while outage is not None:
                    at = ms(outage.to)
                    outage = down(self._outages, at)
                if at == message.at and buffer is None:
                    yield Delivery(at, data, message.news)
                else:
                    marked = buffer is not None and buffer.marked
                    _hold(held, Delivery(at, data, news=True, repeated=True), marked=marked)
        yield from _released(held, None)

    def _sorted_out(self, message: Message) -> Iterator[tuple[Data, Buffered | None]]:
        """The parts of a message: what goes its way at once, and what a gateway keeps."""
        data, spans = message.data, self._buffers
        if data.samples:
            yield data, _covering(spans, message.at, None)
            return
        kept: dict[int, tuple[Buffered | None, list[Flow]]] = {}
        for flow in data.flows:
            buffer = _covering(spans, message.at, flow.channel)
            kept.setdefault(id(buffer), (buffer, []))[1].append(flow)
        for buffer, flows in kept.values():
            yield msgspec.structs.replace(data, flows=tuple(flows)), buffer

    def _stamped(self, data: Data, at: int) -> Data:
        def stamp(channel: str | None) -> int:
            ahead = sum(
                clock.offset
                for clock in self._clocks
                if clock.ch == channel and ms(clock.from_) <= at < ms(clock.to)
            )
            return self._zero + at + ms(ahead)

        own = stamp(None)
        samples = tuple(Sample(s.signal, s.value, s.quality, own, s.channel) for s in data.samples)
        flows = tuple(msgspec.structs.replace(f, at=stamp(f.channel)) for f in data.flows)
        return msgspec.structs.replace(data, samples=samples, flows=flows)


def down(outages: Sequence[Outage], at: int) -> Outage | None:
    """The outage in which `at` lies."""
    return next((o for o in outages if ms(o.from_) <= at < ms(o.to)), None)


def _covering(spans: Sequence[Buffered], at: int, channel: str | None) -> Buffered | None:
    return next((s for s in spans if s.ch == channel and ms(s.from_) <= at < ms(s.to)), None)


def _hold(held: list[Delivery], late: Delivery, *, marked: bool) -> None:
    """Put a message behind those of its device that wait for the same instant, in one go."""
    late = late._replace(data=msgspec.structs.replace(late.data, buffered=marked))
    for index, waiting in enumerate(held):
        first, more = waiting.data, late.data
        if waiting.at == late.at and _sender(first) == _sender(more):
            whole = msgspec.structs.replace(
                first,
                samples=(*first.samples, *more.samples),
                flows=(*first.flows, *more.flows),
            )
            held[index] = waiting._replace(data=whole)
            return
    held.append(late)


def _sender(data: Data) -> tuple[str, str | None, bool]:
    return data.link, data.bed, data.buffered


def _released(held: list[Delivery], now: int | None) -> Iterator[Delivery]:
    """What is due up to `now` (None: all), in order of arrival."""
    due = sorted((d for d in held if now is None or d.at <= now), key=lambda d: d.at)
    for delivery in due:
        held.remove(delivery)
        yield delivery
