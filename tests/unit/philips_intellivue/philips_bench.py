"""A session and a simulated monitor joined in memory on a virtual monotonic clock."""

from collections import deque
from datetime import UTC, datetime

from drivers.kit.contract import Alive, Close, Message, Problem, Send
from drivers.kit.faults import simulated
from drivers.kit.playback import BedState, SimClock
from drivers.philips_intellivue.driver import DRIVER
from drivers.philips_intellivue.export import queried
from drivers.philips_intellivue.frames import BOF, Frame, parse

START = 1000.0
SIGNALS = {
    "art_map": 65.0,
    "art_sys": 118.0,
    "art_dia": 42.0,
    "heart_rate": 88.0,
    "pap_map": 22.0,
    "pap_sys": 33.0,
    "pap_dia": 12.0,
    "cvp": 9.0,
    "nibp_map": 71.0,
    "nibp_sys": 120.0,
    "nibp_dia": 55.0,
    "spo2": 97.5,
    "pulse_rate": 87.0,
    "respiration_rate": 14.0,
    "temperature": 37.3,
    "cardiac_output": 5.25,
    "cardiac_index": 2.7,
}


class Steady:
    """One bed that holds."""

    length = float("inf")

    def at(self, elapsed):
        return [BedState("ICU7", SIGNALS, ())]


class Bench:
    """`lost(way, number, message)` says whether a message, numbered by way from 1, gets lost."""

    def __init__(self, lost=lambda way, number, message: False, **options):
        clock = SimClock(START, datetime(2026, 1, 1, tzinfo=UTC))
        known = {"framing", "passive", "codes"}
        self.session = DRIVER.session({k: v for k, v in options.items() if k in known})
        self.monitor = simulated(DRIVER, options, Steady(), clock)
        self.tap = DRIVER.session({"passive": True, "framing": options.get("framing", "serial")})
        self.lost = lost
        self.now = START
        self.sent, self.received, self.messages, self.tapped = [], [], [], []
        self.problems, self.notes = [], []
        self.closed = None
        self.under_way = deque()
        self.started = False
        assert list(self.tap.connected(START)) == []

    def run(self, seconds):
        """Lets `seconds` pass; returns the rows of that time."""
        end, before = self.now + seconds, len(self.messages)
        if not self.started:
            self.started = True
            self.answer(self.monitor.connected(START))
            self.take(self.session.connected(START))
        self.settle()
        while self.closed is None:
            times = [t for t in (self.session.due(), self.monitor.due()) if t is not None]
            if not times or min(times) > end:
                break
            self.now = max(self.now, min(times))
            self.take(self.session.wake(self.now))
            self.answer(self.monitor.wake(self.now))
            self.settle()
        self.now = end
        return [row for message in self.messages[before:] for row in message.rows]

    def settle(self):
        """Delivers what is under way, in order."""
        while self.under_way:
            way, data = self.under_way.popleft()
            if way == "tx":
                self.answer(self.monitor.feed(data, self.now))
            else:
                self.take(self.session.feed(data, self.now))

    def take(self, effects):
        for effect in effects:
            match effect:
                case Send(data):
                    self.send(data)
                case Message(reply=reply):
                    self.messages.append(effect)
                    if reply:
                        self.send(reply)
                    self.take(self.session.stored(effect, self.now))
                case Problem():
                    self.problems.append(effect.fault)
                case Alive(detail):
                    self.notes.append(detail)
                case Close(reason):
                    self.closed = reason

    def send(self, data):
        assert DRIVER.may_send(data)
        self.sent.append((self.now, payload(data)))
        self.overhear(data)
        if not self.lost("tx", len(self.sent), payload(data)):
            self.under_way.append(("tx", data))

    def answer(self, chunks):
        for chunk in chunks:
            self.received.append(payload(chunk))
            self.overhear(chunk)
            if not self.lost("rx", len(self.received), payload(chunk)):
                self.under_way.append(("rx", chunk))

    def overhear(self, data):
        for effect in self.tap.feed(data, self.now):
            assert not isinstance(effect, Send | Close)
            if isinstance(effect, Message):
                assert effect.reply is None
                self.tapped += effect.rows
        assert self.tap.due() is None

    def asked(self):
        """(seconds since the start, name of the query) of every poll."""
        found = [(at - START, queried(message)) for at, message in self.sent]
        return [(at, query[0].name) for at, query in found if query]


def payload(data):
    frame = parse(data) if data.startswith(BOF) else None
    return frame.payload if isinstance(frame, Frame) else data
