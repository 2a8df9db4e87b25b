"""Pumps and their alarms at the entrance: whose they are, and what counts as nobody's."""

from zoneinfo import ZoneInfo

import pytest

from monitor_daemon import resources
from monitor_daemon.core.drugs import DrugTable
from monitor_daemon.core.vocabulary import Alarm, Infusion, PumpStatus, Quality
from monitor_daemon.engine.entrance import Entrance, LinkMap

DRUGS = DrugTable.parse(resources.text("drugs.toml"))


def entrance(**more):
    return Entrance(LinkMap("pumps", ZoneInfo("Asia/Tokyo"), **more), DRUGS, str)


def pump(channel="7", quality=Quality.GOOD, **more):
    return Infusion(channel, "Noradrenaline", 6.0, PumpStatus.RUNNING, quality=quality, **more)


def test_fault_a_pump_of_no_bed_is_counted_by_its_channel():
    made = entrance(channels={"7": "bed-1"})
    (data,) = made.admit([pump("7"), pump("8")])[:1]
    assert (data.bed, [flow.channel for flow in data.flows]) == ("bed-1", ["7"])
    assert made.counts.unknown_beds == {"channel 8": 1}


def test_a_pump_under_test_gives_nobody_anything():
    made = entrance(bed="bed-1")
    (data,) = made.admit([pump(quality=Quality.NOT_PATIENT), pump("8")])
    assert [flow.channel for flow in data.flows] == ["8"]


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("196614^MDC_EVT_ALARM^MDC", ["196614"]),
        ("196614", ["196614"]),
        ("196614^words", ["196614"]),
        # A maker's own 308 is not the 308 of ISO/IEEE 11073-10101.
        ("308^Sensor^99VENDOR", []),
        ("0308^Sensor^L", []),
    ],
)
def test_the_number_of_an_alarm_is_a_term_only_in_the_nomenclature(code, kept):
    made = entrance(bed="bed-1")
    (data,) = made.admit([Alarm(code, "ART", "start", None, "high")])
    assert [alarm.code for alarm in data.alarms] == kept
    assert made.counts.unmapped == ({} if kept else {"alarm": 1})
