"""EE EE in a field of two bytes: the pattern that the manual prints for "disabled" is no number."""

from base64 import b64decode

import pytest

from drivers.terumo_ss3.commands import write
from drivers.terumo_ss3.driver import DRIVER

DEVICE = "000100700000001201000001"
#: Running, 5.00 mL/h; bytes 29 and 30 are the body weight in units of 0.1 kg (TE-SS830P manual).
RECORD = b64decode("AgEAAAAEAxAAAAABAFUABgAB9AAE4u7u7gAACgQCvAAACA==")


@pytest.mark.parametrize(
    ("field", "weight"),
    [(b"\x02\xbc", 70.0), (b"\xee\xee", None), (b"\xff\xff", None)],
    ids=["70 kg", "EE EE", "FF FF"],
)
def test_a_weight_of_ee_ee_is_no_weight_of_6116_6_kg(field, weight):
    record = RECORD[:29] + field + RECORD[31:]
    infusion = next(iter(DRIVER.decoder("tcp", {}).feed(write("REP", DEVICE, record))))
    assert infusion.weight_kg == weight
    assert (infusion.rate_ml_h, infusion.dose) == (5.0, 0.1)
