"""Protocol files: the packaged one, every kind of mistake, and the hash of the numbers."""

import re
import tomllib

import pytest
from bedside import PERSONALISE, VERSION
from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.core import protocol_file
from monitor_daemon.core.errors import ConfigError
from monitor_daemon.core.events import MINUTE
from monitor_daemon.core.protocol import parse
from monitor_daemon.core.rules import kinds
from monitor_daemon.core.toml_text import Places, TomlFileError

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
    "syntax": ("[arms.low]", "[arms.low", ["site.toml:8:10: ", "Expected ']'"]),
    "duplicate key": ("limit = 50", "limit = 50\nlimit = 55", ["site.toml:11:1: ", "twice"]),
    "duplicate table": ("[arms.high]", "[arms.low]", ["site.toml:12:1: ", "twice"]),
    "unclosed list": ("sustain = 10\n", "sustain = [10", ["site.toml:25:14: ", "Unclosed array"]),
    "unknown table": ("[arms.high]", "[parametres]\n[arms.high]", ["parametres", "parameters?"]),
    "no parameters": ("[parameters]", "[arms.x]", ["[parameters]", "missing"]),
    "unknown key of the head": ("title = \"A", "titel = \"A", ["protocol", "titel", "mean title?"]),
    "no title": ('title = "A small protocol"', "", ["protocol.title", "missing"]),
    "version is a number": ('version = "1"', "version = 1", ["protocol.version", "text"]),
    "unknown first phase": ('"ACTIVE"\n\n[arms', '"ACTVE"\n\n[arms', ["first_phase", "ACTIVE?"]),
    "arm is no table": ("[arms.low]\ntitle", "[arms]\nlow = 1\n[x]\ntitle", ["x"]),
    "arm sets an unknown parameter": ("limit = 50", "limits = 50", ["arms.low", "limit?"]),
    "arm sets a text": ("limit = 50", 'limit = "50"', ['limit = "50"', "without quotes: 50"]),
    "parameter is a text": ("margin = 2.5", 'margin = "2.5"', ["parameters.margin", "number"]),
    "parameter is a list": ("margin = 2.5", "margin = [2]", ["parameters.margin", "[2]"]),
    "parameter is nan": ("margin = 2.5", "margin = nan", ["parameters.margin = nan", "number"]),
    "arm sets true for a number": ("limit = 50", "limit = true", ["arms.low.limit", "a number"]),
    "title of an arm is a number": ('title = "Low"', "title = 1", ["arms.low.title", "text"]),
    "blinded with two arms": ("version", "blinded = true\nversion",
                              ["protocol.blinded = true", "one arm", "low, high"]),
    "blinded is a word": ("version", 'blinded = "no"\nversion', ["protocol.blinded", "true or"]),
    "held words are one": ("version", 'held_words = "x"\nversion', ["held_words", "list of words"]),
    "parameter is infinite": ("margin = 2.5", "margin = inf", ["parameters.margin", "inf"]),
    "rule is no table": ("[rules.MAP_LOW]", "[rules]\nX = 1\n[rules.MAP_LOW]", ["rules.X"]),
    "unknown kind": ('"map_low"', '"map_lo"', ["MAP_LOW.kind", "map_lo", "mean map_low?"]),
    "no kind": ('kind = "map_low"', "", ["MAP_LOW.kind", "map_low"]),
    "kind is a list": ('kind = "map_low"', 'kind = ["map_low"]', ["MAP_LOW.kind", "map_low"]),
    "no clause": ('clause = "1"', "", ["MAP_LOW.clause", "missing"]),
    "unknown class": ('"attention"', '"alarm"', ["MAP_LOW.class", "attention, info, urgent"]),
    "no phases": ('phases = ["ACTIVE"]', "", ["MAP_LOW.phases", "missing", "RESUS"]),
    "empty phases": ('phases = ["ACTIVE"]', "phases = []", ["MAP_LOW.phases", "RESUS"]),
    "unknown phase": ('["ACTIVE"]', '["ACTIVE", "RESU"]',
                      ['site.toml:22:21: rules.MAP_LOW.phases[1] = "RESU": ', "mean RESUS?"]),
    "phases in a list": ('phases = ["ACTIVE"]', 'phases = [["ON"]]', ["MAP_LOW.phases", "RESUS"]),
    "unknown option": ("sustain = 10", "sustian = 10", ["MAP_LOW", "sustian", "mean sustain?"]),
    "option missing": ('margin = "margin"', "", ["MAP_LOW.margin", "missing", "map_low"]),
    "option names no parameter": ('= "margin"', '= "margni"', ["MAP_LOW.margin", "margin?"]),
    "option is a table": ('= "margin"', "= {a = 1}", ["MAP_LOW.margin", "parameter"]),
    "sum names no parameter": ('"limit", 15', '"lmit", 15', ["MAP_LOW.grace", "lmit", "limit?"]),
    "option is infinite": ("sustain = 10", "sustain = inf", ["MAP_LOW.sustain", "inf"]),
    "option is a quoted number": ('= "margin"', '= "2.5"', ["without quotes: 2.5"]),
    "option is a date": ("sustain = 10", "sustain = 1979-05-27", ["MAP_LOW.sustain = 1979-05-27"]),
    "sustain is negative": ("sustain = 10", "sustain = -1", ["MAP_LOW.sustain", "0 or more"]),
    "option is negative": ("grace = [", "grace = -1 #", ["MAP_LOW.grace = -1", "0 or more"]),
    "option is true": ("grace = [", "grace = true #", ["MAP_LOW.grace = true", "must be a number"]),
    "parameter of an option is negative": ("margin = 2.5", "margin = -2.5",
        ["site.toml:16:10: parameters.margin = -2.5", "0 or more, for rules.MAP_LOW.margin"]),
    "parameter of an option is true": ("margin = 2.5", "margin = true",
        ["MAP_LOW.margin", "parameter margin is true, here it must be a number"]),
    "arm sets a negative number": ("limit = 50", "limit = -50",
        ["site.toml:10:9: arms.low.limit = -50", "0 or more, for rules.MAP_LOW.grace"]),
    "only_if names a number": ("sustain = 10", 'only_if = "limit"',
        ["only_if", "parameter limit is 60, here it must be true or false"]),
    "attention_to without a time": ("sustain = 10", 'attention_to = ["coordinator"]',
        ["attention_to", "attention_after is missing"]),
    "nobody to escalate to": ("sustain = 10", "escalate_after = 5",
                              ["site.toml:25:1: ", "escalate_to is missing", "charge_nurse"]),
    "unknown role": ("sustain = 10", 'notify = ["nurse"]', ["notify[0]", "charge_nurse"]),
    "notify is a word": ("sustain = 10", 'notify = "bedside"', ["notify", "a list out of bedside"]),
    "notified half a time": ("sustain = 10", "notify_times = 0.5", ["notify_times", "whole"]),
    "only_if is a list": ("sustain = 10", 'only_if = ["limit"]', ["only_if", "a parameter"]),
    "only_if names nothing": ("sustain = 10", 'only_if = "limi"', ["only_if", "mean limit?"]),
    "told in every minute": ("sustain = 10", "notify_again = 0", ["notify_again = 0", "leave it"]),
    "patients begin at the end": ('"ACTIVE"\n\n[arms', '"ENDED"\n\n[arms',
        ["first_phase", "allowed: ACTIVE, RESUS"]),
    "id that is no name": ('id = "small"', 'id = "a trial"', ['id = "a trial"', "letters"]),
    "empty id": ('id = "small"', 'id = ""', ["protocol.id", "letters"]),
    "version that cannot follow an id": ('version = "1"', 'version = "a@b"',
        ['protocol.version = "a@b"', "no @"]),
    "arm that is no name": ("[arms.low]", '[arms."low MAP"]',
        ["site.toml:8:7: arms.low MAP: ", "letters"]),
    "rule that is no name": ("[rules.MAP_LOW]", '[rules."MAP LOW"]', ["MAP LOW: ", "letters"]),
    "rules are an array": ("[rules.MAP_LOW]", "[[rules.MAP_LOW]]",
        ["site.toml:18:9: rules.MAP_LOW: ", "a table, [rules.MAP_LOW]"]),
    "byte order mark": ("\n[protocol]", "\ufeff\n[protocol]", ["site.toml:1:1: ", "order mark"]),
    "attention_after is a text": ("sustain = 10", 'attention_after = "9"', ["attention_after"]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("ach_frac = 0.80", "ach_frac = 80", "parameters.ach_frac = 80: must be a share, 0 to 1"),
        ("source_dose = 0.1 ", "source_dose = 10 ", "parameters.source_dose = 10: must be a share"),
        ("low_sustain = 10", "low_sustain = -10", "parameters.low_sustain = -10: must be minutes"),
        ('"require_map_at_level"', '"step"', "parameter step is 5, here it must be true or false"),
        ("crt_valid = 30", "crt_valid = true", "crt_valid is true, here it must be a number"),
    ],
)
def test_a_number_that_its_rule_cannot_mean_is_named(written, instead, said):
    with pytest.raises(TomlFileError) as caught:
        read(PERSONALISE.replace(written, instead))
    assert said in str(caught.value)


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_protocol_file_is_named_with_file_key_and_what_to_do(mistake):
    old, new, words = WRONG[mistake]
    assert SMALL.count(old) >= 1
    with pytest.raises(ConfigError) as caught:
        read(SMALL.replace(old, new, 1)).for_arm("low")
    for word in ["site.toml", *words]:
        assert word in str(caught.value)


def remarks(text):
    with pytest.raises(TomlFileError) as caught:
        read(text)
    return caught.value.remarks


def test_a_mistake_is_shown_with_its_line_and_carets_below_the_value():
    (remark,) = remarks(SMALL.replace('margin = "margin"', 'margin = "margn"'))
    assert str(remark) == (
        'site.toml:23:10: rules.MAP_LOW.margin = "margn":'
        " parameter 'margn' is not known; did you mean margin?"
    )
    assert remark.excerpt == '     23 | margin = "margn"\n        |          ^^^^^^^'


def test_every_mistake_of_a_file_is_said_in_the_order_of_the_file():
    text = SMALL
    for old, new in [
        ('id = "small"', "id = 7"),
        ("limit = 50", "limits = 50"),
        ("margin = 2.5", "margin = nan"),
        ('kind = "map_low"', 'kind = "map_lo"'),
        ('class = "attention"', 'class = "alarm"'),
    ]:
        text = text.replace(old, new)
    found = remarks(text)
    assert [(r.line, r.column, r.code) for r in found] == [
        (3, 6, "CONFIG_PROTOCOL"),
        (10, 1, "CONFIG_PARAMETER"),
        (16, 10, "CONFIG_PARAMETER"),
        (19, 8, "CONFIG_RULE"),
        (21, 9, "CONFIG_RULE"),
    ]


def test_a_missing_option_is_shown_at_the_head_of_its_rule():
    (remark,) = remarks(SMALL.replace('margin = "margin"\n', ""))
    assert (remark.line, remark.source[remark.column - 1 :]) == (18, "MAP_LOW]")
    assert remark.reason == "rules.MAP_LOW.margin: missing; rules of kind map_low need it"


def test_without_parameters_no_name_of_one_is_called_wrong():
    assert [r.reason for r in remarks(SMALL.replace("[parameters]", "[parametre]"))] == [
        "parameters: missing; a table [parameters]",
        "parametre: key 'parametre' is not known; did you mean parameters?",
    ]


def doubts(text):
    return [(w.code, w.line) for w in protocol_file.read(text, kinds(), "site.toml").warnings]


def test_what_is_hardly_meant_is_a_warning_and_no_mistake():
    assert doubts(SMALL) == []
    assert doubts(SMALL.replace("margin = 2.5", "margin = 2.5\nspare = 1")) == [
        ("CONFIG_UNUSED", 17)
    ]
    assert doubts(SMALL.replace("limit = 50", "limit = 60")) == [("CONFIG_SAME_ARM", 12)]
    urgent = SMALL.replace('"attention"', '"urgent"')
    assert doubts(urgent) == [("CONFIG_UNTOLD", 18)]
    told = 'escalate_after = 5\nescalate_to = ["physician"]\n'
    assert doubts(urgent + told) == []
    assert doubts(urgent + told + "notify = []\n") == [("CONFIG_UNTOLD", 28)]


def test_the_packaged_protocol_gives_no_warning():
    assert doubts(PERSONALISE) == []


# Any TOML value as people write it, and what tomllib must make of its text again.
scalar = st.one_of(
    st.integers(-99, 99).map(str),
    st.sampled_from(["true", "1.5e3", "nan", "1979-05-27", "1979-05-27 07:32:00Z", "07:32:00"]),
    st.sampled_from(['""', '"a # b"', '"\\" ]"', "'x \\'", '"""a\n" ] #\n"""', "''", "'''b\n''''"]),
)
value = st.recursive(
    scalar,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[ " + " ,\n # ]\n".join(items) + " ]"),
        st.lists(inner, max_size=3).map(
            lambda items: "{" + ", ".join(f"k{n} = {v}" for n, v in enumerate(items)) + "}"
        ),
    ),
    max_leaves=6,
)


heads = st.sampled_from([
    "", "[t{}]\n", '["a.b" . c{}] # c\n', "[ x.y{} ]\n", "[[a]]\n", "[[a]]\n[a.t]\n",
    "[[ n . m ]] # c\n[[n.m.l]]\n[[n.m.l]]\n",
])  # fmt: skip


@given(st.lists(st.tuples(heads, value)))
def test_every_key_of_a_file_has_its_place(parts):
    text = "".join(
        f"{head.format(n)}p{n}.'q' = {shown} # c\n" for n, (head, shown) in enumerate(parts)
    )
    document = tomllib.loads(text)
    places = Places(text, "x.toml")
    shown = [path for path in places.values if path[-1] == "q"]
    assert len(shown) == len(parts)
    for path, (start, end) in places.values.items():
        found = document
        for key in path:
            found = found[key]
        again = tomllib.loads(f"v = {text[start:end]}")["v"]
        assert again == found or str(again) == str(found)


def test_a_protocol_needs_an_arm():
    with pytest.raises(ConfigError, match=r"site\.toml:8:2: arms: at least one arm"):
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
        last = text.count("\n") + 1
        places = [re.match(r"site\.toml:(\d+):\d+: ", line) for line in str(error).splitlines()]
        named = all(place and 1 <= int(place[1]) <= last for place in places)
    else:
        named = all(protocol.for_arm(arm).rules for arm in protocol.arms)
    assert named
