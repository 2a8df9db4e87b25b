"""Pump labels and drugs: names as they are printed on pumps and products."""

import unicodedata
from decimal import Decimal

import pytest
from bedside import DRUGS
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.core.drugs import DrugTable, normalise
from monitor_daemon.core.errors import ConfigError

TABLE = DrugTable.parse(DRUGS)


def drug_of(label):
    entry = TABLE.find(label)
    return entry.drug if entry else None


@pytest.mark.parametrize(
    "label",
    ["NOREPINEPHRINE", "Norepi 16mcg/mL", "NOR-EPI", "Noradrenalin", "noradrenaline",
     "Noradrenalina", "NORADRÉNALINE", "Noradren", "NORAD 4/50", "Levarterenol",
     "Arterenol 4mg/50", "Arteren\ue021", "LEVOPHED", "Sinora", "NEPI", "ノルアドレナリン",
     "ノルアドリナリン注", "ﾉﾙｱﾄﾞﾚﾅﾘﾝ", "ﾉﾙｱﾄﾞﾘﾅﾘﾝ 3mg/50mL", "去甲肾上腺素", "노르에피네프린"],
)  # fmt: skip
def test_names_of_norepinephrine(label):
    assert drug_of(label) == "norepinephrine"


@pytest.mark.parametrize(
    "label", ["EPINEPHRINE", "Epinephrin", "Adrenaline 1mg", "ADRÉNALINE", "ｱﾄﾞﾚﾅﾘﾝ", "ボスミン"]
)
def test_epinephrine_is_part_of_another_name_and_still_found(label):
    assert drug_of(label) == "epinephrine"


@pytest.mark.parametrize(
    "label",
    ["Noradrenaline tartrate 2mg/mL", "NORADRÉNALINE (TARTRATE) RENAUDIN", "Noradrenalin-Tartrat",
     "TARTRATE DE NORADRENALINE", "Noradrenaline acid tartrate"],
)  # fmt: skip
def test_a_label_that_says_tartrate_counts_half_of_it_as_base(label):
    entry = TABLE.find(label)
    assert (entry.drug, entry.salt, entry.factor) == ("norepinephrine", "tartrate", Decimal("0.5"))


@pytest.mark.parametrize("label", ["NORADRENALINE", "Norepinephrine bitartrate 16 mcg/mL"])
def test_a_label_without_it_and_a_premix_of_the_usa_count_base(label):
    assert (TABLE.find(label).salt, TABLE.find(label).factor) == ("base", Decimal(1))


@pytest.mark.parametrize(
    ("label", "drug"),
    [("Neo-Synephrine", "phenylephrine"), ("DOBUTREX", "dobutamine"), ("ﾄﾞﾌﾞﾎﾟﾝ", "dobutamine"),
     ("カコージン", "dopamine"), ("ミルリーラ", "milrinone"), ("デクスメデトミジン", "other")],
)  # fmt: skip
def test_trade_names_of_the_companions(label, drug):
    assert drug_of(label) == drug


@pytest.mark.parametrize("label", ["Nor-Adrenalin", "NOR ADRENALINE", "NOR EPINEPHRINE 4/50"])
def test_norepinephrine_written_in_two_words_is_never_taken_for_epinephrine(label):
    assert drug_of(label) != "epinephrine"


@pytest.mark.parametrize(
    "label",
    ["VASOPRESSIN", "Argipressin", "Vasostrict", "Pitressin", "Empressin 40IE", "Empesin",
     "Embesin", "Reverpleg", "バソプレシン", "ﾊﾞｿﾌﾟﾚｼﾝ", "ピトレシン"],
)  # fmt: skip
def test_names_of_vasopressin(label):
    assert drug_of(label) == "vasopressin"


@pytest.mark.parametrize(
    "label", ["DESMOPRESSIN", "Terlipressin", "ORNIPRESSIN", "Lypressin", "Desmopressine Ferring"]
)
def test_other_pressins_are_not_vasopressin(label):
    assert drug_of(label) != "vasopressin"


@pytest.mark.parametrize(
    "label", ["NOR", "Norcuron", "NORMAL SALINE", "NA", "NAD", "NE", "VASO", "", "  ", "0.9%", "?"]
)
def test_ambiguous_labels_are_never_a_vasopressor(label):
    entry = TABLE.find(label)
    assert entry is None or entry.group == "other"


def test_a_decongestant_is_not_epinephrine():
    assert drug_of("Pseudoepinephrine") is None


def test_normalising_takes_accents_and_private_characters_but_not_the_voicing_of_kana():
    assert normalise("  Noradrénaline\ue021   4mg ") == "NORADRENALINE 4MG"
    assert normalise("ﾉﾙｱﾄﾞ") == "ノルアド"


@given(st.sampled_from([n for e in TABLE.entries.values() for n in e.names]), st.data())
def test_width_case_and_blanks_never_change_the_drug(name, data):
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in name)
    forms = [name.lower(), wide, f"  {name} 4mg/50 ", unicodedata.normalize("NFD", name)]
    assert drug_of(data.draw(st.sampled_from(forms))) == drug_of(name)


@given(st.text())
def test_any_label_is_answered(label):
    found = TABLE.find(label)
    assert found is None or found in TABLE.entries.values()


GOOD = '[drug.x]\ngroup = "vasopressor"\nnames = ["X"]\nas = "base"\n'


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (GOOD.replace('as = "base"\n', ""), "CONFIG_DRUG_SALT", ["drug.x.as", "missing", "base"]),
        (GOOD.replace("base", "acetate"), "CONFIG_DRUG_SALT", ["drug.x.as", "acetate", "factor"]),
        (GOOD + "factor = 0", "CONFIG_DRUG", ["drug.x.factor", "0"]),
        (GOOD + "factor = 2.0", "CONFIG_DRUG", ["drug.x.factor", "2.0"]),
        (GOOD + "factor = true", "CONFIG_DRUG", ["drug.x.factor", "True"]),
        (GOOD + 'factor = "half"', "CONFIG_DRUG", ["drug.x.factor", "half"]),
        (GOOD.replace("vasopressor", "pressor"), "CONFIG_DRUG", ["drug.x.group", "vasopressor"]),
        (GOOD.replace('["X"]', "[]"), "CONFIG_DRUG", ["drug.x.names"]),
        (GOOD.replace('["X"]', '"X"'), "CONFIG_DRUG", ["drug.x.names", "list"]),
        (GOOD.replace('["X"]', '["-"]'), "CONFIG_DRUG", ["drug.x.names", "list"]),
        (GOOD + 'also = "X"', "CONFIG_DRUG", ["drug.x.also", "list"]),
        (GOOD + 'alone = [1]', "CONFIG_DRUG", ["drug.x.alone", "list"]),
        (GOOD + 'salt = "base"', "CONFIG_DRUG", ["drug.x.salt", "unknown", "as"]),
        ("[drugs.x]\n", "CONFIG_DRUG", ["[drug.<key>]"]),
        ("drug = 1\n", "CONFIG_DRUG", ["[drug.<key>]"]),
        ("[drug]\nx = 1\n", "CONFIG_DRUG", ["drug.x", "table"]),
        ("[drug.x\n", "CONFIG_SYNTAX", ["line 1"]),
    ],
    ids=["no-as", "unknown-salt", "zero", "above-1", "bool", "text", "group", "no-names",
         "not-list", "no-letter", "also", "alone", "extra-key", "other-table",
         "not-tables", "entry-not-table", "syntax"],
)  # fmt: skip
def test_wrong_drug_files(text, code, words):
    with pytest.raises(ConfigError) as caught:
        DrugTable.parse(text, "site.toml")
    assert caught.value.code == code
    for word in ["site.toml", *words]:
        assert word in str(caught.value)


def test_the_labels_own_statement_wins_over_the_molar_factor():
    table = DrugTable.parse(GOOD.replace("base", "bitartrate") + "factor = 0.5")
    assert str(table.entries["x"].factor) == "0.5"
