"""Resident memory of the engine with 100 enrolled patients after an hour of 1 Hz data."""

import asyncio
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from monitor_daemon import resources
from monitor_daemon.clock import EngineClock
from monitor_daemon.core.events import MINUTE, Configured, Data, Flow, Sample, Tick
from monitor_daemon.core.people import Enrol

PATIENTS = 100


async def _fill(folder: Path) -> None:
    # Everything that a running daemon loads is loaded, so that it counts.
    from monitor_daemon import daemon  # noqa: PLC0415
    from monitor_daemon.engine.engine import Engine  # noqa: PLC0415
    from monitor_daemon.journal.journal import Journal  # noqa: PLC0415
    from monitor_daemon.notify.messages import Composer  # noqa: PLC0415
    from monitor_daemon.vault.vault import Vault  # noqa: PLC0415

    assert daemon.Daemon
    clock = EngineClock()
    journal = await Journal.open(folder / "journal.db")
    vault = await Vault.open(folder / "vault.db", bytes(32))
    engine = Engine(
        journal=journal,
        vault=vault,
        clock=clock,
        composer=Composer("bench"),
        offer=lambda rows: None,
        version="bench",
    )
    drugs = resources.text("drugs.toml")
    await engine.start(
        lambda ward, after: ward,
        Configured("bench", drugs, resources.protocols(), {"mon": 1.0}),
    )
    async with engine.serving():
        start = clock.now() // MINUTE * MINUTE
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
    await journal.close()
    await vault.close()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def run() -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory"], check=True, capture_output=True, text=True
    )
    peak = float(done.stdout.strip().splitlines()[-1])
    return [f"peak resident memory with {PATIENTS} patients: {peak:.0f} MB (under 150)"]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(_fill(Path(place)))
