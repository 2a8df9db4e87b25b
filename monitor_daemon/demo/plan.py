"""What the demonstration shows: patients, entries of the nurse, and the alerts that must come.

The recordings lie in `recordings/` at the root of a clone; a wheel does not carry them.
"""

from importlib.resources import files
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from drivers.kit.play_file import FilePlay, load_play
from monitor_daemon.core.errors import ConfigError

RECORDINGS: Final = Path(str(files("monitor_daemon"))).parent / "recordings"
_PEOPLE: Final = "demo-people.yaml"
_PLAY: Final = "demo-play.yaml"
_EXPECTED: Final = "demo-expected.yaml"
_Kind = TypeVar("_Kind")


class Patient(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One bed. `addresses` is the form in which its pump station writes slots.

    `pressure` and `infusions` say in words what was recorded of whom.
    """

    subject: str
    bed: str
    arm: str
    weight_kg: float
    addresses: Literal["letter", "digits"]
    pressure: str
    infusions: str


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A capillary refill time (s) that the nurse enters `t` minutes after randomisation."""

    t: float
    subject: str
    crt: float


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An alert that must be raised `t` minutes after randomisation, and why."""

    t: float
    subject: str
    alert: str
    why: str


class People(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who lies in the beds. `randomised` and `length` are minutes of playback."""

    protocol: str
    randomised: float
    length: float
    patients: tuple[Patient, ...]
    entries: tuple[Entry, ...]


class _ExpectedList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alerts: tuple[Expected, ...]


class Plan(msgspec.Struct, frozen=True):
    """Everything that the demonstration needs."""

    people: People
    play: FilePlay
    expected: tuple[Expected, ...]


def load(folder: Path = RECORDINGS) -> Plan:
    """Read the plan. Raises ConfigError if the folder is not there or a file of it is wrong."""
    if not (folder / _PEOPLE).is_file():
        raise ConfigError(
            "the recordings of the demonstration are not installed: clone the repository and run"
            " ./dev demo there",
            code="DEMO_RECORDINGS",
        )
    return Plan(
        _read(folder / _PEOPLE, People),
        load_play(folder / _PLAY),
        _read(folder / _EXPECTED, _ExpectedList).alerts,
    )


def _read(path: Path, kind: type[_Kind]) -> _Kind:
    """One YAML file as `kind`."""
    try:
        return msgspec.convert(YAML(typ="safe", pure=True).load(path), kind)
    except (OSError, UnicodeDecodeError, YAMLError, msgspec.ValidationError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path}: {reason}", code="DEMO_RECORDINGS") from None
