"""Live evaluation of 500 patients at 1 Hz: the share of one core that the judging takes.

Each second brings one triplet a patient, every ten seconds a pump report, every minute a tick with
all rules. The alternative in the same run is decoding the same records from JSON.
"""

import time

from benchmarks import asked, core
from monitor_daemon.core.events import MINUTE, SECOND, Data, Tick
from monitor_daemon.core.people import Enrol, Input
from monitor_daemon.core.ward import Ward
from monitor_daemon.journal.reader import decode_input, encode

PATIENTS = 500
MINUTES = 3
_START = 29_600_000 * MINUTE


def second(n: int) -> list[Input]:
    """All messages of second `n`."""
    at = _START + n * SECOND
    made: list[Input] = []
    for bed in range(PATIENTS):
        made.append(Data("mon", f"bed-{bed}", core.triplet(at, 66.0 + (n + bed) % 7)))
        if (n + bed) % 10 == 0:
            made.append(Data("pumps", f"bed-{bed}", flows=(core.flow(at),)))
    return made


def run() -> list[str]:
    made: Ward = core.ward(0)
    for n in range(PATIENTS):
        enrol = Enrol(f"S{n}", f"bed-{n}", "personalise", "permissive_vp01", 70.0, "bench")
        made.step([enrol], _START)
    spent = decoding = 0.0
    for n in range(60 * MINUTES):
        bodies = [encode(given) for given in second(n)]
        start = time.perf_counter()
        inputs = [decode_input(body) for body in bodies]
        decoding += time.perf_counter() - start
        start = time.perf_counter()
        for given in inputs:
            made.step([given], _START + n * SECOND)
        if n % 60 == 2:
            made.step([Tick(_START // MINUTE + n // 60)], _START + n * SECOND)
        spent += time.perf_counter() - start
    seconds = 60 * MINUTES
    share = 100 * spent / seconds
    return [
        f"{PATIENTS} patients at 1 Hz: {share:.1f} % of one core {asked.at_most(share, 20)}",
        f"decoding their records from JSON: {100 * decoding / seconds:.1f} %",
        f"ratio {spent / decoding:.1f}",
    ]
