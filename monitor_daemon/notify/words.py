"""Alerts in the words of the ward: one TOML file a language, English where a text is missing."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.events import MINUTE, Alert

LANGUAGES: Final = ("en", "fr", "ja")

#: Decimals with which a value is shown; other numbers are shown as whole ones.
_DECIMALS: Final = {
    "map5": 1, "bin": 1, "target": 1, "limit": 1, "crt": 1, "dose": 3, "threshold": 3,
}  # fmt: skip


def read(language: str) -> dict[str, dict[str, str]]:
    """The texts of one language as its file has them. Raises ConfigError for an unknown one."""
    if language not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise ConfigError(f"language {language!r}: one of {known}", code="CONFIG_LANGUAGE")
    text = (files(__package__ or "") / "words" / f"{language}.toml").read_text(encoding="utf-8")
    tables: dict[str, dict[str, str]] = tomllib.loads(text)
    return tables


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
        table = self._tables.get(alert.name, self._tables["OTHER"])
        transitions = self._tables["transition"]
        fields = self._fields(alert)
        fields["title"] = table["title"].format_map(fields)
        fields["raised"] = table["raised"].format_map(fields)
        if alert.transition == "raised":
            return fields["raised"]
        if alert.transition == "cleared":
            # What ended without its condition having ended must not read as if it had.
            if alert.reason == "cleared":
                return table.get("cleared", transitions["cleared"]).format_map(fields)
            return transitions["closed"].format_map(fields)
        return transitions.get(alert.transition, "{raised}").format_map(fields)

    def _fields(self, alert: Alert) -> _Fields:
        why = self._tables["why"]
        fields = _Fields(unknown=self._tables["word"]["unknown"], name=alert.name, bed=alert.bed)
        values: Mapping[str, object] = {"target": alert.target, **alert.values}
        for key, value in values.items():
            if value is not None:
                fields[key] = _shown(key, value)
        due = alert.values.get("due")
        if due is not None:
            fields["late"] = _shown("late", (alert.at - due) // MINUTE)
        fields["duration"] = _shown("duration", (alert.at - alert.condition_since) // MINUTE)
        fields["why"] = why.get(alert.reason, why["other"])
        if alert.actor is not None:
            fields["actor"] = alert.actor
        return fields


def _shown(key: str, value: object) -> str:
    if not isinstance(value, int | float):
        return str(value)
    text = f"{value:.{_DECIMALS.get(key, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
