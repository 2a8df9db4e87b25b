"""The inclusion window of the argipressin trial (reference G1): tables and limits."""

import pytest
from bedside import alerts, ms, pressure
from screening_stay import (
    HOUR,
    OPEN,
    OPENED,
    Stay,
    drug,
    lab,
    labs_until,
    limits,
    open_window,
    screen,
)

from monitor_daemon.core.decisions import Alert, Eligibility, Logged
from monitor_daemon.core.events import Data, Flow, Sample
from monitor_daemon.core.people import Associate, Correct

# --- the four tables of the reference -------------------------------------------------------


def test_g1_a_the_window_opens_when_the_last_criterion_is_documented():
    story = {
        -30: [screen(), drug(9.0), None],
        -10: [66.0],
        0: [limits()],
        20: [lab("lactate", 3.1)],
        60: [drug(12.0)],
        110: [lab("cardiac_index", 2.6)],
        230: [lab("lactate", 2.8)],
        420: [lab("cardiac_index", 2.7)],
        440: [lab("lactate", 2.5)],
        660: [lab("lactate", 2.4)],
        700: [lab("cardiac_index", 2.6)],
    }
    stay = Stay().play(-30, 840, story)
    assert stay.raised() == [
        (75, "ELIG_SCREEN"),
        (110, "ELIG_MET"),
        (650, "ELIG_WARN"),
        (770, "ELIG_WARN"),
        (830, "ELIG_EXPIRED"),
    ]
    met = next(d for d in stay.said(Eligibility) if d.verdict == "eligible")
    assert (met.deadline, met.conservative_deadline) == (ms(830), ms(780))
    assert [d.at for d in stay.said(Logged, "CONSERVATIVE_CLOCK")] == [ms(780)]


def test_g1_b_boundary_values():
    story = {
        -30: [screen(), drug(12.0), None],
        -10: [66.0],
        0: [limits()],
        10: [lab("cardiac_index", 2.3)],
        12: [lab("lactate", 2.0)],
        15: [lab("sodium", 120.0)],
        60: [lab("lactate", 2.1)],
        90: [lab("sodium", 119.0)],
    }
    stay = Stay().play(-30, 120, story)
    assert stay.raised() == [(-15, "ELIG_SCREEN"), (60, "ELIG_MET"), (90, "ELIG_LOST")]
    lost = stay.said(Alert)[-1]
    assert (lost.reason, lost.values) == ("Na 119 mmol/L", {"lost": "Na 119 mmol/L"})


def test_g1_c_a_base_dose_below_the_threshold_raises_nothing():
    story = {
        -30: [screen(weight_kg=75.0), drug(10.8), None],
        -10: [66.0],
        0: [limits()],
        10: [lab("cardiac_index", 2.6)],
        12: [lab("lactate", 3.0)],
    }
    assert Stay().play(-30, 180, story).raised() == []


#: G1-d until the inotrope: eligible from minute 12 on.
ELIGIBLE = {
    -30: [screen(), drug(14.4), None],
    -10: [66.0],
    0: [limits()],
    10: [lab("cardiac_index", 2.6)],
    12: [lab("lactate", 3.0)],
}


def test_g1_d_an_inotrope_is_started_and_stopped():
    story = {**ELIGIBLE, 60: [drug(5.0, "dobutamine")], 100: [drug(0.0, "dobutamine")]}
    stay = Stay().play(-30, 150, story)
    assert stay.raised() == [
        (-15, "ELIG_SCREEN"),
        (12, "ELIG_MET"),
        (65, "ELIG_LOST"),
        (105, "ELIG_MET"),
    ]
    assert "ELIG_LOST" in alerts(stay.decisions, "cleared")


def test_an_inotrope_that_pauses_for_a_minute_is_one_run():
    # 3.5: a pause of up to five minutes is bridged, and a run of five minutes is no bolus.
    story = dict(ELIGIBLE)
    for t in range(60, 100, 5):
        story |= {t: [drug(5.0, "dobutamine")], t + 4: [drug(0.0, "dobutamine")]}
    stay = Stay().play(-30, 130, story)
    lost = [(at, name) for at, name in stay.raised() if name == "ELIG_LOST"]
    assert lost == [(65, "ELIG_LOST")]


def test_what_devices_measured_goes_with_him_to_another_bed():
    # Cardiac index and lactate came from the devices of B1; of B2 nothing has come yet.
    def measured(signal, value):
        return Data("monitor", "B1", (Sample(signal, value, "good", ms(5)),))

    story = {
        -10: [drug(5.0), screen()],
        0: [drug(12.0), limits()],
        5: [measured("cardiac_index", 2.6), measured("lactate", 3.0)],
    }
    stay = Stay().play(-10, 20, story)
    assert stay.raised() == OPENED
    stay.give(21, Associate("S1", "B2", "nurse"))
    known = {
        kind: stay.subject.results.newest(kind, ms(21)) for kind in ("cardiac_index", "lactate")
    }
    assert known == {"cardiac_index": (ms(5), 2.6), "lactate": (ms(5), 3.0)}
    assert not stay.ward.state.beds["B2"].results.values


# --- the dose and its episode ---------------------------------------------------------------


def test_a_dose_that_was_high_before_screening_began_counts_from_its_start():
    stay = Stay().play(-40, -2, {-40: [drug(5.0)], -20: [drug(12.0)]})
    stay.play(-1, 5, {-1: [screen(), drug(12.0)]})
    assert stay.raised() == [(-1, "ELIG_SCREEN")]
    assert stay.said(Alert)[0].condition_since == ms(-20)


@pytest.mark.parametrize(("back", "lost"), [(104, []), (105, []), (106, [(105, "ELIG_LOST")])])
def test_a_dip_shorter_than_five_minutes_is_none(back, lost):
    stay = open_window(110, {100: [drug(11.0)], back: [drug(12.0)]})
    assert stay.raised() == OPENED + lost


def test_a_dip_does_not_restart_the_twelve_hours():
    story = {100: [drug(11.0)], 100 + 5 * HOUR + 59: [drug(12.0)]}
    stay = open_window(6 * HOUR + 120, {**story, **labs_until(9)})
    again = 100 + 5 * HOUR + 59 + 15
    expected = [(105, "ELIG_LOST"), (again, "ELIG_SCREEN"), (again, "ELIG_MET")]
    assert stay.raised() == OPENED + expected
    assert stay.said(Eligibility)[-1].deadline == ms(12 * HOUR + 6)


def test_six_hours_below_end_the_episode_and_a_new_one_has_its_own_clock():
    back = 100 + 6 * HOUR
    stay = open_window(back + 20, {100: [drug(11.0)], back + 1: [drug(12.0)], **labs_until(9)})
    assert stay.raised() == [
        *OPENED,
        (105, "ELIG_LOST"),
        (back + 16, "ELIG_SCREEN"),
        (back + 16, "ELIG_MET"),
    ]
    assert stay.said(Eligibility)[-1].deadline == ms(back + 1 + 12 * HOUR)


def test_nothing_comes_after_the_window_closed():
    story = {
        **labs_until(15),
        12 * HOUR + 30: [drug(12.0), drug(5.0, "dobutamine")],
        12 * HOUR + 60: [drug(0.0, "dobutamine")],
    }
    stay = open_window(14 * HOUR, story)
    expected = [
        *OPENED,
        (9 * HOUR + 6, "ELIG_WARN"),
        (11 * HOUR + 6, "ELIG_WARN"),
        (12 * HOUR + 6, "ELIG_EXPIRED"),
    ]
    assert stay.raised() == expected
    assert stay.said(Eligibility)[-1].verdict == "excluded"
    assert set(stay.subject.alerts) == {"ELIG_EXPIRED"}


def test_a_pump_that_is_not_heard_loses_nothing():
    stay = open_window(30)
    for t in range(31, 100):
        stay.give(t, pressure(66.0))
        stay.tick(t)
    stay.play(100, 140, {100: [drug(12.0)]})
    assert stay.raised() == OPENED


def test_a_rate_that_is_only_trusted_raises_nothing():
    """The pump spoke at 0 and then no more: at 15 its word is older than five minutes."""
    stay = Stay().play(-10, 0, OPEN)
    for t in range(1, 30):
        stay.give(t, pressure(66.0))
        stay.tick(t)
    assert stay.raised() == []
    assert stay.play(30, 30, {30: [drug(12.0)]}).raised() == []


# --- results --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "other", "valid", "name"),
    [("lactate", "cardiac_index", 4, "lactate"), ("cardiac_index", "lactate", 6, "CI")],
)
def test_a_result_is_valid_from_its_measurement(kind, other, valid, name):
    story = {t: [lab(other, 3.0)] for t in range(60, 400, 60)}
    measured = 6 if kind == "lactate" else 5
    last = measured + valid * HOUR
    assert open_window(last, story).raised() == OPENED
    stay = open_window(last + 1, story)
    assert stay.raised() == [*OPENED, (last + 1, "ELIG_LOST")]
    lost = stay.subject.alerts["ELIG_LOST"]
    assert lost.reason.startswith(name)
    assert lost.reason.endswith("(too old)")


@pytest.mark.parametrize(("value", "lost"), [(2.0, True), (2.1, False)])
def test_the_newest_result_decides_by_its_measurement(value, lost):
    late = {60: [lab("lactate", 3.0)], 90: [lab("lactate", value, measured=70)]}
    assert ((90, "ELIG_LOST") in open_window(95, late).raised()) is lost
    overtaken = {60: [lab("lactate", 3.0)], 90: [lab("lactate", value, measured=50)]}
    assert open_window(95, overtaken).raised() == OPENED


def test_a_corrected_result_moves_the_clock():
    wrong = {60: [Correct("S1", "lactate", ms(6), 1.3, "research", "typed wrongly")]}
    stay = open_window(150, {**wrong, 100: [lab("lactate", 2.5)]})
    assert stay.raised() == [*OPENED, (60, "ELIG_LOST"), (100, "ELIG_MET")]
    assert stay.said(Eligibility)[-1].deadline == ms(100 + 12 * HOUR)


def test_a_monitor_that_sends_the_index_every_minute_keeps_the_clock():
    def index(t):
        return Data("monitor", "B1", (Sample("cardiac_index", 2.6, "good", ms(t)),))

    story = {t: [index(t)] for t in range(7, 620)}
    story |= {t: [*story[t], lab("lactate", 3.0)] for t in (200, 400, 600)}
    stay = open_window(615, story | {5: [index(5)]})
    assert stay.said(Eligibility)[-1].deadline == ms(12 * HOUR + 6)


def test_a_result_that_was_too_old_when_the_dose_rose_starts_no_clock():
    story = {
        -480: [drug(5.0), screen(), limits(), lab("lactate", 3.0)],
        -470: [lab("lactate", 1.0)],
        0: [drug(12.0)],
        5: [lab("cardiac_index", 2.6)],
        40: [lab("lactate", 3.0)],
    }
    stay = Stay().play(-480, 60, story)
    assert stay.raised() == [(15, "ELIG_SCREEN"), (40, "ELIG_MET")]
    assert stay.said(Eligibility)[-1].deadline == ms(40 + 12 * HOUR)


# --- pressure and other drugs ---------------------------------------------------------------


@pytest.mark.parametrize(("back", "lost"), [(128, []), (140, [(133, "ELIG_LOST")])])
def test_half_an_hour_above_the_range_shows_that_the_dose_is_not_needed(back, lost):
    # MAP5 is above from 103 (three of five bins).
    stay = open_window(139, {100: [75.0], back: [66.0]})
    assert stay.raised() == OPENED + lost


def test_exactly_the_upper_limit_is_in_the_range_and_below_it_is_still_refractory():
    assert open_window(140, {60: [70.0], 100: [50.0]}).raised() == OPENED


def test_perfusion_pressure_needs_a_venous_pressure():
    story = {0: [drug(12.0), limits(50.0, 60.0, "MPP")], 40: [lab("cvp", 8.0)]}
    assert open_window(60, story).raised() == [(15, "ELIG_SCREEN"), (40, "ELIG_MET")]


@pytest.mark.parametrize(
    "name", ["vasopressin", "terlipressin", "dopamine", "epinephrine", "milrinone", "isoprenaline"]
)
def test_five_minutes_of_a_drug_that_excludes(name):
    stay = open_window(70, {60: [drug(2.0, name)]})
    assert stay.raised() == [*OPENED, (65, "ELIG_LOST")]
    assert name in stay.subject.alerts["ELIG_LOST"].values["lost"]


def test_four_minutes_of_it_are_none():
    assert (
        open_window(80, {60: [drug(2.0, "vasopressin")], 64: [drug(0.0, "vasopressin")]}).raised()
        == OPENED
    )


def test_levosimendan_acts_for_a_day_after_its_end():
    story = {
        -120: [drug(5.0), drug(2.0, "levosimendan"), screen()],
        -60: [drug(0.0, "levosimendan")],
    }
    stay = Stay().play(-120, -59, story)
    late = 23 * HOUR
    stay.play(
        -58,
        late + 10,
        {
            -58: [drug(5.0), drug(0.0, "levosimendan"), limits()],
            late - 30: [drug(12.0), lab("cardiac_index", 2.6), lab("lactate", 3.0)],
        },
    )
    assert stay.raised() == [(late - 15, "ELIG_SCREEN"), (late, "ELIG_MET")]


def test_a_blinded_infusion_counts_for_nothing():
    assert open_window(90, {30: [drug(4.5, "study")]}).raised() == OPENED


def test_an_unknown_drug_opens_no_window_and_closes_none():
    unknown = Data("pumps", "B1", flows=(Flow("x", "running", 5.0),))
    assert open_window(90, {30: [unknown]}).raised() == OPENED
    assert open_window(90, {3: [unknown]}).raised() == [(15, "ELIG_SCREEN")]


def test_other_vasopressors_are_shown_as_equivalent_for_a_person_to_decide():
    # 48 mL/h x 1000 ug/mL / 60 / 80 kg = 10 ug/kg/min of phenylephrine, by Goradia 1.0; + 0.2
    story = {60: [drug(9.6), drug(48.0, "phenylephrine")]}
    stay = open_window(80, story)
    assert stay.raised() == OPENED
    said = stay.said(Eligibility)[-1]
    assert said.criteria["equivalent"]["value"] == 1.2
    assert "Goradia 2021 without vasopressin" in said.criteria["equivalent"]["note"]
    assert (said.verdict, said.criteria["dose"]["holds"]) == ("unknown", None)
