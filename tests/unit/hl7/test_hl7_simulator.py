"""The simulated gateway: one message in flight, the same bytes again, one round a period."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import drivers.hl7
from drivers.hl7.driver import DRIVER
from drivers.kit.contract import Message
from drivers.kit.playback import BedState, PumpState, SimClock
from monitor_daemon.core.vocabulary import Infusion, PumpStatus
from monitor_daemon.hl7.mllp import framed


class TwoBeds:
    """MAP is 60 + the minute in bed A, 80 in bed B; C is not connected."""

    length = 180.0

    def at(self, elapsed):
        return [
            BedState("ICU^1^A", {"art_map": 60 + elapsed / 60, "art_sys": 100, "spo2": 97.25}, ()),
            BedState("ICU^1^B", {"art_map": 80.0}, ()),
            BedState("ICU^1^C", {}, ()),
        ]


#: 0.08 mg/mL x 5 mL/h / 70 kg / 60 min = 0.0952 ug/kg/min.
NORADRENALINE = PumpState(
    channel="P1001",
    drug="Noradrenaline",
    rate_ml_h=5.0,
    concentration=0.08,
    concentration_unit="mg/mL",
    dose=0.0952,
    dose_unit="ug/kg/min",
    weight_kg=70.0,
    volume_ml=12.5,
)
VASOPRESSIN = PumpState("P1002", "Vasopressin", 1.8, concentration=1.0, concentration_unit="U/mL")
#: In which of the states of a pump nothing flows.
AT_REST = {PumpStatus.STOPPED, PumpStatus.PAUSED, PumpStatus.STANDBY, PumpStatus.ALARM,
           PumpStatus.OFF}  # fmt: skip


class Pumps:
    """Bed D with two pumps and no monitor, bed E with the pump that is given and a monitor."""

    length = 180.0

    def __init__(self, pump=VASOPRESSIN):
        self.pump = pump

    def at(self, elapsed):
        return [
            BedState("ICU^1^D", {}, (NORADRENALINE, VASOPRESSIN)),
            BedState("ICU^1^E", {"art_map": 65.0}, (self.pump,)),
        ]


def gateway(speed=60.0, play=None, **options):
    clock = SimClock(100.0, datetime(2026, 11, 21, 1, 0, tzinfo=UTC), speed)
    return DRIVER.simulator(DRIVER.settings(options), play or TwoBeds(), clock)


def rows_of(pump):
    """What our reader makes of the message about `pump`, after those of two pumps and a monitor."""
    return dialogue(gateway(play=Pumps(pump), pumps=True), 100.0)[3].rows


def dialogue(device, now):
    """Sends what the device says through a session and its answers back, until it is silent."""
    session, messages = DRIVER.session({}), []
    out = list(device.connected(now)) or list(device.wake(now))
    while out:
        [effect] = session.feed(b"".join(out), now)
        assert isinstance(effect, Message)
        messages.append(effect)
        out = list(device.feed(effect.reply, now))
    return messages


def test_one_message_for_each_bed_and_each_period_with_simulated_times():
    device = gateway()
    first = dialogue(device, 100.0)
    readings = [[(row.signal, row.value, row.bed) for row in message.rows] for message in first]
    assert readings == [
        [("art_sys", 100, "ICU^1^A"), ("art_map", 60, "ICU^1^A"), ("spo2", 97.2, "ICU^1^A")],
        [("art_map", 80, "ICU^1^B")],
    ]
    assert {row.device_time for message in first for row in message.rows} == {
        "2026-11-21T01:00:00+00:00"
    }
    assert device.due() == 101.0
    second = dialogue(device, 101.0)
    assert second[0].rows[1].value == 61
    assert second[0].sent_at == "2026-11-21T01:01:00+00:00"


def test_the_same_bytes_again_until_they_are_acknowledged():
    device = gateway(resend=5.0)
    [sent] = device.connected(100.0)
    assert device.due() == 105.0
    assert list(device.wake(104.9)) == []
    assert list(device.wake(105.0)) == [sent]
    control_id = sent.split(b"|")[9]
    wrong = framed(b"MSH|^~\\&|||||20261121||ACK|1|P|2.6\rMSA|CA|other\r")
    right = framed(b"MSH|^~\\&|||||20261121||ACK|1|P|2.6\rMSA|CA|" + control_id + b"\r")
    assert list(device.feed(b"junk" + wrong, 105.1)) == []
    [following] = [data for half in (right[:9], right[9:]) for data in device.feed(half, 105.2)]
    assert b"ICU^1^B" in following


def test_a_refused_message_is_not_repeated():
    device = gateway()
    [sent] = device.connected(100.0)
    refusal = b"MSH|^~\\&|||||20261121||ACK|1|P|2.6\rMSA|CR|" + sent.split(b"|")[9] + b"\r"
    [following] = device.feed(framed(refusal), 100.1)
    assert following != sent
    assert device.refused == 1


def test_a_new_connection_repeats_what_was_in_flight_and_skips_what_was_missed():
    device = gateway()
    [sent] = device.connected(100.0)
    assert list(device.connected(102.0)) == [sent]
    messages = dialogue(device, 102.0)
    times = [message.sent_at for message in messages]
    assert times == ["2026-11-21T01:00:00+00:00"] * 2 + ["2026-11-21T01:02:00+00:00"] * 2


def test_the_play_ends():
    device = gateway()
    for now in (100.0, 101.0, 102.0, 103.0):
        assert len(dialogue(device, now)) == 2
    assert device.due() is None


# IHE PCD TF-3, containment of a syringe pump; units 262144 + term of ISO/IEEE 11073-10101.
MESSAGE = """\
MSH|^~\\&|SIMGATEWAY|SIMULATOR|||20261121010000+0000||ORU^R01^ORU_R01|20261121010000-1|P|2.6\
|||AL|NE||UNICODE UTF-8|||IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO
PID|||""||^^^^^^U
PV1||I|ICU^1^D
OBR|1|20261121010000-1|20261121010000-1|Noradrenaline^Noradrenaline^L|||20261121010000+0000
OBX|1||70053^MDC_DEV_PUMP_INFUS_SYRINGE_MDS^MDC|1.0.0.0|||||||X|||||||P1001^SIMULATOR
OBX|2||70054^MDC_DEV_PUMP_INFUS_SYRINGE_VMD^MDC|1.1.0.0|||||||X
OBX|3||70067^MDC_DEV_PUMP_DELIVERY_INFO^MDC|1.1.1.0|||||||X
OBX|4|CWE|184519^MDC_PUMP_INFUSING_STATUS^MDC|1.1.1.1|^pump-status-infusing||||||R
OBX|5|NM|158014^MDC_FLOW_FLUID_PUMP_CURRENT^MDC|1.1.1.2|5|\
265266^MDC_DIM_MILLI_L_PER_HR^MDC^mL/h^mL/h^UCUM|||||R
OBX|6|CWE|158016^MDC_PUMP_ACTIVE_SOURCES^MDC|1.1.1.3|^pump-source-info-primary||||||R
OBX|7||70071^MDC_DEV_PUMP_INFUSATE_SOURCE_PRIMARY^MDC|1.1.2.0|||||||X
OBX|8|ST|184514^MDC_DRUG_NAME_LABEL^MDC|1.1.2.2|Noradrenaline||||||R
OBX|9|NM|157784^MDC_FLOW_FLUID_PUMP^MDC|1.1.2.5|5|\
265266^MDC_DIM_MILLI_L_PER_HR^MDC^mL/h^mL/h^UCUM|||||R
OBX|10|NM|157924^MDC_RATE_DOSE^MDC|1.1.2.6|0.0952|\
265619^MDC_DIM_MICRO_G_PER_KG_PER_MIN^MDC^ug/kg/min^ug/kg/min^UCUM|||||R
OBX|11|NM|157760^MDC_CONC_DRUG^MDC|1.1.2.7|0.08|\
264306^MDC_DIM_MILLI_G_PER_ML^MDC^mg/mL^mg/mL^UCUM|||||R
OBX|12|NM|157993^MDC_VOL_FLUID_DELIV_TOTAL^MDC|1.1.2.11|12.5|\
263762^MDC_DIM_MILLI_L^MDC^mL^mL^UCUM|||||R
OBX|13|NM|68063^MDC_ATTR_PT_WEIGHT^MDC|1.1.2.18|70|263875^MDC_DIM_KILO_G^MDC^kg^kg^UCUM|||||R
OBX|14|CWE|158005^MDC_DEV_PUMP_CURRENT_DELIVERY_STATUS^MDC|1.1.2.22|\
^pump-delivery-status-delivering||||||R
"""


def test_the_message_of_a_running_pump():
    [sent] = gateway(play=Pumps(), pumps=True).connected(100.0)
    assert sent == framed(MESSAGE.replace("\n", "\r").encode())


def test_pumps_are_played_only_if_they_are_asked_for_and_each_in_its_own_message():
    [only] = dialogue(gateway(play=Pumps()), 100.0)
    assert [row.signal for row in only.rows] == ["art_map"]
    messages = dialogue(gateway(play=Pumps(), pumps=True), 100.0)
    assert [[(row.bed, getattr(row, "channel", None)) for row in m.rows] for m in messages] == [
        [("ICU^1^D", "P1001")],
        [("ICU^1^D", "P1002")],
        [("ICU^1^E", "1.2.1")],
        [("ICU^1^E", "P1002")],
    ]
    assert [row.rate_ml_h for m in messages for row in m.rows if isinstance(row, Infusion)] == [
        5.0, 1.8, 1.8,
    ]  # fmt: skip


@pytest.mark.parametrize("status", PumpStatus)
def test_every_status_of_a_pump_comes_back_with_what_flows(status):
    [row] = rows_of(replace(NORADRENALINE, status=status))
    assert row == Infusion(
        channel="P1001",
        drug="Noradrenaline",
        rate_ml_h=0.0 if status in AT_REST else 5.0,
        status=status,
        concentration=0.08,
        concentration_unit="mg/mL",
        dose=0.0952,
        dose_unit="ug/kg/min",
        weight_kg=70.0,
        volume_ml=12.5,
        device_time="2026-11-21T01:00:00+00:00",
        bed="ICU^1^E",
    )


@pytest.mark.parametrize("status", sorted(AT_REST))
def test_the_programmed_rate_of_a_pump_that_stands_stays_on_the_wire(status):
    device = gateway(play=Pumps(replace(NORADRENALINE, status=status)), pumps=True)
    raw = dialogue(device, 100.0)[3].raw.decode()
    rates = {obx.split("|")[3]: obx.split("|")[5] for obx in raw.split("\r") if "|NM|" in obx}
    assert (
        rates["158014^MDC_FLOW_FLUID_PUMP_CURRENT^MDC"],
        rates["157784^MDC_FLOW_FLUID_PUMP^MDC"],
    ) == ("0", "5")


@pytest.mark.parametrize(
    ("unit", "obx6"),
    [
        ("mg/mL", "264306^MDC_DIM_MILLI_G_PER_ML^MDC^mg/mL^mg/mL^UCUM"),
        ("ug/mL", "264307^MDC_DIM_MICRO_G_PER_ML^MDC^ug/mL^ug/mL^UCUM"),
        ("U/mL", "267744^MDC_DIM_INTL_UNIT_PER_ML^MDC^[iU]/mL^[iU]/mL^UCUM"),
        ("ng/mL", "ng/mL^ng/mL^UCUM"),
        ("mU/mL", "m[iU]/mL^m[iU]/mL^UCUM"),
    ],
)
def test_units_of_a_concentration(unit, obx6):
    pump = replace(VASOPRESSIN, concentration=0.4, concentration_unit=unit)
    device = gateway(play=Pumps(pump), pumps=True)
    message = dialogue(device, 100.0)[3]
    assert f"|0.4|{obx6}|".encode() in message.raw
    [row] = message.rows
    assert (row.concentration, row.concentration_unit) == (0.4, unit)


@pytest.mark.parametrize(
    "unit",
    [f"{amount}{weight}/{time}" for amount in ("ng", "ug", "mg", "g", "mU", "U")
     for weight in ("", "/kg") for time in ("min", "h")],
)  # fmt: skip
def test_units_of_a_dose(unit):
    [row] = rows_of(replace(NORADRENALINE, dose=0.25, dose_unit=unit))
    assert (row.dose, row.dose_unit) == (0.25, unit)


def test_a_pump_without_drug_dose_concentration_and_weight():
    [row] = rows_of(PumpState("12", "", 2.25))
    assert row == Infusion(
        channel="12",
        rate_ml_h=2.25,
        status=PumpStatus.RUNNING,
        volume_ml=0.0,
        device_time="2026-11-21T01:00:00+00:00",
        bed="ICU^1^E",
    )


words = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x3000, exclude_categories=["C", "Z"])
)


@given(words.map(lambda text: f"x{text}"), words.map(lambda text: f"y{text}"),
       st.decimals(0, 1800, places=2))  # fmt: skip
def test_any_name_and_rate_come_back(drug, channel, rate):
    pump = replace(NORADRENALINE, drug=drug, channel=channel, rate_ml_h=float(rate))
    [row] = rows_of(pump)
    assert (row.drug, row.channel, row.rate_ml_h) == (drug, channel, float(rate))


def test_the_sample_configuration_and_the_manual_name_every_option():
    folder = Path(drivers.hl7.__file__).parent
    [link] = tomllib.loads((folder / "sample.toml").read_text())["links"]
    assert link["driver"] == DRIVER.name
    DRIVER.session(link["options"])
    manual = (folder / "README.md").read_text()
    assert all(f"`{option.name}`" in manual for option in DRIVER.options)
    for code in ("JUNK", "TRUNCATED", "TOO_LONG", "EMPTY", "HEADER", "MESSAGE_TYPE", "CHARSET",
                 "TIME", "PROCESSING_ID"):  # fmt: skip
        assert f"`HL7_{code}`" in manual
