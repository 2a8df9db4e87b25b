"""One OBX at a time: codes, units, values, flags; expected from the standards' tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.hl7.decode import Reader
from drivers.hl7.driver import DRIVER
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.vocabulary import Fault, Quality, Reading, Unmapped
from monitor_daemon.hl7.er7 import read

HEAD = "MSH|^~\\&|GW|ICU|||20261121101503+0900||ORU^R01^ORU_R01|A1|{}|{}"
MAP = "150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC"
MMHG = "266016^MDC_DIM_MMHG^MDC"


def decode(*segments, version="2.6", control_id="A1", **options):
    head = HEAD.format("P", version).replace("|A1|", f"|{control_id}|")
    text = "\r".join([head, "PID|||P1", "PV1||I|B1", "OBR|1|||X|||20261121101500+0900", *segments])
    decoder = DRIVER.decoder("mllp", DRIVER.settings(options))
    return [*decoder.feed(text.encode()), *decoder.finish()]


def one(code=MAP, value="63", unit=MMHG, kind="NM", flags="", status="F", **more):
    [row] = decode(f"OBX|1|{kind}|{code}|1.2.1.3|{value}|{unit}||{flags}|||{status}", **more)
    return row


@pytest.mark.parametrize(
    ("code", "unit", "signal"),
    [
        ("150035^MDC_PRESS_BLD_ART_MEAN^MDC", MMHG, "art_map"),
        ("0^MDC_PRESS_BLD_ART_ABP_MEAN^MDC", MMHG, "art_map"),
        ("18967^MDC_PRESS_BLD_ART_ABP_MEAN^MDC", MMHG, "art_map"),
        ("150039^^MDC", MMHG, "art_map"),
        ("X1^own^L^150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC", MMHG, "art_map"),
        ("76214-6^MAP^LN", "mm[Hg]^mm[Hg]^UCUM", "art_map"),
        ("0002-4a17^ABPm^MDIL", "0004-0f20^mmHg^MDIL", "art_map"),
        ("ART M^^local^8478-0&1^^LOINC", "mm(hg)^^ISO+", "art_map"),
        ("009002^NIBP MEAN", "mmHg", "nibp_map"),
        ("150039^ABP Mean^MDC", MMHG, "art_map"),
        ("147842^Heart rate^MDC", "264864^MDC_DIM_BEAT_PER_MIN^MDC", "heart_rate"),
        ("8867-4^Heart rate by Pulse oximetry^LN", "/min", "heart_rate"),
        ("2708-6^Oxygen saturation in Arterial blood^LN", "%", "spo2"),
        ("8867-4^Herzfrequenz^LN", "/min", "heart_rate"),
        ("0002-4a17^ARTm^MDIL", "0004-0f20^mmHg^MDIL", "art_map"),
        ("0002-4a17^IBP1_IPm^MDIL", "0004-0f20^mmHg^MDIL", "art_map"),
        ('150039^""^MDC', MMHG, "art_map"),
        ("150084^MDC_PRESS_BLD_VEN_CENT^MDC", MMHG, "cvp"),
        ("378^MNDRY_OUTPUT_CARD_INDEX_CTS^99MNDRY", "264992^^MDC", "cardiac_index"),
        ("0002-f047^CCI^MDIL", "0004-0b20^l/min/m2^MDIL", "cardiac_index"),
        ("0002-f174^Lact^MDIL", "0004-1272^mmol/l^MDIL", "lactate"),
        # A mean that does not say where beside one that does.
        ("150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC^8478-0^Mean blood pressure^LN", MMHG, "art_map"),
    ],
)
def test_codes_that_mean_a_signal(code, unit, signal):
    row = one(code, unit=unit)
    assert (row.signal, row.value, row.quality) == (signal, 63.0, Quality.GOOD)
    assert row.source == code


@pytest.mark.parametrize(
    "code",
    [
        "150039^MDC_PRESS_BLD_ART_ABP_SYS^MDC",  # number and name disagree
        "150037^MDC_PRESS_BLD_NONINV_SYS^MDC",
        "18967^SOMETHING^MDC",  # a bare term without its name
        "150039^MDC_PRESS_BLD_FOO^MDC",
        "0002-4a17^ABPs^MDIL",
        "150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC^76215-3^Sys^LN",  # two triplets, two meanings
        "150651^MDC_PRESS_BLD_ART_FEMORAL_MEAN^MDC",
        "150019^MDC_PRESS_BLD_MEAN^MDC",
        "150303^MDC_PRESS_CUFF_MEAN^MDC",
        "150036^MDC_PRESS_BLD_ART_ABP^MDC",
        "8478-0^Mean blood pressure^LN",
        "14804-9^Lactate dehydrogenase^LN",
        "150039",
        "501^Mean",
        "150456^CO2^MDC",
        "150456^MDC_CONC_AWAY_CO2^MDC",
        "150039^SpO2^MDC",
        "150039^Heart rate^MDC",
        "150039^Pulmonary artery mean^MDC",
        "150039^NIBP Mean^MDC",
        "147842^something^MDC",
        "8867-4^SpO2^LN",
        "0002-4bb8^CO2^MDIL",
        "",
        # The second triplet does not heal a first one that is wrong, or of another place.
        "150456^CO2^MDC^2708-6^SpO2^LN",
        "150039^MDC_PRESS_BLD_NONINV_MEAN^MDC^76214-6^Mean^LN",
        "150651^MDC_PRESS_BLD_ART_FEMORAL_MEAN^MDC^76214-6^Mean^LN",
        "0^MDC_PRESS_BLD_ART_FEMORAL_MEAN^MDC^76214-6^Mean^LN",
        "150019^MDC_PRESS_BLD_MEAN^MDC^76214-6^Mean^LN",
        "150303^^MDC^76214-6^Mean^LN",
        "76214-6^Femoral artery mean pressure^LN",
        # Labels of other lines on Philips monitors; another phase.
        "0002-4a17^FAPm^MDIL",
        "0002-4a17^UAPm^MDIL",
        "0002-4a17^AoM^MDIL",
        "0002-4a17^ICPm^MDIL",
        "0002-4a17^P1m^MDIL",
        "0002-4a17^IBP1_IPs^MDIL",
        "150039^Umbilical arterial mean^MDC",
        "3E010000004127101^髄液乳酸^JC10",
    ],
)
def test_codes_that_mean_nothing_we_judge(code):
    for unit in (MMHG, "%", "/min", "mmol/L"):  # whatever the code may be taken for
        assert one(code, unit=unit) == Unmapped(code, "63", unit)


@pytest.mark.parametrize(
    ("code", "value", "unit", "expected"),
    [
        (MAP, "12", "266048^MDC_DIM_CM_H2O^MDC", 8.83),  # 1 cmH2O = 0.73556 mmHg
        (MAP, "10", "kPa", 75.01),
        (MAP, "63", "1^mm[Hg]^UCUM^266016^MDC_DIM_MMHG^MDC", 63),
        ("8310-5^T^LN", "98.6", "[degF]^^UCUM", 37.0),
        ("2524-7^Lactate^LN", "18", "mg/dL", 2.0),  # x 0.1110
        ("3E010000002227101^LAC^JC10", "9", "mg/dl^^ISO+", 1.0),
        ("2951-2^Na^LN", "140", "mEq/L", 140),
        ("29463-7^Weight^LN", "154", "[lb_av]^^UCUM", 69.85),
        ("68063^MDC_ATTR_PT_WEIGHT^MDC", "70000", "263872^MDC_DIM_X_G^MDC", 70),
        ("44963-7^CRT^LN", "3", "s", 3),
        ("8741-1^CO^LN", "4500", "mL/min", 4.5),
        ("150276^MDC_OUTPUT_CARD^MDC", "4.5", "265216^MDC_DIM_X_L_PER_MIN^MDC", 4.5),
        ("147842^MDC_ECG_HEART_RATE^MDC", "80", "", 80),
    ],
)
def test_units_are_converted(code, value, unit, expected):
    assert one(code, value, unit).value == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("code", "unit"),
    [
        (MAP, ""),
        (MAP, "262688^MDC_DIM_PERCENT^MDC"),
        (MAP, "266016^MDC_DIM_CM_H2O^MDC"),
        (MAP, "266016^MDC_DIM_MMHG^MDC^cm[H2O]^^UCUM"),
        (MAP, "furlong"),
        ("2524-7^Lactate^LN", ""),
        ("29463-7^Weight^LN", "mmHg"),
    ],
)
def test_units_that_cannot_be_converted_are_unmapped(code, unit):
    assert one(code, unit=unit) == Unmapped(code, "63", unit or None)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("NM", value) for value in ("", " ", '""', "-100", "-10000", "-?-", "---", ".....")),
        *(("NM", value) for value in ("32767", "-32767", "-32768", "8388607", "-100.0", "+")),
        *(("SN", value) for value in ("^-100", "=^32767", '^""', "^", "=^---")),
    ],
)
def test_missing_data_has_many_spellings(kind, value):
    row = one(kind=kind, value=value)
    assert (row.signal, row.value, row.quality) == ("art_map", None, Quality.NO_VALUE)


@pytest.mark.parametrize(
    ("kind", "value", "number"),
    [
        ("NM", "63", 63), ("NM", " 63.50 ", 63.5), ("ST", "+63", 63), ("SN", "=^87", 87),
        (" nm ", "63", 63), ("NM", "63^", 63), ("SN", "^182^^", 182),
        ("SN", "^182", 182), ("NM", "\x1e.2", 0.2),
        ("", "63", 63), ("NM", "-3", -3),
    ],
)  # fmt: skip
def test_numbers(kind, value, number):
    assert one(kind=kind, value=value).value == number


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("SN", ">^300"), ("SN", "^1^:^2"), ("NM", ">300"), ("NM", "1,926"), ("NM", "5,4"),
        ("NM", "60~120"),
        ("NM", "9" * 400),  # beyond every float
        ("NM", "6E1"), ("NM", "nan"), ("NM", "6_3"), ("NM", "63#"), ("CWE", "63"), ("TX", "brisk"),
        ("NM", "\uff16\uff13"),
    ],
)  # fmt: skip
def test_what_is_no_single_number_is_kept_as_text(kind, value):
    assert one(kind=kind, value=value) == Unmapped(MAP, value, MMHG)


def test_a_stream_that_is_known_keeps_its_own_times():
    """What was understood before differs in number and time only."""
    level = "OBX|1||69854^MDC_DEV_METER_PRESS_BLD_VMD^MDC|1.2.0.0|||||||X|||20261121101200+0900"
    plain = f"OBX|2|NM|{MAP}|1.2.1.3|%d|{MMHG}|||||F"
    rows = decode(
        plain % 60,
        plain % 61,
        plain % 62 + "|||20261121101100+0900",
        level,
        plain % 63,
        plain % 64 + "|||20261121101100+0900",
        plain % 65 + "|||later",
    )[:6]
    assert [(row.value, row.device_time) for row in rows] == [
        (60, "2026-11-21T10:15:00+09:00"),
        (61, "2026-11-21T10:15:00+09:00"),
        (62, "2026-11-21T10:11:00+09:00"),
        (63, "2026-11-21T10:12:00+09:00"),
        (64, "2026-11-21T10:11:00+09:00"),
        (65, None),
    ]


OBX = st.tuples(
    st.sampled_from(["NM", "ST", "", "NA"]),
    st.sampled_from([MAP, "68063^^MDC", "157784^^MDC", "69985^MDC_DEV_PUMP_INFUS_MDS^MDC", "X"]),
    st.sampled_from(["1.2.1.3", "1.2.0.0", ""]),
    st.sampled_from(["63", "64.5", "100", "32767", "-100", "", "6~7", "1,5"]),
    st.sampled_from([MMHG, "263875^MDC_DIM_KILO_G^MDC", "266048^MDC_DIM_CM_H2O^MDC", ""]),
    st.just(""),
    st.sampled_from(["", "QUES", "DEMO"]),
    st.just(""),
    st.just(""),
    st.sampled_from(["R", "X", "W", ""]),
    st.just(""),
    st.just(""),
    st.sampled_from(["", "20261121101100", "noon"]),
    st.just(""),
    st.just(""),
    st.sampled_from(["", "", "MSET"]),
    st.sampled_from(["", "SN1^^1^EUI-64"]),
    st.just(""),
    st.sampled_from(["", "", "^femoral"]),
)


@given(
    st.lists(OBX, max_size=8),
    st.lists(OBX, max_size=8),
    st.sampled_from(["20261121", ""]),
    st.sampled_from(["", "P", "X"]),
)
def test_what_a_message_means_does_not_depend_on_those_before(first, second, time, group):
    def message(observations):
        result = "|" * 18 + group if observations is second else ""
        head = f"MSH|^~\\&|A|B|||1||ORU^R01|1|P|2.6\rOBR|1||||||{time}{result}"
        text = "\r".join([head, *("|".join(["OBX|1", *obx]) for obx in observations)])
        return read(text.encode())

    used, fresh = Reader(DRIVER.settings({})), Reader(DRIVER.settings({}))
    used.rows(message(first))
    assert used.rows(message(second)) == fresh.rows(message(second))


def test_two_channels_of_one_code_stay_apart():
    rows = decode(
        f"OBX|1|NM|{MAP}|1.1.1.3|63|{MMHG}|||||F", f"OBX|2|NM|{MAP}|1.6.3.3|71|{MMHG}|||||F"
    )
    assert [(row.channel, row.value) for row in rows] == [("1.1.1", 63), ("1.6.3", 71)]


def test_time_is_that_of_the_value_else_of_the_device_above_else_of_the_group():
    rows = decode(
        "OBX|1||69854^MDC_DEV_METER_PRESS_BLD_VMD^MDC|1.2.0.0|||||||X|||20261121101200+0900",
        f"OBX|2|NM|{MAP}|1.2.1.3|63|{MMHG}|||||F|||20261121101100+0900",
        f"OBX|3|NM|{MAP}|1.2.1.3|63|{MMHG}|||||F",
        f"OBX|4|NM|{MAP}|1.3.1.3|63|{MMHG}|||||F",
    )
    assert [row.device_time for row in rows] == [
        "2026-11-21T10:11:00+09:00",
        "2026-11-21T10:12:00+09:00",
        "2026-11-21T10:15:00+09:00",
    ]


def test_an_unreadable_time_is_unknown_and_reported():
    reading, fault = decode(f"OBX|2|NM|{MAP}|1.2.1.3|63|{MMHG}|||||F|||yesterday")
    assert isinstance(reading, Reading)
    assert reading.device_time is None
    assert isinstance(fault, Fault)
    assert fault.code == "HL7_TIME"
    assert "yesterday" in fault.reason


def test_a_patient_or_a_device_whose_number_was_truncated_is_none():
    text = (
        "MSH|^~\\&#|GW|ICU|||20261121101503+0900||ORU^R01^ORU_R01|A1|P|2.7\r"
        f"PID|||ICU-4#\rOBX|1|NM|{MAP}||63|{MMHG}|||||R|||||||P24#^x"
    )
    decoder = DRIVER.decoder("mllp", DRIVER.settings({}))
    [row] = [*decoder.feed(text.encode()), *decoder.finish()]
    assert (row.value, row.patient, row.channel) == (63, None, None)


@pytest.mark.parametrize(
    ("pid", "patient"),
    [
        ("PID|||A^^^H~B^^^H", "A"), ("PID||C|^^^H", "C"), ("PID|||\"\"|D", "D"),
        ("PID||| A ^^^H", "A"), ("PID|||A\\T\\B", "A&B"), ("PID|1", None), ("PID|||\"\"", None),
    ],
)  # fmt: skip
def test_the_patient_is_pid_3_else_2_else_4(pid, patient):
    text = "\r".join([HEAD.format("P", "2.3"), pid, "PV1||I| A^1 ", f"OBX|1|NM|{MAP}||63|mmHg"])
    decoder = DRIVER.decoder("mllp", DRIVER.settings({}))
    [row] = [*decoder.feed(text.encode()), *decoder.finish()]
    assert (row.patient, row.bed, row.channel) == (patient, "A^1", None)


def test_a_message_with_its_own_delimiters():
    text = (
        "MSH*!~?&*GW*ICU***20261121101503**ORU!R01*A1*P*2.6\r"
        "OBX*1*SN*150039!MDC_PRESS_BLD_ART_ABP_MEAN!MDC**=!87*266016!MDC_DIM_MMHG!MDC*****F"
    )
    decoder = DRIVER.decoder("mllp", DRIVER.settings({}))
    [row] = [*decoder.feed(text.encode()), *decoder.finish()]
    assert (row.signal, row.value) == ("art_map", 87)
    assert row.source == "150039!MDC_PRESS_BLD_ART_ABP_MEAN!MDC"


def test_a_mindray_bedside_monitor_by_its_numbers():
    rows = decode(
        "OBX||NM|101^HR|2101|60||||||F",
        "OBX||NM|501^Mean|2118|63|mmHg|||||F",
        "OBX||NM|501^Mean|2118|-100||||||F",
        "OBX||NM|501^Mean|2118|63||||||F",
        "OBX||NM|501^Sys|2118|63|mmHg|||||F",
        version="2.3.1",
        control_id="204",
    )
    assert [(row.signal, row.value) for row in rows[:3]] == [
        ("heart_rate", 60),
        ("art_map", 63),
        ("art_map", None),
    ]
    assert all(isinstance(row, Unmapped) for row in rows[3:])


def test_the_pulmonary_artery_of_a_mindray_bedside_monitor():
    """503 to 505 are the pulmonary artery; its phases are named as those of other pressures."""
    sent = [("503", "Sys"), ("504", "Mean"), ("505", "Dia"), ("503", "Mean")]
    rows = decode(
        *(f"OBX||NM|{code}^{label}|2119|17|mmHg|||||F" for code, label in sent),
        version="2.3.1",
        control_id="204",
    )
    assert [getattr(row, "signal", None) for row in rows] == [
        "pap_sys", "pap_map", "pap_dia", None,
    ]  # fmt: skip


def test_a_bare_number_that_a_mindray_monitor_uses_too():
    [row] = decode("OBX||NM|101^Glucose||5.5||||||F", version="2.3.1", control_id="204")
    assert row == Unmapped("101^Glucose", "5.5", None)


def test_a_site_adds_its_own_codes():
    codes = {"LAC^L": "lactate", "150651^MDC": "art_map"}
    assert one("LAC^Lactate^L", "2", "mmol/L", codes=codes).signal == "lactate"
    femoral = "150651^MDC_PRESS_BLD_ART_FEMORAL_MEAN^MDC"
    assert one(femoral, codes=codes).signal == "art_map"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"codes": {"LAC^L": "lactat"}}, "lactat"), ({"codes": {"LAC": "lactate"}}, "LAC"),
        ({"charset": "klingon"}, "klingon"), ({"max_bytes": 0}, "max_bytes"),
        ({"charset": 7}, "charset = 7: a text"), ({"codes": 7}, "codes = 7: a table"),
        ({"period": "60"}, "period"), ({"resend": float("nan")}, "resend"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_used_are_named(options, named):
    for make in (DRIVER.session, lambda given: DRIVER.decoder("mllp", given)):
        with pytest.raises(ConfigError, match=named):
            make(options)
