"""What people are told in person, through a real ward; times are those of the case table in 5.3."""

import json

from notify_scenario import ROOT, ZERO, Bedside, check, low_pressure

from monitor_daemon.clock import iso
from monitor_daemon.core.events import MINUTE, HandOver, Tick
from monitor_daemon.core.people import (
    Acknowledge,
    Associate,
    Enrol,
    Override,
    Range,
    Screen,
    Snooze,
    Void,
)
from monitor_daemon.notify.roster import Duty

NURSES = Duty("bedside", ("nurses",))
DOCTOR = Duty("physician", ("dr-day",))


def at(minute):
    return iso(ZERO + minute * MINUTE)


def told(pushes):
    """(minute, kind, reason, role) of every item."""
    return [
        (push["at"], item["kind"], item["reason"], item["role"])
        for push in pushes
        for item in push["items"]
    ]


def test_the_first_push_goes_to_the_bedside_with_the_text_of_the_alert():
    low = low_pressure(duties=(NURSES, DOCTOR))
    (push,) = low.pushes("nurses")
    check("push", push)
    (event,) = low.events(kind="MAP_LOW")
    assert (push["subject"], push["bed"], push["at"]) == ("S1", "b1", at(33))
    assert push["text"] == event["text"]
    assert [item["alert_id"] for item in push["items"]] == [event["alert_id"]]
    assert low.pushes("dr-day") == []


def test_unacknowledged_it_is_repeated_and_escalated_together_30_minutes_later():
    # Reference 5.3: MAP_LOW is told again every 30 min and, unacknowledged, to the physician.
    low = low_pressure(duties=(NURSES, DOCTOR))
    low.run(40, 64, 58.0)
    assert told(low.pushes("nurses"))[1:] == [(at(63), "MAP_LOW", "escalated", "bedside")]
    assert told(low.pushes("dr-day")) == [(at(63), "MAP_LOW", "escalated", "physician")]
    assert low.pushes("dr-day")[0]["text"].endswith("Check. Nobody has acknowledged it yet.")
    (event,) = low.events(transition="escalated")
    assert event["text"] == low.pushes("dr-day")[0]["text"]


def test_what_is_told_again_is_the_pressure_of_now():
    low = low_pressure(duties=(NURSES, DOCTOR))
    low.run(40, 64, 50.0)
    (event,) = low.events(transition="escalated")
    assert event["text"].startswith("Bed b1: MAP 50 mmHg, too far below the target of 65 for 40 ")
    assert event["values"]["map5"] == 50.0
    (raised,) = low.events(kind="MAP_LOW", transition="raised")
    assert raised["values"]["map5"] == 58.0


def test_who_serves_two_roles_is_told_once():
    both = (Duty("bedside", ("nurses",)), Duty("physician", ("nurses",)))
    low = low_pressure(duties=both)
    low.run(40, 64, 58.0)
    assert told(low.pushes("nurses")) == [
        (at(33), "MAP_LOW", "first", "bedside"),
        (at(63), "MAP_LOW", "escalated", "bedside"),
    ]


def test_acknowledged_and_still_there_it_comes_back_as_persisting():
    low = low_pressure(duties=(NURSES, DOCTOR))
    low.step(40, Acknowledge("S1", "MAP_LOW", "nurse-7"))
    low.run(40, 101, 58.0)
    # Silent for one interval from the acknowledgement, persisting after two: 40 + 30, 40 + 60.
    assert told(low.pushes("nurses"))[1:] == [
        (at(70), "MAP_LOW", "repeat", "bedside"),
        (at(100), "MAP_LOW", "persisting", "bedside"),
    ]
    assert told(low.pushes("dr-day")) == [(at(100), "MAP_LOW", "persisting", "physician")]


def test_two_alerts_of_one_minute_are_one_message():
    bedside = Bedside(duties=(NURSES, DOCTOR))
    bedside.run(-15, 0, 67.0)
    bedside.enrol()
    bedside.run(0, 20, 67.0)
    bedside.run(20, 24, 38.0)
    pushes = bedside.pushes("nurses")
    (text,) = (push["text"] for push in pushes if len(push["items"]) == 2)
    assert text == (
        "Bed b1: MAP 38 mmHg, below 40 for 3 min; the target is 65. Look. Reminder."
        " Bed b1: MAP 38 mmHg, below the floor of 50 for 3 min; the target is 65. Look."
    )


def test_the_shift_that_comes_is_told_what_is_open():
    low = low_pressure(duties=(NURSES, DOCTOR))
    minute = ZERO // MINUTE + 40
    low.step(40, HandOver(("bedside",)), Tick(minute=minute))
    assert told(low.pushes("nurses"))[1:] == [(at(40), "MAP_LOW", "handover", "bedside")]
    assert low.pushes("nurses")[1]["text"].endswith("Open at the change of shift.")
    assert [e["reason"] for e in low.events(transition="repeated")] == ["handover"]


def test_nobody_is_told_in_person_without_a_roster():
    low = low_pressure(duties=())
    assert not [row for row in low.rows if "/recipients/" in row.topic]
    assert low.events(kind="MAP_LOW")


def test_no_push_names_the_arm_and_none_is_retained():
    low = low_pressure(duties=(NURSES, DOCTOR))
    low.run(40, 64, 58.0)
    rows = [row for row in low.rows if "/recipients/" in row.topic]
    assert rows
    assert not [row for row in rows if row.retain or row.sequence or b"vp0" in row.payload]


def standing(bedside, kind):
    (found,) = (
        content
        for topic, content in bedside.retained().items()
        if "/alerts/" in topic and content["kind"] == kind
    )
    check("alert", found)
    return found


def test_a_snoozed_alert_stands_with_its_end_until_that_is_over():
    low = low_pressure()
    low.step(40, Snooze("S1", "MAP_LOW", 20.0, "nurse-7", "line change"))
    (event,) = low.events(transition="snoozed")
    assert event["text"].endswith("Snoozed by nurse-7.")
    assert standing(low, "MAP_LOW")["snoozed_until"] == at(60)
    topic = f"{ROOT}/subjects/S1/state"
    assert low.retained()[topic]["open_alerts"][0]["snoozed_until"] == at(60)
    low.run(41, 64, 58.0)
    assert standing(low, "MAP_LOW")["snoozed_until"] is None
    assert low.retained()[topic]["open_alerts"][0]["snoozed_until"] is None


def test_a_voided_alert_stands_no_longer():
    low = low_pressure()
    low.step(40, Void("S1", "MAP_LOW", "physician-2", "transducer on the floor"))
    (event,) = low.events(transition="voided")
    check("event", event | {"published_at": at(40)})
    assert not [topic for topic in low.retained() if "/alerts/" in topic]


def test_an_override_is_shown_as_the_target_and_as_an_override():
    low = low_pressure()
    low.step(40, Override("S1", 60.0, "physician-2", "procedure"))
    topic = f"{ROOT}/subjects/S1/state"
    state = low.retained()[topic]
    check("state", state)
    assert (state["target"], state["override"]) == (60.0, True)
    assert standing(low, "TARGET_OVERRIDE")["text"].startswith(
        "Bed b1: a physician has set the MAP target to 60 mmHg; the protocol's is 65."
    )
    low.step(50, Override("S1", None, "physician-2"))
    state = low.retained()[topic]
    assert (state["target"], state["override"]) == (65.0, False)


def test_a_patient_without_a_bed_shows_nothing_of_the_one_who_lies_there():
    low = low_pressure()
    low.step(40, Associate("S1", None, "nurse-7"))
    low.step(41, Enrol("S2", "b1", "personalise", "usual_vp01", 80.0, "physician-2"))
    low.run(41, 50, 71.0)
    state = low.retained()[f"{ROOT}/subjects/S1/state"]
    check("state", state)
    assert (state["bed"], state["map5"], state["dose"]["value"]) == (None, None, None)
    assert low.retained()[f"{ROOT}/subjects/S2/state"]["map5"] == 71.0


def test_a_patient_under_screening_shows_verdict_deadline_and_criteria():
    bedside = Bedside()
    bedside.run(-15, 0, 67.0, rate=0.0)
    bedside.step(0, Screen("S1", "b1", "personalise", "nurse-7", 60.0, age=64, admitted=True))
    bedside.run(0, 5, 67.0, rate=0.0)
    bedside.run(5, 30, 67.0, rate=4.8)
    state = bedside.retained()[f"{ROOT}/subjects/S1/state"]
    check("state", state)
    assert state["phase"] == "PRE"
    found = state["eligibility"]
    assert found["verdict"] == "eligible"
    # R7: 3 h after the first continuous infusion, which began in minute 5.
    assert at(184) <= found["deadline"] <= at(186)
    assert found["criteria"]["age"]["value"] == 64
    assert found["criteria"]["age"]["holds"] is True


def test_a_blinded_protocol_shows_range_study_rate_and_no_vasopressin():
    bedside = Bedside()
    bedside.run(-15, 0, 67.0)
    bedside.step(
        0,
        Enrol("S1", "b1", "argipressin", "", 60.0, "physician-2"),
        Range("S1", 65.0, 70.0, "physician-2"),
    )
    bedside.run(0, 10, 67.0)
    state = bedside.retained()[f"{ROOT}/subjects/S1/state"]
    check("state", state)
    assert state["range"] == {"variable": "MAP", "low": 65.0, "high": 70.0, "confirmed": at(0)}
    assert [e["with_vasopressin"] for e in state["equivalents"]] == [False] * 3
    assert [e["value"] for e in state["equivalents"]] == [0.08] * 3
    assert state["study_rate_ml_h"] == 0.0
    assert "vasopressin" not in json.dumps(state).replace("with_vasopressin", "")
