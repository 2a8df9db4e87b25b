"""SIGKILL at 20 random moments under load: the alerts are those of an undisturbed run."""

import asyncio
import os
import random
import sqlite3
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from site_process import Site, pressure_message, tidy
from waiting import free_port

from drivers.kit.play_file import make_play
from drivers.kit.playback import SimClock
from drivers.kit.registry import load_driver
from drivers.kit.simulate import Simulation, run_server
from monitor_daemon.engine.replay import Verification, verify
from monitor_daemon.notify.broker import EmbeddedBroker
from monitor_daemon.vault.vault import Vault, load_key

#: `./dev soak` repeats the series with ten seeds.
FULL = os.environ.get("SOAK") == "1"
SPEED = 60.0
MINUTES = 48
KILLS = 20
#: MAP by minute: who falls when. Subject S3 also gets 0.120 ug/kg/min from the start.
COURSES = {
    "bed-1": [(0, 66), (12, 60), (32, 66)],
    "bed-2": [(0, 66), (15, 48), (23, 66)],
    "bed-3": [(0, 66)],
}
ARMS = {"bed-1": "usual_vp01", "bed-2": "permissive_vp03", "bed-3": "usual_vp01"}


def course(bed: str, minute: int) -> float:
    """A monitor never shows the same triplet for long: that would be a frozen feed."""
    return [value for start, value in COURSES[bed] if start <= minute][-1] + minute % 2 / 10


class Sender:
    """A gateway that repeats a message with the same bytes until it is acknowledged."""

    def __init__(self, site: Site, clock: SimClock, *, load: int) -> None:
        self.site, self.clock, self.load = site, clock, load
        self.acknowledged: list[str] = []

    def due(self, minute: int) -> list[tuple[str, bytes]]:
        at = (self.clock.utc + timedelta(minutes=minute)).strftime("%Y%m%d%H%M%S+0000")
        messages = []
        for bed in COURSES:
            control_id = f"{bed}-{minute}"
            wire = pressure_message(control_id, f"WARD^ROOM^{bed}", at, course(bed, minute))
            messages.append((control_id, wire))
        for n in range(self.load):
            control_id = f"load-{minute}-{n}"
            messages.append((control_id, pressure_message(control_id, "ELSEWHERE", at, 80 + n % 5)))
        return messages

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        for minute in range(MINUTES + 1):
            await asyncio.sleep(self.clock.monotonic(60 * minute + 1) - loop.time())
            for control_id, wire in self.due(minute):
                while True:
                    try:
                        if connection is None:
                            connection = await asyncio.open_connection("127.0.0.1", self.site.mllp)
                        reader, writer = connection
                        writer.write(wire)
                        reply = await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 10)
                    except (OSError, asyncio.IncompleteReadError):
                        if connection is not None:
                            connection[1].close()
                        connection = None
                        await asyncio.sleep(0.03)
                        continue
                    assert f"MSA|CA|{control_id}".encode() in reply, reply
                    self.acknowledged.append(control_id)
                    break
        if connection is not None:
            connection[1].close()


async def kill_again_and_again(site: Site, clock: SimClock, rng: random.Random) -> int:
    loop = asyncio.get_running_loop()
    moments = sorted(rng.uniform(3, MINUTES - 4) for _ in range(KILLS))
    done = 0
    for moment in moments:
        await asyncio.sleep(max(0.0, clock.monotonic(60 * moment) - loop.time()))
        await site.kill()
        done += 1
        await site.start()
    return done


def alerts(site: Site) -> tuple[Counter, dict]:
    """How often each alert was raised and cleared, and the minute of each raise.

    How often it is told again depends on the minutes between, which a restart may shorten.
    """
    happened: Counter = Counter()
    raised = {}
    episodes: dict = {}
    known: dict = {}
    connection = sqlite3.connect(site.journal)
    ((start,),) = connection.execute("SELECT min(t) FROM input")
    for (body,) in connection.execute("SELECT body FROM decision ORDER BY seq, n"):
        decision = msgspec.json.decode(body)
        if decision["decision"] != "alert" or decision["name"] == "PUMP_GAP":
            continue
        alert = (decision["subject"], decision["name"])
        episodes.setdefault(decision["alert_id"], 1 + sum(alert == a for a in known.values()))
        known[decision["alert_id"]] = alert
        key = (*alert, episodes[decision["alert_id"]], decision["transition"])
        if decision["transition"] in {"escalated", "repeated"}:
            continue
        happened[key] += 1
        if decision["transition"] == "raised":
            raised[key] = (decision["raised_at"] - start) / 60000
    connection.close()
    return happened, raised


async def control_ids(site: Site) -> set[str]:
    """MSH-10 of every original that the record cites."""
    connection = sqlite3.connect(site.journal)
    cited = connection.execute(
        "SELECT original, part FROM input WHERE original NOT NULL"
    ).fetchall()
    connection.close()
    key = load_key(site.folder / "vault.key")
    vault = await Vault.open(site.folder / "store" / "vault.db", key)
    found = [await vault.read(*place) for place in cited]
    await vault.close()
    return {o.raw.split(b"|")[9].decode() for o in found if o.raw.startswith(b"MSH|")}


@pytest.fixture
async def broker(tmp_path: Path):
    async with EmbeddedBroker(tmp_path / "broker") as running:
        yield running.settings


@pytest.mark.alone
@pytest.mark.parametrize("seed", range(20260101, 20260111) if FULL else [20260101])
async def test_killed_20_times_under_load(tmp_path: Path, broker, seed: int) -> None:
    rng = random.Random(seed)
    loop = asyncio.get_running_loop()
    clock = SimClock(loop.time() + 6, datetime(2026, 1, 1, tzinfo=UTC), SPEED)
    play = make_play(
        {
            "title": "norepinephrine at 0.12",
            "beds": [
                {
                    "bed": "BED3",
                    "signals": {},
                    "pumps": [
                        {
                            "channel": "11",
                            "drug": "Norad",
                            "concentration": 60,
                            "concentration_unit": "ug/mL",
                            "rate": {"constant": 7.2},
                        }
                    ],
                }
            ],
        },
        tmp_path,
        "play",
    )
    sites, servers = [], []
    origin = time.time()
    for name in ("calm", "killed"):
        port = free_port()
        simulation = Simulation(load_driver("bbraun_space"), play, clock)
        servers.append(
            asyncio.create_task(run_server(simulation, "127.0.0.1", port, lambda _: None))
        )
        sites.append(
            Site(
                tmp_path / name,
                broker,
                tuple(COURSES),
                {"bed-3": port},
                SPEED,
                site_id=name,
                origin=origin,
            )
        )
    calm, killed = sites
    try:
        for site in sites:
            await site.start()
        senders = [Sender(calm, clock, load=5), Sender(killed, clock, load=20)]
        runs = [asyncio.create_task(sender.run()) for sender in senders]
        await asyncio.sleep(clock.monotonic(60) - loop.time())
        for site in sites:
            for number, bed in enumerate(COURSES, start=1):
                await site.enrol(f"S{number}", bed, ARMS[bed])
        kills = await kill_again_and_again(killed, clock, rng)
        await asyncio.gather(*runs)
        for site in sites:
            assert await site.stop() == 0, site.log()
    finally:
        for site in sites:
            tidy(site.process)
        for server in servers:
            server.cancel()

    assert kills == KILLS
    expected, when = alerts(calm)
    happened, again = alerts(killed)
    names = {(subject, name, what) for subject, name, _, what in expected}
    assert {
        ("S1", "MAP_LOW", "raised"), ("S1", "MAP_LOW", "cleared"), ("S2", "FLOOR", "raised"),
        ("S2", "FLOOR", "cleared"), ("S3", "VP_DUE", "raised"), ("S3", "VP_LATE", "raised"),
    } <= names  # fmt: skip
    assert happened == expected, f"{happened - expected} more, {expected - happened} missing"
    assert max(happened.values()) == 1, "raised twice"
    for key, minute in when.items():
        # A restart takes seconds on a busy machine, which are minutes at this speed.
        assert abs(again[key] - minute) <= 6, key

    # Each acknowledged message is in the record: its bytes are those that a row cites.
    stored = await control_ids(killed)
    assert set(senders[1].acknowledged) <= stored
    assert len(set(senders[1].acknowledged)) == (3 + 20) * (MINUTES + 1)
    for site in sites:
        result = Verification()
        assert list(verify(site.journal, result)) == []
        assert result.decisions > 0
