"""Named faults: our own failures, clocks, restarts, repeats, two monitors, silent devices."""

import msgspec
import pytest
from bedside import (
    KEY,
    PERSONALISE,
    ZERO_MINUTE,
    Bedside,
    alerts,
    configuration,
    enrolment,
    ms,
    pressure,
    pump,
)

from monitor_daemon.core.condition import Verdict
from monitor_daemon.core.decisions import Alert, Failure, Logged
from monitor_daemon.core.events import MINUTE, SECOND, ClockStepped, Started
from monitor_daemon.core.people import End
from monitor_daemon.core.protocol import RuleKind
from monitor_daemon.core.rules import FAMILIES
from monitor_daemon.core.rules.family import Family

BOMB = """
[rules.BOMB]
kind = "bomb"
clause = "test"
class = "info"
phases = ["RESUS", "ACTIVE"]
"""


class Bomb(Family):
    """A rule with a fault of ours that shows for one subject only, while it is armed."""

    kind = RuleKind()
    armed = False

    def judge(self, moment, rule):
        if self.armed and moment.subject.id == "S1":
            raise ZeroDivisionError
        return Verdict(holds=False, clears=True)


@pytest.fixture
def bomb(monkeypatch):
    made = Bomb()
    monkeypatch.setitem(FAMILIES, "bomb", made)
    return made


def both(bedside, start, end, mean=66.0, rate=4.8):
    """Minutes of two beds: `mean` on bed B1 and 45 mmHg on bed B2."""
    out = []
    for t in range(start, end):
        out += bedside.give(t, pressure(mean), pump(rate), pressure(45.0, bed="B2"))
        out += bedside.tick(t)
    return out


def names(decisions, kind=Logged):
    return [d.name for d in decisions if isinstance(d, kind)]


@pytest.fixture
def failed(bomb):
    """S1 on B1 and S2 on B2; the judgement of S1 has just failed at minute 5."""
    bedside = Bedside(protocols={KEY: PERSONALISE + BOMB})
    bedside.give(0, enrolment(), enrolment("S2", "B2"))
    both(bedside, 0, 5)
    bomb.armed = True
    both(bedside, 5, 6)
    return bedside


def test_a_failing_rule_stops_the_judgement_of_its_subject_and_says_so(failed):
    assert [d for d in failed.decisions if isinstance(d, Failure)] == [
        Failure("S1", "ZeroDivisionError")
    ]
    assert alerts(failed.decisions) == ["NOT_MONITORED"]


def test_the_others_are_judged_on(failed):
    out = both(failed, 6, 20)
    assert alerts(failed.decisions, "raised", "S2").count("FLOOR") == 1
    assert "NOT_MONITORED" not in alerts(failed.decisions, subject="S2")
    assert alerts(out, "raised") == []


def test_he_is_judged_again_after_a_start(failed, bomb):
    bomb.armed = False
    assert alerts(both(failed, 6, 10)) == []
    failed.give(10, Started("1.0", stopped=ms(9)))
    assert alerts(both(failed, 10, 11), "cleared") == ["NOT_MONITORED"]
    both(failed, 11, 30)
    assert failed.subject.phase == "ACTIVE"
    assert failed.subject.failed is None


def test_a_fault_that_is_still_there_after_a_start_does_not_raise_twice(failed):
    failed.give(10, Started("1.0"))
    both(failed, 10, 15)
    assert alerts(failed.decisions, "raised").count("NOT_MONITORED") == 1
    assert alerts(failed.decisions, "cleared") == []


def test_fault_a_start_does_not_give_the_bed_back_to_a_patient_who_has_left_it(failed, bomb):
    failed.give(6, End("S1", "dr-x", "discharge"))
    failed.give(7, enrolment("S3", randomised=ms(7)))
    both(failed, 7, 12)
    begun = failed.ward.state.beds["B1"].begun
    failed.give(12, Started("1.0", stopped=ms(11)))
    bed = failed.ward.state.beds["B1"]
    assert (bed.holder, bed.begun, begun) == ("S3", ms(6), ms(6))
    assert sorted(bed.pressure.bins) == [ZERO_MINUTE + t for t in (7, 8, 9, 10)]


def test_fault_a_bed_that_begins_again_still_refuses_what_was_its_last_patients(failed, bomb):
    failed.give(6, End("S2", "dr-x", "discharge"))
    failed.give(7, enrolment("S3", bed="B2", randomised=ms(7)))
    failed.ward.state.beds["B2"].failed = "ZeroDivisionError"
    failed.give(12, Started("1.0", stopped=ms(11)))
    assert failed.ward.state.beds["B2"].begun == ms(6)


def test_the_end_clears_not_monitored_too(failed):
    failed.give(6, End("S1", "dr-x", "discharge"))
    both(failed, 6, 10)
    assert failed.subject.alerts == {}


def test_a_start_after_a_failure_clears_no_alert_by_its_empty_windows(bomb):
    bedside = Bedside(protocols={KEY: PERSONALISE + BOMB})
    bedside.give(0, enrolment())
    bedside.run(0, 60, mean=80.0)
    assert list(bedside.subject.alerts) == ["MAP_HIGH"]
    bomb.armed = True
    bedside.tick(60)
    bomb.armed = False
    bedside.give(61, Started("1.0"))
    bedside.run(61, 90, mean=None, rate=None)
    assert "MAP_HIGH" in bedside.subject.alerts


def test_a_patient_keeps_his_version_when_it_leaves_the_configuration():
    other = PERSONALISE.replace('id = "personalise"', 'id = "other"')
    bedside = Bedside(protocols={KEY: PERSONALISE, "other@2026-01-22.1": other})
    bedside.give(0, enrolment(), enrolment("S2", "B2", protocol="other"))
    both(bedside, 0, 3)
    bedside.give(3, configuration(protocols={"other@2026-01-22.1": other}))
    both(bedside, 3, 20)
    assert bedside.subject.phase == "ACTIVE"
    assert "NOT_MONITORED" not in alerts(bedside.decisions, "raised")
    assert "FLOOR" in alerts(bedside.decisions, "raised", "S2")


def test_a_followed_version_changed_without_a_new_name_stays_and_is_told():
    bedside = Bedside.active(until=3)
    changed = PERSONALISE.replace("floor = 50", "floor = 55")
    (told,) = bedside.give(3, configuration(protocols={KEY: changed}))
    assert (told.name, told.detail) == ("PROTOCOL_CHANGED", {"version": KEY})
    assert bedside.ward.rules(bedside.subject).parameters["floor"] == 50


def test_a_start_writes_the_outage():
    bedside = Bedside.active(until=10)
    (outage,) = bedside.give(30, Started("1.0", stopped=ms(10)))
    assert (outage.name, outage.detail) == ("OUTAGE", {"from": ms(10), "to": ms(30)})
    assert bedside.give(31, Started("1.0")) == []


def test_a_step_of_our_own_clock_is_logged():
    (entry,) = Bedside.active().give(2, ClockStepped(-3.5))
    assert (entry.name, entry.detail) == ("CLOCK", {"seconds": -3.5})


def stamped(bedside, start, end, offset, mean=66.0):
    """Minutes whose pressures carry a device time `offset` ms wrong."""
    out = []
    for t in range(start, end):
        out += bedside.give(t, pressure(mean, at=ms(t) + offset), pump(4.8))
        out += bedside.tick(t)
    return out


@pytest.mark.parametrize("offset", [-24 * MINUTE, 24 * MINUTE])
def test_a_device_clock_24_minutes_wrong_does_not_matter(offset):
    right, wrong = Bedside(), Bedside()
    for bedside, error in [(right, 0), (wrong, offset)]:
        bedside.give(0, enrolment())
        stamped(bedside, 0, 40, error)
        stamped(bedside, 40, 60, error, mean=60.0)
    assert wrong.decisions == right.decisions
    assert "MAP_LOW" in alerts(wrong.decisions)


@pytest.mark.parametrize("step", [-3600 * SECOND, 3600 * SECOND, -5 * MINUTE])
def test_a_jump_of_a_device_clock_is_logged_and_leaves_no_gap_and_no_duplicate(step):
    bedside = Bedside()
    bedside.give(0, enrolment())
    stamped(bedside, 0, 20, 0)
    out = stamped(bedside, 20, 40, step)
    (entry,) = [d for d in out if isinstance(d, Logged)]
    assert (entry.name, abs(entry.detail["seconds"])) == ("CLOCK", abs(step) / SECOND)
    assert alerts(bedside.decisions) == ["CLOCK"]
    alert = bedside.subject.alerts["CLOCK"]
    assert (alert.level, alert.raised_at) == ("info", ms(20))
    assert alert.values == {"link": "monitor", "seconds": entry.detail["seconds"]}
    assert sorted(bedside.bed.pressure.bins) == [ZERO_MINUTE + t for t in range(39)]
    assert all(len(values) == 1 for values in bedside.bed.pressure.open.values())


def test_a_jump_before_the_patient_came_is_not_told_of_him():
    bedside = Bedside()
    stamped(bedside, 0, 5, 0)
    stamped(bedside, 5, 10, 3600 * SECOND)
    bedside.give(10, enrolment())
    stamped(bedside, 10, 20, 3600 * SECOND)
    assert "CLOCK" in names(bedside.decisions)
    assert alerts(bedside.decisions) == []


def test_a_clock_set_back_while_the_link_was_down_makes_no_gap_that_lasts():
    bedside = Bedside()
    bedside.give(0, enrolment())
    stamped(bedside, 0, 20, 0)
    bedside.run(20, 40, mean=None)
    stamped(bedside, 40, 60, -10 * MINUTE)
    assert "CLOCK" in names(bedside.decisions)
    assert "MAP_GAP" not in bedside.subject.alerts


def test_messages_sent_twice_at_once_change_nothing():
    once, twice = Bedside(), Bedside()
    for bedside, times in [(once, 1), (twice, 2)]:
        bedside.give(0, enrolment())
        for t in range(60):
            mean = 66.0 if t < 30 else 48.0 if t < 45 else 250.0
            bedside.give(t, *[pressure(mean, at=ms(t)), pump(6.0)] * times)
            bedside.tick(t)
    assert {"FLOOR", "VP_DUE", "ART_CHECK"} <= set(alerts(once.decisions, "raised"))
    assert twice.decisions == once.decisions
    assert twice.bed.pressure.bins == once.bed.pressure.bins


def test_a_message_sent_again_a_second_later_adds_no_sample():
    bedside = Bedside.active(until=3)
    for t in range(3, 6):
        bedside.give(t, pressure(66.0, at=ms(t)))
        bedside.give(t + 1 / 60, pressure(66.0, at=ms(t)))
        bedside.tick(t)
    assert bedside.bed.pressure.open[ZERO_MINUTE + 5] == [66.0]


def test_a_pump_message_sent_again_is_no_sign_of_life():
    bedside = Bedside.active(until=3)
    last = pump(4.8, at=ms(3))
    for t in range(3, 20):
        bedside.give(t, pressure(66.0), last)
        bedside.tick(t)
    assert "PUMP_GAP" in alerts(bedside.decisions, "raised")


def test_an_old_pump_message_that_comes_late_does_not_undo_a_newer_one():
    bedside = Bedside.active(until=3)
    bedside.give(3, pump(12.0, at=ms(3)))
    bedside.give(3.1, pump(6.0, at=ms(2)))
    assert bedside.bed.infusions.dose("norepinephrine", 60.0).value == 0.2


@pytest.mark.parametrize(
    ("period", "need"),
    [(1.0, 30), (1.024, 30), (2.0, 15), (5.0, 6), (10.0, 3), (20.0, 2), (30.0, 1), (60.0, 1),
     (1.25, 24), (0.25, 120)],
)  # fmt: skip
def test_a_bin_needs_half_of_what_the_period_of_its_source_promises(period, need):
    for count, made in [(need - 1, False), (need, True)]:
        bedside = Bedside(periods={"monitor": period})
        bedside.give(0, pump(4.8))
        for n in range(count):
            bedside.give(n * period / 60, pressure(66.0))
        bedside.tick(1)
        assert (ZERO_MINUTE in bedside.bed.pressure.bins) is made


def test_an_unreadable_pressure_is_told_once_however_often_the_pump_speaks():
    """1 Hz, valid until half a minute, then fast flush; the pump reports every ten seconds."""
    bedside = Bedside(periods={"monitor": 1.0})
    bedside.give(0, enrolment())
    for second in range(150):
        if second % 60 == 0:
            bedside.tick(second // 60)
        bedside.give(second / 60, pressure(66.0 if second < 30 else 260.0))
        if second % 10 == 5:
            bedside.give((second + 0.5) / 60, pump(4.8))
    assert alerts(bedside.decisions) == ["ART_CHECK"]


@pytest.mark.parametrize("value", [-39.0, 801.0])
def test_numbers_that_no_patient_has_are_an_unreadable_pressure(value):
    bedside = Bedside.active(until=10)
    bedside.run(10, 14, mean=value)
    assert alerts(bedside.decisions, "raised") == ["ART_CHECK"]


def test_two_monitors_on_one_bed_make_one_pressure():
    bedside = Bedside.active(until=10)
    for t in range(10, 40):
        given = [pressure(90.0, link="second"), pump(4.8)]
        bedside.give(t, *([pressure(66.0)] if t < 25 else []), *given)
        bedside.tick(t)
    bins = bedside.bed.pressure.bins
    assert {bins[ZERO_MINUTE + t] for t in range(10, 25)} == {66.0}
    assert {bins[ZERO_MINUTE + t] for t in range(26, 39)} == {90.0}


def test_data_of_an_unknown_bed_or_of_nobody_is_kept_apart():
    bedside = Bedside.active(until=5)
    before = msgspec.json.encode(bedside.subject)
    bedside.give(4, pressure(30.0, bed=None), pump(99.0, bed="B7"))
    assert msgspec.json.encode(bedside.subject) == before
    assert [d for d in bedside.decisions if isinstance(d, Alert)] == []


def test_every_minute_of_the_strategy_has_one_class_also_the_last_ones():
    bedside = Bedside.active(until=30)
    bedside.give(30, End("S1", "dr-x", "discharge"))
    bedside.run(30, 40)
    assert sum(bedside.subject.ledger.counts.values()) == 30
