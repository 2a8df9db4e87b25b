"""Patients who move by the hospital's ADT: HL7 v2.9 chapter 3, and whose values they are (0.7)."""

import pytest
from bedside import Bedside, alerts, enrolment, ms, pressure, pump
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_daemon.core.decisions import Alert, Failure, Logged, Phase, Refused
from monitor_daemon.core.events import MINUTE, Data, Moved
from monitor_daemon.core.people import Associate, End
from monitor_daemon.core.ward import Ward

#: A bed that is not ours.
AWAY = ""


def moved(event, bed=None, *, patient="P1", t=None, **more):
    return Moved(event, bed, patient=patient, at=None if t is None else ms(t), **more)


def logged(bedside, name):
    return [d for d in bedside.decisions if isinstance(d, Logged) and d.name == name]


def reasons(bedside):
    return [d.detail["reason"] for d in logged(bedside, "ADT_CONFLICT")]


def place(bedside, name="S1"):
    subject = bedside.ward.state.subjects[name]
    return subject.bed if subject.left is None else None


@pytest.fixture
def known():
    """S1 is enrolled with a token and ACTIVE in B1 since T+0."""
    return Bedside.active(patient="P1", until=40)


@pytest.fixture
def nameless():
    return Bedside.active(until=40)


@pytest.mark.parametrize("event", ["transfer", "update", "admit"])
def test_a_patient_is_found_by_his_token_and_moves(known, event):
    known.give(40, moved(event, "B2"))
    assert place(known) == "B2"
    (line,) = logged(known, "ASSOCIATION")
    assert line.detail == {"bed": "B2", "before": "B1", "since": ms(40), "reason": event}
    known.run(40, 60, mean=45.0, bed="B2")
    known.run(60, 61, mean=66.0, bed="B1")
    assert "FLOOR" in known.subject.alerts


def test_a_patient_without_token_is_found_by_the_bed_he_leaves(nameless):
    nameless.give(40, moved("transfer", "B2", prior_bed="B1"))
    assert place(nameless) == "B2"
    # From now on he is known.
    nameless.give(50, moved("update", "B3"))
    assert place(nameless) == "B3"


def test_an_event_of_another_patient_never_moves_one_who_has_a_token(known):
    for event in ("transfer", "discharge", "update", "cancel_transfer", "swap"):
        known.give(40, moved(event, "B1", prior_bed="B1", patient="P9"))
    known.give(41, moved("transfer", "B2", prior_bed="B1", patient="P9"))
    assert (place(known), known.subject.phase) == ("B1", "ACTIVE")


def test_an_old_prior_bed_in_an_update_or_admission_moves_nobody(nameless):
    """PV1-6 stays in the messages of a patient long after he has moved."""
    for event in ("update", "admit", "merge"):
        nameless.give(40, moved(event, "B2", prior_bed="B1", patient="P9"))
    assert place(nameless) == "B1"


def test_a_bed_that_is_not_ours_is_no_bed(known):
    known.give(40, moved("transfer", AWAY, prior_bed="B1"))
    assert place(known) is None
    out = known.run(40, 50, mean=45.0)
    assert alerts(out, "raised") == ["MAP_GAP"]
    assert known.subject.phase == "ACTIVE"


def test_the_same_bed_again_is_no_news(known):
    for event in ("update", "admit", "transfer"):
        known.give(40, moved(event, "B1", t=-500))
    assert logged(known, "ASSOCIATION") == []
    assert reasons(known) == []


def test_late_news_of_a_transfer_voids_what_the_old_bed_told_since(known):
    known.run(40, 60, mean=45.0)
    known.give(60, moved("transfer", "B2", t=40))
    voided = [d.name for d in known.decisions if isinstance(d, Alert) and d.transition == "voided"]
    assert sorted(voided) == ["FLOOR", "MAP_LOW"]
    counts = known.subject.ledger.counts
    assert "LOW" not in counts
    assert counts["UNKNOWN"] == 16  # 40 to 55; the last four minutes are not settled yet


def test_what_happened_before_his_present_stay_is_over(known):
    known.give(40, moved("transfer", "B2", t=40))
    known.run(40, 50, bed="B2")
    known.give(50, moved("transfer", "B3", t=39), moved("discharge", t=38))
    assert place(known) == "B2"
    assert reasons(known) == ["older than his present stay"] * 2


def test_an_event_of_the_future_is_one_of_now(known):
    known.give(40, moved("transfer", "B2", t=500))
    assert known.subject.attached == ms(40)


def test_a_discharge_ends_the_protocol_and_is_written_down(known):
    known.run(40, 45, mean=45.0)
    known.give(45, moved("discharge", "B1"))
    assert known.subject.phase == "ENDED"
    assert (known.subject.discharge, known.subject.left) == (ms(45), ms(45))
    (line,) = logged(known, "ended")
    assert line.detail == {"reason": "discharge", "actor": "ADT", "outcome": "discharge"}
    assert known.subject.alerts == {}
    assert alerts(known.decisions, "cleared") == ["FLOOR"]


def test_a_discharge_told_late_holds_from_when_it_was(known):
    known.run(40, 60, mean=45.0)
    known.give(60, moved("discharge", "B1", t=40))
    assert (known.subject.discharge, known.subject.left) == (ms(40), ms(40))
    voided = [d.name for d in known.decisions if isinstance(d, Alert) and d.transition == "voided"]
    assert "FLOOR" in voided
    assert known.subject.ledger.counts == {"IN": 40, "UNKNOWN": 20}
    assert known.subject.exposure.runs["norepinephrine"][-1][1] == ms(40)


def test_a_discharge_that_is_repeated_is_no_news(known):
    known.give(40, moved("discharge", "B1", t=39))
    told = len(known.decisions)
    known.give(41, moved("discharge", "B1", t=39), moved("update", "B1"), moved("admit", "B2"))
    assert known.decisions[told:] == []


def test_a_cancelled_discharge_opens_the_protocol_again(known):
    known.give(40, moved("discharge", "B1"))
    known.run(40, 50, mean=45.0)
    out = known.give(50, moved("cancel_discharge", "B1"))
    assert known.subject.phase == "ACTIVE"
    assert (known.subject.target, known.subject.discharge, place(known)) == (65.0, None, "B1")
    assert [d.phase for d in out if isinstance(d, Phase)] == ["ACTIVE"]
    (line,) = logged(known, "REOPENED")
    assert line.detail == {"phase": "ACTIVE"}
    # He was in his bed all the time: what it told is his, and the floor is raised now.
    (raised,) = [d for d in out if isinstance(d, Alert) and d.name == "FLOOR"]
    assert (raised.transition, raised.condition_since) == ("raised", ms(43))
    known.run(50, 60)
    assert "FLOOR" not in known.subject.alerts
    # Minute 39 had no bin yet when he was discharged at its end.
    assert known.subject.ledger.counts == {"IN": 45, "UNKNOWN": 1, "LOW": 10}


def test_a_discharge_can_be_cancelled_into_another_bed(known):
    known.give(40, moved("discharge", "B1"))
    known.give(50, moved("cancel_discharge", "B2"))
    assert (known.subject.phase, place(known), known.subject.attached) == ("ACTIVE", "B2", ms(50))


def test_the_time_of_a_cancellation_is_that_of_what_it_cancels(known):
    """HL7 EVN-6: the new bed of a patient whose discharge was cancelled is his from now on."""
    known.give(40, moved("discharge", "B1", t=40))
    known.run(40, 50, mean=45.0, bed="B2")
    known.give(50, moved("cancel_discharge", "B2", t=40))
    assert known.subject.attached == ms(50)
    known.give(51, moved("cancel_admit", "B2", t=-300))
    assert (known.subject.left, place(known)) == (ms(51), None)


@pytest.mark.parametrize("outcome", ["death", "withdrawal", "other"])
def test_no_cancelled_discharge_opens_what_a_person_ended(known, outcome):
    known.give(40, End("S1", "dr-x", "told by a person", outcome))
    known.give(41, moved("discharge", "B1"), moved("cancel_discharge", "B1"))
    assert known.subject.phase == "ENDED"
    assert reasons(known) == ["no discharge ended his protocol"]


def test_a_protocol_that_was_over_before_the_discharge_stays_over():
    bedside = Bedside.active(patient="P1", randomised=ms(-72 * 60 + 5), until=10)
    bedside.give(10, moved("discharge", "B1"))
    bedside.give(20, moved("cancel_discharge", "B1"))
    assert bedside.subject.phase == "ENDED"
    assert reasons(bedside) == ["his protocol had ended before"]


def test_after_his_protocol_a_patient_who_moves_leaves_his_pumps():
    bedside = Bedside.active(patient="P1", randomised=ms(-72 * 60 + 5), until=10)
    bedside.give(10, moved("transfer", AWAY))
    bedside.run(10, 20)
    assert bedside.subject.left == ms(10)
    assert bedside.subject.exposure.runs["norepinephrine"][-1][1] <= ms(10)


def test_the_transfers_of_the_standards_own_example(known):
    """HL7 v2.8 3.3.2 and 3.3.12: to SICU 01, cancelled, to SICU 02; EVN-6 is the same in all."""
    known.give(40, moved("transfer", "SICU-01", prior_bed="B1", t=38))
    assert place(known) == "SICU-01"
    known.run(40, 45)
    known.give(45, moved("cancel_transfer", "B1", prior_bed="SICU-01", t=38))
    assert (place(known), known.subject.attached) == ("B1", ms(38))
    known.give(46, moved("transfer", "SICU-02", prior_bed="B1", t=38))
    assert place(known) == "SICU-02"
    assert reasons(known) == []


def test_a_cancelled_transfer_gives_back_what_the_old_bed_told_meanwhile(known):
    known.give(40, moved("transfer", "B2"))
    known.run(40, 60, mean=45.0)
    out = known.give(60, moved("cancel_transfer", "B1", prior_bed="B2"))
    assert known.subject.attached == ms(40)
    (raised,) = [d for d in out if isinstance(d, Alert) and d.name == "FLOOR"]
    assert (raised.transition, raised.condition_since) == ("raised", ms(43))


def test_a_cancelled_admission_frees_the_bed_and_ends_nothing(known):
    known.give(40, moved("cancel_admit", "B1"))
    assert (place(known), known.subject.phase) == (None, "ACTIVE")


def two(bed="B2", **more):
    bedside = Bedside.active(patient="P1", until=5)
    bedside.give(5, enrolment("S2", bed, **more))
    return bedside


def test_an_exchange_that_is_older_than_one_of_the_stays_changes_nothing():
    bedside = two(patient="P2")
    bedside.give(10, moved("swap", "B2", t=4), moved("swap", "B1", patient="P2", t=4))
    assert (place(bedside), place(bedside, "S2")) == ("B1", "B2")
    assert len(reasons(bedside)) == 2


@pytest.mark.parametrize("other", [{"patient": "P2"}, {}])
def test_an_exchange_of_beds_moves_both(other):
    bedside = two(**other)
    bedside.give(
        10,
        moved("swap", "B2", prior_bed="B1"),
        moved("swap", "B1", prior_bed="B2", patient="P2"),
    )
    assert (place(bedside), place(bedside, "S2")) == ("B2", "B1")
    assert [bedside.ward.state.beds[b].holder for b in ("B1", "B2")] == ["S2", "S1"]
    assert reasons(bedside) == []


def test_an_exchange_with_a_patient_who_is_not_ours(known):
    known.give(
        40,
        moved("swap", "B1", prior_bed="B2", patient="P9"),
        moved("swap", "B2", prior_bed="B1"),
    )
    assert place(known) == "B2"
    assert known.ward.state.beds["B1"].holder is None


def test_a_bed_that_is_taken_changes_nothing():
    bedside = two(patient="P2")
    bedside.give(10, moved("transfer", "B2"))
    assert (place(bedside), place(bedside, "S2")) == ("B1", "B2")
    assert reasons(bedside) == ["bed B2 holds S2"]
    assert not [d for d in bedside.decisions if isinstance(d, Refused)]


def test_another_patient_told_to_lie_in_his_bed_is_written_down(known):
    known.give(40, moved("admit", "B1", patient="P9"))
    assert place(known) == "B1"
    assert reasons(known) == ["another patient is told to lie here"]


def test_a_transfer_without_a_bed_is_written_down(known):
    known.give(40, moved("transfer"))
    assert (place(known), reasons(known)) == ("B1", ["no bed is told"])


def test_a_merge_gives_him_his_new_token(known):
    known.give(40, moved("merge", patient="P7", prior_patient="P1"))
    assert known.subject.patient == "P7"
    assert [d.subject for d in logged(known, "ADT_MERGED")] == ["S1"]
    known.give(41, moved("transfer", "B2", patient="P7"))
    assert place(known) == "B2"


def test_two_of_ours_are_not_merged():
    bedside = two(patient="P2")
    bedside.give(10, moved("merge", patient="P2", prior_patient="P1"))
    assert bedside.subject.patient == "P1"
    assert reasons(bedside) == ["the same patient as S2"]


def test_events_about_others_are_counted_and_told_once_an_hour(known):
    for t in range(40, 110):
        known.give(t, moved("admit", "B9", patient="P9"))
    lines = [((d.at - ms(0)) // MINUTE, d.detail["events"]) for d in logged(known, "ADT_UNKNOWN")]
    assert lines == [(40, 1), (100, 60)]


def test_the_next_patient_of_a_bed_is_given_nothing_measured_before(known):
    """The pressure of S1 would have achieved the first target of S2 at once."""
    known.give(40, moved("transfer", "B2"))
    known.give(41, enrolment("S2", "B1", randomised=ms(41)))
    known.tick(41)
    assert known.ward.state.subjects["S2"].phase == "RESUS"
    assert known.bed.pressure.map5(ms(41) // MINUTE) is None
    assert known.bed.infusions.channels == {}
    # Nor what comes late.
    late = pressure(66.0, at=ms(39))
    known.give(42, pressure(66.0, at=ms(42)), pump(4.8, at=ms(42)))
    known.give(43, Data(late.link, late.bed, late.samples, buffered=True))
    known.run(43, 45)
    assert min(known.bed.pressure.bins) == ms(42) // MINUTE
    assert known.bed.infusions.exposure.runs["norepinephrine"][0][0] >= ms(42)


def test_a_patient_who_comes_is_given_nothing_that_his_new_bed_told_before(known):
    for t in range(40, 50):
        known.give(t, pressure(66.0), pump(4.8), pressure(45.0, bed="B2"), pump(9.0, bed="B2"))
        known.tick(t)
    known.give(50, moved("transfer", "B2", t=48))
    bed = known.ward.state.beds["B2"]
    assert {*bed.pressure.bins, *bed.pressure.open} == {ms(48) // MINUTE, ms(49) // MINUTE}
    (run,) = bed.infusions.exposure.runs["norepinephrine"]
    assert run[0] == ms(48)
    assert bed.infusions.courses["norepinephrine"].since == ms(48)
    assert alerts(known.decisions, "raised") == []


def test_a_bed_that_a_stranger_leaves_forgets_him():
    bedside = Bedside()
    bedside.run(-15, 0)
    bedside.give(0, moved("discharge", "B1", patient="P9"), enrolment())
    bedside.tick(0)
    assert bedside.subject.phase == "RESUS"


def test_a_bed_keeps_what_it_told_of_a_patient_before_he_was_enrolled():
    bedside = Bedside()
    bedside.run(-15, 0)
    bedside.give(0, moved("update", "B1", patient="P1"), enrolment(patient="P1"))
    bedside.tick(0)
    assert bedside.subject.phase == "ACTIVE"


def test_after_an_association_by_hand_nothing_older_is_his_either(nameless):
    nameless.run(40, 50, bed="B2", mean=45.0)
    nameless.give(50, Associate("S1", "B2", "nurse"))
    assert nameless.ward.state.beds["B2"].pressure.bins == {}


EVENTS = [
    "admit", "transfer", "discharge", "cancel_admit", "cancel_transfer", "cancel_discharge", "swap",
    "update", "merge",
]  # fmt: skip
patients = st.sampled_from([None, "P1", "P2", "P9"])
beds = st.sampled_from([None, AWAY, "B1", "B2", "B3"])
courses = st.lists(
    st.builds(
        moved,
        st.sampled_from(EVENTS),
        beds,
        patient=patients,
        t=st.none() | st.integers(0, 40),
        prior_bed=beds,
        prior_patient=patients,
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(courses, st.booleans())
def test_no_sequence_of_moves_fails_or_puts_two_patients_into_one_bed(course, tokens):
    bedside = two(patient="P2" if tokens else None)
    for t, event in enumerate(course, start=6):
        bedside.give(3 * t, event)
        bedside.give(3 * t + 1, pressure(66.0), pressure(50.0, bed="B2"), pump(4.8))
        bedside.tick(3 * t + 1)
        subjects = bedside.ward.state.subjects.values()
        here = [s.bed for s in subjects if s.left is None and s.phase != "ENDED"]
        assert len(here) == len(set(here))
        for subject in subjects:
            if subject.left is None and subject.phase != "ENDED":
                assert bedside.ward.state.beds[subject.bed].holder == subject.id
        for subject in subjects:
            for spans in subject.exposure.runs.values():
                assert all(start <= end for start, end in spans)
    assert not [d for d in bedside.decisions if isinstance(d, Failure | Refused)]
    twin = Ward.restore(bedside.ward.snapshot())
    assert twin.snapshot() == bedside.ward.snapshot()
