"""Non-interference: what the study bag holds changes nothing that anybody can see (reference 2.5).

One bedside stream is played twice with opposite allocations. The bytes differ as the wire would
have them differ; the record, its decisions, messages, snapshots, status, log lines, replies and
file names must be the same to the byte. Only the vault differs, which holds those bytes sealed with
random nonces, and what cites it: `original_hash`, the chain's `link` and the file of the journal as
a whole. These are compared by everything else that stands in them.
"""

import json
import sqlite3
from contextlib import asynccontextmanager, closing
from datetime import UTC

import pytest
import structlog

from monitor_daemon import resources
from monitor_daemon.clock import EngineClock
from monitor_daemon.control.handler import Handler
from monitor_daemon.control.notes import HELD, screened
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.events import MINUTE, SECOND, Configured, Tick
from monitor_daemon.core.people import Acknowledge, Enrol, Randomise, Range, Screen, Unblinding
from monitor_daemon.core.vocabulary import (
    Infusion,
    PumpStatus,
    Quality,
    Reading,
    Unmapped,
)
from monitor_daemon.core.ward import Ward
from monitor_daemon.engine.engine import Engine
from monitor_daemon.engine.entrance import Entrance, LinkMap
from monitor_daemon.engine.replay import Verification, replay, verify
from monitor_daemon.engine.view import ward_view
from monitor_daemon.journal.journal import Journal
from monitor_daemon.notify.messages import Composer
from monitor_daemon.notify.pcd04_reports import Reports
from monitor_daemon.notify.pcd04_settings import AlarmManagerSettings
from monitor_daemon.vault.vault import Vault

KEY = bytes(range(32))
#: 2026-09-21T14:13:00Z, a whole minute, the time of randomisation.
ZERO_MINUTE = 29_833_333
ZERO = ZERO_MINUTE * MINUTE
DRUGS = DrugTable.parse(resources.text("drugs.toml"))
NOTE = "hypotensive, so probably the Placebos, said the pharmacist"
#: What the pump says of the bag, by allocation.
BAGS = {
    "drug": {
        "drug": "Argipressine 40 UI/100 mL",
        "concentration": 0.4,
        "concentration_unit": "U/mL",
        "concentration_derived": True,
        "dose": 0.02,
        "dose_unit": "U/min",
        "weight_kg": 80.0,
        "volume_ml": 12.5,
    },
    "saline": {"drug": "NaCl 0.9% 100 mL"},
}
#: No label, no amount that only the drug has, and no word of the note.
FORBIDDEN = ("argipressine", "nacl", "placebo", "pharmacist", "hypotensive", "u/min", "0.02,")


class FixedClock(EngineClock):
    """Engine time that moves only when the test says so."""

    at = ZERO - 60 * MINUTE

    def now(self):
        return self.at

    def not_before(self, engine_ms):
        self.at = max(self.at, engine_ms)


def study_rate(t):
    """Started late, too fast, a long stop, then for good; the pump is silent for a while."""
    changes = [(75, 3.0), (100, 6.0), (110, 3.0), (150, 0.0), (190, 4.5)]
    return next((rate for start, rate in reversed(changes) if t >= start), None)


def rows(t, bag):
    """What monitor and pumps say at minute `t`."""
    told = [
        Reading("art_map", 67.0 if t < 120 else 78.0, "mmHg", Quality.GOOD, bed="ICU^1^1"),
        infusion("N", "NORADRENALINE", 14.4, concentration=100.0, concentration_unit="ug/mL"),
    ]
    rate = study_rate(t)
    if rate is not None and not 210 <= t < 220:
        told.append(infusion("S", rate=rate, **BAGS[bag]))
        if bag == "drug":
            told.append(Unmapped("INDOSE-U", "0.02", "U/min"))
    if 130 <= t < 140:
        told.append(infusion("V", "REVERPLEG", 2.0, concentration=0.8, concentration_unit="U/mL"))
    elif 140 <= t < 160:
        told.append(infusion("V", "REVERPLEG", 0.0))
    return told


def infusion(channel, drug, rate, **more):
    status = PumpStatus.RUNNING if rate else PumpStatus.STOPPED
    return Infusion(channel=channel, drug=drug, rate_ml_h=rate, status=status, **more)


class Bedside:
    """The real way from a decoded message to the broker's outbox, on a clock that stands still."""

    def __init__(self, engine, vault, offered):
        self.engine, self.vault, self.offered = engine, vault, offered
        link = LinkMap("bedside", UTC, bed="bed-1", beds={"ICU^1^1": "bed-1"}, study={"S"})
        self.entrance = Entrance(link, DRUGS, vault.sealer.token)
        self.seen = []
        self.handler = Handler(engine, ["bed-1"], self.status, UTC, vault.sealer.token)

    def status(self):
        return ward_view(self.engine.ward) | {"links": {"bedside": self.entrance.counts.plain()}}

    async def play(self, bag):
        await self.engine.submit([Screen("S1", "bed-1", "argipressin", "nurse", weight_kg=80.0)])
        for t in range(-20, 260):
            self.engine.clock.at = ZERO + t * MINUTE
            await self.people(t)
            told = rows(t, bag)
            raw = json.dumps([repr(row) for row in told]).encode()
            await self.engine.submit(self.entrance.admit(told), ("bedside", raw))
            self.engine.clock.at += 2 * SECOND
            await self.engine.submit([Tick(ZERO_MINUTE + t)])
            self.seen.append(json.dumps(self.status()))

    async def people(self, t):
        """What staff do; one of them writes down what he thinks that he has found out."""
        if t == -5:
            await self.engine.submit([Range("S1", 65.0, 70.0, "physician")])
        if t == 0:
            days = tuple(ZERO + (200 + n * 1440) * MINUTE for n in range(8))
            await self.engine.submit([Randomise("S1", "nurse", days=days)])
        if t in {108, 230}:
            alert = "SD_RATE" if t == 108 else "PP_HIGH"
            asked = {"command": "ack", "subject": "S1", "alert": alert, "actor": "ann"}
            reply = await self.handler.handle(json.dumps(asked | {"reason": NOTE}).encode(), "web")
            assert reply.ok
            self.seen.append(json.dumps(reply.result))


@asynccontextmanager
async def bedside(folder):
    folder.mkdir()
    path = folder / "journal.db"
    journal = await Journal.open(path)
    vault = await Vault.open(folder / "vault.db", KEY)
    offered = []
    settings = AlarmManagerSettings(connect="a:1", classes=("urgent", "attention", "info"))
    reports = Reports(settings, "SITE", UTC)
    engine = Engine(
        journal=journal,
        vault=vault,
        clock=FixedClock(),
        composer=Composer("SITE", "en", None, reports.row),
        offer=offered.extend,
        version="test",
    )
    configured = Configured(
        site="SITE", drugs=resources.text("drugs.toml"), protocols=resources.protocols()
    )
    try:
        await engine.start(lambda ward, after: replay(path, ward, after), configured)
        async with engine.serving():
            yield Bedside(engine, vault, offered)
    finally:
        await journal.close()
        await vault.close()


async def everything(folder, bag):
    """All that this program lets out, by name; the vault itself only by the name of its file."""
    log = []

    def keep(_logger, method, event):
        log.append(json.dumps([method, event]))
        raise structlog.DropEvent

    structlog.configure(processors=[keep], wrapper_class=structlog.BoundLogger)
    async with bedside(folder) as room:
        await room.play(bag)
        offered = [repr(row).encode() for row in room.offered]
    found = {
        "log": log,
        "status and replies": room.seen,
        "published": offered,
        "files": sorted(path.name for path in folder.iterdir()),
    }
    tables = {
        "input": "seq, grp, t, body, original, part, original_hash IS NULL",
        "decision": "*",
        "outbox": "*",
        "snapshot": "*",
    }
    with closing(sqlite3.connect(folder / "journal.db")) as connection:
        for table, columns in tables.items():
            found[table] = connection.execute(f"SELECT {columns} FROM {table}").fetchall()  # noqa: S608 - a test's own words
    return found


async def test_opposite_allocations_leave_the_same_traces(tmp_path):
    one = await everything(tmp_path / "a", "drug")
    other = await everything(tmp_path / "b", "saline")
    assert one.keys() == other.keys()
    for name, traces in one.items():
        assert traces == other[name], name
        assert traces, name
    search(one)
    # The stream was worth the comparison: everything about the bag that can be told was told.
    raised = [json.loads(body) for _, _, _, body in one["decision"]]
    names = {d["name"] for d in raised if d.get("transition") == "raised"}
    assert {
        "SD_NOT_STARTED", "SD_RATE", "SD_INTERRUPTED", "OL_VASOPRESSIN", "PP_HIGH", "PUMP_GAP",
    } <= names  # fmt: skip
    assert [d["detail"]["study_ml"] for d in raised if d.get("name") == "DAY"] == [
        # 25 min of 3.0, 10 of 6.0, 40 of 3.0 and 10 of 4.5 mL/h before the day ended at T+200
        pytest.approx((25 * 3 + 10 * 6 + 40 * 3 + 10 * 4.5) / 60)
    ]
    for folder in ("a", "b"):
        assert list(verify(tmp_path / folder / "journal.db", Verification())) == []


def search(found):
    """No forbidden word stands anywhere; only the configuration itself names the two drugs."""
    bodies = [body for _, _, _, body, *_ in found["input"]]
    (configured,) = (body for body in bodies if '"input":"configured"' in body)
    bodies.remove(configured)
    places = {**found, "input": bodies, "snapshot": []}
    for name, traces in places.items():
        text = repr(traces).lower()
        assert [word for word in FORBIDDEN if word in text] == [], name
    for _, _, body in found["snapshot"]:
        assert not [word for word in (b"Argipressine", b"pharmacist") if word in body]
    flows = [flow for body in bodies for flow in json.loads(body).get("flows", ())]
    study = [flow for flow in flows if flow.get("drug") == "study"]
    assert len(study) > 100
    assert {key for flow in study for key in flow} == {"channel", "status", "rate", "drug"}
    assert any(HELD in body for body in bodies)


async def test_the_label_and_the_note_are_sealed_and_not_lost(tmp_path):
    async with bedside(tmp_path / "a") as room:
        await room.play("drug")
        with closing(sqlite3.connect(tmp_path / "a" / "journal.db")) as connection:
            cited = connection.execute(
                "SELECT original, part, body FROM input WHERE original IS NOT NULL"
            ).fetchall()
        originals = [(await room.vault.read(n, part), body) for n, part, body in cited]
    assert any(b"Argipressine 40 UI" in original.raw for original, _ in originals)
    notes = [(o.raw, body) for o, body in originals if o.link == "notes"]
    assert [(NOTE.encode() in raw, HELD in body) for raw, body in notes] == [(True, True)] * 2


def ward(protocol="argipressin"):
    made = Ward()
    drugs, protocols = resources.text("drugs.toml"), resources.protocols()
    made.step([Configured("SITE", drugs, protocols)], ZERO)
    arm = "study" if protocol == "argipressin" else "usual_vp01"
    made.step([Enrol("S1", "B1", protocol, arm, 80.0, "nurse")], ZERO)
    assert "S1" in made.state.subjects
    return made


BLINDED = ward()


@pytest.mark.parametrize(
    "text",
    ["placebo", "PLACEBO?", "sûrement le placébo", "bras A", "brasB", "bras 1", "arm_2", "kit42",
     "kits", "the active bag", "unblinded", "unblinding", "not-placebo", "double aveugle",
     "levée de l'insu", "\uff50\uff4c\uff41\uff43\uff45\uff42\uff4f", "it is\nplacebo"],
)  # fmt: skip
def test_a_note_that_may_tell_is_held(text):
    given = Acknowledge("S1", "PP_LOW", "nurse", text)
    held, original = screened(given, BLINDED)
    assert held == Acknowledge("S1", "PP_LOW", "nurse", HELD)
    assert original is not None
    assert json.loads(original[1])["reason"] == text


@pytest.mark.parametrize(
    "text",
    ["alarm", "pharmacy", "inactive", "kitchen", "brassard changed", "warm hands", "embrasser",
     "charmant", "tracheal tube", "insuline", "", "activity"],
)  # fmt: skip
def test_an_ordinary_note_stays(text):
    given = Acknowledge("S1", "PP_LOW", "nurse", text)
    assert screened(given, BLINDED) == (given, None)


def test_every_field_of_free_text_is_looked_at_and_the_actor_never():
    given = Unblinding("S1", "Dr Kit", "bleeding", "the active bag")
    held, _ = screened(given, BLINDED)
    assert (held.actor, held.reason, held.told) == ("Dr Kit", "bleeding", HELD)


def test_text_about_a_subject_that_nobody_knows_is_screened_and_of_an_open_trial_is_not():
    given = Acknowledge("S9", "placebo", "nurse")
    assert screened(given, BLINDED)[0].alert == HELD
    open_trial = Acknowledge("S1", "MAP_LOW", "nurse", "placebo")
    assert screened(open_trial, ward("personalise")) == (open_trial, None)
