"""A tap on the transmit line of a station that another recorder asks: all is read, nothing sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bbraun_space.driver import DRIVER
from drivers.bbraun_space.frames import ACK, NAK, encode
from drivers.kit.conformance_play import ConformancePlay
from drivers.kit.contract import Alive, Close, Message, Problem
from drivers.kit.exchange import Exchange
from drivers.kit.link import LinkSpec
from drivers.kit.links import serial_link
from monitor_daemon.core.vocabulary import Alarm, Fault, Infusion, PumpStatus

STATION = "20,50100,FMNOR,1\x1e20,50100,FMSTAT,00051"


def block(second, slot=1, extra="", *, last=True, station=""):
    """One pump that runs at 5 mL/h; MEM:GET gives a block for each, the last with ETX."""
    pump = f"501{slot + 10}"
    records = [
        *filter(None, [station]),
        f"{second},{pump},INRT,5.00",
        f"{second},{pump},RUNSTATE,2",
    ]
    records += [f"{second},{pump},{extra}"] if extra else []
    return encode("ICU7", "\x1e".join(records), last=last)


def listening(*heard, **options):
    """What a tap makes of chunks heard at their times (s); each message is stored at once."""
    session = DRIVER.session({"passive": True, **options})
    effects = list(session.connected(0.0))
    for now, data in heard:
        effects += session.wake(now)
        fresh = session.feed(data, now)
        effects += fresh
        for effect in fresh:
            if isinstance(effect, Message):
                effects += session.stored(effect, now)
        assert session.due() is None
    return [*effects, *session.wake(1e6)]


def rows(effects):
    return [row for effect in effects if isinstance(effect, Message) for row in effect.rows]


def silent(effects):
    """Whether nothing is sent or answered, and the line stays open."""
    return all(
        isinstance(effect, Alive)
        or (isinstance(effect, Message | Problem) and effect.reply is None)
        for effect in effects
    )


def test_everything_another_recorder_is_told_is_heard_and_nothing_is_said():
    exchange = Exchange(DRIVER, ConformancePlay(), options={"passive": True})
    exchange.run(20.0)
    exchange.farewell()
    assert exchange.sent == []
    assert exchange.problems == []
    assert exchange.closed == 0
    infusions = [(row.channel, row.rate_ml_h) for row in exchange.rows]
    assert infusions == [("50111", 8.4), ("50112", 1.8)] * 5


@pytest.mark.parametrize("mode", ["request", "cyclic"])
@pytest.mark.parametrize("stuffing", ["auto", "on"])
def test_the_dialogue_of_another_recorder(mode, stuffing):
    effects = listening(
        (0.0, encode("ICU7", "12,50100,GNACK,0")),
        (0.5, encode("ICU7", "12,50100,V3.30")),
        (1.0, block(20, 1, last=False, station=STATION)),
        (1.5, block(20, 2)),
        (6.0, block(25, 1, last=False)),
        (6.5, block(25, 2)),
        mode=mode,
        stuffing=stuffing,
    )
    assert [effect.detail for effect in effects if isinstance(effect, Alive)] == [
        "station answered",
        "BCC V3.30",
    ]
    found = [(row.channel, row.rate_ml_h, row.status, row.bed) for row in rows(effects)]
    running = PumpStatus.RUNNING
    assert found == [("50111", 5.0, running, "ICU7"), ("50112", 5.0, running, "ICU7")] * 2
    assert silent(effects)


# B. Braun BCC 4.0: after a NAK the last block is repeated. INBOVAL counts since the last request.
@pytest.mark.parametrize("between", [b"", ACK, NAK, ACK + NAK])
@pytest.mark.parametrize("later", [0.2, 2.9])
def test_a_block_that_the_other_recorder_asks_for_again_is_no_second_bolus(between, later):
    bolus = block(20, extra="INBOVAL,2.00")
    effects = listening((1.0, bolus + between), (1.0 + later, bolus))
    assert [type(row) for row in rows(effects)] == [Infusion, Alarm]
    assert silent(effects)


def test_a_request_that_starts_at_the_first_block_again_within_its_second():
    first, second = block(20, 1, "DISPCHG,1", last=False, station=STATION), block(20, 2)
    effects = listening((1.0, first), (1.3, second), (1.6, first), (1.9, second))
    assert [row.code for row in rows(effects) if isinstance(row, Alarm)] == ["DISPCHG.1"]
    assert len(rows(effects)) == 3


def test_the_same_values_a_second_later_are_a_new_block():
    effects = listening(
        (1.0, block(20, extra="INBOVAL,2.00")), (2.0, block(21, extra="INBOVAL,2.00"))
    )
    assert [type(row) for row in rows(effects)] == [Infusion, Alarm] * 2


def test_a_station_whose_time_stands_still_does_not_fall_silent():
    effects = listening(*((5.0 * n, block(20)) for n in range(10)))
    assert len(rows(effects)) == 10
    often = listening(*((1.0 * n, block(20)) for n in range(40)))
    assert len(rows(often)) == 10


def test_one_pump_that_is_asked_for_takes_no_other_away():
    effects = listening(
        (1.0, block(20, 1, last=False, station=STATION) + block(20, 2)),
        (6.0, block(25, 2, station=STATION)),
    )
    assert [row.channel for row in rows(effects)] == ["50111", "50112", "50112"]
    assert all(row.rate_ml_h == 5.0 for row in rows(effects))


def test_what_the_station_refuses_the_other_recorder_is_an_error_row_and_no_reading():
    effects = listening((1.0, encode("ICU7", "21,50100,GNERR,68")))
    [fault] = rows(effects)
    assert isinstance(fault, Fault)
    assert fault.code == "REFUSED"
    assert silent(effects)


def test_damage_is_told_and_never_asked_for_again():
    good = block(20)
    effects = listening((1.0, good[9:]), (2.0, good[:-3] + b"9" + good[-2:]), (2.5, good))
    problems = [effect for effect in effects if isinstance(effect, Problem)]
    assert [problem.fault.code for problem in problems] == ["FRAME", "FRAME"]
    assert [type(row) for row in rows(effects)] == [Infusion]
    assert silent(effects)


def test_silence_says_nothing_and_closes_nothing():
    assert listening((1000.0, b"")) == []


def test_a_line_that_ends_within_a_block_is_told():
    session = DRIVER.session({"passive": True})
    session.feed(block(20)[:30], 0.0)
    [problem] = session.lost(1.0)
    assert problem.reply is None


def test_the_link_refuses_every_byte_of_a_passive_station():
    link = serial_link(LinkSpec("pumps", DRIVER, None, {"passive": True}), "/dev/none")
    assert not any(map(link.may_send, [ACK, NAK, encode("1", "ADMIN:ALIVE")]))


pieces = st.lists(
    st.sampled_from(
        [
            encode("ICU7", "12,50100,GNACK,0"),
            encode("1", "ADMIN:ALIVE"),
            block(20, 1, last=False),
            block(20, 2, "INBOVAL,1"),
            block(21, 2),
            block(20)[:-4],
            encode("ICU7", "21,50100,GNERR,811"),
            ACK,
            NAK,
        ]
    )
    | st.binary(max_size=20),
    max_size=12,
)


@given(pieces, st.floats(0, 10))
def test_whatever_is_heard_nothing_is_said(chunks, pause):
    effects = listening(*((n * pause, chunk) for n, chunk in enumerate(chunks)))
    assert silent(effects)
    assert not any(isinstance(effect, Close) for effect in effects)


@given(pieces)
def test_any_split_gives_the_same(chunks):
    data = b"".join(chunks)
    whole = [e for e in listening((1.0, data)) if isinstance(e, Message | Problem)]
    single = listening(*((1.0, bytes([byte])) for byte in data))
    assert [e for e in single if isinstance(e, Message | Problem)] == whole
