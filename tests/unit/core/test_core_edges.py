"""Edges of the pure core: the last minute of a grace, rounded doses, late news, moved patients."""

import pytest
from bedside import DRUGS, Bedside, alerts, enrolment, ms, pressure, pump

from monitor_daemon.core.decisions import Logged, Retrospective
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.events import MINUTE, SECOND, Flow, Moved, Tick
from monitor_daemon.core.infusion import Infusions
from monitor_daemon.core.outcomes import DAY, HOUR, free_days
from monitor_daemon.core.people import Associate, Observe
from monitor_daemon.engine.replay import judge_in_blocks

TABLE = DrugTable.parse(DRUGS)


def classes(bedside):
    """The ledger's letters of the minutes under protocol that are classed by now."""
    return bedside.subject.ledger.kept.lstrip("-")


def test_the_first_thirty_minutes_after_entering_active_titrate_and_the_next_one_is_high():
    """Minute classes of R4, intervals half open (0.2): T+0 to T+29; 80 mmHg is above 65 + 5."""
    bedside = Bedside.active(mean=80.0, until=50)
    assert classes(bedside) == "T" * 30 + "H" * 16


def test_the_first_fifteen_minutes_after_a_step_up_titrate_and_the_next_one_is_low():
    """Minute classes of R4: the target goes back to 65 at T+40, and 61 mmHg is below it."""
    bedside = Bedside.active(arm="permissive_vp01", until=10)
    bedside.give(10, Observe("S1", "crt", 2.0, "nurse"))
    bedside.run(10, 40, mean=61.0)
    bedside.give(40, Observe("S1", "crt", 3.5, "nurse"))
    bedside.run(40, 70, mean=61.0)
    assert (bedside.subject.target, bedside.subject.change) == (65.0, "step_up")
    assert classes(bedside)[40:] == "T" * 15 + "L" * 11


@pytest.mark.parametrize(
    ("rate", "early"),
    [(5.964, True), (5.970, False), (5.976, False)],
    ids=["0.0994", "0.0995", "0.0996"],
)
def test_a_start_is_early_by_the_dose_rounded_to_three_decimals(rate, early):
    """R5: 0.0995 and more is 0.100, which reaches the threshold of 0.1, rounded half up (0.3)."""
    bedside = Bedside.active(rate=1.2, until=30)
    for t in range(30, 55):
        bedside.give(t, pressure(66.0), pump(rate))
        if t >= 40:
            bedside.give(t, pump(4.5, channel="2", drug="vasopressin"))
        bedside.tick(t)
    assert ("VP_EARLY" in alerts(bedside.decisions, "raised")) is early
    logged = [d.name for d in bedside.decisions if isinstance(d, Logged)]
    assert ("VP_START_OK" in logged) is not early


def report(rate, **more):
    given = {"status": "running", "drug": "norepinephrine", "concentration": 60.0, "unit": "ug/mL"}
    return Flow("A", rate=rate, **{**given, **more})


@pytest.mark.parametrize("rate", [6.0, 3.0], ids=["the same", "a change"])
def test_news_of_three_minutes_ago_do_not_make_a_silent_pump_heard_now(rate):
    """0.7: a pump is silent by the time at which it said something, not by when that came."""
    pumps = Infusions()
    pumps.take("A", report(6.0), TABLE, 10 * MINUTE, 10 * MINUTE)
    pumps.take("A", report(rate), TABLE, 14 * MINUTE, 11 * MINUTE)
    assert pumps.fresh("norepinephrine", 16 * MINUTE)
    assert not pumps.fresh("norepinephrine", 16 * MINUTE + SECOND)
    assert pumps.silent(16 * MINUTE + SECOND) == ["A"]


@pytest.mark.parametrize(
    ("idle", "told"), [(60 * MINUTE, [2]), (60 * MINUTE + SECOND, [])], ids=["1 h", "1 h 1 s"]
)
def test_a_syringe_is_compared_with_those_of_the_last_hour(idle, told):
    """The page about CONC_CHANGE: compared are channels that carried the drug in the last hour."""
    pumps = Infusions()
    pumps.take("A", report(6.0), TABLE, 0, 0)
    pumps.take("A", report(0.0, status="stopped"), TABLE, MINUTE, MINUTE)
    later = MINUTE + idle
    pumps.take("B", report(6.0, concentration=120.0), TABLE, later, later)
    assert [change.ratio for change in pumps.changes] == told


def moved(event, bed, *, t, **more):
    return Moved(event, bed, at=ms(t), **more)


def test_a_transfer_dated_in_the_future_still_finds_who_leaves_the_bed():
    """HL7 EVN-6 by a hospital's clock that is an hour ahead of ours; nothing happens in advance."""
    bedside = Bedside.active(until=10)
    bedside.give(10, moved("transfer", "B2", t=70, patient="P1", prior_bed="B1"))
    assert (bedside.subject.bed, bedside.subject.attached) == ("B2", ms(10))


def test_a_discharge_dated_in_the_future_is_one_of_now():
    bedside = Bedside.active(patient="P1", until=10)
    bedside.give(10, moved("discharge", "B1", t=70, patient="P1"))
    assert (bedside.subject.discharge, bedside.subject.left) == (ms(10), ms(10))


def test_a_stranger_who_leaves_in_the_future_does_not_silence_his_bed_until_then():
    bedside = Bedside()
    bedside.run(-25, -20)
    bedside.give(-20, moved("discharge", "B1", t=60, patient="P9"))
    bedside.run(-15, 0)
    bedside.give(0, enrolment())
    bedside.tick(0)
    assert bedside.subject.phase == "ACTIVE"


def test_what_a_pump_measured_before_the_patient_came_is_not_heard_of_him_in_a_replay_either():
    """He came at T+40:30 and a station tells 45 s late what was so at T+40 and at T+40:27."""
    stay = [(ms(t), [pump(4.8, bed="B2", at=ms(t))]) for t in range(30, 40)]
    stay += [
        (ms(40.75), [pump(4.8, bed="B2", at=ms(40))]),
        (ms(40.8), [Associate("S1", "B2", "nurse", since=ms(40.5))]),
        (ms(41) + 2 * SECOND, [Tick(ms(41) // MINUTE)]),
        (ms(41.2), [pump(4.8, bed="B2", at=ms(40.45))]),
    ]
    live, again = (Bedside.active(until=30).ward for _ in range(2))
    for t, inputs in stay:
        live.step(inputs, t)
    list(judge_in_blocks(again, stay))
    for ward in (live, again):
        # Five minutes after the report that came at T+40:45 and not after the next one.
        assert not ward.state.beds["B2"].infusions.fresh("norepinephrine", ms(46))
    assert again.snapshot() == live.snapshot()


def test_a_drug_that_begins_in_the_instant_of_discharge_did_not_run_when_he_was_last_seen():
    """R8: he left off the drug; eight minutes given later are listed and use no period."""
    left = 100 * HOUR
    runs = {"norepinephrine": [(0, 40 * HOUR), (left, left + 8 * MINUTE)]}
    found = free_days(runs, [], 0, discharge=left)
    assert (found.main, found.periods.used, found.periods.undecided) == (26, (1, 2), ())
    assert found.periods.assumed == tuple(range(left // DAY + 1, 29))
    assert [(d.period, d.end - d.start) for d in found.periods.short] == [(5, 8 * MINUTE)]


def test_an_alert_that_was_voided_does_not_count_as_told():
    """The pressures were his after all: a floor that is over is written down (0.7)."""
    bedside = Bedside.active(until=60)
    bedside.run(60, 65, mean=48.0)
    bedside.run(65, 80)
    bedside.give(80, Associate("S1", None, "nurse", since=ms(60), reason="monitors exchanged"))
    assert alerts(bedside.decisions, "voided") == ["FLOOR"]
    bedside.give(81, Associate("S1", "B1", "nurse", since=ms(60), reason="they were not"))
    (again,) = [d for d in bedside.decisions if isinstance(d, Retrospective)]
    assert (again.name, again.raised_at, again.ended_at) == ("FLOOR", ms(63), ms(68))
