"""Labels as pumps of Japanese, French, English and German units show them, and look-alikes.

A wrong drug is the worst of answers, and a wrong salt the next; "unknown" is a right one.
"""

from decimal import Decimal

import pytest
from bedside import DRUGS

from monitor_daemon.core.drugs import DrugTable

TABLE = DrugTable.parse(DRUGS)


def drug_of(label):
    entry = TABLE.find(label)
    return entry.drug if entry else None


@pytest.mark.parametrize(
    "label",
    ["Nor.Adrenaline", "NOR_ADRENALINE", "nor/adrenaline", "Nor- Adrenaline", "NOR -EPINEPHRINE",
     "NOR\u2010EPINEPHRINE", "NOR\u2011ADRENALINE", "NOR\u2013ADRENALINE", "NOR\u00adADRENALINE",
     "NOR\u200bEPINEPHRINE", "NOR\u00a0EPINEPHRINE", "NOR\u00b7EPINEPHRINE", "NOR\uff0dEPI",
     "norEPINEPHrine 4 mg in D5W 250", "NORADRENALINE 8MG GLUCOSE 5%", "Arterenol\u00ae 5 mg NaCl",
     "NEPI_RATE", "ノル アドレナリン", "ノル・アドレナリン", "ﾉﾙ･ｱﾄﾞﾚﾅﾘﾝ", "ノル\u2010アドレナリン",
     "ノルエピネフリン", "ﾉﾙｱﾄﾞﾚﾅﾘﾝ5A 生食45", "노르아드레날린", "去甲腎上腺素"],
)  # fmt: skip
def test_norepinephrine_however_it_is_punctuated(label):
    assert drug_of(label) == "norepinephrine"


@pytest.mark.parametrize(
    "label",
    ["N-ADRENALINE", "N. Epinephrine", "NOEPINEPHRINE", "NORAADRENALINE", "RACEPINEPHRINE",
     "Racemic epinephrine", "\u039dORADRENALINE", "N\u041eREPINEPHRINE", "NOR\u0420EPINEPHRINE",
     "ノルー アドレナリン"],
)  # fmt: skip
def test_what_only_ends_like_epinephrine_is_nothing_we_know(label):
    assert drug_of(label) is None


@pytest.mark.parametrize(
    ("label", "drug"),
    [("L-Adrenaline", "epinephrine"), ("Adrenaline in normal saline", "epinephrine"),
     ("SUPRARENIN (Adrenalin)", "epinephrine"), ("エピネフリン", "epinephrine"),
     ("塩酸ドパミン", "dopamine"), ("ドーパミン", "dopamine"), ("NEO SYNEPHRINE", "phenylephrine"),
     ("8-Arginin-Vasopressin", "vasopressin"), ("VASOPRESSIN (ARGIPRESSIN)", "vasopressin"),
     ("ESKETAMIN", "other"), ("Kaliumchlorid", "other"), ("ROPIVACAINE PIEB", "other")],
)  # fmt: skip
def test_a_name_at_the_beginning_of_any_word_is_found(label, drug):
    assert drug_of(label) == drug


@pytest.mark.parametrize(
    "label",
    ["Adrenaline / Noradrenaline", "NORADRENALINE ou ADRENALINE", "DOPAMINE/DOBUTAMINE",
     "NORADRENALINE+VASOPRESSIN", "Vasopressin/Noradrenalin", "KETAMINE + NORAD",
     "Lidocaine with epinephrine", "Lidocaïne adrénalinée", "Bupivacaine/Epinephrine",
     "キシロカイン アドレナリン", "Desmopressin (vasopressin analogue)"],
)  # fmt: skip
def test_a_label_of_two_drugs_is_unknown(label):
    assert drug_of(label) is None


@pytest.mark.parametrize(
    "label", ["Study vasopressin/placebo", "治験薬 バソプレシン", "ETUDE INSULINE"]
)
def test_a_blinded_bag_is_one_whatever_it_may_hold(label):
    assert drug_of(label) == "study"


@pytest.mark.parametrize(
    "label",
    ["NE 4mg/50 NaCl 0.9%", "NA 8MG NACL", "NAD 16mg/50 GLUCOSE 5%", "AVP 40IE NaCl",
     "VASO 40U/40 NaCl", "16mg/50 NaCl", "NA 3mg 生食"],
)  # fmt: skip
def test_the_diluent_does_not_hide_an_abbreviated_drug(label):
    assert drug_of(label) is None


@pytest.mark.parametrize(
    "label",
    ["NaCl 0,9%", "NACL 0.9% 500 ML", "GLUCOSE 5%", "G5%", "RINGER LACTATE", "生理食塩液 500mL",
     "ブドウ糖5%"],
)  # fmt: skip
def test_a_bag_of_fluid_blurs_nothing(label):
    assert TABLE.find(label).group == "other"


@pytest.mark.parametrize(
    "label",
    ["NORADRENALINE 2 MG/ML TARTRATE", "NORADRENALINE(TARTRATE)", "NORADRENALINE, TARTRATE",
     "NORAD TARTRATE", "Nor-adrénaline (tartrate) 8mg", "NORADRENALINE\u2011TARTRATE",
     "NORADRENALINTARTRAT", "Noradrenalin-hydrogentartrat", "Norepinephrin (Tartrat)"],
)  # fmt: skip
def test_tartrate_is_heard_wherever_it_stands_in_the_label(label):
    entry = TABLE.find(label)
    assert (entry.drug, entry.factor) == ("norepinephrine", Decimal("0.5"))


@pytest.mark.parametrize(
    "label",
    ["Noradrenaline 1 mg/ml (as tartrate)", "Noradrénaline (sous forme de tartrate)",
     "NORADRENALINE BASE (TARTRATE)", "LEVOPHED bitartrate 16 mcg/mL"],
)  # fmt: skip
def test_a_label_that_counts_base_and_names_the_salt_counts_base(label):
    entry = TABLE.find(label)
    assert (entry.drug, entry.factor) == ("norepinephrine", Decimal(1))
