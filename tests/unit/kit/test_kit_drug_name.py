"""Concentrations in drug names: 25 characters are the longest name that the pump keeps."""

import pytest

from drivers.kit.drug_name import concentration


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Norad 4mg/50ml", (0.08, "mg/mL")),
        ("Norad 3mg/50mL", (0.06, "mg/mL")),
        ("NOREPI 16mcg/mL", (16.0, "ug/mL")),
        ("Norad 16µg/ml", (16.0, "ug/mL")),
        ("Vaso 40IU/50", (0.8, "U/mL")),
        ("Empressin 40 IE / 50 ml", (0.8, "U/mL")),
        ("Norad 2,5mg/50ml", (0.05, "mg/mL")),
        ("Norad 4mg/250 NaCl", (0.016, "mg/mL")),
        ("Noradrenaline", None),
        ("Norad 5mg/h", None),
        ("Norad 0mg/50ml", None),
        ("Norad 4mg/0ml", None),
        ("A 4mg/50ml B 8mg/50ml", None),
        ("Pip/Taz 4g/0.5g", None),
        ("X 100mg/50 mg", None),
        ("X 1,000mg/50ml", None),
        # A separator of thousands or of decimals: a factor of 1000 between the two.
        ("Heparin 20.000 IE/50ml", None),
        ("Norad 1.250mg/50ml", None),
        ("X 10 500 IE/50ml", None),
        ("X 1'500 IE/50ml", None),
        ("Norad 4mg/1 000ml", None),
        ("Norad 4mg/1.000 ml", None),
        ("Norad 0.064mg/ml", (0.064, "mg/mL")),
        ("Norad 0,064 mg/ml", (0.064, "mg/mL")),
        ("Linie 2 40IU/50", (0.8, "U/mL")),
        # No volume but a time, a weight, a percentage.
        ("Vaso 40IU/24 h", None),
        ("Norad 4mg/50 kg", None),
        ("Norad 4mg/50% G", None),
        ("1245~10mg/50$2", None),
        ("33~4mg/5002", None),
        ("Noradrenaline long 4mg/50", None),  # 25 characters: "/500ml" may have been cut
        ("Noradrenaline 4mg/50ml xx", (0.08, "mg/mL")),
        ("Norad 4mg/5\ue021", None),
    ],
)
def test_concentration_in_a_name(name, expected):
    assert concentration(name, 25) == expected
