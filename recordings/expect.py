"""Which alerts the demonstration must give, worked out a second time and from the recordings alone.

An independent evaluator of the PERSONALISE rules (R1 to R5, and the filter that decides which
pressures count) over whole minutes. It shares no code with the daemon, so an error in one of the
two shows as a difference. What the chosen stretches do not contain (pauses of a drug, upward
excursions, more than one kind of unit) is not written here; the script refuses such a stretch. The
argipressin trial is not written here either: the alerts of its patient were worked out by hand.

    python recordings/expect.py            compare demo-expected.yaml with what follows; exit code 1
    python recordings/expect.py --print    print what follows, to remake the list
"""

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from ruamel.yaml import YAML

HERE = Path(__file__).parent
PROTOCOL = "personalise"
THRESHOLDS = {"vp01": Decimal("0.1"), "vp03": Decimal("0.3")}
PER_MINUTE = {"ug/kg/min": 1, "U/h": 60}
#: Decimals (mmHg) with which a monitor sends its pressures.
DECIMALS = {"hl7": 1, "ge_dri": 1, "philips_intellivue": 0}

Raised = tuple[int, str]


@dataclass
class Timer:
    """The one timer of all "for N minutes" rules: minutes, reset by false and by long unknown."""

    lapse: int = 0
    since: int | None = None
    false_since: int | None = None
    unknown: int = 0

    def lasts(self, t: int, holds: bool | None) -> int:
        """Minutes for which the condition has held at `t`; -1 if it does not hold now."""
        if holds is None:
            self.unknown += 1
            if self.unknown > 5:
                self.since = self.false_since = None
            return -1
        self.unknown = 0
        if not holds:
            self.false_since = t if self.false_since is None else self.false_since
            if t - self.false_since >= self.lapse:
                self.since = None
            return -1
        self.false_since = None
        self.since = t if self.since is None else self.since
        return t - self.since


@dataclass
class Standing:
    """An alert that is open or not, with its two timers."""

    name: str
    sustain: int = 0
    clear: int = 0
    lapse: int = 0
    open: bool = False
    raising: Timer = field(init=False)
    calming: Timer = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Closed, with fresh timers."""
        self.open, self.raising, self.calming = False, Timer(self.lapse), Timer()

    def raised(
        self, t: int, holds: bool | None, clears: bool | None, *, allowed: bool = True
    ) -> Iterator[Raised]:
        """Take the two conditions at `t`; not `allowed`: a grace holds the alert back."""
        lasted = self.raising.lasts(t, holds)
        if not self.open:
            if allowed and lasted >= self.sustain:
                self.open, self.calming = True, Timer()
                yield t, self.name
        elif self.calming.lasts(t, clears or (self.lapse > 0 and self.raising.since is None)) >= (
            self.clear
        ):
            self.reset()


class Bed:
    """What one bed shows in each minute of playback, read from the recordings."""

    def __init__(self, spec: dict[str, Any], who: dict[str, Any], length: int) -> None:
        weight = who["weight_kg"]
        mean = spec["signals"]["art_map"]
        samples = _held(_rows(mean), mean.get("from_s", 0), length)
        shown = [
            [_shown(value, track, who["monitor"]) for track in spec["signals"].values()]
            for value in samples
        ]
        self.raw = [mean for mean, _, _ in shown]
        self.bins = [_valid(*triplet) for triplet in shown]
        _refuse_frozen(spec["bed"], shown)
        _refuse_excursions(self.bins)
        norepinephrine, vasopressin = spec["pumps"]
        self.dose = [self._dose(norepinephrine, r, weight) for r in _rates(norepinephrine, length)]
        self.vasopressin = [rate > 0 for rate in _rates(vasopressin, length)]
        self.on = [self.dose[m] > 0 or self.vasopressin[m] for m in range(length + 1)]
        for course in ([dose > 0 for dose in self.dose], self.vasopressin):
            starts = sum(now and not before for before, now in pairwise(course))
            if starts > (0 if course[0] else 1) or (any(course) and not course[-1]):
                raise ValueError(f"{spec['bed']}: a drug pauses or stops: not written here")

    @staticmethod
    def _dose(pump: dict[str, Any], rate: Decimal, weight: float) -> Decimal:
        dose = rate * Decimal(str(pump["concentration"])) / 60 / Decimal(str(weight))
        return dose.quantize(Decimal("0.001"), rounding=ROUND_HALF_UP)

    def map5(self, t: int) -> float | None:
        """Median of the five minutes before `t`; unknown if fewer than three are valid."""
        values = [v for v in self.bins[max(0, t - 5) : t] if v is not None]
        return median(values) if len(values) >= 3 else None

    def last(self, t: int, count: int) -> list[float] | None:
        """The newest `count` valid bins before `t`; unknown if the newest minute is not valid."""
        if t < 1 or self.bins[t - 1] is None:
            return None
        values = [v for v in self.bins[max(0, t - count - 5) : t] if v is not None][-count:]
        return values if len(values) == count else None


def _rows(track: dict[str, Any]) -> list[dict[str, str]]:
    with (HERE / track["file"]).open(encoding="utf-8", newline="") as file:
        found = [row for row in csv.DictReader(file) if row["signal"] == track["signal"]]
    return sorted(found, key=lambda row: float(row["time_s"]))


def _held(rows: list[dict[str, str]], start: float, length: int) -> list[float | None]:
    """The newest value at the beginning of each minute; none after the last row."""
    values: list[float | None] = []
    for minute in range(length + 1):
        t = start + 60 * minute
        past = [row for row in rows if float(row["time_s"]) <= t]
        over = t > float(rows[-1]["time_s"])
        values.append(None if over or not past else float(past[-1]["value"]))
    return values


def _rates(pump: dict[str, Any], length: int) -> list[Decimal]:
    """mL/h in each minute, with the two decimals that the pump sends."""
    track = pump.get("rate") or pump["dose"]
    if "constant" in track:
        return [Decimal(track["constant"])] * (length + 1)
    rows = _rows(track)
    factor = 1.0
    if "dose" in pump:
        amount = pump["weight_kg"] if "kg" in pump["dose_unit"] else 1
        factor = amount * 60 / PER_MINUTE[pump["dose_unit"]] / pump["concentration"]
    rates = []
    for minute in range(length + 1):
        newest: dict[str, float] = {}
        for row in rows:
            if float(row["time_s"]) <= track["from_s"] + 60 * minute and row["value"]:
                # One order is a syringe and several add up; merged rows are one syringe.
                newest["" if track.get("merge") else row["order_id"]] = float(row["value"])
        rate = Decimal(str(sum(newest.values()) * factor))
        rates.append(rate.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))
    return rates


def _shown(mean: float | None, track: dict[str, Any], monitor: str) -> float | None:
    """The recorded mean, or what is made of it, with the decimals that the monitor sends."""
    made = None if mean is None else (mean + track.get("add", 0)) * track.get("scale", 1)
    return None if made is None else round(made, DECIMALS[monitor])


def _valid(mean: float | None, systolic: float | None, diastolic: float | None) -> float | None:
    """The mean if it passes the range and the pulse pressure rules of the filter."""
    if mean is None or systolic is None or diastolic is None or not 30 <= mean <= 200:
        return None
    least = 10 if systolic < 100 else 15 if systolic <= 150 else 30 if systolic <= 200 else 50
    return mean if diastolic > 10 and systolic - diastolic >= least else None


def _refuse_frozen(bed: str, shown: list[list[float | None]]) -> None:
    for t in range(len(shown) - 10):
        if shown[t][0] is not None and all(triplet == shown[t] for triplet in shown[t : t + 10]):
            raise ValueError(f"{bed}, minute {t}: one triplet for ten minutes: not written here")


def _refuse_excursions(bins: list[float | None]) -> None:
    for t, value in enumerate(bins):
        before = [v for v in bins[max(0, t - 5) : t] if v is not None]
        if value is not None and len(before) >= 3 and value > median(before) + 40:
            raise ValueError(f"minute {t}: an upward excursion to {value}: not written here")


@dataclass
class Patient:
    """One patient through the protocol. Times are minutes of playback."""

    bed: Bed
    permissive: bool
    threshold: Decimal
    randomised: int
    crt: dict[int, float]
    active: bool = False
    target: int = 65
    changed: int = 0
    stepped: int | None = None
    stepped_up: int | None = None
    due: int = 0
    confirmed: bool = False

    def alerts(self, length: int) -> Iterator[Raised]:
        """What is raised until minute `length`: phase, then entries, then alerts."""
        standing = {
            alert.name: alert
            for alert in (
                Standing("RESUS_OVERDUE"),
                Standing("ART_CHECK"),
                Standing("MAP_GAP"),
                Standing("FLOOR"),
                Standing("SEVERE_LOW"),
                Standing("MAP_LOW", sustain=10, clear=3),
                Standing("MAP_HIGH", sustain=15, clear=3),
                Standing("CRT_DUE"),
                Standing("CRT_OVERDUE"),
                Standing("VP_DUE", sustain=15, lapse=5),
                Standing("VP_LATE", sustain=45, lapse=5),
            )
        }
        for t in range(self.randomised, length + 1):
            self._achieve(t)
            yield from self._vasopressin_start(t)
            if t in self.crt:
                yield from self._entry(t, self.crt[t])
            yield from self._pressure(t, standing)
            yield from self._against_target(t, standing)
            yield from self._vasopressin_due(t, standing)

    def _achieve(self, t: int) -> None:
        """R1: at least 8 of the last 10 minutes valid, 80 % of those at 65 or above."""
        valid = [v for v in self.bed.bins[max(0, t - 10) : t] if v is not None]
        reached = sum(v >= 65 for v in valid)
        if not self.active and len(valid) >= 8 and reached >= 0.8 * len(valid):
            self.active, self.changed, self.due = True, t, t + 30

    def _vasopressin_start(self, t: int) -> Iterator[Raised]:
        """R5: a start counts after five minutes; early if the dose was not reached for five."""
        running = self.bed.vasopressin
        if self.confirmed or t < 5 or not all(running[t - 5 : t + 1]):
            return
        self.confirmed = True
        start = t - 5
        if start < self.randomised:
            return
        longest = run = 0
        for minute in range(max(0, start - 30), start + 5):
            run = run + 1 if self.bed.dose[minute] >= self.threshold else 0
            longest = max(longest, run)
        if longest < 5:
            yield t, "VP_EARLY"

    def _entry(self, t: int, value: float) -> Iterator[Raised]:
        """R2 and R3. Entries of the demonstration are measured when they are entered."""
        if not (self.permissive and self.active):
            return
        normal = value < 3.0
        if self.stepped is None or t - self.stepped >= 30:
            self.due = t + (60 if normal else 30)
        if normal:
            map5 = self.bed.map5(t)
            lower = (
                self.target - 5 >= 50
                and (self.stepped is None or t - self.stepped >= 30)
                and (self.stepped_up is None or t - self.stepped_up >= 120)
                and map5 is not None
                and map5 <= self.target + 5
            )
            if lower:
                yield from self._step(t, -5, "STEP_DOWN")
        elif self.target == 65:
            yield t, "CRT_ABN"
        elif self.stepped_up is None or t - self.stepped_up >= 30:
            self.stepped_up = t
            yield from self._step(t, 5, "STEP_UP")

    def _step(self, t: int, by: int, name: str) -> Iterator[Raised]:
        self.target += by
        self.changed = self.stepped = t
        self.due = t + 30
        yield t, name

    def _pressure(self, t: int, standing: dict[str, Standing]) -> Iterator[Raised]:
        """Rules of every phase that look at single minutes."""
        overdue = not self.active and t - self.randomised >= 60
        yield from standing["RESUS_OVERDUE"].raised(t, overdue, self.active)
        bins, raw = self.bed.bins, self.bed.raw
        # None of the stretches has an unreadable value inside of the range, so rule 1 is enough.
        unreadable = t >= 2 and all(v is not None and not 30 <= v <= 200 for v in raw[t - 2 : t])
        yield from standing["ART_CHECK"].raised(t, unreadable, bins[t - 1] is not None)
        gap = all(v is None for v in bins[t - 5 : t])
        yield from standing["MAP_GAP"].raised(t, gap, self.bed.map5(t) is not None)
        for name, limit, count in (("FLOOR", 50, 3), ("SEVERE_LOW", 40, 1)):
            newest, calm = self.bed.last(t, count), self.bed.last(t, 3)
            yield from standing[name].raised(
                t,
                None if newest is None else all(v < limit for v in newest),
                None if calm is None else all(v >= limit for v in calm),
            )

    def _against_target(self, t: int, standing: dict[str, Standing]) -> Iterator[Raised]:
        """R4 and the CRT schedule of R3, in ACTIVE only."""
        if not self.active:
            return
        map5, target, after = self.bed.map5(t), self.target, t - self.changed
        low = high = back = calm = None
        if map5 is not None:
            low, back = map5 < target - 2, map5 >= target
            high = map5 > target + 5 and self.bed.on[t]
            calm = map5 <= target + 5
        yield from standing["MAP_LOW"].raised(t, low, back, allowed=after >= 15)
        yield from standing["MAP_HIGH"].raised(t, high, calm, allowed=after >= 30)
        for name, late in (("CRT_DUE", 0), ("CRT_OVERDUE", 30)):
            is_due = self.permissive and t >= self.due + late
            yield from standing[name].raised(t, is_due, not is_due)

    def _vasopressin_due(self, t: int, standing: dict[str, Standing]) -> Iterator[Raised]:
        """R5: the dose is reached, no vasopressin, and the pressure is not above the band."""
        map5 = self.bed.map5(t)
        over = map5 is not None and map5 > self.target + 5
        required = self.bed.dose[t] >= self.threshold and not self.confirmed and not over
        for name in ("VP_DUE", "VP_LATE"):
            yield from standing[name].raised(
                t, required, self.confirmed, allowed=not self.bed.vasopressin[t]
            )


def _load(name: str) -> Any:  # noqa: ANN401 - parsed YAML
    return YAML(typ="safe", pure=True).load(HERE / name)


def evaluate() -> list[dict[str, Any]]:
    """The alerts of all patients of PERSONALISE, in minutes since randomisation, in order."""
    play, people = _load("demo-play.yaml"), _load("demo-people.yaml")
    beds = {bed["bed"]: bed for bed in play["beds"]}
    zero, length = people["randomised"], people["length"]
    found = []
    for who in (who for who in people["patients"] if who["protocol"] == PROTOCOL):
        strategy, vp = who["arm"].split("_")
        entries = {
            zero + entry["t"]: entry["value"]
            for entry in people["entries"]
            if (entry["subject"], entry["kind"]) == (who["subject"], "crt")
        }
        bed = Bed(beds[who["bed"]], who, length)
        patient = Patient(bed, strategy == "permissive", THRESHOLDS[vp], zero, entries)
        found += [
            {"t": t - zero, "subject": who["subject"], "alert": alert}
            for t, alert in patient.alerts(length)
        ]
    return sorted(found, key=lambda line: (line["t"], line["subject"], line["alert"]))


def differences() -> list[str]:
    """Lines in which demo-expected.yaml and the evaluation differ."""
    protocols = {p["subject"]: p["protocol"] for p in _load("demo-people.yaml")["patients"]}
    written = _load("demo-expected.yaml")["alerts"]
    judged = [line for line in written if protocols[line["subject"]] == PROTOCOL]
    keys = {(line["t"], line["subject"], line["alert"]) for line in judged}
    follow = {(line["t"], line["subject"], line["alert"]) for line in evaluate()}
    return [f"only in the list: {key}" for key in sorted(keys - follow)] + [
        f"not in the list: {key}" for key in sorted(follow - keys)
    ]


def main() -> int:
    """Compare, or print the list."""
    if "--print" in sys.argv[1:]:
        lines = [
            f"  - {{t: {line['t']}, subject: {line['subject']}, alert: {line['alert']}}}"
            for line in evaluate()
        ]
    else:
        lines = differences()
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0 if "--print" in sys.argv[1:] or not lines else 1


if __name__ == "__main__":
    sys.exit(main())
