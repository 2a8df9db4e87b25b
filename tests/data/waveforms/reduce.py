"""Make the files of this folder from arterial waveforms: `python reduce.py FOLDER`.

FOLDER holds, for each record in `annotations.csv`, `<record>.csv`: the ABP signal of the record,
lines with `#` first, one of them `# fs_hz: 250`, then a header line, then one value in mmHg a line,
an empty line where the recorder has none (PhysioNet's `rdsamp` exports it).

`<record>.csv` here is what a monitor might send every second: the highest, lowest and mean value of
the last 3 s. That is a beat or more down to 20/min, and no beat detection: a spike within 3 s is a
systolic value, as it is for many a monitor. The row of second t tells of (t-3, t]; it is left out
while more than half of that is missing.

`minutes.csv` is worked out from the waveform and the annotations alone, without such rows: seconds
of each minute marked as pulsatile, and the mean of all waveform values in them.
"""

import csv
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SPAN = 3


def waveform(path):
    """Values (NaN where missing) and rate in Hz."""
    lines = path.read_text(encoding="utf-8").splitlines()
    head = [line for line in lines if line.startswith("#")]
    (rate,) = [int(line.split(":")[1]) for line in head if line.startswith("# fs_hz:")]
    return np.array([float(line or "nan") for line in lines[len(head) + 1 :]]), rate


def seconds(values, rate):
    """Rows of second, systolic, diastolic, mean."""
    for t in range(SPAN, len(values) // rate + 1):
        window = values[(t - SPAN) * rate : t * rate]
        if np.isfinite(window).mean() > 0.5:
            told = np.nanmax(window), np.nanmin(window), np.nanmean(window)
            yield t, *(f"{value:.1f}" for value in told)


def minutes(values, rate, stretches):
    """Rows of minute, pulsatile seconds, their mean."""
    marked = np.zeros(len(values), dtype=bool)
    for begin, end in stretches:
        marked[round(begin * rate) : round(end * rate)] = True
    for minute in range(-(-len(values) // (60 * rate))):
        part = slice(minute * 60 * rate, (minute + 1) * 60 * rate)
        found = values[part][marked[part] & np.isfinite(values[part])]
        yield minute, round(len(found) / rate), f"{found.mean():.1f}" if len(found) else ""


def write(path, header, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def main(folder):
    with (HERE / "annotations.csv").open(encoding="utf-8", newline="") as file:
        annotations = list(csv.DictReader(file))
    expected = []
    for record in dict.fromkeys(row["record"] for row in annotations):
        values, rate = waveform(folder / f"{record}.csv")
        stretches = [
            (float(row["start_s"]), float(row["end_s"]))
            for row in annotations
            if row["record"] == record and row["label"] == "pulsatile"
        ]
        write(HERE / f"{record}.csv", ("second", "sys", "dia", "mean"), seconds(values, rate))
        expected += [(record, *row) for row in minutes(values, rate, stretches)]
    write(HERE / "minutes.csv", ("record", "minute", "pulsatile_s", "mean"), expected)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
