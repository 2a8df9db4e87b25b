"""Decisions of a real ward as messages: contract section 5 and the shipped schemas."""

import json

import jsonschema
import pytest
from notify_scenario import DRUGS, ROOT, SITE, ZERO, Bedside, check, low_pressure

from monitor_daemon.clock import iso
from monitor_daemon.core.events import (
    MINUTE,
    Configured,
    Data,
    LinkChanged,
    Sample,
    Started,
    Tick,
)
from monitor_daemon.core.people import Acknowledge, End, Observe
from monitor_daemon.core.ward import Ward
from monitor_daemon.notify.messages import Composer
from monitor_daemon.resources import protocols

CONTRACT_KEYS = """
event_id alert_id sequence subject bed rule rule_version protocol params_hash kind class transition
reason text condition_since raised_at published_at target values window coverage actor
"""


def at(minute):
    return iso(ZERO + minute * MINUTE)


@pytest.fixture(scope="module")
def low():
    return low_pressure()


def test_an_event_has_exactly_the_keys_of_the_contract(low):
    (event,) = low.events(kind="MAP_LOW")
    assert set(event) | {"published_at"} == set(CONTRACT_KEYS.split())


def test_a_low_pressure_is_told_with_rule_times_and_values(low):
    # Scenario: 58 from minute 20. MAP5 is below 63 from minute 23, and R4 raises 10 minutes later.
    (event,) = low.events(kind="MAP_LOW")
    assert event["raised_at"] == at(33)
    assert event["condition_since"] == at(23)
    assert (event["rule"], event["rule_version"]) == ("R4", "2026-01-22.1")
    assert (event["class"], event["transition"], event["bed"]) == ("attention", "raised", "b1")
    assert event["values"] == {"map5": 58.0, "target": 65.0}
    assert event["coverage"] == 1.0
    assert event["text"] == (
        "Bed b1: MAP 58 mmHg, too far below the target of 65 for 10 min. Check."
    )


def test_an_open_alert_is_retained_and_a_cleared_one_is_emptied():
    low = low_pressure()
    (event,) = low.events(kind="MAP_LOW")
    topic = f"{ROOT}/subjects/S1/alerts/{event['alert_id']}"
    check("alert", low.retained()[topic])
    low.run(40, 55, 67.0)
    (cleared,) = low.events(kind="MAP_LOW", transition="cleared")
    assert cleared["alert_id"] == event["alert_id"]
    assert cleared["text"] == "Bed b1: MAP is back at the target of 65 mmHg."
    assert topic not in low.retained()
    (empty,) = (row for row in low.rows if row.topic == topic and not row.payload)
    assert empty.retain


def test_an_acknowledged_alert_stands_with_who_saw_it():
    low = low_pressure()
    low.step(40, Acknowledge(subject="S1", alert="MAP_LOW", actor="nurse-7"))
    (event,) = low.events(transition="acknowledged")
    assert event["actor"] == "nurse-7"
    assert event["text"].endswith("for 17 min. Check. Seen by nurse-7.")
    standing = low.retained()[f"{ROOT}/subjects/S1/alerts/{event['alert_id']}"]
    assert (standing["acknowledged_by"], standing["acknowledged_at"]) == ("nurse-7", at(40))
    state = low.retained()[f"{ROOT}/subjects/S1/state"]
    assert [alert["acknowledged"] for alert in state["open_alerts"]] == [True]


def test_after_a_start_what_stands_is_told_to_a_broker_that_may_have_forgotten_it():
    low = low_pressure()
    low.step(40, Acknowledge(subject="S1", alert="MAP_LOW", actor="nurse-7"))
    low.enrol(41, subject="S2", bed="b2")
    low.step(42, End(subject="S2", actor="physician-2", reason="discharge"))
    before = low.retained()
    # The daemon is killed, and its broker has lost all that it retained.
    low.composer, low.rows = Composer("icu1"), []
    rows = low.step(43, Started("0.1.0"))
    assert all(row.retain for row in rows)
    after = low.retained()
    assert after.keys() == before.keys()
    (topic,) = (topic for topic in before if "/alerts/" in topic)
    check("alert", after[topic])
    same = before[topic].keys() - {"text"}
    assert {key: after[topic][key] for key in same} == {key: before[topic][key] for key in same}
    assert after[topic]["text"].endswith("for 20 min. Check. Seen by nurse-7.")
    assert after[f"{ROOT}/subjects/S2/state"]["phase"] == "ENDED"
    assert low.events() == []


def test_sequence_counts_events_without_gaps_and_retained_rows_have_none(low):
    sequences = [row.sequence for row in low.rows if row.topic == f"{ROOT}/events"]
    assert sequences == list(range(1, len(sequences) + 1))
    assert {row.sequence for row in low.rows if row.topic != f"{ROOT}/events"} == {0}


def test_events_come_before_what_is_retained():
    bedside = Bedside()
    bedside.run(-15, 0, 67.0)
    bedside.enrol()
    bedside.run(0, 20, 67.0)
    bedside.run(20, 33, 58.0)
    rows = bedside.run(33, 34, 58.0)
    assert [row.topic.removeprefix(f"{ROOT}/").split("/")[0] for row in rows] == [
        "events", "recipients", "subjects", "subjects",
    ]  # fmt: skip
    assert [row.retain for row in rows] == [False, False, True, True]


def test_state_of_a_subject(low):
    # 4.8 mL/h of 60 ug/mL at 60 kg is 4.8 x 60 / 60 / 60 = 0.08 ug/kg/min.
    (event,) = low.events(kind="MAP_LOW")
    state = low.retained()[f"{ROOT}/subjects/S1/state"]
    check("state", state)
    state.pop("as_of")
    assert state == {
        "subject": "S1",
        "bed": "b1",
        "phase": "ACTIVE",
        "eligibility": None,
        "target": 65.0,
        "override": False,
        "range": None,
        "map5": 58.0,
        "dose": {"drug": "norepinephrine", "value": 0.08, "unit": "ug/kg/min"},
        # Norepinephrine alone counts one to one in every formula (3.4).
        "equivalents": [
            {
                "formula": formula,
                "unit": "ug/kg/min norepinephrine base equivalent",
                "value": 0.08,
                "with_vasopressin": vasopressin,
                "complete": True,
            }
            for formula in ("Khanna 2017", "Goradia 2021", "Kotani 2023")
            for vasopressin in (True, False)
        ],
        "study_rate_ml_h": None,
        "next_crt_due": None,
        "data_quality": {"monitored": True, "map": "known", "pumps": "known"},
        "open_alerts": [
            {
                "alert_id": event["alert_id"],
                "kind": "MAP_LOW",
                "class": "attention",
                "raised_at": at(33),
                "acknowledged": False,
                "snoozed_until": None,
            }
        ],
    }


def test_an_unchanged_state_is_not_sent_again():
    bedside = Bedside()
    bedside.run(-15, 0, 67.0)
    bedside.enrol()
    bedside.run(0, 5, 67.0)
    assert bedside.run(5, 20, 67.0) == []


def test_next_crt_is_told_where_the_protocol_asks_for_it():
    # Permissive arm: the first CRT is due 30 min after the target was set, whoever set it (R3).
    bedside = Bedside()
    bedside.run(-15, 0, 67.0)
    bedside.enrol(arm="permissive_vp01")
    bedside.run(0, 10, 67.0)
    topic = f"{ROOT}/subjects/S1/state"
    assert bedside.retained()[topic]["next_crt_due"] == at(30)
    bedside.step(10, Observe(subject="S1", kind="crt", value=2.0, actor="nurse-7"))
    state = bedside.retained()[topic]
    assert (state["target"], state["next_crt_due"]) == (60.0, at(40))


def test_composing_changes_nothing_in_the_ward():
    # The CRT schedule keeps notes when it is asked; messages must not change the record by asking.
    bedside = Bedside()
    bedside.run(-15, 0, 67.0)
    bedside.enrol(arm="permissive_vp01")
    bedside.run(0, 1, 67.0)
    restored = Ward.restore(bedside.ward.snapshot())
    before = restored.snapshot()
    tick = Tick(minute=ZERO // MINUTE + 1)
    assert Composer("icu1").publications(restored, [tick], [], ZERO + 90 * MINUTE, 1)
    assert restored.snapshot() == before


def test_missing_data_are_named_not_filled():
    bedside = Bedside()
    bedside.enrol()
    bedside.run(0, 20, None, rate=None)
    state = bedside.retained()[f"{ROOT}/subjects/S1/state"]
    assert (state["map5"], state["dose"]["value"]) == (None, None)
    assert state["data_quality"] == {"monitored": True, "map": "never_seen", "pumps": "never_seen"}


def test_an_internal_fault_is_told_as_not_monitored():
    bedside = low_pressure()
    # A memory of the wrong shape is our own fault; the subject is then no longer judged.
    bedside.ward.state.subjects["S1"].memory["Vasopressin"] = 7
    bedside.run(40, 41, 58.0)
    (event,) = bedside.events(kind="NOT_MONITORED")
    assert "NOT being monitored" in event["text"]
    state = bedside.retained()[f"{ROOT}/subjects/S1/state"]
    check("state", state)
    assert state["data_quality"] == {"monitored": False, "map": "unknown", "pumps": "unknown"}
    assert (state["map5"], state["dose"]["value"]) == (None, None)


def test_an_ended_subject_gets_his_last_state_once():
    low = low_pressure()
    rows = low.step(40, End(subject="S1", actor="physician-2", reason="discharge"))
    (cleared,) = low.events(kind="MAP_LOW", transition="cleared")
    assert cleared["text"] == "Bed b1: low MAP closed: the protocol has ended."
    assert [json.loads(r.payload)["phase"] for r in rows if r.topic.endswith("/state")] == ["ENDED"]
    assert low.run(41, 50, 58.0) == []
    assert list(low.retained()) == [f"{ROOT}/subjects/S1/state"]


def test_a_link_is_told_when_it_changes():
    (row,) = Bedside().step(0, LinkChanged("mon-b1", "silent", "nothing for 30 s"))
    assert row.topic == f"{ROOT}/links/mon-b1"
    content = json.loads(row.payload)
    check("link", content)
    assert content == {
        "link": "mon-b1", "state": "silent", "reason": "nothing for 30 s", "since": at(0)
    }  # fmt: skip


def test_a_link_that_was_removed_is_taken_away_at_the_next_start():
    bedside = Bedside()
    bedside.step(0, LinkChanged("mon-b1", "live", "messages arrive"))
    bedside.step(0, LinkChanged("mon-b2", "failed", "no such port"))
    now = Configured(site=SITE, drugs=DRUGS, protocols=protocols(), ranks={"mon-b1": 0})
    bedside.step(5, now)
    bedside.step(5, Started("0.1.0", stopped=ZERO))
    bedside.step(5, LinkChanged("mon-b1", "opening", ""))
    assert set(bedside.retained()) == {f"{ROOT}/links/mon-b1"}
    (empty,) = [row for row in bedside.rows if row.topic.endswith("mon-b2") and not row.payload]
    assert empty.retain


def test_every_message_of_a_long_day_fits_its_schema():
    bedside = Bedside()
    bedside.run(-15, 0, 67.0)
    bedside.enrol(arm="permissive_vp01")
    bedside.run(0, 10, 67.0)
    bedside.step(10, Observe(subject="S1", kind="crt", value=2.0, actor="nurse-7"))
    bedside.step(20, Observe(subject="S1", kind="crt", value=4.0, actor="nurse-7"))
    bedside.run(20, 60, 80.0, rate=6.0)
    bedside.run(60, 75, 38.0, rate=9.0)
    bedside.run(75, 110, None, rate=None)
    bedside.step(110, Data("mon", "b1", samples=(Sample("art_map", 5.0, "good"),)))
    seen = set()
    for row in bedside.rows:
        if not row.payload:
            continue
        content = json.loads(row.payload)
        if not row.retain:
            if row.topic == f"{ROOT}/events":
                seen.add(content["kind"])
                check("event", content | {"published_at": at(0)})
            else:
                check("push", content)
        else:
            check("state" if row.topic.endswith("/state") else "alert", content)
    assert {"STEP_DOWN", "STEP_UP", "MAP_HIGH", "FLOOR", "SEVERE_LOW", "MAP_GAP"} <= seen
    assert {"PUMP_GAP", "CRT_DUE", "CRT_OVERDUE", "VP_DUE"} <= seen


def test_no_message_names_the_arm():
    bedside = low_pressure()
    assert not [row for row in bedside.rows if b"usual_vp01" in row.payload]


def test_schemas_refuse_what_the_contract_does_not_name(low):
    (event,) = low.events(kind="MAP_LOW")
    for wrong in ({"patient": "Doe"}, {"sequence": 0}, {"class": "loud"}, {"bed": "3 West"}):
        with pytest.raises(jsonschema.ValidationError):
            check("event", event | {"published_at": at(0)} | wrong)
