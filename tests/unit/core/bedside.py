"""One ward with the packaged protocol, driven minute by minute, for tests of the pure core.

Times are minutes from randomisation, as in the scenario tables of the protocol reference. Syringes
are those of the tables: norepinephrine 60 ug/mL base, vasopressin 0.4 U/mL, patient 60 kg, so that
mL/h divided by 60 is ug/kg/min.
"""

from pathlib import Path

from monitor_daemon.core.decisions import Alert
from monitor_daemon.core.events import MINUTE, Configured, Data, Flow, Sample, Tick
from monitor_daemon.core.people import Enrol
from monitor_daemon.core.ward import Ward

CONFIG = Path(__file__).parents[3] / "config"
DRUGS = (CONFIG / "drugs.toml").read_text(encoding="utf-8")
PERSONALISE = (CONFIG / "protocols" / "personalise.toml").read_text(encoding="utf-8")
VERSION = "2026-01-22.1"
KEY = f"personalise@{VERSION}"

#: Randomisation: 2026-09-21T14:13:00Z, a whole minute.
ZERO_MINUTE = 29_833_333
ZERO = ZERO_MINUTE * MINUTE


def ms(t):
    """Engine time of minute `t` after randomisation."""
    return ZERO + round(t * MINUTE)


def pressure(mean, *, at=None, systolic=None, diastolic=None, quality="good", **where):
    """A monitor's message; `at` is the device time in ms."""
    channel = where.get("channel")
    values = {"art_map": mean, "art_sys": systolic, "art_dia": diastolic}
    samples = tuple(
        Sample(signal, value, quality, at, channel)
        for signal, value in values.items()
        if value is not None or signal == "art_map"
    )
    return Data(where.get("link", "monitor"), where.get("bed", "B1"), samples)


def pump(rate, *, channel="1", drug="norepinephrine", status=None, bed="B1", **more):
    """A pump's message: `rate` in mL/h of the standard syringe of `drug`."""
    units = drug == "vasopressin"
    flow = Flow(
        channel=channel,
        status=status or ("running" if rate else "stopped"),
        rate=rate,
        drug=drug,
        concentration=more.get("concentration", 0.4 if units else 60.0),
        unit=more.get("unit", "U/mL" if units else "ug/mL"),
        at=more.get("at"),
    )
    return Data(more.get("link", "pumps"), bed, flows=(flow,))


def enrolment(subject="S1", bed="B1", arm="usual_vp01", **more):
    """A registration at T+0 unless `randomised` says otherwise."""
    given = {"protocol": "personalise", "weight_kg": 60.0, "actor": "nurse", "randomised": ZERO}
    return Enrol(subject=subject, bed=bed, arm=arm, **{**given, **more})


def configuration(**more):
    given = {"site": "SITE", "drugs": DRUGS, "protocols": {KEY: PERSONALISE}}
    return Configured(**{**given, **more})


class Bedside:
    """A ward and everything it has decided, in order."""

    def __init__(self, ward=None, **configured):
        self.ward = ward or Ward()
        self.decisions = []
        self.refused = []
        if ward is None:
            self.give(-100, configuration(**configured))

    def give(self, t, *inputs):
        """Step the ward with `inputs` at minute `t`; give what it decided."""
        return self._step(inputs, ms(t))

    def tick(self, t):
        """The tick for minute `t`, taken two seconds after it began."""
        return self._step([Tick(ZERO_MINUTE + t)], ms(t) + 2_000)

    def _step(self, inputs, now):
        out = [decision for _, decision in self.ward.step(inputs, now)]
        self.decisions += out
        return out

    def run(self, start, end, mean=66.0, rate=4.8, bed="B1"):
        """Minutes [start, end): one sample and one pump heartbeat each (None: silent), a tick."""
        out = []
        for t in range(start, end):
            given = [] if mean is None else [pressure(mean, bed=bed)]
            given += [] if rate is None else [pump(rate, bed=bed)]
            out += self.give(t, *given) if given else []
            out += self.tick(t)
        return out

    @classmethod
    def active(cls, arm="usual_vp01", rate=4.8, *, mean=66.0, until=1, **more):
        """A ward whose one subject is ACTIVE at T+0, having had `mean` since T-15."""
        bedside = cls(**more.pop("configured", {}))
        bedside.run(-15, 0, mean, rate)
        bedside.give(0, enrolment(arm=arm, **more))
        bedside.run(0, until, mean, rate)
        return bedside

    @property
    def subject(self):
        return self.ward.state.subjects["S1"]

    @property
    def bed(self):
        return self.ward.state.beds["B1"]


def alerts(decisions, transition=None, subject="S1"):
    """Names of the alerts in `decisions`, in order."""
    return [
        d.name
        for d in decisions
        if isinstance(d, Alert) and d.subject == subject and transition in {None, d.transition}
    ]
