"""The rules that a scenario names: protocol, versions, arm, parameters, alerts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from monitor_daemon import resources
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.protocol import NOT_MONITORED, Protocol, parse
from monitor_daemon.core.rules import kinds
from monitor_daemon.rehearsal.parts import ScenarioError
from monitor_daemon.rehearsal.scenario import Scenario

#: Every alert of the trials, so that a misspelt name in `forbid` cannot pass for ever.
ALERTS: Final = frozenset(
    {
        "MAP_LOW", "MAP_HIGH", "FLOOR", "SEVERE_LOW", "ART_CHECK", "MAP_GAP", "PUMP_GAP",
        "RESUS_OVERDUE", "STEP_DOWN", "STEP_UP", "CRT_DUE", "CRT_OVERDUE", "CRT_ABN", "VP_DUE",
        "VP_LATE", "VP_EARLY", "VP_DOSE", "CONC_CHANGE", "WEIGHT_MISMATCH", "DRUG_UNMAPPED",
        "CLOCK", "OUTAGE", "TARGET_OVERRIDE", "ELIG_SCREEN", "ELIG_MET", "ELIG_WARN",
        "ELIG_EXPIRED", "ELIG_LOST", "ELIG_VIOLATION", "SD_NOT_STARTED", "SD_INTERRUPTED",
        "SD_RATE", "OL_VASOPRESSIN", "PP_LOW", "PP_HIGH", "TARGET_MISSING", "TARGET_STALE",
        "DAY_FORM_DUE", "FEED_FROZEN", "SOURCE_DISAGREES", NOT_MONITORED.name,
    }
)  # fmt: skip
#: Lines of `expect` that name an alert.
_NAMING: Final = frozenset({"raise", "clear", "void", "retro", "push", "no_push"})
#: With no date for any version, one was in force all the time.
_EVER: Final = float("-inf")


@dataclass(frozen=True, slots=True)
class Trial:
    """The protocol that judges the patient, and every version's text.

    `versions` are those in force with their minutes, in order; `randomised` is his minute, None if
    he is only screened.
    """

    protocol: Protocol
    texts: Mapping[str, str]
    versions: tuple[tuple[float, str], ...]
    randomised: float | None

    def version_at(self, minutes: float) -> str:
        """The version in force at a minute; before the first one, that."""
        before = [version for since, version in self.versions if since <= minutes]
        return before[-1] if before else self.versions[0][1]

    def in_force(self, begin: float) -> Iterator[tuple[float, str]]:
        """The version in force at `begin`, and each later one from when it comes into force."""
        yield begin, self.version_at(begin)
        yield from ((since, version) for since, version in self.versions if since > begin)


def find_trial(scenario: Scenario, folder: Path) -> Trial:
    """The rules of a scenario; a protocol file is found from `folder`. Raises ScenarioError."""
    protocols: dict[str, Protocol] = {}
    texts: dict[str, str] = {}
    try:
        for text in _texts(scenario.trial, folder):
            protocol = parse(text, kinds(), scenario.trial)
            protocols[protocol.version] = protocol
            texts[protocol.version] = text
    except ScenarioError:
        raise
    except ConfigError as error:
        raise ScenarioError([f"trial: {error}"]) from None
    if len(names := {protocol.id for protocol in protocols.values()}) > 1:
        raise ScenarioError([f"trial = {scenario.trial!r}: of several: {', '.join(sorted(names))}"])
    versions = _versions(scenario, protocols)
    newest = protocols[max(protocols)]
    randomised = scenario.randomised
    if randomised is None and not _screens_only(newest):
        randomised = 0.0
    protocol = protocols[_in_force(versions, scenario.start if randomised is None else randomised)]
    if problems := [*_wrong_parameters(scenario, protocol), *_wrong_names(scenario, protocol)]:
        raise ScenarioError(problems)
    return Trial(protocol, texts, versions, randomised)


def _screens_only(protocol: Protocol) -> bool:
    """Whether a patient without a minute of randomisation is one who is screened only."""
    return protocol.blinded


def _texts(trial: str, folder: Path) -> list[str]:
    """The protocol files of a trial as text: a packaged trial, a file, or a folder of versions."""
    where = f"trial = {trial!r}"
    path = folder / trial
    if trial.endswith(".toml") or path.is_dir():
        files = [path] if trial.endswith(".toml") else sorted(path.glob("*.toml"))
        try:
            found = [file.read_text(encoding="utf-8") for file in files]
        except OSError as error:
            raise ScenarioError([f"{where}: {error.strerror}"]) from None
        except ValueError as error:
            raise ScenarioError([f"{where}: not a readable UTF-8 file: {error}"]) from None
        if not found:
            raise ScenarioError([f"{where}: no protocol file *.toml in this folder"])
        return found
    packaged = resources.protocols()
    texts = [text for key, text in packaged.items() if key.split("@")[0] == trial]
    if not texts:
        names = ", ".join(sorted({key.split("@")[0] for key in packaged}))
        raise ScenarioError([f"{where}: should be {names}, or the path of a protocol file *.toml"])
    return texts


def _versions(scenario: Scenario, known: Mapping[str, Protocol]) -> tuple[tuple[float, str], ...]:
    """The versions in force by minute. A name may be shortened where that leaves one."""
    if not scenario.versions:
        return ((_EVER, max(known)),)
    found, problems = [], []
    for index, entry in enumerate(scenario.versions):
        fits = [entry.version] if entry.version in known else []
        fits = fits or [version for version in known if version.startswith(entry.version)]
        if len(fits) == 1:
            found.append((entry.t, fits[0]))
        else:
            problems.append(
                f"versions[{index}].version = {entry.version!r}: should be"
                f" {', '.join(sorted(known))}"
            )
    if problems:
        raise ScenarioError(problems)
    return tuple(sorted(found))


def _in_force(versions: tuple[tuple[float, str], ...], randomised: float) -> str:
    """The version in force at randomisation: a patient keeps it whatever comes later."""
    before = [version for since, version in versions if since <= randomised]
    if not before:
        raise ScenarioError([f"versions: none is in force at randomisation, minute {randomised:g}"])
    return before[-1]


def _wrong_parameters(scenario: Scenario, protocol: Protocol) -> list[str]:
    arm = scenario.arm
    if arm is None and len(protocol.arms) > 1:
        return [f"arm: missing; should be one of {', '.join(protocol.arms)}"]
    try:
        protocol.for_arm(arm or next(iter(protocol.arms)), scenario.params)
    except ConfigError as error:
        return [str(error)]
    problems = []
    for name, value in scenario.params.items():
        wanted = protocol.parameters[name]
        if isinstance(value, bool) != isinstance(wanted, bool):
            what = "true or false" if isinstance(wanted, bool) else "a number"
            problems.append(f"params.{name} = {value!r}: should be {what}")
    return problems


def _wrong_names(scenario: Scenario, protocol: Protocol) -> list[str]:
    """Names of alerts that no rule can ever raise."""
    known = ALERTS | set(protocol.rules)
    named = [(f"forbid[{i}]", name) for i, name in enumerate(scenario.forbid)]
    named += [(f"ack[{i}].alert", ack.alert) for i, ack in enumerate(scenario.ack)]
    named += [(f"snooze[{i}].alert", entry.alert) for i, entry in enumerate(scenario.snooze)]
    named += [
        (f"expect[{i}].{line.kind}", str(line.value))
        for i, line in enumerate(scenario.expect)
        if line.kind in _NAMING
    ]
    return [
        f"{where} = {name!r}: should be one of {', '.join(sorted(known))}"
        for where, name in named
        if name not in known
    ]
