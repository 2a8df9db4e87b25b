"""What the entrance lets in of patients and alarms: tokens, aliases, numbers, words of lists."""

import sqlite3
from zoneinfo import ZoneInfo

import msgspec
import pytest
from engine_room import KEY, ZERO, engine_room
from hypothesis import given
from hypothesis import strategies as st

from drivers.hl7.driver import DRIVER as HL7
from monitor_daemon import resources
from monitor_daemon.control.handler import Handler
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.events import MINUTE, Alarmed, Data, Moved
from monitor_daemon.core.line import concerns_line, concerns_pump
from monitor_daemon.core.vocabulary import (
    Alarm,
    Identity,
    Infusion,
    PumpStatus,
    Reading,
    Unmapped,
)
from monitor_daemon.engine.entrance import Entrance, LinkMap
from monitor_daemon.engine.replay import Verification, verify
from monitor_daemon.vault.vault import Sealer

ZONE = ZoneInfo("Asia/Tokyo")
DRUGS = DrugTable.parse(resources.text("drugs.toml"))
TOKEN = Sealer(KEY).token
BEDS = {"SICU^0001^01": "bed-1", "SICU^0001^02": "bed-2"}
RECORD = "MRN-77120934"
#: 2026-09-21T14:13:00Z
AT, STAMP = ZERO, "2026-09-21T23:13:00"


def entrance(**more):
    return Entrance(LinkMap("adt", ZONE, **{"beds": BEDS, **more}), DRUGS, TOKEN)


def test_a_move_comes_in_with_aliases_and_tokens():
    row = Identity("transfer", RECORD, "SICU^0001^02^GHH", "SICU^0001^01", None, STAMP)
    assert entrance().admit([row]) == [Moved("transfer", "bed-2", "bed-1", TOKEN(RECORD), None, AT)]


def test_a_bed_that_is_not_ours_is_none_of_ours_and_one_not_told_is_unknown():
    """The link's own bed serves values, not patients who go elsewhere."""
    made = entrance(bed="bed-1")
    (away,) = made.admit([Identity("transfer", RECORD, "6N^1234^A")])
    (untold,) = made.admit([Identity("update", RECORD)])
    assert (away.bed, untold.bed, untold.patient) == ("", None, TOKEN(RECORD))
    assert made.counts.plain()["unknown_beds"] == {}


def test_a_merge_has_two_tokens():
    (given_,) = entrance().admit([Identity("merge", RECORD, prior_patient="OLD-1")])
    assert (given_.patient, given_.prior_patient) == (TOKEN(RECORD), TOKEN("OLD-1"))


def test_in_an_exchange_each_comes_from_the_others_bed():
    first, second = entrance().admit(
        [Identity("swap", "A", "SICU^0001^02"), Identity("swap", "B", "SICU^0001^01")]
    )
    assert (first.bed, first.prior_bed) == ("bed-2", "bed-1")
    assert (second.bed, second.prior_bed) == ("bed-1", "bed-2")


def test_a_message_with_values_keeps_both():
    rows = [
        Identity("update", RECORD, "SICU^0001^01"),
        Reading("heart_rate", 80.0, "1/min", "good", bed="SICU^0001^01"),
    ]
    move, data = entrance().admit(rows)
    assert isinstance(move, Moved)
    assert data.samples[0].value == 80.0


def transfer():
    """An HL7 A02 after the example of the standard's chapter 3, framed for MLLP."""
    lines = [
        "MSH|^~\\&|REGADT|GHH|IFENG||202609211413||ADT^A02^ADT_A02|1|P|2.8",
        "EVN|A02|202609212310||||202609212305",
        f"PID|||{RECORD}^^^GHH^MR||EVERYMAN^ADAM^A",
        "PV1||I|SICU^0001^02^GHH|||SICU^0001^01^GHH",
    ]
    return b"\x0b" + "".join(line + "\r" for line in lines).encode() + b"\x1c\r"


def test_a_transfer_from_the_wire():
    decoder = HL7.decoder("tcp", HL7.settings({}))
    rows = [*decoder.feed(transfer()), *decoder.finish()]
    # EVN-6 (23:05) is when it happened, local time of the link.
    assert entrance().admit(rows) == [
        Moved("transfer", "bed-2", "bed-1", TOKEN(RECORD), None, AT - 8 * MINUTE)
    ]


def alarmed(*rows, **more):
    (data,) = entrance(bed="bed-1", **more).admit(rows)
    return data.alarms


def test_an_alarm_comes_in_as_number_and_words_of_lists():
    row = Alarm("352", "** ABP DISCONNECT", "medium", None, "inhibited, silenced", STAMP)
    assert alarmed(row) == (Alarmed("352", None, ("inhibited", "silenced"), AT, arterial=True),)
    coded = Alarm("196916^MDC_EVT_SENSOR_DISCONN^MDC", "Art sensor off", "PM", "start", "active")
    assert alarmed(coded) == (Alarmed("196916", "start", ("active",), arterial=True),)


@pytest.mark.parametrize(
    ("text", "arterial"),
    [
        ("** ABP DISCONNECT", True), ("ART ZERO+CHECK CAL", True), ("disconnected (4A14)", True),
        ("disconnected (4A10)", True), ("Arterial line: no transducer", True),
        ("CVP DISCONNECT", False), ("disconnected (4A44)", False), ("PAP NO TRANSDUCER", False),
        ("START", False), ("PART", False), (None, False),
    ],
)  # fmt: skip
def test_only_an_alarm_that_names_the_arterial_pressure_is_of_its_line(text, arterial):
    assert alarmed(Alarm("352", text))[0].arterial is arterial


@pytest.mark.parametrize(
    ("code", "pump"),
    [("ALARM1.9", False), ("PREALARM.3", False), ("INA7", False), ("ALARM.8", False),
     ("AL_OCCLU", False), ("196940^MDC_EVT_FLUID_LINE_OCCL^MDC", True)],
)  # fmt: skip
def test_a_pumps_own_alarm_comes_in(code, pump):
    (alarm,) = alarmed(Alarm(code, "occlusion", state="active"))
    assert (concerns_pump(alarm), concerns_line(alarm)) == (pump, False)


def test_an_alarm_behind_a_pumps_rate_is_of_the_pumps_bed():
    rows = [Infusion("7", rate_ml_h=0.0, status=PumpStatus.ALARM), Alarm("ALARM1.9")]
    (data,) = entrance(channels={"7": "bed-2"}).admit(rows)
    assert (data.bed, data.alarms) == ("bed-2", (Alarmed("ALARM1.9"),))


def test_of_a_study_pump_no_alarm_comes_in():
    rows = [Infusion("S", rate_ml_h=3.0), Alarm("ALARM2.4", "dose limit")]
    made = Entrance(LinkMap("pumps", ZONE, bed="bed-1", study={"S"}), DRUGS, TOKEN)
    (data,) = made.admit(rows)
    assert data.alarms == ()


@pytest.mark.parametrize("code", ["Smith^John^", "EVERYMAN", RECORD, "A1234567", "", None])
def test_what_may_be_a_name_in_the_place_of_a_code_stays_out(code):
    made = entrance(bed="bed-1")
    (data,) = made.admit([Alarm(code, "Smith")])
    assert data == Data("adt", None) or data.alarms == ()
    assert made.counts.plain()["unmapped"] == {"alarm": 1}


@pytest.mark.parametrize(
    ("source", "counted"),
    [
        ("4711^Somebody's words^99MNDRY", "4711^99MNDRY"),
        ("4711", "4711"),
        ("^Lac^M", "(no code)^M"),
        ("^^^14118-4^Lactate^LN", "14118-4^LN"),
    ],
)
def test_an_unmapped_value_is_counted_by_its_code(source, counted):
    made = entrance(bed="bed-1")
    made.admit([Unmapped(source, "2.1", "mmol/L")])
    assert made.counts.plain()["unmapped"] == {counted: 1}


def test_words_that_no_list_has_stay_out():
    (alarm,) = alarmed(Alarm("352", None, None, "EVERYMAN", "ADAM, latched"))
    assert (alarm.phase, alarm.state) == ("update", ("latched",))


texts = st.none() | st.text(max_size=12)


@given(st.lists(st.builds(Alarm, texts, texts, texts, texts, texts), max_size=4))
def test_of_any_alarm_only_closed_words_come_in(rows):
    for data in entrance(bed="bed-1").admit(rows):
        for alarm in data.alarms:
            assert len(alarm.code) <= 13
            assert alarm.phase is None or alarm.phase.islower()
            assert set(alarm.state) <= {
                "inactive", "active", "latched", "inhibited", "suspended", "silenced", "test",
                "standby", "demo",
            }  # fmt: skip


@given(st.lists(st.builds(Identity, texts, texts, texts, texts, texts), min_size=1, max_size=3))
def test_any_identities_become_as_many_moves(rows):
    moves = entrance().admit(rows)
    assert len(moves) == len(rows)
    for move, row in zip(moves, rows, strict=True):
        assert move.patient == (TOKEN(row.patient) if row.patient else None)
        assert move.bed in {None, "", *BEDS.values()}


ENROL = {
    "command": "enrol", "actor": "nurse", "subject": "S1", "bed": "bed-1",
    "protocol": "personalise", "arm": "usual_vp01", "weight_kg": 60.0,
}  # fmt: skip


def asked(**more):
    return msgspec.json.encode({**ENROL, **more})


async def test_a_patient_is_enrolled_by_his_id_and_followed_and_it_stands_nowhere(tmp_path):
    async with engine_room(tmp_path) as room:
        token = room.vault.sealer.token
        handler = Handler(room.engine, ["bed-1", "bed-2"], dict, ZONE, token)
        reply = await handler.handle(asked(patient=f" {RECORD} "), "uid 7")
        assert reply.ok
        made = Entrance(LinkMap("adt", ZONE, beds=BEDS), DRUGS, token)
        rows = [Identity("transfer", RECORD, "SICU^0001^02", "SICU^0001^01", None, STAMP)]
        await room.engine.submit(made.admit(rows), ("adt", transfer()))
        subject = room.engine.ward.state.subjects["S1"]
        assert (subject.bed, subject.patient) == ("bed-2", token(RECORD))
        said = [reply, made.counts.plain(), [row.payload for row in room.offered]]
        assert RECORD.encode() not in msgspec.json.encode(said, enc_hook=str)
        assert RECORD.encode() not in room.engine.ward.snapshot()
        (kept,) = [await room.vault.read(*cited) for cited in citations(tmp_path)]
        assert RECORD.encode() in kept.raw
    assert list(verify(tmp_path / "journal.db", Verification())) == []
    for path in tmp_path.rglob("*"):
        assert RECORD.encode() not in path.read_bytes(), path.name


def citations(folder):
    connection = sqlite3.connect(folder / "journal.db")
    try:
        return connection.execute(
            "SELECT original, part FROM input WHERE original IS NOT NULL"
        ).fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize("command", ["screen", "enrol"])
async def test_a_patients_id_is_never_taken_from_the_broker(tmp_path, command):
    async with engine_room(tmp_path) as room:
        handler = Handler(room.engine, ["bed-1"], dict, ZONE, TOKEN)
        payload = {k: v for k, v in ENROL.items() if command == "enrol" or k != "arm"}
        line = msgspec.json.encode({**payload, "patient": RECORD, "request_id": "r1"})
        _, answer = await handler.handle_message(command, line)
        reply = msgspec.json.decode(answer)
        assert (reply["ok"], reply["code"]) == (False, "BAD_REQUEST")
        assert RECORD not in reply["reason"]


async def test_an_empty_id_is_refused(tmp_path):
    async with engine_room(tmp_path) as room:
        handler = Handler(room.engine, ["bed-1"], dict, ZONE, TOKEN)
        reply = await handler.handle(asked(patient="  "), "uid 7")
        assert (reply.ok, reply.code) == (False, "BAD_VALUE")
        assert (reply.reason or "").startswith("patient: empty")
