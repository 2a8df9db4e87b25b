"""What a device's message tells a bed: values at their true times, infusions, results."""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Final

from monitor_daemon.core.channel import LATE
from monitor_daemon.core.decisions import Logged
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.events import SECOND, Configured, Data, Sample
from monitor_daemon.core.filter import Timed, refusal
from monitor_daemon.core.intake import JUMP, DeviceClock, Jump
from monitor_daemon.core.line import concerns_line, concerns_pump
from monitor_daemon.core.pressure import TAKE_OVER
from monitor_daemon.core.results import KINDS
from monitor_daemon.core.sources import OtherPressure
from monitor_daemon.core.subject import Bed

_PRESSURE: Final = ("art_map", "art_sys", "art_dia")
#: Channel, device time, mean, systolic, diastolic, whether the monitor vouches for the mean.
Pressures = tuple[str | None, int | None, float, float | None, float | None, bool]


class Absorber:
    """Puts messages into beds. `clocks` are the offsets of devices, kept by the ward's state."""

    def __init__(
        self, clocks: dict[str, DeviceClock], drugs: DrugTable, configured: Configured | None
    ) -> None:
        self._clocks = clocks
        self._drugs = drugs
        speed = configured.speed if configured else 1.0
        # At a higher speed real delays are long in engine time.
        self._limit = max(JUMP, round(5 * speed) * SECOND)
        self._late = max(LATE, self._limit)
        self._periods = configured.periods if configured else {}
        self._ranks = configured.ranks if configured else {}
        self._repeats = configured.repeats if configured else {}

    def absorb(self, bed: Bed, given: Data, now: int, say: Callable[[Logged], None]) -> bool:
        """Take a message for `bed`; True if it changed what an infusion does."""
        changed = False
        if given.alarms or bed.line.problems:
            _alarms(bed, given, now, say)
        for flow in given.flows:
            source = f"{given.link}|{flow.channel}"
            at = self._place(bed, source, flow.at, given, now, say, at_once=False)
            if at < bed.begun:
                continue
            if now - at > self._late and given.link not in self._repeats:
                bed.infusions.defer(source, flow, at)
                continue
            changed |= bed.others.take_flow(
                bed.infusions, self._repeats, given.link, flow, self._drugs, now, at
            )
        lines = pressures(given.samples)
        if len(lines) > 1:
            lines.sort(key=lambda line: self._rank(f"{given.link}|{line[0]}"))
        for pressure in lines:
            self._take(bed, given, pressure, now, say)
        for sample in given.samples:
            if sample.signal not in _PRESSURE:
                changed |= self._result(bed, sample, now)
        return changed

    def still(self, bed: Bed, given: Data, now: int) -> bool:
        """Take pumps that say in their turn what they said before; False if it is anything else.

        It is what `absorb` makes of them, at a fraction of its cost.
        """
        if given.samples or given.alarms or bed.line.problems or self._repeats:
            return False
        told = []
        for flow in given.flows:
            key = f"{given.link}|{flow.channel}"
            known, clock = bed.infusions.knows(key, flow, now), self._clocks.get(key)
            if known is None or clock is None or flow.at is None:
                return False
            if not clock.goes_on(flow.at, now, self._limit):
                return False
            told.append((key, known, clock, flow.at))
        for key, known, clock, stamped in told:
            at, _ = clock.place(stamped, now, self._limit, at_once=False)
            if at > known.measured:
                bed.infusions.again(key, known, now, at)
        bed.others.heard[given.link] = now
        return True

    def need(self, bed: Bed) -> int:
        """Samples a valid bin needs: half of what the source's declared period promises."""
        return max(1, ceil(round(30.0 / self._period(bed), 6)))

    def _period(self, bed: Bed) -> float:
        """The declared period (s) of the arterial source that is followed."""
        return self._periods.get((bed.pressure.source or "").partition("|")[0], 60.0)

    def absorb_block(
        self,
        bed: Bed,
        block: Sequence[tuple[int, Data, Pressures]],
        say: Callable[[Logged], None],
    ) -> None:
        """Take (instant, message, its one triplet) of one source; the same as one by one."""
        if bed.line.problems or any(given.alarms for _, given, _ in block):
            for now, given, _ in block:
                self.absorb(bed, given, now, say)
            return
        link, channel = block[0][1].link, block[0][2][0]
        clock = self._clocks.get(f"{link}|{block[0][1].bed}")
        times = None
        if clock is not None:
            stamps = [(pressure[1], now) for now, _, pressure in block]
            times = clock.place_steady(stamps, self._limit)
        if times is None:
            # Where such a value belongs depends on what came before it.
            for now, given, pressure in block:
                self._take(bed, given, pressure, now, say)
            return
        samples: list[Timed] = [
            (at, mean, systolic, diastolic)
            for at, (_, _, (_, _, mean, systolic, diastolic, _)) in zip(times, block, strict=True)
        ]
        self._take_block(bed, f"{link}|{channel}", samples)

    def _take_block(self, bed: Bed, source: str, samples: Sequence[Timed]) -> None:
        own = all(at >= bed.begun for at, *_ in samples)
        if own and bed.pressure.source in {None, source}:
            bed.pressure.take_block(source, samples, self._rank(source))
            return
        for at, mean, systolic, diastolic in samples:
            self._pressure(bed, source, at, mean, systolic, diastolic, usable=True)

    def _rank(self, source: str) -> int:
        """The site's place for an arterial source: that of its channel, else that of its link."""
        link = source.partition("|")[0]
        return self._ranks.get(source, self._ranks.get(link, 0))

    def _take(
        self,
        bed: Bed,
        given: Data,
        pressure: Pressures,
        now: int,
        say: Callable[[Logged], None],
    ) -> None:
        channel, stamped, mean, systolic, diastolic, usable = pressure
        at = self._place_pressure(bed, stamped, given, now, say)
        source = f"{given.link}|{channel}"
        self._pressure(bed, source, at, mean, systolic, diastolic, usable=usable)

    def _pressure(
        self,
        bed: Bed,
        source: str,
        at: int,
        mean: float,
        systolic: float | None,
        diastolic: float | None,
        *,
        usable: bool,
    ) -> None:
        """One sample for the bed, or for comparison if another source is followed.

        What a technical problem of the line explains is flagged; a value that can be no pressure
        says so all the same.
        """
        if at < bed.begun:
            return
        if usable and bed.line.doubts(at, source):
            usable = refusal(mean, systolic, diastolic) is not None
        # One value that is missing or a little late is no reason to leave a line.
        patience = max(TAKE_OVER, round(2 * SECOND * self._period(bed)))
        bed.pressure.take(
            source,
            at,
            mean,
            systolic,
            diastolic,
            usable=usable,
            rank=self._rank(source),
            patience=patience,
        )
        if bed.pressure.source != source and usable:
            bed.others.pressures.setdefault(source, OtherPressure()).add(at, mean)

    def _result(self, bed: Bed, sample: Sample, now: int) -> bool:
        """Keep a value that is no arterial pressure; True if rules must look at once."""
        at = now if sample.at is None else sample.at
        if sample.value is None and sample.signal in KINDS and sample.at is not None:
            # A laboratory takes a result back by sending its time without a value.
            return bed.results.remove(sample.signal, at)
        if sample.quality != "good" or sample.value is None:
            return False
        bed.latest[sample.signal] = (at, sample.value)
        if sample.signal not in KINDS:
            return False
        bed.results.add(sample.signal, at, sample.value)
        return sample.signal != "cvp"

    def _place_pressure(
        self,
        bed: Bed,
        stamped: int | None,
        given: Data,
        now: int,
        say: Callable[[Logged], None],
    ) -> int:
        """A pressure that fills a gap is late; one that repeats a time is a clock set back."""
        source = f"{given.link}|{given.bed}"
        clock = self._clocks.get(source)
        fills = (
            clock is not None
            and stamped is not None
            and stamped < clock.device
            and bed.pressure.lacks(stamped + clock.offset)
        )
        return self._place(bed, source, stamped, given, now, say, at_once=not fills)

    def _place(
        self,
        bed: Bed,
        source: str,
        stamped: int | None,
        given: Data,
        now: int,
        say: Callable[[Logged], None],
        *,
        at_once: bool,
    ) -> int:
        """True time of what a device stamped; a clock that was set is said."""
        if stamped is None:
            return now
        clock = self._clocks.get(source)
        if clock is None:
            offset = self._first_offset(stamped, given, now)
            self._clocks[source] = DeviceClock(offset, stamped, now)
            return stamped + offset
        if given.buffered:
            return stamped + clock.offset
        at, jump = clock.place(stamped, now, self._limit, at_once=at_once)
        if jump is not None:
            bed.jump = Jump(now, given.link, jump / SECOND)
            detail = {"link": given.link, "bed": given.bed, "seconds": jump / SECOND}
            say(Logged("CLOCK", now, detail=detail))
        return at

    def _first_offset(self, stamped: int, given: Data, now: int) -> int:
        """The offset (ms) of a clock first heard: what it shows is now.

        Not so while its link repeats what is old: then it is taken to go as the others there.
        """
        link = f"{given.link}|"
        others = [clock for source, clock in self._clocks.items() if source.startswith(link)]
        last = max(others, key=lambda clock: clock.received, default=None)
        if last is not None and (given.buffered or last.repeats(now, self._limit)):
            return min(last.offset, now - stamped)
        return now - stamped


def refills(bed: Bed, given: Data, now: int) -> list[tuple[int, float]]:
    """(measured, seconds) of the capillary refill times that a message brings for the first time.

    Call it before the message is absorbed.
    """
    found = []
    for sample in given.samples:
        if sample.signal == "crt" and sample.quality == "good" and sample.value is not None:
            entry = (now if sample.at is None else sample.at, sample.value)
            if bed.latest.get("crt") != entry:
                found.append(entry)
    return found


def _alarms(bed: Bed, given: Data, now: int, say: Callable[[Logged], None]) -> None:
    """Take the alarms of a message; what a gateway repeats is not now."""
    line = bed.line
    stood = bool(line.problems)
    line.settle(now)
    for alarm in () if given.buffered else given.alarms:
        key = f"{given.link}|{alarm.code}"
        detail = {"bed": given.bed, "link": given.link, "code": alarm.code}
        if concerns_line(alarm):
            if line.problem(key, alarm, now, own=given.link in _monitors(bed)):
                say(Logged("LINE_PROBLEM", now, detail=detail))
        elif (given.flows or concerns_pump(alarm)) and line.pump_alarm(key, alarm, now):
            say(Logged("PUMP_ALARM", now, detail=detail))
    if stood and not line.problems:
        say(Logged("LINE_PROBLEM_OVER", now, detail={"bed": given.bed}))


def _monitors(bed: Bed) -> set[str]:
    """The links that bring an arterial line."""
    sources = (bed.pressure.source or "", *bed.others.pressures)
    return {source.partition("|")[0] for source in sources}


def pressures(samples: Sequence[Sample]) -> list[Pressures]:
    """The arterial triplets among `samples`, one a channel and time that has a mean."""
    if len(samples) == 3:
        whole = _whole(*samples)
        if whole is not None:
            return [whole]
    found: dict[tuple[str | None, int | None], list[Sample | None]] = {}
    for sample in samples:
        if sample.signal in _PRESSURE:
            triplet = found.setdefault((sample.channel, sample.at), [None, None, None])
            triplet[_PRESSURE.index(sample.signal)] = sample
    return [_triplet(mean, *rest) for mean, *rest in found.values() if mean is not None]


def _whole(mean: Sample, systolic: Sample, diastolic: Sample) -> Pressures | None:
    """The triplet, if these are the good values of one channel and time: what monitors send."""
    if (
        mean.signal == "art_map"
        and systolic.signal == "art_sys"
        and diastolic.signal == "art_dia"
        and mean.at == systolic.at == diastolic.at
        and mean.channel == systolic.channel == diastolic.channel
        and mean.quality == systolic.quality == diastolic.quality == "good"
        and mean.value is not None
    ):
        return mean.channel, mean.at, mean.value, systolic.value, diastolic.value, True
    return None


def _triplet(mean: Sample, systolic: Sample | None, diastolic: Sample | None) -> Pressures:
    usable = mean.quality == "good" and mean.value is not None
    value = 0.0 if mean.value is None else mean.value
    return mean.channel, mean.at, value, _number(systolic), _number(diastolic), usable


def _number(sample: Sample | None) -> float | None:
    return sample.value if sample is not None and sample.quality == "good" else None
