"""A patient under screening for the argipressin trial, and stories about him (reference G1).

Times are minutes of the tables, norepinephrine 100 ug/mL base, so that for 80 kg 12 mL/h is
0.250 ug/kg/min.
"""

from bedside import CONFIG, DRUGS, ZERO, Bedside, ms, pressure

from monitor_daemon.core.decisions import Alert
from monitor_daemon.core.events import MINUTE, Data, Flow, Tick
from monitor_daemon.core.people import Observe, Range, Screen
from monitor_daemon.core.ward import in_order

ARGIPRESSIN = (CONFIG / "protocols" / "argipressin.toml").read_text(encoding="utf-8")
SITE = {"protocols": {"argipressin@2026-01-01.1": ARGIPRESSIN}, "drugs": DRUGS}
HOUR = 60
#: A syringe of each drug: concentration and unit.
SYRINGES = {
    "norepinephrine": (100.0, "ug/mL"),
    "vasopressin": (0.8, "U/mL"),
    "study": (0.4, "U/mL"),
}


def drug(rate, name="norepinephrine", **more):
    concentration, unit = SYRINGES.get(name, (1000.0, "ug/mL"))
    given = {"concentration": concentration, "unit": unit, "drug": name, **more}
    return Data("pumps", "B1", flows=(Flow(name, "running" if rate else "stopped", rate, **given),))


def lab(kind, value, measured=None):
    at = None if measured is None else ms(measured)
    return Observe("S1", kind, value, "research", at)


def limits(low=65.0, high=70.0, variable="MAP"):
    return Range("S1", low, high, "physician", variable)


def screen(**more):
    given = {"weight_kg": 80.0, **more}
    return Screen("S1", "B1", "argipressin", "research", **given)


class Stay(Bedside):
    """A patient under screening; `story` is what happens at which minute."""

    def __init__(self, **more):
        super().__init__(**SITE, **more)

    def play(self, start, end, story, mean=66.0):
        """Minutes [start, end]: pressure and pump heartbeats, and what the story says.

        A number in the story is the pressure from then on, None silences the monitor.
        """
        pumps = {}
        for t in range(start, end + 1):
            events = story.get(t, [])
            for event in events:
                if isinstance(event, Data) and event.flows:
                    pumps[event.flows[0].channel] = event
                if isinstance(event, float | None):
                    mean = event
            inputs = [] if mean is None else [pressure(mean)]
            given = [e for e in events if not isinstance(e, float | None)]
            inputs += [p for p in pumps.values() if p not in given] + given
            inputs.append(Tick(ZERO // MINUTE + t))
            self._step(in_order(inputs), ms(t))
        return self

    def raised(self):
        """(minute, name) of every alert that was raised."""
        found = [d for d in self.decisions if isinstance(d, Alert) and d.transition == "raised"]
        return [((d.at - ZERO) / MINUTE, d.name) for d in found]

    def said(self, kind, name=None):
        found = [d for d in self.decisions if isinstance(d, kind)]
        return found if name is None else [d for d in found if d.name == name]


#: Everything that opens a window at minute 15: refractory from 0, range and results before.
OPEN = {
    -10: [drug(5.0), screen()],
    0: [drug(12.0), limits()],
    5: [lab("cardiac_index", 2.6)],
    6: [lab("lactate", 3.0)],
}
OPENED = [(15.0, "ELIG_SCREEN"), (15.0, "ELIG_MET")]


def open_window(end, story=None, **more):
    return Stay().play(-10, end, {**OPEN, **(story or {})}, **more)


def labs_until(hours):
    """Results often enough to stay valid."""
    return {
        t: [lab("cardiac_index", 2.6), lab("lactate", 3.0)] for t in range(200, hours * HOUR, 200)
    }
