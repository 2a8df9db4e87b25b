"""Who is on duty, who is told instead, and when a shift changes; instants worked out by hand."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from structlog.testing import capture_logs

from monitor_daemon.config import Shift
from monitor_daemon.core.protocol import ROLES
from monitor_daemon.notify.roster import Duty, Roster, minutes

PARIS = ZoneInfo("Europe/Paris")
NURSES = Duty("bedside", ("nurses",))
DAY = Duty("physician", ("dr-day",), "08:00-20:00")
NIGHT = Duty("physician", ("dr-night",), "20:00-08:00")


def ms(text):
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def utc(at):
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="minutes")


def test_a_shift_begins_on_its_first_minute_and_ends_before_its_last():
    roster = Roster([DAY, NIGHT], PARIS)
    # Paris is UTC+2 in July.
    assert roster.on_duty("physician", ms("2026-07-01T05:59:59+00:00")) == ("dr-night",)
    assert roster.on_duty("physician", ms("2026-07-01T06:00:00+00:00")) == ("dr-day",)
    assert roster.on_duty("physician", ms("2026-07-01T18:00:00+00:00")) == ("dr-night",)
    assert roster.on_duty("physician", ms("2026-07-01T23:00:00+00:00")) == ("dr-night",)


def test_several_shifts_of_a_role_are_told_together_and_nobody_twice():
    roster = Roster([DAY, Duty("physician", ("dr-day", "fellow"), "10:00-12:00")], PARIS)
    assert roster.on_duty("physician", ms("2026-07-01T09:00:00+00:00")) == ("dr-day", "fellow")


def test_a_role_without_anybody_falls_to_the_bedside_then_to_all_and_is_said_once():
    at = ms("2026-07-01T20:00:00+00:00")
    with capture_logs() as said:
        assert Roster([DAY, NURSES], PARIS).recipients("physician", at) == ("nurses",)
        all_ = Roster([DAY, Duty("research", ("team",), "09:00-10:00")], PARIS)
        for _ in range(3):
            assert all_.recipients("physician", at) == ("dr-day", "team")
    assert [entry["role"] for entry in said] == ["physician", "physician"]
    assert Roster([], PARIS).recipients("physician", at) == ()


def test_the_next_handover_names_the_roles_whose_people_change():
    roster = Roster([NURSES, DAY, NIGHT, Duty("coordinator", ("c",), "08:00-16:00")], PARIS)
    at, roles = roster.next_handover(ms("2026-07-01T03:00:00+00:00"))
    assert (utc(at), roles) == ("2026-07-01T06:00+00:00", ("physician", "coordinator"))
    at, roles = roster.next_handover(at)
    assert (utc(at), roles) == ("2026-07-01T14:00+00:00", ("coordinator",))
    assert Roster([NURSES], PARIS).next_handover(at) is None
    # Somebody who follows himself is no change.
    twice = [Duty("bedside", ("n",), "08:00-20:00"), Duty("bedside", ("n",), "20:00-08:00")]
    assert Roster(twice, PARIS).next_handover(at) is None


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        # Spring: 02:30 does not exist on 2026-03-29. Its instant by the offset before, 01:30 UTC,
        # is 03:30 on the clock; the night before lasts until then and nobody is left out.
        ("2026-03-28T15:00:00+00:00", "2026-03-29T01:30+00:00"),
        # Autumn: 02:30 comes twice on 2026-10-25; the first one, 00:30 UTC, counts.
        ("2026-10-24T12:00:00+00:00", "2026-10-25T00:30+00:00"),
        ("2026-07-01T12:00:00+00:00", "2026-07-02T00:30+00:00"),
    ],
)
def test_a_shift_that_begins_at_0230_over_the_clock_changes(day, expected):
    late = [Duty("bedside", ("a",), "02:30-14:00"), Duty("bedside", ("b",), "14:00-02:30")]
    at, _ = Roster(late, PARIS).next_handover(ms(day))
    assert utc(at) == expected


def test_the_day_of_a_clock_change_still_begins_at_eight():
    roster = Roster([DAY, NIGHT], PARIS)
    for night, expected in (("2026-03-28T22:00", "2026-03-29T06:00+00:00"),
                            ("2026-10-24T22:00", "2026-10-25T07:00+00:00")):  # fmt: skip
        at, _ = roster.next_handover(ms(f"{night}:00+00:00"))
        assert utc(at) == expected


clock = st.times().map(lambda t: f"{t.hour:02d}:{t.minute:02d}")
duties = st.lists(
    st.builds(
        Duty,
        role=st.sampled_from(["bedside", "physician"]),
        recipients=st.sampled_from([("a",), ("b",), ("a", "c")]),
        hours=st.tuples(clock, clock).map("-".join),
    ),
    max_size=4,
)


@given(duties, st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)))  # noqa: DTZ001
def test_between_now_and_the_handover_nobody_changes(found, when):
    roster = Roster(found, PARIS)
    now = round(when.replace(tzinfo=UTC).timestamp()) * 1000
    change = roster.next_handover(now)
    end = now + 86_400_000 if change is None else change[0]
    hour = round(timedelta(minutes=7).total_seconds() * 1000)
    for role in ("bedside", "physician"):
        first = roster.on_duty(role, now)
        assert all(roster.on_duty(role, at) == first for at in range(now, end, hour))
        assert roster.on_duty(role, end - 1) == first
    if change is not None:
        for role in change[1]:
            assert roster.on_duty(role, change[0]) != roster.on_duty(role, change[0] - 1)


@given(st.text(max_size=12))
def test_no_text_is_taken_for_hours_but_hours(text):
    try:
        begin, end = minutes(text)
    except ValueError:
        return
    assert 0 <= begin < 1440
    assert 0 <= end <= 1440


@pytest.mark.parametrize("text", ["8-20", "25:00-26:00", "08:00-20:60", "24:00-08:00", "08:00"])
def test_wrong_hours_are_refused(text):
    with pytest.raises(ValueError, match="write it as 08:00-20:00"):
        minutes(text)


def test_the_whole_day_ends_at_midnight():
    assert minutes("00:00-24:00") == (0, 1440)


def test_the_configuration_takes_the_same_hours_and_every_role_of_a_protocol():
    for role in ROLES:
        assert Shift(role=role, recipients=("a",), hours="20:00-08:00").role == role
    with pytest.raises(ValidationError, match="write it as 08:00-20:00"):
        Shift(role="bedside", recipients=("a",), hours="8-20")
