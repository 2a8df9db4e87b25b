"""Protocol files: the packaged one, every kind of mistake, and the hash of the numbers."""

import re
import tomllib

import pytest
from bedside import PERSONALISE, VERSION
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.protocol import parse
from monitor_daemon.core.rules import kinds

SMALL = """
[protocol]
id = "small"
version = "1"
title = "A small protocol"
first_phase = "ACTIVE"

[arms.low]
title = "Low"
limit = 50

[arms.high]

[parameters]
limit = 60
margin = 2.5

[rules.MAP_LOW]
kind = "map_low"
clause = "1"
class = "attention"
phases = ["ACTIVE"]
margin = "margin"
grace = ["limit", 15]
sustain = 10
"""


def read(text):
    return parse(text, kinds(), "site.toml")


def rule(rules, name):
    return next(r for r in rules.rules if r.name == name)


def test_the_packaged_arms_are_those_of_the_registry():
    protocol = read(PERSONALISE)
    arms = {arm: protocol.for_arm(arm).parameters for arm in protocol.arms}
    assert {arm: (p["permissive"], p["vp_threshold"]) for arm, p in arms.items()} == {
        "permissive_vp01": (True, 0.1),
        "usual_vp01": (False, 0.1),
        "permissive_vp03": (True, 0.3),
        "usual_vp03": (False, 0.3),
    }
    assert (protocol.id, protocol.version) == ("personalise", VERSION)
    assert protocol.first_phase == "RESUS"


def test_the_packaged_parameters_are_the_defaults_of_the_reference():
    expected = {
        "ach_window": 10, "ach_valid": 8, "ach_frac": 0.80, "ach_map": 65, "resus_overdue": 60,
        "step": 5, "floor": 50, "crt_threshold": 3.0, "crt_valid": 30, "dwell": 30,
        "require_map_at_level": True, "stepup_dwell": 30, "rechallenge_lockout": 120,
        "crt_abnormal_confirm": 1, "crt_first": 30, "crt_after_normal": 60,
        "crt_after_normal_late": 120, "crt_after_abnormal": 30, "crt_overdue": 30, "tol_low": 2,
        "tol_high": 5, "low_sustain": 10, "low_grace": 15, "high_sustain": 15, "high_grace": 30,
        "clear_sustain": 3, "floor_bins": 3, "severe_map": 40, "severe_bins": 1, "vp_sustain": 15,
        "vp_grace": 30, "vp_reset": 5, "vp_confirm": 5, "vp_lookback": 30, "vp_meet": 5,
        "vp_requires_map_not_over": True, "map_gap": 5, "off_pressor": 60, "protocol_end": 72,
    }  # fmt: skip
    parameters = read(PERSONALISE).parameters
    assert {name: parameters[name] for name in expected} == expected


def test_options_are_numbers_parameters_or_sums():
    map_low = rule(read(SMALL).for_arm("low"), "MAP_LOW")
    assert map_low.options == {"margin": 2.5, "grace": 65, "sustain": 10}
    assert map_low.timing.sustain == 10 * MINUTE
    assert rule(read(SMALL).for_arm("high"), "MAP_LOW").options["grace"] == 75


def test_late_vasopressin_is_45_minutes_after_the_dose_was_reached():
    assert rule(read(PERSONALISE).for_arm("usual_vp01"), "VP_LATE").timing.sustain == 45 * MINUTE


WRONG = {
    "syntax": ("[arms.low]", "[arms.low", ["line"]),
    "unknown table": ("[arms.high]", "[parametres]\n[arms.high]", ["parametres", "parameters?"]),
    "no parameters": ("[parameters]", "[arms.x]", ["[parameters]", "missing"]),
    "unknown key of the head": ("title = \"A", "titel = \"A", ["protocol", "titel", "mean title?"]),
    "no title": ('title = "A small protocol"', "", ["protocol.title", "missing"]),
    "version is a number": ('version = "1"', "version = 1", ["protocol.version", "text"]),
    "unknown first phase": ('"ACTIVE"\n\n[arms', '"ACTVE"\n\n[arms', ["first_phase", "ACTIVE?"]),
    "arm is no table": ("[arms.low]\ntitle", "[arms]\nlow = 1\n[x]\ntitle", ["x"]),
    "arm sets an unknown parameter": ("limit = 50", "limits = 50", ["arms.low", "limit?"]),
    "arm sets a text": ("limit = 50", 'limit = "50"', ["arms.low.limit", "'50'", "number"]),
    "parameter is a text": ("margin = 2.5", 'margin = "2.5"', ["parameters.margin", "number"]),
    "parameter is a list": ("margin = 2.5", "margin = [2]", ["parameters.margin", "[2]"]),
    "parameter is nan": ("margin = 2.5", "margin = nan", ["parameters.margin", "nan"]),
    "parameter is infinite": ("margin = 2.5", "margin = inf", ["parameters.margin", "inf"]),
    "rule is no table": ("[rules.MAP_LOW]", "[rules]\nX = 1\n[rules.MAP_LOW]", ["rules.X"]),
    "unknown kind": ('"map_low"', '"map_lo"', ["MAP_LOW.kind", "map_lo", "mean map_low?"]),
    "no kind": ('kind = "map_low"', "", ["MAP_LOW.kind", "map_low"]),
    "kind is a list": ('kind = "map_low"', 'kind = ["map_low"]', ["MAP_LOW.kind", "map_low"]),
    "no clause": ('clause = "1"', "", ["MAP_LOW.clause", "missing"]),
    "unknown class": ('"attention"', '"alarm"', ["MAP_LOW.class", "attention, info, urgent"]),
    "no phases": ('phases = ["ACTIVE"]', "", ["MAP_LOW.phases", "RESUS"]),
    "empty phases": ('phases = ["ACTIVE"]', "phases = []", ["MAP_LOW.phases", "RESUS"]),
    "unknown phase": ('phases = ["ACTIVE"]', 'phases = ["ON"]', ["MAP_LOW.phases", "RESUS"]),
    "phases in a list": ('phases = ["ACTIVE"]', 'phases = [["ON"]]', ["MAP_LOW.phases", "RESUS"]),
    "unknown option": ("sustain = 10", "sustian = 10", ["MAP_LOW", "sustian", "mean sustain?"]),
    "option missing": ('margin = "margin"', "", ["MAP_LOW.margin", "missing", "map_low"]),
    "option names no parameter": ('= "margin"', '= "margni"', ["MAP_LOW.margin", "margin?"]),
    "option is a table": ('= "margin"', "= {a = 1}", ["MAP_LOW.margin", "parameter"]),
    "sum names no parameter": ('"limit", 15', '"lmit", 15', ["MAP_LOW.grace", "lmit", "limit?"]),
    "option is infinite": ("sustain = 10", "sustain = inf", ["MAP_LOW.sustain", "inf"]),
    "attention_after is a text": ("sustain = 10", 'attention_after = "9"', ["attention_after"]),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_protocol_file_is_named_with_file_key_and_what_to_do(mistake):
    old, new, words = WRONG[mistake]
    assert SMALL.count(old) >= 1
    with pytest.raises(ConfigError) as caught:
        read(SMALL.replace(old, new, 1)).for_arm("low")
    for word in ["site.toml", *words]:
        assert word in str(caught.value)


def test_a_protocol_needs_an_arm():
    with pytest.raises(ConfigError, match=r"site\.toml: arms: at least one arm"):
        read(re.sub(r"\[arms\.low\].*\[arms\.high\]", "[arms]", SMALL, flags=re.DOTALL))


def test_an_unknown_arm_gets_a_suggestion():
    with pytest.raises(ConfigError, match=r"'usual_vp1' is not known; did you mean usual_vp01\?"):
        read(PERSONALISE).for_arm("usual_vp1")


def test_an_unknown_override_gets_a_suggestion():
    with pytest.raises(ConfigError, match=r"'flor' is not known; did you mean floor\?"):
        read(PERSONALISE).for_arm("usual_vp01", {"flor": 55.0})


def test_the_hash_changes_with_every_parameter():
    protocol = read(PERSONALISE)
    hashes = {protocol.for_arm("usual_vp01").params_hash}
    for name, value in protocol.parameters.items():
        other = not value if isinstance(value, bool) else value + 0.5
        hashes.add(protocol.for_arm("usual_vp01", {name: other}).params_hash)
    # `permissive` and `vp_threshold` differ by arm, and are changed here from their defaults.
    unchanged = sum(
        protocol.arms["usual_vp01"].get(name)
        == (not value if isinstance(value, bool) else value + 0.5)
        for name, value in protocol.parameters.items()
    )
    assert len(hashes) == 1 + len(protocol.parameters) - unchanged


def test_the_hash_changes_with_a_number_inside_a_rule_and_with_version_and_arm():
    texts = [
        SMALL,
        SMALL.replace("sustain = 10", "sustain = 11"),
        SMALL.replace('version = "1"', 'version = "2"'),
        SMALL.replace('class = "attention"', 'class = "urgent"'),
    ]
    hashes = [read(text).for_arm(arm).params_hash for text in texts for arm in ("low", "high")]
    assert len(set(hashes)) == len(hashes)


def test_the_hash_does_not_change_with_the_order_of_the_file():
    shuffled = SMALL.replace("limit = 60\nmargin = 2.5", "margin = 2.5\nlimit = 60")
    shuffled = shuffled.replace(
        'clause = "1"\nclass = "attention"', 'class = "attention"\nclause = "1"'
    )
    head, rest = shuffled.split("[arms.low]")
    arms, rules = rest.split("[rules.MAP_LOW]")
    shuffled = head + "[rules.MAP_LOW]" + rules + "[arms.low]" + arms
    assert tomllib.loads(shuffled) == tomllib.loads(SMALL)
    assert read(shuffled).for_arm("low").params_hash == read(SMALL).for_arm("low").params_hash


lines = PERSONALISE.splitlines()
junk = st.sampled_from(
    ["", "[", "x = 1", "kind = 7", 'kind = ["a"]', "phases = [[1]]", "floor = nan", "sustain = inf",
     'attention_after = "a"', "margin = 1e400", "lapse = -1e308", "step = 1979-05-27", "late = {}",
     'class = "x"', "[rules.X]", "[arms]", "clause = 1", "first_phase = 5", "sustain = [[1]]"]
)  # fmt: skip


@given(st.integers(0, len(lines)), st.integers(0, 2), junk)
def test_any_damage_to_a_file_is_a_clear_error_or_still_a_protocol(at, removed, inserted):
    text = "\n".join([*lines[:at], inserted, *lines[at + removed :]])
    try:
        protocol = read(text)
    except ConfigError as error:
        named = str(error).startswith("site.toml: ")
    else:
        named = all(protocol.for_arm(arm).rules for arm in protocol.arms)
    assert named
