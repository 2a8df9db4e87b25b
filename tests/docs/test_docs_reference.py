"""What people see of the program stands in its manual, and nothing else does."""

import ast
import re
import tomllib
from typing import get_args

import pytest
from command_tree import arguments, commands, options, required
from docs_pages import ROOT, first_cells, reference, rows, sections, ticked
from error_codes import codes
from machine_tables import rendered
from pydantic import BaseModel

from drivers.kit import link_state
from monitor_daemon.config import SiteConfig
from monitor_daemon.core import condition, response, vocabulary
from monitor_daemon.core.commands.checks import ENTRIES
from monitor_daemon.core.days import Day, summary
from monitor_daemon.core.ledger import CLASSES
from monitor_daemon.core.protocol import NOT_MONITORED
from monitor_daemon.core.rules import kinds
from monitor_daemon.core.rules.crt import Hold
from monitor_daemon.notify.words import read

COMMANDS = commands()
ALERTS = sections(reference("alerts"), 2)


def protocol(name):
    return tomllib.loads((ROOT / f"config/protocols/{name}.toml").read_text(encoding="utf-8"))


OURS = [protocol("argipressin"), protocol("personalise")]
#: The rules and parameters of both trials; what they share is explained as personalise has it.
RULES = {name: rule for each in OURS for name, rule in each["rules"].items()}
PARAMETERS = {name for each in OURS for name in each["parameters"]}


def test_the_commands_are_those_of_the_manual():
    assert set(sections(reference("commands"), 3)) == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_and_argument_of_a_command_is_explained(command):
    section = sections(reference("commands"), 3)[command]
    explained = {word.split(" ")[0] for word in first_cells(section) if word.startswith("--")}
    common = {"--socket", "--actor"} & options(COMMANDS[command])
    assert explained | common == options(COMMANDS[command])
    for argument in arguments(COMMANDS[command]):
        assert re.search(rf"`{command}\b[^`]*\b{argument}\b", section), argument


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_is_called_required_if_it_is(command):
    section = sections(reference("commands"), 3)[command]
    called = {ticked(row[0])[0].split(" ")[0] for row in rows(section) if "required" in row[1]}
    assert called == required(COMMANDS[command])


def test_what_can_be_observed_is_listed_with_unit_and_range():
    section = sections(reference("commands"), 3)["observe"]
    listed = {ticked(row[0])[0]: row[1:] for row in rows(section) if "--" not in row[0]}
    assert listed.keys() == ENTRIES.keys()
    for kind, (unit, low, high) in ENTRIES.items():
        assert listed[kind][0] == unit
        assert listed[kind][1].split(";")[0].removesuffix(" |") == f"{low:g} to {high:g}"


def models():
    """Section of the configuration to its model; the keys above all sections are `drugs`."""
    for key, field in SiteConfig.model_fields.items():
        parts = [field.annotation, *getattr(field.annotation, "__args__", ())]
        model = next((p for p in parts if isinstance(p, type) and issubclass(p, BaseModel)), None)
        yield key, model


def test_every_key_of_the_configuration_is_explained():
    found = {
        key: first_cells(text) for key, text in sections(reference("configuration"), 2).items()
    }
    expected = {
        key: [key] if model is None else list(model.model_fields) for key, model in models()
    }
    assert {key: sorted(keys) for key, keys in found.items()} == {
        key: sorted(keys) for key, keys in expected.items()
    }


def test_a_key_is_called_required_if_it_is():
    for key, text in sections(reference("configuration"), 2).items():
        model = dict(models())[key]
        if model is None:
            continue
        for row in rows(text):
            field = model.model_fields[ticked(row[0])[0]]
            assert (row[1] == "required") == field.is_required(), (key, row[0])


def test_the_error_codes_are_those_of_the_manual():
    listed = first_cells(reference("errors"))
    assert sorted(listed) == sorted(codes())


def flat(value):
    return [part for item in value for part in flat(item)] if isinstance(value, list) else [value]


def alert_heading(rule):
    """Class, clause, phases and parameters of a rule as its section must begin."""
    phases = ", ".join(rule["phases"])
    timing = {"sustain", "lapse", "clear_sustain"}
    head = set(first_cells(sections(reference("protocols"), 2)["Rules"])) - timing
    names = {n for k, v in rule.items() if k not in head for n in flat(v) if isinstance(n, str)}
    return f"`{rule['class']}`, clause {rule['clause']}, phases {phases}. Parameters:", names


SILENT = set(first_cells(ALERTS["Rules that raise nothing"]))


@pytest.mark.parametrize("rule", sorted(set(RULES) - SILENT))
def test_an_alert_is_explained_with_class_clause_phases_and_parameters(rule):
    beginning, names = alert_heading(RULES[rule])
    first = " ".join(ALERTS[rule].strip().split("\n\n")[0].split())
    assert first.startswith(beginning)
    rest = first.removeprefix(beginning)
    assert set(ticked(rest)) == names
    assert names or rest.strip() == "none."


def test_every_parameter_that_an_alert_names_exists():
    known = PARAMETERS
    a_day, record = summary(Day(0, 0, 1, 0), 1), set(said("log"))
    for text in ALERTS.values():
        named = {word for word in ticked(text) if re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", word)}
        assert named <= known | record | {"dose_known", *ENTRIES, *a_day}


def test_the_alerts_are_those_of_the_protocol_and_of_the_texts():
    explained = {title for title in ALERTS if title.isupper()}
    assert explained == set(RULES) - SILENT | {NOT_MONITORED.name}
    assert explained == {name for name, text in read("en").items() if "raised" in text} - {"OTHER"}


def test_the_rules_that_raise_nothing_have_their_clause():
    assert {name for name in RULES if name not in {*read("en"), *ALERTS}} == SILENT
    for row in rows(ALERTS["Rules that raise nothing"]):
        assert row[1] == RULES[ticked(row[0])[0]]["clause"]


def said(method):
    """First arguments of every call of `method` in the core."""
    for path in (ROOT / "monitor_daemon/core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = getattr(node, "func", None)
            if method in {getattr(called, "id", None), getattr(called, "attr", None)}:
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant):
                    yield first.value


def test_holds_lines_of_the_record_and_minute_classes_are_listed():
    assert set(first_cells(ALERTS["Why a target was held"])) == set(get_args(Hold))
    record = {*said("log"), *said("Logged")}
    assert sorted(first_cells(ALERTS["Lines of the record that alert nobody"])) == sorted(record)
    assert first_cells(ALERTS["Classes of a minute"]) == list(CLASSES)


def test_every_kind_of_rule_is_explained_with_its_options():
    found = sections(reference("protocols"), 3)
    assert set(found) == set(kinds())
    for kind, wants in kinds().items():
        assert set(first_cells(found[kind])) == wants.options, kind
        assert found[kind].strip().startswith("Timed.") == wants.timed, kind


def test_rows_signals_qualities_and_statuses_are_listed():
    kinds_of_row = sections(reference("decode"), 3)
    expected = {row.__struct_config__.tag: list(row.__struct_fields__) for row in ROWS}
    found = {kind: first_cells(text) for kind, text in kinds_of_row.items()}
    assert {k: sorted(v) for k, v in found.items()} == {k: sorted(v) for k, v in expected.items()}
    pages = sections(reference("decode"), 2)
    units = {s: row[1] for row in rows(pages["Signals"]) for s in ticked(row[0])}
    assert units == dict(vocabulary.SIGNAL_UNITS)
    assert first_cells(pages["Quality"]) == list(vocabulary.QUALITY_ORDER)
    assert first_cells(pages["Status of an infusion"]) == list(vocabulary.PumpStatus)


ROWS = (
    vocabulary.Reading,
    vocabulary.Infusion,
    vocabulary.Alarm,
    vocabulary.Identity,
    vocabulary.Unmapped,
    vocabulary.Fault,
)


def test_every_topic_is_listed():
    source = " ".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "monitor_daemon/notify").glob("*.py")
    )
    used = set(re.findall(r"_root\}/([a-z]+)", source))
    listed = {word.split("/")[2] for word in first_cells(reference("mqtt")) if "monitor/" in word}
    assert used
    assert listed == used


MACHINES = {
    "The condition of an alert": (condition.TRANSITIONS, condition.State, condition.Sign),
    "The response to an alert": (response.TRANSITIONS, response.State, response.Signal),
    "A link": (link_state.TRANSITIONS, link_state.LinkState, link_state.LinkEvent),
}


@pytest.mark.parametrize("machine", MACHINES)
def test_a_machine_is_shown_as_the_program_has_it(machine):
    section = sections(reference("machines"), 2)[machine]
    transitions, states, events = MACHINES[machine]
    assert rendered(transitions, states, events) in section
    assert first_cells(section) == [*states, *events]
