"""Long runs, seeded and repeatable. `./dev soak` runs all of it, the suite one per cent.

SOAK_SEED repeats a run.
"""

import os
import random
from pathlib import Path

import pytest

from drivers.kit.registry import driver_names, load_driver
from monitor_daemon import resources
from monitor_daemon.core.events import MINUTE, Configured, Data, Flow, Sample, Tick
from monitor_daemon.core.people import Enrol
from monitor_daemon.core.vocabulary import Reading
from monitor_daemon.core.ward import Ward, in_order
from monitor_daemon.journal.reader import encode

FULL = os.environ.get("SOAK") == "1"
SEED = int(os.environ.get("SOAK_SEED", "20260101"))
CASES = 1_000_000 if FULL else 10_000
BED_DAYS = 100 if FULL else 1
SAMPLES = sorted((Path(__file__).parents[1] / "data" / "hl7").glob("*.hl7"))
ZERO = 29_600_000 * MINUTE


def mutate(rng: random.Random, message: bytes) -> bytes:
    """One to four bytes, or stretches, replaced, removed, doubled or swapped."""
    data = bytearray(message)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        until = min(len(data), at + rng.choice((1, 1, 1, 4, 40)))
        data[at:until] = rng.choice(
            (
                b"",
                rng.randbytes(until - at),
                bytes(data[at:until]) * 2,
                b"|",
                b"^",
                b"\x1c\r",
                b"\x0b",
            )
        )
    return bytes(data)


def test_mutated_hl7_never_raises_and_invents_no_reading() -> None:
    rng, driver = random.Random(SEED), load_driver("hl7")
    originals = [path.read_bytes() for path in SAMPLES]
    for _ in range(CASES):
        message = mutate(rng, rng.choice(originals))
        decoder = driver.decoder("mllp", driver.settings({}))
        rows = [*decoder.feed(b"\x0b" + message + b"\x1c\r"), *decoder.finish()]
        for row in rows:
            converted = b"266048" in message or b"266560" in message  # cmH2O, degF
            if isinstance(row, Reading) and row.value is not None and not converted:
                assert repr(abs(row.value)).removesuffix(".0").encode() in message, row


@pytest.mark.parametrize("name", driver_names())
def test_random_bytes_into_a_session_never_raise(name: str) -> None:
    rng, driver = random.Random(SEED), load_driver(name)
    session = driver.session(driver.settings({}))
    list(session.connected(0.0))
    for number in range(CASES // 10):
        list(session.feed(rng.randbytes(rng.randint(1, 64)), number / 10))
        due = session.due()
        if due is not None and due <= number / 10:
            list(session.wake(number / 10))


def test_bed_days_are_judged_the_same_from_any_snapshot() -> None:
    rng = random.Random(SEED)
    for day in range(BED_DAYS):
        ward = Ward()
        drugs = resources.text("drugs.toml")
        ward.step([Configured("soak", drugs, resources.protocols(), {"m": 60.0})], ZERO)
        ward.step([Enrol("S1", "b1", "personalise", "permissive_vp01", 70.0, "t")], ZERO)
        mean, rate, twin = 66.0, 5.0, None
        for minute in range(1, 1440):
            now = ZERO + minute * MINUTE
            mean = min(130.0, max(10.0, mean + rng.gauss(0, 2)))
            rate = max(0.0, rate + rng.gauss(0, 0.3))
            inputs = [
                Data(
                    "p", "b1", flows=(Flow("1", "running", rate, "norepinephrine", 60.0, "ug/mL"),)
                ),
                Tick(now // MINUTE),
            ]
            if rng.random() > 0.05:
                inputs.append(Data("m", "b1", (Sample("art_map", mean, "good", now),)))
            found = [encode(decision) for _, decision in ward.step(in_order(inputs), now)]
            if twin is not None:
                again = in_order(list(reversed(inputs)))
                assert [encode(decision) for _, decision in twin.step(again, now)] == found
            if minute % 360 == 0:
                twin = Ward.restore(ward.snapshot())
        state = ward.state.subjects["S1"]
        assert state.target in {50.0, 55.0, 60.0, 65.0}, day
        assert sum(state.ledger.counts.values()) + len(state.ledger.pending) <= 1440
