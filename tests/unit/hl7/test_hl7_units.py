"""Conversions against factors of their own, in exact fractions; nothing is invented on the way."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.hl7.driver import DRIVER
from drivers.hl7.units import conversion, unit_of
from monitor_daemon.core.vocabulary import Reading, Row, Unmapped

CMH2O = Fraction("98.0665") / Fraction("133.322387415")  # pascal in each
KPA = 1000 / Fraction("133.322387415")
POUND = Fraction("0.45359237")  # the international pound
LACTIC = 10 / Fraction("90.08")  # mg/dL to mg/L, by the molar mass of lactic acid

#: OBX-3, OBX-6, factor, offset, signal: a table of its own, not that of the program.
WIRE = [
    ("150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC", "266016^MDC_DIM_MMHG^MDC", 1, 0, "art_map"),
    ("150035^MDC_PRESS_BLD_ART_MEAN^MDC", "266048^MDC_DIM_CM_H2O^MDC", CMH2O, 0, "art_map"),
    ("76214-6^MAP^LN", "kPa^kPa^UCUM", KPA, 0, "art_map"),
    ("150087^MDC_PRESS_BLD_VEN_CENT_MEAN^MDC", "cm[H2O]", CMH2O, 0, "cvp"),
    ("150023^MDC_PRESS_BLD_NONINV_MEAN^MDC", "mm[Hg]^mm[Hg]^UCUM", 1, 0, "nibp_map"),
    ("147842^MDC_ECG_HEART_RATE^MDC", "264864^MDC_DIM_BEAT_PER_MIN^MDC", 1, 0, "heart_rate"),
    ("150456^MDC_PULS_OXIM_SAT_O2^MDC", "%", 1, 0, "spo2"),
    ("150368^MDC_TEMP_CORE^MDC", "266560^MDC_DIM_FAHR^MDC", Fraction(5, 9), Fraction(-160, 9),
     "temperature"),
    ("150276^MDC_OUTPUT_CARD^MDC", "mL/min", Fraction(1, 1000), 0, "cardiac_output"),
    ("149772^MDC_OUTPUT_CARD_INDEX^MDC", "L/min/m^2", 1, 0, "cardiac_index"),
    ("2524-7^Lactate^LN", "mg/dL", LACTIC, 0, "lactate"),
    ("44963-7^CRT^LN", "ms", Fraction(1, 1000), 0, "crt"),
    ("29463-7^Weight^LN", "[lb_av]", POUND, 0, "weight"),
    ("29463-7^Weight^LN", "pounds", POUND, 0, "weight"),
    ("29463-7^Weight^LN", "[oz_av]^oz^UCUM", POUND / 16, 0, "weight"),
    ("29463-7^Weight^LN", "kilograms", 1, 0, "weight"),
    ("44963-7^CRT^LN", "seconds", 1, 0, "crt"),
    ("2524-7^Lactate^LN", "mEq/L", 1, 0, "lactate"),  # one charge
    ("2951-2^Natrium^LN", "mval/l", 1, 0, "sodium"),
    ("8867-4^HR^LN", "beats/minute", 1, 0, "heart_rate"),
    ("8751-0^CI^LN", "L/(min.m2)", 1, 0, "cardiac_index"),
    ("150312^MDC_RES_VASC_SYS^MDC", "dyn\u00b7s/cm5", 1, 0, "svr"),
    ("8302-2^Height^LN", "[in_i]", Fraction("2.54"), 0, "height"),
]  # fmt: skip


def decode(*obx):
    head = "MSH|^~\\&|A|B|||20261121||ORU^R01^ORU_R01|1|P|2.6"
    decoder = DRIVER.decoder("mllp", DRIVER.settings({}))
    return [*decoder.feed("\r".join([head, "OBR|1||||||20261121", *obx]).encode()),
            *decoder.finish()]  # fmt: skip


@given(
    st.lists(
        st.tuples(st.sampled_from(WIRE), st.decimals("0", "999", places=2), st.sampled_from("RFX")),
        min_size=1,
        max_size=12,
    )
)
def test_every_number_is_that_of_the_wire_in_the_unit_of_the_signal(sent):
    rows = decode(
        *(
            f"OBX|{n}|NM|{code}|1.{n}.1.1|{value}|{unit}|||||{status}"
            for n, ((code, unit, *_), value, status) in enumerate(sent)
        )
    )
    assert len(rows) == len(sent)
    for row, ((_, _, factor, offset, signal), value, status) in zip(rows, sent, strict=True):
        assert row.signal == signal
        assert row.value == pytest.approx(float(Fraction(value) * factor + offset), abs=6e-5)
        assert row.unvalidated == (True if status == "X" else None)


TEXTS = st.text(alphabet='0123456789.,-+<>=~^ eE#"/%', max_size=8)


@given(st.sampled_from(WIRE), st.sampled_from(["NM", "ST", "SN", "TX", "CWE", "", "NA"]), TEXTS)
def test_no_number_comes_out_that_does_not_stand_in_the_field(wire, kind, text):
    code, unit, factor, offset, _ = wire
    for row in decode(f"OBX|1|{kind}|{code}|1.1.1.1|{text}|{unit}|||||F"):
        assert isinstance(row, Row)
        if isinstance(row, Reading) and row.value is not None:
            parts = [part.strip() for part in text.split("^")]
            numbers = [Fraction(p.rstrip(".") or "0") for p in parts if p not in {"", "="}]
            [number] = numbers
            assert row.value == pytest.approx(float(number * factor + offset), abs=6e-5)


@pytest.mark.parametrize(
    "value", ["1,926", "5,4", "1 926", "1'926", "1.926,5", "12e3", "0x41", "½", "٦٣", "6·3", "1_0"]
)
def test_separators_that_may_mean_two_things_are_refused(value):
    code, unit = WIRE[0][:2]
    assert decode(f"OBX|1|NM|{code}|1.1.1.1|{value}|{unit}|||||F") == [Unmapped(code, value, unit)]


@pytest.mark.parametrize(
    ("obx6", "unit"),
    [
        ("3122^mL/h^UCUM^265266^MDC_DIM_MILLI_L_PER_HR^MDC", "mL/h"),
        ("265619^MDC_DIM_MICRO_G_PER_KG_PER_MIN^MDC^ug/kg/min^ug/kg/min^UCUM", "ug/kg/min"),
        ("µg/kg/min", "ug/kg/min"),
        ("mcg/kg/min", "ug/kg/min"),
        ("UI/h", "U/h"),
        ("[iU]/min", "U/min"),
        ("mIE/min", "mU/min"),
        ("cel^℃^ISO+", "degC"),
        ("L/min/m\\S\\2", "L/min/m2"),
        ("0004-0f20^mmHg^MDIL", "mmHg"),
        ("3872^MDC_DIM_MMHG^MDC", "mmHg"),  # the term without its partition
        ("mm(hg)^mmHg^ ISO+", "mmHg"),
    ],
)
def test_spellings_of_units(obx6, unit):
    assert unit_of(obx6) == unit


@pytest.mark.parametrize(
    "obx6",
    [
        "266016^cmH2O^MDC",
        "266016^MDC_DIM_MMHG^MDC^cm[H2O]^^UCUM",
        "mm[Hg]^cm[H2O]^UCUM",
        "0004-0f20^kPa^MDIL",
        "264819^MDC_DIM_MMHG^MDC",
        "furlong",
    ],
)
def test_a_unit_that_contradicts_itself_converts_to_nothing(obx6):
    assert conversion("art_map", obx6) is None
