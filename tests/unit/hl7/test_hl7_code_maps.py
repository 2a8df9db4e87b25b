"""A site's own codes: files, packaged maps, what goes before what, and clear mistakes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.hl7.code_map import SiteCode, map_codes, packaged, site_codes
from drivers.hl7.codes import CodeTable
from drivers.hl7.decode import Reader
from drivers.hl7.driver import DRIVER
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.vocabulary import Reading, Unmapped
from monitor_daemon.hl7.er7 import read

HEAD = '[map]\ntitle = "t"\nsource = "s"\n'
MMHG = "266016^MDC_DIM_MMHG^MDC"


def rows(code_map, *obx, codes=None):
    reader = Reader({**DRIVER.settings({"codes": codes or {}}), "code_map": code_map})
    text = "\r".join(["MSH|^~\\&|A|B|||20261121||ORU^R01|1|P|2.6", "OBR|1||||||20261121", *obx])
    return reader.rows(read(text.encode()))


def observed(code, value="63", unit=MMHG, place="1.2.1.3"):
    return f"OBX|1|NM|{code}|{place}|{value}|{unit}|||||F"


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "codes.toml"
        path.write_text(HEAD + text, encoding="utf-8")
        return str(path)

    return write


def test_a_private_code_counts_by_number_system_and_name(written):
    place = written(
        '[[code]]\nsystem="99MNDRY"\ncode="4711"\nname="MNDRY_ART_M"\nsignal="art_map"\n'
    )
    good, other = rows(
        place, observed("4711^MNDRY_ART_M^99MNDRY"), observed("4711^MNDRY_OTHER^99MNDRY")
    )
    assert (good.signal, good.value) == ("art_map", 63)
    assert other == Unmapped("4711^MNDRY_OTHER^99MNDRY", "63", MMHG)


def test_every_code_that_nobody_mapped_stays_a_row():
    found = rows("femoral", observed("X^Y^Z"), observed("X^Y^Z"))
    assert found == (Unmapped("X^Y^Z", "63", MMHG),) * 2


def test_a_femoral_line_counts_where_the_site_says_so():
    code = "150651^MDC_PRESS_BLD_ART_FEMORAL_MEAN^MDC"
    assert rows("", observed(code)) == (Unmapped(code, "63", MMHG),)
    [row] = rows("femoral", observed(code))
    assert (row.signal, row.value) == ("art_map", 63)
    [row] = rows("femoral", observed("0002-f0bf^FAPm^MDIL", unit="0004-0f20^mmHg^MDIL"))
    assert (row.signal, row.value) == ("art_map", 63)


def test_one_of_eight_channels_with_the_same_codes():
    code = "150019^MDC_PRESS_BLD_MEAN^MDC"
    first, second = rows(
        "ge-p1", observed(code, place="1.13.1.3"), observed(code, place="1.13.2.3")
    )
    assert (first.signal, first.channel) == ("art_map", "1.13.1")
    assert second == Unmapped(code, "63", MMHG)


def test_an_analyser_that_sends_a_name_and_no_code():
    good, bare = rows(
        "laboratory", observed("^Lac^M", "1.9", "mmol/L"), observed("^Lac^M", "1.9", "")
    )
    assert (good.signal, good.value) == ("lactate", 1.9)
    assert bare == Unmapped("^Lac^M", "1.9", None)


def test_a_site_may_say_the_unit_of_values_that_come_without(written):
    place = written('[[code]]\nsystem="L"\ncode="LAC"\nunit="mg/dL"\nsignal="lactate"\n')
    bare, said = rows(place, observed("LAC^^L", "18", ""), observed("LAC^^L", "2", "mmol/L"))
    assert bare.value == pytest.approx(18 / 9.008, abs=1e-3)  # 90.08 g/mol
    assert said.value == 2


def test_the_site_goes_before_the_built_in_codes_and_before_a_second_triplet(written):
    place = written('[[code]]\nsystem="MDC"\ncode="150035"\nsignal="pap_map"\n')
    code = "150035^MDC_PRESS_BLD_ART_MEAN^MDC"
    assert rows(place, observed(code))[0].signal == "pap_map"
    assert rows(place, observed(f"{code}^76214-6^MAP^LN"))[0].signal == "pap_map"
    assert rows("", observed(code))[0].signal == "art_map"


def test_the_more_exact_code_goes_before_the_more_general(written):
    place = written(
        '[[code]]\nsystem="L"\ncode="P"\nsignal="cvp"\n'
        '[[code]]\nsystem="L"\ncode="P"\nchannel="1.2.1"\nsignal="art_map"\n'
    )
    found = rows(place, observed("P^^L"), observed("P^^L", place="1.3.1.3"))
    assert [row.signal for row in found] == ["art_map", "cvp"]


def test_the_option_codes_and_several_maps_work_together():
    found = rows(
        ["femoral", "laboratory"],
        observed("LAC^^L", "2", "mmol/L"),
        observed("150651^^MDC"),
        observed("A1^^L"),
        codes={"A1^L": "art_map", "150651^MDC": "art_map"},
    )
    assert [row.signal for row in found] == ["lactate", "art_map", "art_map"]


def test_every_packaged_map_is_usable_and_its_codes_are_found():
    assert set(packaged()) >= {"femoral", "ge-p1", "laboratory"}
    for name in packaged():
        entries = map_codes(name)
        table = CodeTable(entries)
        for entry in entries:
            obx3 = f"{entry.code}^{entry.name}^{entry.system}"
            assert table.find(obx3, entry.channel).signal == entry.signal


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (
            '[[code]]\ncode="A"\nsignal="art_mean"\n', 6,
            "code 1: signal = 'art_mean': no such signal; did you mean art_map?",
        ),
        ('[[code]]\nsignal="art_map"\n', 4, "code 1: give code (OBX-3.1) or name (OBX-3.2)"),
        ('[[code]]\ncode="A"\n', 4, "code 1: signal: missing"),
        (
            '[[code]]\ncode="A^L"\nsignal="cvp"\n', 5,
            "code 1: code = 'A^L': one component of OBX-3, without ^",
        ),
        (
            '[[code]]\ncode="A"\nsignal="lactate"\nunit="mmHg"\n', 7,
            "code 1: unit = 'mmHg': cannot be converted to mmol/L; give another or leave it out",
        ),
        (
            '[[code]]\ncode="A"\nsignal="cvp"\nsystm="L"\n', 7,
            "code 1: systm: no such key; did you mean system?",
        ),
        (
            '[[code]]\ncode=7\nsignal="cvp"\n', 5,
            "code 1: code = '7': a text, in quotes: code = \"...\"",
        ),
        (
            '[[code]]\ncode="A "\nsignal="cvp"\n', 5,
            "code 1: code = 'A ': the wire is read without blanks around; remove them",
        ),
        (
            '[[code]]\ncode="A"\nsignal="cvp"\n' * 2, 8,
            "code 2: the same as code 1; keep one of them",
        ),
        ("[code]\n", 4, "code: missing; a table [[code]] for each code"),
        ("", 1, "code: missing; a table [[code]] for each code"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_by_file_line_key_value_and_what_to_do(written, text, line, reason):
    place = written(text)
    with pytest.raises(ConfigError) as error:
        map_codes(place)
    assert str(error.value) == f"{place}:{line}: {reason}"
    assert error.value.code == "CONFIG_KEY"


def test_every_mistake_is_said_in_the_order_of_the_lines(written):
    place = written(
        '[[code]]\ncode="A"\nsignal="x"\n[[code]]\nsignal="cvp"\n[[code]]\nkode="B"\nsignal="y"\n'
    )
    with pytest.raises(ConfigError) as error:
        map_codes(place)
    said = str(error.value).splitlines()
    assert [line.split(":")[1] for line in said] == ["6", "7", "10"]


def test_a_map_that_is_no_toml_says_the_line(written):
    place = written("[[code]\n")
    with pytest.raises(ConfigError, match="line 4") as error:
        map_codes(place)
    assert place in str(error.value)
    assert error.value.code == "CONFIG_SYNTAX"


def test_a_map_is_read_once_whatever_becomes_of_the_file(written):
    place = written('[[code]]\nsystem="L"\ncode="P"\nsignal="art_map"\n')
    [first] = rows(place, observed("P^^L"))
    written('[[code]]\nsystem="L"\ncode="P"\nsignal="cvp"\n')
    [changed] = rows(place, observed("P^^L"))
    Path(place).unlink()
    [gone] = rows(place, observed("P^^L"))
    assert {first.signal, changed.signal, gone.signal} == {"art_map"}


@pytest.mark.parametrize(
    ("place", "named"),
    [
        ("femorl", "'femorl': a path that ends in .toml, or one of .*femoral"),
        ("/nowhere/codes.toml", "/nowhere/codes.toml: No such file"),
    ],
)
def test_a_map_that_is_not_there(place, named):
    with pytest.raises(ConfigError, match=named):
        site_codes({}, place)


def test_a_map_that_is_not_text(tmp_path):
    path = tmp_path / "codes.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        map_codes(str(path))


@pytest.mark.parametrize("given", [[7], 7, {"a": 1}, True])
def test_an_option_that_is_no_place(given):
    with pytest.raises(ConfigError, match=r"a name, a path that ends in \.toml"):
        site_codes({}, given)


@given(
    st.lists(
        st.builds(
            SiteCode,
            st.sampled_from(["art_map", "lactate"]),
            st.sampled_from(["", "A", "B"]),
            st.sampled_from(["", "L"]),
            st.sampled_from(["", "n"]),
            st.sampled_from(["", "1.2.1"]),
        ),
        max_size=6,
    ),
    st.text(alphabet="AB^Ln ", max_size=8),
    st.sampled_from(["", "1.2.1", "1"]),
)
def test_any_codes_and_any_field_give_a_meaning_of_the_site_or_none(entries, obx3, channel):
    found = CodeTable(entries).find(obx3, channel)
    assert found.signal in {None, *(entry.signal for entry in entries)}


def test_a_name_that_the_wire_leaves_out_is_no_contradiction():
    [row] = rows("femoral", observed("150651^^MDC"))
    assert isinstance(row, Reading)
    assert row.source == "150651^^MDC"
