"""Technical alarms of the arterial line explain what it shows, and never for long."""

import pytest
from bedside import Bedside, alerts, ms, pressure, pump
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.core.decisions import Alert, Logged
from monitor_daemon.core.events import MINUTE, Alarmed, Data
from monitor_daemon.core.line import Line, concerns_line
from monitor_daemon.core.ward import Ward

#: Philips IntelliVue Data Export: no transducer, malfunction, disconnect, over range, artefact,
#: non-pulsatile, zero and check calibration.
PHILIPS = ["336", "338", "352", "364", "432", "442", "6664"]
#: ISO/IEEE 11073-10101, partition 3 (196608): disconnected, lead off, sensor off, sensor problem.
MDC = ["196630", "196880", "196916", "196920"]
#: High, low, noisy, reduced gain (Philips); low alarm limit, fluid line occlusion (MDC).
OTHERS = ["40", "62", "74", "6704", "196672", "196940", "ALARM1.9"]


def alarm(code="352", phase="start", *, bed="B1", link="monitor", arterial=True, **more):
    return Data(link, bed, alarms=(Alarmed(code, phase, arterial=arterial, **more),))


def raised(bedside, name):
    return [
        (d.at - ms(0)) // MINUTE
        for d in bedside.decisions
        if isinstance(d, Alert) and (d.name, d.transition) == (name, "raised")
    ]


def logged(bedside, name):
    return [d for d in bedside.decisions if isinstance(d, Logged) and d.name == name]


@pytest.fixture
def bedside():
    return Bedside.active(until=20)


def stand(bedside, start, end, mean, given):
    """Minutes in which `given` comes before each sample."""
    for t in range(start, end):
        bedside.give(t, given)
        bedside.run(t, t + 1, mean=mean)


@pytest.mark.parametrize("code", PHILIPS + MDC)
def test_a_technical_problem_of_the_line_explains_a_low_pressure(bedside, code):
    stand(bedside, 20, 40, 45.0, alarm(code, "continue"))
    # Without the alarm: FLOOR at 23 and MAP_LOW at 33. With it the pressure is missing.
    assert alerts(bedside.decisions, "raised") == ["MAP_GAP"]
    assert raised(bedside, "MAP_GAP") == [25]
    assert bedside.bed.pressure.rejected == {"flagged": 20}
    (begun,) = logged(bedside, "LINE_PROBLEM")
    assert begun.detail == {"bed": "B1", "link": "monitor", "code": code}


@pytest.mark.parametrize("code", OTHERS)
def test_an_alarm_that_says_nothing_of_the_line_hides_nothing(bedside, code):
    stand(bedside, 20, 30, 45.0, alarm(code, "continue"))
    assert raised(bedside, "FLOOR") == [23]
    assert logged(bedside, "LINE_PROBLEM") == []


def test_a_problem_of_another_pressure_hides_nothing(bedside):
    stand(bedside, 20, 30, 45.0, alarm(arterial=False))
    assert raised(bedside, "FLOOR") == [23]


def test_a_problem_of_another_bed_hides_nothing(bedside):
    stand(bedside, 20, 30, 45.0, alarm(bed="B2"))
    assert raised(bedside, "FLOOR") == [23]


@pytest.mark.parametrize("phase", ["end", "inactivate", "stop", "reset"])
def test_it_ends_when_its_end_is_told(bedside, phase):
    bedside.give(20, alarm())
    bedside.run(20, 22, mean=45.0)
    bedside.give(22, alarm(phase=phase))
    bedside.run(22, 30, mean=45.0)
    assert raised(bedside, "FLOOR") == [25]
    assert [d.at for d in logged(bedside, "LINE_PROBLEM_OVER")] == [ms(22)]


def test_fault_a_lost_end_blinds_us_for_five_minutes_and_no_longer(bedside):
    bedside.give(20, alarm())
    bedside.run(20, 40, mean=45.0)
    # Values of 20 to 24 are explained; three bins below the floor are those of 25, 26, 27.
    assert raised(bedside, "FLOOR") == [28]
    assert [d.at for d in logged(bedside, "LINE_PROBLEM_OVER")] == [ms(25)]


def test_an_alarm_of_a_list_that_comes_no_more_is_over_after_a_minute(bedside):
    """Philips repeats its list each second and tells no end."""
    stand(bedside, 20, 23, 45.0, alarm(phase=None, state=("silenced",)))
    bedside.run(23, 40, mean=45.0)
    assert raised(bedside, "FLOOR") == [26]


@pytest.mark.parametrize("state", ["inactive", "latched", "test", "standby", "demo"])
def test_what_only_signals_or_concerns_no_patient_hides_nothing(bedside, state):
    stand(bedside, 20, 30, 45.0, alarm(state=("inhibited", state)))
    assert raised(bedside, "FLOOR") == [23]


def test_never_lose_a_collapse_a_value_that_can_be_no_pressure_is_still_told(bedside):
    """Rule 2 of the filter: of a disconnected line that shows 5 mmHg, and of a patient."""
    stand(bedside, 20, 27, 5.0, alarm(phase="continue"))
    # Two samples in a row at one a minute; R1-f has it at the next minute, within tolerance.
    assert raised(bedside, "ART_CHECK") == [21]
    assert raised(bedside, "MAP_GAP") == [25]


def test_an_alert_that_is_open_stays_open_while_the_line_has_a_problem(bedside):
    bedside.run(20, 25, mean=45.0)
    stand(bedside, 25, 45, 70.0, alarm(phase="continue"))
    assert "FLOOR" in bedside.subject.alerts
    bedside.give(45, alarm(phase="end"))
    bedside.run(45, 50, mean=70.0)
    assert "FLOOR" not in bedside.subject.alerts


def two_monitors(bedside, start, end, given, *, mean=45.0):
    """Minutes in which a second monitor shows a line of its own at 66 mmHg."""
    for t in range(start, end):
        bedside.give(t, given, pressure(66.0, link="other"))
        bedside.run(t, t + 1, mean=mean)


@pytest.mark.parametrize(("link", "explained"), [("monitor", True), ("other", False)])
def test_a_problem_of_one_monitors_line_hides_nothing_of_anothers(link, explained):
    bedside = Bedside.active(until=20, configured={"ranks": {"monitor": 0, "other": 1}})
    bedside.give(20, pressure(66.0, link="other"))
    two_monitors(bedside, 20, 24, alarm(phase="continue", link=link))
    assert bedside.bed.pressure.rejected == ({"flagged": 1} if explained else {})
    assert (raised(bedside, "FLOOR") == []) is explained


def test_the_alarm_of_a_gateway_without_a_line_is_about_any_line(bedside):
    stand(bedside, 20, 24, 45.0, alarm(phase="continue", link="alarms"))
    assert bedside.bed.pressure.rejected == {"flagged": 4}


def test_a_value_measured_before_the_problem_is_the_patients(bedside):
    """It comes late, behind the alarm."""
    for t in range(20, 25):
        bedside.give(t, pressure(66.0, at=ms(t)), pump(4.8))
        bedside.tick(t)
    bedside.give(25.5, alarm(phase="continue"), pressure(64.0, at=ms(25)))
    bedside.run(26, 28, mean=None)
    assert bedside.bed.pressure.bins[ms(25) // MINUTE] == 64.0


def test_what_a_gateway_repeats_is_not_now(bedside):
    told = Data("monitor", "B1", alarms=(Alarmed("352", "start", arterial=True),), buffered=True)
    stand(bedside, 20, 30, 45.0, told)
    assert raised(bedside, "FLOOR") == [23]


@pytest.mark.parametrize("code", ["196634", "196688", "196940", "197334"])
def test_a_pumps_alarm_is_written_down_once_and_does_nothing(bedside, code):
    """ISO/IEEE 11073-10101: empty, occlusion, fluid line occlusion, infusion near complete."""
    before = bedside.bed.infusions.dose("norepinephrine", 60.0)
    for t, phase in ((20, "start"), (21, "continue"), (22, "end"), (23, "start")):
        bedside.give(t, alarm(code, phase, link="pumps", arterial=False))
        bedside.run(t, t + 1)
    assert [d.at for d in logged(bedside, "PUMP_ALARM")] == [ms(20), ms(23)]
    assert alerts(bedside.decisions, "raised") == []
    assert bedside.bed.infusions.dose("norepinephrine", 60.0) == before


def test_an_alarm_that_comes_with_a_pumps_rate_is_the_pumps(bedside):
    """B. Braun BCC: syringe empty, in every answer while it stands."""
    for t in range(20, 26):
        flows = pump(4.8).flows
        bedside.give(t, Data("pumps", "B1", flows=flows, alarms=(Alarmed("ALARM1.9"),)))
        bedside.tick(t)
    (line,) = logged(bedside, "PUMP_ALARM")
    assert (line.at, line.detail["code"]) == (ms(20), "ALARM1.9")


def test_a_block_with_an_alarm_leaves_the_same_state_as_one_by_one(bedside):
    start = bedside.ward.snapshot()
    block = []
    for t in range(20, 30):
        at = ms(t)
        told = pressure(45.0, systolic=70.0, diastolic=33.0, at=at)
        if t in {22, 24}:
            told = Data(told.link, told.bed, told.samples, alarms=alarm().alarms)
        block.append((at, told, ("", at, 45.0, 70.0, 33.0, True)))
    single, whole = Ward.restore(start), Ward.restore(start)
    said = [decision for at, told, _ in block for _, decision in single.step([told], at)]
    assert [decision for _, decision in whole.step_block(block)] == said
    assert whole.snapshot() == single.snapshot()
    assert {d.name for d in said} == {"LINE_PROBLEM", "LINE_PROBLEM_OVER"}


codes = st.sampled_from([*PHILIPS, *MDC, *OTHERS]) | st.text(max_size=12)
phases = st.none() | st.sampled_from(["start", "continue", "end", "update", "tpoint"])
states = st.lists(st.sampled_from(["active", "latched", "silenced", "test"]), max_size=2)
told = st.tuples(
    st.integers(0, 10 * MINUTE),
    st.builds(Alarmed, codes, phases, states.map(tuple), arterial=st.booleans()),
)


@given(st.lists(told, max_size=30), st.integers(0, 60 * MINUTE))
def test_no_sequence_of_alarms_explains_anything_for_longer_than_five_minutes(course, after):
    line, now, last = Line(), 0, None
    for step, each in course:
        now += step
        line.settle(now)
        if concerns_line(each):
            line.problem(each.code, each, now, own=False)
            last = now
        else:
            line.pump_alarm(each.code, each, now)
    doubted = line.doubts(now + after)
    assert not doubted or (last is not None and now + after < last + 5 * MINUTE)


@given(st.lists(told, max_size=10))
def test_any_alarms_leave_a_ward_that_judges(course):
    ward_bedside = Bedside.active(until=1)
    for t, (_, each) in enumerate(course, start=1):
        ward_bedside.give(t, Data("monitor", "B1", alarms=(each,)))
        ward_bedside.run(t, t + 1)
    assert ward_bedside.bed.failed is None
    assert ward_bedside.subject.failed is None
