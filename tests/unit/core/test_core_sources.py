"""Two sources of one bed: one is followed, they are never added, and disagreement is told."""

import pytest
from bedside import ZERO_MINUTE, Bedside, ms, pressure, pump

from monitor_daemon.config import load
from monitor_daemon.core.decisions import Alert
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.events import Data

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


SITE = """
[site]
id = "training"
zone = "Europe/Paris"
[store]
directory = "store"
vault_key_file = "vault.key"
[control]
socket = "control.sock"
[[protocols]]
id = "personalise"
[[beds]]
alias = "B1"
[[links]]
name = "monitor"
driver = "hl7"
listen = "2575"
bed = "B1"
arterial = %s
[[links]]
name = "gateway"
driver = "hl7"
listen = "2576"
bed = "B1"
"""


@pytest.fixture
def site(tmp_path):
    """Reads the configuration with this list of arterial channels."""

    def read(arterial):
        path = tmp_path / "site.toml"
        path.write_text(SITE % arterial, encoding="utf-8")
        return load(path)

    return read


def test_the_configuration_ranks_links_and_within_a_link_its_arterial_channels(site):
    order = site('["ART", "ABP"]').ranks
    assert sorted(order, key=order.get) == ["monitor|ART", "monitor|ABP", "monitor", "gateway"]


@pytest.mark.parametrize(
    ("arterial", "words"),
    [('["ART", "ART"]', "twice"), ('[""]', "at least 1"), ('"ART"', "must be a list")],
)
def test_a_wrong_list_of_arterial_channels_is_refused(site, arterial, words):
    with pytest.raises(ConfigError, match=rf"links\[0\].*{words}"):
        site(arterial)


@pytest.mark.parametrize(
    ("second", "third", "words"),
    [("monitor", "monitor", "two links repeat it"), ("monitor", "gateway", "is repeated itself")],
)
def test_a_link_that_is_repeated_twice_over_is_refused(site, tmp_path, second, third, words):
    site("[]")
    path = tmp_path / "site.toml"
    text = path.read_text(encoding="utf-8") + f'repeats = "{second}"\n'
    text += f'[[links]]\nname = "x"\ndriver = "hl7"\nlisten = "2577"\nrepeats = "{third}"\n'
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"links\.gateway\.repeats.*{words}"):
        load(path)


def lines(bedside, start, end, **means):
    """Minutes in which channels of one monitor speak, in this order; give the MAP5."""
    for t in range(start, end):
        told = [pressure(mean, channel=channel).samples for channel, mean in means.items()]
        bedside.give(t, Data("monitor", "B1", sum(told, ())), pump(4.8))
        bedside.tick(t)
    return bedside.bed.pressure.map5(bedside.ward.state.minute)


def test_of_two_lines_of_one_monitor_the_one_that_the_site_prefers_is_judged(site):
    ranks = site('["ART", "ABP"]').ranks
    bedside = Bedside.active(until=5, mean=None, configured={"ranks": ranks})
    assert lines(bedside, 5, 12, UAP=90.0, ABP=80.0, ART=66.0) == 66.0
    assert bedside.bed.pressure.bins[ZERO_MINUTE + 5] == 66.0
    assert lines(bedside, 12, 20, UAP=90.0, ABP=80.0) == 80.0
    assert lines(bedside, 20, 28, UAP=90.0) == 90.0
    assert lines(bedside, 28, 36, UAP=90.0, ABP=80.0, ART=66.0) == 66.0


def test_a_source_that_speaks_before_the_preferred_one_of_each_minute_is_not_mixed_in():
    """Both speak once a minute: in that minute the preferred one is late, and not gone."""
    bedside = Bedside.active(until=10, configured=RANKS)
    for t in range(10, 20):
        bedside.give(t, pressure(80.0, link="gateway"), pressure(66.0), pump(4.8))
        bedside.tick(t)
    assert {bedside.bed.pressure.bins[ZERO_MINUTE + t] for t in range(10, 19)} == {66.0}


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


def test_when_the_gateway_takes_over_no_pump_is_lost_until_it_speaks_again():
    bedside = Bedside.active(rate=None, until=5, configured=RANKS)
    for t in range(5, 20):
        if t < 10:
            bedside.give(t, pump(4.8), pump(2.4, channel="2"))
        for second, given in enumerate(
            [pump(4.8, link="gateway"), pump(2.4, channel="2", link="gateway")]
        ):
            bedside.give(t + 0.1 + second / 2, pressure(66.0), given)
            assert dose(bedside) == 0.12
        bedside.tick(t + 1)
    assert sorted(bedside.bed.infusions.channels) == ["gateway|1", "gateway|2"]


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
