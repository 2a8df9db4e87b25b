"""Days D0 to D7: sums by hand, 23 and 25 hours, forms and the end (reference 2.4)."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from bedside import ZERO, ZERO_MINUTE, pressure
from blinded import Blinded, ms, ne, study, vasopressin, wanted
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_daemon.core.days import DayBook, Flowing, Pressed, day_summaries
from monitor_daemon.core.decisions import Logged, Phase, Refused
from monitor_daemon.core.events import MINUTE, Data, Sample, Tick
from monitor_daemon.core.people import End, Observe, Range, SignDay
from monitor_daemon.core.subject import PressureRange
from monitor_daemon.core.ward import Ward

HOUR = 60
PARIS = ZoneInfo("Europe/Paris")


def written(patient):
    return [d.detail for d in patient.decisions if isinstance(d, Logged) and d.name == "DAY"]


def test_a_day_by_hand():
    # 14.4 mL/h of 100 ug/mL for 80 kg are 0.300 ug/kg/min, 9.6 are 0.200. D0 ends at T+120.
    patient = Blinded(days=[120, 1560]).play(
        124, [(-30, ne(14.4)), (-10, 67), (-5, wanted(65, 70)), (0, study(3)),
              (30, ne(9.6)), (60, study(0)), (70, ne(0)), (73, ne(9.6)), (80, vasopressin(2)),
              (90, vasopressin(0)), (100, 60)]
    )  # fmt: skip
    (day,) = written(patient)
    assert (day["day"], day["start"], day["end"]) == (0, ms(120) - 24 * HOUR * MINUTE, ms(120))
    # Judged: a pause of three minutes keeps the dose. 30 x 0.3 + 90 x 0.2 = 27, over 120 min.
    assert (day["ne_min"], day["ne_max"], day["ne_mean"]) == (0.2, 0.3, 0.225)
    # Delivered: without the pause. 30 x 0.3 + 87 x 0.2.
    assert day["ne_total"] == 26.4
    assert (day["study_ml"], day["study_minutes"]) == (3.0, 60.0)
    assert day["open_label_minutes"] == 10.0
    # MAP5 is 60 from the third minute after the step: 102 x 67 + 18 x 60, over 120.
    assert day["map_mean"] == pytest.approx((102 * 67 + 18 * 60) / 120, abs=0.05)
    assert (day["minutes_in"], day["minutes_below"], day["minutes_above"]) == (102, 18, 0)
    assert (day["coverage"], day["ne_coverage"]) == (100.0, 100.0)
    assert day["mpp_mean"] is None


def test_sums_are_exact_between_pump_events_within_a_minute():
    patient = Blinded(days=[10, 1450])
    patient.play(4, [(-30, ne(14.4))])
    patient.give(4.25, ne(0))
    patient.give(4.75, ne(14.4))
    patient.holds["N"] = ne(14.4)
    patient.play(14)
    assert written(patient)[0]["ne_total"] == pytest.approx(9.5 * 0.3, abs=0.005)


def test_a_long_stop_is_a_dose_of_zero_and_a_higher_one_across_midnight_is_split():
    patient = Blinded(days=[60, 1500]).play(
        71, [(-30, ne(14.4)), (20, ne(0)), (40, ne(14.4)), (50, ne(28.8))]
    )
    (day,) = written(patient)
    assert (day["ne_min"], day["ne_max"]) == (0.0, 0.6)
    # Zero counts from the fifth minute of the pause: 25 x 0.3 + 15 x 0 + 10 x 0.3 + 10 x 0.6.
    assert day["ne_mean"] == pytest.approx(16.5 / 60, abs=0.0001)
    assert day["ne_total"] == pytest.approx(20 * 0.3 + 10 * 0.3 + 10 * 0.6)
    assert day_summaries(patient.subject)[1]["ne_total"] == pytest.approx(10 * 0.6)


def test_a_dose_is_that_which_is_compared():
    # 0.36 mL/h of 100 ug/mL for 80 kg are exactly 0.0075, half-up 0.008 (reference 0.3).
    (day,) = written(Blinded(days=[20, 1460]).play(24, [(-30, ne(0.36))]))
    assert (day["ne_min"], day["ne_max"], day["ne_total"]) == (0.008, 0.008, 0.15)


@pytest.mark.parametrize(("at", "inside"), [(20, 20), (20.5, 21)])
def test_a_minute_is_judged_by_the_range_that_stood_when_it_began(at, inside):
    patient = Blinded(days=[30, 1470]).play(20, [(-10, 67), (-5, wanted(65, 70))])
    patient.give(20, pressure(67.0))
    patient.give(at, wanted(70, 75))
    patient.tick(20)
    patient.now = 21
    (day,) = written(patient.play(34))
    assert (day["minutes_in"], day["minutes_below"]) == (inside, 30 - inside)


def test_what_is_unknown_counts_nowhere_and_shows_in_the_coverage():
    patient = Blinded(days=[100, 1540]).play(40, [(-30, ne(14.4)), (-10, 67), (-5, wanted(65, 70))])
    del patient.holds["map"]
    patient.play(104, quiet={"N"})
    (day,) = written(patient)
    # The last pump message came at 39 and is trusted for fifteen minutes; bins end with minute 39.
    assert day["ne_coverage"] == pytest.approx(55, abs=1)
    assert day["ne_total"] == pytest.approx(55 * 0.3, abs=0.3)
    assert day["coverage"] == 40.0
    assert (day["study_ml"], day["map_mean"]) == (0.0, 67.0)


def test_nothing_known_is_none_and_not_zero():
    (day,) = written(Blinded(days=[10, 1450]).play(14))
    for key in ("ne_min", "ne_mean", "ne_total", "study_ml", "map_mean", "lactate_worst"):
        assert day[key] is None, key
    assert (day["coverage"], day["minutes_in"]) == (0.0, 0)


def test_worst_and_last_results():
    def entry(t, kind, value):
        return (t, Observe("S1", kind, value, "nurse"))

    patient = Blinded(days=[60, 1500]).play(
        90, [entry(5, "lactate", 4.0), entry(10, "sodium", 131.0), entry(20, "lactate", 5.5),
             entry(30, "lactate", 3.0), entry(31, "sodium", 128.0), entry(40, "creatinine", 200.0),
             entry(50, "creatinine", 180.0), entry(70, "lactate", 9.0)]
    )  # fmt: skip
    (day,) = written(patient)
    assert (day["lactate_worst"], day["lactate_last"]) == (5.5, 3.0)
    assert (day["sodium_worst"], day["sodium_last"]) == (128.0, 128.0)
    assert (day["creatinine_worst"], day["creatinine_last"]) == (200.0, 180.0)


def test_a_result_that_comes_after_midnight_belongs_to_the_day_it_was_measured_on():
    patient = Blinded(days=[60, 1500]).play(70)
    patient.give(70, Observe("S1", "lactate", 7.0, "nurse", at=ms(50)))
    patient.play(72)
    before, after = written(patient)
    assert (before["lactate_last"], "corrected" in before) == (None, False)
    assert (after["lactate_last"], after["corrected"], after["signed"]) == (7.0, True, None)
    first, second = day_summaries(patient.subject)
    assert (first["lactate_last"], second["lactate_last"]) == (7.0, None)


def test_a_result_that_the_laboratory_takes_back_is_gone():
    patient = Blinded(days=[60, 1500]).play(10)
    told = [Sample("lactate", value, "good", ms(9)) for value in (9.0, None)]
    patient.give(10, Data("lab", "B1", (told[0],)))
    patient.play(20)
    assert day_summaries(patient.subject)[0]["lactate_worst"] == 9.0
    patient.give(20, Data("lab", "B1", (told[1],)))
    patient.play(64)
    (day,) = written(patient)
    assert (day["lactate_worst"], day["lactate_last"]) == (None, None)


def test_perfusion_pressure_has_a_mean_of_its_own():
    entry = (0, Observe("S1", "cvp", 12.0, "nurse"))
    changes = [(-10, 80), (-5, wanted(65, 70, "MPP")), entry]
    (day,) = written(Blinded(days=[30, 1470]).play(34, changes))
    assert (day["map_mean"], day["mpp_mean"], day["minutes_in"]) == (80.0, 68.0, 30)


def local_midnights(first, count):
    """Start and ends (ms) of `count` calendar days from `first` on, in Paris."""
    days = (first + timedelta(days=n) for n in range(count + 1))
    return [round(datetime(d.year, d.month, d.day, tzinfo=PARIS).timestamp()) * 1000 for d in days]


@pytest.mark.parametrize(
    ("randomised", "hours"),
    [
        ("2026-03-28T20:00+01:00", [24, 23, 24]),
        ("2026-10-24T20:00+02:00", [24, 25, 24]),
        # Randomised on the day itself.
        ("2026-03-29T20:00+02:00", [23, 24, 24]),
        ("2026-10-25T20:00+01:00", [25, 24, 24]),
    ],
)
def test_a_day_of_a_clock_change_has_23_or_25_hours(randomised, hours):
    start = datetime.fromisoformat(randomised)
    book = DayBook()
    zero, *ends = local_midnights(start, 3)
    book.open(zero, ends, round(start.timestamp()) * 1000)
    assert [(day.end - day.start) / (HOUR * MINUTE) for day in book.days] == hours


def hourly(patient, hours, *, start):
    """Only what the ward must see to know that time passes."""
    for hour in range(start, hours):
        patient._step([Tick(ZERO_MINUTE + hour * HOUR)], ms(hour * HOUR) + 2_000)


DAYS = [10 * HOUR + n * 24 * HOUR for n in range(8)]


def enrolled():
    return Blinded(days=DAYS, start=-5).play(1)


def test_every_day_is_written_once_and_d7_ends_the_protocol():
    patient = enrolled()
    hourly(patient, 200, start=1)
    assert [day["day"] for day in written(patient)] == list(range(8))
    assert [day["hours"] for day in written(patient)] == [24.0] * 8
    (end,) = (d for d in patient.decisions if isinstance(d, Phase) and d.phase == "ENDED")
    assert end.at == ms(DAYS[7])


def sign(patient, hour, day):
    return patient.give(hour * HOUR + 1, SignDay("S1", day, "coordinator"))


def forms(patient):
    return [(t / HOUR, what) for t, what, name in patient.told() if name == "DAY_FORM_DUE"]


def test_a_form_is_due_six_hours_after_the_end_of_its_day():
    patient = enrolled()
    hourly(patient, 18, start=1)
    assert forms(patient) == [(16, "raised")]
    assert patient.subject.alerts["DAY_FORM_DUE"].values == {"days": "D0"}
    sign(patient, 18, 0)
    assert forms(patient)[1:] == [((18 * HOUR + 1) / HOUR, "cleared")]
    assert day_summaries(patient.subject)[0]["signed"] == "coordinator"


def test_the_alert_stays_until_every_due_form_is_signed():
    patient = enrolled()
    hourly(patient, 42, start=1)
    sign(patient, 42, 0)
    assert "DAY_FORM_DUE" in patient.open()
    sign(patient, 43, 1)
    assert "DAY_FORM_DUE" not in patient.open()


def test_a_form_signed_in_time_is_never_due_and_the_last_one_is_after_the_end():
    patient = enrolled()
    hour = 1
    for day in range(7):
        hourly(patient, 11 + 24 * day, start=hour)
        hour = 11 + 24 * day
        sign(patient, hour, day)
    hourly(patient, 200, start=hour)
    assert patient.subject.phase == "ENDED"
    assert forms(patient) == [(184, "raised")]


@pytest.mark.parametrize("day", [-1, 8, 0])
def test_fault_a_day_that_is_not_over_cannot_be_signed(day):
    patient = enrolled()
    (refused,) = (d for d in sign(patient, 2, day) if isinstance(d, Refused))
    assert refused.code in {"BAD_VALUE", "BAD_TIME"}
    assert patient.subject.signed == {}


def test_an_early_end_writes_the_day_that_was_cut():
    patient = Blinded(days=[60, 1500]).play(40, [(-30, ne(14.4))])
    patient.give(40, End("S1", "physician", "died", outcome="death"))
    (day,) = written(patient)
    assert (day["day"], day["ne_total"]) == (0, pytest.approx(40 * 0.3))
    assert day["ne_coverage"] == 100.0


def test_a_patient_enrolled_late_has_a_gap_and_no_guess():
    patient = Blinded(days=[-5, 1435], start=-30).play(20, [(-30, ne(14.4))])
    # Randomised at T+0 in the order, but D0 is said to have ended before: nothing was counted.
    assert [day["ne_total"] for day in written(patient)] == [None]
    assert day_summaries(patient.subject)[1]["ne_total"] == pytest.approx(19 * 0.3)


def test_without_days_there_is_no_book():
    patient = Blinded().play(10, [(-30, ne(14.4))])
    assert (day_summaries(patient.subject), written(patient)) == ([], [])


def test_a_snapshot_changes_nothing():
    changes = [(-30, ne(14.4)), (-10, 67), (-5, wanted(65, 70)), (5, study(3))]
    whole = Blinded(days=[60, 1500]).play(70, changes)
    halves = Blinded(days=[60, 1500]).play(30, changes)
    halves.ward = Ward.restore(halves.ward.snapshot())
    halves.play(70)
    assert written(halves) == written(whole) != []
    assert day_summaries(halves.subject) == day_summaries(whole.subject)


flows = st.builds(
    Flowing,
    dose=st.none() | st.floats(0, 5),
    delivered=st.none() | st.floats(0, 5),
    study=st.none() | st.floats(0, 10),
    openly=st.none() | st.booleans(),
)


@given(st.lists(st.tuples(st.integers(-10, 600), flows), max_size=30))
@settings(max_examples=60)
def test_no_time_is_counted_twice_and_none_outside_the_days(steps):
    ends = [ZERO + n * 500 * MINUTE for n in range(1, 4)]
    book, now = DayBook(), ZERO
    book.open(ZERO, ends, ZERO)
    for wait, flowing in steps:
        now += wait * MINUTE
        book.flow(now, flowing)
    passed = (min(max(book.at, ZERO), ends[-1]) - ZERO) / MINUTE
    whole = [book.whole(day) for day in book.days]
    assert sum(day.dose.minutes for day in whole) <= passed + 1e-6
    for day in whole:
        assert day.dose.minutes <= 500
        assert day.study_minutes <= 500
        assert day.dose.mean is None or day.dose.low - 1e-9 <= day.dose.mean <= day.dose.high + 1e-9


@given(st.lists(st.floats(40, 110), max_size=50), st.integers(50, 70), st.integers(71, 90))
def test_every_known_minute_is_in_below_or_above(pressures, low, high):
    book = DayBook()
    book.open(ZERO, [ZERO + 1000 * MINUTE], ZERO)
    (day,) = book.days
    for value in pressures:
        day.press(Pressed(value, None, valid=True), PressureRange(low, high, "MAP", ZERO, ZERO))
    assert day.inside + day.below + day.above == day.valid == len(pressures)


def test_the_range_of_another_variable_is_not_mixed():
    patient = Blinded(days=[30, 1470]).play(
        34, [(-10, 80), (-5, wanted(65, 70)), (0, Range("S1", 65, 70, "physician", "MPP"))]
    )
    (day,) = written(patient)
    assert (day["minutes_above"], day["mpp_mean"]) == (0, None)
