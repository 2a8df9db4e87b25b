"""Reports to alarm managers that are away, slow, silent, unwilling, confused or worse."""

import random

import pytest
import structlog
from alarm_managers import (
    Manager,
    ack,
    committed,
    hurry,
    ids,
    report,
    reporting,
    settings_for,
    status,
)
from brokers import said
from waiting import free_port, until

from monitor_daemon.core.subject import OpenAlert, Subject
from monitor_daemon.core.ward import Ward
from monitor_daemon.notify import pcd04
from monitor_daemon.notify.pcd04_receipts import Receipts


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    hurry(monkeypatch)


@pytest.fixture
async def manager():
    async with Manager() as there:
        yield there


async def test_a_manager_that_is_down_is_said_once_and_caught_up_in_order():
    outbox, there = committed(5), Manager(port=free_port())
    with structlog.testing.capture_logs() as logs:
        async with reporting(settings_for(there.port), outbox) as client:
            await until(
                lambda: len(said(logs, "alarm manager unreachable")) >= 2, "the log says so twice"
            )
            assert client.status()["connected"] is False
            client.offer(outbox.commit(report(6)))
            async with there:
                await outbox.empty()
                assert client.status()["connected"] is True
    assert there.ids == ids(1, 2, 3, 4, 5, 6)
    levels = [entry["log_level"] for entry in said(logs, "alarm manager unreachable")]
    assert levels[:2] == ["error", "debug"]
    assert len(said(logs, "alarm manager recovered")) == 1


@pytest.mark.expects_error("alarm manager unreachable")
async def test_status_counts_every_report_that_waits_since_before_the_start():
    outbox = committed(250)
    async with reporting(settings_for(free_port()), outbox) as client:
        await until(lambda: client._failing_since is not None, "the alarm manager fails")
        assert client.status()["waiting"] == 250


@pytest.mark.expects_error("alarm manager unreachable")
async def test_a_lost_acknowledgement_brings_the_same_bytes_again(manager):
    manager.answer = lambda control_id, times: (
        "close" if control_id == "a-2" and times == 1 else ack("CA", control_id)
    )
    outbox = committed(3)
    async with reporting(settings_for(manager.port), outbox):
        await outbox.empty()
    assert manager.ids == ids(1, 2, 2, 3)
    assert manager.heard[1] == manager.heard[2]
    assert outbox.done == [1, 2, 3]


async def test_a_slow_answer_settles_its_message_and_the_second_one_is_late(manager):
    def slow(control_id, times):
        if control_id == "a-1" and times == 1:
            return None  # it comes with the answer to the repeat
        return ack("CA", control_id) * (2 if control_id == "a-1" else 1)

    manager.answer = slow
    outbox = committed(2)
    async with reporting(settings_for(manager.port), outbox) as client:
        await outbox.empty()
        await until(lambda: client.status()["late"] == 1, "one is late")
    assert manager.ids == ids(1, 1, 2)
    assert manager.connections == 1


@pytest.mark.expects_error("alarm manager unreachable")
async def test_silence_ends_the_connection_and_nothing_is_passed_over(manager):
    manager.answer = lambda control_id, times: (
        None if control_id == "a-2" and times <= 3 else ack("CA", control_id)
    )
    outbox = committed(3)
    async with reporting(settings_for(manager.port), outbox):
        await outbox.empty()
    assert manager.ids == ids(1, 2, 2, 2, 2, 3)
    assert manager.connections == 2


@pytest.mark.expects_error("report set aside")
@pytest.mark.parametrize("code", ["AE", "CE"])
async def test_an_error_sets_the_report_aside_loudly_and_later_ones_go_on(manager, code):
    error = "ERR||PID^1^3|204^unknown SATO^HL70357|E"
    manager.answer = lambda control_id, times: (
        ack(code, control_id, error) if control_id == "a-2" else ack("AA", control_id)
    )
    outbox = committed(3)
    async with reporting(settings_for(manager.port), outbox) as client:
        await outbox.empty()
        assert client.status()["set_aside"] == 1
    assert manager.ids == ids(1, 2, 3)
    ((_, reason),) = outbox.refused.values()
    assert reason == f"the alarm manager answered {code} 204"


@pytest.mark.expects_error("report set aside")
@pytest.mark.parametrize("code", ["AR", "CR"])
async def test_rejected_may_mean_not_now_and_is_tried_three_times(manager, code):
    def busy(control_id, times):
        patient = {"a-1": 3, "a-2": 99}.get(control_id, 0)
        return ack(code if times < patient else "CA", control_id)

    manager.answer = busy
    outbox = committed(3)
    async with reporting(settings_for(manager.port), outbox):
        await outbox.empty()
    assert manager.ids == ids(1, 1, 1, 2, 2, 2, 3)
    assert outbox.done == [1, 3]
    assert list(outbox.refused) == [2]


async def test_an_acknowledgement_of_another_message_settles_nothing(manager):
    manager.answer = lambda control_id, times: ack("CA", "a-99" if times == 1 else control_id)
    outbox = committed(2)
    async with reporting(settings_for(manager.port), outbox) as client:
        await outbox.empty()
        assert client.status()["foreign"] == 2
    assert manager.ids == ids(1, 1, 2, 2)


async def test_a_late_acknowledgement_does_not_settle_the_next_message(manager):
    def stuck(control_id, times):
        late = ack("CA", "a-1")
        return late if control_id == "a-2" and times == 1 else ack("CA", control_id)

    manager.answer = stuck
    outbox = committed(2)
    async with reporting(settings_for(manager.port), outbox) as client:
        await outbox.empty()
        assert client.status()["late"] == 1
    assert manager.ids == ids(1, 2, 2)


async def test_an_unknown_code_is_no_acknowledgement(manager):
    manager.answer = lambda control_id, times: ack("XX" if times == 1 else "CA", control_id)
    outbox = committed(1)
    async with reporting(settings_for(manager.port), outbox):
        await outbox.empty()
    assert manager.ids == ids(1, 1)


@pytest.mark.expects_error("report set aside")
@pytest.mark.expects_error("alarm manager unreachable")
async def test_a_report_that_the_manager_cannot_bear_is_found_and_set_aside(manager):
    manager.answer = lambda control_id, times: (
        "close" if control_id == "a-2" else ack("CA", control_id)
    )
    outbox = committed(3)
    async with reporting(settings_for(manager.port), outbox):
        await outbox.empty()
    assert manager.ids == ids(1, *[2] * pcd04.STRIKES, 3)
    assert list(outbox.refused) == [2]


@pytest.mark.expects_error("alarm manager unreachable")
async def test_a_manager_that_answers_nothing_at_all_costs_no_report(manager):
    manager.answer_alive = lambda control_id: None
    outbox = committed(2)
    async with reporting(settings_for(manager.port), outbox) as client:
        await manager.until(lambda: manager.connections > pcd04.STRIKES + 1)
        assert (manager.heard, outbox.refused) == ([], {})
        assert client.status()["connected"] is False
        manager.answer_alive = lambda control_id: ack("CA", control_id)
        await outbox.empty()
    assert manager.ids == ids(1, 2)


@pytest.mark.expects_error("alarm manager unreachable")
async def test_without_heartbeats_no_report_is_given_up(manager):
    """Then nothing tells a report that cannot be borne from a manager that is not well."""
    manager.answer = lambda control_id, times: (
        "close" if times < pcd04.STRIKES + 3 else ack("CA", control_id)
    )
    outbox = committed(2)
    async with reporting(settings_for(manager.port, heartbeat_seconds=0), outbox):
        await outbox.empty()
    assert (outbox.done, outbox.refused) == ([1, 2], {})


@pytest.mark.expects_error("alarm manager unreachable")
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_confused_manager_loses_nothing_and_keeps_the_order(manager, seed):
    rng, last = random.Random(seed), ["a-0"]

    def confused(control_id, times):
        before, last[0] = last[0], control_id
        right = ack("CA", control_id)
        if times > 1:  # never so often that the report is given up
            return right
        return rng.choice(
            [right, right, right * 2, right + ack("AA", "a-77"), "close", ack("CA", before)]
        )

    manager.answer = confused
    outbox = committed(25)
    async with reporting(settings_for(manager.port), outbox):
        await outbox.empty()
    assert list(dict.fromkeys(manager.ids)) == ids(*range(1, 26))
    assert len(set(manager.heard)) == 25
    assert (outbox.done, outbox.refused) == (list(range(1, 26)), {})


@pytest.mark.expects_error("alarm manager unreachable")
@pytest.mark.parametrize(
    "junk",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n" * 400,
        b"\x0b" + b"x" * (1 << 21),
        b"\x0bMSH\x1c\r" + b"\x0b\x1c\r" + b"\x0bgarbage\x1c\r\xff\xfe",
        b"\x0bMSH|^~\\&|A|B|C|D|1||ACK|9|P|2.6\rMSA\r\x1c\r",
        b"\x0bMSH|^~\\&|A|B|C|D|1||ORA^R41|9|P|2.6\rPRT\rMSA|AA\r\x1c\r",
    ],
    ids=["http", "endless", "no messages", "empty MSA", "empty status"],
)
async def test_nonsense_from_the_manager_is_survived(manager, junk):
    manager.answer = lambda control_id, times: (
        junk if times == 1 and control_id == "a-1" else ack("CA", control_id)
    )
    outbox = committed(2)
    async with reporting(settings_for(manager.port), outbox):
        await outbox.empty()
        manager.hang_up()
        await manager.until(lambda: len(manager.alive) >= 2)
    assert outbox.done == [1, 2]


async def test_an_order_to_us_is_rejected_and_changes_nothing(manager):
    outbox = committed(1)
    async with reporting(settings_for(manager.port), outbox):
        await outbox.empty()
        manager.say(b"\x0bMSH|^~\\&|A|B|C|D|1||ORM^O01|M7|P|2.6|||AL|NE\rORC|NW\r\x1c\r")
        await manager.until(lambda: manager.replies)
    assert "MSA|CR|M7" in manager.replies[0]


# What is said again and again


def standing(alert_id, *, since=0):
    subject = Subject(
        id="S1", bed="b1", protocol="personalise", version="1", arm="usual_vp01", weight_kg=60.0,
        randomised=0, phase="ACTIVE", entered=0,
    )  # fmt: skip
    alert = OpenAlert(alert_id, "CRT_DUE", "R6", "attention", "CRT_DUE", since, since)
    return {alert_id: (subject, alert)}


async def test_heartbeats_come_at_their_interval_and_one_before_everything_else(manager):
    outbox = committed(1)
    async with reporting(settings_for(manager.port, heartbeat_seconds=0.1), outbox):
        await manager.until(lambda: len(manager.alive) >= 4)
    assert len(set(manager.alive)) == len(manager.alive)
    assert manager.connections == 1


async def test_without_heartbeats_there_are_none(manager):
    outbox = committed(2)
    async with reporting(settings_for(manager.port, heartbeat_seconds=0), outbox) as client:
        await outbox.empty()
        assert client.status()["connected"] is True
    assert manager.alive == []


async def test_a_refused_heartbeat_is_a_sign_of_life_too(manager):
    manager.answer_alive = lambda control_id: ack("AE", control_id)
    outbox = committed(2)
    with structlog.testing.capture_logs() as logs:
        async with reporting(settings_for(manager.port, heartbeat_seconds=0.05), outbox):
            await outbox.empty()
            await manager.until(lambda: len(manager.alive) >= 3)
    levels = [entry["log_level"] for entry in said(logs, "alarm manager refuses a repeat")]
    assert levels[:2] == ["warning", "debug"]
    assert outbox.refused == {}


async def test_an_open_alert_is_said_again_until_it_is_over(manager):
    outbox, open_now = committed(1, "dada"), standing("dada")
    settings = settings_for(manager.port, repeat_seconds=0.1)
    async with reporting(settings, outbox, standing=lambda: open_now) as client:
        await manager.until(lambda: len(manager.heard) >= 4)
        open_now.clear()
        client.offer(outbox.commit(report(9, "dada")))
        await outbox.empty()
        said_by_then = len(manager.heard)
        client.offer(outbox.commit(report(1, "eeee")))
        await outbox.empty()
    assert manager.ids[0] == "dada-1"
    repeats = manager.ids[1 : said_by_then - 1]
    assert len(set(repeats)) == len(repeats)
    assert all(control_id.startswith("dada-at-") for control_id in repeats)
    # The end comes after every repeat, and no repeat after the end.
    assert manager.ids[said_by_then - 1 :] == ["dada-9", "eeee-1"]


async def test_a_start_goes_before_the_first_repeat_also_if_it_was_committed_meanwhile(manager):
    outbox, open_now = committed(1), {}

    def raised_meanwhile(control_id, times):
        if control_id == "a-1":
            open_now.update(standing("dada"))
            client.offer(outbox.commit(report(1, "dada")))
        return ack("CA", control_id)

    manager.answer = raised_meanwhile
    settings = settings_for(manager.port, repeat_seconds=0.05)
    async with reporting(settings, outbox, standing=lambda: open_now) as client:
        await manager.until(lambda: len(manager.heard) >= 3)
    assert manager.ids[:2] == ["a-1", "dada-1"]
    assert manager.ids[2].startswith("dada-at-")


async def test_what_waits_goes_before_what_is_repeated(manager):
    outbox, both = committed(30), {**standing("dada"), **standing("eeee")}
    async with reporting(settings_for(manager.port), outbox, standing=lambda: both):
        await manager.until(lambda: len(manager.heard) >= 32)
    assert manager.ids[:30] == ids(*range(1, 31))
    assert {control_id.partition("-")[0] for control_id in manager.ids[30:]} == {"dada", "eeee"}


# Receipts


async def test_a_status_is_acknowledged_and_handed_on(manager):
    subject, alert = standing("dada")["dada"]
    subject.alerts["CRT_DUE"] = alert
    ward = Ward()
    ward.state.subjects["S1"] = subject
    receipts = Receipts(lambda: ward, lambda inputs: None)
    outbox = committed(1, "dada")
    async with reporting(settings_for(manager.port), outbox, receipts=receipts) as client:
        await outbox.empty()
        manager.say(status("dada-1", "PRT||UC|^Delivered|RCT|1", "PRT||UC|^Read|RCT|2"))
        manager.say(status("0000-1", "PRT||UC|^Read|RCT|2", number=2))
        await manager.until(lambda: len(manager.replies) == 2)
        counts = client.status()["receipts"]
    assert counts == {"delivered": 1, "read": 1, "foreign": 1}
    assert "MSA|CA|S1" in manager.replies[0]
    assert "MSA|CA|S2" in manager.replies[1]


async def test_a_status_instead_of_an_acknowledgement_is_taken_as_both(manager):
    manager.answer = lambda control_id, times: status(control_id, "PRT||UC|^Read|RCT|2")
    outbox = committed(1)
    async with reporting(settings_for(manager.port), outbox):
        await outbox.empty()
    assert manager.ids == ids(1)
