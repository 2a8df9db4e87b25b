"""The infusion channels of one bed, and what they give together (reference section 3.5).

Channels carrying one drug are summed. A pause of the whole drug shorter than the bridge keeps the
last dose. A channel whose drug nobody mapped may hide any drug: a dose is then only "at least". A
silent channel is trusted for 15 minutes. One that runs at a rate nobody can read is not one at 0.
"""

from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Final

import msgspec

from monitor_daemon.core.channel import (
    LATE,
    Bolus,
    Channel,
    ConcentrationChange,
    finish_bolus,
    report,
    same_words,
    strength_changes,
)
from monitor_daemon.core.dose import exact, rounded
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.events import MINUTE, Flow
from monitor_daemon.core.exposure import Exposure

TRUSTED: Final = 15 * MINUTE
FRESH: Final = 5 * MINUTE
#: How far back rules look at a dose (VP_EARLY: 30 min before a start, judged 5 min after it).
HISTORY: Final = 40 * MINUTE
#: How long what the channels said is kept, to place late data in it.
KEPT: Final = 24 * 60 * MINUTE

_ZERO: Final = Decimal(0)
#: Statuses that say themselves that something flows.
_FLOWS: Final = frozenset({"running", "bolus"})

#: Drug classes that count as a vasopressor (reference 0.3). A blinded infusion has its own class.
PRESSORS: Final = frozenset({"vasopressor", "vasopressin"})


class Dose(msgspec.Struct, frozen=True):
    """What is known of a dose: `known` is a sum; with `complete` False it may be more."""

    known: Decimal
    complete: bool

    def at_least(self, threshold: Decimal) -> bool | None:
        """Whether the dose reaches `threshold`; None if that cannot be known."""
        if self.known >= threshold:
            return True
        return False if self.complete else None

    @property
    def value(self) -> float | None:
        """The dose as a number, or None if it is not wholly known."""
        return float(self.known) if self.complete else None


class Course(msgspec.Struct):
    """One drug over all channels.

    `since`: start of the course, pauses bridged. `run`: start of the present unbroken delivery.
    `gap`: start of the present pause. `stopped`: true time of the last stop. `amount` is what is
    given, or was given before the pause, in ug/h or U/h; `complete`: that is all of it. `silent`:
    every pump that gave it has been quiet for too long. `history` holds (since, amount, complete)
    of every change in the last 40 minutes.
    """

    group: str
    since: int | None = None
    run: int | None = None
    gap: int | None = None
    stopped: int | None = None
    amount: Decimal = _ZERO
    complete: bool = True
    silent: bool = False
    history: list[tuple[int, Decimal, bool]] = []

    def note(self, now: int, *, complete: bool) -> None:
        """Write the present amount into the history if it changed."""
        if not self.history or self.history[-1][1:] != (self.amount, complete):
            self.history.append((now, self.amount, complete))
            while len(self.history) > 1 and self.history[1][0] < now - HISTORY:
                del self.history[0]


class Report(msgspec.Struct):
    """What a channel said at `at` and, each five minutes at least, again until `until` (ms)."""

    at: int
    until: int
    flow: Flow


class Infusions(msgspec.Struct):
    """All channels of a bed: `take` each report, `settle` each instant, then ask.

    `log` is what every channel said in the last day. `late` are reports that came too late to be
    taken in order; from `missed` (ms) on the courses are to be made again (`relive`). `unread` are
    channels that run at no rate we ever knew, since when.
    """

    channels: dict[str, Channel] = {}
    courses: dict[str, Course] = {}
    blurred: bool = True
    exposure: Exposure = msgspec.field(default_factory=Exposure)
    boluses: list[Bolus] = []
    changes: list[ConcentrationChange] = []
    links: dict[str, int] = {}
    log: dict[str, list[Report]] = {}
    late: list[tuple[str, Report]] = []
    missed: int | None = None
    unread: dict[str, int] = {}

    def defer(self, key: str, flow: Flow, measured: int) -> None:
        """A report of `measured` (ms) came late: it waits until the courses are made again."""
        self.late.append((key, Report(measured, measured, flow)))
        self.miss(measured)

    def miss(self, since: int | None) -> None:
        """What is known of the courses since then (ms) is not all that happened."""
        if since is not None:
            self.missed = since if self.missed is None else min(self.missed, since)

    def take(self, key: str, flow: Flow, drugs: DrugTable, now: int, measured: int) -> bool:
        """A pump reported at `now` what was so at `measured` (ms). True if something changed.

        What is older than what is known, or the same again, tells nothing new.
        """
        known = self.channels.get(key)
        first = self.links.setdefault(key.partition("|")[0], now)
        if known is not None and measured <= known.measured:
            return False
        if flow.rate is None:
            self._write(key, flow, measured)
            self._without_rate(key, known, flow, drugs, now)
            return True
        self.unread.pop(key, None)
        if known is not None and self.knows(key, flow, now):
            self.again(key, known, now, measured)
            return False
        self._write(key, flow, measured)
        channel = self.channels[key] = report(known, flow, drugs, now, measured)
        others = [c for k, c in self.channels.items() if k != key]
        if known is None:
            if channel.rate > 0 and channel.drug and now - first < FRESH:
                # The link's first words show it running: since when, only a person can tell.
                self.exposure.unverified.append(now)
            self._compare(channel, others, now)
            return True
        bolus = finish_bolus(known, channel, flow, now)
        if bolus is not None:
            self.boluses = [*self.boluses[-99:], bolus]
        if (channel.drug, channel.strength) != (known.drug, known.strength):
            self._compare(channel, [known, *others], now)
            if known.rate > 0 and known.drug and channel.drug not in {None, known.drug}:
                self._used_again(known.drug, now)
        elif channel.rate > 0 and known.rate == 0:
            self._compare(channel, others, now)
        return channel.tells != known.tells or now - known.seen > FRESH

    def _without_rate(
        self, key: str, known: Channel | None, flow: Flow, drugs: DrugTable, now: int
    ) -> None:
        """A report without a usable rate leaves the channel as it was, ageing.

        Not so one that had stopped, or gave another drug: of what flows now nothing is known.
        """
        entry = drugs.entries.get(flow.drug) if flow.drug else None
        if known is not None:
            other = entry is not None and known.drug not in {None, entry.drug}
            if known.rate > 0 and not other:
                return
            del self.channels[key]
            if known.rate > 0 and known.drug:
                self._used_again(known.drug, now)
        if flow.status in _FLOWS and (entry is None or entry.group != "other"):
            self.unread.setdefault(key, now)
        else:
            self.unread.pop(key, None)

    def _write(self, key: str, flow: Flow, measured: int) -> None:
        reports = self.log.setdefault(key, [])
        if flow.rate is None and reports and same_words(reports[-1].flow, flow):
            return
        reports.append(Report(measured, measured, flow))
        while len(reports) > 1 and reports[1].at < measured - KEPT:
            del reports[0]

    def knows(self, key: str, flow: Flow, now: int) -> Channel | None:
        """The channel, if `flow` says word for word what it said a moment ago."""
        known = self.channels.get(key)
        return known if known and now - known.seen <= FRESH and known.said(flow) else None

    def again(self, key: str, known: Channel, now: int, measured: int) -> None:
        """At `now` the channel said once more what it did, of `measured` (ms)."""
        known.measured = measured
        known.seen = now if now - measured <= LATE else measured
        reports = self.log.get(key)
        if reports:
            reports[-1].until = measured

    def _compare(self, channel: Channel, others: Iterable[Channel], now: int) -> None:
        self.changes = [*self.changes, *strength_changes(channel, others, now)][-10:]

    def _used_again(self, drug: str, now: int) -> None:
        """A channel went over to another drug: the one before has ended, nothing is bridged."""
        if not any(c.drug == drug and c.rate > 0 for c in self.channels.values()):
            course = self.courses.get(drug)
            if course is not None and course.since is not None:
                course.since, course.run, course.gap, course.stopped = None, None, None, now
                course.amount, course.complete = _ZERO, True

    def forget(self, links: Collection[str]) -> bool:
        """The channels of these links are shown by another; True if there were any."""
        channels, unread = len(self.channels), len(self.unread)
        self.channels = {k: c for k, c in self.channels.items() if k.partition("|")[0] not in links}
        self.unread = {k: at for k, at in self.unread.items() if k.partition("|")[0] not in links}
        return (len(self.channels), len(self.unread)) != (channels, unread)

    def adopt(self, others: "Infusions", now: int) -> None:
        """Follow what these channels say from now on: their last words count."""
        self.channels |= others.channels
        self.unread |= others.unread
        for key, channel in others.channels.items():
            if channel.words is not None:
                self._write(key, channel.words, now)

    def settle(self, now: int, bridge: int) -> None:
        """Note what runs, pauses and stops as of `now`; `bridge` in ms."""
        running = [c for c in self.channels.values() if c.rate > 0]
        unknown = bool(self.unread) or any(c.drug is None for c in running)
        self.blurred = unknown or self._lost(now)
        for channel in running:
            if channel.drug and channel.group and channel.drug not in self.courses:
                self.courses[channel.drug] = Course(channel.group)
        for drug, course in self.courses.items():
            _settle(course, [c for c in running if c.drug == drug], now, bridge)
            course.note(now, complete=course.complete and not self.blurred)
        heard = {c.drug for c in running if c.drug and now - c.seen <= TRUSTED}
        silent = any(now - c.seen > TRUSTED for c in running)
        self.exposure.advance(now, heard, blind=self.blurred or silent)

    def _lost(self, now: int) -> bool:
        """Whether any drug may run unseen.

        So it is if no pump was ever heard, or if one stopped and its whole link has been quiet for
        too long. On a link that speaks, a quiet pump was taken away.
        """
        heard = {key.split("|")[0] for key, c in self.channels.items() if now - c.seen <= TRUSTED}
        return not self.channels or any(
            c.rate == 0 and key.split("|")[0] not in heard for key, c in self.channels.items()
        )

    def amount(self, drug: str) -> tuple[Decimal, bool]:
        """What is given of `drug` in ug/h of base or U/h, and whether that is all."""
        course = self.courses.get(drug)
        if course is None:
            return _ZERO, not self.blurred
        return course.amount, course.complete and not self.blurred

    def dose(self, drug: str, weight_kg: float | None) -> Dose:
        """The dose of `drug` in ug/kg/min of base, rounded as it is compared.

        Without a weight (kg) nothing is known of it.
        """
        if weight_kg is None:
            return Dose(_ZERO, complete=False)
        amount, complete = self.amount(drug)
        return Dose(rounded(amount / (60 * exact(weight_kg))), complete)

    def units_per_minute(self, drug: str) -> Dose:
        """The dose of a drug counted in units, in U/min."""
        amount, complete = self.amount(drug)
        return Dose(rounded(amount / 60), complete)

    def on(self, groups: Iterable[str]) -> bool | None:
        """Whether any drug of these groups is delivered, pauses bridged; None if unknown."""
        started = [c for c in self.courses.values() if c.group in groups and c.since is not None]
        if any(not c.silent for c in started):
            return True
        if self.blurred or started:
            return None
        return False

    def off_since(self, groups: Iterable[str]) -> int | None:
        """True time since which none of these groups runs; None while one does or may run.

        If none ever ran, that is since the pumps are heard.
        """
        if self.on(groups) is not False:
            return None
        stops = [c.stopped for c in self.courses.values() if c.group in groups and c.stopped]
        return max(stops or self.links.values(), default=None)

    def reached(self, drug: str, amount: Decimal, start: int, end: int) -> tuple[int, bool]:
        """The longest time (ms) within [start, end) in which `drug` was at or above `amount`.

        Spans in which that is not known count, and make the second item False.
        """
        course = self.courses.get(drug)
        longest, sure = 0, True
        begun: int | None = None
        known = True
        history = course.history if course else []
        for index, (changed, given, complete) in enumerate(history):
            until = min(history[index + 1][0] if index + 1 < len(history) else end, end)
            since = max(changed, start)
            if until <= since:
                continue
            if given < amount and complete:
                begun, known = None, True
                continue
            begun = since if begun is None else begun
            known = known and given >= amount
            if until - begun > longest:
                longest, sure = until - begun, known
        return longest, sure

    def fresh(self, drug: str, now: int) -> bool:
        """Whether a pump spoke of `drug` within five minutes; only then may a dose alert raise."""
        return any(c.drug == drug and now - c.seen <= FRESH for c in self.channels.values())

    def rate(self, drug: str, now: int) -> Decimal | None:
        """What flows of `drug` in mL/h; None if its pump is silent or no pump was ever heard."""
        flowing = [c for c in self.channels.values() if c.drug == drug and c.rate > 0]
        if not self.channels or any(now - c.seen > TRUSTED for c in flowing):
            return None
        return sum((c.rate for c in flowing), _ZERO)

    def silent(self, now: int) -> list[str]:
        """Channels that deliver and have told no rate for more than five minutes."""
        quiet = [k for k, c in self.channels.items() if c.rate > 0 and now - c.seen > FRESH]
        return [*quiet, *(k for k, since in self.unread.items() if now - since > FRESH)]

    def unknown(self) -> list[str]:
        """Channels that deliver something of unknown drug, or a vasopressor of unknown strength."""
        return [
            key
            for key, c in self.channels.items()
            if c.rate > 0 and (c.drug is None or (c.strength is None and c.group in PRESSORS))
        ]


def _settle(course: Course, running: list[Channel], now: int, bridge: int) -> None:
    trusted = [c for c in running if now - c.seen <= TRUSTED]
    course.silent = bool(running) and not trusted
    if trusted:
        if course.gap is not None and now - course.gap > bridge:
            course.since, course.stopped = None, course.gap
        if course.since is None:
            course.since = now
        if course.run is None:
            course.run = now
        course.gap = None
        known = [c.rate * c.strength for c in trusted if c.strength is not None]
        course.amount = sum(known, _ZERO)
        course.complete = len(known) == len(running)
    elif running:
        course.amount, course.complete = _ZERO, False
    elif course.since is not None:
        course.run = None
        if course.gap is None:
            course.gap = now
        if now - course.gap >= bridge:
            course.since, course.stopped, course.gap = None, course.gap, None
            course.amount, course.complete = _ZERO, True
