"""Arterial samples of one bed through the filter, one by one and in blocks of a minute.

Half a day at 1 Hz with systolic and diastolic: a clean series, and one with a flush in each block,
which no block can be taken at once with. A quarter of the length shows that the cost is linear.
"""

import math
import time
from collections.abc import Callable

from monitor_daemon.core.events import MINUTE, SECOND
from monitor_daemon.core.pressure import Pressure

BLOCK = 60
MINUTES = 720
_START = 29_600_000

Rows = list[tuple[int, float, float | None, float | None]]


def minute(n: int, *, flush: bool) -> Rows:
    """A minute whose pressure breathes and wanders, as arterial pressures do."""
    rows: Rows = []
    for second in range(BLOCK):
        t = BLOCK * n + second
        mean = 70 + 6 * math.sin(t / 700) + 2 * math.sin(t / 2.5)
        at = (_START + n) * MINUTE + second * SECOND
        rows.append((at, mean, mean + 40, mean - 18))
    if flush:
        rows[30] = (rows[30][0], 262.0, 270.0, 250.0)
    return rows


def one_by_one(record: Pressure, rows: Rows) -> None:
    for at, mean, systolic, diastolic in rows:
        record.take("mon|", at, mean, systolic, diastolic, usable=True)


def in_blocks(record: Pressure, rows: Rows) -> None:
    record.take_block("mon|", rows)


def timed(
    way: Callable[[Pressure, Rows], None], minutes: int, *, flush: bool
) -> tuple[float, Pressure]:
    """Microseconds a sample, and the record at the end. Rows are fresh, as when decoded."""
    record, spent = Pressure(), 0.0
    for n in range(minutes):
        rows = minute(n, flush=flush)
        start = time.perf_counter()
        way(record, rows)
        record.close(_START + n + 1, 30)
        spent += time.perf_counter() - start
    return spent / minutes / BLOCK * 1e6, record


def run() -> list[str]:
    lines = []
    for name, flush in (("clean", False), ("a flush in each block", True)):
        single, alone = timed(one_by_one, MINUTES, flush=flush)
        block, together = timed(in_blocks, MINUTES, flush=flush)
        assert alone == together
        quarter, _ = timed(in_blocks, MINUTES // 4, flush=flush)
        lines.append(
            f"{name}: take {single:.2f}, take_block {block:.2f} us/sample "
            f"({quarter:.2f} over a quarter of the time)"
        )
    return lines
