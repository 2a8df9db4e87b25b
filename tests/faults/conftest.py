"""Brokers for fault tests; each is a real process that ends with its test."""

import pytest
from brokers import make_broker

from monitor_daemon.notify.broker import EmbeddedBroker


@pytest.fixture(params=["nats-server", "mosquitto", "mosquitto v5"])
async def kind_and_broker(request, tmp_path):
    broker = make_broker(request.param, tmp_path)
    async with broker:
        yield request.param, broker


@pytest.fixture
async def nats(tmp_path):
    async with EmbeddedBroker(tmp_path / "broker") as broker:
        yield broker
