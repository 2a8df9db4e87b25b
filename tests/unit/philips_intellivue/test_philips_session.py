"""The session against the simulated monitor: start, polls, refusals, losses, and a passive tap."""

from itertools import pairwise

import philips_golden as golden
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from philips_bench import SIGNALS, START, Bench
from philips_messages import START as START_TICKS
from philips_messages import result

from drivers.kit.contract import Alive, Message, Send
from drivers.philips_intellivue.association import Profile, accept
from drivers.philips_intellivue.driver import DRIVER
from drivers.philips_intellivue.frames import BOF
from drivers.philips_intellivue.session import PATIENCE, TRANSITIONS, Happened, State
from drivers.philips_intellivue.simulated_numerics import mode
from monitor_daemon.core.vocabulary import Alarm, Fault, Quality, Reading

FRAMINGS = pytest.mark.parametrize("framing", ["serial", "udp"])


def readings(rows):
    return [row for row in rows if isinstance(row, Reading)]


def pressures(rows):
    return [row for row in readings(rows) if row.signal == "art_map"]


@FRAMINGS
def test_dialogue_of_a_start(framing):
    bench = Bench(framing=framing)
    bench.run(2.9)
    assert [message for _, message in bench.sent[:2]] == [golden.REQUEST, golden.MDS_RESULT]
    assert bench.asked() == [(0.0, "alerts"), (0.0, "numerics")]
    assert [message[0] for message in bench.received[:2]] == [0x0E, 0xE1]
    assert bench.notes[0] == "association accepted"
    assert set(bench.notes[1:]) == {"Philips SIMULATOR, bed ICU7, monitoring"}


@FRAMINGS
def test_all_numerics_arrive_once_in_1024_ms_with_the_monitors_clock(framing):
    bench = Bench(framing=framing)
    rows = readings(bench.run(2.0))
    assert {row.signal: row.value for row in rows} == SIGNALS
    assert len(rows) == 2 * len(SIGNALS)
    assert {(row.quality, row.bed) for row in rows} == {(Quality.GOOD, "ICU7")}
    assert [row.device_time for row in pressures(rows)] == [
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:01.024",
    ]
    assert bench.problems == []


def test_polls_are_renewed_in_time_and_the_monitor_hears_us_every_three_seconds():
    bench = Bench()
    rows = pressures(bench.run(1200.0))
    assert len(rows) == 1 + int(1200 / 1.024) + 2  # the first of each renewed poll comes at once
    asked = bench.asked()
    assert [at for at, name in asked if name == "numerics"] == [0.0, 540.0, 1080.0]
    assert [at for at, name in asked if name == "alerts"] == [0.0, 540.0, 1080.0]
    times = [at for at, _ in bench.sent]
    assert max(b - a for a, b in pairwise(times)) <= 3.0
    assert bench.received.count(golden.ABORT) == 0


def test_device_time_does_not_drift_or_jitter_over_the_clock_readings():
    rows = pressures(Bench().run(60.0))
    assert rows[-1].device_time == "2026-01-01T00:00:59.392"  # 58 x 1.024 s


def test_long_results_come_in_parts_and_are_one_message():
    bench = Bench(mtu=300)
    rows = readings(bench.run(0.5))
    assert {row.signal: row.value for row in rows} == SIGNALS
    parts = [message for message in bench.received if message[4:6] == b"\x00\x05"]
    assert len(parts) > 2
    assert max(map(len, bench.received)) <= 300
    assert [message[8] for message in parts] == [1, *[2] * (len(parts) - 2), 3]
    [message] = [m for m in bench.messages if readings(m.rows)]
    assert message.raw.count(BOF) == len(parts) + 1


@pytest.mark.parametrize(
    ("options", "quality"),
    [
        ({"state": 0x8000}, Quality.NO_VALUE),
        ({"state": 0x2000}, Quality.NO_VALUE),
        ({"state": 0x4000}, Quality.QUESTIONABLE),
        ({"state": 0x1000}, Quality.CALIBRATING),
        ({"state": 0x0400}, Quality.NOT_PATIENT),
        ({"state": 0x0002}, Quality.GOOD),
        ({"operating_mode": "demo"}, Quality.NOT_PATIENT),
        ({"operating_mode": "standby"}, Quality.NOT_PATIENT),
        ({"operating_mode": "service"}, Quality.NOT_PATIENT),
        ({"alarm": 352}, Quality.ARTIFACT),
        ({"alarm": 6664}, Quality.GOOD),
    ],
)
@pytest.mark.parametrize("line", ["ABP", "ART"])
def test_what_the_simulator_is_asked_to_show(options, quality, line):
    rows = Bench(line=line, **options).run(3.0)
    assert {row.quality for row in pressures(rows)} == {quality}
    assert {row.source for row in pressures(rows)} == {"4A17" if line == "ABP" else "4A13"}
    alarms = [row for row in rows if isinstance(row, Alarm)]
    assert {(row.code, row.text) for row in alarms} == (
        {(str(options["alarm"]), f"** {line} ALARM")} if "alarm" in options else set()
    )


def test_operating_modes_of_the_simulator_are_those_of_the_guide():
    bits = {name: mode({"operating_mode": name}) for name in ("monitoring", "demo", "standby")}
    assert bits == {"monitoring": 0x4000, "demo": 0x2000, "standby": 0x0002}


@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_the_language_of_the_labels_changes_no_value(language):
    bench = Bench(language=language)
    rows = readings(bench.run(0.5))
    assert {row.signal: row.value for row in rows} == SIGNALS
    heart_rate = {"en": "HR", "de": "HF", "zh": "心率"}[language].encode("utf-16-be")
    assert any(heart_rate + b"\0\0" in message for message in bench.received)


def test_a_twin_in_another_context_has_its_own_channel():
    rows = pressures(Bench(twin=True).run(0.5))
    assert len({row.channel for row in rows}) == 2


def test_a_refused_association_is_asked_for_again_when_the_older_one_must_have_died():
    bench = Bench(refuse=1)
    rows = bench.run(12.0)
    requests = [at - START for at, message in bench.sent if message == golden.REQUEST]
    assert requests == [0.0, 11.0]
    assert bench.notes[0] == "association refused: the monitor serves another client"
    assert pressures(rows)
    assert bench.closed is None


def test_refused_polls_are_error_rows_and_asked_again():
    bench = Bench(refuse_polls=2)
    rows = bench.run(7.0)
    faults = [row for row in rows if isinstance(row, Fault)]
    assert [fault.code for fault in faults] == ["REFUSED", "REFUSED"]
    assert pressures(rows)
    assert [at for at, name in bench.asked() if name == "numerics"] == [0.0, 2.0]


def test_a_renewal_that_is_refused_while_the_old_poll_runs_is_asked_again_until_it_is_granted():
    bench = Bench()
    bench.run(539.0)
    bench.monitor._poll_refusals = 10
    rows = bench.run(130.0)
    # Each round is refused three times: alerts, numerics, time and mode.
    times = [at for at, name in bench.asked() if name == "numerics"][1:]
    assert times == [540.0, 542.0, 544.0, 546.0]
    assert [row.code for row in rows if isinstance(row, Fault)] == ["REFUSED"] * 10
    # The granted one goes on where the first, of 600 s, ends: at 669 s nothing has been missed.
    assert len(pressures(rows)) >= int(130 / 1.024)


def test_a_monitor_that_restarts_is_associated_with_again():
    bench = Bench(restart_at=20.0)
    before, after = pressures(bench.run(20.0)), pressures(bench.run(20.0))
    assert before[-1].device_time == "2026-01-01T00:00:19.456"
    assert after[-1].device_time.startswith("2026-01-01T00:00:3")
    sent = [message for _, message in bench.sent]
    assert sent.count(golden.REQUEST) == 2
    assert sent.count(golden.RELEASE) == 1


def test_a_monitor_that_aborts_is_associated_with_again():
    bench = Bench()
    before = pressures(bench.run(5.0))
    bench.monitor._forget()
    bench.answer(bench.monitor._send([golden.ABORT]))
    after = pressures(bench.run(3.0))
    # The simulated monitor gives other handles; it is the same line, and nobody need wait.
    assert after[-1].channel == before[-1].channel == "4A14"
    assert [message for _, message in bench.sent].count(golden.REQUEST) == 2


def test_a_silent_monitor_is_given_up_and_the_reason_said():
    bench = Bench(mute_after=0.0)
    bench.run(30.0)
    assert bench.closed == "no answer to 5 association requests"
    requests = [at - START for at, message in bench.sent]
    assert requests == [0.0, 2.0, 4.0, 6.0, 8.0]


def test_a_monitor_that_falls_silent_is_released_then_given_up():
    bench = Bench(mute_after=10.0)
    assert pressures(bench.run(9.0))
    bench.run(60.0)
    assert bench.closed == "no answer to 5 association requests"
    assert [message for _, message in bench.sent].count(golden.RELEASE) == 1


def test_slow_answers_are_waited_for():
    rows = pressures(Bench(delay=1.5).run(30.0))
    assert len(rows) > 20
    assert len(pressures(Bench(delay=2.5).run(30.0))) > 20


def test_damaged_messages_cost_themselves():
    bench = Bench(corrupt_every=5)
    assert len(pressures(bench.run(60.0))) > 20
    assert {fault.code for fault in bench.problems} == {"FRAME"}


def test_without_an_answer_to_its_create_event_the_monitor_asks_thrice_and_aborts():
    def unanswered(way, number, message):
        return way == "tx" and number < 12 and message[:6] == golden.MDS_RESULT[:6]

    bench = Bench(lost=unanswered)
    assert not pressures(bench.run(8.9))
    assert [m[4:6] for m in bench.received[1:]] == [b"\x00\x01"] * 3
    assert pressures(bench.run(10.0))
    assert bench.received.count(golden.ABORT) == 1


def test_a_lost_acceptance_is_made_good_by_the_create_event():
    bench = Bench(lost=lambda way, number, message: way == "rx" and number == 1)
    assert pressures(bench.run(1.0))
    assert [message for _, message in bench.sent].count(golden.REQUEST) == 1


@pytest.mark.parametrize(
    ("answer", "options"),
    [
        *((accept(Profile(8000, 1000, o)), o) for o in (0x0C000000, 0xC0000000, 0x9C000000)),
        (golden.hexed("0E 08 05 08 13 01 00 16 01 02"), 0),
    ],
)
def test_a_monitor_that_would_average_is_released(answer, options):
    """Numerics of 12 s, 1 min or 5 min averages must not pass for a beat-to-beat pressure."""
    session = DRIVER.session({"framing": "udp"})
    assert session.connected(0.0) == [Send(golden.REQUEST)]
    [alive] = session.feed(answer, 0.1)
    assert f"{options:08X}" in alive.detail
    # Its create event is not answered and hides no reason. One association message a second.
    assert session.feed(golden.MDS_CREATE, 0.2) == []
    assert session.due() == pytest.approx(1.1)
    assert session.wake(1.1) == [Send(golden.RELEASE)]
    session.feed(golden.RELEASE_RESPONSE, 1.2)
    assert session.due() >= 2.1
    assert session.wake(session.due()) == [Send(golden.REQUEST)]


def test_a_monitor_without_numerics_answers():
    """In standby they may simply stop; the line is not to blame."""
    session = DRIVER.session({"framing": "udp"})
    session.connected(0.0)
    assert session.feed(golden.ACCEPT, 0.1) == [Alive("association accepted")]
    session.feed(golden.MDS_CREATE, 0.2)
    empty = result(ticks=START_TICKS, code=0x36)
    assert session.feed(empty, 5.0) == [Alive("monitoring")]
    assert session.feed(empty, 6.0) == [Alive("monitoring")]
    assert session.feed(golden.ABORT, 7.0) == [Alive("association aborted by the monitor")]


@pytest.mark.parametrize(
    "arrived",
    [
        (golden.MDS_CREATE, golden.ACCEPT),
        (golden.ACCEPT, golden.MDS_CREATE, golden.ACCEPT),
    ],
)
def test_an_acceptance_that_is_overtaken_or_comes_twice_undoes_nothing(arrived):
    """The operating mode is told by the create event: values of a demonstration stay such."""
    session = DRIVER.session({"framing": "udp"})
    session.connected(0.0)
    for message in arrived:
        demo = message.replace(bytes.fromhex("094600024000"), bytes.fromhex("094600022000"))
        session.feed(demo, 0.1)
    [message] = [e for e in session.feed(golden.ABP, 1.0) if isinstance(e, Message)]
    assert {row.quality for row in message.rows} == {Quality.NOT_PATIENT}


@FRAMINGS
def test_a_passive_tap_sends_nothing_and_reads_the_same(framing):
    bench = Bench(framing=framing, mtu=300, alarm=352)
    rows = bench.run(30.0)
    assert pressures(rows)
    assert bench.tapped == rows
    assert list(bench.tap.wake(bench.now + 100)) == []


def test_a_tap_says_whom_it_hears():
    tap = DRIVER.session({"framing": "udp", "passive": True})
    assert tap.feed(golden.MDS_CREATE, 0.0) == [Alive("monitoring")]


def test_what_was_cut_off_is_said_when_the_transport_is_lost():
    session = DRIVER.session({})
    session.connected(0.0)
    session.feed(golden.KEEP_ALIVE_FRAME[:9], 0.1)
    [problem] = session.lost(0.2)
    assert (problem.fault.code, problem.fault.reason) == ("FRAME", "the bytes end within a message")


def test_the_table_leads_from_every_state_to_polls():
    reached, ahead = set(), [State.POLLING]
    while ahead:
        state = ahead.pop()
        if state not in reached:
            reached.add(state)
            ahead += [before for (before, _), (after, _) in TRANSITIONS.items() if after is state]
    assert reached == set(State) - {State.LISTENING}
    waiting = {after for after, _ in TRANSITIONS.values()}
    assert waiting == set(PATIENCE)
    assert all((state, Happened.DUE) in TRANSITIONS for state in waiting)


@settings(max_examples=15, deadline=None)
@given(
    st.sets(st.tuples(st.sampled_from(["rx", "tx"]), st.integers(1, 60)), max_size=25),
    st.sampled_from(["serial", "udp"]),
)
def test_whatever_gets_lost_limits_are_kept_and_it_recovers(gone, framing):
    bench = Bench(lost=lambda way, number, message: (way, number) in gone, framing=framing)
    bench.run(120.0)
    association = [at for at, message in bench.sent if message[0] != 0xE1]
    assert all(b - a >= 1.0 - 1e-6 for a, b in pairwise(association))
    for name in {name for _, name in bench.asked()}:
        times = [at for at, asked in bench.asked() if asked == name]
        assert all(b - a >= 1.0 - 1e-6 for a, b in pairwise(times))
    if bench.closed is None:
        assert len(pressures(bench.run(30.0))) >= 5
