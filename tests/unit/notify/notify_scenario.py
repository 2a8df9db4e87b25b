"""A short bed history through a real ward and composer, and what the tests look up in it."""

import json
from dataclasses import dataclass, field
from importlib.resources import files
from zoneinfo import ZoneInfo

import jsonschema

from monitor_daemon.core.events import MINUTE, Configured, Data, Flow, Sample, Tick
from monitor_daemon.core.people import Enrol
from monitor_daemon.core.ward import Ward, in_order
from monitor_daemon.journal.rows import OutboxRow
from monitor_daemon.notify.messages import Composer
from monitor_daemon.notify.roster import Duty, Roster
from monitor_daemon.resources import protocols

ZERO = 29_000_000 * MINUTE  # 2025-02-19T05:20Z
DRUGS = '[drug.ne]\ndrug="norepinephrine"\ngroup="vasopressor"\nnames=["NORAD"]\nas="base"\n'
SITE = "icu1"
ROOT = f"monitor/{SITE}"


def schema(name):
    text = (files("monitor_daemon.notify") / "schemas" / f"{name}.json").read_text()
    return json.loads(text)


def check(name, content):
    """Raise jsonschema.ValidationError unless `content` fits the shipped schema."""
    jsonschema.Draft202012Validator(schema(name)).validate(content)


@dataclass
class Bedside:
    """One bed: `minute` by minute pressures, syringe and whatever else is handed in."""

    language: str = "en"
    ward: Ward = field(default_factory=Ward)
    rows: list[OutboxRow] = field(default_factory=list)
    sequence: int = 0
    duties: tuple[Duty, ...] = (Duty("bedside", ("nurses",)),)

    def __post_init__(self):
        self.composer = Composer(SITE, self.language, Roster(self.duties, ZoneInfo("UTC")))
        self.step(-20, Configured(site=SITE, drugs=DRUGS, protocols=protocols()))

    def step(self, minute, *inputs):
        """Inputs of one instant; gives the rows that followed."""
        now = ZERO + round(minute * MINUTE)
        ordered = in_order(inputs)
        decisions = [decision for _, decision in self.ward.step(ordered, now)]
        rows = self.composer.publications(self.ward, ordered, decisions, now, self.sequence + 1)
        self.sequence = max([self.sequence, *(row.sequence for row in rows)])
        self.rows.extend(rows)
        return rows

    def enrol(self, minute=0, arm="usual_vp01", subject="S1", bed="b1"):
        given = Enrol(
            subject=subject,
            bed=bed,
            protocol="personalise",
            arm=arm,
            weight_kg=60.0,
            actor="physician-2",
        )
        return self.step(minute, given)

    def run(self, first, last, pressure, rate=4.8, bed="b1"):
        """Minutes [first, last): a pressure (None is none) and norepinephrine at 60 ug/mL."""
        rows = []
        for minute in range(first, last):
            flow = Flow("A", "running", rate, "ne", concentration=60.0, unit="ug/mL")
            data = [] if rate is None else [Data("pump", bed, flows=(flow,))]
            if pressure is not None:
                data.append(Data("mon", bed, samples=(Sample("art_map", pressure, "good"),)))
            rows += self.step(minute, *data, Tick(minute=ZERO // MINUTE + minute))
        return rows

    def events(self, **wanted):
        """Events so far, as sent but for `published_at`, that have these values."""
        found = [json.loads(row.payload) for row in self.rows if row.topic == f"{ROOT}/events"]
        return [e for e in found if all(e[key] == value for key, value in wanted.items())]

    def pushes(self, recipient):
        """What this recipient was told, in order."""
        topic = f"{ROOT}/recipients/{recipient}"
        return [json.loads(row.payload) for row in self.rows if row.topic == topic]

    def retained(self):
        """What a broker would hold now: topic to content."""
        held = {}
        for row in self.rows:
            if row.retain and row.payload:
                held[row.topic] = json.loads(row.payload)
            elif row.retain:
                held.pop(row.topic, None)
        return held


def low_pressure(language="en", **more):
    """Achieved at 65, then MAP 58 from minute 20 on: MAP_LOW is open from minute 33."""
    bedside = Bedside(language, **more)
    bedside.run(-15, 0, 67.0)
    bedside.enrol()
    bedside.run(0, 20, 67.0)
    bedside.run(20, 40, 58.0)
    return bedside
