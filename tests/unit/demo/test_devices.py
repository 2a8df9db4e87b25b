"""The simulated devices of the demonstration, driven by a clock of the test."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ge_dri.decode import DriDecoder
from drivers.ge_dri.records import REQUESTS
from drivers.kit.contract import Message, Send
from drivers.kit.playback import SimClock
from drivers.kit.registry import load_driver
from monitor_daemon.core.vocabulary import Infusion
from monitor_daemon.demo.devices import _Hastened, _Part, _Switched, reader
from monitor_daemon.demo.plan import load

START = 1000.0
UTC_ZERO = datetime(2026, 2, 2, 8, 0, tzinfo=UTC)
PLAY = load().play


def clock(speed):
    return SimClock(START, UTC_ZERO, speed)


def ge_records(speed, seconds):
    """Times (real s after the start) and rows of the records until `seconds` have passed."""
    driver = load_driver("ge_dri")
    settings = driver.settings({"bed": "ICU-3", "interval": 15})
    device = _Hastened(driver.simulator, settings, PLAY, clock(speed))
    assert list(device.connected(START)) == []
    assert device.due() is None
    assert list(device.feed(REQUESTS[15], START)) == []
    records = []
    while (due := device.due()) is not None and due <= START + seconds:
        for data in device.wake(due + 1e-9):
            rows = list(DriDecoder(["ART"]).feed(data))
            records.append((due - START, {row.signal: row for row in rows if row.value}))
    return records


def test_the_ge_monitor_sends_every_15_simulated_seconds():
    times = [round(at, 3) for at, _ in ge_records(60, 2.1)]
    assert times == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]


def test_its_records_carry_the_simulated_time_and_the_pressure_of_that_minute():
    # cinc2009_C2_14 from minute 472: 66.1, 61.4, 59.9, 57.7.
    records = [rows["art_map"] for at, rows in ge_records(60, 3.9)]
    assert [row.value for row in records[::4]] == [66.1, 61.4, 59.9, 57.7]
    assert [row.device_time for row in records[:5]] == [
        f"2026-02-02T08:0{minute}:{second:02}"
        for minute, second in ((0, 0), (0, 15), (0, 30), (0, 45), (1, 0))
    ]


@given(st.sampled_from([1, 7, 60, 600]), st.floats(0, 20))
def test_a_hastened_device_at_any_speed_sends_once_in_15_simulated_seconds(speed, minutes):
    span = 60 * minutes / speed
    assert abs(len(ge_records(speed, span)) - (60 * minutes // 15 + 1)) <= 1


def test_a_switched_station_is_silent_until_playback_begins():
    driver = load_driver("bbraun_space")
    settings = driver.settings({"bed": "ICU-1", "mode": "cyclic", "poll_period": 0.25})
    device = _Switched(driver.simulator, settings, PLAY, clock(60))
    assert list(device.connected(START - 2)) == []
    assert list(device.feed(b"\x06", START - 1)) == []
    assert device.due() == START
    device.wake(START)
    assert device.due() == START
    assert b"".join(device.wake(START)).startswith(b"\x01")


def test_a_part_of_a_play_shows_its_beds_only():
    part = _Part(PLAY, {"ICU-1", "ICU-4"})
    assert [bed.bed for bed in part.at(600)] == ["ICU-1", "ICU-4"]
    assert part.length == PLAY.length


@pytest.mark.parametrize(("speed", "real"), [(1, 15), (60, 0.25), (600, 0.05)])
def test_a_pump_that_stands_alone_is_asked_every_15_simulated_seconds(speed, real):
    settings = {"dilution_unit": "mg/mL", "bed": "ICU-3", "pump": "norepinephrine"}
    driver = reader(speed, "terumo_ss3")
    session = driver.session({"dilution_unit": "mg/mL"})
    pump = driver.simulator(driver.settings(settings), PLAY, clock(speed))
    now, rows = START, []
    effects = session.connected(now)
    for _ in range(3):
        asked = b"".join(effect.data for effect in effects if isinstance(effect, Send))
        effects = session.feed(b"".join(pump.feed(asked, now)), now)
        for message in (effect for effect in effects if isinstance(effect, Message)):
            rows += (row for row in message.rows if isinstance(row, Infusion))
            effects += session.stored(message, now)
        if rows:
            assert session.due() == pytest.approx(now + real)
            now = session.due()
            effects = session.wake(now)
    # 0.12 ug/kg/min x 107 kg x 60 / 80 ug/mL, the doses of recordings/demo-play.yaml.
    assert {(row.rate_ml_h, row.concentration, row.drug) for row in rows} == {(9.63, 0.08, None)}


def test_every_other_driver_is_read_as_it_is():
    assert reader(60, "bbraun_space") is load_driver("bbraun_space")
