"""Days D0 to D7 when data come late, or were another patient's (reference 0.7 with 2.4)."""

import msgspec
import pytest
from bedside import ms, pressure
from blinded import Blinded, ne, study, wanted
from hypothesis import given, settings
from hypothesis import strategies as st
from test_core_days import written

from monitor_daemon.core.days import day_summaries
from monitor_daemon.core.events import Data, Sample, Started
from monitor_daemon.core.people import Associate, Observe, Randomise, SignDay
from monitor_daemon.core.ward import Ward

#: (minutes, MAP, norepinephrine mL/h, study drug mL/h)
stays = st.lists(
    st.tuples(
        st.sampled_from([3, 7, 12, 20]),
        st.sampled_from([55.0, 62.0, 67.0, 75.0]),
        st.sampled_from([0.0, 9.6, 14.4]),
        st.sampled_from([0.0, 3.0]),
    ),
    min_size=3,
    max_size=7,
)
CALM = (67.0, 14.4, 3.0)


def said(t, mean, norepinephrine, studied):
    """What monitor and pumps say at minute `t`, with their own time."""
    pumps = (ne(norepinephrine), study(studied))
    flows = tuple(msgspec.structs.replace(pump.flows[0], at=ms(t)) for pump in pumps)
    return [pressure(mean, at=ms(t)), msgspec.structs.replace(pumps[0], flows=flows)]


def lived(stay, gone=range(0), *, only_pumps=False, ends=(40, 1480)):
    """A patient of whose minutes `gone` is heard only after them, with or without the daemon."""
    patient = Blinded(days=ends, start=-6)
    patient.give(-6, wanted(65, 70))
    for t in range(-5, 0):
        patient.give(t, *said(t, *CALM))
        patient.tick(t)
    patient.give(0, *said(0, *CALM))
    patient.now = 0
    patient.play(1)
    minutes = [values for length, *values in stay for _ in range(length)] + 8 * [CALM]
    for t, values in enumerate(minutes, 1):
        if t in gone:
            if only_pumps:
                patient.give(t, said(t, *values)[0])
                patient.tick(t)
            continue
        if gone and t == gone.stop:
            if not only_pumps:
                patient.give(t, Started("1.0", stopped=ms(gone.start)))
            for late in gone:
                for message in said(late, *minutes[late - 1])[only_pumps:]:
                    patient.give(t, msgspec.structs.replace(message, buffered=True))
        patient.give(t, *said(t, *values))
        patient.tick(t)
    return patient


@settings(max_examples=40, deadline=None)
@given(stays, st.integers(1, 40), st.integers(6, 60), st.booleans())
def test_what_comes_late_gives_the_values_of_live_data(stay, since, length, only_pumps):
    total = sum(minutes for minutes, *_ in stay)
    since = min(since, total - 6)
    gone = range(since, min(since + length, total))
    late, live = lived(stay, gone, only_pumps=only_pumps), lived(stay)
    assert late.subject.failed is None
    assert day_summaries(late.subject) == day_summaries(live.subject)
    # The record says the same, once or corrected.
    assert _values(late) == _values(live)


def _values(patient):
    """The newest values of each day in the record."""
    told = {day["day"]: day for day in written(patient)}
    return [
        {k: v for k, v in day.items() if k not in {"corrected", "signed"}} for day in told.values()
    ]


def test_a_day_in_the_record_is_corrected_by_what_its_pump_tells_later():
    # Silent from 20 to 60; D0 ended at 40, and its norepinephrine was 9.6 mL/h from 25 on.
    stay = [(24, *CALM), (46, 67.0, 9.6, 0.0)]
    patient = lived(stay, range(20, 60), only_pumps=True)
    before, after = written(patient)
    # The last word of minute 19 is trusted for fifteen minutes, which ends in minute 34.
    assert before["ne_total"] == pytest.approx(34.5 * 0.3, abs=0.16)
    assert "corrected" not in before
    assert after["ne_total"] == pytest.approx(25 * 0.3 + 15 * 0.2, abs=0.35)
    assert (after["ne_min"], after["corrected"], after["signed"]) == (0.2, True, None)
    assert (before["study_ml"], after["study_ml"]) == (1.75, 1.25)


def test_a_correction_says_who_signed_the_values_before():
    patient = lived([(50, *CALM)])
    patient.give(60, SignDay("S1", 0, "coordinator"))
    patient.ward = Ward.restore(patient.ward.snapshot())
    patient.give(61, Associate("S1", None, "nurse", since=ms(30)))
    assert [(day.get("corrected"), day.get("signed")) for day in written(patient)] == [
        (None, None), (True, "coordinator"),
    ]  # fmt: skip


def test_what_was_measured_on_another_patient_is_taken_out_again():
    patient = lived([(50, *CALM)])
    patient.give(55, Associate("S1", None, "nurse", since=ms(30)))
    before, after = written(patient)
    assert (before["coverage"], after["coverage"]) == (100.0, 75.0)
    assert (before["minutes_in"], after["minutes_in"]) == (40, 30)
    assert after["ne_total"] == pytest.approx(30 * 0.3)
    assert after["ne_coverage"] == 75.0


def test_samples_of_ordinary_lateness_are_counted():
    # What is measured in second 50 of every other minute comes in second 20 of the next one.
    patient = Blinded(days=[30, 1470], start=-1)
    patient.give(-1, wanted(65, 70))
    patient.play(1)
    patient.give(50 / 60, pressure(67.0, at=ms(50 / 60)))
    for t in range(1, 40):
        patient.tick(t)
        if t % 2 == 0:
            patient.give(t + 20 / 60, pressure(67.0, at=ms(t - 10 / 60)))
            patient.give(t + 50 / 60, pressure(67.0, at=ms(t + 50 / 60)))
    (day,) = written(patient)
    # The first two minutes have no MAP5 yet.
    assert (day["coverage"], day["minutes_in"], day["map_mean"]) == (100.0, 28, 67.0)


def moved(minutes, randomised_at=0, bed="B1", told=None, weigh=None, late=range(0)):
    """100 minutes in B1, or in `bed` from 60 on, of which is `told` later; D0 ends at 100.

    In B1 there are 14.4 mL/h of norepinephrine and 3 of the study drug, in another bed 9.6 and 1.5.
    Randomisation at T+0 is entered at `randomised_at`; pumps tell of the minutes `late` after them.
    """
    patient = Blinded(start=-30)
    patient.give(-30, wanted(65, 70))
    for t in range(-30, minutes):
        if t == randomised_at:
            days = (ms(100), ms(1540))
            patient.give(t, Randomise("S1", "nurse", randomised=ms(0), days=days))
        if t == told:
            patient.give(t, Associate("S1", bed, "nurse", since=ms(60)))
        if t == weigh:
            patient.give(t, Observe("S1", "weight", 100.0, "nurse", reason="measured"))
        here, rates = ("B1", (14.4, 3.0)) if t < 60 else (bed, (9.6, 1.5))
        if bed == "B1":
            rates = (14.4, 3.0)
        if t == late.stop:
            for each in late:
                message = said(each, 67.0, *rates)[1]
                patient.give(t, msgspec.structs.replace(message, buffered=True))
        for message in said(t, 67.0, *rates)[: 1 if t in late else 2]:
            patient.give(t, msgspec.structs.replace(message, bed=here))
        patient.tick(t)
    assert patient.subject.failed is None
    return _values(patient)[0]


def test_randomisation_may_be_entered_late():
    assert moved(110, randomised_at=40) == moved(110)


def test_the_pumps_of_a_new_bed_count_from_when_he_came_to_it():
    day = moved(110, bed="B2", told=80)
    # 60 x 0.3 + 40 x 0.2, and an hour of 3.0 with 40 min of 1.5 mL/h.
    assert (day["ne_total"], day["ne_coverage"]) == (pytest.approx(26.0), 100.0)
    assert day["study_ml"] == pytest.approx(4.0)
    assert day["coverage"] == 100.0


@pytest.mark.parametrize("late", [range(0), range(50, 90)])
def test_a_corrected_weight_counts_from_its_entry_on_though_the_pump_tells_late(late):
    day = moved(110, weigh=70, late=late)
    # 70 min at 80 kg and 30 min at 100 kg (reference 3.3).
    assert day["ne_total"] == pytest.approx(70 * 0.3 + 30 * 0.24)
    assert (day["ne_max"], day["ne_min"]) == (0.3, 0.24)


def test_a_result_of_another_patient_is_taken_out_and_his_own_stay():
    patient = lived([(50, *CALM)])
    for at, value in ((10, 3.0), (35, 8.0)):
        patient.give(51, Data("lab", "B1", (Sample("lactate", value, "good", ms(at)),)))
    patient.give(51, Observe("S1", "lactate", 2.5, "nurse", at=ms(33)))
    patient.tick(51)
    assert written(patient)[-1]["lactate_worst"] == 8.0
    patient.give(55, Associate("S1", "B2", "nurse", since=ms(30)))
    for t in range(55, 60):
        patient.tick(t)
    day = written(patient)[-1]
    assert (day["lactate_worst"], day["lactate_last"]) == (3.0, 2.5)
