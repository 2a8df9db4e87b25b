"""Bytes of a framed PCD-01 message with 40 OBX to checked readings, against two libraries' parse.

Ours frames, finds the character set, splits, checks codes, units and validity and gives readings;
theirs split the decoded text only. Each is the best of several runs, one after the other in turn,
so that other work on the machine touches all alike. Times and values differ between messages.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import cycle

import hl7
import hl7apy.parser

from benchmarks import asked
from benchmarks.pcd01 import pcd01
from drivers.hl7.driver import DRIVER
from monitor_daemon.core.vocabulary import Reading
from monitor_daemon.hl7.mllp import framed

OBSERVATIONS = 40
ROUNDS = 5


def microseconds(run: Callable[[], object], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        run()
    return (time.perf_counter() - start) / times * 1e6


def run() -> list[str]:
    start = datetime(2026, 11, 21, 10, 15, tzinfo=UTC)
    texts = [pcd01(start + timedelta(seconds=n), 1, n, OBSERVATIONS) for n in range(60)]
    blocks = cycle([framed(text.encode()) for text in texts])
    text = texts[0]
    # One decoder for all, as on a connection that stays open.
    decoder = DRIVER.decoder("mllp", DRIVER.settings({}))

    def ours() -> list[object]:
        return list(decoder.feed(next(blocks)))

    assert sum(isinstance(row, Reading) for row in ours()) == OBSERVATIONS
    ways = (
        (ours, 400),
        (lambda: hl7.parse(text), 20),
        (lambda: hl7apy.parser.parse_message(text), 1),
    )
    found = [min(turn) for turn in zip(*(
        [microseconds(way, times) for way, times in ways] for _ in range(ROUNDS)
    ), strict=True)]  # fmt: skip
    mine, theirs, other = found
    ratio, slower = theirs / mine, other / mine
    return [
        f"{OBSERVATIONS} OBX, {len(text)} bytes, to readings: {mine:.0f} us",
        f"python-hl7 parse {theirs:,.0f} us: ratio {ratio:.0f} {asked.at_least(ratio, 20)}",
        f"hl7apy parse {other:,.0f} us: ratio {slower:.0f} {asked.at_least(slower, 500)}",
    ]
