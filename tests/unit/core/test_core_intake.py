"""Device clocks: any offset, slow drift, jumps, and gateways that deliver late."""

import pytest

from monitor_daemon.core.events import MINUTE, SECOND
from monitor_daemon.core.intake import JUMP, DeviceClock

OFF = 24 * MINUTE


def clock(device=0, received=0):
    return DeviceClock(received - device, device, received)


@pytest.mark.parametrize("offset", [-OFF, OFF, 0, 9 * 3600 * SECOND])
def test_a_wrong_device_clock_does_not_matter(offset):
    device = clock(offset, 0)
    for n in range(1, 100):
        assert device.place(n * MINUTE + offset, n * MINUTE, JUMP) == (n * MINUTE, None)


@pytest.mark.parametrize("drift", [-0.0005, 0.0005])
def test_a_clock_that_drifts_24_minutes_away_does_not_matter(drift):
    """Half a second in a thousand: 48,000 minutes until it is 24 minutes wrong."""
    device, worst, jumps = clock(), 0, 0
    for n in range(1, 48_001):
        placed, jump = device.place(round(n * MINUTE * (1 + drift)), n * MINUTE, JUMP)
        worst = max(worst, abs(placed - n * MINUTE))
        jumps += jump is not None
    assert (worst <= SECOND, jumps) == (True, 0)


@pytest.mark.parametrize("step", [-OFF, OFF, -61 * SECOND, 61 * SECOND])
def test_a_clock_that_is_set_is_a_jump_once(step):
    device = clock()
    device.place(MINUTE, MINUTE, JUMP)
    placed, jump = device.place(2 * MINUTE + step, 2 * MINUTE, JUMP)
    assert (placed, jump) == (2 * MINUTE, -step)
    for n in range(3, 10):
        assert device.place(n * MINUTE + step, n * MINUTE, JUMP) == (n * MINUTE, None)


def test_less_than_a_minute_is_no_jump():
    device = clock()
    placed, jump = device.place(MINUTE - 59 * SECOND, MINUTE, JUMP)
    assert jump is None
    assert abs(placed - MINUTE) <= MINUTE


def test_a_delay_of_the_network_leaves_the_time_of_measurement_alone():
    device = clock()
    placed, jump = device.place(MINUTE, MINUTE + 20 * SECOND, JUMP)
    assert jump is None
    assert abs(placed - MINUTE) <= SECOND


@pytest.mark.parametrize("period", [1, 60, 120, 300], ids=lambda s: f"every-{s}-s")
def test_a_burst_after_a_silence_is_late_data(period):
    """Thirty minutes of buffered values, one each `period`, all arriving at once."""
    device = clock()
    for second in range(period, 1801, period):
        expected = second * SECOND
        placed, jump = device.place(expected, 1801 * SECOND, JUMP)
        assert jump is None
        assert abs(placed - expected) <= 2 * SECOND


def test_a_burst_is_late_data_also_where_the_silence_was_twice_as_long():
    """Silent from 0 to 30, then an hour's half that was buffered: the first step is 30 in 60."""
    device = clock()
    for n in range(30, 60):
        assert device.place(n * MINUTE, 60 * MINUTE, JUMP) == (n * MINUTE, None)


def test_a_burst_with_a_missing_minute_is_still_late_data():
    device = clock()
    for n in [1, 2, 5, 6]:
        assert device.place(n * MINUTE, 10 * MINUTE, JUMP) == (n * MINUTE, None)


def test_a_clock_set_back_during_a_silence_is_a_jump_once_live_rate_goes_on():
    """Ten minutes without data, meanwhile set back by five: the values then come live, not late."""
    device, jumps = clock(), 0
    for n in range(10, 40):
        placed, jump = device.place((n - 5) * MINUTE, n * MINUTE, JUMP)
        jumps += jump is not None
    assert jumps == 1
    assert abs(placed - n * MINUTE) <= SECOND
