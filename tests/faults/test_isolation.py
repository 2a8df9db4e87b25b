"""A fault of ours in the judgement of one subject: he is told to be unwatched, the others go on."""

import asyncio
import json
from contextlib import suppress

import pytest
import structlog
from secrets_search import files, leaks, listening
from site_process import Gateway, Site, arterial, message
from waiting import until

from monitor_daemon import resources
from monitor_daemon.clock import EngineClock
from monitor_daemon.config import load
from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.protocol import RuleKind
from monitor_daemon.core.rules import FAMILIES
from monitor_daemon.core.rules.family import Family
from monitor_daemon.daemon import Daemon
from monitor_daemon.engine.replay import Verification, verify

BOMB = """
[rules.BOMB]
kind = "bomb"
clause = "test"
class = "info"
phases = ["RESUS", "ACTIVE"]
"""


class Bomb(Family):
    """A kind of rule with a fault that shows for one subject only."""

    kind = RuleKind()

    def judge(self, moment, rule):
        if moment.subject.id == "S1":
            raise KeyError("QUILLFEATHER")
        return Verdict(holds=False, clears=True)


@pytest.fixture
async def site(tmp_path, nats, monkeypatch):
    """A daemon in this process, at 60 times the speed, whose protocol has the faulty kind."""
    monkeypatch.setitem(FAMILIES, "bomb", Bomb())
    protocol = next(t for k, t in resources.protocols().items() if k.startswith("personalise@"))
    site = Site(tmp_path / "site", nats.settings, ("bed-1", "bed-2"), speed=60.0)
    path = site.write()
    (site.folder / "bomb.toml").write_text(protocol + BOMB)
    path.write_text(path.read_text().replace('id = "personalise"', 'file = "bomb.toml"'))
    daemon = Daemon(load(path), EngineClock(site.speed, site.origin))
    task = asyncio.create_task(daemon.run())
    waiting = asyncio.create_task(daemon.started.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    await until(site.answers, "the daemon answers")
    yield site
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def events(heard):
    return [json.loads(payload) for topic, payload in heard if topic == "monitor/test/events"]


async def test_one_subject_fails_and_the_other_is_judged(site, nats):
    async with listening(nats.settings) as heard:
        with structlog.testing.capture_logs() as logs:
            for subject, bed in (("S1", "bed-1"), ("S2", "bed-2")):
                await site.enrol(subject, bed, "usual_vp01")
            await both_alarm(site, heard)
    (fault,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert (fault["event"], fault["where"], fault["error"]) == ("core failed", "S1", "KeyError")
    (unwatched,) = [event for event in events(heard) if event["subject"] == "S1"]
    assert (unwatched["kind"], unwatched["transition"]) == ("NOT_MONITORED", "raised")
    assert "NOT_MONITORED" not in {e["kind"] for e in events(heard) if e["subject"] == "S2"}
    status = await site.status()
    assert status["subjects"]["S1"]["failed"] == "KeyError"
    assert status["subjects"]["S2"]["failed"] is None
    assert status["beds"]["bed-1"]["last_pressure"] is not None
    # What the faulty judgement decided can be judged again; an exception's text is in no record.
    assert list(verify(site.journal, Verification())) == []
    assert leaks(["QUILLFEATHER"], files(site.folder / "store")) == []


async def both_alarm(site, heard):
    """Send a severe hypotension of both beds until one is told and the other unwatched."""
    async with Gateway(site.mllp) as gateway:

        async def told():
            for bed in ("bed-1", "bed-2"):
                await gateway.send(message(f"M-{bed}", f"WARD^ROOM^{bed}", "", *arterial(34)))
            kinds = {(event["subject"], event["kind"]) for event in events(heard)}
            return {("S1", "NOT_MONITORED"), ("S2", "SEVERE_LOW")} <= kinds

        await until(told, "both events")
