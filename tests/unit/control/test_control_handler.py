"""One handler for two doors, over a real ward: what is asked is answered with what came of it."""

import asyncio
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import msgspec
import pytest

from monitor_daemon.control.handler import Handler
from monitor_daemon.control.measured import meant
from monitor_daemon.core.decisions import Eligibility
from monitor_daemon.core.events import MINUTE, Configured
from monitor_daemon.core.people import Correct, Screen
from monitor_daemon.core.ward import Ward
from monitor_daemon.resources import protocols, text
from monitor_daemon.vault.vault import Sealer

#: 2026-09-21T14:13:00Z
NOW = 1_789_999_980_000
TOKEN = Sealer(bytes(32)).token
ENROL = {
    "command": "enrol", "actor": "dr-x", "subject": "S1", "bed": "b1", "protocol": "personalise",
    "arm": "usual_vp01", "weight_kg": 60.0,
}  # fmt: skip


class Judge:
    """A ward that answers at once, in place of the engine with its disk."""

    def __init__(self):
        self.ward = Ward()
        self.given = []
        self.clock = SimpleNamespace(now=lambda: NOW)
        self.ward.step([Configured(site="s", drugs=text("drugs.toml"), protocols=protocols())], NOW)

    def submit(self, inputs, original=None):
        del original
        self.given += inputs
        done = asyncio.get_running_loop().create_future()
        done.set_result([decision for _, decision in self.ward.step(inputs, NOW)])
        return done


@pytest.fixture
def judge():
    return Judge()


@pytest.fixture
def handler(judge):
    return Handler(judge, ("b1", "b2"), lambda: {"site": "s"}, ZoneInfo("Europe/Paris"), TOKEN)


async def ask(handler, **request):
    return await handler.handle(msgspec.json.encode(request), "uid 7")


def said(reply, kind):
    return [d for d in reply.result["decisions"] if d["decision"] == kind]


async def test_a_birth_date_goes_no_further_than_the_handler(handler, judge):
    reply = await ask(handler, **ENROL, birth_date="1966-09-22", admitted=True)
    assert reply.ok
    # The day before his sixtieth birthday.
    assert judge.ward.state.subjects["S1"].age == 59
    assert b"1966" not in msgspec.json.encode([judge.given, reply.result])
    assert b"1966" not in judge.ward.snapshot()


async def test_screening_is_answered_with_verdict_and_every_criterion(handler):
    reply = await ask(
        handler, command="screen", actor="a", subject="S1", bed="b1", protocol="personalise", age=17
    )
    (verdict,) = said(reply, "eligibility")
    # R7: age in whole years; nothing is known of pumps and admission.
    assert verdict["verdict"] == "excluded"
    assert verdict["criteria"]["age"]["holds"] is False
    assert set(verdict) <= {"decision", *Eligibility.__struct_fields__}


async def test_both_doors_do_the_same_and_say_which_they_were(handler, judge):
    fields = {key: value for key, value in ENROL.items() if key != "command"}
    _, answer = await handler.handle_message(
        "enrol", msgspec.json.encode({**fields, "request_id": "r1"})
    )
    assert msgspec.json.decode(answer)["ok"]
    await ask(handler, command="withdraw", actor="dr-y", subject="S1", reason="no consent")
    assert [given.actor for given in judge.given] == ["dr-x (mqtt)", "dr-y (uid 7)"]
    assert judge.given[1].outcome == "withdrawal"
    assert judge.ward.state.subjects["S1"].phase == "ENDED"


async def by_mqtt(handler, command, **fields):
    found = await handler.handle_message(command, msgspec.json.encode(fields))
    return None if found is None else msgspec.json.decode(found[1])


@pytest.mark.parametrize(
    "payload",
    [
        b"not json", b"[1]", b"{}", b'{"request_id": 7}', b'{"request_id": ""}', b"\xff",
        b'{"request_id": "two words"}', b'{"request_id": "a/#"}',
        b'{"request_id": "r", "x": 1e999}',
        b'{"request_id": "r", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)  # fmt: skip
async def test_what_cannot_be_answered_over_mqtt_is_not_done(handler, judge, payload):
    # "No answer means not done" (docs/reference/mqtt.md): so nothing may be done without one.
    fields = {key: value for key, value in ENROL.items() if key != "command"}
    if payload.startswith(b'{"request_id"'):
        payload = payload[:-1] + b"," + msgspec.json.encode(fields)[1:]
    assert await handler.handle_message("enrol", payload) is None
    assert judge.given == []


async def test_a_message_that_the_broker_brings_twice_is_done_once(handler, judge):
    await ask(handler, **ENROL)
    crt = {"actor": "nurse-7", "subject": "S1", "kind": "crt", "value": 2.0}
    first = await by_mqtt(handler, "observe", **crt, request_id="r1")
    again = await by_mqtt(handler, "observe", **crt, request_id="r1")
    assert first["ok"]
    assert again == {**first, "repeated": True}
    assert len(judge.given) == 2
    # Another request, and one that was refused, are taken as new.
    assert "repeated" not in await by_mqtt(handler, "observe", **crt, request_id="r2")
    assert len(judge.given) == 3
    for _ in range(2):
        answer = await by_mqtt(handler, "ack", actor="a", subject="S1", alert="X", request_id="r3")
        assert answer["code"] == "UNKNOWN_ALERT"
        assert "repeated" not in answer


async def permissive(handler):
    await ask(handler, **ENROL | {"arm": "permissive_vp01"})
    await ask(handler, command="achieved", actor="dr-x", subject="S1", reason="cuff")


CORRECT = {"command": "correct", "actor": "nurse", "subject": "S1", "reason": "misread"}


async def test_a_correction_finds_the_refill_time_that_it_means_within_minutes(handler):
    # Nobody knows the second in which he measured. NOW is 14:13:00.
    await permissive(handler)
    await ask(handler, command="observe", actor="n", subject="S1", kind="crt", value=2.0, at="-6")
    at = "2026-09-21T14:09:59Z"
    reply = await ask(handler, **CORRECT, kind="crt", value=3.5, at=at)
    (log,) = said(reply, "log")
    assert (log["name"], log["detail"]["measured"]) == ("crt_corrected", NOW - 6 * MINUTE)
    # 3.5 s is not below 3.0 and the target is the first one: R3 raises CRT_ABN.
    assert [alert["name"] for alert in said(reply, "alert")] == ["CRT_ABN"]


@pytest.mark.parametrize("at", ["-12", "2026-09-21T14:12:01Z"])
async def test_a_correction_of_another_time_moves_nothing(handler, at):
    await permissive(handler)
    await ask(handler, command="observe", actor="n", subject="S1", kind="crt", value=2.0, at="-6")
    reply = await ask(handler, **CORRECT, kind="crt", value=3.5, at=at)
    assert {d["decision"] for d in reply.result["decisions"]} == {"log"}


def test_to_ask_which_measurement_is_meant_changes_nothing(judge):
    # Nobody has judged him yet, so that nothing is remembered of his refill times.
    patient = Screen("S1", "b1", "argipressin", "nurse", weight_kg=60.0)
    judge.ward.step([patient], NOW)
    before = judge.ward.snapshot()
    asked = Correct("S1", "crt", NOW - MINUTE, 3.5, "nurse", "misread")
    assert meant(asked, judge.ward) == asked
    assert judge.ward.snapshot() == before


async def test_a_laboratory_value_is_corrected_and_never_added(handler, judge):
    await permissive(handler)
    observe = {"command": "observe", "actor": "n", "subject": "S1", "kind": "lactate"}
    await ask(handler, **observe, value=2.0, at="-90")
    await ask(handler, **observe, value=4.0, at="-30")
    assert (await ask(handler, **CORRECT, kind="lactate", value=3.0, at="-27")).ok
    values = judge.ward.state.subjects["S1"].results.values["lactate"]
    assert values == [(NOW - 90 * MINUTE, 2.0), (NOW - 30 * MINUTE, 3.0)]
    refused = await ask(handler, **CORRECT, kind="lactate", value=3.0, at="-60")
    assert refused.code == "BAD_TIME"
    assert refused.reason == (
        "lactate: none was measured at 2026-09-21T13:13:00.000Z; measured:"
        " 2026-09-21T12:43:00.000Z, 2026-09-21T13:43:00.000Z"
    )
    never = await ask(handler, **CORRECT, kind="sodium", value=140, at="-60")
    assert never.reason.endswith("measured: never")


async def test_the_status_by_mqtt_is_always_new_and_names_no_arm(judge):
    now = {"at": 0}

    def status():
        return {"at": now["at"], "subjects": {"S1": {"arm": "usual_vp01", "phase": "ACTIVE"}}}

    handler = Handler(judge, ("b1",), status, ZoneInfo("Europe/Paris"), TOKEN)
    assert (await ask(handler, command="status")).result["subjects"]["S1"]["arm"] == "usual_vp01"
    for at in (1, 2):
        now["at"] = at
        answer = await by_mqtt(handler, "status", request_id="r1")
        assert answer["result"] == {"at": at, "subjects": {"S1": {"phase": "ACTIVE"}}}


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"command": "end", "reason": ""}, "REASON_MISSING"),
        ({"command": "ack", "alert": "FLOOR", "reason": "  "}, "REASON_MISSING"),
        ({"command": "unblinding", "reason": "x", "told": " "}, "REASON_MISSING"),
        ({"command": "achieved", "reason": "two cuffs", "actor": "  "}, "BAD_REQUEST"),
    ],
)
async def test_a_reason_or_a_name_of_blanks_is_none(handler, judge, request_, code):
    await ask(handler, **ENROL)
    reply = await ask(handler, **{"actor": "a", "subject": "S1", **request_})
    assert (reply.ok, reply.code) == (False, code)
    assert len(judge.given) == 1


async def test_what_concerns_another_patient_is_not_answered(handler):
    await ask(handler, **ENROL)
    await ask(handler, **{**ENROL, "subject": "S2", "bed": "b2"})
    reply = await ask(
        handler, command="override", actor="a", subject="S2", target=70.0, reason="procedure"
    )
    assert {d["subject"] for d in reply.result["decisions"]} == {"S2"}
    assert [d["name"] for d in said(reply, "alert")] == ["TARGET_OVERRIDE"]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"command": "screen", "bed": "b9", "protocol": "personalise"}, "UNKNOWN_BED"),
        ({"command": "associate", "bed": "b9"}, "UNKNOWN_BED"),
        ({"command": "associate", "bed": "b1", "actor": ""}, "BAD_REQUEST"),
        ({"command": "code", "alert": "FLOOR", "cause": "BORED"}, "BAD_REQUEST"),
        ({"command": "code", "alert": "FLOOR", "cause": "ERR"}, "UNKNOWN_ALERT"),
        ({"command": "snooze", "alert": "FLOOR", "minutes": 5, "reason": "x"}, "UNKNOWN_ALERT"),
        ({"command": "override", "target": 70.0}, "REASON_MISSING"),
        ({"command": "override", "lift": True}, "NO_OVERRIDE"),
        ({"command": "exempt", "rule": "FLOOR", "reason": "x"}, "BAD_VALUE"),
        ({"command": "range", "low": 70.0, "high": 65.0}, "BAD_VALUE"),
        ({"command": "sign-day", "day": 0}, "BAD_TIME"),
        ({"command": "sign-day", "day": 8}, "BAD_VALUE"),
        ({"command": "end", "reason": "x", "outcome": "withdrawal"}, "BAD_REQUEST"),
        ({"command": "randomise"}, "ALREADY_ENROLLED"),
    ],
)
async def test_a_refusal_has_its_code(handler, request_, code):
    await ask(handler, **ENROL)
    reply = await ask(handler, **{"actor": "a", "subject": "S1", **request_})
    assert (reply.ok, reply.code) == (False, code)
