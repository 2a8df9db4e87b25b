"""Fields that say nothing in so many words: `""`, zeros for a time, a precision behind it."""

import pytest

from drivers.hl7.driver import DRIVER
from monitor_daemon.core.vocabulary import Quality, Unmapped

HEAD = "MSH|^~\\&|GW|ICU|||20261121101503+0900||ORU^R01^ORU_R01|A1|P|2.6"
MAP = "150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC"
MMHG = "266016^MDC_DIM_MMHG^MDC"


def decode(*segments, head=HEAD):
    text = "\r".join([head, "PID|||P1", "OBR|1|||X|||20261121101500+0900", *segments])
    decoder = DRIVER.decoder("mllp", DRIVER.settings({}))
    return [*decoder.feed(text.encode()), *decoder.finish()]


def one(code, value, unit):
    [row] = decode(f"OBX|1|NM|{code}|1.2.1.3|{value}|{unit}|||||F")
    return row


NULL = '""'


@pytest.mark.parametrize("number", [4, 7, 8, 11, 14, 16, 17, 18, 20])
def test_a_null_in_any_field_says_no_more_than_an_empty_one(number):
    """It deletes what is known (HL7 v2.9, 2.5.3); some gateways write it for all that is empty."""
    fields = f"OBX|1|NM|{MAP}||63|{MMHG}|||||F".split("|") + [""] * 10
    fields[number] = ""
    [row] = decode("|".join(fields))
    fields[number] = NULL
    assert decode("|".join(fields)) == [row]
    assert (row.value, row.quality) == (63, Quality.GOOD)
    assert row.device_time == "2026-11-21T10:15:00+09:00"


def test_a_saturation_with_a_null_for_its_unit_and_a_value_that_is_null():
    assert one("150456^MDC_PULS_OXIM_SAT_O2^MDC", "97", NULL).value == 97
    assert one(MAP, NULL, MMHG).quality is Quality.NO_VALUE
    assert one("4711^X^L", NULL, NULL) == Unmapped("4711^X^L", NULL, None)


@pytest.mark.parametrize("time", [NULL, "0", "00000000000000"])
def test_a_time_of_nothing_is_no_time_and_no_fault(time):
    level = f"OBX|1||69854^MDC_DEV_METER_PRESS_BLD_VMD^MDC|1.2.0.0|||||||X|||{time}"
    value = f"OBX|2|NM|{MAP}|1.2.1.3|63|{MMHG}|||||F|||{time}"
    [row] = decode(level, value)
    assert row.device_time == "2026-11-21T10:15:00+09:00"
    [row] = decode(f"OBR|2||||||{time}", value)
    assert row.device_time is None


def test_a_precision_stands_behind_the_component_separator_of_the_message():
    [row] = decode(
        "OBR|1||||||202611211002$M",
        "OBX|1|NM|2524-7$L$LN||2|mmol/L|||||F|||2026112110$H",
        head=HEAD.replace("^", "$"),
    )
    assert row.device_time == "2026-11-21T10:00:00"
