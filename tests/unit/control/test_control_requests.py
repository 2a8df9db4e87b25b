"""Requests: whatever bytes come, the answer is a request or a reason, never an exception."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.control.requests import (
    AckRequest,
    EndRequest,
    EnrolRequest,
    ObserveRequest,
    Reply,
    StatusRequest,
    command,
    moment,
    parse,
)
from monitor_daemon.core.errors import CommandError
from monitor_daemon.core.events import Acknowledge, End, Enrol, Observe

#: 2026-09-21T14:13:00Z
NOW = 1_789_999_980_000

texts = st.text(max_size=30)
numbers = st.floats(allow_nan=False, allow_infinity=False)
requests = st.one_of(
    st.builds(StatusRequest, texts, texts),
    st.builds(AckRequest, texts, texts, subject=texts, alert=texts, reason=st.none() | texts),
    st.builds(EndRequest, texts, texts, subject=texts, reason=texts),
    st.builds(ObserveRequest, texts, texts, subject=texts, kind=texts, value=numbers),
    st.builds(
        EnrolRequest,
        texts,
        texts,
        subject=texts,
        bed=texts,
        protocol=texts,
        arm=texts,
        weight_kg=numbers,
        floor=st.none() | numbers,
    ),
)


@given(requests)
def test_a_request_comes_through_the_wire_as_it_was(request):
    line = msgspec.json.encode(request)
    assert b"\n" not in line
    assert parse(line) == request


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_refusal(line):
    with pytest.raises(CommandError) as raised:
        parse(line)
    assert raised.value.code == "BAD_REQUEST"


@given(requests, st.data())
def test_a_damaged_request_is_a_request_or_a_refusal(request, data):
    line = msgspec.json.encode(request)
    at = data.draw(st.integers(0, len(line) - 1))
    damaged = line[:at] + data.draw(st.binary(max_size=3)) + line[at + 1 :]
    with suppress(CommandError):
        parse(damaged)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"command":"end","subject":"S1"}', "reason"),
        (b'{"command":"end","subject":"S1","reason":3}', "$.reason"),
        (b'{"command":"end","subject":"S1","reason":"x","force":true}', "force"),
        (b'{"command":"observe","subject":"S1","kind":"crt","value":1e999}', "value"),
        (b'{"command":"dance"}', "dance"),
        (b'{"subject":"S1"}', "command"),
        (b"[" * 50_000, ""),
    ],
)
def test_a_refusal_names_what_is_wrong(line, said):
    with pytest.raises(CommandError, match="request: ") as raised:
        parse(line)
    assert said in str(raised.value)


@given(st.text(max_size=40))
def test_no_text_raises_anything_but_a_refusal(text):
    with suppress(CommandError):
        assert isinstance(moment(text, NOW), int)


@given(st.datetimes(), st.integers(-1439, 1439))
def test_a_time_with_an_offset_is_that_instant_whatever_its_year(when, offset):
    shift = timedelta(minutes=offset)
    sign = "-" if offset < 0 else "+"
    text = f"{when.isoformat()}{sign}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"
    since = (when - shift) - datetime(1970, 1, 1) if _fits(when, shift) else None  # noqa: DTZ001
    found = moment(text, NOW)
    if since is not None:
        assert found is not None
        assert abs(found - since / timedelta(milliseconds=1)) <= 1


def _fits(when, shift):
    try:
        when - shift
    except OverflowError:
        return False
    return True


def test_minutes_ago_count_from_now_and_no_time_is_none():
    assert moment("-5", NOW) == NOW - 300_000
    assert moment("-0", NOW) == NOW
    assert moment(None, NOW) is None
    assert moment(datetime.fromtimestamp(NOW / 1000, UTC).isoformat(), NOW) == NOW


@pytest.mark.parametrize("text", ["2026-09-21T14:13:00", "8:00", "5", "--5", "-99999", "", "now"])
def test_a_time_without_its_offset_is_refused(text):
    with pytest.raises(CommandError) as raised:
        moment(text, NOW)
    assert raised.value.code == "BAD_TIME"
    assert repr(text) in str(raised.value)


def test_each_request_becomes_its_command():
    who = "nurse (uid 7)"
    enrol = EnrolRequest(
        subject="S1", bed="b", protocol="p", arm="a", weight_kg=60.0, randomised="-30", floor=55.0
    )
    assert command(enrol, who, NOW) == Enrol(
        "S1", "b", "p", "a", 60.0, who, randomised=NOW - 1_800_000, floor=55.0
    )
    observe = ObserveRequest(subject="S1", kind="crt", value=2.0, at="-2", reason="late")
    assert command(observe, who, NOW) == Observe("S1", "crt", 2.0, who, NOW - 120_000, "late")
    assert command(AckRequest(subject="S1", alert="FLOOR"), who, NOW) == Acknowledge(
        "S1", "FLOOR", who
    )
    assert command(EndRequest(subject="S1", reason="death"), who, NOW) == End("S1", who, "death")
    assert command(StatusRequest(), who, NOW) is None


def test_a_reply_holds_only_what_it_says():
    assert msgspec.json.encode(Reply(ok=True)) == b'{"ok":true}'
