"""Laboratory and bedside results: units, when the blood was drawn, corrections, free words."""

import pytest

from drivers.hl7.driver import DRIVER
from monitor_daemon.core.vocabulary import Quality, Reading, Unmapped

ORU = "MSH|^~\\&|LIS|LAB|||202611211105+0900||ORU^R01^ORU_R01|L1|P|2.5.1"
#: OBR-7 drawn at 10:02, OBR-14 received 10:20, OBR-22 reported 11:00.
OBR = (
    "OBR|1|P1|F1|24336-0^Gas panel^LN|||20261121100200+0900|||||||20261121102000+0900||||||||"
    "20261121110000+0900||LAB|F"
)
LACTATE = "2524-7^Lactate^LN"


def decode(*segments):
    decoder = DRIVER.decoder("mllp", DRIVER.settings({}))
    return [*decoder.feed("\r".join(segments).encode()), *decoder.finish()]


def result(code=LACTATE, value="2.1", unit="mmol/L", kind="NM", status="F", flags="", more=""):
    [row] = decode(
        ORU, "PID|||P1", OBR, f"OBX|1|{kind}|{code}||{value}|{unit}||{flags}|||{status}{more}"
    )
    return row


@pytest.mark.parametrize(
    ("code", "value", "unit", "expected"),
    [
        ("2524-7^Lactate^LN", "2.1", "mmol/L", 2.1),
        ("2518-9^Lactate [Moles/volume] in Arterial blood^LN", "2.1", "mmol/l^^UCUM", 2.1),
        ("32693-4^Lactate^LN", "2.1", "266866^MDC_DIM_MILLI_MOLE_PER_L^MDC", 2.1),
        # 90.08 g/mol: 1 mmol/L is 9.008 mg/dL.
        ("59032-3^Lactate^LN", "18.016", "mg/dL", 2.0),
        ("30242-2^Lactate^LN", "27.024", "mg/dL^mg/dL^UCUM", 3.0),
        ("3E010000003127101^LAC^JC10", "9.008", "mg/dl^mg/dL^ISO+", 1.0),
        ("3E010000002227101^LAC^JC10", "9.008", "mg/dL", 1.0),  # plasma
        ("3E010^LAC^JC10", "9.008", "mg/dL", 1.0),
        ("LAC^Lac^L^2524-7^Lactate^LN", "2.1", "mmol/L", 2.1),
    ],
)
def test_lactate_in_either_unit(code, value, unit, expected):
    row = result(code, value, unit)
    assert (row.signal, row.unit, row.quality) == ("lactate", "mmol/L", Quality.GOOD)
    assert row.value == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("code", "unit"),
    [
        ("14804-9^Lactate dehydrogenase^LN", "U/L"),
        ("2524-7^Lactate dehydrogenase^LN", "mmol/L"),  # the right code with the name of another
        ("2520-5^Lactate in CSF^LN", "mmol/L"),
        ("2524-7^Lactate^LN", ""),  # 18 without a unit may be either
        ("2524-7^Lactate^LN", "U/L"),
        ("LAC^Lactate^L", "mmol/L"),  # a local code that no site mapped
        ("3E015000002227101^PYR^JC10", "mg/dL"),
        # JLAC10, characters 10 to 12: urine, cerebrospinal fluid; the name does not say so.
        ("3E010000000127101^\u4e73\u9178^JC10", "mg/dL"),
        ("3E010000004127101^\u4e73\u9178^JC10", "mg/dL"),
        ("3H010000000126101^Na^JLAC10", "mmol/L"),
        ("2524-7^Liquorlaktat^LN", "mmol/L"),
        ("2951-2^Sodium [Moles/volume] in Urine^LN", "mmol/L"),
        # A weight that nobody has.
        ("29463-7^Ideal body weight^LN", "kg"),
        ("29463-7^Predicted body weight^LN", "kg"),
        ("3141-9^Birth weight^LN", "kg"),
    ],
)
def test_what_is_not_what_its_code_or_its_name_says(code, unit):
    assert result(code, unit=unit) == Unmapped(code, "2.1", unit or None)


def test_sodium_in_mmol_and_in_milliequivalents():
    assert result("2951-2^Sodium^LN", "142", "mmol/L").value == 142
    assert result("2951-2^Sodium^LN", "142", "mEq/L").value == 142  # one charge


@pytest.mark.parametrize(
    ("value", "unit"), [("88.4", "umol/L"), ("88.4", "µmol/l"), ("1", "mg/dL")]
)
def test_creatinine(value, unit):
    row = result("2160-0^Creatinine^LN", value, unit)
    assert row.signal == "creatinine"
    assert row.value == pytest.approx(88.4, abs=0.01)  # 113.12 g/mol


def test_the_time_is_when_the_blood_was_drawn_and_not_when_it_was_filed():
    assert result().device_time == "2026-11-21T10:02:00+09:00"
    assert result(more="|||20261121100100+0900").device_time == "2026-11-21T10:01:00+09:00"


def test_a_specimen_ahead_of_its_order_tells_when_it_was_taken():
    spm = "SPM|{}|||BLDA^Arterial blood^HL70487|||||||||||||{}"
    rows = decode(
        ORU.replace("ORU^R01^ORU_R01", "OUL^R22^OUL_R22"),
        "PID|||P1",
        spm.format(1, "20261121100200+0900^20261121100300+0900"),
        "OBR|1|||24336-0^Gas panel^LN",
        f"OBX|1|NM|{LACTATE}||2.1|mmol/L|||||F",
        spm.format(2, "20261121110200+0900"),
        "OBR|2|||24336-0^Gas panel^LN|||20261121110100+0900",
        f"OBX|1|NM|{LACTATE}||1.8|mmol/L|||||F",
    )
    assert [(row.value, row.device_time) for row in rows] == [
        (2.1, "2026-11-21T10:02:00+09:00"),
        (1.8, "2026-11-21T11:01:00+09:00"),  # OBR-7 goes before SPM-17
    ]


def test_in_other_messages_a_specimen_comes_after_and_changes_nothing():
    spm = "SPM|1|||BLDA|||||||||||||20261121100200+0900"
    rows = decode(ORU, "PID|||P1", spm, "OBR|1|||X", f"OBX|1|NM|{LACTATE}||2.1|mmol/L|||||F")
    assert rows[0].device_time is None


@pytest.mark.parametrize(
    ("status", "quality", "value"),
    [
        ("F", Quality.GOOD, 2.1),
        ("C", Quality.GOOD, 2.1),  # replaces the earlier one, at the same time
        ("D", Quality.NO_VALUE, None),
        ("W", Quality.NOT_PATIENT, None),  # it was another patient's
        ("X", Quality.GOOD, 2.1),
        ("P", Quality.QUESTIONABLE, 2.1),
        ("S", Quality.NO_VALUE, None),
    ],
)
def test_corrected_deleted_and_preliminary_results(status, quality, value):
    row = result(status=status)
    assert (row.quality, row.value) == (quality, value)
    assert row.unvalidated == (True if status == "X" else None)
    assert row.device_time == "2026-11-21T10:02:00+09:00"


@pytest.mark.parametrize(
    ("group", "quality"),
    [("P", Quality.QUESTIONABLE), ("X", Quality.NO_VALUE), ("I", Quality.NO_VALUE),
     ("F", Quality.GOOD), ("", Quality.GOOD)],
)  # fmt: skip
def test_the_status_of_the_group_counts_where_a_result_has_none(group, quality):
    obr = OBR.removesuffix("F") + group
    for status in ("", "F"):
        for before in ([], [f"OBX|1|NM|{LACTATE}||2|mmol/L|||||F"]):
            result = f"OBX|1|NM|{LACTATE}||2.1|mmol/L|||||{status}"
            row = decode(ORU, "PID|||P1", OBR, *before, obr, result)[-1]
            assert row.quality is (Quality.GOOD if status else quality)


def test_a_result_that_cannot_be_obtained():
    row = result(value="", status="X")
    assert (row.signal, row.value, row.quality) == ("lactate", None, Quality.NO_VALUE)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("SN", "<^0.5"), ("SN", ">=^15"), ("ST", "<0.5"), ("NM", "1,926"), ("NM", "5,4"),
     ("SN", "^1^-^2"), ("ST", "see comment"), ("CWE", "260385009^Negative^SCT")],
)  # fmt: skip
def test_qualifiers_and_commas_are_kept_and_not_guessed(kind, value):
    assert result(value=value, kind=kind) == Unmapped(LACTATE, value, "mmol/L")


@pytest.mark.parametrize(
    ("code", "kind", "value", "unit", "signal", "expected"),
    [
        ("44963-7^Capillary refill [Time]^LN", "NM", "3.5", "s", "crt", 3.5),
        ("44963-7^Capillary refill [Time]^LN", "SN", "=^4", "sec", "crt", 4),
        ("29463-7^Body weight^LN", "NM", "71.5", "kg", "weight", 71.5),
        ("3141-9^Body weight Measured^LN", "NM", "150", "[lb_av]^lb^UCUM", "weight", 68.0389),
        ("8302-2^Body height^LN", "NM", "1.75", "m", "height", 175),
        ("60985-9^Central venous pressure (CVP)^LN", "NM", "9", "mm[Hg]", "cvp", 9),
        ("8751-0^Cardiac index^LN", "NM", "2.4", "L/min/m2", "cardiac_index", 2.4),
        ("8751-0^Cardiac index^LN", "NM", "2.4", "L/min/m\\S\\2", "cardiac_index", 2.4),
    ],
)
def test_bedside_observations(code, kind, value, unit, signal, expected):
    row = result(code, value, unit, kind)
    assert (row.signal, row.value) == (signal, pytest.approx(expected, abs=1e-4))


@pytest.mark.parametrize("value", ["<^2", "brisk", "<2"])
def test_a_refill_time_in_words_is_shown_and_not_judged(value):
    row = result("44963-7^Capillary refill [Time]^LN", value, "s", "SN" if "^" in value else "ST")
    assert row == Unmapped("44963-7^Capillary refill [Time]^LN", value, "s")


def test_an_analyser_without_containment_is_told_by_its_serial_number():
    row = result(more="|||||||ABL90-4711^Radiometer^^DNS")
    assert isinstance(row, Reading)
    assert row.channel == "ABL90-4711"
    assert result().channel is None
