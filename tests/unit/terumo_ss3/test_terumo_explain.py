"""What `drivers probe` and `explain` show of a status reply: every field, used or not."""

from base64 import b64decode

from hypothesis import given
from hypothesis import strategies as st

from drivers.kit.probe import Explained, explainer
from drivers.terumo_ss3.commands import write
from drivers.terumo_ss3.driver import DRIVER
from drivers.terumo_ss3.explain import explain, messages

DEVICE = "000100700000001201000001"
#: Running, nearly empty, 5.00 mL/h, 12.50 mL, VTBI off, 0.10 ug/kg/min, 70.0 kg, 0.08.
RECORD = b64decode("AgEAAAAEAxAAAAABAFUABgAB9AAE4u7u7gAACgQCvAAACA==")
REPLY = write("REP", DEVICE, RECORD + b"\x13\x00")
OPTIONS = DRIVER.settings({})


def test_every_field_of_a_status_is_shown_whether_it_is_used_or_not():
    found = {part.place: (part.wire, part.use) for part in explain(REPLY, OPTIONS)}
    assert found["DEVID"][0] == DEVICE
    shown = b"".join(
        bytes.fromhex(wire) for place, (wire, _) in found.items() if place[0].isdigit()
    )
    assert shown == RECORD + b"\x13\x00"
    assert found["16 set flow rate"] == ("00 01 f4", "used: in 0.01 mL/h")
    assert found["22 VTBI"] == ("ee ee ee", "ignored: not needed here")
    assert found["34 rest"] == ("13 00", "unmapped: not documented")
    assert found["-> infusion"] == (DEVICE, "5 (running) mL/h good")
    assert explainer(DRIVER) is explain


def test_a_packet_that_cannot_be_read_is_explained():
    [part] = explain(REPLY[:-5] + b"0000\x03", OPTIONS)
    assert part.use.startswith("unreadable: CRC '0000'")


def test_the_packets_of_a_file():
    first, (at, fault), last = messages(REPLY + REPLY[:9] + REPLY, OPTIONS)
    assert (first, last) == ((0, REPLY), (len(REPLY) + 9, REPLY))
    assert (at, fault.code) == (len(REPLY), "FRAME")


@given(st.binary() | st.binary(max_size=90).map(lambda c: write("REP", DEVICE, c)))
def test_any_bytes_are_explained(raw):
    assert all(isinstance(part, Explained) for part in explain(raw, OPTIONS))
