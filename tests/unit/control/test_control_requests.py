"""Requests: whatever bytes come, the answer is a request or a reason, never an exception."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Literal, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.control import requests as r
from monitor_daemon.control.asked import Asked, converted, instant
from monitor_daemon.control.requests import Reply, Request, StatusRequest, parse
from monitor_daemon.core import people
from monitor_daemon.core.errors import CommandError

#: 2026-09-21T14:13:00Z, 16:13 in Paris.
NOW = 1_789_999_980_000
PARIS = ZoneInfo("Europe/Paris")
WHO = "nurse (uid 7)"
ASKED = Asked(WHO, NOW, PARIS)

KINDS = get_args(Request)
texts = st.text(max_size=30)
numbers = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = {
    str: texts, float: numbers, int: st.integers(-(2**53), 2**53), bool: st.booleans(),
    date: st.dates(), type(None): st.none(),
}  # fmt: skip


def values(kind):
    """Any value of an annotated type."""
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    return PLAIN[kind] if kind in PLAIN else st.one_of(*map(values, get_args(kind)))


def built(kind):
    return st.builds(kind, **{name: values(t) for name, t in get_type_hints(kind).items()
                              if name in kind.__struct_fields__})  # fmt: skip


requests = st.one_of(*(built(kind) for kind in KINDS))


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
    found = taken(damaged)
    assert found == "BAD_REQUEST" or parse(msgspec.json.encode(found)) == found


def taken(line):
    """The request that a line is, or the code with which it is refused."""
    try:
        return parse(line)
    except CommandError as refusal:
        return refusal.code


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


@given(requests)
def test_every_request_that_is_sent_becomes_a_command_or_a_refusal(request):
    if isinstance(request, StatusRequest):
        return
    with suppress(CommandError):
        given = request.command(ASKED)
        assert isinstance(given, people.Command)
        assert (given.subject, given.actor) == (request.subject, WHO)


@given(st.text(max_size=40))
def test_no_text_raises_anything_but_a_refusal(text):
    with suppress(CommandError):
        assert isinstance(instant(text, NOW), int)


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 12, 31)),  # noqa: DTZ001
    st.integers(-1439, 1439),
)
def test_a_time_with_an_offset_is_that_instant(when, offset):
    shift = timedelta(minutes=offset)
    sign = "-" if offset < 0 else "+"
    text = f"{when.isoformat()}{sign}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"
    since = (when - shift) - datetime(1970, 1, 1)  # noqa: DTZ001
    assert abs(instant(text, NOW) - since / timedelta(milliseconds=1)) <= 1


@pytest.mark.parametrize("year", ["0001", "1899", "2101", "9999"])
def test_a_year_that_nobody_can_mean_is_refused(year):
    with pytest.raises(CommandError, match="expected a year from 1900 to 2100") as raised:
        instant(f"{year}-12-31T23:59:59-23:59", NOW)
    assert raised.value.code == "BAD_TIME"


def test_minutes_ago_count_from_now_and_no_time_is_none():
    assert instant("-5", NOW) == NOW - 300_000
    assert instant("-0", NOW) == NOW
    assert instant(datetime.fromtimestamp(NOW / 1000, UTC).isoformat(), NOW) == NOW
    assert ASKED.time(None) is None
    assert ASKED.time("-5") == NOW - 300_000


@pytest.mark.parametrize("text", ["2026-09-21T14:13:00", "8:00", "5", "--5", "-99999", "", "now"])
def test_a_time_without_its_offset_is_refused(text):
    with pytest.raises(CommandError) as raised:
        instant(text, NOW)
    assert raised.value.code == "BAD_TIME"
    assert repr(text) in str(raised.value)


def test_lactate_in_mg_per_dl_is_divided_by_9_01_and_other_units_are_refused():
    # Reference G1: 18.02 mg/dL are 2 mmol/L.
    assert converted("lactate", 18.02, "mg/dL") == pytest.approx(2.0)
    assert converted("lactate", 2.0, "mmol/L") == 2.0
    assert converted("sodium", 140.0, None) == 140.0
    for kind, unit in (("lactate", "mg/L"), ("sodium", "mg/dL"), ("crt", "min")):
        with pytest.raises(CommandError, match=f"unit '{unit}' of {kind}: one of ") as raised:
            converted(kind, 1.0, unit)
        assert raised.value.code == "BAD_VALUE"


def commands():
    """Requests with what the core must be told."""
    ago = NOW - 1_800_000
    yield (
        r.ScreenRequest(subject="S1", bed="b", protocol="p", age=64, admitted=True),
        people.Screen("S1", "b", "p", WHO, age=64, admitted=True),
    )
    yield (
        r.AssociateRequest(subject="S1", bed=None, since="-30", reason="theatre"),
        people.Associate("S1", None, WHO, ago, "theatre"),
    )
    yield (
        r.ObserveRequest(subject="S1", kind="crt", value=2.0, at="-30", reason="late"),
        people.Observe("S1", "crt", 2.0, WHO, ago, "late"),
    )
    yield (
        r.CorrectRequest(subject="S1", kind="crt", at="-30", value=3.1, reason="misread"),
        people.Correct("S1", "crt", ago, 3.1, WHO, "misread"),
    )
    yield (
        r.RangeRequest(subject="S1", low=65.0, high=70.0, variable="MPP"),
        people.Range("S1", 65.0, 70.0, WHO, "MPP"),
    )
    yield (
        r.OverrideRequest(subject="S1", target=70.0, reason="procedure"),
        people.Override("S1", 70.0, WHO, "procedure"),
    )
    yield r.OverrideRequest(subject="S1", lift=True), people.Override("S1", None, WHO)
    yield (
        r.AchievedRequest(subject="S1", reason="cuff"),
        people.Achieved("S1", WHO, "cuff"),
    )
    yield (
        r.ExemptRequest(subject="S1", rule="VP_DUE", reason="ischaemia"),
        people.Exempt("S1", "VP_DUE", WHO, "ischaemia"),
    )
    yield (
        r.StopReasonRequest(subject="S1", reason="scan", channel="3"),
        people.StopReason("S1", WHO, "scan", "3"),
    )
    yield r.AckRequest(subject="S1", alert="FLOOR"), people.Acknowledge("S1", "FLOOR", WHO)
    yield (
        r.SnoozeRequest(subject="S1", alert="MAP_LOW", minutes=30.0, reason="line"),
        people.Snooze("S1", "MAP_LOW", 30.0, WHO, "line"),
    )
    yield (
        r.CodeRequest(subject="S1", alert="MAP_LOW", cause="OTHER", text="t", action="a"),
        people.Code("S1", "MAP_LOW", "OTHER", WHO, "t", "a"),
    )
    yield (
        r.VoidRequest(subject="S1", alert="FLOOR", reason="flush"),
        people.Void("S1", "FLOOR", WHO, "flush"),
    )
    yield (
        r.UnblindingRequest(subject="S1", reason="bleeding", told="dr-x", at="-30"),
        people.Unblinding("S1", WHO, "bleeding", "dr-x", ago),
    )
    yield r.SignDayRequest(subject="S1", day=3), people.SignDay("S1", 3, WHO)
    yield (
        r.EndRequest(subject="S1", reason="x", outcome="death", at="-30"),
        people.End("S1", WHO, "x", "death", ago),
    )
    yield (
        r.WithdrawRequest(subject="S1", reason="x"),
        people.End("S1", WHO, "x", "withdrawal"),
    )


@pytest.mark.parametrize(("request_", "told"), list(commands()), ids=lambda c: type(c).__name__)
def test_each_request_becomes_its_command(request_, told):
    assert request_.command(ASKED) == told


def test_every_request_but_status_and_the_two_with_days_is_among_them():
    asked = {type(request) for request, _ in commands()}
    rest = {StatusRequest, r.EnrolRequest, r.RandomiseRequest}
    assert asked | rest == set(KINDS)


def test_enrolment_gives_the_age_at_randomisation_and_the_ends_of_the_days():
    # Randomised 23:30 in Paris on 24 October 2026, the night before the clocks go back: born on
    # 25 October 2008 he is 17 then, and D1 has 25 h. Midnights by hand: CEST is UTC+2, CET UTC+1.
    enrol = r.EnrolRequest(
        subject="S1",
        bed="b",
        protocol="p",
        arm="a",
        weight_kg=60.0,
        randomised="2026-10-24T23:30:00+02:00",
        birth_date=date(2008, 10, 25),
        floor=55.0,
    )
    told = enrol.command(Asked(WHO, NOW + 90 * 86_400_000, PARIS))
    assert (told.age, told.floor) == (17, 55.0)
    ends = [datetime.fromtimestamp(ms / 1000, UTC).isoformat() for ms in told.days]
    assert ends[:3] == [
        "2026-10-24T22:00:00+00:00",
        "2026-10-25T23:00:00+00:00",
        "2026-10-26T23:00:00+00:00",
    ]
    assert len(ends) == 8


def test_a_randomisation_leaves_out_what_is_not_given():
    told = r.RandomiseRequest(subject="S1", randomised="-30").command(ASKED)
    assert (told.arm, told.randomised, told.age, told.weight_kg) == (
        "", NOW - 1_800_000, None, None
    )  # fmt: skip
    assert len(told.days) == 8


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"age": 60, "birth_date": date(1966, 1, 1)}, "BAD_REQUEST"),
        ({"birth_date": date(2027, 1, 1)}, "BAD_VALUE"),
        ({"age": 131}, "BAD_VALUE"),
        ({"age": -1}, "BAD_VALUE"),
    ],
)
def test_an_age_that_cannot_be_is_refused_without_repeating_a_birth_date(more, code):
    with pytest.raises(CommandError) as raised:
        r.ScreenRequest(subject="S1", bed="b", protocol="p", **more).command(ASKED)
    assert raised.value.code == code
    assert not {"1966", "2027"} & set(str(raised.value).replace("-", " ").split())


def test_a_birth_date_that_is_none_is_refused_without_repeating_it():
    line = b'{"command":"screen","subject":"S1","bed":"b","protocol":"p","birth_date":"Doe 1966"}'
    with pytest.raises(CommandError) as raised:
        parse(line)
    assert "birth_date" in str(raised.value)
    assert "1966" not in str(raised.value)


@pytest.mark.parametrize("more", [{}, {"target": 70.0, "lift": True}])
def test_an_override_is_a_target_or_a_lift(more):
    with pytest.raises(CommandError, match="give target, or lift"):
        r.OverrideRequest(subject="S1", **more).command(ASKED)


def test_a_reply_holds_only_what_it_says():
    assert msgspec.json.encode(Reply(ok=True)) == b'{"ok":true}'
