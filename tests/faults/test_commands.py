"""Every command a person types, against the real daemon; what is refused, and the exit codes."""

import asyncio
import contextlib
import json
import stat
from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio
from site_process import Gateway, Site, arterial, message, tidy
from waiting import until

from monitor_daemon.control.requests import StatusRequest
from monitor_daemon.control.socket import ask
from monitor_daemon.core.errors import CommandError
from monitor_daemon.notify.broker import EmbeddedBroker

pytestmark = pytest.mark.asyncio(loop_scope="module")

BEDS = ("bed-1", "bed-2", "bed-3")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A daemon in which TAKEN lies in bed-3."""
    folder = tmp_path_factory.mktemp("commands")
    async with EmbeddedBroker(folder / "broker") as broker:
        made = Site(folder / "site", broker.settings, BEDS, speed=60.0)
        try:
            await made.start()
            await made.enrol("TAKEN", "bed-3", "usual_vp01")
            yield made
            assert await made.stop() == 0, made.log()
        finally:
            tidy(made.process)


async def subject(site, name):
    return (await site.status())["subjects"][name]


async def test_a_patient_s_course_by_commands(site):
    code, out, err = await site.command(
        "enrol",
        "S1",
        "--bed",
        "bed-1",
        "--arm",
        "permissive_vp01",
        "--weight",
        "60",
        "--actor",
        "a",
    )
    assert (code, out.splitlines()[0], err) == (0, "S1 is enrolled", "")
    # No pump was heard yet: whether he was eligible cannot be verified, and that is said.
    assert out.splitlines()[1].startswith("  verdict: unknown")
    found = await subject(site, "S1")
    assert (found["bed"], found["arm"], found["phase"]) == ("bed-1", "permissive_vp01", "RESUS")

    code, out, _ = await site.command("observe", "S1", "crt", "2.1")
    assert (code, out.splitlines()[0]) == (0, "crt 2.1 of S1 is stored")
    code, out, _ = await site.command("observe", "S1", "weight", "72.5", "--reason", "weighed")
    assert (code, out.splitlines()[0]) == (0, "weight 72.5 of S1 is stored")
    assert (await subject(site, "S1"))["weight_kg"] == 72.5
    code, out, _ = await site.command("observe", "S1", "lactate", "3.4", "--at", "-5")
    assert (code, out.splitlines()[0]) == (0, "lactate 3.4 of S1 is stored")

    async with Gateway(site.mllp) as gateway:

        async def raised():
            await gateway.send(message("M1", "WARD^ROOM^bed-1", "", *arterial(34)))
            return "SEVERE_LOW" in (await subject(site, "S1"))["alerts"]

        await until(raised, "an alert")
    code, out, _ = await site.command("ack", "S1", "SEVERE_LOW", "--actor", "nurse-7")
    assert (code, out.splitlines()[0]) == (0, "SEVERE_LOW of S1 is acknowledged")
    seen = (await subject(site, "S1"))["alerts"]["SEVERE_LOW"]["acknowledged_by"]
    assert seen.startswith("nurse-7 (uid ")

    code, out, _ = await site.command("end", "S1", "--reason", "discharge")
    assert (code, out.splitlines()[0]) == (0, "S1 ended")
    found = await subject(site, "S1")
    assert (found["phase"], found["alerts"]) == ("ENDED", {})


async def test_every_other_command_by_hand(site):
    """Screened in bed-1, randomised, and everything that a person may say about it."""

    async def done(*words):
        code, out, err = await site.command(*words, "--actor", "dr-x")
        assert (code, err) == (0, ""), words
        return out.splitlines()

    said = await done("screen", "S2", "--bed", "bed-1", "--birth-date", "1960-02-29", "--admitted")
    assert said[0] == "S2 is under screening"
    assert said[1].startswith("  verdict: unknown")
    assert any(line.startswith("  age: met 66 years (entry)") for line in said)
    found = await subject(site, "S2")
    assert (found["phase"], found["eligibility"]["verdict"]) == ("PRE", "unknown")
    said = await done("randomise", "S2", "--arm", "permissive_vp03", "--weight", "70")
    assert said[0] == "S2 is randomised"
    assert "  phase ACTIVE" in await done("achieved", "S2", "--reason", "two cuff readings")

    def of_the_target(said):
        """Without the alerts of a bed whose devices say nothing: they come when they come."""
        return [line for line in said if line.startswith(("  target", "  TARGET_OVERRIDE"))]

    said = await done("override", "S2", "--target", "70", "--reason", "procedure")
    assert of_the_target(said) == ["  TARGET_OVERRIDE raised"]
    found = await subject(site, "S2")
    assert (found["target"], found["override"]) == (70.0, True)
    said = await done("snooze", "S2", "TARGET_OVERRIDE", "--minutes", "30", "--reason", "known")
    assert of_the_target(said) == ["  TARGET_OVERRIDE snoozed"]
    assert (await subject(site, "S2"))["alerts"]["TARGET_OVERRIDE"]["response"] == "snoozed"
    said = await done("override", "S2", "--lift")
    lifted = ["  target 65 mmHg (override lifted)", "  TARGET_OVERRIDE cleared"]
    assert of_the_target(said) == lifted
    assert await done("code", "S2", "TARGET_OVERRIDE", "PROC")
    assert await done("void", "S2", "TARGET_OVERRIDE", "--reason", "wrong patient")
    assert await done("exempt", "S2", "VP_DUE", "--reason", "ischaemia")
    assert "VP_LATE" in (await subject(site, "S2"))["exempt"]
    assert await done("exempt", "S2", "VP_DUE", "--lift")
    assert await done("observe", "S2", "lactate", "18.02", "--unit", "mg/dL", "--at", "-10")
    assert await done("correct", "S2", "lactate", "2.4", "--at", "-10", "--reason", "typing")
    assert await done("range", "S2", "65", "75")
    assert (await subject(site, "S2"))["range"]["high"] == 75.0
    assert await done("stop-reason", "S2", "--reason", "scan")
    assert await done("unblinding", "S2", "--reason", "bleeding", "--told", "dr-y")
    assert (await done("associate", "S2", "--no-bed"))[0] == "S2 is in no bed"
    assert (await subject(site, "S2"))["bed"] is None
    assert (await done("associate", "S2", "--bed", "bed-2"))[0] == "S2 is in bed-2"
    assert await done("withdraw", "S2", "--reason", "consent withdrawn")
    assert (await subject(site, "S2"))["phase"] == "ENDED"
    store = b"".join(path.read_bytes() for path in site.journal.parent.glob("journal.db*"))
    assert b"1960-02-29" not in store + site.log().encode()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("associate", "TAKEN"), "USAGE"),
        (("associate", "TAKEN", "--bed", "bed-1", "--no-bed"), "USAGE"),
        (("screen", "S9", "--bed", "bed-2", "--birth-date", "29.2.1960"), "BAD_VALUE"),
        (("override", "TAKEN"), "BAD_REQUEST"),
        (("sign-day", "TAKEN", "0"), "BAD_TIME"),
    ],
)
async def test_a_wrong_use_is_one_line_that_repeats_no_birth_date(site, words, code):
    status, out, err = await site.command(*words)
    assert (status, out) == (2, "")
    assert err.startswith(f"{code}: ")
    assert err.count("\n") == 1
    assert "1960" not in err


async def test_status_shows_links_beds_and_subjects_and_as_json_everything(site):
    code, out, err = await site.command("status")
    assert (code, err) == (0, "")
    assert {"gateway", "TAKEN", "bed-3"} <= set(out.replace("│", " ").split())
    code, out, err = await site.command("status", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["subjects"]["TAKEN"]["bed"] == "bed-3"
    assert {"site", "version", "now", "record", "broker", "links", "beds"} <= found.keys()


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"command": "enrol", "subject": "S 9", "bed": "bed-2"}, "BAD_NAME"),
        ({"command": "enrol", "subject": "S9", "bed": "bed-9"}, "UNKNOWN_BED"),
        ({"command": "enrol", "subject": "S9", "bed": "bed-3"}, "BED_TAKEN"),
        ({"command": "enrol", "subject": "TAKEN", "bed": "bed-2"}, "ALREADY_ENROLLED"),
        ({"command": "enrol", "subject": "S9", "bed": "bed-2", "arm": "none"}, "UNKNOWN_ARM"),
        ({"command": "enrol", "subject": "S9", "bed": "bed-2", "weight_kg": 3.0}, "BAD_VALUE"),
        ({"command": "enrol", "subject": "S9", "bed": "bed-2", "randomised": "8:00"}, "BAD_TIME"),
        ({"command": "enrol", "subject": "S9", "bed": "bed-2", "weight_kg": "60"}, "BAD_REQUEST"),
        ({"command": "observe", "subject": "S9", "kind": "crt", "value": 2.0}, "UNKNOWN_SUBJECT"),
        ({"command": "observe", "subject": "TAKEN", "kind": "crt", "value": 90.0}, "BAD_VALUE"),
        ({"command": "observe", "subject": "TAKEN", "kind": "mood", "value": 2.0}, None),
        ({"command": "ack", "subject": "TAKEN", "alert": "FLOOR"}, None),
        ({"command": "end", "subject": "S9", "reason": "death"}, "UNKNOWN_SUBJECT"),
        ({"command": "end", "subject": "TAKEN", "reason": "x", "actor": ""}, "BAD_REQUEST"),
        ({"command": "dance"}, "BAD_REQUEST"),
        ({}, "BAD_REQUEST"),
    ],
)
async def test_a_refusal_has_a_code_and_a_reason_and_changes_nothing(site, request_, code):
    fields = {"actor": "a", "request_id": "r-1"}
    if request_.get("command") == "enrol":
        fields |= {"protocol": "personalise", "arm": "usual_vp01", "weight_kg": 60.0}
    before = (await site.status())["subjects"].keys()
    reply = await ask(site.socket, msgspec.json.encode({**fields, **request_}))
    assert not reply.ok
    assert reply.code
    assert code in {None, reply.code}
    assert reply.reason
    assert (await site.status())["subjects"].keys() == before


async def test_what_is_no_request_is_answered_and_the_door_stays_open(site):
    for line in (b"", b"not json", b"[1, 2]", b'"enrol"', b"\xff\xfe", b"{}" * 3):
        reply = await ask(site.socket, line)
        assert (reply.ok, reply.code) == (False, "BAD_REQUEST")
    too_long = b" " * 100_000
    with pytest.raises(CommandError, match="100000 bytes"):
        await ask(site.socket, too_long)
    # Who asks without our client is cut off, and nobody else.
    reader, writer = await asyncio.open_unix_connection(site.socket)
    writer.write(too_long + b"\n")
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    assert await site.status()


async def test_a_refusal_is_one_line_with_its_code_and_exit_code_2(site):
    code, out, err = await site.command("observe", "NOBODY", "crt", "2")
    assert (code, out) == (2, "")
    assert err.startswith("UNKNOWN_SUBJECT: subject 'NOBODY'")
    assert err.count("\n") == 1


async def test_a_daemon_that_is_not_there_has_exit_code_3(site, tmp_path):
    code, out, err = await site.command("status", "--socket", str(tmp_path / "none.sock"))
    assert (code, out) == (3, "")
    assert err.startswith("DAEMON: daemon at ")
    assert err.count("\n") == 1


async def test_the_record_is_verified_while_the_daemon_runs_and_a_wrong_anchor_is_said(
    site, tmp_path
):
    code, out, _ = await site.command("verify", str(site.journal))
    assert (code, out.split(":")[0]) == (0, "whole")
    anchor = tmp_path / "anchor"
    anchor.write_text("00" * 32)
    code, out, _ = await site.command("verify", str(site.journal), "--anchor", str(anchor))
    assert code == 1
    assert "is not a link of this chain" in out


async def test_only_owner_and_group_may_open_the_socket(site):
    mode = site.socket.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o660


async def test_a_status_is_asked_by_a_request_without_an_actor(site):
    reply = await ask(site.socket, msgspec.json.encode(StatusRequest(request_id="r7")))
    assert (reply.ok, reply.request_id) == (True, "r7")
