"""Published and composed messages; what each must say was worked out by hand from its text.

The composed ones below show what messages do that we may not ship: IHE and HL7 examples with units
UCUM first, several OBR, a bed history under one control id; a ward system in ISO-2022-JP; a monitor
with CRLF and its time in OBX-12.
"""

from pathlib import Path

import pytest

from drivers.hl7.driver import DRIVER
from monitor_daemon.core.vocabulary import (
    Alarm,
    Identity,
    Infusion,
    PumpStatus,
    Quality,
    Reading,
    Unmapped,
)

DATA = Path(__file__).parents[2] / "data" / "hl7"


def decode(data, **options):
    decoder = DRIVER.decoder("mllp", DRIVER.settings(options))
    return [*decoder.feed(data), *decoder.finish()]


def sample(name):
    return decode((DATA / f"{name}.hl7").read_bytes())


def composed(*segments, end="\r"):
    return end.join(segments).encode()


def values(rows):
    return [(row.signal, row.value) for row in rows if isinstance(row, Reading)]


def test_a_philips_monitor_that_sends_every_value_with_status_x():
    rows = sample("ihe-pcd01-philips-monitor")
    assert values(rows) == [
        ("nibp_sys", 117), ("nibp_dia", 82), ("nibp_map", 90), ("heart_rate", 80),
        ("respiration_rate", 30), ("spo2", 99),
    ]  # fmt: skip
    readings = [row for row in rows if isinstance(row, Reading)]
    assert {(row.quality, row.unvalidated) for row in readings} == {(Quality.GOOD, True)}
    assert {(row.bed, row.patient) for row in readings} == {("HO Surgery^OR^1", "HO2009001")}
    # Six and a half hours before the message; no offset on the wire, none in the row.
    assert readings[0].device_time == "2015-01-22T11:50:00"
    assert readings[3].device_time == "2015-01-22T18:26:56"
    assert readings[3].source == "147842^MDC_ECG_CARD_BEAT_RATE^MDC"
    assert [row.value for row in rows if isinstance(row, Unmapped)] == [
        "360", "416", "MDC_ECG_SINUS_RHY", "3.9",
    ]  # fmt: skip


def test_a_site_may_refuse_unvalidated_values():
    data = (DATA / "ihe-pcd01-philips-monitor.hl7").read_bytes()
    rows = [r for r in decode(data, accept_unvalidated=False) if isinstance(r, Reading)]
    assert {(row.quality, row.unvalidated) for row in rows} == {(Quality.QUESTIONABLE, True)}
    assert rows[0].value == 117


def test_an_episodic_cuff_pressure_in_ucum():
    rows = sample("ihe-pcd01-acme-nibp-episodic")
    assert values(rows) == [
        ("nibp_sys", 111), ("nibp_dia", 60), ("nibp_map", 80), ("pulse_rate", 63),
    ]  # fmt: skip
    assert rows[0].bed == "COLWELL^^SOLAR"
    assert rows[0].device_time == "2011-06-02T04:58:42"
    assert rows[0].channel == "1.16.1"


def test_a_monitor_with_an_arterial_line():
    rows = sample("composed-pcd01-monitor")
    assert values(rows) == [
        ("heart_rate", 104), ("art_sys", 96), ("art_dia", 47), ("art_map", 63), ("cvp", 11),
        ("nibp_map", 70), ("spo2", 95), ("cardiac_index", 2.31), ("temperature", 38.1),
    ]  # fmt: skip
    assert rows[3] == Reading(
        signal="art_map",
        value=63.0,
        unit="mmHg",
        quality=Quality.GOOD,  # L~PM~SP~ALACT are an alarm, not a doubt
        device_time="2026-11-21T10:15:00+09:00",
        channel="1.2.1",
        bed="ICU2^R07^B07^ST_ELSEWHERE&2.16.840.1.113883.3.9999.1&ISO",
        patient="ICU-48213",
        source="150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC",
    )
    assert rows[5].device_time == "2026-11-21T10:12:12+09:00"
    assert rows[7].device_time == "2026-11-21T10:08:40+09:00"
    assert [row for row in rows if isinstance(row, Unmapped)] == [
        Unmapped("150332^MDC_SAT_O2_VEN^MDC", None, "262688^MDC_DIM_PERCENT^MDC^%^%^UCUM")
    ]


def test_a_syringe_pump_whose_flow_stands_twice():
    assert sample("composed-pcd01-pump") == [
        Infusion(
            channel="0022330000002D11",
            drug="Norepinephrine",
            rate_ml_h=12.6,
            status=PumpStatus.RUNNING,
            quality=Quality.GOOD,
            concentration=0.08,
            concentration_unit="mg/mL",
            dose=0.24,
            dose_unit="ug/kg/min",
            weight_kg=70.0,
            volume_ml=18.6,
            device_time="2026-11-21T10:15:30+09:00",
            bed="ICU2^R07^B07^ST_ELSEWHERE&2.16.840.1.113883.3.9999.1&ISO",
            patient="ICU-48213",
        )
    ]


@pytest.mark.parametrize(
    ("name", "code", "text", "priority", "phase", "state"),
    [
        ("composed-pcd04-r40-deviation", "196672^MDC_EVT_LO_LT_LIM^MDC",
         "MAP 63 mmHg, target 65-75 for 15 min", "PM", "start", "active"),
        ("ihe-pcd04-mindray-spo2-low-start", "196670^MDC_EVT_LO^MDC", "Low SpO2", "PM", "start",
         "active"),
        ("ihe-pcd04-bbraun-occlusion-start", "196940^MDC_EVT_FLUID_LINE_OCCL^MDC", "Occlusion",
         None, "start", "active"),
        ("ihe-pcd04-bbraun-occlusion-end", "196940^MDC_EVT_FLUID_LINE_OCCL^MDC", "Occlusion", None,
         "end", "inactive"),
        ("ihe-pcd04-advisory-documentation", "0^MDCX_DOCUMENTATION_ERROR^MDC",
         "Timeout not documented", "PM", "start", "active"),
    ],
)  # fmt: skip
def test_alarms(name, code, text, priority, phase, state):
    [row] = sample(name)
    assert isinstance(row, Alarm)
    assert (row.code, row.text, row.priority) == (code, text, priority)
    assert (row.phase, row.state) == (phase, state)
    assert row.device_time is not None
    assert row.bed is not None


@pytest.mark.parametrize(
    ("name", "event"),
    [("a03", "discharge"), ("a08", "update"), ("a13", "cancel_discharge")],
)
def test_msh_9_decides_what_an_admission_message_means(name, event):
    assert sample(f"fhirconv-adt-{name}") == [  # EVN-1 says A01 in all three
        Identity(
            event=event,
            patient="PATID1234",
            bed="HUH AE OMU&9.8&ISO^OMU B^Bed 03^HOMERTON UNIVER^^C^Homerton UH^Floor5",
            prior_bed="4 East, room 136, bed B 4E^136^B^CommunityHospital^^N^^^",
            device_time="2021-08-17T15:19:43.4+02:00",
        )
    ]


def test_a_history_of_moves_under_one_control_id():
    def adt(trigger, evn, now, before):
        return composed(
            f"MSH|^~\\&|REG|HOSP|X||200701110603||ADT^{trigger}^ADT_A02|000001|P|2.8",
            f"EVN|{evn}|200701110603||01||200701110500",
            "PID|||4711^^^HOSP^MR~1111^^^USSSA^SS||DOE^JO",
            f"PV1||I|{now}|||{before}",
        )

    stream = (
        adt("A02", "A02", "SICU^0001^01", "6N^1234^A")
        + b"\r"
        + adt("A12", "A02", "6N^1234^A", "SICU^0001^1")
        + b"\r"
        + adt("A02", "A02", "SICU^0001^02", "6N^1234^A")
    )
    assert [(row.event, row.bed, row.prior_bed) for row in decode(stream)] == [
        ("transfer", "SICU^0001^01", "6N^1234^A"),
        ("cancel_transfer", "6N^1234^A", "SICU^0001^1"),
        ("transfer", "SICU^0001^02", "6N^1234^A"),
    ]
    assert {row.device_time for row in decode(stream)} == {"2007-01-11T05:00:00"}


def test_swap_merge_and_events_that_move_nobody():
    head = "MSH|^~\\&|REG|H|X||20260101||ADT^{}|1|P|2.5"
    swap = decode(
        composed(head.format("A17"), "EVN||20260101120000", "PID|||1", "PV1||I|A^1^1",
                 "PID|||2", "PV1||I|A^1^2")
    )  # fmt: skip
    assert [(row.event, row.patient, row.bed) for row in swap] == [
        ("swap", "1", "A^1^1"),
        ("swap", "2", "A^1^2"),
    ]
    [merge] = decode(composed(head.format("A40"), "PID|||new^^^H", "MRG|old^^^H"))
    assert (merge.event, merge.patient, merge.prior_patient) == ("merge", "new", "old")
    assert decode(composed(head.format("A05"), "PID|||1", "PV1||P|A^1^1")) == []


def test_five_groups_with_a_central_venous_pressure_in_cmh2o():
    def group(number, code, value, unit):
        return [
            f"OBR|{number}|F1|F1|69708^MDC_DEV_ANALY_PRESS_BLD^MDC|||20061220213500",
            f"OBX|1|NM|{code}|1.1.1.{code.split('^')[0]}|{value}|{unit}||N|||F",
        ]

    rows = decode(
        composed(
            "MSH|^~\\&|CIS ^1^EUI-64||||20061220214210-0500||ORU^R01^ORU_R01|D1|P|2.8|||NE|AL",
            "PID|||LM60005^^^IT^PI",
            "PV1||I|UNIT_1^^Bed1",
            *group(1, "150456^MDC_PULS_OXIM_SAT_O2^MDC", 99, "262688^MDC_DIM_PERCENT^MDC"),
            *group(2, "147842^MDC_ECG_HEART_RATE^MDC", 133, "264864^MDC_DIM_BEAT_PER_MIN^MDC"),
            *group(3, "150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC", 92, "266016^MDC_DIM_MMHG^MDC"),
            *group(4, "150087^MDC_PRESS_BLD_VEN_CENT_MEAN^MDC", 12, "266048^MDC_DIM_CM_H2O^MDC"),
            *group(5, "150047^MDC_PRESS_BLD_ART_PULM_MEAN^MDC", 14, "266016^MDC_DIM_MMHG^MDC"),
        )
    )
    assert values(rows) == [
        ("spo2", 99), ("heart_rate", 133), ("art_map", 92),
        ("cvp", pytest.approx(8.83, abs=0.005)), ("pap_map", 14),
    ]  # fmt: skip
    assert rows[3].device_time == "2006-12-20T21:35:00"
    assert {row.channel for row in rows} == {"1.1.1"}


def test_the_event_message_of_a_volumetric_pump_that_starts():
    ml_h = "265266^MDC_DIM_MILLI_L_PER_HR^MDC^mL/h^mL/h^UCUM"
    rows = decode(
        composed(
            "MSH|^~\\&|PUMPGW^9^EUI-64|V|||20151015132107-0500||ORU^R42^ORU_R01|635|P|2.6|||AL|NE||ASCII"
            "|en^English^ISO639||IHE_PCD_010^IHE PCD^ 1.3.6.1.4.1.19376.1.6.4.10^ISO",
            "PID|||HO2^^^IHE^PI||X^Y",
            "PV1||I|3 West ICU^3002^1",
            "OBR|1|AB1^PCD-03|CD1^HL7|2222^Dopamine|||20151015132106-0500",
            "OBX|1||70049^MDC_DEV_PUMP_INFUS_LVP_MDS^MDC|1.0.0.0|||||||X|||||N2||E0002^^1^EUI-64",
            "OBX|2|ST|184517^MDC_PUMP_DRUG_LIBRARY_VERSION^MDC|1.0.0.1|DL1||||||R",
            "OBX|3|CWE|68487^MDC_ATTR_EVT_COND^MDC|1.0.0.2|197288^MDC_EVT_PUMP_DELIV_START^MDC||||||R",
            "OBX|4|ST|68488^MDC_ATTR_EVT_SOURCE^MDC|1.0.0.3|1.1.2.0||||||R",
            "OBX|5||70050^MDC_DEV_PUMP_INFUS_LVP_VMD^MDC|1.1.0.0|||||||X",
            "OBX|6||70067^MDC_DEV_PUMP_DELIVERY_INFO^MDC|1.1.1.0|||||||X",
            "OBX|7|CWE|184519^MDC_PUMP_INFUSING_STATUS^MDC|1.1.1.1|^pump-status-infusing||||||R",
            f"OBX|8|NM|158014^MDC_FLOW_FLUID_PUMP_CURRENT^MDC|1.1.1.2|15.4|{ml_h}|||||R",
            "OBX|9|CWE|158016^MDC_DEV_PUMP_ACTIVE_SOURCES^MDC|1.1.1.3|^pump-source-info-primary||||||R",
            "OBX|10||70071^MDC_DEV_PUMP_INFUSATE_SOURCE_PRIMARY^MDC|1.1.2.0|||||||X",
            f"OBX|11|NM|157784^MDC_FLOW_FLUID_PUMP^MDC|1.1.2.4|15.4|{ml_h}|||||R",
            "OBX|12|NM|157924^MDC_RATE_DOSE^MDC|1.1.2.5|5.00|265619^MDC_DIM_MICRO_G_PER_KG_PER_MIN^MDC|||||R",
            "OBX|13|NM|157993^MDC_VOL_FLUID_DELIV_TOTAL^MDC|1.1.2.7|0.0|263762^MDC_DIM_MILLI_L^MDC|||||R",
            "OBX|14|ST|184514^MDC_DRUG_NAME_LABEL^MDC|1.1.2.10|Dopamine||||||R",
            "OBX|15|NM|157760^MDC_CONC_DRUG^MDC|1.1.2.11|1.6|264306^MDC_DIM_MILLI_G_PER_ML^MDC|||||R",
            "OBX|16|NM|68063^MDC_ATTR_PT_WEIGHT^MDC|1.1.2.13|82.0|263875^MDC_DIM_KILO_G^MDC|||||R",
        )
    )
    assert rows == [
        Infusion(
            channel="E0002",
            drug="Dopamine",
            rate_ml_h=15.4,
            status=PumpStatus.RUNNING,
            concentration=1.6,
            concentration_unit="mg/mL",
            dose=5.0,  # 15.4 x 1600 / 82 / 60 = 5.01
            dose_unit="ug/kg/min",
            weight_kg=82.0,
            volume_ml=0.0,
            device_time="2015-10-15T13:21:06-05:00",
            bed="3 West ICU^3002^1",
            patient="HO2",
        )
    ]


def test_a_monitor_with_crlf_without_pv1_and_with_its_time_in_obx_12():
    rows = decode(
        composed(
            "MSH|^~\\&|Monitor|ICU|HIS|H|20260212153013||ORU^R01|MSG1|P|2.5",
            "PID|1||TEST001^^^MRN",
            "OBR|1||O1|VITAL^Vital Signs|||20260212153013",
            "OBX|1|NM|8867-4^Heart Rate^LN||75|bpm|60-100|N|||F|20260212153013||",
            "OBX|2|NM|8480-6^Systolic BP^LN||120|mmHg|90-140|N|||F|20260212153013||",
            "OBX|3|NM|8310-5^Body Temperature^LN||36.8|Cel||N|||F|20260212153013||",
            end="\r\n",
        )
    )
    # A pressure that does not say how it was measured is neither arterial nor non-invasive.
    assert [getattr(row, "signal", row.source) for row in rows] == [
        "heart_rate",
        "8480-6^Systolic BP^LN",
        "temperature",
    ]
    assert (rows[0].bed, rows[0].patient) == (None, "TEST001")
    assert rows[0].device_time == "2026-02-12T15:30:13"


def test_a_ward_system_in_iso_2022_jp():
    text = (
        "MSH|^~\\&|HIS|SEND|GW|RCV|201601011500.321||ORU^R30^ORU_R30|158437|P|2.5||||||~ISO IR87"
        "||ISO2022-1994\r"
        'PID|0001||0123456789^^^^PI||患者^太郎^^^^^L^I\rPV1|0001|I|07E^03^01^^^N\rOBR|1|15|22|""|||201601011500\r'
        "OBX|1|NM|9P300000000000001^脈拍・定期^JC10||98|(hb)^回\uff0f\uff11分^ISO+|50-90|H|||F|||201601011500\r"
        "OBX|2|NM|9P10000000000001^体温・腋窩^JC10||36.2|cel^℃^ISO+|||||F|||201601011500\r"
        "OBX|3|NM|9A761000000000001^拡張期血圧^JC10||60|mm(hg)^mmHg^ ISO+|||||F|||201601011500\r"
    )
    rows = decode(text.encode("iso2022_jp_ext"))
    assert values(rows) == [("pulse_rate", 98), ("temperature", 36.2)]
    assert rows[0].source == "9P300000000000001^脈拍・定期^JC10"
    assert (rows[0].bed, rows[0].patient) == ("07E^03^01^^^N", "0123456789")
    assert rows[0].device_time == "2016-01-01T15:00:00"
    assert rows[2] == Unmapped("9A761000000000001^拡張期血圧^JC10", "60", "mm(hg)^mmHg^ ISO+")
