"""Capillary refill time moves the target, and has a schedule: reference R2 and R3."""

import msgspec

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.events import MINUTE, Observe
from monitor_daemon.core.infusion import PRESSORS
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.protocol import Rule, RuleKind
from monitor_daemon.core.rules.family import Family


class Crt(msgspec.Struct):
    """Times in ms. `changed` is the last target change by CRT since ACTIVE began.

    `at_level` is the newest measurement at the present level and `due_after` the minutes it buys.
    """

    newest: int | None = None
    changed: int | None = None
    stepped_up: int | None = None
    abnormal: int = 0
    at_level: int | None = None
    due_after: float = 0.0
    asleep: bool = False
    not_before: int | None = None


class CrtSteps(Family):
    """R2 and R3: one entry moves the target by one step at most.

    Options carry the names of reference 0.5; minutes, mmHg and s.
    """

    kind = RuleKind(
        frozenset({
            "permissive", "threshold", "valid", "dwell", "step", "floor", "top", "lockout",
            "map_at_level", "level_margin", "stepup_dwell", "confirm", "recheck",
            "after_normal", "after_normal_late", "late_after", "after_abnormal",
        }),
        timed=False,
    )  # fmt: skip

    def entry(self, moment: Moment, rule: Rule, observation: Observe) -> None:
        if observation.kind != "crt":
            return
        measured = moment.now if observation.at is None else observation.at
        if moment.now - measured > rule.options["valid"] * MINUTE:
            moment.log("crt_stale", value=observation.value, measured=measured)
            return
        memory = moment.subject.recall(Crt)
        out_of_order = memory.newest is not None and measured < memory.newest
        runs = rule.options["permissive"] and moment.runs(rule)
        moment.log("crt_stored", value=observation.value, measured=measured)
        if out_of_order or not runs:
            return
        memory.newest = measured
        normal = observation.value < rule.options["threshold"]
        self._schedule(moment, rule, memory, measured, normal=normal)
        if normal:
            memory.abnormal = 0
            self._down(moment, rule, memory, measured, observation.value)
        else:
            memory.abnormal += 1
            self._up(moment, rule, memory, measured, observation.value)

    def _schedule(
        self, moment: Moment, rule: Rule, memory: Crt, measured: int, *, normal: bool
    ) -> None:
        """A measurement at the present level buys time until the next one."""
        options = rule.options
        if not self._dwelt(moment, rule, memory, measured):
            return
        late = (measured - moment.subject.randomised) / MINUTE > 60 * options["late_after"]
        memory.at_level = measured
        if not normal:
            memory.due_after = float(options["after_abnormal"])
        else:
            memory.due_after = float(options["after_normal_late" if late else "after_normal"])

    def _dwelt(self, moment: Moment, rule: Rule, memory: Crt, measured: int) -> bool:
        if memory.changed is None:
            return measured >= (moment.subject.target_changed or 0)
        return measured - memory.changed >= rule.options["dwell"] * MINUTE

    def _down(self, moment: Moment, rule: Rule, memory: Crt, measured: int, value: float) -> None:
        options, target = rule.options, moment.subject.target or 0.0
        lower = target - options["step"]
        lockout = options["lockout"] * MINUTE
        map5 = moment.bed.pressure.map5(measured // MINUTE)
        if lower < options["floor"]:
            moment.hold("AT_FLOOR")
        elif not self._dwelt(moment, rule, memory, measured):
            moment.hold("dwell")
        elif memory.stepped_up is not None and measured - memory.stepped_up < lockout:
            moment.hold("lockout")
        elif options["map_at_level"] and map5 is None:
            moment.hold("MAP unknown")
        elif (
            options["map_at_level"] and map5 is not None and map5 > target + options["level_margin"]
        ):
            moment.hold("MAP above level")
        else:
            self._move(moment, memory, lower, "step_down", value)

    def _up(self, moment: Moment, rule: Rule, memory: Crt, measured: int, value: float) -> None:
        options, target = rule.options, moment.subject.target or 0.0
        dwell = options["stepup_dwell"] * MINUTE
        if target >= options["top"]:
            self._notice(moment, "CRT_ABN", value)
        elif memory.abnormal < options["confirm"]:
            memory.at_level, memory.due_after = measured, float(options["recheck"])
            moment.hold("confirm")
        elif memory.stepped_up is not None and measured - memory.stepped_up < dwell:
            moment.hold("stepup dwell")
        else:
            memory.stepped_up = moment.now
            higher = min(float(options["top"]), target + options["step"])
            self._move(moment, memory, higher, "step_up", value)

    def _move(self, moment: Moment, memory: Crt, target: float, change: str, value: float) -> None:
        memory.changed, memory.at_level, memory.abnormal = moment.now, None, 0
        moment.retarget(target, change, f"CRT {value:g} s")
        self._notice(moment, change.upper(), value)

    def _notice(self, moment: Moment, name: str, value: float) -> None:
        """Raise the event alert of this name, if the protocol file has one."""
        for rule in moment.rules.rules:
            if rule.name == name:
                values = {"crt": value, "target": moment.subject.target}
                moment.open(rule, Verdict(True, False, values=values), moment.now)


class CrtDue(Family):
    """CRT_DUE and CRT_OVERDUE: `late` minutes after the next measurement is due.

    The schedule sleeps while every vasopressor has been off for `holiday` minutes, and the first
    measurement after it is due no earlier than `first` minutes after the restart.
    """

    kind = RuleKind(frozenset({"permissive", "first", "late", "holiday"}))

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        due = next_due(moment, rule) if rule.options["permissive"] else None
        holds = due is not None and moment.now >= due + rule.options["late"] * MINUTE
        return Verdict(holds, not holds, values={"due": due})


class EventAlert(Family):
    """An alert that another rule raises, and an acknowledgement or its successor closes."""


def next_due(moment: Moment, rule: Rule) -> int | None:
    """When the next CRT is due (ms); None while the schedule sleeps."""
    memory = moment.subject.recall(Crt)
    first = round(rule.options["first"] * MINUTE)
    off_since = moment.bed.infusions.off_since(PRESSORS)
    if off_since is not None and moment.minutes_since(off_since) >= rule.options["holiday"]:
        memory.asleep = True
        return None
    if memory.asleep and moment.on:
        memory.asleep, memory.not_before = False, moment.now + first
    if memory.asleep:
        return None
    if memory.at_level is None:
        due = (memory.changed or moment.subject.target_changed or moment.now) + first
    else:
        due = memory.at_level + round(memory.due_after * MINUTE)
    return max(due, memory.not_before or due)
