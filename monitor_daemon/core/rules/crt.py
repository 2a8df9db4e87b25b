"""Capillary refill time moves the target, and has a schedule: reference R2 and R3."""

from typing import Literal

import msgspec

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.history import off_until
from monitor_daemon.core.moment import Moment
from monitor_daemon.core.people import Correct, Observe
from monitor_daemon.core.protocol import Rule, RuleKind
from monitor_daemon.core.rules.family import Family

#: Why a CRT entry does not move the target.
Hold = Literal[
    "AT_FLOOR", "dwell", "lockout", "MAP unknown", "MAP above level", "confirm", "stepup dwell"
]


class Level(msgspec.Struct):
    """Where the strategy stands. Times in ms.

    `changed` is the last target change since ACTIVE began, by CRT or by lifting an override.
    `at_level` is the newest measurement at the present level and `due_after` the minutes it buys.
    """

    newest: int | None = None
    changed: int | None = None
    stepped_up: int | None = None
    abnormal: int = 0
    at_level: int | None = None
    due_after: float = 0.0


class Entry(msgspec.Struct):
    """The newest CRT that counted: when measured and entered, and what stood before it."""

    measured: int
    entered: int
    target: float
    changed: int | None
    change: str
    level: Level


class Crt(msgspec.Struct):
    """Memory of the strategy and of its schedule, which may sleep."""

    level: Level = msgspec.field(default_factory=Level)
    last: Entry | None = None
    asleep: bool = False
    not_before: int | None = None


class Move(msgspec.Struct, frozen=True):
    """What an entry does: `change` of the target to `target`, or a `hold` with its reason."""

    target: float
    change: Literal["step_down", "step_up", "abnormal", ""] = ""
    hold: Hold | None = None


class CrtSteps(Family):
    """R2 and R3: one entry moves the target by one step at most.

    Options carry the names of reference 0.5; minutes, mmHg and s.
    """

    kind = RuleKind(
        frozenset({
            "permissive", "threshold", "valid", "dwell", "step", "floor", "top", "lockout",
            "map_at_level", "level_margin", "stepup_dwell", "confirm", "recheck",
            "after_normal", "after_normal_late", "late_after", "after_abnormal", "correct_within",
        }),
        timed=False,
        switches=frozenset({"permissive", "map_at_level"}),
    )  # fmt: skip

    def entry(self, moment: Moment, rule: Rule, entry: Observe | Correct) -> None:
        if entry.kind != "crt":
            return
        if isinstance(entry, Correct):
            self._correct(moment, rule, entry)
            return
        measured = moment.now if entry.at is None else entry.at
        if moment.now - measured > rule.options["valid"] * MINUTE:
            moment.log("crt_stale", value=entry.value, measured=measured)
            return
        memory, subject = moment.subject.recall(Crt), moment.subject
        level = memory.level
        out_of_order = level.newest is not None and measured < level.newest
        runs = rule.options["permissive"] and moment.runs(rule)
        moment.log("crt_stored", value=entry.value, measured=measured)
        if out_of_order or not runs or subject.override is not None:
            return
        before = msgspec.structs.replace(level)
        target = subject.target or 0.0
        memory.last = Entry(measured, moment.now, target, subject.changed, subject.change, before)
        move = self._decide(moment, rule, target, measured, entry.value)
        self._schedule(moment, rule, move, measured, entry.value, moment.now)
        if move.change in {"step_down", "step_up"}:
            moment.retarget(move.target, move.change, f"CRT {entry.value:g} s")
        self._tell(moment, move, entry.value)

    def _decide(
        self, moment: Moment, rule: Rule, target: float, measured: int, value: float
    ) -> Move:
        """What a CRT of `value` s measured at `measured` does to `target`."""
        if value >= rule.options["threshold"]:
            return self._raise(moment, rule, target, measured)
        hold = self._hold(moment, rule, target, measured)
        if hold is not None:
            return Move(target, hold=hold)
        return Move(target - rule.options["step"], "step_down")

    def _raise(self, moment: Moment, rule: Rule, target: float, measured: int) -> Move:
        """R3: an abnormal CRT raises the target at once, unless it did so a moment ago."""
        options, level = rule.options, moment.subject.recall(Crt).level
        if target >= options["top"]:
            return Move(target, "abnormal")
        if level.abnormal + 1 < options["confirm"]:
            return Move(target, hold="confirm")
        dwell = options["stepup_dwell"] * MINUTE
        if level.stepped_up is not None and measured - level.stepped_up < dwell:
            return Move(target, hold="stepup dwell")
        return Move(min(float(options["top"]), target + options["step"]), "step_up")

    def _hold(self, moment: Moment, rule: Rule, target: float, measured: int) -> Hold | None:
        """R2: the first reason why a normal CRT does not lower the target."""
        options, level = rule.options, moment.subject.recall(Crt).level
        lockout = options["lockout"] * MINUTE
        map5 = moment.bed.pressure.map5(measured // MINUTE)
        at_level = options["map_at_level"]
        reasons: dict[Hold, bool] = {
            "AT_FLOOR": target - options["step"] < options["floor"],
            "dwell": not self._dwelt(moment, rule, measured),
            "lockout": level.stepped_up is not None and measured - level.stepped_up < lockout,
            "MAP unknown": bool(at_level) and map5 is None,
            "MAP above level": bool(at_level)
            and map5 is not None
            and map5 > target + options["level_margin"],
        }
        return next((reason for reason, holds in reasons.items() if holds), None)

    def _dwelt(self, moment: Moment, rule: Rule, measured: int) -> bool:
        """Whether `measured` is at the present level: long enough after the last change of it."""
        level = moment.subject.recall(Crt).level
        if level.changed is None:
            return measured >= (moment.subject.entered or 0)
        return measured - level.changed >= rule.options["dwell"] * MINUTE

    def _schedule(
        self, moment: Moment, rule: Rule, move: Move, measured: int, value: float, entered: int
    ) -> None:
        """Remember what an entry did: a measurement at the level buys time until the next one."""
        options, level = rule.options, moment.subject.recall(Crt).level
        normal = value < options["threshold"]
        if self._dwelt(moment, rule, measured):
            hours = (measured - (moment.subject.randomised or 0)) / (60 * MINUTE)
            after = "after_normal_late" if hours >= options["late_after"] else "after_normal"
            level.at_level = measured
            level.due_after = float(options[after if normal else "after_abnormal"])
        level.newest = measured
        level.abnormal = 0 if normal else level.abnormal + 1
        if move.hold == "confirm":
            level.at_level, level.due_after = measured, float(options["recheck"])
        if move.change in {"step_down", "step_up"}:
            level.changed, level.at_level, level.abnormal = entered, None, 0
        if move.change == "step_up":
            level.stepped_up = entered

    def _tell(self, moment: Moment, move: Move, value: float) -> None:
        if move.hold is not None:
            moment.hold(move.hold)
        values = {"crt": value, "target": moment.subject.target}
        name = {"step_down": "STEP_DOWN", "step_up": "STEP_UP", "abnormal": "CRT_ABN"}
        if move.change:
            moment.notice(name[move.change], values)

    def _correct(self, moment: Moment, rule: Rule, entry: Correct) -> None:
        """R2: the newest entry, corrected in time, is decided again as if it had been right.

        The target that this gives is not a step; minutes already shown keep the one staff saw.
        """
        memory, subject = moment.subject.recall(Crt), moment.subject
        last, shown = memory.last, subject.target
        moment.log("crt_corrected", value=entry.value, measured=entry.at, reason=entry.reason)
        late = last is None or moment.now - last.entered > rule.options["correct_within"] * MINUTE
        newer = last is None or memory.level.newest != entry.at or last.measured != entry.at
        stopped = not moment.runs(rule) or subject.override is not None
        if last is None or late or newer or stopped:
            return
        lifted = memory.level.changed
        memory.level = msgspec.structs.replace(last.level)
        move = self._decide(moment, rule, last.target, last.measured, entry.value)
        self._schedule(moment, rule, move, last.measured, entry.value, last.entered)
        if lifted is not None and lifted > last.entered:
            # An override was lifted after the entry: the level begins there all the same.
            memory.level.changed, memory.level.at_level = lifted, None
        for name in ("STEP_DOWN", "STEP_UP", "CRT_ABN"):
            if name in subject.alerts and subject.alerts[name].raised_at == last.entered:
                moment.close(name, "corrected")
        if move.target != shown:
            moment.retarget(move.target, move.change or last.change, "corrected")
            moment.log("TARGET_CORRECTED", before=shown, after=move.target)
        self._tell(moment, move, entry.value)


class CrtDue(Family):
    """CRT_DUE and CRT_OVERDUE: `late` minutes after the next measurement is due.

    The schedule sleeps while every vasopressor has been off for `holiday` minutes, and the first
    measurement after it is due no earlier than `first` minutes after the restart.
    """

    kind = RuleKind(frozenset({"first", "late", "holiday"}))

    def judge(self, moment: Moment, rule: Rule) -> Verdict:
        due = next_due(moment, rule)
        holds = due is not None and moment.now >= due + rule.options["late"] * MINUTE
        return Verdict(holds, not holds, values={"due": due})


def next_due(moment: Moment, rule: Rule) -> int | None:
    """When the next CRT is due (ms); None while the schedule sleeps or a physician overrides."""
    memory, subject = moment.subject.recall(Crt), moment.subject
    level = memory.level
    first = round(rule.options["first"] * MINUTE)
    off = off_until(moment.bed.infusions, moment.now, subject.history.on)
    if off is not None and moment.minutes_since(off) >= rule.options["holiday"]:
        memory.asleep = True
    if memory.asleep and moment.on:
        memory.asleep, memory.not_before = False, moment.now + first
    if memory.asleep or subject.override is not None:
        return None
    if level.at_level is None:
        due = (level.changed or subject.entered or moment.now) + first
    else:
        due = level.at_level + round(level.due_after * MINUTE)
    return max(due, memory.not_before or due)


def level_changed(moment: Moment) -> None:
    """The target changed for another reason than a CRT: dwell and schedule begin anew.

    Before ACTIVE there is no level yet: the first one begins with it.
    """
    if moment.subject.phase == "ACTIVE":
        level = moment.subject.recall(Crt).level
        level.changed, level.at_level = moment.now, None
