"""Every registered driver, and the test driver, keep the promises of the contract."""

from functools import cache

import echo_driver
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.kit.conformance import CHECKS, check_survives
from drivers.kit.conformance_play import ConformancePlay
from drivers.kit.exchange import Exchange
from drivers.kit.registry import driver_names, load_driver

NAMES = ["echo", *driver_names()]

any_bytes = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def driver_called(name):
    return echo_driver.DRIVER if name == "echo" else load_driver(name)


@cache
def stream_of(name):
    """What the driver's simulator sends in a while."""
    exchange = Exchange(driver_called(name), ConformancePlay())
    exchange.run(60)
    return b"".join(exchange.received)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_driver_conforms(name, check):
    check(driver_called(name))


@pytest.mark.parametrize("name", NAMES)
@any_bytes
@given(data=st.binary(max_size=2000))
def test_driver_survives_any_bytes(name, data):
    check_survives(driver_called(name), data)


@pytest.mark.parametrize("name", NAMES)
@any_bytes
@given(
    edits=st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(0, 40), st.binary(max_size=8)),
        min_size=1,
        max_size=12,
    )
)
def test_driver_survives_its_own_bytes_damaged(name, edits):
    """At each place some bytes are taken out and others put in."""
    data = bytearray(stream_of(name)[:6000])
    for place, gone, new in edits:
        at = place % (len(data) + 1)
        data[at : at + gone] = new
    check_survives(driver_called(name), bytes(data))
