"""The form of a protocol file: reads it, and says every mistake with its place in the text.

What the file means is `protocol.py`. Here a mistake gets file, line, column, key, value, what is
wrong and what is allowed, and all of them are said at once.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeGuard

from monitor_daemon.core.toml_text import Path, Places, Remark, TomlFileError, dotted, load_toml

Number = float | int | bool

LEVELS: Final = ("urgent", "attention", "info")
PHASES: Final = ("PRE", "RESUS", "ACTIVE", "ENDED")
#: Who can be told of an alert: the roles that a site's roster fills.
ROLES: Final = (
    "bedside",
    "physician",
    "charge_nurse",
    "coordinator",
    "research",
    "investigator",
)
#: Where a patient is once he is randomised; PRE lies before that, and ENDED judges nothing.
_FIRST_PHASES: Final = ("RESUS", "ACTIVE")
#: Names are typed on command lines and stand in messages and file names; id@version is one word.
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAMED: Final = "use 1 to 64 of the letters A-Z a-z, digits, _ and -"
_VERSION: Final = re.compile(r"[^\s@]{1,64}")
#: No pressure, dose, time or count of a protocol is larger; infinity and NaN are not either.
_LARGEST: Final = 1e6
_TIMING_KEYS: Final = frozenset({"sustain", "lapse", "clear_sustain"})
_MINUTES_KEYS: Final = ("attention_after", "notify_again", "escalate_after")
_ROLE_KEYS: Final = ("notify", "escalate_to", "attention_to")
#: Keys that every rule may have, whatever its kind.
RULE_KEYS: Final = frozenset({
    "kind", "clause", "class", "phases", "only_if", "exemption", "notify_times",
    *_MINUTES_KEYS, *_ROLE_KEYS,
})  # fmt: skip
_TABLES: Final = ("protocol", "arms", "parameters", "rules")
_HEAD_KEYS: Final = (
    "id", "version", "title", "registration", "first_phase", "blinded", "held_words"
)  # fmt: skip
#: Parameters that are read by name at enrolment or in the dose, and so need no rule.
_READ_BY_NAME: Final = frozenset({
    "initial_target", "floor", "has_target", "bridge", "override_grace"
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class RuleKind:
    """What a kind of rule wants to be told: names of options, each a number or a parameter.

    Of the options `switches` are true or false and `shares` lie between 0 and 1; the others are 0
    or more.
    """

    options: frozenset[str] = frozenset()
    timed: bool = True
    switches: frozenset[str] = frozenset()
    shares: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ProtocolFile:
    """A protocol file of right form. `warnings` are what is allowed but hardly meant."""

    head: Mapping[str, Any]
    parameters: dict[str, Number]
    arms: dict[str, dict[str, Number]]
    rules: dict[str, dict[str, Any]]
    warnings: tuple[Remark, ...]


def read(text: str, kinds: Mapping[str, RuleKind], where: str) -> ProtocolFile:
    """Check a protocol file's text; `where` names it. Raises TomlFileError with every mistake.

    `kinds` are the kinds of rule that there are.
    """
    document = load_toml(text, where)
    found = _Check(text, where, kinds)
    found.document(document)
    if found.remarks:
        raise TomlFileError(sorted(found.remarks, key=lambda r: (r.line, r.column)))
    arms = {
        name: {key: value for key, value in table.items() if key != "title"}
        for name, table in document["arms"].items()
    }
    found.doubts(document["parameters"], arms, document["rules"])
    return ProtocolFile(
        head=document["protocol"],
        parameters=document["parameters"],
        arms=arms,
        rules=document["rules"],
        warnings=tuple(found.remarks),
    )


def unknown(what: str, given: object, allowed: Iterable[str]) -> str:
    """Says that a name is not known, with the likeliest one meant or all that are allowed."""
    names = sorted(allowed)
    near = difflib.get_close_matches(str(given), names, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; allowed: {', '.join(names)}"
    return f"{what} {given!r} is not known{hint}"


class _Check:
    """Walks a document and collects remarks."""

    def __init__(self, text: str, where: str, kinds: Mapping[str, RuleKind]) -> None:
        self.remarks: list[Remark] = []
        self._text = text
        self._where = where
        self._kinds = kinds
        #: None while nobody knows them, because their table itself is wrong.
        self._parameters: Mapping[str, object] | None = None
        self._arms: Mapping[str, object] = {}
        self._judged: set[Path] = set()

    @cached_property
    def _places(self) -> Places:
        return Places(self._text, self._where)

    def say(self, path: Path, reason: str, *, code: str, key: bool = False) -> None:
        """Remark on the value at `path`, or on its key; on the table above if it is not there."""
        self.remarks.append(self._places.remark(path, reason, code=code, key=key))

    def document(self, document: Mapping[str, Any]) -> None:
        """Every mistake of the file."""
        self._only((), document, _TABLES)
        head, arms, parameters, rules = (
            self._table((key,), document.get(key), "CONFIG_PROTOCOL")
            for key in ("protocol", "arms", "parameters", "rules")
        )
        self._parameters, self._arms = parameters, arms or {}
        for name, value in (parameters or {}).items():
            self._number(("parameters", name), value)
        for name, table in (arms or {}).items():
            self._name(("arms", name))
            self._arm(name, table)
        if arms == {}:
            self.say(("arms",), "at least one arm, [arms.NAME]", code="CONFIG_PROTOCOL")
        if head is not None:
            self._head(head, list(arms or {}))
        for name, table in (rules or {}).items():
            self._name(("rules", name))
            if self._table(("rules", name), table, "CONFIG_RULE") is not None:
                self._rule(("rules", name), table)

    def doubts(
        self,
        parameters: Mapping[str, Number],
        arms: Mapping[str, Mapping[str, Number]],
        rules: Mapping[str, Mapping[str, Any]],
    ) -> None:
        """What a right file says that its writer hardly meant."""
        named = {
            word
            for table in rules.values()
            for key, value in table.items()
            if key not in RULE_KEYS or key == "only_if"
            for word in (value if isinstance(value, list) else [value])
        }
        for name in parameters:
            if name not in named | _READ_BY_NAME:
                path = ("parameters", name)
                self.say(path, "no rule uses this parameter", code="CONFIG_UNUSED", key=True)
        seen: dict[tuple[tuple[str, Number], ...], str] = {}
        for name, numbers in arms.items():
            twin = seen.setdefault(tuple(sorted({**parameters, **numbers}.items())), name)
            if twin != name:
                reason = f"the same numbers as arm {twin}"
                self.say(("arms", name), reason, code="CONFIG_SAME_ARM", key=True)
        for name, table in rules.items():
            if table["class"] != "urgent":
                continue
            if table.get("notify") == []:
                reason = "urgent, but nobody is told"
                self.say(("rules", name, "notify"), reason, code="CONFIG_UNTOLD")
            if "escalate_after" not in table:
                reason = "urgent, but nobody else is told if nobody acknowledges: escalate_after"
                self.say(("rules", name), reason, code="CONFIG_UNTOLD", key=True)

    def _head(self, head: Mapping[str, Any], arms: Sequence[str]) -> None:
        self._only(("protocol",), head, _HEAD_KEYS)
        for key in ("id", "version", "title"):
            if not isinstance(head.get(key), str):
                reason = "must be text, in quotes" if key in head else "missing"
                self.say(("protocol", key), reason, code="CONFIG_PROTOCOL")
        if not _NAME.fullmatch(str(head.get("id", "id"))):
            self.say(("protocol", "id"), _NAMED, code="CONFIG_PROTOCOL")
        if not _VERSION.fullmatch(str(head.get("version", "1"))):
            reason = "1 to 64 characters, no blank and no @"
            self.say(("protocol", "version"), reason, code="CONFIG_PROTOCOL")
        if head.get("first_phase", "RESUS") not in _FIRST_PHASES:
            reason = unknown("phase after randomisation", head["first_phase"], _FIRST_PHASES)
            self.say(("protocol", "first_phase"), reason, code="CONFIG_PROTOCOL")
        self._words(("protocol", "held_words"), head.get("held_words", []), "CONFIG_PROTOCOL")
        blinded, path = head.get("blinded", False), ("protocol", "blinded")
        if not isinstance(blinded, bool):
            self.say(path, "true or false", code="CONFIG_PROTOCOL")
        elif blinded and len(arms) > 1:
            reason = (
                "a blinded trial has one arm, for its allocation never enters this system;"
                f" here are {len(arms)}: {', '.join(arms)}"
            )
            self.say(path, reason, code="CONFIG_PROTOCOL")

    def _name(self, path: Path) -> None:
        if not _NAME.fullmatch(str(path[-1])):
            self.say(path, _NAMED, code="CONFIG_KEY", key=True)

    def _arm(self, name: str, table: object) -> None:
        numbers = self._table(("arms", name), table, "CONFIG_PROTOCOL") or {}
        for key, value in numbers.items():
            path = ("arms", name, key)
            if key == "title":
                if not isinstance(value, str):
                    self.say(path, "must be text, in quotes", code="CONFIG_PROTOCOL")
            elif self._parameters is not None and key not in self._parameters:
                reason = unknown("parameter", key, self._parameters)
                self.say(path, reason, code="CONFIG_PARAMETER", key=True)
            elif self._number(path, value) and self._parameters is not None:
                wanted = isinstance(self._parameters[key], bool)
                if isinstance(value, bool) != wanted:
                    what = "true or false" if wanted else "a number"
                    reason = f"must be {what}, as in [parameters]"
                    self.say(path, reason, code="CONFIG_PARAMETER")

    def _rule(self, at: Path, table: Mapping[str, Any]) -> None:
        name = table.get("kind")
        kind = self._kinds.get(name) if isinstance(name, str) else None
        if kind is None:
            self._choice((*at, "kind"), name, self._kinds)
        if not isinstance(table.get("clause"), str):
            reason = "must be text, in quotes" if "clause" in table else "missing"
            reason += "; name the clause of the protocol this rule comes from"
            self.say((*at, "clause"), reason, code="CONFIG_RULE")
        if table.get("class") not in LEVELS:
            self._choice((*at, "class"), table.get("class"), LEVELS)
        self._names((*at, "phases"), table.get("phases"), "phase", PHASES)
        if table.get("phases") == []:
            self.say((*at, "phases"), f"at least one of {', '.join(PHASES)}", code="CONFIG_RULE")
        self._handling(at, table)
        if kind is None:
            return
        self._only(at, table, RULE_KEYS | kind.options | (_TIMING_KEYS if kind.timed else set()))
        for key in sorted(kind.options - set(table)):
            reason = f"missing; rules of kind {name} need it"
            self.say((*at, key), reason, code="CONFIG_RULE")
        for key in table:
            if key in kind.options or (kind.timed and key in _TIMING_KEYS):
                self._option((*at, key), table[key], kind)

    def _handling(self, at: Path, table: Mapping[str, Any]) -> None:
        """How people are told, and whether a rule is there at all."""
        for key in _MINUTES_KEYS:
            after = table.get(key, 0)
            if isinstance(after, bool) or not _is_number(after) or after < 0:
                self.say((*at, key), "minutes, a number, 0 or more", code="CONFIG_RULE")
        if table.get("notify_again") == 0:
            reason = "0 would tell people in every minute; leave it out to tell them once"
            self.say((*at, "notify_again"), reason, code="CONFIG_RULE")
        times = table.get("notify_times", 1)
        if isinstance(times, bool) or not isinstance(times, int) or times < 1:
            self.say((*at, "notify_times"), "a whole number, 1 or more", code="CONFIG_RULE")
        for key in _ROLE_KEYS:
            self._names((*at, key), table.get(key, []), "role", ROLES)
        if "escalate_after" in table and not table.get("escalate_to"):
            reason = f"escalate_to is missing: to whom? roles are {', '.join(ROLES)}"
            self.say((*at, "escalate_after"), reason, code="CONFIG_RULE", key=True)
        if "attention_to" in table and "attention_after" not in table:
            reason = "attention_after is missing: when does it become attention?"
            self.say((*at, "attention_to"), reason, code="CONFIG_RULE", key=True)
        if "only_if" in table:
            path, name = (*at, "only_if"), table["only_if"]
            self._parameter(path, name)
            self._suits(path, name, RuleKind(switches=frozenset({"only_if"})))
        if not isinstance(table.get("exemption", ""), str):
            self.say((*at, "exemption"), "must be a name, in quotes", code="CONFIG_RULE")

    def _option(self, path: Path, value: object, kind: RuleKind) -> None:
        """A number, the name of a parameter, or a list of both."""
        if isinstance(value, list):
            for index, item in enumerate(value):
                self._option_item((*path, index), item, kind)
        else:
            self._option_item(path, value, kind)

    def _option_item(self, path: Path, value: object, kind: RuleKind) -> None:
        if isinstance(value, str):
            self._parameter(path, value)
            self._suits(path, value, kind)
        elif not _is_number(value):
            reason = f"a number (at most {_LARGEST:g}), the name of a parameter, or a list of them"
            self.say(path, f"{reason} to add", code="CONFIG_RULE")
        elif reason := _unfit(kind, path[2], value):
            self.say(path, reason, code="CONFIG_RULE")

    def _suits(self, path: Path, name: object, kind: RuleKind) -> None:
        """Whether the parameter of this name, in every arm, is of the kind that an option takes."""
        value = (self._parameters or {}).get(str(name))
        if not _is_number(value):
            return
        if isinstance(value, bool) != (path[2] in kind.switches):
            found = str(value).lower() if isinstance(value, bool) else f"{value:g}"
            reason = f"parameter {name} is {found}, here it {_unfit(kind, path[2], value)}"
            self.say(path, reason, code="CONFIG_RULE")
            return
        places: list[tuple[Path, object]] = [(("parameters", str(name)), value)]
        for arm, table in self._arms.items():
            if isinstance(table, dict) and name in table:
                places.append((("arms", arm, str(name)), table[name]))
        for place, number in places:
            reason = _unfit(kind, path[2], number) if _is_number(number) else ""
            if reason and place not in self._judged:
                self._judged.add(place)
                self.say(place, f"{reason}, for {dotted(path[:3])}", code="CONFIG_PARAMETER")

    def _parameter(self, path: Path, name: object) -> None:
        if not isinstance(name, str):
            self.say(path, "must be the name of a parameter, in quotes", code="CONFIG_RULE")
        elif self._parameters is not None and name not in self._parameters:
            reason = _unquoted(name) or unknown("parameter", name, self._parameters)
            self.say(path, reason, code="CONFIG_RULE")

    def _choice(self, path: Path, given: object, allowed: Iterable[str]) -> None:
        """Says that a key of a rule is missing, or is not one of what it may be."""
        missing = f"missing; one of {', '.join(sorted(allowed))}"
        reason = missing if given is None else unknown(str(path[-1]), given, allowed)
        self.say(path, reason, code="CONFIG_RULE")

    def _names(self, path: Path, value: object, what: str, allowed: Sequence[str]) -> None:
        for index, name in enumerate(self._words(path, value, "CONFIG_RULE", allowed)):
            if name not in allowed:
                self.say((*path, index), unknown(what, name, allowed), code="CONFIG_RULE")

    def _words(
        self, path: Path, value: object, code: str, allowed: Sequence[str] = ()
    ) -> list[str]:
        """The words of a list; none if it is not one, which is said."""
        if isinstance(value, list) and all(isinstance(word, str) and word for word in value):
            return value
        reason = "missing; give" if value is None else "must be"
        meant = f"a list out of {', '.join(allowed)}" if allowed else "a list of words, in quotes"
        self.say(path, f"{reason} {meant}", code=code)
        return []

    def _number(self, path: Path, value: object) -> bool:
        if _is_number(value):
            return True
        hint = _unquoted(value) or f"must be a number (at most {_LARGEST:g}), true or false"
        self.say(path, hint, code="CONFIG_PARAMETER")
        return False

    def _table(self, path: Path, value: object, code: str) -> dict[str, Any] | None:
        if isinstance(value, dict):
            return value
        header = f"[{dotted(path)}]"
        reason = f"missing; a table {header}" if value is None else f"must be a table, {header}"
        self.say(path, reason, code=code)
        return None

    def _only(self, at: Path, table: Mapping[str, Any], allowed: Iterable[str]) -> None:
        for key in table:
            if key not in allowed:
                self.say((*at, key), unknown("key", key, allowed), code="CONFIG_KEY", key=True)


def _is_number(value: object) -> TypeGuard[Number]:
    return isinstance(value, bool | int | float) and abs(value) <= _LARGEST


def _unfit(kind: RuleKind, option: str | int, number: Number) -> str:
    """What a number must be for an option, if it is not; else ""."""
    switch = option in kind.switches
    if isinstance(number, bool) != switch:
        return "must be true or false" if switch else "must be a number"
    if option in kind.shares and not 0 <= number <= 1:
        return "must be a share, 0 to 1"
    if number < 0:
        return "must be minutes, 0 or more" if option in _TIMING_KEYS else "must be 0 or more"
    return ""


def _unquoted(value: object) -> str:
    """Advice for a number that was put in quotes; "" for anything else."""
    number = re.fullmatch(r"[+-]?\d+(\.\d+)?|true|false", value) if isinstance(value, str) else None
    return f"a number stands without quotes: {number[0]}" if number else ""
