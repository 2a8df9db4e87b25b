"""The physician's range, in MAP or in perfusion pressure: table G2-c and its edges."""

import pytest
from bedside import ms, pressure
from blinded import Blinded, ne, study, wanted
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_daemon.core.decisions import Refused, Retrospective
from monitor_daemon.core.events import Data, Sample
from monitor_daemon.core.people import Associate, Observe

PUMPS = [(-30, ne(14.4)), (20, study(4.5))]
RANGES = {"TARGET_MISSING", "TARGET_STALE", "PP_LOW", "PP_HIGH"}


def told(patient):
    """What was said about ranges; the middle of the word tells raised from cleared."""
    return [(t, what, name) for t, what, name in patient.told() if name in RANGES]


def test_g2_c_above_the_range_then_the_range_is_changed():
    patient = Blinded().play(
        190, [*PUMPS, (-10, 72), (-5, wanted(70, 75)), (60, 78), (100, wanted(75, 80)), (120, 78)]
    )
    assert patient.told() == [(78, "raised", "PP_HIGH"), (103, "cleared", "PP_HIGH")]


def played(until, *changes, start=72, low=70, high=75):
    first = [*PUMPS, (-10, start), (-5, wanted(low, high))]
    return Blinded().play(until, [*first, *changes])


@pytest.mark.parametrize(("mean", "raised"), [(68, False), (67, True)])
def test_low_means_below_the_limit_minus_two_for_ten_minutes(mean, raised):
    # MAP5 crosses three minutes after the step (reference 0.3), ten more make 73.
    assert (told(played(100, (60, mean))) == [(73, "raised", "PP_LOW")]) == raised


def test_low_clears_at_the_low_limit_and_not_below():
    patient = played(140, (60, 66), (90, 69), (110, 70))
    assert told(patient) == [(73, "raised", "PP_LOW"), (116, "cleared", "PP_LOW")]


@pytest.mark.parametrize(("mean", "raised"), [(75, False), (76, True)])
def test_high_means_above_the_limit_itself(mean, raised):
    assert (told(played(100, (60, mean))) == [(78, "raised", "PP_HIGH")]) == raised


def test_a_change_of_the_range_gives_fifteen_minutes_for_low():
    # MAP 72 against 80 to 85 from T+60: below 78 at once, raised when the grace is over.
    assert told(played(90, (60, wanted(80, 85)))) == [(75, "raised", "PP_LOW")]


def test_a_change_of_the_range_gives_thirty_minutes_for_high():
    assert told(played(110, (60, wanted(60, 65)))) == [(90, "raised", "PP_HIGH")]


def test_confirming_the_same_range_is_no_change():
    assert told(played(110, (60, 78), (70, wanted(70, 75)))) == [(78, "raised", "PP_HIGH")]


def test_nothing_to_reduce_without_norepinephrine():
    assert told(played(120, (40, ne(0)), (60, 90))) == []


def test_an_end_of_norepinephrine_clears_a_high_pressure_after_bridge_and_calm():
    # Off for certain five minutes after the stop (3.5), and so for three minutes.
    patient = played(130, (60, 78), (100, ne(0)))
    assert told(patient) == [(78, "raised", "PP_HIGH"), (108, "cleared", "PP_HIGH")]


def test_a_short_pause_of_norepinephrine_breaks_nothing():
    patient = played(110, (60, 78), (66, ne(0)), (70, ne(14.4)))
    assert told(patient) == [(78, "raised", "PP_HIGH")]


def test_the_study_drug_alone_is_nothing_to_reduce():
    patient = Blinded().play(
        90, [(-30, ne(14.4)), (-20, ne(0)), (-10, 72), (-5, wanted(60, 65)), (1, study(4.5))]
    )
    assert told(patient) == []


def test_fault_an_unknown_drug_may_be_norepinephrine_and_a_silent_pump_may_run():
    patient = played(100, (40, ne(14.4, drug=None)), (60, 90))
    assert told(patient) == []
    patient = played(80, (60, 78))
    patient.play(130, [(90, 72)], quiet={"N"})
    assert told(patient)[-1] == (96, "cleared", "PP_HIGH")


def test_fault_missing_pressure_clears_nothing():
    patient = played(80, (60, 66))
    del patient.holds["map"]
    patient.play(120)
    assert "PP_LOW" in patient.open()


def cvp(value, at=None):
    return Data("monitor", "B1", (Sample("cvp", value, "good", at),))


def test_perfusion_pressure_is_map_minus_the_newest_venous_pressure():
    # 80 - 12 = 68: inside 65 to 70 although the MAP is above; 80 - 9 = 71 is not.
    patient = Blinded().play(
        75, [*PUMPS, (-10, 80), (-5, wanted(65, 70, "MPP")),
             (0, Observe("S1", "cvp", 12.0, "nurse")), (45, Observe("S1", "cvp", 9.0, "nurse"))]
    )  # fmt: skip
    assert told(patient) == [(60, "raised", "PP_HIGH")]
    values = patient.subject.alerts["PP_HIGH"].values
    assert values == {"variable": "MPP", "pressure": 71.0, "low": 65.0, "high": 70.0}


def test_a_venous_pressure_of_the_monitor_serves_too():
    patient = Blinded().play(
        60, [*PUMPS, (-10, 80), (-5, wanted(65, 70, "MPP")), (0, Observe("S1", "cvp", 12.0, "n"))]
    )
    patient.give(60, cvp(20.0))
    patient.play(90)
    assert told(patient) == [(70, "raised", "PP_LOW")]


def test_fault_perfusion_pressure_is_unknown_when_the_venous_pressure_is_old():
    entry = (0, Observe("S1", "cvp", 20.0, "nurse"))
    base = [*PUMPS, (-10, 80), (-5, wanted(65, 70, "MPP")), entry]
    # 80 - 20 = 60; the grace after the change at -5 is over at 10, and so is the sustain.
    assert told(Blinded().play(59, base)) == [(10, "raised", "PP_LOW")]
    # An hour after the last venous pressure nothing is known, however low the MAP.
    patient = Blinded().play(60, [*base[:-1], (0, Observe("S1", "cvp", 12.0, "nurse"))])
    patient.play(160, [(61, 50)])
    assert "PP_LOW" not in {name for _, _, name in told(patient)}


def test_no_range_is_said_at_once_and_until_it_is_there():
    patient = Blinded().play(90, [*PUMPS, (-10, 50), (40, wanted(65, 70))])
    assert told(patient) == [
        (0, "raised", "TARGET_MISSING"),
        (40, "cleared", "TARGET_MISSING"),
        (55, "raised", "PP_LOW"),
    ]


def test_a_range_that_nobody_confirms_for_a_day_is_stale():
    patient = Blinded(start=-10).play(1470, [(-10, ne(14.4)), (-10, 72), (-5, wanted(70, 75))])
    patient.play(1500, [(1480, wanted(70, 75))])
    assert told(patient) == [
        (1435, "raised", "TARGET_STALE"),
        (1480, "cleared", "TARGET_STALE"),
    ]


def late(patient, first, last, mean):
    """The monitor's samples of minutes [first, last), all at once, stamped with their times."""
    samples = (
        Data("monitor", "B1", pressure(mean, at=ms(t)).samples, buffered=True)
        for t in range(first, last)
    )
    return patient.give(patient.now, *samples)


def test_late_pressures_are_judged_by_the_range_of_their_time():
    patient = played(99)
    # The gateway's clock is this one; it was cut off from 100 to 130.
    patient.give(99, pressure(72, at=ms(99)))
    patient.play(100)
    del patient.holds["map"]
    patient.play(130)
    late(patient, 100, 115, 60)
    late(patient, 115, 130, 72)
    patient.play(140, mean=72)
    (found,) = (d for d in patient.decisions if isinstance(d, Retrospective))
    # 60 from 100 on: MAP5 low from 103, deviation at 113, back at 72 from 118 for three minutes.
    assert (found.name, found.condition_since, found.raised_at, found.ended_at) == (
        "PP_LOW", ms(103), ms(113), ms(121)
    )  # fmt: skip


def test_an_alert_on_data_of_another_patient_is_void():
    patient = played(80, (60, 66))
    out = patient.give(85, Associate("S1", None, "nurse", since=ms(55), reason="wrong bed"))
    assert ("PP_LOW", "voided") in {
        (getattr(d, "name", ""), getattr(d, "transition", "")) for d in out
    }


def test_a_blinded_patient_has_a_range_and_no_target():
    assert played(25).subject.aim is None


@pytest.mark.parametrize(("low", "high"), [(75, 70), (70, 70), (20, 70), (70, 200)])
def test_fault_an_impossible_range_is_refused(low, high):
    patient = played(25)
    (refused,) = (d for d in patient.give(25, wanted(low, high)) if isinstance(d, Refused))
    assert refused.code == "BAD_VALUE"
    assert patient.subject.range.low == 70


@given(
    st.lists(
        st.tuples(
            st.integers(1, 30),
            st.one_of(
                st.sampled_from([45, 66, 72, 80, 95]),
                st.builds(wanted, st.integers(55, 70), st.integers(71, 90)),
                st.sampled_from([ne(0), ne(14.4)]),
            ),
        ),
        max_size=8,
    )
)
@settings(max_examples=20, deadline=None)
def test_low_and_high_are_never_open_together(sequence):
    t, changes = 0, []
    for wait, change in sequence:
        t += wait
        changes.append((t, change))
    patient = played(t + 40, *changes)
    assert patient.subject.failed is None
    open_now = set()
    for _, what, name in told(patient):
        (open_now.add if what == "raised" else open_now.remove)(name)
        if what == "raised":
            assert not {"PP_LOW", "PP_HIGH"} <= open_now or name == "PP_LOW"
