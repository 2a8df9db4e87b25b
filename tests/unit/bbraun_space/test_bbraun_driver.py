"""The manifest: its settings, its manual, and the closed list of what may be sent to a station.

test_bbraun_session.py holds every byte of every dialogue against that list.
"""

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import drivers.bbraun_space
from drivers.bbraun_space.driver import DRIVER
from drivers.bbraun_space.frames import ACK, NAK, encode
from drivers.kit.conformance_play import ConformancePlay
from drivers.kit.playback import SimClock
from monitor_daemon.core.errors import ConfigError


@pytest.mark.parametrize("passive", [False, True])
@pytest.mark.parametrize("period", [0.99, 0, -1, float("nan"), float("inf"), "5", True, 10**400])
def test_a_poll_period_below_one_second_is_a_configuration_error(period, passive):
    with pytest.raises(ConfigError, match=r"poll_period = .*: at least 1"):
        DRIVER.session({"poll_period": period, "passive": passive})


@pytest.mark.parametrize("period", [0, -1, float("nan"), float("inf"), "abc", None, True])
def test_a_simulated_cycle_that_is_no_time_is_a_configuration_error(period):
    clock = SimClock(0.0, datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(ConfigError, match=r"poll_period = .*: at least 0.001"):
        DRIVER.simulator(DRIVER.settings({"poll_period": period}), ConformancePlay(), clock)


@pytest.mark.parametrize("value", ["yes", 2, None])
def test_passive_is_true_or_false(value):
    with pytest.raises(ValueError, match="passive"):
        DRIVER.session({"passive": value})


def test_sample_configuration_is_accepted():
    sample = Path(drivers.bbraun_space.__file__).with_name("sample.toml")
    [link] = tomllib.loads(sample.read_text())["links"]
    assert link["driver"] == DRIVER.name
    DRIVER.session(link["options"])


def test_manual_names_every_option():
    manual = Path(drivers.bbraun_space.__file__).with_name("README.md").read_text()
    assert [o.name for o in DRIVER.options if f"| `{o.name}` |" not in manual] == []


REQUESTS = ["ADMIN:ALIVE", "ADMIN:VERSION", "MEM:GET", "MEM:GETSLOT#11", "MEM:GETSLOT#3O"]


@pytest.mark.parametrize("request_text", REQUESTS)
@pytest.mark.parametrize("stuffed", [True, False])
def test_the_closed_list_of_requests(request_text, stuffed):
    allowed = encode("ICU7", request_text, stuffed=stuffed)
    assert DRIVER.may_send(allowed)
    assert not DRIVER.may_send(encode("ICU7", request_text, last=False, stuffed=stuffed))
    assert not DRIVER.may_send(allowed + ACK)
    assert not DRIVER.may_send(allowed + allowed)


@pytest.mark.parametrize(
    "text", ["", "MEM:SET", "MEM:GETSLOT#41", "MEM:GETSLOT#1", "ADMIN:ALIVE\n", "MEM:GETSLOT#110"]
)
def test_other_requests_are_refused(text):
    assert not DRIVER.may_send(encode("1", text))


@given(st.binary() | st.text(alphabet="ADMIN:LVERSOGT#19\r").map(lambda t: encode("1", t)))
def test_random_bytes_are_refused(data):
    allowed = {ACK, NAK, *(encode("1", text) for text in REQUESTS)}
    assert DRIVER.may_send(data) == (data in allowed)
