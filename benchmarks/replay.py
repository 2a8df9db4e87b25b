"""Replay of one patient: 28 days at 1 Hz with systolic and diastolic, and three pump channels.

From the JSON records of the journal, in seconds of one core. The alternative is the live path,
one message at a time, over the first quarter, which also shows that the cost is linear.
"""

import math
import time
from collections.abc import Iterator

from benchmarks import asked
from monitor_daemon import resources
from monitor_daemon.core.events import MINUTE, SECOND, Configured, Data, Flow, Sample, Tick
from monitor_daemon.core.people import Enrol, Input
from monitor_daemon.core.ward import Ward
from monitor_daemon.engine.replay import judge_in_blocks
from monitor_daemon.journal.reader import decode_input, encode

DAYS = 28
_START = 29_600_000 * MINUTE
_DAY = 86_400
#: Seconds between two reports of the pumps.
_POLL = 10

Records = Iterator[tuple[int, bytes]]


def records(days: float) -> Records:
    """The record of a patient who breathes, wanders, and is titrated every two hours."""
    drugs = resources.text("drugs.toml")
    periods = {"mon": 1.0, "pumps": float(_POLL)}
    yield _START, encode(Configured("bench", drugs, resources.protocols(), periods))
    yield _START, encode(Enrol("S1", "bed-1", "personalise", "permissive_vp01", 60.0, "bench"))
    for second in range(round(days * _DAY)):
        at = _START + second * SECOND
        mean = round(66 + 4 * math.sin(second / 3000) + second * 7919 % 13 / 6, 1)
        yield at + 200, encode(_triplet(at, mean))
        if second % _POLL == 5:
            yield at + 300, encode(_pumps(at, second))
        if second % 60 == 2:
            yield at + 400, encode(Tick(at // MINUTE))


def _triplet(at: int, mean: float) -> Data:
    values = (("art_map", mean), ("art_sys", mean + 35), ("art_dia", mean - 18))
    return Data("mon", "bed-1", tuple(Sample(name, value, "good", at) for name, value in values))


def _pumps(at: int, second: int) -> Data:
    rate = 4.8 + second // 7200 % 3
    flows = (
        Flow("1", "running", rate, "norepinephrine", 60.0, "ug/mL", at=at),
        Flow("2", "running", 4.5, "vasopressin", 0.4, "U/mL", at=at),
        Flow("3", "running", 5.0, "other", at=at),
    )
    return Data("pumps", "bed-1", flows=flows)


def _decoded(made: list[tuple[int, bytes]]) -> Iterator[tuple[int, list[Input]]]:
    for t, body in made:
        yield t, [decode_input(body)]


def run() -> list[str]:
    quarter = list(records(DAYS / 4))
    live, start = Ward(), time.process_time()
    for t, inputs in _decoded(quarter):
        live.step(inputs, t)
    one_by_one = time.process_time() - start
    blocks, start = Ward(), time.process_time()
    for _ in judge_in_blocks(blocks, _decoded(quarter)):
        pass
    in_blocks = time.process_time() - start
    assert blocks.snapshot() == live.snapshot()
    del quarter
    # The whole length day by day, so that the records do not have to fit into memory.
    spent, made, day = 0.0, Ward(), list[tuple[int, bytes]]()
    for record in records(DAYS):
        day.append(record)
        if len(day) > _DAY:
            spent, day = spent + _timed(made, day), []
    spent += _timed(made, day)
    return [
        f"{DAYS} days in blocks: {spent:.1f} s {asked.at_most(spent, 20)}",
        f"a quarter of it: blocks {in_blocks:.1f} s, one by one {one_by_one:.1f} s",
        f"ratio {one_by_one / in_blocks:.1f}",
        f"whole to quarter {spent / in_blocks:.2f} (linear: 4)",
    ]


def _timed(made: Ward, part: list[tuple[int, bytes]]) -> float:
    start = time.process_time()
    for _ in judge_in_blocks(made, _decoded(part)):
        pass
    return time.process_time() - start
