"""Recorded arterial pressures, reduced to one row a second, through the filter.

What must come out stands in the annotations, read off the waveforms by eye, and in minutes.csv,
worked out from waveform and annotations without the rows (tests/data/waveforms/SOURCES.md).
"""

import csv
from functools import cache
from pathlib import Path

import pytest

from monitor_daemon.core.events import MINUTE, SECOND
from monitor_daemon.core.pressure import Pressure

FOLDER = Path(__file__).parents[2] / "data" / "waveforms"
#: A row looks back three seconds, so a stretch reaches three seconds into the next one's rows.
SPAN = 3
#: Half of a minute's samples make a bin.
NEED = 30


@cache
def table(name):
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ANNOTATIONS = table("annotations")
RECORDS = list(dict.fromkeys(row["record"] for row in ANNOTATIONS))


class Played:
    """A record played to its end: the bins, each second's verdict, the seconds without pressure."""

    def __init__(self, record):
        self.pressure = Pressure()
        self.valid, self.unreadable = {}, []
        minute = 0
        for row in table(record):
            second = int(row["second"])
            while minute < second // 60:
                minute += 1
                self.pressure.close(minute, NEED)
            values = (float(row[column]) for column in ("mean", "sys", "dia"))
            self.valid[second] = self.pressure.take("A", second * SECOND, *values, usable=True)
            if self.pressure.no_pressure():
                self.unreadable.append(second)
        self.pressure.close(minute + 1, NEED)
        self.bins = self.pressure.bins

    def accepted(self, begin, end):
        """Seconds whose rows lie wholly in [begin, end) and were accepted."""
        return [t for t in range(begin + SPAN, end) if self.valid.get(t)]


@cache
def play(record):
    return Played(record)


@pytest.mark.parametrize(
    "row", table("minutes"), ids=lambda row: f"{row['record']}-{row['minute']}"
)
def test_a_bin_is_the_pressure_of_the_pulsatile_part_of_its_minute(row):
    """Within 4 mmHg or 4 %: what IEC 60601-2-34 allows an invasive pressure monitor itself.

    It is the median of three-second means against the mean of the waveform: where pressure swings
    by 20 mmHg within the minute these two differ by a few mmHg.
    """
    found = play(row["record"]).bins.get(int(row["minute"]))
    pulsatile = int(row["pulsatile_s"])
    if pulsatile >= NEED + SPAN:
        assert found is not None
    if pulsatile == 0:
        assert found is None
    if found is not None:
        expected = float(row["mean"])
        assert found == pytest.approx(expected, abs=max(4, 0.04 * expected))


def test_a_line_being_set_up_gives_no_pressure_of_its_own():
    """Test pattern, open to air, and twice zero: the rows between are out of every range."""
    played = play("mimic2_s00001_line_setup")
    for begin, end in [(0, 35), (43, 55), (172, 180), (240, 247)]:
        assert played.accepted(begin, end) == []
    assert [t for t in played.valid if 183 <= t <= 240 or t > 543] == []


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (float(row["start_s"]), float(row["end_s"]))
        for row in ANNOTATIONS
        if row["record"] == "mimic2_s00001_line_setup" and row["label"] == "pulsatile"
    ],
)
def test_after_the_set_up_the_pressure_is_believed_at_once(begin, end):
    """Handling near 491 s is annotated within the long stretch: nine in ten rows stand."""
    rows = range(int(begin) + SPAN, int(end))
    assert len(play("mimic2_s00001_line_setup").accepted(int(begin), int(end))) > 0.9 * len(rows)


def test_a_closed_stopcock_is_neither_pressure_nor_a_collapse():
    """184.3 mmHg flat, and the ramps to it: above 65 without a pulse, so no ART_CHECK."""
    played = play("cinc2015_a807l")
    for begin, end in [(35, 58), (79, 84), (90, 147)]:
        assert played.accepted(begin, end) == []
    assert played.unreadable == []
    assert {0, 1, 2}.isdisjoint(played.bins)


def test_a_damped_line_above_65_hides_no_pressure_below_65():
    """68 flat for 71 s, while the true MAP is 54 to 58."""
    played = play("cinc2015_b485l")
    assert played.accepted(0, 71) == []
    assert all(54 <= value <= 58 + 4 for value in played.bins.values())
    assert played.bins.keys() >= {1, 2, 3}


def test_a_dying_pressure_is_never_all_well():
    """MAP 28 to 14: the first row comes at second 3, the sixtieth at 62; then to the end."""
    played = play("cinc2015_a167l")
    assert played.unreadable == list(range(62, 331))
    assert played.bins == {}


def test_motion_spikes_leave_the_mean_pressure_where_it_is():
    """Four bursts to 294 mmHg over a MAP of about 101: all five minutes have their bin."""
    played = play("cinc2015_a382s")
    assert sorted(played.bins) == [0, 1, 2, 3, 4]
    assert all(value == pytest.approx(101, abs=4) for value in played.bins.values())
    assert played.unreadable == []


def test_a_false_high_minute_does_not_hide_the_low_pressure_after_it():
    """78 s at 184.3, then a clean MAP of 56 to 58 with a systolic of 125."""
    played = play("cinc2015_b659l")
    assert played.accepted(0, 70) == []
    assert played.accepted(84, 286) == list(range(87, 286))
    assert 0 not in played.bins
    assert all(value < 65 for value in played.bins.values())


def test_a_clean_line_loses_nothing():
    """From 74 to 60: above 65 to the fourth minute, below from the fifth."""
    played = play("cinc2015_v197l")
    assert all(played.valid.values())
    assert played.pressure.rejected == {}
    assert [value > 65 for _, value in sorted(played.bins.items())] == [True] * 4 + [False] * 2


@pytest.mark.parametrize("record", RECORDS)
def test_a_waveform_in_blocks_gives_the_same_record(record):
    rows = [
        (int(row["second"]) * SECOND, *(float(row[name]) for name in ("mean", "sys", "dia")))
        for row in table(record)
    ]
    pressure = Pressure()
    for minute in range(rows[-1][0] // MINUTE + 1):
        if minute:
            pressure.close(minute, NEED)
        pressure.take_block("A", [row for row in rows if row[0] // MINUTE == minute])
    pressure.close(minute + 1, NEED)
    assert pressure == play(record).pressure
