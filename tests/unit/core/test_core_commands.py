"""What people tell the core: every wrong command is answered with its code and changes nothing."""

import pytest
from bedside import PERSONALISE, VERSION, ZERO, Bedside, alerts, enrolment, ms, pump
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.core.decisions import Alert, Logged, Phase, Refused
from monitor_daemon.core.people import Acknowledge, End, Observe


def crt(value=2.0, **more):
    return Observe("S1", "crt", value, "nurse", **more)


def weight(value, reason="bed scale"):
    return Observe("S1", "weight", value, "nurse", reason=reason)


@pytest.fixture
def bedside():
    return Bedside.active("permissive_vp01")


WRONG = {
    "enrolled twice": (enrolment(bed="B2"), "ALREADY_ENROLLED", ["S1"]),
    "bed taken": (enrolment("S2"), "BED_TAKEN", ["B1", "S1", "end or move"]),
    "unknown arm": (enrolment("S2", "B2", "usual_vp1"), "UNKNOWN_ARM", ["usual_vp01?"]),
    "unknown protocol": (enrolment("S2", "B2", protocol="x"), "UNKNOWN_PROTOCOL", ["personalise@"]),
    "unknown version": (enrolment("S2", "B2", version="1"), "UNKNOWN_PROTOCOL", [VERSION]),
    "too light": (enrolment("S2", "B2", weight_kg=19.9), "BAD_VALUE", ["19.9 kg", "20 to 400"]),
    "too heavy": (enrolment("S2", "B2", weight_kg=401.0), "BAD_VALUE", ["401 kg"]),
    "weight is nan": (enrolment("S2", "B2", weight_kg=float("nan")), "BAD_VALUE", ["nan"]),
    "future randomisation": (enrolment("S2", "B2", randomised=ms(3)), "BAD_TIME", ["future"]),
    "floor below 50": (enrolment("S2", "B2", floor=49.0), "BAD_VALUE", ["49", "50"]),
    "floor is nan": (enrolment("S2", "B2", floor=float("nan")), "BAD_VALUE", ["nan"]),
    "subject is no topic": (enrolment("S 2", "B2"), "BAD_NAME", ["'S 2'"]),
    "subject is empty": (enrolment("", "B2"), "BAD_NAME", ["subject"]),
    "bed is no topic": (enrolment("S2", "B/2"), "BAD_NAME", ["bed", "'B/2'"]),
    "name is too long": (enrolment("S" * 65, "B2"), "BAD_NAME", ["64"]),
    "crt below 0.2": (crt(0.1), "BAD_VALUE", ["0.1 s", "0.2 to 20"]),
    "crt above 20": (crt(20.1), "BAD_VALUE", ["20.1 s"]),
    "crt is nan": (crt(float("nan")), "BAD_VALUE", ["nan"]),
    "crt from the future": (crt(at=ms(4)), "BAD_TIME", ["future"]),
    "unknown observation": (Observe("S1", "mood", 1.0, "nurse"), "BAD_VALUE", ["mood", "crt"]),
    "weight without reason": (weight(70.0, None), "REASON_MISSING", ["reason"]),
    "weight with empty reason": (weight(70.0, ""), "REASON_MISSING", ["reason"]),
    "implausible weight": (weight(4.0), "BAD_VALUE", ["4 kg"]),
    "sodium in the wrong unit": (Observe("S1", "sodium", 14.0, "nurse"), "BAD_VALUE", ["mmol/L"]),
    "observing a stranger": (Observe("S9", "crt", 2.0, "nurse"), "UNKNOWN_SUBJECT", ["S9"]),
    "acknowledging what is not open": (Acknowledge("S1", "FLOOR", "n"), "UNKNOWN_ALERT", ["FLOOR"]),
    "acknowledging for a stranger": (Acknowledge("S9", "MAP_LOW", "n"), "UNKNOWN_SUBJECT", ["S9"]),
    "ending a stranger": (End("S9", "n", "discharge"), "UNKNOWN_SUBJECT", ["S9"]),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_command_is_refused_with_code_and_reason(bedside, mistake):
    command, code, words = WRONG[mistake]
    bedside.give(1.5, pump(5.0))
    before = bedside.ward.snapshot()
    (refusal,) = bedside.give(1.5, command)
    assert isinstance(refusal, Refused)
    assert refusal.code == code
    for word in words:
        assert word in refusal.reason
    assert bedside.ward.snapshot() == before


@pytest.mark.parametrize("value", [0.2, 20.0])
def test_the_limits_of_crt_are_accepted(bedside, value):
    out = bedside.give(1.5, crt(value))
    assert not [d for d in out if isinstance(d, Refused)]


def test_a_floor_may_be_raised(bedside):
    bedside.give(1, enrolment("S2", "B2", floor=55.0))
    assert bedside.ward.rules(bedside.ward.state.subjects["S2"]).parameters["floor"] == 55


def test_the_newest_version_is_taken_unless_one_is_named():
    older = PERSONALISE.replace(VERSION, "2025-11-23.1")
    protocols = {f"personalise@{VERSION}": PERSONALISE, "personalise@2025-11-23.1": older}
    bedside = Bedside(protocols=protocols)
    bedside.give(0, enrolment("S1"), enrolment("S2", "B2", version="2025-11-23.1"))
    versions = {s.id: s.version for s in bedside.ward.state.subjects.values()}
    assert versions == {"S1": VERSION, "S2": "2025-11-23.1"}


def test_a_weight_counts_from_its_correction_on_and_is_logged_with_its_reason():
    bedside = Bedside.active(rate=6.0)
    (entry,) = bedside.give(1.5, weight(75.0, "bed scale"))
    assert isinstance(entry, Logged)
    assert entry.detail == {
        "before": 60.0,
        "after": 75.0,
        "dose_before": 0.1,
        "dose_after": 0.08,
        "reason": "bed scale",
    }
    # 6 mL/h of 60 ug/mL are 6 ug/min: 0.100 in 60 kg, 0.080 in 75 kg, so vasopressin is not due.
    assert "VP_DUE" not in alerts(bedside.run(2, 40, rate=6.0))


def test_acknowledging_an_event_alert_closes_it(bedside):
    bedside.give(1.5, crt(4.0))
    (opened,) = bedside.subject.alerts.values()
    out = bedside.give(2.5, Acknowledge("S1", "CRT_ABN", "dr-x", "seen"))
    assert [(d.transition, d.alert_id) for d in out if isinstance(d, Alert)] == [
        ("acknowledged", opened.alert_id),
        ("cleared", opened.alert_id),
    ]
    assert (out[0].actor, out[0].reason) == ("dr-x", "seen")
    assert bedside.subject.alerts == {}


def test_acknowledging_a_condition_alert_does_not_close_it(bedside):
    bedside.run(1, 31)
    (due,) = bedside.subject.alerts.values()
    assert due.name == "CRT_DUE"
    out = bedside.give(30.5, Acknowledge("S1", due.alert_id, "dr-x"))
    assert alerts(out) == ["CRT_DUE"]
    assert due.acknowledged_by == "dr-x"
    assert due.acknowledged_at == ms(30.5)
    assert list(bedside.subject.alerts) == ["CRT_DUE"]


def test_the_end_clears_everything_and_nothing_is_judged_after_it(bedside):
    bedside.run(1, 20, mean=45.0)
    assert {"FLOOR", "MAP_LOW"} <= set(bedside.subject.alerts)
    bedside.give(20.2, crt(4.0))
    open_before = set(bedside.subject.alerts)
    out = bedside.give(20.5, End("S1", "dr-x", "death"))
    assert set(alerts(out, "cleared")) == open_before
    assert [d.phase for d in out if isinstance(d, Phase)] == ["ENDED"]
    assert bedside.subject.alerts == {}
    assert bedside.run(21, 60, mean=35.0) == []
    refusals = bedside.give(61, crt(), weight(70.0), End("S1", "dr-x", "again"))
    assert [d.code for d in refusals] == ["ENDED"] * 3


def test_a_bed_is_free_again_after_the_end(bedside):
    bedside.give(2, End("S1", "dr-x", "discharge"))
    bedside.give(3, enrolment("S2", randomised=ms(3)))
    assert bedside.ward.state.subjects["S2"].bed == "B1"


texts = st.sampled_from(["S1", "B1", "MAP_LOW", "usual_vp01", "personalise", "", "x/y", "é"])
numbers = st.floats(allow_nan=True, allow_infinity=True)
times = st.one_of(st.none(), st.integers(ZERO - 10**9, ZERO + 10**9))
commands = st.one_of(
    st.builds(
        Observe, texts, st.sampled_from(["crt", "weight", "cvp", "x"]), numbers, texts, times, texts
    ),
    st.builds(Acknowledge, texts, texts, texts, texts),
    st.builds(End, st.sampled_from(["S2", "S1"]), texts, texts),
    st.builds(
        enrolment, texts, texts, texts,
        protocol=texts, weight_kg=numbers, randomised=times, floor=st.one_of(st.none(), numbers),
        overrides=st.dictionaries(st.sampled_from(["floor", "step", "x"]), numbers, max_size=1),
    ),
)  # fmt: skip


@given(st.lists(commands, max_size=6))
def test_no_command_is_an_exception(given_commands):
    bedside = Bedside()
    bedside.give(0, enrolment(), pump(6.0))
    for n, command in enumerate(given_commands, 1):
        bedside.give(n, command)
        bedside.tick(n)
    assert not [s for s in bedside.ward.state.subjects.values() if s.failed]
