"""Alerts in the words of the ward: one TOML file a language, English where a text is missing."""

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

import msgspec

from monitor_daemon.core.decisions import Alert
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.events import MINUTE

LANGUAGES: Final = ("en", "fr", "ja")

#: Decimals with which a value is shown; other numbers are shown as whole ones.
_DECIMALS: Final = {
    "map5": 1, "bin": 1, "target": 1, "override": 1, "protocol": 1, "pressure": 1, "low": 1,
    "high": 1, "limit": 3, "crt": 1, "dose": 3, "threshold": 3, "vasopressin": 3, "ratio": 2,
    "dose_share": 2, "weight": 1, "rate": 2, "hours": 1,
}  # fmt: skip


#: Part of a text that is said only if everything it names is known.
_PART: Final = re.compile(r"\[([^\]]*)\]")
_FIELD: Final = re.compile(r"\{(\w+)\}")


def read(language: str) -> dict[str, dict[str, str]]:
    """The texts of one language as its file has them. Raises ConfigError for an unknown one."""
    if language not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise ConfigError(f"language {language!r}: one of {known}", code="CONFIG_LANGUAGE")
    text = (files(__package__ or "") / "words" / f"{language}.toml").read_text(encoding="utf-8")
    tables: dict[str, dict[str, str]] = tomllib.loads(text)
    return tables


class Told(msgspec.Struct, frozen=True):
    """An alert as people are told of it at `at` (ms), and why: first, repeat, escalated, ..."""

    name: str
    bed: str
    at: int
    reason: str
    condition_since: int
    target: float | None = None
    values: dict[str, Any] = {}
    actor: str | None = None


class _Fields(dict[str, str]):
    """What fills the placeholders; one that nobody gave a value is said to be unknown."""

    def __missing__(self, key: str) -> str:
        return self["unknown"]


class Words:
    """Texts of alerts in one language. Raises ConfigError if nobody has translated it."""

    def __init__(self, language: str = "en") -> None:
        own = read(language)
        self._tables = {name: {**table, **own.get(name, {})} for name, table in read("en").items()}

    def text(self, alert: Alert) -> str:
        """One sentence or two: bed alias, what was seen, for how long, one word of action."""
        table, transitions = self._table(alert.name), self._tables["transition"]
        fields = self._fields(alert)
        if alert.transition in {"repeated", "escalated"} and alert.reason in self._tables["told"]:
            return self._tables["told"][alert.reason].format_map(fields)
        if alert.transition == "cleared" and alert.reason == "cleared":
            return table.get("cleared", transitions["cleared"]).format_map(fields)
        # What ended without its condition having ended must not read as if it had.
        closed = alert.transition == "cleared" or alert.reason == "misattributed"
        kind = "closed" if closed else alert.transition
        return transitions.get(kind, "{raised}").format_map(fields)

    def push(self, told: Told) -> str:
        """The same of an alert that people are told in person, and why they are told again."""
        return self._tables["told"].get(told.reason, "{raised}").format_map(self._fields(told))

    def _table(self, name: str) -> dict[str, str]:
        return self._tables.get(name, self._tables["OTHER"])

    def _fields(self, alert: Alert | Told) -> _Fields:
        why = self._tables["why"]
        fields = _Fields(unknown=self._tables["word"]["unknown"], name=alert.name, bed=alert.bed)
        values: Mapping[str, object] = {"target": alert.target, **alert.values}
        for key, value in values.items():
            if value is not None:
                fields[key] = _shown(key, value)
        due = alert.values.get("due")
        if due is not None:
            fields["late"] = _shown("late", (alert.at - due) // MINUTE)
        # A rule that waits before its condition holds says since when it saw it (FEED_FROZEN).
        since = alert.values.get("since") or alert.condition_since
        fields["duration"] = _shown("duration", (alert.at - since) // MINUTE)
        fields["why"] = why.get(alert.reason, why["other"])
        if alert.actor is not None:
            fields["actor"] = alert.actor
        table = self._table(alert.name)
        fields["title"] = table["title"].format_map(fields)
        fields["raised"] = _known_parts(table["raised"], fields).format_map(fields)
        return fields


def _known_parts(text: str, fields: Mapping[str, str]) -> str:
    return _PART.sub(lambda m: m[1] if set(_FIELD.findall(m[1])) <= fields.keys() else "", text)


def _shown(key: str, value: object) -> str:
    if not isinstance(value, int | float):
        return str(value)
    text = f"{value:.{_DECIMALS.get(key, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
