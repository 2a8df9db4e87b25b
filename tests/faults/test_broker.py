"""The publisher against real brokers that are away, die, freeze, forget or refuse."""

import asyncio
import getpass
import json
import logging
import os
import shutil
import signal
import socket
import sys
import textwrap
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from time import monotonic

import aiomqtt
import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from monitor_daemon.core.errors import LinkError
from monitor_daemon.journal.rows import OutboxRow
from monitor_daemon.notify import connection, mqtt
from monitor_daemon.notify.broker import EmbeddedBroker
from monitor_daemon.notify.mqtt import Publisher
from monitor_daemon.notify.settings import BrokerSettings

PATIENCE_S = 20.0
QUIET = logging.getLogger("observer")
QUIET.setLevel(logging.CRITICAL)
SITE = "icu1"
ROOT = f"monitor/{SITE}"


class Watched:
    """Something that can be waited for."""

    def __init__(self):
        self._changed = asyncio.Event()

    def changed(self):
        self._changed.set()

    async def until(self, holds):
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


class MemoryOutbox(Watched):
    """An outbox that keeps its word as the journal's does."""

    def __init__(self):
        super().__init__()
        self.rows, self.done, self.refused = {}, [], {}

    def commit(self, *rows):
        """Store rows as one transaction; gives them with their ids."""
        stored = []
        for row in rows:
            number = len(self.rows) + len(self.done) + len(self.refused) + len(stored) + 1
            stored.append(OutboxRow(row.topic, row.payload, row.retain, row.sequence, number))
        self.rows.update((row.id, row) for row in stored)
        return stored

    async def pending(self, limit):
        found = list(self.rows.values())[:limit]
        await asyncio.sleep(0.001)  # as a database answers: with what was there when it was asked
        return found

    async def sent(self, ids, at):
        self.done += [number for number in ids if self.rows.pop(number, None) is not None]
        self.changed()

    async def refuse(self, id, reason):  # noqa: A002 - the protocol's own word
        self.refused[id] = (self.rows.pop(id), reason)
        self.changed()

    async def empty(self):
        await self.until(lambda: not self.rows)


class Observer(Watched):
    """A subscriber that is told everything the broker keeps for it, over restarts too."""

    def __init__(self, settings):
        super().__init__()
        self._settings = settings
        self.events, self.held = [], {}

    async def run(self, ready):
        while True:
            with suppress(aiomqtt.MqttError):
                async with aiomqtt.Client(
                    self._settings.host,
                    self._settings.port,
                    username=self._settings.username,
                    password=self._settings.password(),
                    identifier="observer",
                    clean_session=False,
                    logger=QUIET,
                    timeout=3,
                ) as client:
                    await client.subscribe("monitor/#", qos=1)
                    ready.set()
                    async for message in client.messages:
                        self._take(message.topic.value, message.payload)
            await asyncio.sleep(0.1)  # a real subscriber, too, does not dial without a pause

    def _take(self, topic, payload):
        if topic.startswith(f"{ROOT}/commands/"):
            return
        content = json.loads(payload) if payload else None
        if topic == f"{ROOT}/events":
            self.events.append(content["sequence"])
        else:
            self.held[topic] = content
        self.changed()

    @property
    def first_receipts(self):
        return list(dict.fromkeys(self.events))

    async def sees(self, topic, **content):
        def holds():
            held = self.held.get(topic) or {}
            return topic in self.held and all(held.get(k) == v for k, v in content.items())

        await self.until(holds)


class Mosquitto:
    """mosquitto without persistence: what it retained is gone when it is."""

    def __init__(self, folder, port):
        self._file = folder / "mosquitto.conf"
        self._file.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nuser {getpass.getuser()}\n"
        )
        self.settings = BrokerSettings(port=port)

    async def __aenter__(self):
        self._process = await asyncio.create_subprocess_exec(
            mosquitto_path(), "-c", str(self._file), stderr=asyncio.subprocess.DEVNULL
        )
        self.pid = self._process.pid
        await accepting(self.settings.port)
        return self

    async def __aexit__(self, *exc_info):
        if self._process.returncode is None:
            self._process.terminate()
        await self.wait()

    async def wait(self):
        await self._process.wait()


def mosquitto_path():
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


async def accepting(port):
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0.02)


async def eventually(holds):
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if holds():
                return
            await asyncio.sleep(0.02)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_broker(kind, folder):
    if kind == "nats-server":
        return EmbeddedBroker(folder / "broker")
    if mosquitto_path() is None:
        pytest.skip("mosquitto is not installed; on Debian: apt-get install mosquitto")
    return Mosquitto(folder, free_port())


def settings_of(kind, broker):
    protocol = "5" if kind.endswith("v5") else "3.1.1"
    return broker.settings.model_copy(update={"protocol": protocol})


@pytest.fixture(params=["nats-server", "mosquitto", "mosquitto v5"])
async def kind_and_broker(request, tmp_path):
    broker = make_broker(request.param, tmp_path)
    async with broker:
        yield request.param, broker


@pytest.fixture
async def nats(tmp_path):
    async with EmbeddedBroker(tmp_path / "broker") as broker:
        yield broker


@asynccontextmanager
async def publishing(settings, outbox, **options):
    publisher = Publisher(settings, SITE, outbox, "0.1.0", **options)
    async with running(publisher.run()):
        yield publisher


@asynccontextmanager
async def observing(settings):
    observer, ready = Observer(settings), asyncio.Event()
    async with running(observer.run(ready)):
        async with asyncio.timeout(PATIENCE_S):
            await ready.wait()
        yield observer


@asynccontextmanager
async def running(work):
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def connected(publisher):
    async with asyncio.timeout(PATIENCE_S):
        await publisher.connected.wait()


def said(logs, what):
    return [entry for entry in logs if entry["event"] == what]


def event(sequence):
    payload = json.dumps({"sequence": sequence}).encode()
    return OutboxRow(f"{ROOT}/events", payload, retain=False, sequence=sequence)


def state(number, subject="S1"):
    payload = json.dumps({"number": number}).encode() if number is not None else b""
    return OutboxRow(f"{ROOT}/subjects/{subject}/state", payload, retain=True)


def self_signed(folder):
    """A certificate for the loopback address, and its key."""
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, folder.name)])
    loopback = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(loopback, critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


async def die(broker):
    os.kill(broker.pid, signal.SIGKILL)
    with suppress(LinkError):
        await broker.wait()


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


async def test_broker_down_at_start_is_said_once_and_caught_up(tmp_path):
    broker = EmbeddedBroker(tmp_path / "broker")
    async with broker:
        settings = broker.settings  # its password exists from now on
    outbox = MemoryOutbox()
    outbox.commit(*(event(n) for n in range(1, 6)))
    with structlog.testing.capture_logs() as logs:
        async with publishing(settings, outbox) as publisher:
            publisher.offer(outbox.commit(event(6)))
            await eventually(lambda: len(said(logs, "broker unreachable")) >= 2)
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
                await eventually(lambda: not publisher.connected.is_set())
                assert monotonic() - frozen < 2
            finally:
                os.kill(broker.pid, signal.SIGCONT)
            await outbox.empty()
            await observer.until(lambda: len(observer.first_receipts) == 49)
    assert observer.first_receipts == list(range(1, 50))
    assert outbox.refused == {}
    (loud,) = (e for e in said(logs, "broker unreachable") if e["log_level"] == "error")
    assert "no acknowledgement" in loud["reason"]


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
                await eventually(lambda: said(logs, "broker unreachable"))
    (entry, *_) = said(logs, "broker unreachable")
    assert "certificate verify failed" in entry["reason"]


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
            await eventually(lambda: said(logs, "broker unreachable"))
    assert "not-the-password" not in json.dumps(logs, default=str)


async def test_a_command_is_answered_and_one_that_fails_stops_nothing(kind_and_broker):
    kind, broker = kind_and_broker
    outbox = MemoryOutbox()

    async def handle(command, payload):
        request = json.loads(payload)["request_id"]
        return request, json.dumps({"did": command}).encode()

    settings = settings_of(kind, broker)
    with structlog.testing.capture_logs():
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
            await person.publish(f"{ROOT}/commands/ack", b'{"request_id": "r 1/#"}', qos=1)
            await person.publish(f"{ROOT}/commands/ack", b'{"request_id": "r2"}', qos=1)
            await observer.sees(f"{ROOT}/replies/r2", did="ack")
            publisher.offer(outbox.commit(event(1)))
            await outbox.empty()
