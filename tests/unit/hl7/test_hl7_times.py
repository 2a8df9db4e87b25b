"""DTM to ISO 8601: expected values written by hand from HL7 v2.9 2A.3.22."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.hl7.times import to_dtm, to_iso


@pytest.mark.parametrize(
    ("dtm", "iso"),
    [
        ("20261121101503.250+0900", "2026-11-21T10:15:03.250+09:00"),
        ("20261121101503", "2026-11-21T10:15:03"),
        ("200701110603", "2007-01-11T06:03:00"),
        ("20261121", "2026-11-21"),
        ("202611", "2026-11"),
        ("20071204153604-0600", "2007-12-04T15:36:04-06:00"),
        ("198908181126+0215", "1989-08-18T11:26:00+02:15"),
        ("20261121101503-0000", "2026-11-21T10:15:03+00:00"),
        # Seen against the grammar:
        ("20260124124738.0000+0800", "2026-01-24T12:47:38+08:00"),
        ("20260124124738000+0800", "2026-01-24T12:47:38+08:00"),
        ("20080203163012345", "2008-02-03T16:30:12.345"),
        ("201601011500.321", "2016-01-01T15:00:00.321"),
        ("2026-01-24T12:47:38+08:00", "2026-01-24T12:47:38+08:00"),
        ("2026-01-24 12:47:38", "2026-01-24T12:47:38"),
        ("20061220213500^S", "2006-12-20T21:35:00"),
    ],
)
def test_times_keep_their_precision_and_their_own_offset(dtm, iso):
    assert to_iso(dtm) == iso


@pytest.mark.parametrize(
    "dtm",
    ["", '""', "20", "20261321", "20260230", "2026112125", "20261121101503+9900", "noon",
     "20261121101503#", "2026112110150", "20261121.5", "\uff12\uff10\uff12\uff16"],
)  # fmt: skip
def test_what_is_no_time_is_none(dtm):
    assert to_iso(dtm) is None


@given(
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001 - hypothesis adds the zone
    st.integers(-12 * 4, 14 * 4),
)
def test_a_moment_survives_the_way_out_and_back(moment, quarters):
    moment = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=15 * quarters)))
    iso = to_iso(to_dtm(moment))
    assert iso is not None
    assert datetime.fromisoformat(iso) == moment


def test_utc_is_written_with_its_offset():
    assert to_dtm(datetime(2026, 11, 21, 1, 2, 3, tzinfo=UTC)) == "20261121010203+0000"


@given(st.text())
def test_any_text_is_a_time_or_none(text):
    iso = to_iso(text)
    assert iso is None or iso[:4].isdecimal()
