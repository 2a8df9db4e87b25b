"""The one door in: append, judge, commit once, then release acknowledgements and publications.

Whoever submits gets his answer only after the group that holds his input is on the disk. A storage
failure is never answered: the engine stops loudly and is started again from the record.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import msgspec
import structlog

from monitor_daemon.clock import EngineClock
from monitor_daemon.core.decisions import Alert, Decision, Failure
from monitor_daemon.core.errors import InvariantError
from monitor_daemon.core.events import MINUTE, SECOND, ClockStepped, HandOver, Started, Tick
from monitor_daemon.core.intake import first_missed
from monitor_daemon.core.people import Input
from monitor_daemon.core.ward import Ward
from monitor_daemon.engine.fingerprint import core_fingerprint
from monitor_daemon.journal.chain import link
from monitor_daemon.journal.journal import Journal
from monitor_daemon.journal.reader import encode
from monitor_daemon.journal.rows import Head, InputRow, OutboxRow
from monitor_daemon.vault.vault import Original, SealedRow, Vault

#: The tick for minute M is taken this long after it began, so that its samples are in.
GRACE = 2 * SECOND
#: Real seconds for devices to reconnect after a restart, before a missed minute is judged.
RESTART_GRACE = 1.0
SNAPSHOT_EVERY = 10 * MINUTE
#: Submissions taken into one transaction at most.
_GROUP = 512

log = structlog.get_logger("engine")


class Composer(Protocol):
    """Makes messages for the broker out of decisions (notify's part, injected by the daemon)."""

    def publications(
        self,
        ward: Ward,
        inputs: Sequence[Input],
        decisions: Sequence[Decision],
        now: int,
        next_sequence: int,
    ) -> list[OutboxRow]:
        """The messages that follow; events are numbered from `next_sequence`."""
        ...


class _Submission:
    """Inputs of one sender, waiting for their commit."""

    __slots__ = ("answers", "done", "inputs", "original", "part", "t")

    def __init__(self, inputs: Sequence[Input], original: Original | None, t: int) -> None:
        self.inputs = [(given.order, encode(given), given) for given in inputs]
        self.original = original
        self.part = 0
        self.t = t
        self.answers: list[Decision] = []
        self.done: asyncio.Future[list[Decision]] = asyncio.get_running_loop().create_future()

    def fail(self) -> None:
        """Nothing is stored: the sender must not be answered."""
        if not self.done.done():
            self.done.set_exception(InvariantError("not stored", code="NOT_STORED"))
            self.done.exception()  # a sender that has gone leaves nobody to fetch it


class Engine:
    """Owns the ward, the ticks and the order of the record. `run` it as one task."""

    def __init__(
        self,
        *,
        journal: Journal,
        vault: Vault,
        clock: EngineClock,
        composer: Composer,
        offer: Callable[[Sequence[OutboxRow]], None],
        version: str,
        next_handover: Callable[[int], tuple[int, tuple[str, ...]] | None] = lambda now: None,
    ) -> None:
        self.ward = Ward()
        self.clock = clock
        self.committed_at: int | None = None
        self._journal = journal
        self._vault = vault
        self._composer = composer
        self._offer = offer
        self._version = version
        self._next_handover = next_handover
        self._core = core_fingerprint()
        self._waiting: list[_Submission] = []
        self._wake = asyncio.Event()
        self._head = Head(0, 0, 0, bytes(32), 0, 0)
        self._snapshot_at = 0
        self._stopped: BaseException | None = None
        self._last: asyncio.Future[list[Decision]] | None = None

    @property
    def head(self) -> Head:
        """Where the record stands."""
        return self._head

    async def start(self, replay: Callable[[Ward, int], Ward], configured: Input) -> None:
        """Rebuild the state from the record, then write down that the daemon runs again.

        `replay(ward, after)` feeds the record after row `after` into a ward.
        """
        self._head = await self._journal.head()
        saved = await self._journal.snapshot(self._core)
        if saved is not None:
            self.ward = replay(Ward.restore(saved[1]), saved[0])
        else:
            self.ward = replay(Ward(), 0)
        # Engine time never goes back, not even over a restart with the wall clock set back.
        self.clock.not_before(self._head.t)
        stopped = self._head.t if self._head.seq else None
        self._submit([configured])
        self._submit([Started(self._version, stopped)])

    def submit(
        self, inputs: Sequence[Input], original: tuple[str, bytes] | None = None
    ) -> "asyncio.Future[list[Decision]]":
        """Hand in the inputs of one sender; the future gives what followed, once it is durable.

        `original` is (link, wire bytes), sealed and stored before the record that cites them.
        Raises InvariantError if the engine has stopped.
        """
        if self._stopped is not None:
            raise InvariantError("the engine has stopped", code="ENGINE_STOPPED")
        return self._submit(inputs, None if original is None else Original(*original))

    def _submit(
        self, inputs: Sequence[Input], original: Original | None = None
    ) -> "asyncio.Future[list[Decision]]":
        submission = _Submission(inputs, original, self.clock.now())
        self._waiting.append(submission)
        self._last = submission.done
        self._wake.set()
        return submission.done

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["asyncio.Task[None]"]:
        """Run the engine around a block; at its end everything handed in is still stored.

        The block gets the engine's task, to stop with it if it fails.
        """
        task = asyncio.create_task(self.run(), name="engine")
        try:
            yield task
        finally:
            while self._last is not None and not self._last.done() and not task.done():
                with suppress(InvariantError):
                    await self._last
            task.cancel()
            await asyncio.wait([task])

    async def run(self) -> None:
        """Take groups until cancelled. Raises what stopped it; waiting senders learn of it.

        While a group is on its way to the disk the next one gathers.
        """
        group: list[_Submission] = []
        try:
            while True:
                await self._wake.wait()
                # Let every connection that is ready hand in its message: one commit serves all.
                await asyncio.sleep(0)
                group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
                if not self._waiting:
                    self._wake.clear()
                await self._commit(group)
        except BaseException as error:
            self._stopped = error
            for submission in (*group, *self._waiting):
                submission.fail()
            raise

    async def ticks(self) -> None:
        """Submit a tick for every whole minute, and what the wall clock did, until cancelled."""
        minute = self.clock.now() // MINUTE
        if self.ward.state.minute:
            # After a restart senders repeat what was not acknowledged: let it come first.
            await asyncio.sleep(RESTART_GRACE)
            minute = first_missed(self.ward.state.minute, minute, self.clock.speed)
        told = (self.ward.state.minute or minute) * MINUTE
        while True:
            await asyncio.sleep(self.clock.until(minute * MINUTE + GRACE))
            step = self.clock.wall_step()
            if step:
                log.warning("wall clock stepped", seconds=round(step, 3))
                await self.submit([ClockStepped(step)])
            # One instant for both, so that what both tell is one push.
            await self.submit([*self._handed_over(told, minute * MINUTE), Tick(minute)])
            told = minute * MINUTE
            minute += 1

    def _handed_over(self, since: int, until: int) -> list[HandOver]:
        """Whose shift changed after `since` and up to `until` (ms): each role once."""
        roles: dict[str, None] = {}
        while (change := self._next_handover(since)) is not None and change[0] <= until:
            since = change[0]
            roles.update(dict.fromkeys(change[1]))
        return [HandOver(tuple(roles))] if roles else []

    async def _commit(self, group: list[_Submission]) -> None:
        """Judge a group, write it in one transaction, then answer and publish."""
        rows, decisions, outbox = await self._store(group, await self._seal(group))
        last = rows[-1]
        sequence = max([row.sequence for row in outbox], default=0) or self._head.sequence
        self._head = Head(
            last.seq, last.group, last.t, last.link, self._head.outbox + len(outbox), sequence
        )
        self.committed_at = self.clock.now()
        for submission in group:
            if not submission.done.done():
                submission.done.set_result(submission.answers)
        if outbox:
            self._offer(outbox)
        _report(decisions)

    async def _seal(self, group: list[_Submission]) -> SealedRow | None:
        """Put the originals of a group into the vault, before the record cites them."""
        originals: list[Original] = []
        for submission in group:
            if submission.original is not None:
                submission.part = len(originals)
                originals.append(submission.original)
        return await self._vault.append(group[0].t, originals) if originals else None

    async def _store(
        self, group: list[_Submission], sealed: SealedRow | None
    ) -> tuple[list[InputRow], list[Decision], list[OutboxRow]]:
        rows, decisions = self._judge(group, self._head.group + 1, sealed)
        now = rows[-1].t
        messages = self._composer.publications(
            self.ward,
            [given for submission in group for _, _, given in submission.inputs],
            decisions,
            now,
            self._head.sequence + 1,
        )
        outbox = [
            msgspec.structs.replace(row, id=self._head.outbox + n)
            for n, row in enumerate(messages, start=1)
        ]
        snapshot = None
        if now - self._snapshot_at >= SNAPSHOT_EVERY:
            snapshot, self._snapshot_at = (rows[-1].seq, self._core, self.ward.snapshot()), now
        await self._journal.append(rows, outbox, snapshot)
        return rows, decisions, outbox

    def _judge(
        self, group: list[_Submission], number: int, sealed: SealedRow | None
    ) -> tuple[list[InputRow], list[Decision]]:
        """Step the ward through the group, instant by instant; make the rows of the record."""
        rows: list[InputRow] = []
        everything: list[Decision] = []
        seq, previous = self._head.seq, self._head.link
        for t, instant in _instants(group, self._head.t):
            found = self.ward.step([given for _, _, given, _ in instant], t)
            by_input: dict[int, list[Decision]] = {}
            for index, decision in found:
                by_input.setdefault(index, []).append(decision)
                everything.append(decision)
            for index, (_, body, _, submission) in enumerate(instant):
                seq += 1
                mine = by_input.get(index, [])
                submission.answers.extend(mine)
                cited = sealed if submission.original is not None else None
                row = InputRow(
                    seq=seq,
                    group=number,
                    t=t,
                    body=body,
                    original=cited.id if cited else None,
                    part=submission.part if cited else None,
                    original_hash=cited.digest if cited else None,
                    decisions=tuple((getattr(d, "subject", None), encode(d)) for d in mine),
                )
                row.link = previous = link(previous, row)
                rows.append(row)
        return rows, everything


def _instants(
    group: list[_Submission], last: int
) -> list[tuple[int, list[tuple[int, bytes, Input, _Submission]]]]:
    """Inputs by engine time, those of one instant in the order of reference 0.2."""
    found: dict[int, list[tuple[int, bytes, Input, _Submission]]] = {}
    for submission in group:
        t = max(submission.t, last)
        bucket = found.setdefault(t, [])
        bucket.extend((order, body, given, submission) for order, body, given in submission.inputs)
    for bucket in found.values():
        if len(bucket) > 1:
            bucket.sort(key=lambda item: item[:2])
    return sorted(found.items())


def _report(decisions: Sequence[Decision]) -> None:
    for decision in decisions:
        if isinstance(decision, Failure):
            log.error("core failed", where=decision.where, error=decision.error)
        elif isinstance(decision, Alert):
            log.info(
                "alert",
                name=decision.name,
                transition=decision.transition,
                subject=decision.subject,
                bed=decision.bed,
            )
