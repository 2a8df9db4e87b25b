"""Nothing but what stands on a closed list ever reaches a device, whatever a session wants."""

import random
from dataclasses import replace
from functools import cache

import echo_driver
import pytest
from closed_lists import LISTS
from hypothesis import given, settings
from hypothesis import strategies as st
from linking import Recorder

from drivers.kit.conformance_play import ConformancePlay
from drivers.kit.contract import Problem, Send
from drivers.kit.conversation import Conversation
from drivers.kit.exchange import Exchange
from drivers.kit.link import LinkSpec
from drivers.kit.links import dial_link, listen_link, serial_link
from drivers.kit.registry import driver_names, load_driver

#: Settings with which a session says other things than by default.
WAYS = {
    "alaris_gh": [{"passive": False, "accept_risk_of_polling": True}],
    "bbraun_space": [{"mode": "cyclic"}, {"stuffing": "on"}, {"stuffing": "off"}],
    "fresenius_orchestra": [{"connection": "pump"}, {"read_flags": True}],
    "ge_dri": [{"interval": 60}],
    "philips_intellivue": [{"framing": "udp"}, {"refuse": 1}, {"refuse_polls": 1}],
}


@cache
def closed(name):
    return LISTS[name]()


def mutations(frame, rng):
    """One byte changed, gone, doubled or put in, at every place; cut, joined, in other company."""
    for place in range(len(frame)):
        for value in rng.sample(range(256), 24):
            yield frame[:place] + bytes([value]) + frame[place + 1 :]
        for bit in range(8):
            yield frame[:place] + bytes([frame[place] ^ 1 << bit]) + frame[place + 1 :]
        yield frame[:place] + frame[place + 1 :]
        yield frame[:place] + frame[place : place + 1] + frame[place:]
        yield frame[:place] + rng.randbytes(1) + frame[place:]
        yield frame[:place]
        yield frame[place + 1 :]
    yield frame + frame
    yield frame.swapcase()
    yield b"\x06" + frame
    yield frame + b"\r\n"


def strange(name, frames, rng):
    """Mutations of `frames` that are not on the list themselves."""
    return [data for f in frames for data in mutations(f, rng) if data not in closed(name)]


def sample(name, rng):
    frames = sorted(closed(name).frames)
    return rng.sample(frames, min(len(frames), 12))


def test_every_driver_has_its_closed_list():
    assert set(LISTS) == set(driver_names())


@pytest.mark.parametrize("name", LISTS)
def test_all_of_the_list_may_be_sent(name):
    driver = load_driver(name)
    assert [frame for frame in closed(name).frames if not driver.may_send(frame)] == []


@pytest.mark.parametrize("name", LISTS)
def test_nothing_that_is_like_it_may_be_sent(name):
    driver, rng = load_driver(name), random.Random(name)
    assert [data for data in strange(name, sample(name, rng), rng) if driver.may_send(data)] == []


@pytest.mark.parametrize("name", LISTS)
@given(data=st.data())
@settings(deadline=None)
def test_nothing_else_may_be_sent(name, data):
    frames = sorted(closed(name).frames)[:40]
    pieces = [*frames, b"START\r", b"\x02", b"\xc0", b"\x0bMSH|^~\\&|"]
    sent = data.draw(st.binary(max_size=80) | st.lists(st.sampled_from(pieces)).map(b"".join))
    assert load_driver(name).may_send(sent) == (sent in closed(name))


@pytest.mark.parametrize(
    ("name", "options"),
    [(name, options) for name in LISTS for options in [{}, *WAYS.get(name, [])]],
)
def test_whatever_a_session_says_is_on_the_list(name, options):
    driver, sent = load_driver(name), []
    wires = (
        lambda index, chunk: [chunk],
        lambda index, chunk: [chunk] if index % 3 else [chunk[:-1] + b"\x00"],
        lambda index, chunk: [] if index % 2 else [chunk],
    )
    for wire in wires:
        exchange = Exchange(driver, ConformancePlay(), wire, options=options)
        exchange.run(200.0)
        exchange.farewell()
        exchange.run(1.0)
        sent += exchange.sent
    assert [data for data in sent if data not in closed(name)] == []
    assert bool(sent) == (name not in {"edwards_ifmout", "alaris_gh"} or bool(options))


class Wire:
    """A transport that keeps what is written to it."""

    def __init__(self):
        self.written = []

    def get_extra_info(self, name):
        return None

    def write(self, data):
        self.written.append(data)

    def pause_reading(self):
        pass


class Willing(echo_driver.EchoSession):
    """Sends whatever it is told to."""

    want: tuple[bytes, ...] = ()

    def __init__(self, options):
        pass

    def connected(self, now):
        half = len(self.want) // 2
        yield from map(Send, self.want[:half])
        for data in self.want[half:]:
            yield Problem(echo_driver.read_line(b"?", 0), data)

    def due(self):
        return None


def any_link(spec):
    """A link of a kind that the driver has; nothing is opened."""
    makers = {
        "serial": lambda: serial_link(spec, "/dev/none"),
        "mllp_server": lambda: listen_link(spec, ":0"),
    }
    return makers.get(spec.driver.transports[0], lambda: dial_link(spec, "127.0.0.1:1"))()


@pytest.mark.expects_error("link.send_refused")
@pytest.mark.parametrize("name", LISTS)
async def test_the_link_sends_the_list_and_refuses_every_other_byte(name):
    rng = random.Random(name)
    good = sample(name, rng)
    bad = strange(name, good[:2] or [b"START 5\r"], rng)[:1500]
    wanted = [*bad, *good]
    rng.shuffle(wanted)
    session = type("Told", (Willing,), {"want": tuple(wanted)})
    # As delivered one driver only listens, and then its list is empty.
    options = WAYS.get(name, [{}])[0]
    driver = replace(load_driver(name), session=session)
    link = any_link(LinkSpec("bed-1", driver, Recorder(), options))
    wire = Wire()
    Conversation(link, lambda _: None).connection_made(wire)
    assert wire.written == [data for data in wanted if data in closed(name)]
    assert len(wire.written) == len(good)
    assert link.counters.refused_sends == len(bad)
    assert link.counters.bytes_out == sum(map(len, good))


PASSIVE = [
    name
    for name in driver_names()
    if any(option.name == "passive" for option in load_driver(name).options)
]


@pytest.mark.parametrize("name", PASSIVE)
@pytest.mark.expects_error("link.send_refused")
async def test_a_passive_link_refuses_what_its_own_list_allows(name):
    """The kit keeps the promise of a tap, whatever a session wants."""
    good = sample(name, random.Random(name))
    session = type("Told", (Willing,), {"want": tuple(good)})
    driver = replace(load_driver(name), session=session)
    link = any_link(LinkSpec("bed-1", driver, Recorder(), {"passive": True}))
    wire = Wire()
    Conversation(link, lambda _: None).connection_made(wire)
    assert wire.written == []
    assert link.counters.refused_sends == len(good)


@pytest.mark.parametrize("name", PASSIVE)
@given(
    damage=st.lists(st.tuples(st.integers(0, 60), st.binary(max_size=20)), max_size=8),
    options=st.sampled_from([{}, {"passive": True}]),
)
@settings(deadline=None, max_examples=25)
def test_a_passive_driver_sends_nothing(name, damage, options):
    """Whatever the device says, to it or to somebody else, and when the link is stopped."""
    changed = dict(damage)
    exchange = Exchange(
        load_driver(name),
        ConformancePlay(),
        lambda index, chunk: [chunk, changed[index]] if index in changed else [chunk],
        options={"passive": True, **options},
    )
    exchange.run(60.0)
    for _, noise in damage:
        exchange.deliver(noise)
    for frame in closed(name).frames:
        exchange.deliver(frame)
    exchange.farewell()
    assert exchange.sent == []


def test_the_drivers_that_can_be_passive():
    assert set(PASSIVE) == {
        "alaris_gh", "bbraun_space", "edwards_ifmout", "fresenius_orchestra", "ge_dri",
        "philips_intellivue",
    }  # fmt: skip
