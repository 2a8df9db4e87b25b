"""What a monitor says of itself (bed, mode, clock) and of its alarms, and what follows from it."""

import struct

import philips_golden as golden
import pytest
from philips_messages import START, mds_create, result, rows, string, value

from monitor_daemon.core.vocabulary import Alarm, Quality, Reading

GOOD, NOT_PATIENT, ARTIFACT = Quality.GOOD, Quality.NOT_PATIENT, Quality.ARTIFACT


def test_the_bed_is_the_monitors_label():
    sent = mds_create(x091E=string("ICU-7\0\0")), golden.ABP
    assert {row.bed for row in rows(*sent)} == {"ICU-7"}
    assert {row.bed for row in rows(mds_create(x091E=string("\0")), golden.ABP)} == {None}


@pytest.mark.parametrize(
    ("mode", "quality"),
    [
        ("4000", GOOD),
        ("2000", NOT_PATIENT),
        ("1000", NOT_PATIENT),
        ("0002", NOT_PATIENT),
        ("8000", GOOD),
    ],
)
def test_operating_modes(mode, quality):
    assert {row.quality for row in rows(mds_create(x0946=bytes.fromhex(mode)), golden.ABP)} == {
        quality
    }


def system(ticks, **changed):
    found = {int(name[1:], 16): data for name, data in changed.items()}
    return result((0, 0, found), ticks=ticks, code=0x21, single=True)


def test_standby_begins_and_ends_with_the_time_and_mode_poll():
    standby, monitoring = (system(START, x0946=bytes.fromhex(mode)) for mode in ("0002", "4000"))
    found = rows(golden.MDS_CREATE, standby, golden.ABP, monitoring, golden.ABP)
    assert [row.quality for row in found[::3]] == [NOT_PATIENT, GOOD]


def times(*messages):
    return [row.device_time for row in rows(*messages) if isinstance(row, Reading)]


def at(ticks):
    return result((0, 1, {0x0950: value(0x4A17)}), ticks=ticks % 2**32)


def test_ticks_of_125_us_become_the_monitors_wall_clock():
    hour = 3600 * 8000
    assert times(golden.MDS_CREATE, at(START + 8192), at(START + hour), at(START + 83 * hour)) == [
        "2026-11-21T14:00:01.024",
        "2026-11-21T15:00:00",
        "2026-11-25T01:00:00",
    ]


def test_a_tick_count_above_2_to_the_31_is_not_negative():
    # 0x90000000 ticks are 301,989.888 s: three days, 11 h 53 min 9.888 s.
    assert times(golden.MDS_CREATE, at(START + 0x90000000)) == ["2026-11-25T01:53:09.888"]


def test_the_tick_counter_wraps_after_149_hours():
    first = mds_create(x098F=struct.pack(">I", 2**32 - 8000))
    second = 0
    assert times(first, at(second), at(second + 8000), at(2**32 - 4000)) == [
        "2026-11-21T14:00:01",
        "2026-11-21T14:00:02",
        "2026-11-21T14:00:00.500",
    ]


def test_many_wraps_in_one_association():
    half = 2**31
    assert times(golden.MDS_CREATE, *(at(START + n * half) for n in range(1, 5)))[-1] == (
        # 4 x 2^31 x 125 us = 1,073,741.824 s = 12 days, 10 h 15 min 41.824 s.
        "2026-12-04T00:15:41.824"
    )


def test_a_clock_that_is_read_again_in_whole_seconds_does_not_jitter():
    def told(second, ticks):
        return system(
            ticks,
            x0987=bytes.fromhex(f"202611211400{second:02d}00"),
            x098F=struct.pack(">I", ticks),
        )

    a, b = START + 8192, START + 3 * 8192
    assert times(golden.MDS_CREATE, told(1, a), at(a), told(3, b), at(b)) == [
        "2026-11-21T14:00:01.024",
        "2026-11-21T14:00:03.072",
    ]
    # The user sets the clock forward.
    assert times(golden.MDS_CREATE, told(40, a), at(a)) == ["2026-11-21T14:00:40"]


@pytest.mark.parametrize("wire", ["FF" * 8, "2026132114000000", "20261121140000", "20 26 1A 21 14"])
def test_an_absolute_time_that_is_none_gives_no_device_time(wire):
    data = bytes.fromhex(wire)
    expected = "2026-11-21T14:00:00" if len(data) == 7 else None
    assert times(mds_create(x0987=data), at(START)) == [expected]


def test_a_cuff_says_itself_when_it_measured():
    absolute = {0x0990: bytes.fromhex("2026112113550000"), 0x0950: value(0x4A07)}
    relative = {0x0991: struct.pack(">I", START - 60 * 8000), 0x0950: value(0x4A07)}
    sent = result((0, 1, absolute), (0, 2, relative), (0, 3, absolute | {0x0990: b"\xff" * 8}))
    assert times(golden.MDS_CREATE, sent) == [
        "2026-11-21T13:55:00",
        "2026-11-21T13:59:00",
        "2026-11-21T14:00:00",
    ]


def test_a_sample_a_little_newer_than_its_result_is_not_of_last_week():
    # Relative time goes round after 149 hours: one tick ahead must not become so long ago.
    ahead = {0x0991: struct.pack(">I", START + 8), 0x0950: value(0x4A07)}
    assert times(golden.MDS_CREATE, result((0, 1, ahead))) == ["2026-11-21T14:00:00.001"]
    long_ago = {
        0x0991: struct.pack(">I", (START - 100 * 3600 * 8000) % 2**32),
        0x0950: value(0x4A07),
    }
    assert times(golden.MDS_CREATE, result((0, 1, long_ago))) == ["2026-11-17T10:00:00"]


def test_a_new_association_forgets_the_old_clock_and_bed():
    known = golden.MDS_CREATE, mds_create(x091E=string("A"))
    assert times(*known, golden.ACCEPT, golden.ABP)[0] is None
    anew = mds_create(x0987=b"\xff" * 8)
    [first, *_] = rows(*known, golden.ACCEPT, anew, golden.ABP)
    assert (first.device_time, first.bed) == (None, None)


def alarm(source, code, kind=4, state=0, words=""):
    information = struct.pack(">HIHH", 1, 2, 3, 4) + string(words)
    entry = struct.pack(">HHHH", source, code, kind, state) + struct.pack(">HHH", 6, 0, 0x8A12)
    return entry + struct.pack(">HH", 516, len(information)) + information


def alerts(*listed, ticks=START, name=0x0904):
    data = struct.pack(">HH", len(listed), sum(map(len, listed))) + b"".join(listed)
    return result((0, 0xF00, {name: data}), ticks=ticks, code=0x36)


def test_alarm_lists_become_alarm_rows():
    technical = alerts(
        alarm(0x4A14, 6664, words="ABP ZERO+CHECK CAL\0"),
        alarm(0x4A14, 352, 2, 0xB000, "** ABP DISCONNECT"),
    )
    patient = alerts(alarm(0x4A14, 62, 1024), alarm(0x4182, 9999, 256, 0x4400), name=0x0902)
    fixed = {"device_time": "2026-11-21T14:00:00", "bed": None}
    assert rows(golden.MDS_CREATE, technical, patient) == [
        Alarm("6664", "ABP ZERO+CHECK CAL", "high", state="active", **fixed),
        Alarm("352", "** ABP DISCONNECT", "medium", state="inhibited, latched, silenced", **fixed),
        Alarm("62", "low (4A14)", "high", state="active", **fixed),
        Alarm("9999", None, "low", state="suspended, test", **fixed),
    ]


@pytest.mark.parametrize("code", [352, 432, 442])
def test_an_alarm_that_explains_a_line_problem_makes_its_pressure_an_artefact(code):
    found = rows(alerts(alarm(0x4A14, code)), golden.ABP)
    assert {(row.quality, row.value) for row in found[1:]} == {(ARTIFACT, None)}


@pytest.mark.parametrize(("source", "code"), [(0x4A10, 352), (0x4A14, 6664), (0x4BB8, 432)])
def test_an_alarm_of_another_line_or_kind_changes_no_value(source, code):
    found = rows(alerts(alarm(source, code)), golden.ABP)
    assert {row.quality for row in found[1:]} == {GOOD}


@pytest.mark.parametrize("state", [0x2000, 0x0400, 0x0200, 0x0100])
def test_an_alarm_that_is_only_latched_or_no_patients_changes_no_value(state):
    """IEC 60601-1-8: a latched signal goes on after its condition has ended."""
    found = rows(alerts(alarm(0x4A14, 352, state=state)), golden.ABP)
    assert {row.quality for row in found[1:]} == {GOOD}


@pytest.mark.parametrize("state", [0x0000, 0x8000, 0x4000, 0x1000])
def test_an_alarm_that_staff_have_silenced_still_explains_the_line(state):
    found = rows(alerts(alarm(0x4A14, 352, state=state)), golden.ABP)
    assert {row.quality for row in found[1:]} == {ARTIFACT}


def test_what_can_be_read_of_a_broken_alarm_list_counts():
    listed = alarm(0x4A14, 352) + alarm(0x4A44, 352)[:9]
    broken = {0x0904: struct.pack(">HH", 2, len(listed)) + listed}
    found = rows(result((0, 0xF00, broken), code=0x36), golden.ABP)
    assert [getattr(row, "code", None) for row in found[:2]] == ["352", "RECORD"]
    assert {row.quality for row in found[2:]} == {ARTIFACT}


def test_a_line_problem_ends_with_its_alarm_or_when_no_list_comes_any_more():
    problem = alerts(alarm(0x4A14, 352))
    assert rows(problem, alerts(), golden.ABP)[1].quality is GOOD
    assert rows(problem, alerts(name=0x0902), golden.ABP)[1].quality is ARTIFACT
    assert rows(problem, at(START + 5 * 8000))[1].quality is ARTIFACT
    assert rows(problem, at(START + 5 * 8000 + 1))[1].quality is GOOD
