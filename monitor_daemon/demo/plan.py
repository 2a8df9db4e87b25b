"""What the demonstration shows: patients, entries of the nurse, and the alerts that must come.

The recordings lie in `recordings/` at the root of a clone; a wheel does not carry them.
"""

from collections.abc import Mapping
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
    """One bed. `monitor` is the driver of its monitor, `station` how its pump station is reached.

    Without a station each pump is read by itself: `syringes` are the drugs by channel, for pumps
    that name none. `cardiac_output` is the driver of a device for that beside the monitor.
    `addresses` is the form in which the station writes slots; `study_channels` are those of a
    blinded drug. `screened` and `randomised` are minutes since T+0; without the former the patient
    is enrolled when he is randomised. A blinded trial has no `arm`. `pressure` and `infusions` say
    in words what was recorded of whom.
    """

    subject: str
    bed: str
    protocol: str
    weight_kg: float
    monitor: Literal["hl7", "philips_intellivue", "ge_dri"]
    pressure: str
    infusions: str
    station: Literal["serial", "tcp"] | None = None
    addresses: Literal["letter", "digits"] = "letter"
    syringes: Mapping[str, str] = {}
    cardiac_output: Literal["edwards_ifmout"] | None = None
    arm: str = ""
    screened: float | None = None
    randomised: float = 0
    study_channels: tuple[str, ...] = ()


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value that the nurse enters at minute `t` since T+0, measured `ago` minutes before.

    In s (crt) or mmol/L (lactate).
    """

    t: float
    subject: str
    kind: Literal["crt", "lactate"]
    value: float
    ago: int = 0


class PhysicianRange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The physician's pressure range (mmHg) that the nurse enters at minute `t` since T+0."""

    t: float
    subject: str
    low: float
    high: float


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An alert that must be raised `t` minutes after T+0, and why."""

    t: float
    subject: str
    alert: str
    why: str


class People(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who lies in the beds. `randomised` (T+0) and `length` are minutes of playback."""

    randomised: float
    length: float
    patients: tuple[Patient, ...]
    entries: tuple[Entry, ...]
    ranges: tuple[PhysicianRange, ...]


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
