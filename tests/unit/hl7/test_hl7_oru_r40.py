"""ORU^R40 against IHE PCD TF-2 (PCD-04), written out by hand, and against two foreign parsers."""

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import hl7
import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_segment
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.hl7.er7 import Er7Message, read
from monitor_daemon.hl7.mllp import Frame, Framer, framed
from monitor_daemon.hl7.oru_r40 import (
    AlertReport,
    Envelope,
    MeanPressure,
    alert_message,
    control_id,
    heartbeat_message,
)

SAMPLES = Path(__file__).parents[2] / "data/hl7"
TOKYO = timezone(timedelta(hours=9))
AT = datetime(2026, 11, 21, 10, 15, 4, tzinfo=TOKYO)
ENVELOPE = Envelope(
    site="icu-2",
    application=("MONITOR-DAEMON", "0022330000000B01", "EUI-64"),
    facility=("ICU",),
    to_application=("ALERTMGR", "0022330000000E01", "EUI-64"),
    to_facility=("ICU",),
    receipts=True,
)
TEXT = "Bed b7: MAP 63 mmHg, too far below the target of 67 for 15 min. Check."
START = AlertReport(
    control_id="9f2c1a7be03d4c5586aa-1",
    report_id="9f2c1a7be03d4c5586aa",
    parent=None,
    at=AT,
    phase="start",
    priority="PM",
    subject="PSN-014",
    bed="b7",
    kind="MAP_LOW",
    clause="personalise R4",
    text=TEXT,
    pressure=MeanPressure(63.0, AT, "low", 65.0),
)
DUE = replace(START, kind="CRT_DUE", clause="personalise R6", pressure=None)

#: ORU^R40^ORU_R40 as IHE PCD TF-2 3.4 lays it out: at most one alert, a patient or a place.
STRUCTURE = re.compile(r"MSH (PID (PV1 )?|PV1 )(ORC )?OBR (PRT )?(OBX (NTE )?)+")
#: Facets: last number of OBX-4 to OBX-3, OBX-2 and what OBX-5 may be (TF-2 table of PCD-04).
FACETS = {
    "1": ("196616^MDC_EVT_ALARM^MDC", "CWE", None),
    "2": ("68480^MDC_ATTR_ALERT_SOURCE^MDC", "CWE", None),
    "3": ("68481^MDC_ATTR_EVENT_PHASE^MDC", "ST", {"start", "continue", "escalate", "end"}),
    "4": ("68482^MDC_ATTR_ALARM_STATE^MDC", "ST", {"active", "inactive"}),
    "5": (
        "68483^MDC_ATTR_ALARM_INACTIVATION_STATE^MDC",
        "ST",
        {"enabled", "audio-paused", "alert-acknowledged"},
    ),
    "6": ("68484^MDC_ATTR_ALARM_PRIORITY^MDC", "ST", {"PN", "PL", "PM", "PH"}),
    "7": ("68485^MDC_ATTR_ALERT_TYPE^MDC", "ST", {"SA"}),
}


def split(message):
    found = read(message)
    assert isinstance(found, Er7Message)
    return found


def facets(message):
    """Number of the facet to its OBX."""
    rows = [s for s in split(message).segments if s[0] == "OBX" and s[2] in {"CWE", "ST"}]
    return {row[4].rsplit(".", 1)[1]: row for row in rows}


def structure(message):
    return "".join(f"{segment[0]} " for segment in split(message).segments)


def test_a_start_is_the_message_written_by_hand():
    assert alert_message(ENVELOPE, START).decode().split("\r") == [
        (
            "MSH|^~\\&|MONITOR-DAEMON^0022330000000B01^EUI-64|ICU|ALERTMGR^0022330000000E01^EUI-64|ICU"
            "|20261121101504+0900||ORU^R40^ORU_R40|9f2c1a7be03d4c5586aa-1|P|2.6|||AL|AL|"
            "|UNICODE UTF-8|en^English^ISO639||"
            "IHE_PCD_ACM_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.4.1^ISO"
        ),
        "PID|||PSN-014^^^MONITOR-DAEMON&0022330000000B01&EUI-64^ANON||^^^^^^U",
        "PV1||I|icu-2^^b7",
        (
            "OBR|1||9f2c1a7be03d4c5586aa^MONITOR-DAEMON^0022330000000B01^EUI-64"
            "|196616^MDC_EVT_ALARM^MDC|||20261121101504+0900"
        ),
        "OBX|1||69965^MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS^MDC|1.0.0.0|||||||X",
        "OBX|2||69854^MDC_DEV_METER_PRESS_BLD_VMD^MDC|1.2.0.0|||||||X",
        "OBX|3||69855^MDC_DEV_METER_PRESS_BLD_CHAN^MDC|1.2.1.0|||||||X",
        (
            "OBX|4|NM|150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC|1.2.1.3|63.0"
            "|266016^MDC_DIM_MMHG^MDC^mm[Hg]^mm[Hg]^UCUM|>65|L|||F|||20261121101504+0900|||"
            "ACALC^auto-calculation^MDC"
        ),
        (
            "OBX|5|CWE|196616^MDC_EVT_ALARM^MDC|1.2.1.3.1|196672^MDC_EVT_LO_LT_LIM^MDC^MAP_LOW"
            f"^personalise R4^99MONITORDAEMON^^^{TEXT}||||||F|||20261121101504+0900||||"
            "MONITOR-DAEMON^^0022330000000B01^EUI-64"
        ),
        (
            "OBX|6|CWE|68480^MDC_ATTR_ALERT_SOURCE^MDC|1.2.1.3.2"
            "|150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC||||||F|||20261121101504+0900"
        ),
        "OBX|7|ST|68481^MDC_ATTR_EVENT_PHASE^MDC|1.2.1.3.3|start||||||F",
        "OBX|8|ST|68482^MDC_ATTR_ALARM_STATE^MDC|1.2.1.3.4|active||||||F",
        "OBX|9|ST|68483^MDC_ATTR_ALARM_INACTIVATION_STATE^MDC|1.2.1.3.5|enabled||||||F",
        "OBX|10|ST|68484^MDC_ATTR_ALARM_PRIORITY^MDC|1.2.1.3.6|PM||||||F",
        "OBX|11|ST|68485^MDC_ATTR_ALERT_TYPE^MDC|1.2.1.3.7|SA||||||F",
        "",
    ]


def test_it_has_the_segments_codes_and_places_of_the_composed_sample():
    ours = split(alert_message(ENVELOPE, START)).segments
    sample = read((SAMPLES / "composed-pcd04-r40-deviation.hl7").read_bytes()).segments
    assert [s[:5] for s in ours if s[0] == "OBX"] == [s[:5] for s in sample if s[0] == "OBX"]
    assert [s[0] for s in ours] == [s[0] for s in sample]
    for number in (9, 12, 15, 18, 21):
        assert ours[0][number] == sample[0][number]


def test_an_alert_without_a_pressure_has_our_own_code_and_no_device():
    rows = facets(alert_message(ENVELOPE, DUE))
    assert rows["1"][4] == "1.0.0.0.1"
    own = "CRT_DUE^personalise R6^99MONITORDAEMON"
    assert rows["1"][5] == f"196616^MDC_EVT_ALARM^MDC^{own}^^^{TEXT}"
    assert rows["2"][5] == own
    assert structure(alert_message(ENVELOPE, DUE)) == "MSH PID PV1 OBR " + "OBX " * 7


@pytest.mark.parametrize("phase", ["continue", "escalate", "end"])
def test_a_later_report_names_the_first_one_as_its_parent(phase):
    later = replace(
        START, control_id="9f2c1a7be03d4c5586aa-2", report_id="9f2c1a7be03d4c5586aa-2",
        parent=START.report_id, phase=phase,
    )  # fmt: skip
    segments = split(alert_message(ENVELOPE, later)).segments
    request = next(s for s in segments if s[0] == "OBR")
    assert request[3].split("^")[0] == "9f2c1a7be03d4c5586aa-2"
    assert request[29] == "^9f2c1a7be03d4c5586aa&MONITOR-DAEMON&0022330000000B01&EUI-64"
    rows = facets(alert_message(ENVELOPE, later))
    assert rows["3"][5] == phase
    assert rows["4"][5] == ("inactive" if phase == "end" else "active")


def test_an_end_shows_no_pressure_but_the_same_source():
    end = replace(
        START, parent=START.report_id, phase="end", pressure=MeanPressure(None, AT, "low")
    )
    message = alert_message(ENVELOPE, end)
    assert [s for s in split(message).segments if s[2:3] == ["NM"]] == []
    assert facets(message)["2"][5] == "150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC"


def test_a_high_pressure_is_named_so():
    high = replace(START, kind="MAP_HIGH", pressure=MeanPressure(72.25, AT, "high", 70))
    message = alert_message(ENVELOPE, high)
    (value,) = [s for s in split(message).segments if s[2:3] == ["NM"]]
    assert value[5:9] == ["72.2", "266016^MDC_DIM_MMHG^MDC^mm[Hg]^mm[Hg]^UCUM", "<70", "H"]
    # Event 42 of the event partition: 3 x 65536 + 42.
    assert facets(message)["1"][5].startswith("196650^MDC_EVT_HI_GT_LIM^MDC^MAP_HIGH^")


def test_without_receipts_only_the_accept_acknowledgement_is_asked_for():
    header = split(alert_message(replace(ENVELOPE, receipts=False), START)).segments[0]
    assert header[15:17] == ["AL", "NE"]


def test_names_of_one_part_and_a_receiver_that_is_not_named():
    plain = Envelope("icu-2", ("MONITOR-DAEMON",), ("icu-2",))
    segments = split(alert_message(plain, START)).segments
    assert segments[0][3:7] == ["MONITOR-DAEMON", "icu-2", "", ""]
    assert segments[1][3] == "PSN-014^^^MONITOR-DAEMON^ANON"


def test_a_heartbeat_is_an_advisory_without_priority_and_without_a_patient():
    message = heartbeat_message(ENVELOPE, "alive-icu-2-1", AT, 60.0)
    assert STRUCTURE.fullmatch(structure(message))
    assert [s[0] for s in split(message).segments][:3] == ["MSH", "PV1", "OBR"]
    # HL7 table 0004: not applicable.
    assert split(message).segments[1][2:] == ["N", "icu-2"]
    # ENVELOPE asks for receipts (PCD-05), but there is nobody whom a heartbeat would be brought.
    assert split(message).segments[0][15:17] == ["AL", "NE"]
    rows = facets(message)
    assert rows["1"][5] == "196614^MDC_EVT_ACTIVE^MDC"
    assert [rows[n][5] for n in "34567"] == ["continue", "active", "enabled", "PN", "SA"]
    (timeout,) = [s for s in split(message).segments if s[2:3] == ["NM"]]
    assert timeout[3:7] == [
        "67860^MDC_ATTR_CONFIRM_TIMEOUT^MDC", "1.0.0.0.8", "60",
        "264320^MDC_DIM_SEC^MDC^s^s^UCUM",
    ]  # fmt: skip


EVERYTHING = [
    *(replace(START, phase=phase, parent=parent, inactivation=quiet)
      for phase, parent in (("start", None), ("continue", "p"), ("escalate", "p"), ("end", "p"))
      for quiet in ("enabled", "audio-paused", "alert-acknowledged")),
    DUE,
    replace(DUE, text="床7: 毛細血管再充満時間 | ^ ~ \\ &", priority="PH"),
]  # fmt: skip


@pytest.mark.parametrize("report", EVERYTHING, ids=lambda r: f"{r.kind} {r.phase} {r.inactivation}")
def test_structure_and_facets_are_those_of_the_profile(report):
    message = alert_message(ENVELOPE, report)
    assert STRUCTURE.fullmatch(structure(message))
    rows = facets(message)
    assert list(rows) == list(FACETS)
    for number, (code, kind, allowed) in FACETS.items():
        assert (rows[number][3], rows[number][2], rows[number][11]) == (code, kind, "F")
        assert allowed is None or rows[number][5] in allowed
    request = next(s for s in split(message).segments if s[0] == "OBR")
    assert (len(request) > 29) == (report.phase != "start")


@pytest.mark.parametrize(
    "message",
    [
        *(alert_message(ENVELOPE, report) for report in EVERYTHING),
        heartbeat_message(ENVELOPE, "h", AT, 60),
    ],
    ids=str,
)
def test_hl7apy_takes_every_segment_and_gives_it_back(message):
    """It knows no ORU_R40; its segments, fields and types are checked one by one."""
    for segment in message.decode().rstrip("\r").split("\r"):
        parsed = parse_segment(
            segment, version="2.6", validation_level=VALIDATION_LEVEL.STRICT
        )  # fmt: skip
        assert parsed.to_er7().rstrip("|") == segment


def test_python_hl7_reads_the_same():
    found = hl7.parse(alert_message(ENVELOPE, START).decode())
    assert str(found["MSH.10"]) == START.control_id
    assert str(found.segment("PID")[3][0][0]) == "PSN-014"
    assert hl7.parse(alert_message(ENVELOPE, START).decode()).unescape(TEXT) == TEXT


ANY = st.text(max_size=60)


@given(text=ANY, kind=ANY, clause=ANY, subject=ANY, bed=ANY)
def test_whatever_a_text_holds_it_comes_back_whole_and_breaks_no_frame(
    text, kind, clause, subject, bed
):
    report = replace(DUE, text=text, kind=kind, clause=clause, subject=subject, bed=bed)
    message = alert_message(ENVELOPE, report)
    assert Framer().feed(framed(message)) == [Frame(0, message)]
    assert structure(message) == "MSH PID PV1 OBR " + "OBX " * 7
    found = split(message)
    back = found.encoding.unescape

    def part(value, number):
        parts = value.split("^")
        return back(parts[number - 1]) if len(parts) >= number else ""

    event = facets(message)["1"][5]
    said = text.encode("utf-8", "replace").decode()
    assert part(event, 9) == said
    assert part(event, 4) == kind.encode("utf-8", "replace").decode()
    assert part(found.segments[1][3], 1) == subject.encode("utf-8", "replace").decode()
    assert part(found.segments[2][3], 3) == bed.encode("utf-8", "replace").decode()
    assert control_id(message) == report.control_id
