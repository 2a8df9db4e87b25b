"""Devices that fail, people who order, and the lines of `expect` that look at them.

Expected minutes follow from the rules' own definitions.
"""

import copy
from pathlib import Path

import pytest
import typer
from rehearsal_documents import differences, document
from typer.testing import CliRunner

from monitor_daemon.cli.rehearse import rehearse
from monitor_daemon.core.events import Data
from monitor_daemon.core.people import Observe, Randomise, Screen
from monitor_daemon.rehearsal import run
from monitor_daemon.rehearsal.reader import make_scenario, read_documents
from monitor_daemon.rehearsal.rehearse import rehearse_document
from monitor_daemon.rehearsal.timeline import make_timeline

TABLES = Path(__file__).parents[2] / "timeline"


def inputs(made, kind):
    timeline = make_timeline(make_scenario(made), TABLES)
    return [
        (timeline.minutes(at), given)
        for at, group, _ in timeline.instants()
        for given in group
        if isinstance(given, kind)
    ]


def samples(made):
    """(arrival, device time, value) of the pressures, in minutes."""
    timeline = make_timeline(make_scenario(made), TABLES)
    return [
        (at, None if sample.at is None else timeline.minutes(sample.at), sample.value)
        for at, data in inputs(made, Data)
        for sample in data.samples
    ]


def pressure(begin, end, **what):
    return {"from": begin, "to": end, "value": 66} | what


def test_a_clock_ahead_stamps_ahead():
    made = document(
        map=[pressure(0, 4)], device_clock=[{"from": 2, "to": 9, "offset": 24}], end=10, expect=[]
    )
    assert samples(made) == [(0, 0, 66), (1, 1, 66), (2, 26, 66), (3, 27, 66)]


def test_without_a_fault_nothing_is_stamped():
    assert samples(document(map=[pressure(0, 2)], end=10)) == [(0, None, 66), (1, None, 66)]


@pytest.mark.parametrize("marked", [True, False])
def test_a_gateway_delivers_later_in_one_go(marked):
    buffered = [{"from": 1, "to": 3, "deliver": 5, "marked": marked}]
    made = document(map=[pressure(0, 4)], buffered=buffered, end=10, expect=[])
    assert samples(made) == [(0, 0, 66), (3, 3, 66), (5, 1, 66), (5, 2, 66)]
    assert [given.buffered for at, given in inputs(made, Data) if given.samples] == [
        False, False, marked,
    ]  # fmt: skip


def test_a_buffered_channel_leaves_the_pressure_alone():
    made = document(
        map=[pressure(0, 4)], buffered=[{"from": 1, "to": 3, "deliver": 5, "ch": "A"}], end=10
    )
    assert [at for at, _, _ in samples(made)] == [0, 1, 2, 3]
    flows = [(at, len(d.flows)) for at, d in inputs(made, Data) if d.flows and at >= 0]
    assert flows == [
        (0, 1),
        (3, 1),
        (4, 1),
        (5, 2),
        (5, 1),
        (6, 1),
        (7, 1),
        (8, 1),
        (9, 1),
        (10, 1),
    ]


def test_an_outage_loses_or_delays_what_devices_say():
    made = document(map=[pressure(0, 6)], outage=[{"from": 1, "to": 4}], end=10, expect=[])
    assert samples(made) == [(0, 0, 66), (4, 1, 66), (4, 2, 66), (4, 3, 66), (4, 4, 66), (5, 5, 66)]
    lost = made | {"outage": [{"from": 1, "to": 4, "lost": True}]}
    assert [at for at, _, _ in samples(lost)] == [0, 4, 5]


def test_what_people_want_waits_for_the_daemon():
    made = document(
        arm="permissive_vp03", outage=[{"from": 5, "to": 20}], crt=[{"t": 8, "v": 2.0}], end=30
    )
    [(at, given)] = inputs(made, Observe)
    assert at == 20
    assert given.at == make_scenario(made).clock.engine_zero + 8 * 60_000


@pytest.mark.parametrize(
    ("lab", "kind", "value"),
    [
        ({"kind": "lactate", "v": 18.02, "unit": "mg/dL"}, "lactate", 2.0),  # / 9.01
        ({"kind": "lactate", "v": 2.1}, "lactate", 2.1),
        ({"kind": "creatinine", "v": 1.0, "unit": "mg/dL"}, "creatinine", 88.4),
        ({"kind": "CI", "v": 2.3, "unit": "L/min/m2"}, "cardiac_index", 2.3),
        ({"kind": "Na", "v": 119, "unit": "mEq/L"}, "sodium", 119),
        ({"kind": "CVP", "v": 10, "unit": "cmH2O"}, "cvp", 7.356),
    ],
)
def test_a_result_is_converted_and_known_when_available(lab, kind, value):
    [(at, given)] = inputs(document(labs=[lab | {"t": 3, "available": 12}]), Observe)
    assert (at, given.kind) == (12, kind)
    assert given.value == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize(("birth", "years"), [("2008-01-01", 18), ("2008-01-02", 17)])
def test_age_is_told_at_randomisation(birth, years):
    made = document(birth_date=birth, clock={"zero": "2026-01-01T00:30:00", "zone": "Asia/Tokyo"})
    [(_, given)] = inputs(made, Randomise)
    assert given.age == years


def test_a_blinded_trial_without_randomisation_is_screening():
    made = {"id": "s", "trial": "argipressin", "weight_kg": 80, "end": 30, "start": -10}
    [(at, _)] = inputs(made, Screen)
    assert at == -10
    assert inputs(made, Randomise) == []
    [(at, given)] = inputs(made | {"randomised": 5}, Randomise)
    assert (at, len(given.days)) == (5, 8)


def test_days_are_local_days():
    clock = {"zero": "2026-03-28T10:00:00", "zone": "Europe/Paris"}
    made = document(clock=clock, days=[{"day": 0, "hours": 24}, {"day": "D1", "hours": 23}])
    assert differences(made) == []
    assert differences(made | {"days": [{"day": 1, "hours": 24}]}) == [
        "expected D1 of 24 hours, it is 23"
    ]


def test_outcomes_that_differ_are_sentences():
    made = document(outcomes={"catecholamine_free_days": 28, "lactate_clearance": 10})
    # Norepinephrine ran in the first period; no lactate is known.
    assert differences(made) == [
        "expected catecholamine_free_days 28, it is 27",
        "expected lactate_clearance 10, it is missing",
    ]


def mutated(name, old, new):
    """The sentences of a table in which one line of `expect` is another."""
    [made] = read_documents(TABLES / f"{name}.yaml")
    changed = copy.deepcopy(made)
    changed["expect"] = [new if line == old else line for line in made["expect"]]
    assert changed != made
    return rehearse_document(changed, TABLES / "x.yaml").differences


@pytest.mark.parametrize(
    ("name", "old", "new", "sentence"),
    [
        (
            "S5-b",
            {"t": 200, "push": "MAP_HIGH", "to": "physician", "reason": "persisting"},
            {"t": 200, "push": "MAP_HIGH", "to": "charge_nurse"},
            "expected push MAP_HIGH (to charge_nurse) at 200, did not come",
        ),
        (
            "S5-b",
            {"t": 78, "push": "MAP_HIGH", "reason": "first"},
            {"t": 78, "push": "MAP_HIGH", "reason": "repeat"},
            "expected push MAP_HIGH (repeat) at 78, did not come",
        ),
        (
            "S5-b",
            {"t": 138, "no_push": "MAP_HIGH"},
            {"t": 140, "no_push": "MAP_HIGH"},
            "expected no push of MAP_HIGH at 140, it was told (repeat)",
        ),
    ],
)
def test_a_changed_push_line_fails(name, old, new, sentence):
    assert mutated(name, old, new) == [sentence]


def retro(**line):
    made = next(iter(read_documents(TABLES / "S07-late.yaml")))
    lines = [each for each in made["expect"] if "retro" not in each]
    return rehearse_document(
        made | {"expect": [*lines, {"retro": "MAP_LOW"} | line]}, TABLES / "x.yaml"
    ).differences


@pytest.mark.parametrize("t", [22, 23, 24, 33, 45])
def test_a_late_deviation_stands_at_its_beginning_its_raise_or_its_writing(t):
    assert retro(t=t, to=42, notified=False) == []


@pytest.mark.parametrize("line", [{"t": 28}, {"t": 23, "to": 44}, {"t": 23, "notified": True}])
def test_a_late_deviation_that_differs_fails(line):
    assert len(retro(**line)) == 1


def test_an_unknown_dose_is_not_zero():
    made = document(other=[{"t": 20, "ch": "B", "rate": 5, "drug": "XYZZY"}], end=50)
    made["expect"] += [{"t": 20, "raise": "DRUG_UNMAPPED"}]
    wrong = made | {"expect": [*made["expect"], {"t": 30, "dose": 0}]}
    assert differences(wrong) == ["expected norepinephrine 0 at 30, it was unknown"]


def test_a_log_line_may_be_an_alert_and_the_other_way_round():
    made = document(end=60, device_clock=[{"from": 30, "to": 60, "offset": 24}])
    for kind in ("log", "raise"):
        assert differences(made | {"expect": [*made["expect"], {"t": 30, kind: "CLOCK"}]}) == []


def test_the_clock_may_be_forbidden():
    made = document(end=60, device_clock=[{"from": 30, "to": 60, "offset": 24}], forbid=["CLOCK"])
    assert differences(made) == [
        "CLOCK was written at 30:00, forbidden here",
        "CLOCK was raised at 30:00, forbidden here",
    ]


def test_after_the_end_heartbeats_further_apart_give_the_same_outcomes(monkeypatch):
    made = document(
        end=1500,
        params={"protocol_end": 1},
        ne=[
            {"t": -60, "ch": "A", "rate": 4.8, "conc": 60},
            {"t": 703.5, "ch": "A", "rate": 0},
            {"t": 1441, "ch": "A", "rate": 3},
            {"t": 1450.5, "ch": "A", "rate": 0},
        ],
        vp=[{"t": 100, "ch": "V", "rate": 2, "conc": 0.4}, {"t": 109.9, "ch": "V", "rate": 0}],
        pump_silent=[{"from": 300, "to": 340, "ch": "A"}],
    )
    sparse = rehearse_document(made, Path("x.yaml")).observed
    monkeypatch.setattr(run, "_SPARSE", 1)
    dense = rehearse_document(made, Path("x.yaml")).observed
    assert (dense.outcomes, dense.minutes) == (sparse.outcomes, sparse.minutes)
    # 9.5 minutes in the second period are not ten.
    assert sparse.outcomes["catecholamine_free_days"] == 27


def test_the_surroundings_of_a_difference_are_told(tmp_path):
    app = typer.Typer()
    app.command()(rehearse)
    path = tmp_path / "a.yaml"
    path.write_text(
        "id: a\ntrial: personalise\narm: usual_vp03\nweight_kg: 60\nend: 40\n"
        "map: [{from: -15, to: 20, value: 66}, {from: 20, to: 40, value: 62}]\n"
        "ne: [{t: -60, rate: 4.8, conc: 60}]\n"
        "expect: [{t: 0, target: 65}, {t: 38, raise: MAP_LOW}]\n"
    )
    assert CliRunner().invoke(app, [str(path)]).stdout.splitlines() == [
        "FAIL a",
        "  MAP_LOW was raised at 33:00, not expected",
        "    33:00 raise MAP_LOW",
        "    33:00 push MAP_LOW to bedside (first)",
        "  expected raise MAP_LOW at 38, did not come",
        "    33:00 raise MAP_LOW",
        "    33:00 push MAP_LOW to bedside (first)",
    ]
