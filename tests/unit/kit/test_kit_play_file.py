"""Play files: what they play, and how they say what is wrong with them."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.kit.play_file import load_play, make_play
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.vocabulary import PumpStatus

PATIENT = (
    "time_s,signal,value,unit,source,order_id,event,available_s\n"
    "3600,map_art,70,mmHg,chart,,,\n"
    "7200,map_art,64,mmHg,chart,,,\n"
)

PLAY = """
title: falling pressure
note: MAP is recorded, the infusion is written by hand
beds:
  - bed: ICU-1
    signals:
      art_map: {file: patient.csv, signal: map_art, from_s: 3600}
      art_sys: {from: art_map, add: 30}
      cvp: {constant: 8, scale: 0.5, offset: 1}
    pumps:
      - channel: "11"
        drug: Norepinephrine
        concentration: 40
        concentration_unit: ug/mL
        weight_kg: 70
        dose: {steps: [[0, 0.1], [30, 0]]}
        dose_unit: ug/kg/min
      - channel: "12"
        drug: NaCl
        rate: {constant: 20}
"""


@pytest.fixture
def play(tmp_path):
    (tmp_path / "patient.csv").write_text(PATIENT)
    file = tmp_path / "play.yaml"
    file.write_text(PLAY)
    return load_play(file)


def test_signals_are_laid_over_one_another(play):
    (bed,) = play.at(0)
    assert bed.bed == "ICU-1"
    assert bed.signals == {"art_map": 70, "art_sys": 100, "cvp": 5}
    (later,) = play.at(3600)
    assert later.signals == {"art_map": 64, "art_sys": 94, "cvp": 5}
    assert play.title == "falling pressure"


def test_the_play_ends_with_its_recording_and_hand_written_tracks_hold(play):
    assert play.length == 3600
    (bed,) = play.at(3601)
    assert bed.signals == {"cvp": 5}


def test_a_dose_becomes_a_rate_and_a_volume(play):
    # 0.1 ug/kg/min x 70 kg x 60 min/h = 420 ug/h; from 40 ug/mL that is 10.5 mL/h.
    norepinephrine, saline = play.at(600)[0].pumps
    assert norepinephrine.rate_ml_h == pytest.approx(10.5)
    assert (norepinephrine.dose, norepinephrine.dose_unit) == (0.1, "ug/kg/min")
    assert norepinephrine.status is PumpStatus.RUNNING
    assert norepinephrine.volume_ml == pytest.approx(10.5 / 6)
    assert (saline.rate_ml_h, saline.dose) == (20, None)
    stopped = play.at(1800)[0].pumps[0]
    assert (stopped.rate_ml_h, stopped.status) == (0, PumpStatus.STOPPED)


def pump_play(**pump):
    base = {"channel": "1", "drug": "X"}
    return {"title": "t", "beds": [{"bed": "A", "pumps": [{**base, **pump}]}]}


@pytest.mark.parametrize(
    ("dose", "unit", "concentration", "per_ml", "weight", "ml_h"),
    [
        (0.03, "U/min", 1, "U/mL", None, 1.8),
        (1.8, "units/hour", 1, "U/mL", None, 1.8),
        (5, "mg/h", 1000, "ug/mL", None, 5),
        (4, "mcg/min", 0.08, "mg/mL", None, 3),
        (100, "ng/kg/min", 20, "ug/mL", 50, 15),
        (30, "mU/min", 1, "U/mL", None, 1.8),
    ],
)
def test_dose_units(dose, unit, concentration, per_ml, weight, ml_h):
    made = make_play(
        pump_play(
            dose={"constant": dose},
            dose_unit=unit,
            concentration=concentration,
            concentration_unit=per_ml,
            weight_kg=weight,
        ),
        None,
    )
    assert made.at(0)[0].pumps[0].rate_ml_h == pytest.approx(ml_h)
    assert made.length == inf


DOSE = {"dose": {"constant": 1}, "concentration": 1}


@pytest.mark.parametrize(
    ("data", "key", "reason"),
    [
        (None, "the document", "valid dictionary"),
        ({"title": "t", "beds": []}, "beds", "at least 1"),
        (pump_play(), "beds.0.pumps.0", "exactly one of rate (mL/h) and dose"),
        (pump_play(rate={"constant": 1, "steps": [[0, 1]]}), "beds.0.pumps.0.rate", "exactly one"),
        (pump_play(rate={"steps": [[5, 1], [0, 2]]}), "beds.0.pumps.0.rate", "must ascend"),
        (pump_play(rate={"file": "a.csv"}), "beds.0.pumps.0.rate", "file and signal belong"),
        (pump_play(rate={"from": "art_map"}), "beds.0.pumps.0.rate", "no signal 'art_map'"),
        (
            pump_play(**DOSE, dose_unit="ug/kg/min", concentration_unit="ug/mL"),
            "beds.0.pumps.0.dose_unit",
            "needs weight_kg",
        ),
        (
            pump_play(**DOSE, dose_unit="U/h", concentration_unit="ug/mL"),
            "beds.0.pumps.0.dose_unit",
            "cannot be given from ug/mL",
        ),
        (
            pump_play(**DOSE, dose_unit="drops/min", concentration_unit="ug/mL"),
            "beds.0.pumps.0.dose_unit",
            "expected e.g. ug/kg/min",
        ),
        (
            {"title": "t", "beds": [{"bed": "A", "signals": {"map": {"constant": 1}}}]},
            "beds.0.signals.map",
            "signals are art_map",
        ),
    ],
)
def test_errors_name_file_key_and_reason(data, key, reason):
    with pytest.raises(ConfigError) as caught:
        make_play(data, None, "play.yaml")
    assert caught.value.code == "PLAY_FILE"
    assert str(caught.value).startswith(f"play.yaml: {key}: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize("text", ["a: [", "\x00", "title: t\ntitle: u\n"])
def test_what_is_no_yaml_is_named(tmp_path, text):
    file = tmp_path / "play.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"play\.yaml: "):
        load_play(file)


def test_a_recording_that_is_not_there_is_named(tmp_path):
    data = pump_play(rate={"file": "gone.csv", "signal": "x"})
    with pytest.raises(ConfigError, match=r"beds\.0\.pumps\.0\.rate: .*gone\.csv"):
        make_play(data, tmp_path)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["title", "beds", "bed", "signals", "art_map", "constant", "steps"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_document_is_a_play_or_a_clear_error(data):
    try:
        made = make_play(data, None)
    except ConfigError:
        return
    made.at(0)
