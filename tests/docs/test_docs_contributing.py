"""The examples of CONTRIBUTING.md do what it says."""

import sys
from types import ModuleType

import pytest
from docs_pages import block
from hypothesis import given
from hypothesis import strategies as st

from drivers.kit.conformance import CHECKS, check_survives
from monitor_daemon.core.decisions import Alert
from monitor_daemon.core.events import MINUTE, Configured, Data, Sample, Tick
from monitor_daemon.core.people import Enrol
from monitor_daemon.core.rules import FAMILIES
from monitor_daemon.core.ward import Ward
from monitor_daemon.rehearsal.rehearse import rehearse_file

PAGE = "CONTRIBUTING.md"
START = 29_000_000


def module(info):
    """A code block of the page as a module."""
    made = ModuleType(info.replace(" ", "_"))
    sys.modules[made.__name__] = made
    exec(compile(block(PAGE, info), f"{PAGE}: {info}", "exec"), made.__dict__)  # noqa: S102
    return made


DRIVER = module("python driver").DRIVER


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_driver_conforms(check):
    check(DRIVER)


@given(st.binary(max_size=200))
def test_the_driver_survives_any_bytes(data):
    check_survives(DRIVER, data)


def minute(ward, number, *inputs):
    return [decision for _, decision in ward.step([*inputs, Tick(number)], number * MINUTE)]


def heart_rate(number, value):
    at = number * MINUTE - 1000
    return Data("monitor", "bed-1", samples=(Sample("heart_rate", value, "good", at),))


@pytest.fixture
def ward(monkeypatch):
    """A ward with one patient under the example rule: above 120/min for 3 minutes."""
    monkeypatch.setitem(FAMILIES, "heart_rate_high", module("python rule").HeartRateHigh())
    text = block(PAGE, "toml protocol") + block(PAGE, "toml rule")
    made = Ward()
    made.step([Configured("site", "", {"map-65@2026-01-01": text})], START * MINUTE)
    enrol = Enrol("PSN-1", "bed-1", "map-65", "usual", 70.0, "tester")
    made.step([enrol], START * MINUTE)
    return made


def alerts(decisions):
    return [(d.name, d.transition) for d in decisions if isinstance(d, Alert)]


def test_the_rule_raises_after_three_minutes_and_clears(ward):
    said = [alerts(minute(ward, START + n, heart_rate(START + n, 121.0))) for n in range(1, 5)]
    assert said == [[], [], [], [("HEART_RATE_HIGH", "raised")]]
    assert alerts(minute(ward, START + 5, heart_rate(START + 5, 120.0))) == [
        ("HEART_RATE_HIGH", "cleared")
    ]


def test_missing_data_neither_raise_nor_clear(ward):
    assert not any(alerts(minute(ward, START + n)) for n in range(1, 10))
    for n in range(10, 14):
        minute(ward, START + n, heart_rate(START + n, 121.0))
    assert not any(alerts(minute(ward, START + n)) for n in range(14, 40))


def test_the_scenario_passes_under_the_protocol(tmp_path):
    (tmp_path / "map-65.toml").write_text(block(PAGE, "toml protocol"), encoding="utf-8")
    file = tmp_path / "low.yaml"
    file.write_text(block(PAGE, "yaml scenario"), encoding="utf-8")
    assert [(o.name, o.differences) for o in rehearse_file(file)] == [("low-for-ten-minutes", [])]
