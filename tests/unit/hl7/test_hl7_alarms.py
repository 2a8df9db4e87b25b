"""Alarms (IHE PCD-04) as gateways report them; heartbeats; what cannot be an alarm of a patient."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.hl7.driver import DRIVER
from monitor_daemon.core.vocabulary import Alarm, Fault

MSH = "MSH|^~\\&|GW^1^EUI-64|V|||20261121120000+0900||ORU^R40^ORU_R40|M2|P|2.6|||AL|NE"
HEAD = (
    MSH,
    "PID|||P1^^^H^MR",
    "PV1||I|ICU^^7",
    "OBR|1|b7|A7|196616^MDC_EVT_ALARM^MDC|||20261121120000+0900",
)


def decode(*segments, head=HEAD):
    decoder = DRIVER.decoder("mllp", DRIVER.settings({}))
    return [*decoder.feed("\r".join([*head, *segments]).encode()), *decoder.finish()]


def facets(place, phase="start", state="active", priority="PM"):
    names = ("EVENT_PHASE", "ALARM_STATE", "ALARM_INACTIVATION_STATE", "ALARM_PRIORITY")
    words = (phase, state, "enabled", priority)
    return [
        f"OBX|{number}|ST|{68478 + number}^MDC_ATTR_{name}^MDC|{place}.{number}|{word}||||||F"
        for number, (name, word) in enumerate(zip(names, words, strict=True), 3)
    ]


def test_a_disconnected_arterial_line_becomes_an_alarm():
    [row] = decode(
        "OBX|1|CWE|196616^MDC_EVT_ALARM^MDC|1.2.1.0.1|196916^MDC_EVT_SENSOR_DISCONN^MDC^^^^^^"
        "ART TRANSDUCER DISCONNECTED|||ST|||F|||20261121115958+0900",
        "OBX|2|CWE|68480^MDC_ATTR_ALERT_SOURCE^MDC|1.2.1.0.2|150032^MDC_PRESS_BLD_ART^MDC||||||F",
        *facets("1.2.1.0"),
    )
    assert row == Alarm(
        code="196916^MDC_EVT_SENSOR_DISCONN^MDC",
        text="ART TRANSDUCER DISCONNECTED",
        priority="PM",
        phase="start",
        state="active",
        device_time="2026-11-21T11:59:58+09:00",
        bed="ICU^^7",
        patient="P1",
    )


def test_the_near_end_of_a_syringe_without_words():
    [row] = decode(
        "OBX|1||70053^MDC_DEV_PUMP_INFUS_SYRINGE_MDS^MDC|1.0.0.0|||||||X|||||||P1001",
        "OBX|2|CWE|196616^MDC_EVT_ALARM^MDC|1.1.0.0.1|197334^MDC_EVT_VOL_INFUS_NEAR_COMP^MDC||||||F",
        *facets("1.1.0.0", priority="PL"),
    )
    assert (row.code, row.priority) == ("197334^MDC_EVT_VOL_INFUS_NEAR_COMP^MDC", "PL")
    assert row.text == "MDC_EVT_VOL_INFUS_NEAR_COMP"
    assert row.device_time == "2026-11-21T12:00:00+09:00"


def test_a_time_that_is_none_is_reported():
    alarm, fault = decode("OBX|1|ST|196670^MDC_EVT_LO^MDC|1.3.1.1.1|Low|||PM|||F|||just now")
    assert (alarm.device_time, fault.code) == (None, "HL7_TIME")
    assert "just now" in fault.reason


def test_an_event_in_obx_3_with_a_text_that_has_no_code():
    [row] = decode(
        "OBX|1|CWE|196670^MDC_EVT_LO^MDC|1.3.1.1.1|^Low SpO2|||L~PH~SP|||F", *facets("1.3.1.1")[:2]
    )
    assert (row.code, row.text, row.priority) == ("196670^MDC_EVT_LO^MDC", "Low SpO2", "PH")


def test_the_priority_of_its_own_facet_goes_before_the_older_form():
    [row] = decode(
        "OBX|1|ST|196670^MDC_EVT_LO^MDC|1.3.1.1.1|Low|||L~PL~SP|||F",
        *facets("1.3.1.1", priority="PH"),
    )
    assert row.priority == "PH"


def test_a_value_that_comes_along_is_no_reading():
    [row] = decode(
        "OBX|1|ST|196670^MDC_EVT_LO^MDC|1.2.1.3.1|MAP low|||L~PM~SP|||F",
        "OBX|2|NM|150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC|1.2.1.3.2|51|266016^MDC_DIM_MMHG^MDC|65-110||||F",
        *facets("1.2.1.3"),
    )
    assert isinstance(row, Alarm)


def test_a_heartbeat_of_the_alarm_source_only_shows_that_it_lives():
    for event in (
        "OBX|1|CWE|196616^MDC_EVT_ALARM^MDC|1.0.0.0.1|196614^MDC_EVT_ACTIVE^MDC|||PN~SA|||F",
        "OBX|1|ST|196614^MDC_EVT_ACTIVE^MDC|1.0.0.0.1|alive|||PN~SA|||F",
    ):
        assert decode(event, *facets("1.0.0.0", phase="continue", priority="PN")) == []


def test_each_report_of_a_message_is_an_alarm():
    event = "OBX|1|ST|196670^MDC_EVT_LO^MDC|1.3.1.1.1|{}|||PM|||F"
    rows = decode(event.format("one"), *facets("1.3.1.1"), HEAD[3], event.format("two"))
    assert [(row.text, row.phase) for row in rows] == [("one", "start"), ("two", None)]


def test_a_report_without_patient_and_bed():
    [row] = decode("OBX|1|ST|196670^MDC_EVT_LO^MDC|1.3.1.1.1|Low|||PM|||F", head=(HEAD[0], HEAD[3]))
    assert (row.bed, row.patient) == (None, None)


def test_a_report_without_anything_to_report():
    assert decode() == []


@given(st.lists(st.text(alphabet="|^~\\&0168429 .ABNMDCEVT_P\r", max_size=30), max_size=6))
def test_any_alarm_message_gives_alarms_and_no_exception(segments):
    assert all(isinstance(row, Alarm | Fault) for row in decode(*(f"OBX|{s}" for s in segments)))


@pytest.mark.parametrize(
    ("source", "kind", "text"),
    [
        ("150035^MDC_PRESS_BLD_ART_MEAN^MDC", "ST", "Transducer disconnected (ART)"),
        ("^MDC_PRESS_BLD_ART_ABP^MDC", "", "Transducer disconnected (ABP)"),
        # Femoral artery; a low pressure of the patient; an advice.
        ("150048^MDC_PRESS_BLD_ART_FEMORAL^MDC", "ST", "Transducer disconnected"),
        ("150035^MDC_PRESS_BLD_ART_MEAN^MDC", "SP", "Transducer disconnected"),
        ("150035^MDC_PRESS_BLD_ART_MEAN^MDC", "SA", "Transducer disconnected"),
    ],
)
@pytest.mark.parametrize("metric", [False, True])
def test_the_text_of_a_technical_alarm_names_the_arterial_line(source, kind, text, metric):
    facet = f"CWE|68480^MDC_ATTR_ALERT_SOURCE^MDC|1.2.1.0.2|{source}"
    [row] = decode(
        "OBX|1|CWE|196616^MDC_EVT_ALARM^MDC|1.2.1.0.1|196916^MDC_EVT_SENSOR_DISCONN^MDC^^^^^^"
        "Transducer disconnected||||||F",
        f"OBX|2|{f'NM|{source}|1.2.1.0.2|' if metric else facet}||||||F",
        f"OBX|3|ST|68485^MDC_ATTR_ALERT_TYPE^MDC|1.2.1.0.7|{kind}||||||F",
        *facets("1.2.1.0"),
    )
    assert row.text == text


def event(code, words="", place="1.2.1.0"):
    return f"OBX|1|CWE|196616^MDC_EVT_ALARM^MDC|{place}.1|{code}{words}||||||F"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        # 3 x 65536 and the term: 308, 272, 332 of ISO/IEEE 11073-10101.
        ("0^MDC_EVT_SENSOR_DISCONN^MDC", "196916^MDC_EVT_SENSOR_DISCONN^MDC"),
        ("^MDC_EVT_LEAD_OFF^MDC", "196880^MDC_EVT_LEAD_OFF^MDC"),
        ("332^MDC_EVT_FLUID_LINE_OCCL^MDC", "196940^MDC_EVT_FLUID_LINE_OCCL^MDC"),
        # The code of the standard as the alternate.
        ("308^Alarm 308^99X^196672^MDC_EVT_LO_LT_LIM^MDC", "196672^MDC_EVT_LO_LT_LIM^MDC"),
        # Contradicts itself, or is not known: the wire's words.
        ("196880^MDC_EVT_SENSOR_DISCONN^MDC", "196880^MDC_EVT_SENSOR_DISCONN^MDC"),
        ("0^MDC_EVT_ADVISORY^MDC", "0^MDC_EVT_ADVISORY^MDC"),
        ("308^Alarm 308^99X", "308^Alarm 308^99X"),
    ],
)
def test_an_event_without_its_number_is_looked_up_by_its_name(sent, code):
    assert decode(event(sent), *facets("1.2.1.0"))[0].code == code


def test_an_event_that_obx_3_names_alone_or_beside_a_code_of_the_sender():
    obx = "OBX|1|CWE|0^MDC_EVT_SENSOR_DISCONN^MDC|1.2.1.0.1|{}||||||F"
    for value, text in (("off", "off"), ("17^Line off^99X", "Line off")):
        [row] = decode(obx.format(value), *facets("1.2.1.0"))
        assert (row.code, row.text) == ("196916^MDC_EVT_SENSOR_DISCONN^MDC", text)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("0^MDC_PRESS_BLD_ART_ABP_MEAN^MDC", "Not started (ABP)"),
        ("18963^mdc_press_bld_art_mean^MDC", "Not started (ART)"),
        ("150035^^MDC", "Not started (ART)"),
        ("150035^MDC_PRESS_BLD_ART_FEMORAL_MEAN^MDC", "Not started"),  # contradicts itself
    ],
)
def test_a_source_is_known_by_number_or_name(source, text):
    """`Not started` has the letters of ART in it and does not name the line."""
    facet = f"OBX|2|CWE|68480^MDC_ATTR_ALERT_SOURCE^MDC|1.2.1.0.2|{source}||||||F"
    said = event("196916^MDC_EVT_SENSOR_DISCONN^MDC", "^^^^^^Not started")
    assert decode(said, facet, *facets("1.2.1.0"))[0].text == text


def test_a_pressure_beside_the_alarm_of_another_sensor_is_not_its_source():
    """Else the fault of a saturation sensor would explain away a low pressure."""
    facet = "OBX|3|CWE|68480^MDC_ATTR_ALERT_SOURCE^MDC|1.6.1.0.2|150456^^MDC||||||F"
    for place in ("1.2.1.2", "1.2.1.0.2"):
        beside = f"OBX|1|NM|150034^MDC_PRESS_BLD_ART_DIA^MDC|{place}|54|||||||F"
        said = event("196916^MDC_EVT_SENSOR_DISCONN^MDC", "^^^^^^No sensor", "1.6.1.0")
        assert decode(beside, said, facet, *facets("1.6.1.0"))[0].text == "No sensor"


def test_nulls_in_an_alarm_say_nothing():
    words = [obx.replace("|PM|", '|""|') for obx in facets("1.3.1.1", phase='""')]
    [row] = decode('OBX|1|ST|196670^MDC_EVT_LO^MDC|1.3.1.1.1|Low|""||""|||F|||""', *words)
    assert (row.phase, row.priority, row.state) == (None, None, "active")
    assert row.device_time == "2026-11-21T12:00:00+09:00"
