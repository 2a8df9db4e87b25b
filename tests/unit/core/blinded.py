"""A patient of the blinded trial at his bedside, as the tables of the protocol reference have him.

80 kg, norepinephrine 100 ug/mL base (so that 14.4 mL/h are 0.300 ug/kg/min), open-label vasopressin
0.8 U/mL, the study drug as the entrance lets it through: a rate and nothing else.
"""

from collections import defaultdict

from bedside import CONFIG, DRUGS, ZERO, ZERO_MINUTE, Bedside, alerts, ms, pressure, pump

from monitor_daemon.core.decisions import Alert
from monitor_daemon.core.events import Data, Flow, Tick
from monitor_daemon.core.people import Randomise, Range, Screen
from monitor_daemon.core.ward import in_order

VERSION = "2026-01-01.1"
KEY = f"argipressin@{VERSION}"
ARGIPRESSIN = (CONFIG / "protocols" / "argipressin.toml").read_text(encoding="utf-8")


def ne(rate, **more):
    return pump(rate, channel="N", concentration=100.0, **more)


def vasopressin(rate):
    return pump(rate, channel="V", drug="vasopressin", concentration=0.8)


def terlipressin(rate):
    return pump(rate, channel="V", drug="terlipressin", concentration=20.0)


def study(rate, status=None, channel="S", **more):
    """The study pump as it stands in the record."""
    shown = status or ("running" if rate else "stopped")
    return Data("pumps", "B1", flows=(Flow(channel, shown, rate, "study", **more),))


def wanted(low, high, variable="MAP"):
    return Range("S1", low, high, "physician", variable)


class Blinded(Bedside):
    """A screened patient, randomised at T+0; `days` are ends in minutes from then."""

    def __init__(self, days=(), start=-30):
        super().__init__(drugs=DRUGS, protocols={KEY: ARGIPRESSIN})
        self.holds = {}
        self.now = start
        self.days = tuple(map(ms, days))
        self.give(start, Screen("S1", "B1", "argipressin", "nurse", weight_kg=80.0))

    def play(self, until, changes=(), mean=None, quiet=()):
        """Run to minute `until`; at minute t of `changes` something is given, and pumps hold it.

        A number is the pressure from then on. Every pump that was heard sends a heartbeat each
        minute, unless its channel is `quiet`.
        """
        if mean is not None:
            self.holds["map"] = mean
        later = defaultdict(list)
        for t, given in changes:
            later[t].append(given)
        first, self.now = self.now, until
        for t in range(first, until):
            inputs = []
            for given in later.pop(t, ()):
                if isinstance(given, int | float):
                    self.holds["map"] = given
                elif isinstance(given, Data):
                    self.holds[given.flows[0].channel] = given
                else:
                    inputs.append(given)
            if t == 0:
                inputs.append(Randomise("S1", "nurse", randomised=ZERO, days=self.days))
            for name, held in self.holds.items():
                if name == "map":
                    inputs.append(pressure(held))
                elif name not in quiet:
                    inputs.append(held)
            if inputs:
                self.give(t, *in_order(inputs))
            self._step([Tick(ZERO_MINUTE + t)], ms(t) + 2_000)
        assert not later
        return self

    def told(self, *transitions):
        """(minute, transition, name) of every alert raised or cleared since randomisation.

        Those of screening (ELIG_*) close when it happens.
        """
        return [
            ((d.at - ZERO) / 60_000, d.transition, d.name)
            for d in self.decisions
            if isinstance(d, Alert)
            and d.at >= ZERO
            and not (d.at == ZERO and d.transition == "cleared" and d.name.startswith("ELIG_"))
            and d.transition in (transitions or ("raised", "cleared"))
        ]

    def open(self):
        return set(self.subject.alerts)


__all__ = ["Blinded", "alerts", "ms", "ne", "study", "terlipressin", "vasopressin", "wanted"]
