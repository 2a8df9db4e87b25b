"""Real brokers, an outbox and an observer, for tests of the publisher."""

import asyncio
import getpass
import json
import logging
import os
import shutil
import signal
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import aiomqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from waiting import PATIENCE_S, Watched, free_port

from monitor_daemon.core.errors import LinkError
from monitor_daemon.journal.rows import OutboxRow
from monitor_daemon.notify.broker import EmbeddedBroker
from monitor_daemon.notify.mqtt import Publisher
from monitor_daemon.notify.settings import BrokerSettings

QUIET = logging.getLogger("observer")
QUIET.setLevel(logging.CRITICAL)
SITE = "icu1"
ROOT = f"monitor/{SITE}"


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

    async def sees_it_running(self):
        """The daemon is there, with all its links or not."""
        topic = f"{ROOT}/status"
        await self.until(lambda: self.held.get(topic, {}).get("state") in {"online", "degraded"})


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


def make_broker(kind, folder):
    if kind == "nats-server":
        return EmbeddedBroker(folder / "broker")
    if mosquitto_path() is None:
        pytest.skip("mosquitto is not installed; on Debian: apt-get install mosquitto")
    return Mosquitto(folder, free_port())


def settings_of(kind, broker):
    protocol = "5" if kind.endswith("v5") else "3.1.1"
    return broker.settings.model_copy(update={"protocol": protocol})


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
