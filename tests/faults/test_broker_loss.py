"""The publisher with real brokers that are away, die, freeze or forget."""

import asyncio
import os
import signal
from time import monotonic

import pytest
import structlog
from brokers import (
    ROOT,
    MemoryOutbox,
    die,
    event,
    make_broker,
    observing,
    publishing,
    running,
    said,
    settings_of,
    state,
)
from waiting import free_port, until

from monitor_daemon.notify import connection, mqtt
from monitor_daemon.notify.broker import EmbeddedBroker


async def test_broker_down_at_start_is_said_once_and_caught_up(tmp_path):
    broker = EmbeddedBroker(tmp_path / "broker")
    async with broker:
        settings = broker.settings  # its password exists from now on
    outbox = MemoryOutbox()
    outbox.commit(*(event(n) for n in range(1, 6)))
    with structlog.testing.capture_logs() as logs:
        async with publishing(settings, outbox) as publisher:
            publisher.offer(outbox.commit(event(6)))
            await until(lambda: len(said(logs, "broker unreachable")) >= 2, "the log says so twice")
            async with broker:
                await outbox.empty()
    assert outbox.done == list(range(1, 7))
    levels = [entry["log_level"] for entry in said(logs, "broker unreachable")]
    assert levels[:2] == ["error", "debug"]
    assert [entry["log_level"] for entry in said(logs, "broker recovered")] == ["warning"]


@pytest.mark.expects_error("broker unreachable")
@pytest.mark.expects_error("embedded broker died")
async def test_broker_killed_and_restarted_mid_stream_loses_nothing(nats):
    outbox = MemoryOutbox()
    async with observing(nats.settings) as observer, publishing(nats.settings, outbox) as publisher:
        for number in range(1, 2001):
            publisher.offer(outbox.commit(event(number)))
            if number in {700, 1400}:
                await observer.until(lambda wanted=number - 100: len(observer.events) > wanted)
                await die(nats)
                await nats.__aenter__()
        await outbox.empty()
        await observer.until(lambda: len(observer.first_receipts) == 2000)
    assert observer.first_receipts == list(range(1, 2001))
    assert outbox.refused == {}


@pytest.mark.expects_error("broker unreachable")
async def test_a_broker_that_forgot_is_told_again_what_stands(tmp_path):
    broker, outbox = make_broker("mosquitto", tmp_path), MemoryOutbox()
    async with broker, publishing(broker.settings, outbox) as publisher:
        publisher.offer(outbox.commit(state(7), state(8, "S2"), state(None, "S2")))
        await outbox.empty()
        await die(broker)
        publisher.offer(outbox.commit(event(1)))
        await broker.__aenter__()
        await outbox.empty()
        async with observing(broker.settings) as observer:
            await observer.sees(f"{ROOT}/subjects/S1/state", number=7)
            assert f"{ROOT}/subjects/S2/state" not in observer.held


@pytest.mark.expects_error("broker unreachable")
async def test_connections_cut_at_random_lose_nothing_and_keep_the_order(
    kind_and_broker, monkeypatch
):
    kind, broker = kind_and_broker
    outbox, port = MemoryOutbox(), free_port()
    monkeypatch.setattr(mqtt, "LONGEST_PAUSE_S", 0.1)
    cuts = iter([3, 40, 900, 2500, 7000])

    async def relay(reader, writer):
        """Passes bytes on until this connection's turn to be cut has come."""
        there_reader, there = await asyncio.open_connection("127.0.0.1", broker.settings.port)
        left = next(cuts, None)

        async def back():
            while data := await there_reader.read(4096):
                writer.write(data)

        async with running(back()):
            while data := await reader.read(500):
                if left is not None and (left := left - len(data)) < 0:
                    break
                there.write(data)
        for end in (writer, there):
            end.transport.abort()

    settings = settings_of(kind, broker).model_copy(update={"port": port})
    async with observing(broker.settings) as observer:
        server = await asyncio.start_server(relay, "127.0.0.1", port)
        async with publishing(settings, outbox) as publisher:
            for number in range(1, 401):
                publisher.offer(outbox.commit(event(number)))
            await outbox.empty()
            await observer.until(lambda: len(observer.first_receipts) == 400)
        server.close()
    assert observer.first_receipts == list(range(1, 401))
    assert next(cuts, None) is None
    assert outbox.refused == {}


async def test_a_frozen_broker_is_noticed_and_nothing_is_lost(kind_and_broker, monkeypatch):
    kind, broker = kind_and_broker
    monkeypatch.setattr(connection, "ANSWER_S", 0.5)
    monkeypatch.setattr(mqtt, "ANSWER_S", 0.5)
    outbox = MemoryOutbox()
    with structlog.testing.capture_logs() as logs:
        async with (
            observing(broker.settings) as observer,
            publishing(settings_of(kind, broker), outbox) as publisher,
        ):
            publisher.offer(outbox.commit(event(1)))
            await outbox.empty()
            os.kill(broker.pid, signal.SIGSTOP)
            try:
                frozen = monotonic()
                publisher.offer(outbox.commit(*(event(n) for n in range(2, 50))))
                await until(lambda: not publisher.connected.is_set(), "the connection is lost")
                assert monotonic() - frozen < 2
            finally:
                os.kill(broker.pid, signal.SIGCONT)
            await outbox.empty()
            await observer.until(lambda: len(observer.first_receipts) == 49)
    assert observer.first_receipts == list(range(1, 50))
    assert outbox.refused == {}
    (loud,) = (e for e in said(logs, "broker unreachable") if e["log_level"] == "error")
    assert "no acknowledgement" in loud["reason"]
