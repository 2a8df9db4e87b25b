"""What a scenario says reaches the core. Expected times follow from the rules' own definitions."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rehearsal_documents import differences, document

from monitor_daemon.core.ward import in_order
from monitor_daemon.rehearsal.reader import make_scenario, read_documents
from monitor_daemon.rehearsal.rehearse import rehearse_document
from monitor_daemon.rehearsal.run import play
from monitor_daemon.rehearsal.timeline import make_timeline

TABLES = Path(__file__).parents[2] / "timeline"


def raised(t, name):
    return {"t": t, "raise": name}


def cleared(t, name):
    return {"t": t, "clear": name}


def segment(begin, end, **what):
    return {"from": begin, "to": end} | what


def observed(made):
    return rehearse_document(made, Path("x.yaml")).observed


def test_the_quiet_patient_passes():
    assert differences(document()) == []


def test_no_samples_are_a_gap():
    # No valid bin for 5 minutes; known again when three of five bins are.
    pressure = [segment(-15, 60, value=66), segment(20, 40, none=True)]
    lines = [raised(25, "MAP_GAP"), cleared(43, "MAP_GAP")]
    assert differences(document(map=pressure, expect=lines)) == []


@pytest.mark.parametrize("flag", ["zeroing", "lead_off", "static"])
def test_a_flag_of_the_monitor_makes_samples_invalid(flag):
    pressure = [segment(-15, 60, value=66), segment(20, 40, value=66, flag=flag)]
    made = document(map=pressure, expect=[raised(25, "MAP_GAP")], minutes={"IN": 40, "UNKNOWN": 20})
    assert differences(made) == []


def test_a_pulse_pressure_below_10_is_an_artefact():
    # MAP 55 without a pulse on two samples in a row is a pressure nobody can read.
    pressure = [segment(-15, 60, value=66), segment(20, 30, value=55, sys=58, dia=52)]
    made = document(map=pressure, expect=[raised(22, "ART_CHECK"), raised(25, "MAP_GAP")])
    assert differences(made) == []


def test_a_pattern_cycles_sample_by_sample():
    # Every fifth minute at 80: the median of five does not move, the minute class does.
    pressure = [segment(-20, 60, pattern=[66, 66, 66, 66, 80])]
    made = document(map=pressure)
    assert differences(made) == []
    # Minutes 4, 9, ... 59; those before 30 are the grace after entering ACTIVE.
    assert observed(made).minutes == {"IN": 48, "TITRATING": 6, "HIGH": 6}


def test_a_ramp_is_linear_from_its_start_to_its_end():
    # 66 at 20 falling by 1 a minute: the median of 5 minutes is below 63 from minute 26 (64 to 60).
    pressure = [
        segment(-15, 20, value=66),
        segment(20, 30, ramp=[66, 56]),
        segment(30, 60, value=56),
    ]
    assert differences(document(map=pressure, expect=[raised(36, "MAP_LOW")])) == []


def test_one_sample_a_second_needs_30_of_them():
    # 29 samples in every minute are too few for a bin, 30 are enough.
    pattern = [66] * 60
    made = document(map_rate="1/s", map=[segment(-15, 60, pattern=pattern)])
    assert differences(made) == []
    gaps = [segment(m + 29 / 60, m + 1, none=True) for m in range(20, 40)]
    made = document(
        map_rate="1/s",
        map=[segment(-15, 60, value=66), *gaps],
        expect=[raised(25, "MAP_GAP")],
    )
    assert differences(made) == []
    enough = [segment(m + 30 / 60, m + 1, none=True) for m in range(20, 40)]
    made = document(map_rate="1/s", map=[segment(-15, 60, value=66), *enough])
    assert differences(made) == []


def test_a_silent_pump_is_a_gap_until_it_speaks():
    # Last message at 19; more than 5 minutes without one at 25. It speaks again at 40.
    made = document(
        pump_silent=[{"from": 20, "to": 40, "ch": "A"}],
        expect=[raised(25, "PUMP_GAP"), cleared(40, "PUMP_GAP")],
    )
    assert differences(made) == []


def test_an_event_of_a_silent_pump_is_heard_when_it_speaks_again():
    made = document(
        ne=[{"t": -60, "ch": "A", "rate": 6, "conc": 60}, {"t": 22, "ch": "A", "rate": 3}],
        pump_silent=[{"from": 20, "to": 24}],
        expect=[{"t": 22, "dose": 0.1}, {"t": 26, "dose": 0.05}],
    )
    assert differences(made) == []


def test_a_channel_keeps_its_drug_until_another_is_named():
    # Phenylephrine 100 ug/mL, 12 then 24 mL/h, in 60 kg: 0.333 and 0.667 ug/kg/min.
    events = [{"t": -30, "ch": "P", "rate": 12, "conc": 100, "drug": "phenylephrine"}]
    made = document(
        other=[*events, {"t": 20, "ch": "P", "rate": 24}],
        expect=[{"t": 10, "dose": 0.333, "ch": "P"}, {"t": 30, "dose": 0.667, "ch": "P"}],
        forbid=["DRUG_UNMAPPED"],
    )
    assert differences(made) == []


@pytest.mark.parametrize("salt", ["Acid tartrate", "bitartrate monohydrate", "TARTRATE"])
def test_a_salt_may_be_named_as_on_labels_and_norepinephrine_counts_base_all_the_same(salt):
    # 10.8 mL/h x 50 ug/mL base / 60 / 60 kg = 0.150.
    event = {"t": -60, "rate": 10.8, "conc": 50, "conc_salt": 100, "salt": salt}
    event["drug"] = "noradrenaline tartrate"
    assert differences(document(ne=[event], expect=[{"t": 10, "dose": 0.15}])) == []


def test_doses_are_compared_to_three_decimals():
    # 4.8 mL/h x 60 ug/mL / 60 / 60 kg = 0.080
    assert differences(document(expect=[{"t": 30, "dose": 0.08}])) == []
    assert differences(document(expect=[{"t": 30, "dose": 0.081}])) == [
        "expected norepinephrine 0.081 at 30, it was 0.080"
    ]


def test_a_corrected_weight_counts_from_then_on():
    # 6 mL/h x 60 ug/mL / 60 = 6 ug/min: 0.100 at 60 kg, 0.075 at 80 kg.
    made = document(
        ne=[{"t": -60, "rate": 6, "conc": 60}],
        weight=[{"t": 20, "kg": 80, "reason": "bed scale"}],
        expect=[{"t": 15, "dose": 0.1}, {"t": 25, "dose": 0.075}],
    )
    assert differences(made) == []


def test_a_label_in_salt_is_checked_and_conc_stays_base():
    # 10.8 mL/h x 50 ug/mL base / 60 / 75 kg = 0.120; the label says 100 ug/mL tartrate.
    event = {"t": -60, "rate": 10.8, "conc": 50, "conc_salt": 100, "salt": "tartrate"}
    made = document(weight_kg=75, ne=[event | {"factor": 0.5}], expect=[{"t": 10, "dose": 0.12}])
    assert differences(made) == []
    assert differences(made | {"ne": [event]}) == []


def test_concentration_in_other_units():
    made = document(
        ne=[{"t": -60, "rate": 6, "conc": 0.06, "unit": "mg/mL"}], expect=[{"t": 9, "dose": 0.1}]
    )
    assert differences(made) == []


def test_a_drug_that_nobody_knows():
    made = document(other=[{"t": 20, "rate": 5, "drug": "XYZZY"}])
    assert differences(made | {"expect": [*made["expect"], raised(20, "DRUG_UNMAPPED")]}) == []


def test_another_vasopressor_makes_a_high_pressure_a_deviation():
    # Without any vasopressor MAP 72 is nothing; with epinephrine it is, after 15 minutes. Entering
    # ACTIVE at 0 gives 30 minutes of grace.
    pressure = [segment(-15, 60, value=72)]
    quiet = document(map=pressure, ne=[])
    assert differences(quiet) == []
    made = document(
        map=pressure, ne=[], other=[{"t": -60, "rate": 2, "conc": 20, "drug": "ADRENALINE"}]
    )
    assert differences(made | {"expect": [*made["expect"], raised(30, "MAP_HIGH")]}) == []
    assert (
        differences(document(map=pressure, ne=[], inotrope=[{"t": -9, "rate": 2, "conc": 1000}]))
        == []
    )


def test_a_refill_time_out_of_range_is_refused_at_entry():
    made = document(
        arm="permissive_vp03", crt=[{"t": 10, "v": 20.1}], expect=[raised(30, "CRT_DUE")]
    )
    assert differences(made) == []
    assert [item.kind for item in observed(made).items if item.t == 10] == ["refused"]


def test_an_entry_names_who_made_it_and_an_acknowledgement_closes_a_notice():
    made = document(
        arm="permissive_vp03",
        crt=[{"t": 10, "v": 3.4, "by": "nurse1"}],
        ack=[{"t": 12, "alert": "CRT_ABN", "by": "dr2"}],
        expect=[raised(10, "CRT_ABN"), cleared(12, "CRT_ABN"), raised(40, "CRT_DUE")],
    )
    assert differences(made) == []


def test_an_acknowledgement_of_nothing_is_a_difference():
    [sentence] = differences(document(ack=[{"t": 12, "alert": "MAP_LOW"}]))
    assert sentence.startswith("an entry at 12:00 was refused: alert 'MAP_LOW' is not open")


@pytest.mark.parametrize("way", ["death", "discharge"])
def test_the_protocol_ends_with_the_patient(way):
    # MAP 62 from 10: MAP5 crosses at 13, raised at 23 and cleared by the end at 30.
    made = document(
        map=[segment(-15, 10, value=66), segment(10, 60, value=62)],
        expect=[raised(23, "MAP_LOW"), {"t": 30, "phase": "ENDED"}, cleared(30, "MAP_LOW")],
    )
    assert differences(made | {way: 30}) == []


def test_a_floor_of_the_patient():
    # Three bins below 55, not below 50.
    pressure = [segment(-15, 60, value=66), segment(20, 23, value=54)]
    made = document(map=pressure, params={"floor": 55}, expect=[raised(23, "FLOOR")])
    assert differences(made) == []
    assert differences(document(map=pressure)) == []


def test_a_floor_below_50_is_refused():
    assert "never below 50" in "\n".join(differences(document(params={"floor": 45})))


def test_a_parameter_changes_its_rule():
    pressure = [segment(-15, 20, value=66), segment(20, 60, value=62)]
    made = document(map=pressure, params={"low_sustain": 20}, expect=[raised(43, "MAP_LOW")])
    assert differences(made) == []


def test_the_version_in_force_at_randomisation_is_kept():
    versions = [{"t": -99, "version": "2026-01-22.1"}, {"t": 10, "version": "2026-01-22.1"}]
    assert differences(document(versions=versions)) == []


def test_randomised_before_the_judged_span():
    # Overdue counts from randomisation; what lies before `start` is history.
    made = document(
        randomised=-50,
        map=[segment(-30, 60, value=60)],
        ne=[],
        expect=[raised(10, "RESUS_OVERDUE")],
    )
    made["expect"] = made["expect"][2:]
    assert differences(made) == []


@pytest.mark.parametrize(
    "clock",
    [
        {"zero": "2026-03-29T02:30:00+01:00"},
        {"zero": "2026-03-29T02:30:00", "zone": "Asia/Tokyo"},
        {"zone": "Europe/Paris"},
    ],
)
def test_the_wall_clock_does_not_matter(clock):
    assert observed(document(clock=clock)) == observed(document())


def test_later_segments_overwrite_earlier_ones():
    ever = [segment(-15, 60, value=40), segment(-15, 60, value=66)]
    assert differences(document(map=ever)) == []
    assert differences(document(map=ever[::-1])) != []


def test_a_channel_takes_another_drug():
    # One pump, first norepinephrine, then vasopressin: the dose is not carried across.
    made = document(
        vp=[{"t": 20, "ch": "A", "rate": 1.5, "conc": 0.4}],
        expect=[{"t": 10, "dose": 0.08}, raised(25, "VP_EARLY"), {"t": 40, "dose": 0}],
    )
    assert differences(made) == []


def test_forbidden_alerts_and_missed_minutes_are_sentences():
    pressure = [segment(-15, 20, value=66), segment(20, 60, value=62)]
    made = document(map=pressure, forbid=["MAP_LOW"], minutes={"IN": 24, "LOW": 36})
    assert differences(made) == [
        "MAP_LOW was raised at 33:00, forbidden here",
        "expected 24 minutes IN, counted 20",
        "expected 36 minutes LOW, counted 40",
    ]


def test_a_free_notice_need_not_be_listed_but_can_be_forbidden():
    made = document(arm="permissive_vp03", crt=[{"t": 10, "v": 2}], end=35)
    made["expect"] += [{"t": 10, "target": 60}]
    assert differences(made) == []
    assert differences(made | {"forbid": ["STEP_DOWN"]}) == [
        "STEP_DOWN was raised at 10:00, forbidden here"
    ]


def table(name):
    return make_scenario(next(read_documents(TABLES / name)))


@pytest.mark.parametrize("name", ["R2-a.yaml", "R4-e.yaml", "R5-b.yaml", "R5-h.yaml"])
@given(random=st.randoms(use_true_random=False))
@settings(max_examples=5, deadline=None)
def test_the_order_of_inputs_of_one_instant_does_not_matter(name, random):
    timeline = make_timeline(table(name), TABLES)
    shuffled = [
        instant._replace(inputs=tuple(random.sample(instant.inputs, len(instant.inputs))))
        for instant in timeline.instants()
    ]
    assert play(dataclasses.replace(timeline, instants=lambda: iter(shuffled))) == play(timeline)


@pytest.mark.parametrize("name", ["R1-b.yaml", "R4-e.yaml", "R5-a.yaml", "R5-h.yaml"])
@given(random=st.randoms(use_true_random=False))
@settings(max_examples=5, deadline=None)
def test_an_instant_may_be_judged_in_several_groups(name, random):
    # Tables without refill times: one that falls due in this very minute must be entered in the
    # group that judges it, which is what the order within an instant is for.
    timeline = make_timeline(table(name), TABLES)
    split = []
    for instant in timeline.instants():
        ordered = in_order(instant.inputs)
        cut = random.randint(0, len(ordered))
        parts = (ordered[:cut], ordered[cut:])
        split += [instant._replace(inputs=tuple(part)) for part in parts if part]
    played = play(dataclasses.replace(timeline, instants=lambda: iter(split)))
    assert without_phases(played) == without_phases(play(timeline))


def without_phases(played):
    """What came. Phases of no duration are seen only if their instant is judged in parts."""
    return dataclasses.replace(played, items=[i for i in played.items if i.kind != "phase"])
