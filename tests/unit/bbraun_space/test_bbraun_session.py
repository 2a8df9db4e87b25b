"""The session against the simulated station, joined in memory on a virtual monotonic clock."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from drivers.bbraun_space.driver import DRIVER
from drivers.bbraun_space.frames import ACK, NAK, encode, parse
from drivers.bbraun_space.session import ANSWER_TIMEOUT
from drivers.kit.contract import Alive, Close, Message, Problem, Send
from drivers.kit.faults import simulated
from drivers.kit.playback import BedState, PumpState, SimClock
from monitor_daemon.core.vocabulary import Alarm, Fault, Infusion, PumpStatus, Quality

START = 1000.0
#: ALIVE, VERSION and the two blocks of the first poll are acknowledged by then.
FIRST_POLL = 0.5
NOREPINEPHRINE = PumpState(
    channel="ne",
    drug="Norad 4mg/50ml",
    rate_ml_h=5.0,
    concentration=80.0,
    concentration_unit="ug/mL",
    dose=0.095,
    dose_unit="ug/kg/min",
    weight_kg=70.0,
    volume_ml=12.5,
)
VASOPRESSIN = PumpState(channel="vp", drug="Vaso 40IU/50", rate_ml_h=2.25)


class Script:
    """A play in which each bed's pumps hold until the next entry (seconds, pumps)."""

    length = float("inf")

    def __init__(self, *entries, bed="ICU7"):
        self.entries = entries
        self.bed = bed

    def at(self, elapsed):
        pumps = [pumps for since, pumps in self.entries if since <= elapsed][-1]
        return [BedState(self.bed, {}, pumps), BedState("ICU8", {}, (VASOPRESSIN,))]


class Bench:
    """Link, session and station without transport; everything sent passes the allow-list."""

    def __init__(self, play, *, station=None, **options):
        clock = SimClock(START, datetime(2026, 1, 1, tzinfo=UTC))
        self.session = DRIVER.session(options)
        self.station = simulated(DRIVER, options | (station or {}), play, clock)
        self.now = START
        self.sent, self.messages, self.problems, self.notes = [], [], [], []
        self.closed = None
        self.answer(self.station.connected(self.now))
        self.take(self.session.connected(self.now))
        self.run(FIRST_POLL)

    def run(self, seconds):
        """Lets `seconds` pass; returns the rows of that time."""
        end, before = self.now + seconds, len(self.messages)
        while self.closed is None:
            times = [t for t in (self.session.due(), self.station.due()) if t is not None]
            if not times or min(times) > end:
                break
            self.now = max(self.now, min(times))
            self.take(self.session.wake(self.now))
            self.answer(self.station.wake(self.now))
        self.now = end
        return [row for message in self.messages[before:] for row in message.rows]

    def take(self, effects):
        for effect in effects:
            match effect:
                case Send(data):
                    self.send(data)
                case Message():
                    assert effect.reply is None
                    self.messages.append(effect)
                    self.take(self.session.stored(effect, self.now))
                case Problem(reply=reply):
                    self.problems.append(effect)
                    if reply:
                        self.send(reply)
                case Alive(detail):
                    self.notes.append(detail)
                case Close(reason):
                    self.closed = reason

    def send(self, data):
        assert DRIVER.may_send(data)
        self.sent.append(data)
        self.answer(self.station.feed(data, self.now))

    def answer(self, chunks):
        for chunk in chunks:
            self.take(self.session.feed(chunk, self.now))

    def requests(self):
        return [d if len(d) == 1 else parse(d).information.decode() for d in self.sent]


def infusions(rows):
    return [row for row in rows if isinstance(row, Infusion)]


ALL_PUMPS = Script((0, (NOREPINEPHRINE, VASOPRESSIN)))


def test_dialogue_of_a_start_and_two_polls():
    bench = Bench(ALL_PUMPS)
    bench.run(5.0)
    poll = ["MEM:GET", ACK, ACK]
    assert bench.requests() == ["ADMIN:ALIVE", ACK, "ADMIN:VERSION", ACK, *poll, *poll]
    assert [parse(d).bed for d in bench.sent if len(d) > 1] == ["1", "ICU7", "ICU7", "ICU7"]
    assert bench.notes[:2] == ["station answered", "BCC V3.30"]
    assert "pump 50111: Perfusor Space 688N030006" in bench.notes


def test_rows_of_a_poll_over_the_wire():
    bench = Bench(ALL_PUMPS)
    norepinephrine, vasopressin = infusions(bench.run(5.0))
    assert norepinephrine == Infusion(
        channel="50111",
        drug="Norad 4mg/50ml",
        rate_ml_h=5.0,
        status=PumpStatus.RUNNING,
        concentration=80.0,
        concentration_unit="ug/mL",
        dose=0.095,
        dose_unit="ug/kg/min",
        weight_kg=70.0,
        volume_ml=12.5,
        bed="ICU7",
    )
    assert (vasopressin.channel, vasopressin.rate_ml_h) == ("50112", 2.25)
    assert (vasopressin.concentration, vasopressin.concentration_unit) == (0.8, "U/mL")
    assert vasopressin.concentration_derived is True


@pytest.mark.parametrize("stuffing", ["on", "off"])
@pytest.mark.parametrize(("addresses", "channel"), [("letter", "5011A"), ("digits", "501110")])
def test_station_variants_are_read_without_being_told(stuffing, addresses, channel):
    pumps = tuple(replace(NOREPINEPHRINE, channel=f"p{i}") for i in range(10))
    bench = Bench(Script((0, pumps)), station={"stuffing": stuffing, "addresses": addresses})
    rows = infusions(bench.run(10.0))
    assert channel in {row.channel for row in rows}
    assert all(row.rate_ml_h == 5.0 for row in rows)
    assert bench.closed is None


@pytest.mark.parametrize("status", list(PumpStatus))
def test_every_status_of_a_simulated_pump_arrives(status):
    bench = Bench(Script((0, (replace(NOREPINEPHRINE, status=status),))))
    row, *alarms = (row for row in bench.run(5.0) if isinstance(row, Infusion | Alarm))
    expected = PumpStatus.STOPPED if status is PumpStatus.PAUSED else status
    assert row.status is expected
    assert bool(alarms) == (status is PumpStatus.ALARM)


@pytest.mark.parametrize("keeps", [True, False])
def test_programmed_rate_of_a_stopped_pump_is_never_delivered(keeps):
    stopped = replace(NOREPINEPHRINE, status=PumpStatus.STOPPED)
    bench = Bench(Script((0, (stopped,))), programmed_rate_while_stopped=keeps)
    [row] = infusions(bench.run(5.0))
    assert (b"INRT,5.00" in bench.messages[-1].raw) == keeps
    assert (row.rate_ml_h, row.status) == (0.0, PumpStatus.STOPPED)


def test_pump_taken_out_is_unknown_once():
    bench = Bench(Script((0, (NOREPINEPHRINE, VASOPRESSIN)), (7, (VASOPRESSIN,))))
    bench.run(9.0)
    gone = Infusion(channel="50111", quality=Quality.NO_VALUE, bed="ICU7")
    assert [r for r in infusions(bench.run(5.0)) if r.channel == "50111"] == [gone]
    assert [r.channel for r in infusions(bench.run(5.0))] == ["50112"]


def test_last_pump_taken_out_leaves_an_error_row_and_the_unknown_pump():
    bench = Bench(Script((0, (NOREPINEPHRINE,)), (7, ())))
    bench.run(9.0)
    fault, gone = bench.run(5.0)
    assert isinstance(fault, Fault)
    assert fault.reason.startswith("GNERR 11")
    assert (gone.channel, gone.status, gone.rate_ml_h) == ("50111", PumpStatus.UNKNOWN, None)


def test_damaged_blocks_are_asked_for_again():
    bench = Bench(ALL_PUMPS, corrupt_every=4)
    rows = infusions(bench.run(20.0))
    assert {row.channel: row.rate_ml_h for row in rows} == {"50111": 5.0, "50112": 2.25}
    assert bench.problems
    assert NAK in bench.sent
    assert bench.closed is None


def test_station_that_only_sends_damaged_frames_is_given_up():
    bench = Bench(ALL_PUMPS, corrupt_every=1)
    bench.run(60.0)
    assert bench.closed == "no answer 3 times while waiting for the answer to ALIVE"
    assert bench.messages == []
    assert bench.sent.count(NAK) <= 3 * 3


def test_silent_station_is_asked_again_and_given_up_after_three_time_outs():
    bench = Bench(ALL_PUMPS, mute_after=12.0)
    bench.run(14.0)
    before = len(bench.sent)
    bench.run(4.0)
    assert bench.requests()[before:] == ["MEM:GET", "ADMIN:ALIVE"]
    assert bench.closed is None
    bench.run(6.0)
    assert bench.closed is not None
    assert bench.session.due() is None


def test_station_that_never_answers_is_given_up_after_nine_seconds():
    bench = Bench(ALL_PUMPS, mute_after=0)
    bench.run(3 * ANSWER_TIMEOUT - 0.1 - FIRST_POLL)
    assert bench.closed is None
    bench.run(0.2)
    assert bench.closed is not None
    assert bench.requests() == ["ADMIN:ALIVE"] * 3
    stuffed = [b"EE" in data for data in bench.sent]
    assert stuffed == [True, False, True]


def test_a_refusal_that_lasts_is_the_reason_for_giving_up():
    session = DRIVER.session({})
    effects, now, reasons = list(session.connected(0.0)), 0.0, []
    while not reasons:
        asked = [parse(e.data) for e in effects if isinstance(e, Send) and e.data != ACK]
        answers = [
            "1,50100,GNACK,0" if request.information == b"ADMIN:ALIVE" else "1,50100,GNERR,811"
            for request in asked
        ]
        effects = [e for text in answers for e in session.feed(encode("ICU7", text), now)]
        for message in [e for e in effects if isinstance(e, Message)]:
            effects += session.stored(message, now)
        now = session.due()
        effects += session.wake(now)
        reasons = [effect.reason for effect in effects if isinstance(effect, Close)]
    waited = "no answer 3 times while waiting for the next block of a poll"
    assert reasons == [f"{waited}; the station said GNERR 811 of 50100: wrong pump address"]


def test_restart_of_the_station_is_noted():
    bench = Bench(ALL_PUMPS, restart_at=11)
    bench.run(20.0)
    assert "station restarted: its time fell from 10 to 4 s" in bench.notes


def test_station_of_another_bed_id_is_identified_again():
    play = Script((0, (NOREPINEPHRINE,)))
    bench = Bench(play)
    play.bed = "ICU9"
    rows = bench.run(10.0)
    assert [r.reason[:8] for r in rows if isinstance(r, Fault)] == ["GNERR 68"]
    assert infusions(rows)[-1].bed == "ICU9"
    assert bench.closed is None


def test_the_bed_of_the_play_can_be_picked():
    bench = Bench(ALL_PUMPS, station={"bed": "ICU8"})
    assert [row.bed for row in infusions(bench.run(1.0))] == []
    assert [row.bed for row in infusions(bench.run(5.0))] == ["ICU8"]


def test_cyclic_station_is_only_acknowledged():
    bench = Bench(ALL_PUMPS, mode="cyclic")
    bench.run(10.0)
    assert [len(infusions(message.rows)) for message in bench.messages] == [1] * 6
    assert bench.sent == [ACK] * 6


def test_cyclic_station_that_falls_silent_is_asked_and_given_up():
    bench = Bench(ALL_PUMPS, mode="cyclic", mute_after=12.0)
    bench.run(10.0)
    before = len(bench.sent)
    bench.run(50.0)
    assert bench.requests()[before:] == [ACK, "ADMIN:ALIVE", "ADMIN:ALIVE"]
    assert bench.closed is not None


def test_cyclic_station_that_missed_an_acknowledgement_goes_on_after_another():
    bench = Bench(ALL_PUMPS, mode="cyclic")
    hears = bench.station.feed
    bench.station.feed = lambda data, now: ()
    bench.run(6.0)
    bench.station.feed = hears
    assert [row.channel for row in infusions(bench.run(7.5))] == ["50112"]
    assert bench.closed is None


def test_slot_request_answers_one_pump_or_refuses():
    bench = Bench(ALL_PUMPS)
    [answer] = bench.station.feed(encode("ICU7", "MEM:GETSLOT#12"), bench.now)
    assert b",50112,INRT,2.25" in answer
    assert b",50111," not in answer
    [answer] = bench.station.feed(encode("ICU7", "MEM:GETSLOT#39"), bench.now)
    assert b"GNEERR,811" in answer
    [answer] = bench.station.feed(encode("ICU7", "MEM:NONSENSE"), bench.now)
    assert b"GNEERR,68" in answer


def test_a_request_instead_of_ack_starts_at_the_first_block_again():
    station = Bench(ALL_PUMPS).station
    first = station.feed(encode("ICU7", "MEM:GET"), START)
    assert first[0] == station.feed(encode("ICU7", "MEM:GET"), START)[0]
    assert station.feed(NAK, START) == first


@pytest.mark.parametrize("period", [1.0, 2, 60.0])
def test_polls_keep_their_period(period):
    bench = Bench(Script((0, (NOREPINEPHRINE,))), poll_period=period)
    bench.run(10 * period)
    assert bench.requests().count("MEM:GET") == 11


def test_counters_of_a_bolus_come_once_when_it_is_over():
    running, bolus = PumpStatus.RUNNING, PumpStatus.BOLUS
    states = [(0, running, 10.0), (7, bolus, 10.5), (12, bolus, 11.25), (17, running, 12.0)]
    entries = [
        (since, (replace(NOREPINEPHRINE, status=status, volume_ml=volume),))
        for since, status, volume in states
    ]
    bench = Bench(Script(*entries))
    bench.run(14.0)
    assert not any(b"INBOVAL" in message.raw for message in bench.messages)
    rows = bench.run(16.0)
    assert [row.code for row in rows if isinstance(row, Alarm)] == ["INBOCNT.1"]
    # First seen at 10 s with 10.5 mL, over at 20 s with 12.0 mL.
    [told] = [row for row in rows if isinstance(row, Alarm)]
    assert (told.text, told.phase) == (
        "bolus, 1.5 mL since the last request (pump 50111)",
        "tpoint",
    )
