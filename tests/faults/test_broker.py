"""The publisher with real brokers that answer, that forbid, and that refuse."""

import asyncio
import gc
import json
import sys
import textwrap

import aiomqtt
import pytest
import structlog
from brokers import (
    ROOT,
    MemoryOutbox,
    connected,
    event,
    make_broker,
    observing,
    publishing,
    said,
    self_signed,
    settings_of,
    state,
)
from waiting import until

from monitor_daemon.journal.rows import OutboxRow
from monitor_daemon.notify import mqtt


async def test_events_arrive_in_order_with_their_sequence(kind_and_broker):
    kind, broker = kind_and_broker
    outbox = MemoryOutbox()
    async with (
        observing(broker.settings) as observer,
        publishing(settings_of(kind, broker), outbox) as publisher,
    ):
        for first in range(1, 301, 7):
            publisher.offer(outbox.commit(*(event(n) for n in range(first, min(first + 7, 301)))))
        await outbox.empty()
        await observer.until(lambda: len(observer.events) >= 300)
    assert observer.events == list(range(1, 301))
    assert outbox.done == sorted(outbox.done)


async def test_retained_state_is_there_for_who_comes_later_and_can_be_cleared(kind_and_broker):
    kind, broker = kind_and_broker
    outbox = MemoryOutbox()
    async with publishing(settings_of(kind, broker), outbox) as publisher:
        publisher.offer(outbox.commit(state(1), state(1, "S2"), state(2), state(None, "S2")))
        await outbox.empty()
        async with observing(broker.settings) as observer:
            await observer.sees(f"{ROOT}/subjects/S1/state", number=2)
            await observer.sees(f"{ROOT}/status", state="online", version="0.1.0")
            assert f"{ROOT}/subjects/S2/state" not in observer.held
    async with observing(broker.settings) as observer:
        await observer.sees(f"{ROOT}/status", state="offline", next_due=None)


async def test_status_says_degraded_at_once_and_counts_events(kind_and_broker):
    kind, broker = kind_and_broker
    outbox = MemoryOutbox()
    async with (
        observing(broker.settings) as observer,
        publishing(settings_of(kind, broker), outbox) as publisher,
    ):
        publisher.offer(outbox.commit(event(1), event(2)))
        await outbox.empty()
        publisher.set_state("degraded")
        await observer.sees(f"{ROOT}/status", state="degraded", sequence=2)


async def test_a_killed_daemon_leaves_its_last_will(kind_and_broker):
    kind, broker = kind_and_broker
    settings = settings_of(kind, broker)
    script = textwrap.dedent("""
        import asyncio, sys
        from monitor_daemon.notify.mqtt import Publisher
        from monitor_daemon.notify.settings import BrokerSettings

        class Nothing:
            async def pending(self, limit):
                return []

        settings = BrokerSettings.model_validate_json(sys.argv[1])
        asyncio.run(Publisher(settings, "icu1", Nothing(), "0.1.0").run())
    """)
    async with observing(broker.settings) as observer:
        daemon = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, settings.model_dump_json()
        )
        try:
            await observer.sees(f"{ROOT}/status", state="online")
        finally:
            daemon.kill()
            await daemon.wait()
        await observer.sees(f"{ROOT}/status", state="offline", since=None)


async def test_a_message_the_broker_cannot_bear_is_set_aside_and_later_ones_go_on(nats):
    outbox = MemoryOutbox()
    wrong = OutboxRow("monitor/icu1/bad topic", b"{}", retain=True)
    with structlog.testing.capture_logs() as logs:
        async with observing(nats.settings) as observer, publishing(nats.settings, outbox) as p:
            p.offer(outbox.commit(*(event(n) for n in range(1, 6)), wrong, event(6), event(7)))
            await outbox.empty()
            await observer.until(lambda: len(observer.first_receipts) == 7)
    assert observer.first_receipts == list(range(1, 8))
    ((refused, _),) = outbox.refused.values()
    assert refused.topic == wrong.topic
    (loud,) = said(logs, "message set aside")
    assert (loud["log_level"], loud["topic"]) == ("error", wrong.topic)


async def test_a_message_mqtt_cannot_carry_is_set_aside_without_a_reconnection(nats):
    outbox = MemoryOutbox()
    with structlog.testing.capture_logs() as logs:
        async with publishing(nats.settings, outbox) as publisher:
            wrong = OutboxRow("monitor/icu1/+", b"{}", retain=False)
            publisher.offer(outbox.commit(event(1), wrong, event(2)))
            await outbox.empty()
    assert outbox.done == [1, 3]
    assert list(outbox.refused) == [2]
    assert said(logs, "broker unreachable") == []


@pytest.mark.expects_error("message set aside")
async def test_a_topic_forbidden_by_a_v5_broker_is_set_aside_with_its_reason(tmp_path):
    broker, outbox = make_broker("mosquitto v5", tmp_path), MemoryOutbox()
    (tmp_path / "acl").write_text(
        "topic readwrite monitor/icu1/events\ntopic monitor/icu1/status\n"
    )
    with broker._file.open("a") as file:
        file.write(f"acl_file {tmp_path / 'acl'}\n")
    async with broker, publishing(settings_of("v5", broker), outbox) as publisher:
        publisher.offer(outbox.commit(event(1), state(1), event(2)))
        await outbox.empty()
    assert outbox.done == [1, 3]
    ((_, reason),) = outbox.refused.values()
    assert reason == "the broker answered: Not authorized"


# paho-mqtt leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_tls_is_spoken_and_a_stranger_with_a_wrong_certificate_is_not_trusted(tmp_path):
    certificate, key = self_signed(tmp_path / "broker")
    broker, outbox = make_broker("mosquitto", tmp_path), MemoryOutbox()
    with broker._file.open("a") as file:
        file.write(f"certfile {certificate}\nkeyfile {key}\n")
    other, _ = self_signed(tmp_path / "other")
    with structlog.testing.capture_logs() as logs:
        async with broker:
            trusting = broker.settings.model_copy(update={"tls_ca": certificate})
            async with publishing(trusting, outbox) as publisher:
                publisher.offer(outbox.commit(event(1)))
                await outbox.empty()
            wary = broker.settings.model_copy(update={"tls_ca": other})
            async with publishing(wary, MemoryOutbox()):
                await until(lambda: said(logs, "broker unreachable"), "the log says so")
    (entry, *_) = said(logs, "broker unreachable")
    assert "certificate verify failed" in entry["reason"]
    gc.collect()


async def test_more_than_memory_holds_waits_in_the_outbox(nats, monkeypatch):
    monkeypatch.setattr(mqtt, "_PAGE", 20)
    outbox = MemoryOutbox()
    async with observing(nats.settings) as observer, publishing(nats.settings, outbox) as publisher:
        for number in range(1, 501):
            publisher.offer(outbox.commit(event(number)))
        await outbox.empty()
        await observer.until(lambda: len(observer.events) >= 500)
    assert observer.events == list(range(1, 501))


async def test_what_is_committed_during_the_first_query_keeps_its_place(nats):
    class Busy(MemoryOutbox):
        """Commits one more event while the first query is under way."""

        async def pending(self, limit):
            found = list(self.rows.values())[:limit]
            if len(found) == 5:
                publisher.offer(self.commit(event(6)))
            return found

    outbox = Busy()
    outbox.commit(*(event(n) for n in range(1, 6)))
    async with observing(nats.settings) as observer, publishing(nats.settings, outbox) as publisher:
        await observer.until(lambda: len(observer.events) >= 6)
    assert observer.events == [1, 2, 3, 4, 5, 6]


async def test_a_wrong_password_is_said_without_the_password(nats, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("not-the-password")
    settings = nats.settings.model_copy(update={"password_file": wrong})
    with structlog.testing.capture_logs() as logs:
        async with publishing(settings, MemoryOutbox()):
            await until(lambda: said(logs, "broker unreachable"), "the log says so")
    assert "not-the-password" not in json.dumps(logs, default=str)


async def test_a_command_is_answered_and_one_that_fails_stops_nothing(kind_and_broker):
    kind, broker = kind_and_broker
    outbox = MemoryOutbox()

    async def handle(command, payload):
        if command == "unanswerable":
            return None
        request = json.loads(payload)["request_id"]
        return request, json.dumps({"did": command}).encode()

    settings = settings_of(kind, broker)
    with structlog.testing.capture_logs() as logs:
        async with (
            observing(broker.settings) as observer,
            publishing(settings, outbox, on_command=handle) as publisher,
            aiomqtt.Client(
                settings.host,
                settings.port,
                username=settings.username,
                password=settings.password(),
            ) as person,
        ):
            await connected(publisher)
            await person.publish(f"{ROOT}/commands/ack", b"not json", qos=1)
            await person.publish(f"{ROOT}/commands/ack", b'{"request_id": "r2"}', qos=1)
            await person.publish(f"{ROOT}/commands/unanswerable", b"{}", qos=1)
            await observer.sees(f"{ROOT}/replies/r2", did="ack")
            publisher.offer(outbox.commit(event(1)))
            await outbox.empty()
    assert [entry["command"] for entry in said(logs, "command failed")] == ["ack"]
    (unanswered,) = said(logs, "command without an answerable request_id")
    assert (unanswered["command"], unanswered["log_level"]) == ("unanswerable", "warning")
