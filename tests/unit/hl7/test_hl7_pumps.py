"""Infusion pumps over PCD-01 and PCD-10: which flow counts, and what standing still means."""

import pytest

from drivers.hl7.driver import DRIVER
from monitor_daemon.core.vocabulary import Infusion, PumpStatus, Quality, Unmapped

HEAD = (
    "MSH|^~\\&|PUMP_GW^1^EUI-64|V|||20261121100005+0900||ORU^R42^ORU_R01|M1|P|2.6|||AL|NE||UTF-8",
    "PID|||Unknown Patient^Unknown Patient||^^^^^^U",
    "OBR|1|a1|a1|999999^Unknown medication|||20261121100000+0900",
)
MDS = "OBX|1||70053^MDC_DEV_PUMP_INFUS_SYRINGE_MDS^MDC|1.0.0.0|||||||X|||||||P1001^^1^EUI-64"
DELIVERY = "OBX|3||70067^MDC_DEV_PUMP_DELIVERY_INFO^MDC|1.1.1.0|||||||X"
SOURCE = "OBX|6||70071^MDC_DEV_PUMP_INFUSATE_SOURCE_PRIMARY^MDC|1.1.2.0|||||||X"
ML_H = "265266^MDC_DIM_MILLI_L_PER_HR^MDC^mL/h^mL/h^UCUM"
MG_ML = "264306^MDC_DIM_MILLI_G_PER_ML^MDC^mg/mL^mg/mL^UCUM"


def now(rate, flags=""):
    return f"OBX|5|NM|158014^MDC_FLOW_FLUID_PUMP_CURRENT^MDC|1.1.1.2|{rate}|{ML_H}||{flags}|||R"


def programmed(rate, place="1.1.2.5"):
    return f"OBX|8|NM|157784^MDC_FLOW_FLUID_PUMP^MDC|{place}|{rate}|{ML_H}|||||R"


def status(word):
    return f"OBX|4|CWE|184519^MDC_PUMP_INFUSING_STATUS^MDC|1.1.1.1|^pump-status-{word}||||||R"


def reason(word):
    code = "158006^MDC_DEV_PUMP_NOT_DELIVERING_REASON^MDC"
    return f"OBX|9|CWE|{code}|1.1.2.23|^pump-stopped-{word}||||||R"


def event(name):
    return f"OBX|3|CWE|68487^MDC_ATTR_EVT_COND^MDC|1.0.0.3|0^MDC_EVT_PUMP_{name}^MDC||||||R"


def drug(name, place="1.1.2.2"):
    return f"OBX|7|ST|184514^MDC_DRUG_NAME_LABEL^MDC|{place}|{name}||||||R"


def concentration(value, unit=MG_ML):
    return f"OBX|10|NM|157760^MDC_CONC_DRUG^MDC|1.1.2.7|{value}|{unit}|||||R"


def decode(*obx, head=HEAD):
    decoder = DRIVER.decoder("mllp", DRIVER.settings({}))
    return [*decoder.feed("\r".join([*head, *obx]).encode()), *decoder.finish()]


def pump(*obx):
    [row] = decode(MDS, DELIVERY, SOURCE, *obx)
    assert isinstance(row, Infusion)
    return row


def test_what_flows_now_goes_before_what_is_programmed():
    row = pump(status("infusing"), now("5"), programmed("18"), drug("Noradrenaline"))
    assert (row.rate_ml_h, row.status, row.quality) == (5, PumpStatus.RUNNING, Quality.GOOD)
    assert (row.channel, row.drug, row.patient) == ("P1001", "Noradrenaline", "Unknown Patient")


def test_a_programmed_rate_that_outlives_the_end_of_the_infusion():
    row = pump(status("not-infusing"), now("0"), programmed("18"))
    assert (row.rate_ml_h, row.status, row.quality) == (0, PumpStatus.STOPPED, Quality.GOOD)
    assert pump(status("not-infusing"), programmed("18")).rate_ml_h == 0


def test_a_pump_that_stands_and_flows_is_questionable():
    row = pump(status("not-infusing"), now("5"))
    assert (row.rate_ml_h, row.quality) == (5, Quality.QUESTIONABLE)


@pytest.mark.parametrize(
    ("obx", "expected"),
    [
        ([status("infusing")], PumpStatus.RUNNING),
        ([status("paused")], PumpStatus.PAUSED),
        ([status("standby")], PumpStatus.STANDBY),
        ([status("ready")], PumpStatus.STOPPED),
        ([status("kvo")], PumpStatus.KVO),
        ([status("not-infusing"), reason("by-clinician")], PumpStatus.PAUSED),
        ([status("not-infusing"), reason("alarming")], PumpStatus.ALARM),
        ([status("not-infusing"), reason("powered-off")], PumpStatus.OFF),
        ([status("humming")], PumpStatus.UNKNOWN),
        ([], PumpStatus.UNKNOWN),
        ([event("DELIV_START")], PumpStatus.RUNNING),
        ([event("DELIV_STOP")], PumpStatus.STOPPED),
        ([event("DELIV_COMP")], PumpStatus.STOPPED),
        ([event("DELIV_STOP"), status("infusing")], PumpStatus.RUNNING),
    ],
)
def test_status_words_reasons_and_events(obx, expected):
    row = pump(programmed("7"), *obx)
    assert row.status == expected
    at_rest = {"paused", "standby", "stopped", "alarm", "off"}
    # Keeping the vein open has a rate of its own, which this pump does not tell.
    assert row.rate_ml_h == (0 if expected in at_rest else None if expected == "kvo" else 7)


@pytest.mark.parametrize("code", ["184508^MDC_PUMP_STAT^MDC", "0^MDC_DEV_PUMP_STAT^MDC"])
def test_the_older_model_with_its_status_in_component_1(code):
    row = pump(programmed("7"), f"OBX|4|ST|{code}|1.1.1.1|pump-status-infusing||||||R")
    assert row.status == PumpStatus.RUNNING


def test_a_rate_that_is_being_changed_is_no_stop():
    code = "158005^MDC_DEV_PUMP_CURRENT_DELIVERY_STATUS^MDC"
    changing = f"OBX|9|CWE|{code}|1.1.2.22|^pump-delivery-status-transitioning||||||R"
    row = pump(event("DELIV_STOP"), changing, programmed("7"))
    assert (row.status, row.rate_ml_h, row.quality) == (PumpStatus.UNKNOWN, 7, Quality.GOOD)
    stopped = pump(event("DELIV_STOP"), changing, status("not-infusing"), programmed("7"))
    assert (stopped.status, stopped.rate_ml_h) == (PumpStatus.STOPPED, 0)


@pytest.mark.parametrize(
    ("code", "expected"), [("197288", PumpStatus.RUNNING), ("197292", PumpStatus.STOPPED)]
)
def test_an_event_that_has_a_number_and_no_name(code, expected):
    obx = f"OBX|3|CWE|68487^MDC_ATTR_EVT_COND^MDC|1.0.0.3|{code}^^MDC||||||R"
    assert pump(programmed("7"), obx).status == expected


def test_a_bolus_from_another_source_flows_at_the_current_rate_only():
    code = "158016^MDC_DEV_PUMP_ACTIVE_SOURCES^MDC"
    sources = f"OBX|9|CWE|{code}|1.1.1.3|^pump-source-info-clinician||||||R"
    row = pump(status("infusing"), sources, programmed("7"))
    assert (row.status, row.rate_ml_h) == (PumpStatus.BOLUS, None)
    assert pump(status("infusing"), sources, now("200")).rate_ml_h == 200


def test_no_rate_is_not_a_rate_of_zero():
    row = pump(status("infusing"), now("", "NAV"))
    assert (row.rate_ml_h, row.quality) == (None, Quality.NO_VALUE)


@pytest.mark.parametrize("unusable", ["-5", "5,0", "5~6"])
def test_a_current_rate_that_cannot_be_read_is_not_replaced_by_the_programmed_one(unusable):
    infusion, unmapped = decode(
        MDS, DELIVERY, SOURCE, status("infusing"), now(unusable), programmed("18")
    )
    assert (infusion.rate_ml_h, infusion.quality) == (None, Quality.NO_VALUE)
    assert unmapped == Unmapped("158014^MDC_FLOW_FLUID_PUMP_CURRENT^MDC", unusable, ML_H)


@pytest.mark.parametrize("value", ["-100", "^-100", "32767", '""', "---"])
def test_missing_numbers_of_a_pump_are_no_amounts(value):
    numbers = [now(value), concentration(value), drug(value)]
    row = pump(status("infusing"), *(obx.replace("|NM|", "|SN|") for obx in numbers))
    assert (row.rate_ml_h, row.concentration, row.drug) == (None, None, None)


def test_a_source_that_does_not_deliver_in_a_pump_that_runs():
    code = "158005^MDC_PUMP_CURRENT_DELIVERY_STATUS^MDC"
    resting = f"OBX|9|CWE|{code}|1.1.2.22|^pump-delivery-status-not-delivering||||||R"
    row = pump(status("infusing"), programmed("18"), resting)
    assert (row.status, row.rate_ml_h, row.quality) == (
        PumpStatus.RUNNING, None, Quality.NO_VALUE,
    )  # fmt: skip
    assert pump(status("infusing"), now("18"), resting).rate_ml_h == 18


def test_a_status_that_is_withdrawn_or_not_available_says_nothing():
    flagged = status("infusing").replace("||||||R", "|||NAV|||X")
    assert pump(flagged, now("5")).status is PumpStatus.UNKNOWN
    assert pump(status("not-infusing").replace("||R", "||D"), now("5")).rate_ml_h == 5


def test_a_weight_of_zero_is_none():
    code = "68063^MDC_ATTR_PT_WEIGHT^MDC"
    weight = f"OBX|9|NM|{code}|1.1.2.18|0|263875^MDC_DIM_KILO_G^MDC|||||R"
    assert pump(now("5"), weight).weight_kg is None


def test_a_pump_that_names_itself_only_beside_its_values():
    flow = f"OBX|8|NM|157784^MDC_FLOW_FLUID_PUMP^MDC|{{}}|7|{ML_H}|||||R|||||||{{}}^^1^EUI-64"
    rows = decode(flow.format("1.1.1.2", "P7"), flow.format("1.2.1.2", "P8"))
    assert [row.channel for row in rows] == ["P7", "P8"]
    [nameless] = decode(f"OBX|8|NM|157784^MDC_FLOW_FLUID_PUMP^MDC||7|{ML_H}|||||R")
    assert nameless.channel is None


def test_a_pump_in_demonstration_mode():
    row = pump(status("infusing"), now("5", "DEMO"), concentration("0.08"))
    assert (row.quality, row.rate_ml_h, row.concentration) == (Quality.NOT_PATIENT, None, None)


def test_a_concentration_of_zero_is_not_known_and_may_stand_in_the_name():
    row = pump(now("5"), concentration("0"), drug("Noradrenaline"))
    assert (row.concentration, row.concentration_unit) == (None, None)
    row = pump(now("5"), concentration("0"), drug("Norad 4mg/50ml"))
    assert (row.concentration, row.concentration_unit) == (0.08, "mg/mL")
    assert row.concentration_derived is True
    # 4 mg in 5, or in 50: the name was cut (HL7 v2.7 marks that by #).
    assert pump(now("5"), drug("Norad 4mg/5#")).concentration is None
    row = pump(now("5"), concentration("0.16"), drug("Norad 4mg/50ml"))
    assert (row.concentration, row.concentration_derived) == (0.16, None)


def test_a_concentration_in_a_unit_nobody_knows():
    infusion, unmapped = decode(MDS, DELIVERY, SOURCE, now("5"), concentration("8", "drops"))
    assert infusion.concentration is None
    assert unmapped == Unmapped("157760^MDC_CONC_DRUG^MDC", "8", "drops")


def test_the_units_of_vasopressin():
    dose = "OBX|9|NM|157924^MDC_RATE_DOSE^MDC|1.1.2.6|1.8|[iU]/h^[iU]/h^UCUM|||||R"
    row = pump(now("2.25"), dose, concentration("0.8", "267744^MDC_DIM_X_INTL_UNIT_PER_ML^MDC"))
    assert (row.dose, row.dose_unit) == (1.8, "U/h")
    assert (row.concentration, row.concentration_unit) == (0.8, "U/mL")


def test_the_order_names_the_drug_if_the_pump_does_not():
    head = (*HEAD[:2], "OBR|1|a1|a1|2222^Dopamine|||20261121100000+0900")
    [row] = decode(MDS, DELIVERY, SOURCE, now("5"), head=head)
    assert row.drug == "Dopamine"
    assert pump(now("5")).drug is None


def test_units_ucum_first_an_id_in_its_third_component_and_a_weight_at_the_top():
    rows = decode(
        "OBX|1||69985^MDC_DEV_PUMP_INFUS_MDS^MDC|1000002.0.0.0|||||||X|||||N6||^^A0002^PUMPCO",
        "OBX|2||69986^MDC_DEV_PUMP_INFUS_VMD^MDC|1000002.1.0.0|||||||X",
        "OBX|3||126978^MDC_DEV_PUMP_INFUS_CHAN_DELIVERY^MDC|1000002.1.1.0|||||||X",
        "OBX|4||126977^MDC_DEV_PUMP_INFUS_CHAN_SOURCE^MDC|1000002.1.2.0|||||||X",
        "OBX|5|NM|68063^MDC_ATTR_PT_WEIGHT^MDC|1000002.0.0.2|95.0|1731^kg^UCUM^263875^MDC_DIM_X_KILO_G^MDC|||||R",
        "OBX|6|ST|184508^MDC_PUMP_STAT^MDC|1000002.1.1.102|pump-status-infusing||||||R",
        "OBX|7|NM|157784^MDC_FLOW_FLUID_PUMP^MDC|1000002.1.1.103|24.9|3122^mL/h^UCUM^265266^MDC_DIM_MILLI_L_PER_HR^MDC|||||R",
        "OBX|8|NM|157784^MDC_FLOW_FLUID_PUMP^MDC|1000002.1.2.201|24.9|3122^mL/h^UCUM^265266^MDC_DIM_MILLI_L_PER_HR^MDC|||||R",
        "OBX|9|ST|184330^MDC_DRUG_NAME_TYPE^MDC|1000002.1.2.204|DOPamine||||||R",
    )
    [row] = rows
    assert (row.channel, row.drug, row.rate_ml_h, row.weight_kg) == ("A0002", "DOPamine", 24.9, 95)


def test_an_event_message_is_one_pump_with_the_event_at_its_top():
    row = pump(event("DELIV_START"), status("infusing"), now("15.4"), programmed("15.4"))
    assert (row.rate_ml_h, row.status) == (15.4, PumpStatus.RUNNING)


def test_pumps_behind_a_monitor_stay_apart():
    rows = decode(
        "OBX|1||69965^MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS^MDC|1.0.0.0|||||||X|||||||E1^^1^EUI-64",
        programmed("5", "1.37.1.157784"),
        drug("Noradrenaline", "1.37.1.184514"),
        programmed("3", "1.37.2.157784"),
        drug("Vasopressin", "1.37.2.184514"),
    )
    assert [(row.channel, row.drug, row.rate_ml_h) for row in rows] == [
        ("1.37.1", "Noradrenaline", 5),
        ("1.37.2", "Vasopressin", 3),
    ]


def test_two_pumps_in_one_rack_without_ids_of_their_own():
    rows = decode(MDS, programmed("5", "1.1.1.2"), programmed("3", "1.2.1.2"))
    assert [(row.channel, row.rate_ml_h) for row in rows] == [("1.1.0", 5), ("1.2.0", 3)]


def test_the_source_that_delivers_is_the_one_that_counts():
    code = "158005^MDC_DEV_PUMP_CURRENT_DELIVERY_STATUS^MDC"
    delivering = f"OBX|9|CWE|{code}|1.1.3.1|^pump-delivery-status-delivering||||||R"
    second = "OBX|6||0^MDC_DEV_PUMP_INFUSATE_SOURCE_SECONDARY^MDC|1.1.3.0|||||||X"
    row = pump(
        programmed("5"), drug("Saline"), second, delivering,
        programmed("50", "1.1.3.5"), drug("Antibiotic", "1.1.3.2"),
    )  # fmt: skip
    assert (row.drug, row.rate_ml_h, row.status) == ("Antibiotic", 50, PumpStatus.RUNNING)


def test_an_order_to_a_pump_is_no_infusion():
    head = (HEAD[0].replace("ORU^R42^ORU_R01", "RGV^O15^RGV_O15"), *HEAD[1:])
    assert decode(MDS, now("5"), head=head) == []


SECONDARY = "OBX|6||{}|1.1.3.0|||||||X"
LABEL = (
    "OBX|7|CWE|158012^MDC_DEV_PUMP_SOURCE_CHANNEL_LABEL^MDC|1.1.3.1|^pump-source-info-secondary"
    "||||||R"
)
ACTIVE = "OBX|9|CWE|158016^MDC_DEV_PUMP_ACTIVE_SOURCES^MDC|1.1.1.3|^pump-source-info-{}||||||R"


@pytest.mark.parametrize(
    "second",
    [
        [SECONDARY.format("0^MDC_DEV_PUMP_INFUSATE_SOURCE_SECONDARY^MDC")],
        [
            SECONDARY.format("70999^^MDC"),
            LABEL,
        ],
    ],
)
def test_what_flows_is_what_the_active_source_holds(second):
    """The first source stands before it and has a drug; it does not flow."""
    obx = [
        status("infusing"), now("50"), programmed("5"), drug("Norepinephrine"), *second,
        programmed("50", "1.1.3.5"), drug("Antibiotic", "1.1.3.2"),
    ]  # fmt: skip
    row = pump(*obx, ACTIVE.format("secondary"))
    assert (row.drug, row.rate_ml_h) == ("Antibiotic", 50)
    row = pump(*obx, ACTIVE.format("primary"))
    assert row.drug == "Norepinephrine"


def test_a_second_container_that_is_not_described_is_not_the_first():
    head = (*HEAD[:2], "OBR|1|a1|a1|2222^Norepinephrine|||20261121100000+0900")
    row = pump(
        status("infusing"), now("50"), drug("Norepinephrine"), concentration("0.08"),
        ACTIVE.format("secondary"),
    )  # fmt: skip
    assert (row.drug, row.concentration, row.rate_ml_h) == (None, None, 50)
    [row] = decode(
        MDS, DELIVERY, SOURCE, now("50"), drug(""), ACTIVE.format("secondary"), head=head
    )
    assert row.drug is None


def test_a_device_that_a_participation_segment_names():
    """HL7 v2.7 and later: PRT-10 instead of OBX-18; two pumps have the same places."""
    bare = MDS.replace("P1001^^1^EUI-64", "")
    prt = "PRT|1|UC||EQUIP^Equipment^HL70912||||||{}^^1^EUI-64"
    again = "OBR|2|a2|a2|999999^Unknown medication|||20261121100000+0900"
    rows = decode(
        bare, prt.format("P7"), DELIVERY, now("5"), again, prt.format("none"),
        bare, prt.format("P8"), DELIVERY, now("6"),
    )  # fmt: skip
    assert [(row.channel, row.rate_ml_h) for row in rows] == [("P7", 5), ("P8", 6)]
    [row] = decode(MDS, prt.format("P7"), DELIVERY, now("5"))
    assert row.channel == "P1001"


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("Units/hour", "U/h"), ("milliunits/min", "mU/min"), ("ug/(kg.min)", "ug/kg/min"),
     ("mcg/kg/minute", "ug/kg/min"), ("I.E./h", "U/h")],
)  # fmt: skip
def test_words_that_pumps_write_for_units_of_a_dose(unit, expected):
    row = pump(now("5", ""), f"OBX|9|NM|157924^MDC_RATE_DOSE^MDC|1.1.2.6|1.8|{unit}|||||R")
    assert (row.dose, row.dose_unit) == (1.8, expected)


def test_a_rate_an_hour_in_full():
    assert pump(now("5").replace(ML_H, "mL/hour")).rate_ml_h == 5
