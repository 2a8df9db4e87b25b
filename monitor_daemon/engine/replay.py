"""The record through the core again: to restart from it, and to verify it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor_daemon.core.absorb import Pressures, pressures
from monitor_daemon.core.decisions import Decision
from monitor_daemon.core.events import Data
from monitor_daemon.core.people import Input
from monitor_daemon.core.ward import Ward
from monitor_daemon.journal.chain import GENESIS, link
from monitor_daemon.journal.reader import decode_input, encode, instants, read_only, rows
from monitor_daemon.journal.rows import InputRow


def replay(path: Path, ward: Ward, after: int) -> Ward:
    """Feed every input after row `after` into `ward`; the state is then what it was."""
    connection = read_only(path)
    try:
        found = (
            (instant[0].t, [decode_input(row.body) for row in instant])
            for instant in instants(rows(connection, after))
        )
        for _ in judge_in_blocks(ward, found):
            pass
    finally:
        connection.close()
    return ward


def judge_in_blocks(
    ward: Ward, instants: Iterable[tuple[int, Sequence[Input]]]
) -> Iterator[tuple[int, Decision]]:
    """Step `ward` through (t, inputs); give (t, decision) pairs.

    Runs of messages with nothing but one source's pressures are taken as one block, which costs a
    fraction and leaves the same state; a pump that only repeats itself does not end a block.
    """
    block: list[tuple[int, Data, Pressures]] = []
    source: tuple[str, str | None, str | None] | None = None
    for t, inputs in instants:
        plain = _plain(inputs)
        if plain is None and ward.still(inputs, t):
            continue
        here = None if plain is None else (plain[0].link, plain[0].bed, plain[1][0])
        if block and here != source:
            yield from ward.step_block(block)
            block = []
        if plain is None:
            yield from ((t, decision) for _, decision in ward.step(inputs, t))
        else:
            source = here
            block.append((t, *plain))
    if block:
        yield from ward.step_block(block)


def _plain(inputs: Sequence[Input]) -> tuple[Data, Pressures] | None:
    """A message that is one usable arterial triplet of a known bed and nothing else."""
    if len(inputs) != 1:
        return None
    (given,) = inputs
    if type(given) is not Data or given.flows or given.bed is None or given.buffered:
        return None
    if len(given.samples) not in {1, 3}:
        return None
    found = pressures(given.samples)
    return (given, found[0]) if len(found) == 1 and found[0][-1] else None


@dataclass(frozen=True, slots=True)
class Finding:
    """What `verify` found wrong, and in which row."""

    seq: int
    reason: str


@dataclass(slots=True)
class Verification:
    """The result of walking the record."""

    inputs: int = 0
    decisions: int = 0
    head: bytes = GENESIS
    anchored: bool = False


def verify(path: Path, result: Verification, anchor: str | None = None) -> Iterator[Finding]:
    """Walk the chain and judge every input again; yield each difference.

    `result` is filled on the way; `anchor` is a link (hex) that must be met. Raises sqlite3.Error
    if the journal cannot be read.
    """
    connection = read_only(path)
    ward: Ward | None = Ward()
    try:
        for (seq,) in connection.execute(
            "SELECT DISTINCT seq FROM decision WHERE seq NOT IN (SELECT seq FROM input)"
        ):
            yield Finding(seq, "a decision stands here without an input")
        for instant in instants(rows(connection)):
            yield from _chain(instant, result, anchor)
            if ward is not None:
                try:
                    yield from _judge_again(ward, instant, result)
                except Exception as error:  # noqa: BLE001 - a damaged record may break anything
                    kind = type(error).__name__
                    yield Finding(
                        instant[0].seq, f"cannot be judged again ({kind}), nor what follows"
                    )
                    ward = None
    finally:
        connection.close()


def _judge_again(ward: Ward, instant: list[InputRow], result: Verification) -> Iterator[Finding]:
    found = ward.step([decode_input(row.body) for row in instant], instant[0].t)
    again: dict[int, list[bytes]] = {}
    for index, decision in found:
        again.setdefault(index, []).append(encode(decision))
    for index, row in enumerate(instant):
        recorded = [body for _, body in row.decisions]
        result.decisions += len(recorded)
        if recorded != again.get(index, []):
            yield Finding(row.seq, "judged again, the decisions are not those recorded")


def _chain(instant: list[InputRow], result: Verification, anchor: str | None) -> Iterator[Finding]:
    for row in instant:
        result.inputs += 1
        if row.seq != result.inputs:
            yield Finding(row.seq, f"row {result.inputs} is missing")
            result.inputs = row.seq
        if row.link != link(result.head, row):
            yield Finding(row.seq, "the hash chain is broken here")
        result.head = row.link
        result.anchored = result.anchored or row.link.hex() == anchor
