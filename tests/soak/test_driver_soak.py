"""A million random bytes and a million mutated frames for every driver; the suite runs 1 %.

SOAK=1 runs all of it (`./dev soak`), SOAK_SEED repeats a run.
"""

import os
import random
from functools import cache
from itertools import cycle

import pytest

from drivers.kit.conformance_play import ConformancePlay, is_data
from drivers.kit.contract import Close, Message, Problem, Send
from drivers.kit.exchange import Exchange
from drivers.kit.registry import driver_names, load_driver
from monitor_daemon.core.vocabulary import Row

SEED = int(os.environ.get("SOAK_SEED", "20260101"))
CASES = 1_000_000 if os.environ.get("SOAK") == "1" else 10_000
#: Bytes that protocols frame and escape with come more often than others.
MARKS = b"\x01\x02\x03\x04\x05\x06\x0b\r\x15\x1c\x7d\x7e\xc0\xc1!|^D$"


@cache
def frames(name):
    """Chunks of a simulated device that carry data, each a whole message."""
    exchange = Exchange(load_driver(name), ConformancePlay())
    exchange.run(120.0)
    carrying = sorted({i for i, message in exchange.messages if any(map(is_data, message.rows))})
    return [exchange.received[index] for index in carrying]


def mutated(rng, frame):
    """One to three times some bytes changed, gone, doubled, put in or cut off."""
    data = bytearray(frame)
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(data) + 1)
        until = min(len(data), at + rng.choice((1, 1, 2, 8)))
        match rng.randrange(6):
            case 0:
                data[at:until] = rng.randbytes(until - at)
            case 1:
                del data[at:until]
            case 2:
                data[at:at] = data[at:until]
            case 3:
                data[at:until] = bytes(rng.choices(MARKS, k=until - at))
            case 4:
                data[at:at] = bytes(rng.choices(MARKS, k=2))
            case 5:
                del data[at:]
    return bytes(data)


class Talk:
    """A session whose messages are stored at once; it starts again when it closes."""

    def __init__(self, driver):
        self.driver = driver
        self.now = 0.0
        self.open()

    def open(self):
        self.session = self.driver.session(self.driver.settings({}))
        self.take(self.session.connected(self.now))

    def take(self, effects):
        waiting = list(effects)
        for effect in waiting:
            match effect:
                case Send(data):
                    assert self.driver.may_send(data)
                case Message(rows=rows, reply=reply):
                    assert all(isinstance(row, Row) for row in rows)
                    assert reply is None or self.driver.may_send(reply)
                    waiting += self.session.stored(effect, self.now)
                case Problem(reply=reply):
                    assert reply is None or self.driver.may_send(reply)
                case Close():
                    self.session.lost(self.now)
                    self.open()
                    return

    def feed(self, data):
        self.now += 0.05
        self.take(self.session.feed(data, self.now))
        due = self.session.due()
        if due is not None and due <= self.now:
            self.take(self.session.wake(self.now))


def pieces(rng, size):
    """Random bytes, cut anywhere; every other piece has many marks."""
    while size > 0:
        length = min(size, rng.randint(1, 200))
        size -= length
        yield bytes(rng.choices(MARKS, k=length)) if rng.random() < 0.5 else rng.randbytes(length)


@pytest.mark.parametrize("name", driver_names())
def test_random_bytes_break_neither_session_nor_decoder(name):
    driver, rng = load_driver(name), random.Random(f"{SEED} {name}")
    talk = Talk(driver)
    decoders = [driver.decoder(mode, driver.settings({})) for mode in driver.modes]
    for piece in pieces(rng, CASES):
        talk.feed(piece)
        for decoder in decoders:
            assert all(isinstance(row, Row) for row in decoder.feed(piece))
    for decoder in decoders:
        assert all(isinstance(row, Row) for row in decoder.finish())


@pytest.mark.parametrize("name", driver_names())
def test_after_a_mutated_frame_the_next_but_one_is_read(name):
    """The damage may cost the frame itself and the one that follows it, never more."""
    driver, rng = load_driver(name), random.Random(f"{SEED} {name}")
    decoder = driver.decoder(driver.modes[0], driver.settings({}))
    talk, clean = Talk(driver), frames(name)
    following = cycle(clean)
    for number in range(CASES):
        damaged = mutated(rng, rng.choice(clean))
        talk.feed(damaged)
        list(decoder.feed(damaged))
        list(decoder.feed(next(following)))
        rows = list(decoder.feed(next(following)))
        assert any(map(is_data, rows)), (number, damaged)
