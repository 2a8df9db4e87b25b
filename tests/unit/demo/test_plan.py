"""The recordings fit together, and the shipped list is what an independent evaluator finds."""

import runpy

import pytest

from monitor_daemon.core.errors import ConfigError
from monitor_daemon.demo.plan import RECORDINGS, load


def test_the_list_is_what_follows_from_the_recordings():
    assert runpy.run_path(str(RECORDINGS / "expect.py"))["differences"]() == []


def test_recordings_beds_and_people_fit():
    plan = load()
    people = plan.people
    beds = {bed.bed: bed for bed in plan.play.at(0)}
    assert set(beds) == {patient.bed for patient in people.patients}
    arms = {(patient.protocol, patient.arm) for patient in people.patients}
    assert len(arms) == len(people.patients) >= 4
    assert ("argipressin", "") in arms
    assert {patient.addresses for patient in people.patients} == {"letter", "digits"}
    for patient in people.patients:
        weights = {pump.weight_kg for pump in beds[patient.bed].pumps} - {None}
        assert weights <= {patient.weight_kg}
    subjects = {patient.subject for patient in people.patients}
    assert {line.subject for line in plan.expected} == subjects
    assert {entry.subject for entry in (*people.entries, *people.ranges)} <= subjects


def test_every_bed_has_a_pressure_in_every_minute():
    plan = load()
    for minute in range(int(plan.people.length)):
        assert all("art_map" in bed.signals for bed in plan.play.at(60 * minute))


def test_the_four_minutes_of_the_handled_transducer():
    # cinc2009_C2_14.csv, minutes 492 to 495: -38.9 -39.2 -39.2 -39.2, then 66.8.
    at = load().play.at
    values = [at(60 * minute)[2].signals["art_map"] for minute in range(20, 25)]
    assert values == [-38.9, -39.2, -39.2, -39.2, 66.8]


def test_the_values_behind_the_alerts_of_the_blinded_patient():
    # mimic4_10018081: 0.22, 0.270991 from 166,620 s, another syringe at 169,800 s, 0.221183 from
    # 172,980 s; playback begins at 166,350 s. cinc2009_C2_14 from minute 290: read off the file.
    play = load().play

    def bed(minute):
        return play.at(60 * minute)[3]

    doses = {minute: bed(minute).pumps[0].dose for minute in (4, 5, 57, 58, 110, 111)}
    assert doses == {
        4: 0.22, 5: 0.270991, 57: 0.270991, 58: 0.271183, 110: 0.271183, 111: 0.221183,
    }  # fmt: skip
    pressures = {
        30: [65.9, 62.9, 62.7, 60.7, 63.0],
        37: [61.3, 61.3, 71.2, 71.7, 71.6],
        93: [64.1, 62.1, 64.0, 61.9, 60.8],
        155: [63.3, 63.5, 62.0, 62.5, 61.5],
    }
    for minute, values in pressures.items():
        before = [bed(m).signals["art_map"] for m in range(minute - 5, minute)]
        assert before == values


def test_without_recordings_the_reason_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match="clone the repository") as caught:
        load(tmp_path)
    assert caught.value.code == "DEMO_RECORDINGS"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("demo-people.yaml", "protocol: [", "demo-people.yaml"),
        ("demo-people.yaml", "protocol: 3", "`protocol`"),
        ("demo-expected.yaml", "alerts: [{t: soon}]", r"\$.alerts\[0\].t"),
        ("demo-play.yaml", "title: x\nbeds: []", "beds"),
    ],
)
def test_a_wrong_file_is_named_with_the_key(tmp_path, name, text, reason):
    for path in RECORDINGS.glob("demo-*.yaml"):
        content = path.read_text(encoding="utf-8").replace("patients/", f"{RECORDINGS}/patients/")
        (tmp_path / path.name).write_text(content, encoding="utf-8")
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=reason):
        load(tmp_path)
