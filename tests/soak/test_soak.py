"""Long runs, seeded and repeatable. `./dev soak` runs all of it, the suite one per cent.

SOAK_SEED repeats a run.
"""

import os
import random

from monitor_daemon import resources
from monitor_daemon.core.events import MINUTE, Configured, Data, Flow, Sample, Tick
from monitor_daemon.core.people import Enrol
from monitor_daemon.core.ward import Ward, in_order
from monitor_daemon.journal.reader import encode

FULL = os.environ.get("SOAK") == "1"
SEED = int(os.environ.get("SOAK_SEED", "20260101"))
BED_DAYS = 100 if FULL else 1
ZERO = 29_600_000 * MINUTE


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
        assert sum(state.ledger.counts.values()) <= 1440
