"""Play files: YAML that lays recorded and written tracks over beds and their pumps.

    title: one bed, MAP falls, norepinephrine at 0.1 ug/kg/min
    note: MAP is recorded; the infusion is written by hand
    beds:
      - bed: ICU-1
        signals:
          art_map: {file: patient.csv, signal: map_art, from_s: 3600}
          art_sys: {from: art_map, add: 30}
        pumps:
          - channel: "11"
            drug: Norepinephrine
            concentration: 40
            concentration_unit: ug/mL
            weight_kg: 70
            dose: {steps: [[0, 0.1], [30, 0.2]]}
            dose_unit: ug/kg/min

A track is one of `file` + `signal` (with `from_s`, for infusions one of `order_id`, `sum: true`,
`merge: true`), `steps` ([minute, value] pairs), `constant`, or `from` + `add` (relative to a signal
that stands before it in the same bed); `scale` and `offset` apply last. Values hold until the next
one; a recorded track ends where its recording ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from drivers.kit.play_spec import BedSpec, PlaySpec, PumpSpec, TrackSpec, ml_per_hour
from drivers.kit.playback import BedState, PumpState
from drivers.kit.recording import Recording
from drivers.kit.track import Track
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.vocabulary import SIGNAL_UNITS, PumpStatus


@dataclass(frozen=True, slots=True)
class _Pump:
    spec: PumpSpec
    rate: Track
    dose: Track | None

    def at(self, elapsed: float) -> PumpState | None:
        rate = self.rate.at(elapsed)
        if rate is None:
            return None
        return PumpState(
            channel=self.spec.channel,
            drug=self.spec.drug,
            rate_ml_h=rate,
            status=PumpStatus.RUNNING if rate > 0 else PumpStatus.STOPPED,
            concentration=self.spec.concentration,
            concentration_unit=self.spec.concentration_unit,
            dose=None if self.dose is None else self.dose.at(elapsed),
            dose_unit=self.spec.dose_unit,
            weight_kg=self.spec.weight_kg,
            volume_ml=self.rate.integral(elapsed) / 3600,
        )


@dataclass(frozen=True, slots=True)
class _Bed:
    bed: str
    signals: Mapping[str, Track]
    pumps: Sequence[_Pump]

    def at(self, elapsed: float) -> BedState:
        values = {name: track.at(elapsed) for name, track in self.signals.items()}
        states = (pump.at(elapsed) for pump in self.pumps)
        return BedState(
            bed=self.bed,
            signals={name: value for name, value in values.items() if value is not None},
            pumps=[state for state in states if state is not None],
        )


class FilePlay:
    """A play made from a `PlaySpec`; `base` is the folder that its `file` entries start from.

    `length` is the second at which the last recorded track ends, infinity if nothing is recorded.
    Raises ConfigError with the key and the reason.
    """

    def __init__(self, spec: PlaySpec, base: Path) -> None:
        self.title, self.note = spec.title, spec.note
        self._base = base
        self._recordings: dict[Path, Recording] = {}
        self._beds = [self._bed(f"beds.{i}", bed) for i, bed in enumerate(spec.beds)]
        tracks = [track for bed in self._beds for track in bed.signals.values()]
        tracks += [pump.rate for bed in self._beds for pump in bed.pumps]
        self.length = max((track.end for track in tracks if track.end < inf), default=inf)

    def at(self, elapsed: float) -> Sequence[BedState]:
        """Every bed at playback second `elapsed`."""
        return [bed.at(elapsed) for bed in self._beds]

    def _bed(self, key: str, spec: BedSpec) -> _Bed:
        signals: dict[str, Track] = {}
        for name, track in spec.signals.items():
            if name not in SIGNAL_UNITS:
                raise ConfigError(f"{key}.signals.{name}: signals are {', '.join(SIGNAL_UNITS)}")
            signals[name] = self._track(f"{key}.signals.{name}", track, SIGNAL_UNITS[name], signals)
        pumps = [self._pump(f"{key}.pumps.{i}", p, signals) for i, p in enumerate(spec.pumps)]
        return _Bed(spec.bed, signals, pumps)

    def _pump(self, key: str, spec: PumpSpec, signals: Mapping[str, Track]) -> _Pump:
        if spec.rate is not None:
            return _Pump(spec, self._track(f"{key}.rate", spec.rate, "mL/h", signals), None)
        assert spec.dose is not None and spec.dose_unit is not None  # noqa: S101, PT018 - validated
        dose = self._track(f"{key}.dose", spec.dose, spec.dose_unit, signals)
        try:
            factor = ml_per_hour(spec.dose_unit, spec)
        except ValueError as error:
            raise ConfigError(f"{key}.dose_unit: {error}") from error
        return _Pump(spec, dose.map(lambda value: value * factor), dose)

    def _track(self, key: str, spec: TrackSpec, unit: str, signals: Mapping[str, Track]) -> Track:
        try:
            source = self._source(spec, unit, signals)
        except ConfigError as error:
            raise ConfigError(f"{key}: {error}") from error
        return source.map(lambda value: value * spec.scale + spec.offset)

    def _source(self, spec: TrackSpec, unit: str, signals: Mapping[str, Track]) -> Track:
        if spec.constant is not None:
            return Track([0.0], [spec.constant])
        if spec.steps is not None:
            return Track([60 * step[0] for step in spec.steps], [step[1] for step in spec.steps])
        if spec.parent is not None:
            if spec.parent not in signals:
                raise ConfigError(f"from: no signal {spec.parent!r} stands before this one")
            return signals[spec.parent].map(lambda value: value + spec.add)
        path = self._base / str(spec.file)
        if path not in self._recordings:
            self._recordings[path] = Recording(path)
        return self._recordings[path].track(str(spec.signal), unit, spec.from_s, spec.orders)


def make_play(data: Any, base: Path, name: str = "play") -> FilePlay:  # noqa: ANN401 - parsed YAML
    """A play from parsed YAML. Raises ConfigError naming `name`, the key and the reason."""
    try:
        return FilePlay(PlaySpec.model_validate(data), base)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the document"
        raise ConfigError(f"{name}: {key}: {first['msg']}", code="PLAY_FILE") from error
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}", code="PLAY_FILE") from error


def load_play(path: Path) -> FilePlay:
    """Read a play file. Raises ConfigError naming the file, the key and the reason."""
    try:
        data = YAML(typ="safe", pure=True).load(path)
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path}: {reason}", code="PLAY_FILE") from error
    return make_play(data, path.parent, str(path))
