"""Where the devices of the demonstration are, and the configuration that reads them."""

import pytest

from drivers.kit.registry import load_driver
from monitor_daemon.daemon import make_link
from monitor_daemon.demo.plan import load
from monitor_daemon.demo.site import GATEWAY, configure, philips_period, places
from monitor_daemon.notify.settings import BrokerSettings

PEOPLE = load().people


@pytest.fixture
def config(tmp_path):
    where = places(tmp_path, PEOPLE)
    return configure(tmp_path, PEOPLE, BrokerSettings(), where, speed=60)


def test_no_two_links_share_a_place(tmp_path):
    where = places(tmp_path, PEOPLE)
    # The gateway, four stations or pumps, the monitors of two beds, an output, a second pump.
    assert len(set(where.values())) == len(where) == 1 + 4 + 2 + 1 + 1


def test_every_bed_is_read_by_its_monitor_and_its_pumps(config):
    read = {
        patient.bed: {link.driver for link in config.links if patient.bed in link.aliases()}
        for patient in PEOPLE.patients
    }
    assert read == {
        "ICU-1": {"hl7", "bbraun_space"},
        "ICU-2": {"philips_intellivue", "bbraun_space"},
        "ICU-3": {"ge_dri", "terumo_ss3"},
        "ICU-4": {"hl7", "edwards_ifmout", "bbraun_space"},
    }
    assert {protocol.id for protocol in config.protocols} == {"personalise", "argipressin"}


def test_every_link_can_be_made(config):
    for link in config.links:
        assert make_link(link, load_driver(link.driver), sink=None).period > 0


def test_the_study_pump_is_known_by_its_channel_in_one_bed_only(config):
    # B. Braun BCC 4.0: 501 is the station, then pillar and slot; the study pump stands in slot 2.
    study = {link.name: link.study_channels for link in config.links if link.study_channels}
    assert study == {"ICU-4-pumps": ("50112",)}


@pytest.mark.parametrize("speed", [1, 5, 60, 600])
def test_a_philips_result_comes_within_the_patience_of_the_session(speed):
    # Programming Guide: a poll without results for 5 s is sent again.
    assert philips_period(speed) / speed < 5
    assert philips_period(speed) <= 15


def test_the_gateway_speaks_for_the_beds_without_a_monitor_of_their_own(config):
    (gateway,) = (link for link in config.links if link.name == GATEWAY)
    assert set(gateway.beds) == {"ICU-1", "ICU-4"}
