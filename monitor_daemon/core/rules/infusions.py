"""Pumps that fall silent, syringes nobody can put a dose to, and doses that do not agree: 3.5."""

from decimal import Decimal
from typing import Final

import msgspec

from monitor_daemon.core.channel import Channel, shown_dose
from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.dose import exact
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import Rule, RuleKind
from monitor_daemon.core.rules.family import Family


class PumpGap(Family):
    """A channel that was delivering has said nothing for more than five minutes."""

    sampled = True

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        del rule
        silent = moment.bed.infusions.silent(moment.now)
        return Verdict(bool(silent), not silent, values={"channels": ", ".join(silent)})


class DrugUnmapped(Family):
    """A channel delivers an unknown drug, or a known one of unknown concentration."""

    sampled = True

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        del rule
        unknown = moment.bed.infusions.unknown()
        return Verdict(bool(unknown), not unknown, values={"channels": ", ".join(unknown)})


#: A dose per kg is shown with two decimals (ug/kg/min): it may be rounded by half of the last.
_ROUNDED: Final = Decimal("0.005")

Values = dict[str, float | str | None]


class Told(msgspec.Struct):
    """What was told already: channels with their pump's weight or dose, and the newest instant."""

    channels: dict[str, str] = {}
    at: int = 0


class WeightMismatch(Family):
    """A pump computes with another weight, or gives another dose, by more than `share`."""

    kind = RuleKind(frozenset({"share"}), timed=False, shares=frozenset({"share"}))
    sampled = True

    def advance(self, moment: Moment, rule: Rule) -> None:
        if not moment.runs(rule) or moment.subject.weight_kg is None:
            return
        memory = moment.subject.recall(Told, rule.name)
        share = exact(float(rule.options["share"]))
        for key, channel in moment.bed.infusions.channels.items():
            mismatch = _mismatch(channel, moment.subject.weight_kg, share)
            if mismatch is None:
                memory.channels.pop(key, None)
                continue
            if memory.channels.get(key) != mismatch:
                memory.channels[key] = mismatch
                values: Values = {"channel": key, "pump": mismatch}
                values["weight"] = moment.subject.weight_kg
                moment.open(rule, Verdict(True, False, values=values), moment.now)


def _mismatch(channel: Channel, weight: float, share: Decimal) -> str | None:
    """What the pump says that does not agree with a dosing `weight` (kg); None if nothing."""
    own = exact(weight)
    if channel.weight is not None:
        differs = abs(exact(channel.weight) - own) > share * own
        return f"{channel.weight:g} kg" if differs else None
    if channel.label is None or channel.derived or not channel.rate or channel.words is None:
        return None
    # A dose per kg without the pump's weight must be the one that this weight gives.
    in_units = channel.group == "vasopressin"
    dosed = shown_dose(channel.words, weight, in_units=in_units)
    slack = _ROUNDED * own * 60 if channel.dosed is None else Decimal(0)
    if not dosed:
        return None
    # A library may count salt where the label counts base: either may be what the pump shows.
    given = channel.rate * channel.label
    counted = (given, channel.rate * (channel.strength or channel.label))
    if any(abs(dosed - amount) <= max(share * amount, slack) for amount in counted):
        return None
    return f"{dosed / given:.2f} times the dose"


class ConcentrationChanged(Family):
    """A syringe of another strength took over at the same mL/h: check the rate (3.5).

    `ratio` is the least change of the dose, up or down.
    """

    kind = RuleKind(frozenset({"ratio"}), timed=False)
    sampled = True

    def advance(self, moment: Moment, rule: Rule) -> None:
        memory = moment.subject.recall(Told, rule.name)
        least = exact(float(rule.options["ratio"]))
        for change in moment.bed.infusions.changes:
            if change.at <= memory.at:
                continue
            memory.at = change.at
            if moment.runs(rule) and not 1 / least < change.ratio < least:
                values: Values = {"drug": change.drug, "ratio": float(round(change.ratio, 2))}
                moment.open(rule, Verdict(True, False, values=values), change.at)


class Boluses(Family):
    """Log every bolus; `count` of one drug within `minutes` are noted (3.5)."""

    kind = RuleKind(frozenset({"count", "minutes"}), timed=False)

    def advance(self, moment: Moment, rule: Rule) -> None:
        memory = moment.subject.recall(Told, rule.name)
        given = moment.bed.infusions.boluses
        for bolus in given:
            if bolus.at <= memory.at or not moment.runs(rule):
                continue
            amount = None if bolus.amount is None else float(bolus.amount)
            moment.log("BOLUS", drug=bolus.drug, amount=amount)
            first = bolus.at - rule.options["minutes"] * MINUTE
            close = [b for b in given if b.drug == bolus.drug and first < b.at <= bolus.at]
            if len(close) >= rule.options["count"]:
                moment.log("BOLUSES", drug=bolus.drug, count=len(close))
        memory.at = max([memory.at, *(bolus.at for bolus in given)])
