"""Whose data they are: associations, late data, and the voiding of what was another's (0.7)."""

import pytest
from bedside import Bedside, alerts, enrolment, ms, pressure, pump

from monitor_daemon.core.decisions import Alert, Logged, Refused, Retrospective
from monitor_daemon.core.events import Data
from monitor_daemon.core.people import Associate


def late(mean, t):
    """A sample measured at minute `t`, delivered now by a gateway that says it was buffered."""
    given = pressure(mean, at=ms(t))
    return Data(given.link, given.bed, given.samples, buffered=True)


def told(bedside, name, transition):
    return [
        (d.at - ms(0)) // 60_000
        for d in bedside.decisions
        if isinstance(d, Alert) and (d.name, d.transition) == (name, transition)
    ]


def retrospective(bedside):
    return [
        (d.name, *((at - ms(0)) // 60_000 for at in (d.condition_since, d.raised_at, d.ended_at)))
        for d in bedside.decisions
        if isinstance(d, Retrospective)
    ]


@pytest.fixture
def gap():
    """A monitor with a clock of its own, silent for half an hour from minute 60 on."""
    bedside = Bedside.active(until=30)
    for t in range(30, 60):
        bedside.give(t, pressure(66.0, at=ms(t)), pump(4.8))
        bedside.tick(t)
    for t in range(60, 90):
        bedside.give(t, pump(4.8))
        bedside.tick(t)
    return bedside


def fill(bedside, means, until=90):
    bedside.give(until, *(late(mean, t) for t, mean in means))
    bedside.tick(until)


def test_a_deviation_that_is_over_is_written_down_and_nobody_is_told(gap):
    """R4-c in a buffer: 62 from minute 60 raises at 73, 66 from minute 80 clears at 86."""
    fill(gap, [(t, 62.0 if t < 80 else 66.0) for t in range(60, 90)])
    assert retrospective(gap) == [("MAP_LOW", 63, 73, 86)]
    assert told(gap, "MAP_LOW", "raised") == []
    counts = gap.subject.ledger.counts
    assert counts["LOW"] == 20
    assert "UNKNOWN" not in counts


def test_a_deviation_that_still_holds_is_raised_now_with_its_true_beginning(gap):
    fill(gap, [(t, 66.0 if t < 70 else 62.0) for t in range(60, 90)])
    assert retrospective(gap) == []
    (alert,) = [d for d in gap.decisions if isinstance(d, Alert) and d.name == "MAP_LOW"]
    assert (alert.transition, alert.at, alert.condition_since) == ("raised", ms(90), ms(73))


def test_a_floor_in_the_buffer_is_found_and_the_live_ones_are_not_repeated(gap):
    fill(gap, [(t, 48.0 if 70 <= t < 75 else 66.0) for t in range(60, 90)])
    # Raised after three bins below 50, cleared after three at or above it.
    assert retrospective(gap) == [("FLOOR", 73, 73, 78)]
    fill(gap, [(t, 48.0) for t in range(60, 90)], until=91)
    assert retrospective(gap) == [("FLOOR", 73, 73, 78)]


def test_values_older_than_a_day_are_not_judged():
    bedside = Bedside.active(until=5)
    bedside.give(5, pressure(66.0, at=ms(5)))
    bedside.run(6, 7)
    bedside.give(7, late(30.5, -1500))
    bedside.tick(7)
    assert retrospective(bedside) == []
    assert bedside.bed.pressure.rejected["too_late"] == 1


def test_the_wrong_patients_pressures_are_voided_and_their_minutes_unknown():
    bedside = Bedside.active(until=60)
    bedside.run(60, 80, mean=48.0)
    assert told(bedside, "FLOOR", "raised") == [63]
    bedside.give(80, Associate("S1", None, "nurse", since=ms(60), reason="monitors exchanged"))
    assert told(bedside, "FLOOR", "voided") == [80]
    assert "FLOOR" not in bedside.subject.alerts
    assert bedside.subject.ledger.counts == {"IN": 60, "UNKNOWN": 16}
    assert told(bedside, "MAP_GAP", "raised") == [80]  # he has had no pressure for 20 minutes
    out = bedside.run(80, 90, mean=48.0)
    assert alerts(out, "raised") == []
    assert bedside.subject.ledger.counts["UNKNOWN"] == 26


def test_an_alert_that_was_over_is_voided_too():
    bedside = Bedside.active(until=60)
    bedside.run(60, 65, mean=48.0)
    bedside.run(65, 80)
    assert told(bedside, "FLOOR", "cleared") == [68]
    bedside.give(80, Associate("S1", "B2", "nurse", since=ms(60)))
    assert told(bedside, "FLOOR", "voided") == [80]
    bedside.give(81, Associate("S1", "B1", "nurse"))
    assert told(bedside, "FLOOR", "voided") == [80]


def test_a_wrong_move_that_is_taken_back_shows_again_what_it_voided():
    bedside = Bedside.active(until=60)
    bedside.run(60, 80, mean=48.0)
    bedside.give(80, Associate("S1", None, "nurse", since=ms(60)))
    bedside.give(81, Associate("S1", "B1", "nurse", since=ms(60)))
    assert "FLOOR" in bedside.subject.alerts
    out = bedside.run(81, 90)
    assert bedside.subject.failed is None
    assert "FLOOR" in alerts(out, "cleared")


def test_what_the_right_bed_told_since_then_is_his():
    bedside = Bedside.active(until=40)
    for t in range(40, 70):
        bedside.give(t, pressure(66.0), pump(4.8), pressure(62.0, bed="B2"), pump(4.8, bed="B2"))
        bedside.tick(t)
    bedside.give(70, Associate("S1", "B2", "nurse", since=ms(40)))
    (alert,) = [d for d in bedside.decisions if isinstance(d, Alert) and d.name == "MAP_LOW"]
    assert (alert.transition, alert.at, alert.bed) == ("raised", ms(70), "B2")
    assert alert.condition_since == ms(43)
    assert bedside.subject.ledger.counts == {"IN": 40, "LOW": 26}
    (logged,) = [d for d in bedside.decisions if isinstance(d, Logged) and d.name == "ASSOCIATION"]
    assert (logged.detail["bed"], logged.detail["before"]) == ("B2", "B1")


def test_what_the_old_bed_delivered_before_stays_his_and_nothing_after():
    bedside = Bedside.active(until=40)
    bedside.run(40, 60)
    bedside.give(60, Associate("S1", None, "nurse", since=ms(50)))
    bedside.run(60, 70)
    (run,) = bedside.subject.exposure.runs["norepinephrine"]
    assert run == (ms(-15), ms(50))


def test_a_bed_that_holds_another_patient_is_refused():
    bedside = Bedside.active(until=5)
    bedside.give(5, enrolment("S2", "B2"))
    (refused,) = bedside.give(6, Associate("S2", "B1", "nurse"))
    assert isinstance(refused, Refused)
    assert refused.code == "BED_TAKEN"
    bedside.give(7, Associate("S1", None, "nurse"), Associate("S2", "B1", "nurse"))
    assert bedside.ward.state.subjects["S2"].bed == "B1"


@pytest.mark.parametrize("told", [76, 90], ids=["at once", "late"])
def test_who_lay_nowhere_has_the_minutes_of_his_new_bed_from_when_he_lay_there(told):
    """Of a bed at 58 mmHg; that a vasopressor ran there before it was told, its pumps know."""
    bedside = Bedside.active(until=60)
    bedside.give(60, Associate("S1", None, "nurse", reason="operation"))
    for t in range(60, 100):
        bedside.give(t, pressure(58.0, bed="B2", link="m2"), pump(4.8, bed="B2", link="p2"))
        if t == told:
            bedside.give(t + 0.5, Associate("S1", "B2", "nurse", ms(75), "back"))
        bedside.tick(t + 1)
    # Three minutes are not classed yet, and the one in which he came may be nobody's.
    assert bedside.subject.ledger.kept[-38:].lstrip("U")[-22:] == "L" * 22
