"""The runner can fail: a table with one line changed must not pass."""

import copy
import re
from pathlib import Path

import pytest

from monitor_daemon.rehearsal.reader import read_documents
from monitor_daemon.rehearsal.rehearse import rehearse_document

TABLES = Path(__file__).parents[2] / "timeline"
NAMES = ["R1-c", "R1-f", "R2-a", "R3-b", "R4-e", "R5-b", "R5-f"]


def read(name):
    [document] = read_documents(TABLES / f"{name}.yaml")
    return document


def differences(document):
    return rehearse_document(document, TABLES / "table.yaml").differences


def lines_of(name):
    return [(name, index) for index, _ in enumerate(read(name)["expect"])]


EVERY_LINE = [line for name in NAMES for line in lines_of(name)]


@pytest.mark.parametrize(("name", "index"), EVERY_LINE)
def test_a_line_shifted_by_three_minutes_fails(name, index):
    document = copy.deepcopy(read(name))
    line = document["expect"][index]
    line["t"] += 3 if line["t"] + 3 <= document["end"] else -3
    assert any(" did not come" in sentence for sentence in differences(document))


@pytest.mark.parametrize(
    ("name", "index"),
    [(n, i) for n, i in EVERY_LINE if {"raise", "target"} & set(read(n)["expect"][i])],
)
def test_a_raise_or_target_left_out_fails(name, index):
    document = copy.deepcopy(read(name))
    line = document["expect"].pop(index)
    [sentence] = differences(document)
    assert sentence.endswith("not expected")
    at = int(re.search(r" at (\d+):00", sentence)[1])
    assert abs(at - line["t"]) <= 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "line", [{"t": 40, "raise": "MAP_GAP"}, {"t": 40, "target": 45}, {"t": 40, "log": "VP_BLIP"}]
)
def test_a_line_too_many_fails(name, line):
    document = copy.deepcopy(read(name))
    document["expect"].append(line)
    kind, value = list(line.items())[1]
    assert differences(document) == [f"expected {kind} {value} at 40, did not come"]


@pytest.mark.parametrize(("shift", "passes"), [(0, True), (1, True), (-1, True), (1.5, False)])
def test_the_tolerance_is_one_minute(shift, passes):
    document = copy.deepcopy(read("R4-b"))
    next(line for line in document["expect"] if line.get("raise") == "MAP_HIGH")["t"] += shift
    assert (differences(document) == []) is passes


def test_one_alert_does_not_meet_two_lines():
    document = copy.deepcopy(read("R4-b"))
    document["expect"].append({"t": 78, "raise": "MAP_HIGH"})
    assert differences(document) == ["expected raise MAP_HIGH at 78, did not come"]


@pytest.mark.parametrize(("off", "passes"), [(3, True), (4, False), (-4, False)])
def test_minutes_may_differ_by_three(off, passes):
    document = copy.deepcopy(read("R4-b"))
    document["minutes"]["HIGH"] += off
    assert (differences(document) == []) is passes
