"""The pressure range that the physician in charge has set: reference 2.3.

It concerns MAP, or mean perfusion pressure: MAP minus the central venous pressure.
"""

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.moment import NOREPINEPHRINE, Moment
from monitor_daemon.core.protocol import Rule, RuleKind
from monitor_daemon.core.rules.family import Family
from monitor_daemon.core.subject import PressureRange


def perfusion_pressure(moment: Moment, cvp_valid: float) -> float | None:
    """MAP5 minus the newest venous pressure (mmHg); None without one of `cvp_valid` minutes."""
    venous = moment.result("cvp")
    if moment.map5 is None or venous is None or moment.minutes_since(venous[0]) > cvp_valid:
        return None
    return moment.map5 - venous[1]


class _RangeRule(Family):
    """What both sides have in common. `grace` minutes after a change nothing is raised."""

    kind = RuleKind(frozenset({"grace", "cvp_valid"}))
    sampled = late = True

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        wanted = moment.subject.range
        # What late data show of the time before the range was set was not asked for then.
        if wanted is None or moment.now < wanted.changed:
            return Verdict(holds=None, clears=None)
        pressure = moment.map5
        if wanted.variable == "MPP":
            pressure = perfusion_pressure(moment, float(rule.options["cvp_valid"]))
        holds, clears = self.outside(moment, rule, wanted, pressure)
        return Verdict(
            holds=holds,
            clears=clears,
            may_raise=moment.minutes_since(wanted.changed) >= rule.options["grace"],
            values={
                "variable": wanted.variable,
                "pressure": pressure,
                "low": wanted.low,
                "high": wanted.high,
            },
        )

    def outside(
        self, moment: Moment, rule: Rule, wanted: PressureRange, pressure: float | None
    ) -> tuple[bool | None, bool | None]:
        """Whether the pressure is outside, and whether it is back; None is unknown."""
        raise NotImplementedError


class RangeLow(_RangeRule):
    """PP_LOW: the pressure is below the low limit minus `margin` (mmHg); clears at the limit."""

    kind = RuleKind(_RangeRule.kind.options | {"margin"})

    def outside(
        self, moment: Moment, rule: Rule, wanted: PressureRange, pressure: float | None
    ) -> tuple[bool | None, bool | None]:
        """Low pressures, whatever runs."""
        del moment
        if pressure is None:
            return None, None
        return pressure < wanted.low - rule.options["margin"], pressure >= wanted.low


class RangeHigh(_RangeRule):
    """PP_HIGH: above the high limit on norepinephrine: there is some to reduce.

    A pause of norepinephrine shorter than `bridge` minutes is none.
    """

    kind = RuleKind(_RangeRule.kind.options | {"bridge"})

    def outside(
        self, moment: Moment, rule: Rule, wanted: PressureRange, pressure: float | None
    ) -> tuple[bool | None, bool | None]:
        """High pressures while norepinephrine runs."""
        on = _norepinephrine(moment, round(rule.options["bridge"] * MINUTE))
        if pressure is None:
            return None, True if on is False else None
        over = pressure > wanted.high
        return on if over else False, not over or (None if on is None else not on)


def _norepinephrine(moment: Moment, bridge: int) -> bool | None:
    """Whether norepinephrine runs at `moment`, which late data may place in the past."""
    exposure, now = moment.bed.infusions.exposure, moment.now
    runs = exposure.runs.get(NOREPINEPHRINE, [])
    if any(start <= now < end + bridge for start, end in runs):
        return True
    blind = exposure.at is None or (exposure.blind and now >= exposure.at)
    return None if blind or any(s <= now < e for s, e in exposure.unknown) else False


class RangeMissing(Family):
    """TARGET_MISSING: no physician has set a range."""

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        del rule
        missing = moment.subject.range is None
        return Verdict(missing, not missing)


class RangeStale(Family):
    """TARGET_STALE: the range has not been confirmed for `hours`."""

    kind = RuleKind(frozenset({"hours"}))

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        wanted, hours = moment.subject.range, float(rule.options["hours"])
        stale = wanted is not None and moment.minutes_since(wanted.confirmed) >= 60 * hours
        return Verdict(stale, not stale, values={"hours": hours})
