"""Resident memory of the engine with 100 enrolled patients after an hour of 1 Hz data."""

import asyncio
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import asked, site
from monitor_daemon.clock import EngineClock
from monitor_daemon.core.events import MINUTE, Data, Flow, Sample, Tick
from monitor_daemon.core.people import Enrol
from monitor_daemon.daemon import Daemon
from monitor_daemon.engine.engine import Engine

PATIENTS = 100
#: With it everything that a running daemon loads is loaded, so that it counts.
LOADED = Daemon


async def _fill(folder: Path) -> None:
    clock = EngineClock()
    async with site.stores(folder) as (journal, vault):
        engine = await site.started(journal, vault, clock, {"mon": 1.0})
        await _hour(engine, clock.now() // MINUTE * MINUTE)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


async def _hour(engine: Engine, start: int) -> None:
    async with engine.serving():
        for n in range(PATIENTS):
            flow = Flow("1", "running", 6.0, "norepinephrine", 60.0, "ug/mL")
            await engine.submit([Enrol(f"S{n}", f"b{n}", "personalise", "usual_vp01", 70, "bench")])
            await engine.submit([Data("pump", f"b{n}", flows=(flow,))])
        for second in range(3600):
            at = start + 1000 * second
            samples = (
                Sample("art_map", 66.0 + second % 9, "good", at, "1"),
                Sample("art_sys", 101.0, "good", at, "1"),
                Sample("art_dia", 51.0, "good", at, "1"),
            )
            batch = [Data("mon", f"b{n}", samples) for n in range(PATIENTS)]
            if second % 60 == 0:
                await engine.submit([Tick(at // MINUTE)])
            # The core is fed directly: an hour through the disk would only measure the disk.
            engine.ward.step(batch, at)


def run() -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory"], check=True, capture_output=True, text=True
    )
    peak = float(done.stdout.strip().splitlines()[-1])
    return [
        f"peak resident memory with {PATIENTS} patients: {peak:.0f} MB {asked.under(peak, 150)}"
    ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(_fill(Path(place)))
