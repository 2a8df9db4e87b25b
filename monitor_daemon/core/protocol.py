"""A trial protocol as data: arms, parameters and rules, read from one versioned TOML file.

Rules are looked up by kind and take every number from the file. Each option of a rule is a number
or the name of a parameter, so that a scenario or an arm can change it in one place.
"""

import difflib
import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from monitor_daemon.core.condition import Timing
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.events import MINUTE

Number = float | int | bool
LEVELS: Final = ("urgent", "attention", "info")
PHASES: Final = ("PRE", "RESUS", "ACTIVE", "ENDED")
#: No pressure, dose, time or count of a protocol is larger; infinity and NaN are not either.
_LARGEST: Final = 1e6
_RULE_KEYS: Final = {"kind", "clause", "class", "phases", "attention_after"}
_HEAD_KEYS: Final = {"id", "version", "title", "registration", "first_phase"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one arm, all numbers resolved. `options` are in the units of the file."""

    name: str
    kind: str
    clause: str
    level: str
    phases: frozenset[str]
    timing: Timing
    options: Mapping[str, Number]
    attention_after: int | None


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules of one arm of one protocol version, with the hash of every number in them."""

    protocol: str
    version: str
    arm: str
    first_phase: str
    parameters: Mapping[str, Number]
    rules: tuple[Rule, ...]
    params_hash: str


@dataclass(frozen=True, slots=True)
class RuleKind:
    """What a kind of rule wants to be told: names of options, each a number or a parameter."""

    options: frozenset[str] = frozenset()
    timed: bool = True


@dataclass(slots=True)
class Protocol:
    """One parsed protocol file."""

    id: str
    version: str
    title: str
    first_phase: str
    parameters: dict[str, Number]
    arms: dict[str, dict[str, Number]]
    rules: dict[str, dict[str, Any]]
    _sets: dict[str, RuleSet] = field(default_factory=dict)

    def for_arm(self, arm: str, overrides: Mapping[str, Number] | None = None) -> RuleSet:
        """The rules of `arm`. `overrides` change parameters (rehearsals). Raises ConfigError."""
        if arm not in self.arms:
            raise ConfigError(
                _unknown(f"protocol {self.id}: arm", arm, self.arms), code="CONFIG_ARM"
            )
        key = msgspec.json.encode([arm, overrides or {}], order="sorted").decode()
        if key not in self._sets:
            self._sets[key] = self._resolve(arm, overrides or {})
        return self._sets[key]

    def _resolve(self, arm: str, overrides: Mapping[str, Number]) -> RuleSet:
        if wrong := set(overrides) - set(self.parameters):
            raise ConfigError(
                _unknown(f"protocol {self.id}: parameter", min(wrong), self.parameters),
                code="CONFIG_PARAMETER",
            )
        parameters = {**self.parameters, **self.arms[arm], **overrides}
        canonical = msgspec.json.encode(
            [self.id, self.version, parameters, self.rules], order="sorted"
        )
        return RuleSet(
            protocol=self.id,
            version=self.version,
            arm=arm,
            first_phase=self.first_phase,
            parameters=parameters,
            rules=tuple(_rule(n, table, parameters) for n, table in self.rules.items()),
            params_hash=hashlib.sha256(canonical).hexdigest()[:16],
        )


def parse(text: str, kinds: Mapping[str, RuleKind], where: str = "protocol") -> Protocol:
    """Read a protocol file's text. Raises ConfigError naming file, key and what is allowed."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: {error}", code="CONFIG_SYNTAX") from None
    _only(document, {"protocol", "arms", "parameters", "rules"}, where)
    head = _table(document, "protocol", where)
    _only(head, _HEAD_KEYS, f"{where}: protocol")
    for key in ("id", "version", "title"):
        if not isinstance(head.get(key), str):
            raise ConfigError(
                f"{where}: protocol.{key}: missing or not text", code="CONFIG_PROTOCOL"
            )
    first_phase = head.get("first_phase", "RESUS")
    if first_phase not in PHASES:
        raise ConfigError(
            _unknown(f"{where}: protocol.first_phase", first_phase, PHASES), code="CONFIG_PROTOCOL"
        )
    parameters = _numbers(_table(document, "parameters", where), f"{where}: parameters")
    arms = {
        name: _arm(table, parameters, f"{where}: arms.{name}")
        for name, table in _table(document, "arms", where).items()
    }
    if not arms:
        raise ConfigError(f"{where}: arms: at least one arm", code="CONFIG_PROTOCOL")
    rules = _table(document, "rules", where)
    for name, table in rules.items():
        _check_rule(table, kinds, parameters, f"{where}: rules.{name}")
    return Protocol(
        head["id"], head["version"], head["title"], first_phase, parameters, arms, rules
    )


def _rule(name: str, table: Mapping[str, Any], parameters: Mapping[str, Number]) -> Rule:
    options = {
        key: _value(value, parameters) for key, value in table.items() if key not in _RULE_KEYS
    }

    def duration(key: str) -> int:
        return round(options.get(key, 0) * MINUTE)

    after = table.get("attention_after")
    return Rule(
        name=name,
        kind=table["kind"],
        clause=table["clause"],
        level=table["class"],
        phases=frozenset(table["phases"]),
        timing=Timing(duration("sustain"), duration("lapse"), duration("clear_sustain")),
        options=options,
        attention_after=None if after is None else round(after * MINUTE),
    )


def _check_head(table: Mapping[str, Any], at: str) -> None:
    if not isinstance(table.get("clause"), str):
        raise ConfigError(
            f"{at}.clause: missing; name the clause this rule comes from", code="CONFIG_RULE"
        )
    if table.get("class") not in LEVELS:
        raise ConfigError(_unknown(f"{at}.class", table.get("class"), LEVELS), code="CONFIG_RULE")
    phases = table.get("phases")
    if not isinstance(phases, list) or not phases or not all(p in PHASES for p in phases):
        raise ConfigError(
            f"{at}.phases = {phases!r}: a list out of {', '.join(PHASES)}", code="CONFIG_RULE"
        )


def _check_after(table: Mapping[str, Any], at: str) -> None:
    after = table.get("attention_after", 0)
    if isinstance(after, bool) or not isinstance(after, int | float) or not 0 <= after <= 1e6:
        raise ConfigError(
            f"{at}.attention_after = {after!r}: minutes, 0 or more", code="CONFIG_RULE"
        )


def _value(value: Number | str | list[Number | str], parameters: Mapping[str, Number]) -> Number:
    """A number, a parameter, or the sum of a list of them."""
    if isinstance(value, list):
        return sum(_value(item, parameters) for item in value)
    return parameters[value] if isinstance(value, str) else value


def _check_rule(
    table: object, kinds: Mapping[str, RuleKind], parameters: Mapping[str, Number], at: str
) -> None:
    if not isinstance(table, dict):
        raise ConfigError(f"{at}: must be a table", code="CONFIG_RULE")
    name = table.get("kind")
    kind = kinds.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ConfigError(_unknown(f"{at}.kind", table.get("kind"), kinds), code="CONFIG_RULE")
    _check_head(table, at)
    _check_after(table, at)
    timing = {"sustain", "lapse", "clear_sustain"} if kind.timed else set()
    allowed = _RULE_KEYS | timing | kind.options
    _only(table, allowed, at)
    if missing := kind.options - set(table):
        raise ConfigError(
            f"{at}.{min(missing)}: missing; rules of kind {table['kind']} need it",
            code="CONFIG_RULE",
        )
    for key in set(table) - _RULE_KEYS:
        values = table[key] if isinstance(table[key], list) else [table[key]]
        for value in values:
            _check_value(value, parameters, f"{at}.{key}")


def _check_value(value: object, parameters: Mapping[str, Number], at: str) -> None:
    if isinstance(value, str):
        if value not in parameters:
            raise ConfigError(_unknown(f"{at}: parameter", value, parameters), code="CONFIG_RULE")
    elif not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise ConfigError(
            f"{at} = {value!r}: a number, the name of a parameter, or a list of them to add",
            code="CONFIG_RULE",
        )


def _arm(table: object, parameters: Mapping[str, Number], at: str) -> dict[str, Number]:
    if not isinstance(table, dict):
        raise ConfigError(f"{at}: must be a table", code="CONFIG_PROTOCOL")
    numbers = _numbers({k: v for k, v in table.items() if k != "title"}, at)
    for key in numbers:
        if key not in parameters:
            raise ConfigError(
                _unknown(f"{at}: parameter", key, parameters), code="CONFIG_PARAMETER"
            )
    return numbers


def _numbers(table: Mapping[str, Any], at: str) -> dict[str, Number]:
    for key, value in table.items():
        if not isinstance(value, bool | int | float) or not abs(value) <= _LARGEST:
            raise ConfigError(f"{at}.{key} = {value!r}: must be a number", code="CONFIG_PARAMETER")
    return dict(table)


def _table(document: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    table = document.get(key)
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: [{key}]: missing", code="CONFIG_PROTOCOL")
    return table


def _only(table: Mapping[str, Any], allowed: Iterable[str], at: str) -> None:
    for key in table:
        if key not in set(allowed):
            raise ConfigError(_unknown(f"{at}: key", key, allowed), code="CONFIG_KEY")


def _unknown(what: str, given: object, allowed: Iterable[str]) -> str:
    names = sorted(allowed)
    near = difflib.get_close_matches(str(given), names, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; allowed: {', '.join(names)}"
    return f"{what} {given!r} is not known{hint}"
