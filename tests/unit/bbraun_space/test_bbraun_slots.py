"""A pump that is carried from slot to slot counts once: it is known again by what is unique of it.

B. Braun BCC 4.0, parameter list: INNR is a unique id, INSERNUM the serial, INDTNR the type number.
"""

import pytest

from drivers.bbraun_space.driver import DRIVER
from drivers.bbraun_space.frames import encode
from drivers.kit.contract import Message, Send
from monitor_daemon.core.vocabulary import Infusion, PumpStatus, Quality

PERIOD = 5.0
FIRST = {"INNR": "0A1B2C3D", "INSERNUM": "4711", "INDTNR": "8713030"}
SECOND = {"INNR": "0A1B2C3E", "INSERNUM": "4712", "INDTNR": "8713030"}
#: All that an id may look like that tells no pump from another.
NAMELESS = [{}, {"INNR": "_NV", "INSERNUM": "_NA"}, {"INSERNUM": "000", "INDTNR": "8713030"}]

EMPTY = (0.0, PumpStatus.OFF, Quality.GOOD)
TAKEN_OUT = (None, PumpStatus.UNKNOWN, Quality.NO_VALUE)
RUNS = (5.0, PumpStatus.RUNNING, Quality.GOOD)


def block(now, address, named, *, last):
    told = {"INRT": "5.00", "RUNSTATE": "2", **named}
    text = "\x1e".join(f"{int(now)},{address},{key},{value}" for key, value in told.items())
    return encode("ICU7", text, last=last)


class Ward:
    """A session with a station whose slots are filled by hand; a round every five seconds."""

    def __init__(self, **options):
        self.session = DRIVER.session({"poll_period": PERIOD, **options})
        self.polls = not options
        self.now = 0.0
        self.asked = b""
        self.rows = []
        self.take(self.session.connected(0.0))
        if self.polls:
            self.hear(encode("ICU7", "1,50100,GNACK,0"))
            self.hear(encode("ICU7", "1,50100,V3.30"))

    def round(self, *slots):
        """What each channel says, in order, when the station lists these (address, id)."""
        self.rows = []
        if self.polls:
            self.sleep(until=lambda: b"M" in self.asked)
        else:
            self.now += PERIOD
        self.asked = b""
        for number, (address, named) in enumerate(slots, 1):
            self.hear(block(self.now, address, named, last=number == len(slots)))
        return [
            (row.channel, (row.rate_ml_h, row.status, row.quality))
            for row in self.rows
            if isinstance(row, Infusion)
        ]

    def hear(self, data):
        self.take(self.session.feed(data, self.now))
        due = self.session.due()
        if due is not None and due - self.now < 1.0:
            self.now = due
            self.take(self.session.wake(due))

    def sleep(self, until):
        while not until():
            self.now = max(self.now, self.session.due())
            self.take(self.session.wake(self.now))

    def take(self, effects):
        for effect in effects:
            if isinstance(effect, Send):
                self.asked += effect.data
            elif isinstance(effect, Message):
                self.rows += effect.rows
                self.take(self.session.stored(effect, self.now))


WAYS = pytest.mark.parametrize("options", [{}, {"mode": "cyclic"}, {"passive": True}])


@WAYS
def test_a_pump_that_speaks_from_another_slot_has_left_its_own(options):
    ward = Ward(**options)
    assert ward.round(("50112", FIRST), ("50113", SECOND)) == [("50112", RUNS), ("50113", RUNS)]
    # In somebody's hand: it may run on.
    assert ("50112", EMPTY) not in ward.round(("50113", SECOND))
    assert ward.round(("50113", SECOND), ("5012A", FIRST)) == [
        ("50113", RUNS),
        ("50112", EMPTY),
        ("5012A", RUNS),
    ]
    assert ward.round(("50113", SECOND), ("5012A", FIRST)) == [("50113", RUNS), ("5012A", RUNS)]


def test_a_pump_that_is_carried_within_one_period():
    ward = Ward()
    ward.round(("501112", FIRST))
    assert ward.round(("501103", FIRST)) == [
        ("501112", EMPTY),
        ("501103", RUNS),
        ("501112", TAKEN_OUT),
    ]


@WAYS
def test_pumps_that_change_places_both_run(options):
    ward = Ward(**options)
    ward.round(("50112", FIRST), ("50113", SECOND))
    said = ward.round(("50112", SECOND), ("50113", FIRST))
    assert dict(said) == {"50112": RUNS, "50113": RUNS}  # the last word of each
    assert ward.round(("50112", SECOND), ("50113", FIRST)) == [("50112", RUNS), ("50113", RUNS)]


@WAYS
def test_a_pump_that_comes_back_into_its_slot(options):
    ward = Ward(**options)
    ward.round(("50112", FIRST), ("50113", SECOND))
    ward.round(("50113", SECOND))
    assert ward.round(("50112", FIRST), ("50113", SECOND)) == [("50112", RUNS), ("50113", RUNS)]


@WAYS
@pytest.mark.parametrize("named", [*NAMELESS, FIRST])
def test_ids_that_two_pumps_share_move_nobody(options, named):
    ward = Ward(**options)
    for _ in range(3):
        assert ward.round(("50112", named), ("50113", named)) == [("50112", RUNS), ("50113", RUNS)]
    assert ("50112", EMPTY) not in ward.round(("50113", named), ("50114", named))


def test_a_pump_of_no_name_in_another_slot_ends_nothing():
    ward = Ward()
    ward.round(("50112", {}))
    assert ward.round(("50113", {})) == [("50113", RUNS), ("50112", TAKEN_OUT)]
