"""Recorded patients: the tidy CSV that play files point to.

Columns `time_s, signal, value, unit, source, order_id, event, available_s`; an empty value is an
event charted without a number. A `<drug>_rate` row holds until the next row of the same `order_id`
(one order is one bag or syringe); several orders of a drug may run at once. In eICU recordings the
id names the row.
"""

import csv
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from drivers.kit.track import Track, total
from monitor_daemon.core.errors import ConfigError

#: Charted spellings of one unit.
UNIT_WORDS = {
    "mcg": "ug",
    "units": "U",
    "unit": "U",
    "hour": "h",
    "hr": "h",
    "ml": "mL",
    "bpm": "1/min",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of a recording."""

    time: float
    value: float | None
    unit: str
    order: str


def plain_unit(unit: str) -> str:
    """A charted unit in this project's spelling, e.g. mcg/kg/min -> ug/kg/min."""
    return "/".join(UNIT_WORDS.get(part, part) for part in unit.split("/"))


class Recording:
    """One CSV file. Raises ConfigError naming file, line and value if it cannot be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._signals: dict[str, list[Sample]] = {}
        try:
            with path.open(encoding="utf-8", newline="") as file:
                self._read(file.readlines())
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: {error}") from error
        self._end = max((rows[-1].time for rows in self._signals.values()), default=0.0)

    def _read(self, lines: list[str]) -> None:
        rows = csv.DictReader(line for line in lines if not line.startswith("#"))
        missing = {"time_s", "signal", "value", "unit"} - set(rows.fieldnames or ())
        if missing:
            raise ConfigError(f"{self.path}: no column {', '.join(sorted(missing))}")
        for row in rows:
            try:
                value = float(row["value"]) if row["value"] else None
                sample = Sample(
                    float(row["time_s"]), value, row["unit"] or "", row.get("order_id") or ""
                )
            except (TypeError, ValueError) as error:
                raise ConfigError(f"{self.path}: row {dict(row)}: {error}") from error
            self._signals.setdefault(row["signal"], []).append(sample)
        for samples in self._signals.values():
            samples.sort(key=lambda sample: sample.time)

    def track(
        self,
        signal: str,
        unit: str | None,
        from_s: float = 0.0,
        orders: Collection[str] | Literal["sum", "merge"] | None = None,
    ) -> Track:
        """One signal, with playback second 0 at `from_s` of the recording.

        A measured signal ends at its last row, an infusion (rows with orders) with the file.
        `orders` picks infusion orders, which are added up; "sum" adds up all; "merge" reads them as
        one, for recordings whose ids name rows and not orders. Raises ConfigError if there is no
        such signal or order, if the choice of orders is open, or if a row is in another unit than
        `unit` (None accepts any).
        """
        samples = self._signals.get(signal)
        if not samples:
            known = ", ".join(sorted(self._signals))
            raise ConfigError(f"{self.path}: no signal {signal!r}; there are: {known}")
        for sample in samples:
            # Rows charted as 0 often carry no unit; 0 is 0 in any.
            if unit is not None and sample.value and plain_unit(sample.unit) != plain_unit(unit):
                raise ConfigError(
                    f"{self.path}: {signal} at {sample.time:g} s is in {sample.unit!r}, not {unit}"
                )
        known_orders = {sample.order for sample in samples}
        if known_orders == {""}:
            return _held(samples, from_s, samples[-1].time)
        if orders == "merge":
            return _held(samples, from_s, self._end)
        if orders is None and len(known_orders) > 1:
            raise ConfigError(
                f"{self.path}: {signal} has {len(known_orders)} orders: "
                "choose by order_id, or sum: true, or merge: true"
            )
        if orders == "sum" and len(known_orders) == len(samples) > 1:
            raise ConfigError(
                f"{self.path}: {signal}: no order has a second row, so none ever ends and a sum "
                "only grows: use merge: true"
            )
        chosen = known_orders if orders is None or orders == "sum" else set(orders)
        if not chosen <= known_orders:
            unknown = ", ".join(sorted(chosen - known_orders))
            raise ConfigError(f"{self.path}: {signal} has no order {unknown}")
        return total(
            _held([sample for sample in samples if sample.order == order], from_s, self._end)
            for order in sorted(chosen)
        )


def _held(samples: list[Sample], from_s: float, end: float) -> Track:
    return Track(
        [sample.time - from_s for sample in samples],
        [sample.value for sample in samples],
        end - from_s,
    )
