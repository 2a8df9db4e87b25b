"""A trial protocol as data: arms, parameters and rules, read from one versioned TOML file.

Rules are looked up by kind and take every number from the file. Each option of a rule is a number
or the name of a parameter, so that a scenario or an arm can change it in one place. What a file
must look like, and what is said of its mistakes, is `protocol_file.py`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from monitor_daemon.core.condition import Timing
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.protocol_file import (
    LEVELS,
    PHASES,
    ROLES,
    RULE_KEYS,
    Number,
    ProtocolFile,
    RuleKind,
    read,
    unknown,
)
from monitor_daemon.core.response import Handling

#: A pause of a drug shorter than this is none, unless a patient's protocol says so (3.5).
BRIDGE: Final = 5

__all__ = [
    "LEVELS",
    "NOT_MONITORED",
    "PHASES",
    "ROLES",
    "Number",
    "Protocol",
    "Rule",
    "RuleKind",
    "RuleSet",
    "bridge_and_lead",
    "parse",
]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one arm, all numbers resolved. `options` are in the units of the file.

    `attention_after` (ms) turns an open info alert into an attention one. `exemption` is the name
    under which a patient can be exempted from it. `handling` says how people are told.
    """

    name: str
    kind: str
    clause: str
    level: str
    phases: frozenset[str]
    timing: Timing
    options: Mapping[str, Number]
    attention_after: int | None = None
    exemption: str | None = None
    handling: Handling = field(default_factory=Handling)


#: The alert that says that we cannot judge a subject. It needs no protocol file.
NOT_MONITORED: Final = Rule(
    name="NOT_MONITORED",
    kind="",
    clause="engine",
    level="attention",
    phases=frozenset(PHASES),
    timing=Timing(),
    options={},
    handling=Handling(again=600_000, escalate=600_000, escalate_to=("charge_nurse", "coordinator")),
)


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


@dataclass(slots=True)
class Protocol:
    """One parsed protocol file. Notes with one of `held_words` are held back for review."""

    id: str
    version: str
    title: str
    first_phase: str
    blinded: bool
    held_words: tuple[str, ...]
    parameters: dict[str, Number]
    arms: dict[str, dict[str, Number]]
    rules: dict[str, dict[str, Any]]
    _sets: dict[str, RuleSet] = field(default_factory=dict)

    def for_arm(self, arm: str, overrides: Mapping[str, Number] | None = None) -> RuleSet:
        """The rules of `arm`. `overrides` change parameters (rehearsals). Raises ConfigError.

        No arm ("") are the rules of a patient who is screened.
        """
        if arm and arm not in self.arms:
            raise ConfigError(
                unknown(f"protocol {self.id}: arm", arm, self.arms), code="CONFIG_ARM"
            )
        key = msgspec.json.encode([arm, overrides or {}], order="sorted").decode()
        if key not in self._sets:
            self._sets[key] = self._resolve(arm, overrides or {})
        return self._sets[key]

    def _resolve(self, arm: str, overrides: Mapping[str, Number]) -> RuleSet:
        if wrong := set(overrides) - set(self.parameters):
            raise ConfigError(
                unknown(f"protocol {self.id}: parameter", min(wrong), self.parameters),
                code="CONFIG_PARAMETER",
            )
        parameters = {**self.parameters, **self.arms.get(arm, {}), **overrides}
        canonical = msgspec.json.encode(
            [self.id, self.version, parameters, self.rules], order="sorted"
        )
        return RuleSet(
            protocol=self.id,
            version=self.version,
            arm=arm,
            first_phase=self.first_phase,
            parameters=parameters,
            rules=tuple(
                _rule(name, table, parameters)
                for name, table in self.rules.items()
                if "only_if" not in table or parameters[table["only_if"]]
            ),
            params_hash=hashlib.sha256(canonical).hexdigest()[:16],
        )


def bridge_and_lead(rules: RuleSet | None) -> tuple[int, int]:
    """The longest pause of a drug that is none, and how long before timers may begin (ms)."""
    parameters, timed = ({}, ()) if rules is None else (rules.parameters, rules.rules)
    lead = max((rule.timing.sustain + rule.timing.lapse for rule in timed), default=0)
    return round(parameters.get("bridge", BRIDGE) * MINUTE), lead + 5 * MINUTE


def parse(text: str, kinds: Mapping[str, RuleKind], where: str = "protocol") -> Protocol:
    """The protocol in a file's text. Raises ConfigError with a line for each mistake."""
    return from_file(read(text, kinds, where))


def from_file(file: ProtocolFile) -> Protocol:
    """The protocol that a checked file describes."""
    head = file.head
    return Protocol(
        id=head["id"],
        version=head["version"],
        title=head["title"],
        first_phase=head.get("first_phase", "RESUS"),
        blinded=head.get("blinded", False),
        held_words=tuple(head.get("held_words", ())),
        parameters=file.parameters,
        arms=file.arms,
        rules=file.rules,
    )


def _rule(name: str, table: Mapping[str, Any], parameters: Mapping[str, Number]) -> Rule:
    options = {
        key: _value(value, parameters) for key, value in table.items() if key not in RULE_KEYS
    }

    def duration(key: str) -> int:
        return round(options.get(key, 0) * MINUTE)

    def later(key: str) -> int | None:
        return round(table[key] * MINUTE) if key in table else None

    return Rule(
        name=name,
        kind=table["kind"],
        clause=table["clause"],
        level=table["class"],
        phases=frozenset(table["phases"]),
        timing=Timing(duration("sustain"), duration("lapse"), duration("clear_sustain")),
        options=options,
        attention_after=later("attention_after"),
        exemption=table.get("exemption"),
        handling=Handling(
            again=later("notify_again"),
            times=table.get("notify_times"),
            escalate=later("escalate_after"),
            escalate_to=tuple(table.get("escalate_to", ())),
            to=tuple(table.get("notify", ("bedside",))),
            attention_to=tuple(table.get("attention_to", ())),
        ),
    )


def _value(value: Number | str | list[Number | str], parameters: Mapping[str, Number]) -> Number:
    """A number, a parameter, or the sum of a list of them."""
    if isinstance(value, list):
        return sum(_value(item, parameters) for item in value)
    return parameters[value] if isinstance(value, str) else value
