"""Live core: filtered MAP/sys/dia triplets of enrolled subjects a second, ticks and rules included.

One core; 50 subjects at 1 Hz, each triplet one input as the journal holds it. The alternative in
the same run is the least that any live core must do with an input: decode its JSON record.
"""

import time

import msgspec

from benchmarks import asked
from monitor_daemon import resources
from monitor_daemon.core.events import MINUTE, Configured, Data, Flow, Sample, Tick
from monitor_daemon.core.people import Enrol, Input
from monitor_daemon.core.ward import Ward
from monitor_daemon.journal.reader import decode_input, encode

SUBJECTS = 50
MINUTES = 12
_START = 29_600_000 * MINUTE


def ward(subjects: int = SUBJECTS) -> Ward:
    """A ward with its subjects enrolled and their pumps heard."""
    made = Ward()
    drugs = resources.text("drugs.toml")
    made.step([Configured("bench", drugs, resources.protocols(), {"mon": 1.0})], _START)
    for n in range(subjects):
        made.step(
            [
                Enrol(f"S{n}", f"bed-{n}", "personalise", "permissive_vp01", 70.0, "bench"),
                Data("pump", f"bed-{n}", flows=(flow(),)),
            ],
            _START,
        )
    return made


def flow(at: int | None = None) -> Flow:
    """A syringe of norepinephrine."""
    return Flow("1", "running", 6.0, "norepinephrine", 60.0, "ug/mL", at=at)


def triplet(at: int, mean: float) -> tuple[Sample, ...]:
    """Mean, systolic and diastolic of one instant."""
    values = (("art_map", mean), ("art_sys", mean + 35), ("art_dia", mean - 15))
    return tuple(Sample(signal, value, "good", at, "1.2.1") for signal, value in values)


def second(n: int) -> list[Input]:
    """All triplets of one second."""
    at = _START + 1000 * n
    mean = 66.0 + n % 7
    return [Data("mon", f"bed-{bed}", triplet(at, mean)) for bed in range(SUBJECTS)]


def run() -> list[str]:
    made, seconds = ward(), 60 * MINUTES
    inputs = [second(n) for n in range(seconds)]
    start = time.perf_counter()
    for n, instant in enumerate(inputs):
        if n % 60 == 0:
            made.step([Tick(_START // MINUTE + n // 60)], _START + 1000 * n)
        made.step(instant, _START + 1000 * n)
    live = SUBJECTS * seconds / (time.perf_counter() - start)
    bodies = [encode(given) for instant in inputs for given in instant]
    start = time.perf_counter()
    for body in bodies:
        decode_input(body)
    decoded = len(bodies) / (time.perf_counter() - start)
    assert msgspec.json.decode(bodies[0])["bed"] == "bed-0"
    return [
        f"live core, {SUBJECTS} subjects: {live:,.0f} triplets/s {asked.at_least(live, 60_000)}",
        f"decoding the same records from JSON: {decoded:,.0f} records/s",
        f"ratio {live / decoded:.2f}",
    ]
