"""The page docs/reference/mqtt.md tells the truth about topics, keys and settings."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from notify_scenario import check, schema

from monitor_daemon.control.requests import ExemptRequest, OverrideRequest, Request
from monitor_daemon.notify.settings import BrokerSettings

PAGE = (Path(__file__).parents[3] / "docs/reference/mqtt.md").read_text()
EXAMPLES = dict(re.findall(r"```json (\w+)\n(.*?)```", PAGE, re.DOTALL))
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
SCHEMAS = sorted(
    path.name.removesuffix(".json")
    for path in (files("monitor_daemon.notify") / "schemas").iterdir()
)


def test_there_is_an_example_for_every_schema():
    assert sorted(EXAMPLES) == SCHEMAS


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_example_fits_its_schema_and_has_every_key(name):
    example = json.loads(EXAMPLES[name])
    check(name, example)
    assert set(example) == set(schema(name)["properties"])


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_and_every_allowed_word_is_explained(name):
    (section,) = (text for text in SECTIONS.values() if f"```json {name}\n" in text)
    if name == "alert":
        section += next(text for text in SECTIONS.values() if "```json event\n" in text)
    tables = " ".join(line for line in section.splitlines() if line.startswith("|"))
    explained = set(re.findall(r"`(\w+)`", tables))
    assert words_of(schema(name)) <= explained


def words_of(node):
    """Names of properties and enumerated words anywhere in a schema."""
    properties = node.get("properties", {})
    children = [*properties.values(), *([node["items"]] if "items" in node else [])]
    return set(properties) | set(node.get("enum", ())).union(*map(words_of, children))


def test_every_command_is_listed_with_its_fields():
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (.*) \|$", SECTIONS["commands and replies"], re.MULTILINE
    )
    listed = {command: (fields(text), optional(text)) for command, text in rows}
    assert set(listed) == {kind.__struct_config__.tag for kind in get_args(Request)}
    for kind in get_args(Request):
        named, left_out = listed[kind.__struct_config__.tag]
        assert named == set(kind.__struct_fields__) - {"actor", "request_id"}, kind
        if kind not in {ExemptRequest, OverrideRequest}:  # these have two forms
            given = {f.name for f in msgspec.structs.fields(kind) if not f.required}
            assert left_out == given - {"actor", "request_id"}, kind


def fields(text):
    return {word for code in re.findall(r"`([^`]*)`", text) for word in re.findall(r"\w+", code)}


def optional(text):
    return {word for part in re.findall(r"\[(.*?)\]", text) for word in part.split()}


def test_every_broker_setting_is_explained():
    explained = set(re.findall(r"`(\w+)`", SECTIONS["Settings of the broker"]))
    assert set(BrokerSettings.model_fields) <= explained


def test_every_line_of_the_log_is_explained():
    sources = [
        files("monitor_daemon.notify") / f"{name}.py" for name in ("mqtt", "broker", "roster")
    ]
    pattern = r"(?:log\.(?:warning|error|exception)|\bsay\)?)\(\s*\"([^\"]+)\""
    said = {line for source in sources for line in re.findall(pattern, source.read_text())}
    listed = re.findall(r"^\| `([^`]+)`", SECTIONS["Lines of the log"], re.MULTILINE)
    assert {"broker unreachable", "message set aside", "embedded broker"} <= said
    assert sorted(listed) == sorted(said)
