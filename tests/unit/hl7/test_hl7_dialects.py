"""How single manufacturers' gateways send: composed messages in the shape of published ones."""

import pytest

from drivers.hl7.driver import DRIVER
from monitor_daemon.core.vocabulary import Alarm, Quality, Reading, Unmapped

MMHG = "266016^MDC_DIM_MMHG^MDC"


def decode(*segments, **options):
    decoder = DRIVER.decoder("mllp", DRIVER.settings(options))
    return [*decoder.feed("\r".join(segments).encode()), *decoder.finish()]


def values(rows):
    return [(row.signal, row.value) for row in rows if isinstance(row, Reading)]


def test_ge_vsp_art_and_a_generic_channel():
    rows = decode(
        "MSH|^~\\&|VSP^080019FFFE000001^EUI-64|GE Healthcare|||20261121101500||"
        "ORU^R01^ORU_R01|1|P|2.6|||NE|AL||UNICODE UTF-8",
        "PID|||X1",
        "PV1||I|ICU^^7",
        "OBR|1|1^VSP|1^VSP|182777000^monitoring of patient^SCT|||20261121101500",
        "OBX|1||69965^MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS^MDC|1.0.0.0|||||||X|||||||080019FFFE000001^B1X5_GE",
        "OBX|2||69854^MDC_DEV_METER_PRESS_BLD_VMD^MDC|1.13.0.0|||||||X",
        "OBX|3||69855^MDC_DEV_METER_PRESS_BLD_CHAN^MDC|1.13.1.0|||||||X",
        f"OBX|4|NM|150033^MDC_PRESS_BLD_ART_SYS^MDC|1.13.1.1|112|{MMHG}|||||R",
        f"OBX|5|NM|150034^MDC_PRESS_BLD_ART_DIA^MDC|1.13.1.2|54|{MMHG}|||||R",
        f"OBX|6|NM|150035^MDC_PRESS_BLD_ART_MEAN^MDC|1.13.1.3|72|{MMHG}|||||R",
        "OBX|7|NM|149522^MDC_BLD_PULS_RATE_INV^MDC|1.13.1.4|91|264864^MDC_DIM_BEAT_PER_MIN^MDC|||||R",
        f"OBX|8|NM|150019^MDC_PRESS_BLD_MEAN^MDC|1.13.2.3|14|{MMHG}|||||R",
        "OBX|9|NM|149772^MDC_OUTPUT_CARD_INDEX^MDC|1.14.1.2|2.6|264992^MDC_DIM_L_PER_MIN_PER_M_SQ^MDC|||||R",
    )
    assert values(rows) == [
        ("art_sys", 112), ("art_dia", 54), ("art_map", 72), ("pulse_rate", 91),
        ("cardiac_index", 2.6),
    ]  # fmt: skip
    assert rows[4] == Unmapped("150019^MDC_PRESS_BLD_MEAN^MDC", "14", MMHG)
    assert (rows[2].channel, rows[2].device_time) == ("1.13.1", "2026-11-21T10:15:00")


def test_mindray_egateway_the_same_mean_twice_and_a_private_code():
    time = "20261121101500.0000+0800"
    rows = decode(
        "MSH|^~\\&|MINDRAY_EGATEWAY^00A037FFFE000001^EUI-64|MINDRAY|||20261121101501.0000+0800||"
        "ORU^R01^ORU_R01|77|P|2.6|||AL|NE||UNICODE UTF-8",
        "PID|||M7^^^Hospital^PI",
        "PV1||I|ICU^^12",
        f"OBR|1|7|7|182777000^monitoring of patient^SCT|||{time}",
        f"OBX|1|NM|150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC|1.1.1.150039|71|{MMHG}|||||R|||{time}",
        f"OBX|2|NM|150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC|1.6.3.150039|69|{MMHG}|||||R|||{time}",
        "OBX|3|NM|378^MNDRY_OUTPUT_CARD_INDEX_CTS^99MNDRY|1.6.2.378|2.9|264992^MDC_DIM_L_PER_MIN_PER_M_SQ^MDC"
        f"|||||R|||{time}",
        "OBX|4|NM|587^MNDRY_PPV^99MNDRY|1.1.1.587|9|262688^MDC_DIM_PERCENT^MDC|||||R",
        f"OBX|5|NM|150087^MDC_PRESS_BLD_VEN_CENT_MEAN^MDC|1.1.2.150087|8|{MMHG}||DEMO|||R|||{time}",
    )
    assert [(r.signal, r.value, r.channel, r.quality) for r in rows if isinstance(r, Reading)] == [
        ("art_map", 71, "1.1.1", Quality.GOOD),
        ("art_map", 69, "1.6.3", Quality.GOOD),
        ("cardiac_index", 2.9, "1.6.2", Quality.GOOD),
        ("cvp", None, "1.1.2", Quality.NOT_PATIENT),
    ]
    assert rows[0].device_time == "2026-11-21T10:15:00+08:00"
    assert rows[3] == Unmapped("587^MNDRY_PPV^99MNDRY", "9", "262688^MDC_DIM_PERCENT^MDC")


def test_mindray_pds_by_number_and_its_heartbeat():
    head = "MSH|^~\\&|||||||ORU^R01|{}|P|2.3.1|"
    assert decode(head.format("106")) == []
    rows = decode(
        head.format("204"),
        "PID|||PDS1",
        "PV1||I|^^ICU&3&0",
        "OBR||||Mindray Monitor|||20261121101500",
        "OBX||NM|101^HR|2101|88||||||F",
        "OBX||NM|500^Sys|2118|109|mmHg|||||F",
        "OBX||NM|501^Mean|2118|70|mmHg|||||F",
        "OBX||NM|502^Dia|2118|51|mmHg|||||F",
        "OBX||NM|172^Mean|2105|66|mmHg|||||F",
        "OBX||NM|160^SpO2|2103|-100||||||F",
        "OBX||NM|605^Mean|2119|9|mmHg|||||F",
    )
    assert values(rows) == [
        ("heart_rate", 88), ("art_sys", 109), ("art_map", 70), ("art_dia", 51), ("nibp_map", 66),
        ("spo2", None),
    ]  # fmt: skip
    assert rows[5].quality is Quality.NO_VALUE
    assert rows[6] == Unmapped("605^Mean", "9", "mmHg")  # two sources disagree about the CVP


def test_philips_information_centre_in_mdil():
    rows = decode(
        "MSH|^~\\&|||||||ORU^R01|HP20261121101500|P|2.2||||||8859/1",
        "PID|||MR1||X^Y",
        "PV1||I|^^BED3&0&0",
        "OBR|||||||20261121101500",
        "OBX||NM|0002-4182^HR^MDIL|0|92|0004-0aa0^bpm^MDIL|||||F",
        "OBX||NM|0002-4a15^ABPs^MDIL|0|118|0004-0f20^mmHg^MDIL|||||F",
        "OBX||NM|0002-4a16^ABPd^MDIL|0|58|0004-0f20^mmHg^MDIL|||||F",
        "OBX||NM|0002-4a17^ABPm^MDIL|0|78|0004-0f20^mmHg^MDIL|||||F",
        "OBX||NM|0002-4a07^NBPm^MDIL|0|74|0004-0f20^mmHg^MDIL|||||F",
        "OBX||NM|0002-4bb8^SpO2^MDIL|0|97|0004-0220^%^MDIL|||||F",
        "OBX||NM|0002-4bb8^etCO2^MDIL|0|36|0004-0220^%^MDIL|||||F",
        "OBX||NM|0002-4a17^ABPm^MDIL|0|10|0004-0f20^kPa^MDIL|||||F",
        "OBX||ST|2^Yellow Alarm^MDIL-ALERT|0|** ABPm LOW||||||F",
        "OBX||ST|5^HardInop^MDIL-ALERT|0|ABP TRANSDUC MALF||||||F",
    )
    assert values(rows) == [
        ("heart_rate", 92), ("art_sys", 118), ("art_dia", 58), ("art_map", 78), ("nibp_map", 74),
        ("spo2", 97),
    ]  # fmt: skip
    assert [row.source for row in rows if isinstance(row, Unmapped)] == [
        "0002-4bb8^etCO2^MDIL",  # the number is the saturation's
        "0002-4a17^ABPm^MDIL",  # the unit contradicts itself
    ]
    alarms = [row for row in rows if isinstance(row, Alarm)]
    assert [(row.code, row.text) for row in alarms] == [
        ("2^Yellow Alarm^MDIL-ALERT", "** ABPm LOW"),
        ("5^HardInop^MDIL-ALERT", "ABP TRANSDUC MALF"),
    ]
    assert {(row.bed, row.patient, row.device_time) for row in alarms} == {
        ("^^BED3&0&0", "MR1", "2026-11-21T10:15:00")
    }


def test_draeger_gateway_with_local_names_and_structured_numbers():
    rows = decode(
        "MSH|^~\\&|INFINITY|DRAEGER|||20261121101500||ORU^R01|1|P|2.3",
        "PID|||D1",
        "PV1||I|CARE1^^BED2",
        "OBR|1|||VITAL|||20261121101500",
        "OBX|1|SN|ART M^^local^8478-0&1^^LOINC||=^87|mm(hg)^^ISO+|||||R",
        "OBX|2|SN|HR^^local^8867-4&1^^LOINC||^101|/min^^ISO+|||||R",
        "OBX|3|ST|CVP^^local^8591-0&1^^LOINC||.....|mm(hg)^^ISO+|||||X",
    )
    assert values(rows) == [("art_map", 87), ("heart_rate", 101), ("cvp", None)]


def test_nihon_kohden_by_code_and_label():
    rows = decode(
        "MSH|^~\\&|NIHON KOHDEN|NIHON KOHDEN|||20261121101500||ORU^R01|1|P|2.4|||NE|AL",
        "PID|||N1",
        "PV1||I|^^BED5^192.0.2.7:1",
        "OBR|1|||VITAL|||20261121101500",
        "OBX|1|NM|001000^VITAL HR||78|/min|||||F|||20261121101459",
        "OBX|2|NM|009002^NIBP MEAN||81|mmHg|||||F|||20261121095500",
        "OBX|3|NM|009002^VITAL HR||81|mmHg|||||F",
        "OBX|4|NM|058000^VITAL ICP(S)||12|mmHg|||||F",
    )
    assert values(rows) == [("heart_rate", 78), ("nibp_map", 81)]
    assert rows[1].device_time == "2026-11-21T09:55:00"
    assert [row.source for row in rows[2:]] == ["009002^VITAL HR", "058000^VITAL ICP(S)"]


@pytest.mark.parametrize("kind", ["NA", "MA", "ED", "RP", " NA", "na "])
def test_a_wave_beside_its_mean_is_never_taken_for_it(kind):
    rows = decode(
        "MSH|^~\\&|GW|H|||20261121101500+0900||ORU^R01^ORU_R01|1|P|2.6",
        "OBR|1||||||20261121101500+0900|20261121101501+0900",
        f"OBX|1|{kind}|150036^MDC_PRESS_BLD_ART_ABP^MDC|1.2.1.150036|62^88^71^60|{MMHG}|||||R",
        f"OBX|2|{kind}|150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC|1.2.1.150039|62^88|{MMHG}|||||R",
        f"OBX|3|NM|150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC|1.2.1.150039|71|{MMHG}|||||R",
    )
    assert values(rows) == [("art_map", 71)]
    assert len(rows) == 1


def test_one_sample_of_a_wave_is_no_mean_either():
    code = "150036^MDC_PRESS_BLD_ART_ABP^MDC"
    rows = decode("MSH|^~\\&|A|B|||1||ORU^R01|1|P|2.6", f"OBX|1|NM|{code}|1.2.1.1|88|{MMHG}")
    assert rows == [Unmapped(code, "88", MMHG)]
