"""Bytes of a framed PCD-01 message with 40 OBX to checked readings, against two libraries' parse.

Ours frames, finds the character set, splits, checks codes, units and validity and gives readings;
theirs split the decoded text only. Each is the best of several runs, one after the other in turn,
so that other work on the machine touches all alike. Times and values differ between messages.
"""

import time
from collections.abc import Callable
from itertools import cycle

import hl7
import hl7apy.parser

from benchmarks.mllp import METRICS
from drivers.hl7.driver import DRIVER
from monitor_daemon.core.vocabulary import Reading
from monitor_daemon.hl7.mllp import framed

OBSERVATIONS = 40
ROUNDS = 5


def message(number: int) -> str:
    at = f"202611211015{number:02}+0900"
    head = (
        f"MSH|^~\\&|GW^0022330000000A01^EUI-64|ICU|MD||{at}||ORU^R01^ORU_R01|{number}|P|2.6|||AL|NE||"
        "UNICODE UTF-8\rPID|||R1^^^ICU^MR||^^^^^^U\rPV1||I|ICU^1^1\r"
        f"OBR|1||F1|182777000^monitoring of patient^SCT|||{at}\r"
    )
    body = ""
    for n in range(OBSERVATIONS):
        code, place, value, unit = METRICS[n % len(METRICS)]
        value = value.partition(".")[0]
        body += f"OBX|{n + 1}|NM|{code}|{n}.{place}|{value}.{number}|{unit}|||||R\r"
    return head + body


def microseconds(run: Callable[[], object], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        run()
    return (time.perf_counter() - start) / times * 1e6


def run() -> list[str]:
    texts = [message(number) for number in range(60)]
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
    return [
        f"{OBSERVATIONS} OBX, {len(text)} bytes, to readings: {mine:.0f} us",
        f"python-hl7 parse {theirs:,.0f} us: ratio {theirs / mine:.0f} (at least 20)",
        f"hl7apy parse {other:,.0f} us: ratio {other / mine:.0f} (at least 500)",
    ]
