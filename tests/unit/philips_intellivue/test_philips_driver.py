"""The manifest: its settings, its manual, and the closed list of what may be sent to a monitor."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import philips_golden as golden
import pytest
from hypothesis import given
from hypothesis import strategies as st

import drivers.philips_intellivue
from drivers.kit.conformance import CHECKS
from drivers.kit.conformance_play import ConformancePlay
from drivers.kit.playback import SimClock
from drivers.philips_intellivue.driver import DRIVER
from drivers.philips_intellivue.frames import encode
from monitor_daemon.core.errors import ConfigError

FOLDER = Path(drivers.philips_intellivue.__file__).parent

ALLOWED = [
    golden.REQUEST,
    golden.RELEASE,
    golden.MDS_RESULT,
    golden.NUMERICS_POLL,
    golden.ALERTS_POLL,
    golden.SYSTEM_POLL,
    golden.NUMERICS_ONCE,
    golden.KEEP_ALIVE,
]
#: What else exists in the protocol, or could be made of an allowed message.
REFUSED = [
    golden.ACCEPT,
    golden.ABORT,
    golden.REFUSE,
    golden.RELEASE_RESPONSE,
    golden.MDS_CREATE,
    golden.ABP,
    # Set, confirmed set, get, event report in place of an action.
    *(golden.NUMERICS_POLL[:11] + bytes((command,)) + golden.NUMERICS_POLL[12:]
      for command in (0, 1, 3, 4, 5)),
    # Another action, another kind of object, another attribute group, another duration.
    golden.NUMERICS_POLL[:24] + b"\x0c\x17" + golden.NUMERICS_POLL[26:],
    golden.NUMERICS_ONCE[:33] + b"\x09" + golden.NUMERICS_ONCE[34:],
    golden.SYSTEM_POLL[:-1] + b"\x0b",
    golden.NUMERICS_POLL[:-1] + b"\x01",
    # An association that asks for averages, or for another role.
    golden.REQUEST.replace(b"\x8c\x00\x00\x00", b"\xcc\x00\x00\x00"),
]  # fmt: skip


@pytest.mark.parametrize("payload", ALLOWED)
def test_the_closed_list(payload):
    for data in (payload, encode(payload)):
        assert DRIVER.may_send(data)
        assert not DRIVER.may_send(data + data)
        assert not DRIVER.may_send(data + b"\x00")
        assert not DRIVER.may_send(data[:-1])


@pytest.mark.parametrize("payload", REFUSED)
def test_everything_else_is_refused(payload):
    assert not DRIVER.may_send(payload)
    assert not DRIVER.may_send(encode(payload))


def test_a_frame_that_is_escaped_without_need_is_refused():
    wire = golden.KEEP_ALIVE_FRAME
    assert not DRIVER.may_send(wire.replace(b"\xe1\x00", b"\x7d\xc1\x00", 1))
    assert not DRIVER.may_send(wire.replace(b"\x00\x24", b"\x7d\x20\x24", 1))


@given(st.sampled_from(ALLOWED), st.integers(0, 250), st.integers(1, 255), st.booleans())
def test_one_changed_byte_is_refused_unless_it_only_numbers(payload, place, change, framed):
    at = place % len(payload)
    data = bytearray(payload)
    data[at] ^= change
    numbers = set()
    if payload == golden.MDS_RESULT:
        numbers = {8, 9, *range(20, 24)}  # invoke id, time of the event
    elif payload[0] == 0xE1:
        numbers = {8, 9, 28, 29}  # invoke id, poll number
    sent = encode(bytes(data)) if framed else bytes(data)
    assert DRIVER.may_send(sent) == (at in numbers)


@given(st.binary())
def test_random_bytes_are_refused(data):
    assert not DRIVER.may_send(data)
    assert not DRIVER.may_send(encode(data))


@pytest.mark.parametrize(
    "codes", [{"F0BF": "arterial"}, {"61631": "art_map"}, {"xyz!": "art_map"}, {"": "art_map"}]
)
def test_a_site_code_that_cannot_be_is_a_configuration_error(codes):
    with pytest.raises(ConfigError, match=r"codes: .* = .*: four hexadecimal digits = one of"):
        DRIVER.session({"codes": codes})
    with pytest.raises(ConfigError):
        DRIVER.decoder("udp", {"codes": codes})


@pytest.mark.parametrize("codes", ["F0BF", ["F0BF"], 5, None])
def test_site_codes_that_are_no_table_are_a_configuration_error(codes):
    with pytest.raises(ConfigError, match=r"codes = .*: a table of id in hexadecimal = signal"):
        DRIVER.session({"codes": codes})


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("state", 0x10000),
        ("state", 3.5),
        ("alarm", -1),
        ("mtu", 299),
        ("refuse", -1),
        ("refuse_polls", 0.5),
        ("period", 0),
    ],
)
def test_a_number_that_no_simulated_monitor_can_have_is_a_configuration_error(name, wrong):
    clock = SimClock(0.0, datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(ConfigError, match=f"{name} = .*: a number from .* to "):
        DRIVER.simulator({name: wrong}, ConformancePlay(), clock)


def test_sample_configuration_is_accepted():
    links = tomllib.loads((FOLDER / "sample.toml").read_text())["links"]
    for link in links:
        assert link["driver"] == DRIVER.name
        DRIVER.session(link.get("options", {}))


def test_manual_names_every_option():
    manual = (FOLDER / "README.md").read_text()
    assert [o.name for o in DRIVER.options if f"| `{o.name}` |" not in manual] == []


def over_udp():
    options = tuple(
        replace(option, default="udp") if option.name == "framing" else option
        for option in DRIVER.options
    )
    return replace(DRIVER, modes=("udp", "serial"), options=options)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance_over_udp(check):
    check(over_udp())
