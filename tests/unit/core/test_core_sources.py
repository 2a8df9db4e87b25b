"""Two sources of one bed: one is followed, they are never added, and disagreement is told."""

import pytest
from bedside import Bedside, ms, pressure, pump

from monitor_daemon.core.decisions import Alert

RANKS = {"ranks": {"monitor": 0, "gateway": 1}, "repeats": {"gateway": "pumps"}}


def told(bedside, transition):
    return [
        (d.at - ms(0)) // 60_000
        for d in bedside.decisions
        if isinstance(d, Alert) and (d.name, d.transition) == ("SOURCE_DISAGREES", transition)
    ]


def dose(bedside):
    return bedside.bed.infusions.dose("norepinephrine", 60.0).value


@pytest.fixture
def bedside():
    return Bedside.active(until=10, configured=RANKS)


def both(bedside, start, end, one=66.0, two=66.0, rate=4.8, other=4.8):
    """Minutes in which both links speak; None: that one is silent."""
    for t in range(start, end):
        given = [
            None if one is None else pressure(one),
            None if two is None else pressure(two, link="gateway"),
            None if rate is None else pump(rate),
            None if other is None else pump(other, link="gateway"),
        ]
        bedside.give(t, *[g for g in given if g is not None])
        bedside.tick(t)


def test_only_the_preferred_line_is_judged(bedside):
    both(bedside, 10, 20, two=80.0)
    assert bedside.bed.pressure.map5(bedside.ward.state.minute) == 66.0


def test_the_other_line_takes_over_after_a_minute_and_gives_way_again(bedside):
    both(bedside, 10, 20)
    both(bedside, 20, 30, one=None, two=64.0)
    assert bedside.bed.pressure.map5(bedside.ward.state.minute) == 64.0
    both(bedside, 30, 40, two=64.0)
    assert bedside.bed.pressure.map5(bedside.ward.state.minute) == 66.0
    assert told(bedside, "raised") == []


def test_a_pump_seen_twice_is_counted_once(bedside):
    both(bedside, 10, 20)
    assert dose(bedside) == 0.08
    assert list(bedside.bed.infusions.channels) == ["pumps|1"]


def test_the_repeated_pump_is_followed_when_its_own_link_is_silent(bedside):
    both(bedside, 10, 20)
    both(bedside, 20, 24, rate=None, other=6.0)
    assert dose(bedside) == 0.08
    both(bedside, 24, 40, rate=None, other=6.0)
    assert dose(bedside) == 0.1
    both(bedside, 40, 42, rate=7.2, other=7.2)
    assert dose(bedside) == 0.12
    assert list(bedside.bed.infusions.channels) == ["pumps|1"]


def test_a_gateway_heard_first_is_followed_until_the_pumps_own_link_speaks():
    bedside = Bedside.active(rate=None, until=5, configured=RANKS)
    both(bedside, 5, 8, rate=None, other=4.8)
    assert dose(bedside) == 0.08
    both(bedside, 8, 10)
    assert dose(bedside) == 0.08


def test_lines_that_differ_by_more_than_ten_are_told_after_five_minutes(bedside):
    both(bedside, 10, 30)
    both(bedside, 30, 50, two=76.0)  # by exactly ten: not more
    assert told(bedside, "raised") == []
    both(bedside, 50, 70, two=77.0)
    # MAP5 of the other line follows at 53, five minutes later it is told.
    assert told(bedside, "raised") == [58]
    both(bedside, 70, 90)
    assert told(bedside, "cleared") == [78]


def test_doses_that_differ_by_more_than_a_tenth_are_told(bedside):
    both(bedside, 10, 20, other=5.3)  # 0.088: a tenth less than the larger is 0.0792
    assert told(bedside, "raised") == []
    both(bedside, 20, 40, other=5.4)  # 0.090: 0.08 is 11 % less
    assert told(bedside, "raised") == [25]


def test_a_source_that_fell_silent_neither_raises_nor_clears(bedside):
    both(bedside, 10, 20)
    both(bedside, 20, 40, two=80.0)
    assert told(bedside, "raised") == [28]
    both(bedside, 40, 60, two=None, other=None)
    assert told(bedside, "cleared") == []
