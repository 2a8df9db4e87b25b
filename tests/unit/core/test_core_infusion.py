"""Channels of one bed: sums, pauses, silence, syringes of something else."""

from decimal import Decimal

import pytest
from bedside import DRUGS
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.events import MINUTE, SECOND, Flow
from monitor_daemon.core.infusion import Dose, Infusions

TABLE = DrugTable.parse(DRUGS)
BRIDGE = 5 * MINUTE
PRESSORS = ("vasopressor", "vasopressin")
LONG_AGO = 60 * MINUTE


class Pumps(Infusions):
    """Infusions of a 60-kg patient, told and asked in one line."""

    def say(self, now, rate, key="A", drug="norepinephrine", status="running", **more):
        strength = more.get("concentration", 60.0)
        flow = Flow(key, status, rate, drug, strength, more.get("unit", "ug/mL"))
        self.take(key, flow, TABLE, now, now)
        self.settle(now, BRIDGE)

    def at(self, now, drug="norepinephrine"):
        self.settle(now, BRIDGE)
        return self.dose(drug, 60.0)

    def since(self, drug="norepinephrine"):
        return self.courses[drug].since


@pytest.fixture
def pumps():
    """Norepinephrine 6 mL/h, 0.100 ug/kg/min, on channel A since T+0."""
    made = Pumps()
    made.say(0, 6.0)
    return made


def test_channels_of_one_drug_are_summed_while_they_overlap(pumps):
    pumps.say(MINUTE, 3.0, key="B")
    assert pumps.at(MINUTE).known == Decimal("0.150")
    pumps.say(7 * MINUTE, 0.0, status="stopped")
    assert pumps.at(7 * MINUTE).known == Decimal("0.050")


def test_the_last_dose_is_held_during_a_pause_of_less_than_five_minutes(pumps):
    pumps.say(10 * MINUTE, 0.0, status="paused")
    assert pumps.at(15 * MINUTE - SECOND).known == Decimal("0.100")
    assert pumps.on(PRESSORS) is True


@pytest.mark.parametrize("gap", [4 * MINUTE + 59 * SECOND, 5 * MINUTE])
@pytest.mark.parametrize("channel", ["A", "B"])
def test_a_restart_at_or_before_five_minutes_never_stopped(pumps, gap, channel):
    pumps.say(10 * MINUTE, 0.0, status="stopped")
    pumps.say(10 * MINUTE + gap, 6.0, key=channel)
    assert pumps.since() == 0
    assert pumps.at(10 * MINUTE + gap).known == Decimal("0.100")


def test_a_restart_after_five_minutes_and_a_second_is_a_new_course(pumps):
    restart = 15 * MINUTE + SECOND
    pumps.say(10 * MINUTE, 0.0, status="stopped")
    pumps.say(restart, 6.0)
    assert pumps.since() == restart


def test_a_stop_judged_after_five_minutes_is_dated_to_its_true_beginning(pumps):
    pumps.say(10 * MINUTE, 0.0, status="stopped")
    assert pumps.at(15 * MINUTE).known == 0
    assert pumps.on(PRESSORS) is False
    assert pumps.off_since(PRESSORS) == 10 * MINUTE
    assert pumps.since() is None


def test_off_since_is_the_last_stop_of_any_vasopressor(pumps):
    pumps.say(0, 4.5, key="V", drug="vasopressin", concentration=0.4, unit="U/mL")
    pumps.say(10 * MINUTE, 0.0, status="stopped")
    assert pumps.at(16 * MINUTE).known == 0
    assert pumps.off_since(PRESSORS) is None
    pumps.say(20 * MINUTE, 0.0, key="V", drug="vasopressin", status="stopped")
    pumps.at(25 * MINUTE)
    assert pumps.off_since(PRESSORS) == 20 * MINUTE


def test_off_since_the_pumps_are_heard_if_none_ever_ran():
    pumps = Pumps()
    pumps.say(3 * MINUTE, 0.0, status="stopped")
    pumps.say(9 * MINUTE, 5.0, key="D", drug="dobutamine")
    pumps.at(10 * MINUTE)
    assert pumps.off_since(PRESSORS) == 9 * MINUTE  # of channel D nothing was known before
    assert pumps.courses.keys() == {"dobutamine"}


def test_a_channel_reused_for_another_drug_carries_no_dose_across(pumps):
    pumps.say(10 * MINUTE, 6.0, drug="dobutamine", concentration=2000.0)
    pumps.at(15 * MINUTE)
    assert pumps.dose("norepinephrine", 60.0).known == 0
    assert pumps.dose("dobutamine", 60.0).known == Decimal("3.333")


@pytest.mark.parametrize(
    ("concentration", "unit"), [(0.0, "ug/mL"), (None, None), (60.0, None), (0.4, "U/mL")]
)
def test_a_syringe_of_unknown_strength_makes_the_dose_at_least(pumps, concentration, unit):
    pumps.say(MINUTE, 6.0, key="B", concentration=concentration, unit=unit)
    dose = pumps.at(MINUTE)
    assert (dose.known, dose.complete, dose.value) == (Decimal("0.100"), False, None)
    assert dose.at_least(Decimal("0.1")) is True
    assert dose.at_least(Decimal("0.3")) is None
    assert pumps.unknown() == ["B"]


def test_vasopressin_in_mass_units_is_no_dose():
    pumps = Pumps()
    pumps.say(0, 4.5, drug="vasopressin", concentration=0.4, unit="mg/mL")
    assert pumps.units_per_minute("vasopressin").value is None
    assert pumps.unknown() == ["A"]


def test_an_unknown_drug_makes_every_dose_at_least(pumps):
    pumps.say(MINUTE, 2.0, key="X", drug=None)
    assert pumps.at(MINUTE).at_least(Decimal("0.1")) is True
    assert pumps.at(MINUTE).at_least(Decimal("0.3")) is None
    assert pumps.dose("epinephrine", 60.0).value is None
    assert pumps.on(["vasopressin"]) is None
    assert pumps.unknown() == ["X"]


def test_a_drug_that_left_the_drug_file_is_unknown(pumps):
    pumps.say(MINUTE, 2.0, key="X", drug="no_longer_there")
    assert pumps.unknown() == ["X"]


def test_a_known_companion_drug_blurs_nothing(pumps):
    pumps.say(MINUTE, 20.0, key="P", drug="other", concentration=10.0, unit="mg/mL")
    assert pumps.at(MINUTE).value == 0.1
    assert pumps.unknown() == []


def test_nobody_asks_for_the_strength_of_a_companion_drug(pumps):
    pumps.say(MINUTE, 2.0, key="H", drug="other", concentration=None, unit=None)
    assert pumps.unknown() == []
    assert pumps.at(MINUTE).complete


def test_a_silent_pump_is_named_after_five_minutes(pumps):
    assert pumps.silent(5 * MINUTE) == []
    assert pumps.fresh("norepinephrine", 5 * MINUTE)
    assert pumps.silent(5 * MINUTE + SECOND) == ["A"]
    assert not pumps.fresh("norepinephrine", 5 * MINUTE + SECOND)


def test_a_silent_pump_is_trusted_for_fifteen_minutes_then_unknown(pumps):
    assert pumps.at(15 * MINUTE).value == 0.1
    assert pumps.at(16 * MINUTE).value is None
    assert pumps.on(PRESSORS) is None


def test_a_pump_that_speaks_again_is_known_again(pumps):
    pumps.at(30 * MINUTE)
    pumps.say(31 * MINUTE, 6.0)
    assert pumps.at(31 * MINUTE).value == 0.1
    assert pumps.since() == 0


def test_a_pump_silent_after_it_stopped_is_unknown_after_fifteen_minutes_too(pumps):
    pumps.say(10 * MINUTE, 0.0, status="stopped")
    assert pumps.at(25 * MINUTE).value == 0.0
    assert pumps.at(26 * MINUTE).value is None


def test_a_report_without_a_rate_does_not_count_as_news(pumps):
    pumps.say(14 * MINUTE, None)
    assert pumps.silent(14 * MINUTE) == ["A"]
    assert pumps.at(16 * MINUTE).value is None


@pytest.mark.parametrize("before", [None, 0.0], ids=["never heard", "stopped"])
@pytest.mark.parametrize(("drug", "known"), [("norepinephrine", False), ("other", True)])
def test_fault_a_pump_that_runs_at_no_readable_rate_gives_an_unknown_dose_never_0(
    before, drug, known
):
    pumps = Pumps()
    pumps.say(0, 1.0, "B", "other")
    if before is not None:
        pumps.say(0, before, drug=drug, status="stopped")
    pumps.say(MINUTE, None, drug=drug)
    assert pumps.at(MINUTE).complete is known
    assert pumps.on(PRESSORS) is (False if known else None)
    pumps.say(7 * MINUTE, 1.0, "B", "other")
    assert pumps.silent(7 * MINUTE) == ([] if known else ["A"])
    pumps.say(8 * MINUTE, 0.0, drug=drug, status="stopped")
    assert pumps.at(8 * MINUTE).value == 0.0


def test_fault_another_drug_without_a_rate_carries_no_dose_across(pumps):
    pumps.say(MINUTE, None, drug="vasopressin")
    assert pumps.at(MINUTE) == Dose(Decimal("0.000"), complete=False)


def test_an_old_report_without_a_rate_does_not_undo_a_newer_one(pumps):
    flow = Flow("A", "running", None, "norepinephrine")
    pumps.say(2 * MINUTE, 0.0, status="stopped")
    pumps.take("A", flow, TABLE, 2 * MINUTE, MINUTE)
    assert pumps.at(8 * MINUTE).value == 0.0


@pytest.mark.parametrize("status", ["kvo", "purge"])
def test_kvo_and_purge_are_no_dose(status):
    pumps = Pumps()
    pumps.say(0, 3.0, status=status)
    assert pumps.at(0).value == 0.0
    assert "norepinephrine" not in pumps.courses


def test_a_bolus_is_not_folded_into_the_dose(pumps):
    """A pump tells the bolus rate while it runs; the steady dose stays what it was."""
    pumps.say(MINUTE, 300.0, status="bolus")
    assert pumps.at(MINUTE).known == Decimal("0.100")


def test_kvo_at_the_end_of_a_syringe_is_bridged_like_a_pause(pumps):
    pumps.say(10 * MINUTE, 1.0, status="kvo")
    assert pumps.at(14 * MINUTE).known == Decimal("0.100")
    assert pumps.at(15 * MINUTE).known == 0


def test_the_longest_time_at_a_dose_is_found(pumps):
    six_ug_a_minute = Decimal(6 * 60)  # amounts are per hour
    pumps.say(10 * MINUTE, 3.0)
    pumps.say(20 * MINUTE, 6.0)
    pumps.say(24 * MINUTE, 3.0)
    assert pumps.reached("norepinephrine", six_ug_a_minute, 0, 30 * MINUTE) == (10 * MINUTE, True)
    later = pumps.reached("norepinephrine", six_ug_a_minute, 5 * MINUTE, 30 * MINUTE)
    assert later == (5 * MINUTE, True)
    assert pumps.reached("epinephrine", six_ug_a_minute, 0, 30 * MINUTE) == (0, True)


def test_a_time_of_unknown_dose_may_have_reached_it_but_not_surely(pumps):
    pumps.say(MINUTE, 3.0)
    pumps.say(2 * MINUTE, 2.0, key="X", drug=None)
    pumps.say(8 * MINUTE, 0.0, key="X", drug=None, status="stopped")
    assert pumps.reached("norepinephrine", Decimal(360), MINUTE, 20 * MINUTE) == (6 * MINUTE, False)


reports = st.lists(
    st.tuples(
        st.integers(1, 8 * 60),
        st.sampled_from("ABC"),
        st.one_of(st.none(), st.sampled_from([0.0, 3.0, 6.0, 250.0])),
        st.sampled_from(["norepinephrine", "vasopressin", "other", None, "nonsense"]),
        st.sampled_from(["running", "stopped", "kvo", "purge", "alarm", "off", "unknown"]),
        st.sampled_from(["ug/mL", "U/mL", None]),
    ),
    max_size=25,
)


@given(reports)
def test_any_run_of_reports_gives_a_dose_that_is_a_sum_or_unknown(told):
    pumps, now = Pumps(), LONG_AGO
    for seconds, key, rate, drug, status, unit in told:
        now += seconds * SECOND
        pumps.say(now, rate, key=key, drug=drug, status=status, unit=unit)
        dose = pumps.at(now)
        delivering = [
            c for c in pumps.channels.values() if c.rate > 0 and c.drug in {"norepinephrine", None}
        ]
        assert dose.known >= 0
        if any(c.drug is None or c.strength is None for c in delivering):
            assert dose.value is None
        for course in pumps.courses.values():
            assert course.run is None or course.since is not None
            assert course.run is None or course.since <= course.run
