"""hl7apy, an independent implementation, as oracle of what we build and of what we read.

It takes some 50 ms for a message, so only a few examples run.
"""

from datetime import UTC, datetime

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from hl7apy.validation import Validator
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.hl7.driver import DRIVER
from drivers.kit.playback import BedState, PumpState, SimClock
from monitor_daemon.core.vocabulary import SIGNAL_UNITS, PumpStatus
from monitor_daemon.hl7.ack import Outcome, acknowledgement
from monitor_daemon.hl7.er7 import read
from monitor_daemon.hl7.mllp import Frame, Framer

SIGNALS = {"art_map": 64.5, "art_sys": 101.0, "art_dia": 47.0, "heart_rate": 90.0, "cvp": 9.0,
           "spo2": 96.0, "temperature": 37.4, "cardiac_index": 2.4, "nibp_map": 71.0}  # fmt: skip
MMHG = "266016^MDC_DIM_MMHG^MDC"
#: OBX-3.1 of ISO/IEEE 11073-10101 to the signal, by hand from the published table.
CODES = {
    "150039": ("MDC_PRESS_BLD_ART_ABP_MEAN", "art_map"),
    "150037": ("MDC_PRESS_BLD_ART_ABP_SYS", "art_sys"),
    "150023": ("MDC_PRESS_BLD_NONINV_MEAN", "nibp_map"),
    "150087": ("MDC_PRESS_BLD_VEN_CENT_MEAN", "cvp"),
    "150047": ("MDC_PRESS_BLD_ART_PULM_MEAN", "pap_map"),
    "150651": ("MDC_PRESS_BLD_ART_FEMORAL_MEAN", None),
}


class OneBed:
    length = 60.0

    def __init__(self, signals, *pumps):
        self.bed = BedState("ICU^1^A", signals, pumps)

    def at(self, elapsed):
        return [self.bed]


def payload(block):
    [frame] = Framer().feed(block)
    assert isinstance(frame, Frame)
    return frame.payload.decode()


def simulated(play, **options):
    clock = SimClock(0.0, datetime(2026, 11, 21, 1, 0, tzinfo=UTC), 60.0)
    device = DRIVER.simulator(DRIVER.settings(options), play, clock)
    return payload(next(iter([*device.connected(0.0), *device.wake(0.0)])))


def decode(text):
    decoder = DRIVER.decoder("mllp", DRIVER.settings({}))
    return [*decoder.feed(text.encode()), *decoder.finish()]


def observations(text):
    message = parse_message(text, find_groups=False)
    return [child for child in message.children if child.name == "OBX"]


def test_the_simulated_gateway_sends_valid_messages():
    text = simulated(OneBed(SIGNALS))
    message = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT)
    assert Validator.validate(message)
    assert message.to_er7() == text.removesuffix("\r")
    valued = [obx for obx in observations(text) if obx.obx_2.to_er7() == "NM"]
    sent = {obx.obx_3.obx_3_1.to_er7(): float(obx.obx_5.to_er7()) for obx in valued}
    assert sorted(sent.values()) == sorted(SIGNALS.values())
    assert sent["150039"] == SIGNALS["art_map"]


@pytest.mark.parametrize("status", PumpStatus)
def test_the_simulated_gateway_sends_valid_messages_of_pumps(status):
    pump = PumpState("11", "5|mg^A&B~C\\", 8.4, status, 40.0, "ug/mL", 0.08, "ug/kg/min", 70.0, 3.5)
    text = simulated(OneBed({}, pump), pumps=True)
    message = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT)
    assert Validator.validate(message)
    assert message.to_er7() == text.removesuffix("\r")
    valued = [obx for obx in observations(text) if obx.obx_2.to_er7() == "NM"]
    sent = {obx.obx_3.obx_3_1.to_er7(): float(obx.obx_5.to_er7()) for obx in valued}
    flows = status in {"running", "bolus", "purge", "kvo", "unknown"}
    assert sent == {"158014": 8.4 * flows, "157784": 8.4, "157924": 0.08, "157760": 40.0,
                    "157993": 3.5, "68063": 70.0}  # fmt: skip
    assert observations(text)[0].obx_18.to_er7() == "11^SIMULATOR"


@pytest.mark.parametrize("mode", ["AL|NE", "NE|AL", "|"])
def test_an_acknowledgement_is_valid_and_names_the_message(mode):
    received = read(
        f"MSH|^~\\&|GW|ICU|PW|H|20261121101503+0900||ORU^R01^ORU_R01|A1|P|2.6|||{mode}\r".encode()
    )
    block = acknowledgement(
        received.header, Outcome.ACCEPTED, now="20261121101504+0900", control_id="X1"
    )
    message = parse_message(payload(block), validation_level=VALIDATION_LEVEL.STRICT)
    assert Validator.validate(message)
    assert message.msa.msa_1.to_er7() == ("CA" if mode == "AL|NE" else "AA")
    assert message.msa.msa_2.to_er7() == "A1"
    assert message.msh.msh_5.to_er7() == "GW"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(CODES)),
            st.integers(20, 300),
            st.sampled_from(["1.2.1.1", "1.3.1.1", ""]),
            st.sampled_from(["R", "F", "X"]),
        ),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=10, deadline=None)
def test_what_we_read_of_a_valid_message_is_what_hl7apy_reads(sent):
    text = "\r".join(
        [
            "MSH|^~\\&|GW|ICU|||20261121101503+0900||ORU^R01^ORU_R01|A1|P|2.6",
            "PID|||P1^^^H^MR||X^Y",
            "PV1||I|ICU^^7",
            "OBR|1|A|B|182777000^monitoring of patient^SCT|||20261121101500+0900",
            *(
                f"OBX|{n}|NM|{code}^{CODES[code][0]}^MDC|{place}|{value}|{MMHG}|||||{status}"
                for n, (code, value, place, status) in enumerate(sent, 1)
            ),
        ]
    )
    rows, theirs = decode(text), observations(text)
    assert len(rows) == len(theirs) == len(sent)
    for row, obx in zip(rows, theirs, strict=True):
        signal = CODES[obx.obx_3.obx_3_1.to_er7()][1]
        assert row.source == obx.obx_3.to_er7()
        if signal is None:
            assert row.value == obx.obx_5.to_er7()
            continue
        assert (row.signal, row.unit) == (signal, SIGNAL_UNITS[signal])
        assert row.value == float(obx.obx_5.to_er7())
        assert (row.channel or "") == obx.obx_4.to_er7().rpartition(".")[0]
        assert (row.unvalidated is True) == (obx.obx_11.to_er7() == "X")
