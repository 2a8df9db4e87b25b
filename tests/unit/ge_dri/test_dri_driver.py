"""The manifest: its settings, its manual, and the closed list of what may be sent to a monitor."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_dri_frames import PRINTED, REQUEST_10

import drivers.ge_dri
from drivers.ge_dri.driver import DRIVER
from drivers.ge_dri.frames import encode
from monitor_daemon.core.errors import ConfigError

FOLDER = Path(drivers.ge_dri.__file__).parent


def composed(interval):
    """The printed request with another interval; its checksum grows with it."""
    return (
        REQUEST_10[:42]
        + bytes([interval])
        + REQUEST_10[43:-2]
        + bytes([0x49 - 10 + interval])
        + b"\x7e"
    )


ALLOWED = {composed(interval) for interval in range(5, 61)}


def test_the_closed_list_is_56_requests_for_displayed_values():
    assert len(ALLOWED) == 56
    assert REQUEST_10 in ALLOWED
    assert all(DRIVER.may_send(data) for data in ALLOWED)


def test_every_single_byte_change_of_a_request_is_refused_unless_it_is_another_one():
    for position in range(len(REQUEST_10)):
        for byte in range(256):
            data = REQUEST_10[:position] + bytes([byte]) + REQUEST_10[position + 1 :]
            assert DRIVER.may_send(data) == (data in ALLOWED)


@pytest.mark.parametrize("name", [name for name in PRINTED if name != "displayed, 5 s"])
def test_other_requests_are_refused(name):
    assert not DRIVER.may_send(encode(REQUEST_10[1:41] + bytes.fromhex(PRINTED[name][0])))


@pytest.mark.parametrize("interval", [-1, 0, 1, 4, 61, 32767])
def test_other_intervals_are_refused(interval):
    body = b"\x01" + interval.to_bytes(2, "little", signed=True) + b"\x0e" + bytes(5)
    assert not DRIVER.may_send(encode(REQUEST_10[1:41] + body))


@given(st.binary())
def test_random_bytes_are_refused(data):
    assert DRIVER.may_send(data) == (data in ALLOWED)
    assert not DRIVER.may_send(REQUEST_10 + data) or not data


@pytest.mark.parametrize("interval", [4, 61, 0, -1, 5.0])
def test_a_wrong_interval_is_a_configuration_error(interval):
    with pytest.raises(ConfigError, match=r"interval = .*: whole seconds from 5 to 60"):
        DRIVER.session({"interval": interval})


@pytest.mark.parametrize("interval", [True, "5", None])
def test_an_interval_that_is_no_number_is_refused(interval):
    with pytest.raises((ConfigError, ValueError), match=r"interval = "):
        DRIVER.session({"interval": interval})


@pytest.mark.parametrize("labels", ["ART", ["CVP"], ["ART", "ICP"], ["undefined"], [1], [["ART"]]])
def test_a_label_that_is_no_artery_is_a_configuration_error(labels):
    with pytest.raises(ConfigError, match=r"arterial_labels = .*: a list of ART, ABP, FEM"):
        DRIVER.decoder("serial", {"arterial_labels": labels})


@pytest.mark.parametrize("channels", ["P1", ["P9"], [1], None])
def test_a_channel_that_no_monitor_has_is_a_configuration_error(channels):
    with pytest.raises(ConfigError, match=r"arterial_channels = .*: a list of P1, P2, .*, P8$"):
        DRIVER.session({"arterial_channels": channels})


def test_line_settings():
    assert DRIVER.serial == {"baudrate": 19200, "byte_size": 8, "parity": "E", "stopbits": 1}


def test_sample_configuration_is_accepted():
    [link] = tomllib.loads((FOLDER / "sample.toml").read_text())["links"]
    assert link["driver"] == DRIVER.name
    assert link["options"]["interval"] <= link["expected_period"]
    DRIVER.session(link["options"])


def test_manual_names_every_option():
    manual = (FOLDER / "README.md").read_text()
    assert [o.name for o in DRIVER.options if f"| `{o.name}` |" not in manual] == []
