"""The rules that a scenario names: protocol, version, arm, parameters, alerts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from monitor_daemon import resources
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.protocol import Protocol, parse
from monitor_daemon.core.rules import FAMILIES
from monitor_daemon.rehearsal.scenario import Scenario, ScenarioError

#: Every alert of the trials, so that a misspelt name in `forbid` cannot pass for ever.
ALERTS: Final = frozenset(
    {
        "MAP_LOW", "MAP_HIGH", "FLOOR", "SEVERE_LOW", "ART_CHECK", "MAP_GAP", "PUMP_GAP",
        "RESUS_OVERDUE", "STEP_DOWN", "STEP_UP", "CRT_DUE", "CRT_OVERDUE", "CRT_ABN", "VP_DUE",
        "VP_LATE", "VP_EARLY", "VP_DOSE", "CONC_CHANGE", "WEIGHT_MISMATCH", "DRUG_UNMAPPED",
        "CLOCK", "OUTAGE", "TARGET_OVERRIDE", "ELIG_SCREEN", "ELIG_MET", "ELIG_WARN",
        "ELIG_EXPIRED", "ELIG_LOST", "ELIG_VIOLATION", "SD_NOT_STARTED", "SD_INTERRUPTED",
        "SD_RATE", "OL_VASOPRESSIN", "PP_LOW", "PP_HIGH", "TARGET_MISSING", "TARGET_STALE",
        "DAY_FORM_DUE", "FEED_FROZEN", "SOURCE_DISAGREES", "NOT_MONITORED",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trial:
    """The versions of a protocol by "id@version", and the one the patient is judged by."""

    texts: dict[str, str]
    protocol: Protocol


def find_trial(scenario: Scenario, folder: Path) -> Trial:
    """The rules of a scenario; a protocol file is found from `folder`. Raises ScenarioError."""
    kinds = {name: family.kind for name, family in FAMILIES.items()}
    versions: dict[str, Protocol] = {}
    texts: dict[str, str] = {}
    try:
        for text in _texts(scenario.trial, folder):
            protocol = parse(text, kinds, scenario.trial)
            versions[protocol.version] = protocol
            texts[f"{protocol.id}@{protocol.version}"] = text
    except ScenarioError:
        raise
    except ConfigError as error:
        raise ScenarioError([f"trial: {error}"]) from None
    trial = Trial(texts, versions[_in_force(scenario, versions)])
    if problems := [*_wrong_parameters(scenario, trial.protocol), *_wrong_names(scenario, trial)]:
        raise ScenarioError(problems)
    return trial


def _texts(trial: str, folder: Path) -> list[str]:
    """The protocol files of a trial as text."""
    where = f"trial = {trial!r}"
    if trial.endswith(".toml"):
        try:
            return [(folder / trial).read_text(encoding="utf-8")]
        except OSError as error:
            raise ScenarioError([f"{where}: {error.strerror}"]) from None
        except ValueError as error:
            raise ScenarioError([f"{where}: not a readable UTF-8 file: {error}"]) from None
    packaged = resources.protocols()
    texts = [text for key, text in packaged.items() if key.split("@")[0] == trial]
    if not texts:
        names = ", ".join(sorted({key.split("@")[0] for key in packaged}))
        raise ScenarioError([f"{where}: should be {names}, or the path of a protocol file *.toml"])
    return texts


def _in_force(scenario: Scenario, versions: dict[str, Protocol]) -> str:
    """The version in force at randomisation: a patient keeps it whatever comes later."""
    known = ", ".join(sorted(versions))
    if problems := [
        f"versions[{index}].version = {entry.version!r}: should be {known}"
        for index, entry in enumerate(scenario.versions)
        if entry.version not in versions
    ]:
        raise ScenarioError(problems)
    if not scenario.versions:
        return max(versions)
    before = [entry for entry in scenario.versions if entry.t <= scenario.randomised]
    if not before:
        raise ScenarioError(
            [f"versions: none is in force at randomisation, minute {scenario.randomised:g}"]
        )
    return max(before, key=lambda entry: entry.t).version


def _wrong_parameters(scenario: Scenario, protocol: Protocol) -> list[str]:
    try:
        protocol.for_arm(scenario.arm, scenario.params)
    except ConfigError as error:
        return [str(error)]
    problems = []
    for name, value in scenario.params.items():
        wanted = protocol.parameters[name]
        if isinstance(value, bool) != isinstance(wanted, bool):
            what = "true or false" if isinstance(wanted, bool) else "a number"
            problems.append(f"params.{name} = {value!r}: should be {what}")
    return problems


def _wrong_names(scenario: Scenario, trial: Trial) -> list[str]:
    """Names of alerts that no rule can ever raise."""
    known = ALERTS | set(trial.protocol.rules)
    named = [(f"forbid[{i}]", name) for i, name in enumerate(scenario.forbid)]
    named += [(f"ack[{i}].alert", ack.alert) for i, ack in enumerate(scenario.ack)]
    named += [
        (f"expect[{i}].{line.kind}", str(line.value))
        for i, line in enumerate(scenario.expect)
        if line.kind in {"raise", "clear"}
    ]
    return [
        f"{where} = {name!r}: should be one of {', '.join(sorted(known))}"
        for where, name in named
        if name not in known
    ]
