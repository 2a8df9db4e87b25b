"""How far a value may be trusted: flags, status, method, place; what is no measurement at all."""

import pytest

from drivers.hl7.driver import DRIVER
from monitor_daemon.core.vocabulary import Quality, Unmapped

MAP = "150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC"
MMHG = "266016^MDC_DIM_MMHG^MDC"


def decode(*segments, processing="P", **options):
    head = f"MSH|^~\\&|GW|ICU|||20261121101503+0900||ORU^R01^ORU_R01|A1|{processing}|2.6"
    text = "\r".join([head, "PID|||P1", "PV1||I|B1", "OBR|1|||X|||20261121101500+0900", *segments])
    decoder = DRIVER.decoder("mllp", DRIVER.settings(options))
    return [*decoder.feed(text.encode()), *decoder.finish()]


def one(flags="", status="F", **more):
    [row] = decode(f"OBX|1|NM|{MAP}|1.2.1.3|63|{MMHG}||{flags}|||{status}", **more)
    return row


@pytest.mark.parametrize(
    ("flags", "status", "quality"),
    [
        ("", "R", Quality.GOOD), ("", "F", Quality.GOOD), ("", "C", Quality.GOOD),
        ("", "", Quality.GOOD), ("H~PM~SP~ALACT", "F", Quality.GOOD), ("BUSY", "R", Quality.GOOD),
        ("BUSY", "X", Quality.QUESTIONABLE), ("QUES", "R", Quality.QUESTIONABLE),
        ("EARLY", "R", Quality.QUESTIONABLE), ("", "P", Quality.QUESTIONABLE),
        ("INV", "X", Quality.NO_VALUE), ("NAV", "R", Quality.NO_VALUE),
        ("OFF", "R", Quality.NO_VALUE),
        ("", "D", Quality.NO_VALUE), ("", "S", Quality.NO_VALUE), ("", "N", Quality.NO_VALUE),
        (">", "F", Quality.QUESTIONABLE), ("H~<", "F", Quality.QUESTIONABLE),
        ("CAL", "R", Quality.CALIBRATING), ("QUES~CAL", "R", Quality.CALIBRATING),
        ("DEMO", "F", Quality.NOT_PATIENT), ("INV~TEST", "X", Quality.NOT_PATIENT),
        ("", "W", Quality.NOT_PATIENT), ("CAL", "W", Quality.NOT_PATIENT),
    ],
)  # fmt: skip
def test_validity_flags_and_result_status(flags, status, quality):
    row = one(flags=flags, status=status)
    assert row.quality == quality
    assert row.value == (63.0 if quality in {Quality.GOOD, Quality.QUESTIONABLE} else None)


@pytest.mark.parametrize("method", ["MSET^manual-setting^MDC", "ASET", "^auto^x~rset^^MDC"])
def test_what_was_set_is_no_measurement(method):
    def obx(code, unit, obx17):
        return f"OBX|1|NM|{code}|1.2.1.3|70|{unit}|||||R||||||{obx17}"

    for before in ([], [obx(MAP, MMHG, "")]):
        assert decode(*before, obx(MAP, MMHG, method))[-1] == Unmapped(MAP, "70", MMHG)
    weight = "29463-7^Body weight^LN"
    assert decode(obx(weight, "kg", method))[0].value == 70  # always entered by somebody
    for measured in ("AMEAS^auto-measurement^MDC", "MMEAS", "ACALC", ""):
        assert decode(obx(MAP, MMHG, measured))[0].value == 70


@pytest.mark.parametrize(
    ("site", "counts"),
    [
        ("7657000^Femoral artery^SCT", False), ("^Left FEMORAL artery", False),
        ("50018008^Umbilical artery^SCT", False), ("368209003^Right upper arm^SCT", True),
        ("45631007^Radial artery^SCT", True), ("", True),
    ],
)  # fmt: skip
def test_the_place_of_the_line_in_obx_20(site, counts):
    obx = f"OBX|1|NM|{MAP}|1.2.1.3|70|{MMHG}|||||R|||||||||{site}"
    for before in ([], [f"OBX|1|NM|{MAP}|1.2.1.3|71|{MMHG}|||||R"]):
        row = decode(*before, obx)[-1]
        assert (row.value == 70) if counts else row == Unmapped(MAP, "70", MMHG)
    assert decode(obx, codes={"150039^MDC": "art_map"})[0].value == 70
    cuff = obx.replace(MAP, "150023^MDC_PRESS_BLD_NONINV_MEAN^MDC")
    assert decode(cuff)[0].signal == "nibp_map"


@pytest.mark.parametrize("processing", ["T", "D", "T^A"])
def test_training_and_debugging_messages_are_not_about_a_patient(processing):
    row = one(processing=processing)
    assert (row.quality, row.value) == (Quality.NOT_PATIENT, None)


@pytest.mark.parametrize("kind", ["NA", "MA", "ED"])
def test_waveforms_and_documents_give_no_row(kind):
    assert decode(f"OBX|1|{kind}|150036^MDC_PRESS_BLD_ART_ABP^MDC|1.2.1.1|1^2^3|{MMHG}|||||F") == []
