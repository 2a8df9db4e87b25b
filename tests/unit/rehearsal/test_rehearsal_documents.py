"""Every kind of wrong document fails with a sentence that says where, what and what to do."""

from pathlib import Path

import msgspec
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from rehearsal_documents import QUIET, differences, document
from typer.testing import CliRunner

from monitor_daemon import resources
from monitor_daemon.cli.rehearse import rehearse
from monitor_daemon.rehearsal.expected import KINDS
from monitor_daemon.rehearsal.parts import ScenarioError
from monitor_daemon.rehearsal.reader import make_scenario, read_documents
from monitor_daemon.rehearsal.scenario import Scenario

MANUAL = Path(__file__).parents[3] / "docs/reference/scenarios.md"

app = typer.Typer()
app.command()(rehearse)

WRONG = {
    "unknown key": (document(enb=60), "document: unknown key 'enb'; did you mean end?"),
    "unknown key inside": (
        document(map=[{"from": 0, "to": 9, "vlaue": 66}]),
        "map[0]: unknown key 'vlaue'; did you mean value?",
    ),
    "missing key": (
        {key: value for key, value in QUIET.items() if key != "arm"},
        "arm: missing; should be one of permissive_vp01, usual_vp01,",
    ),
    "wrong type": (document(end="noon"), "end = 'noon': should be a valid number"),
    "truth is no number": (document(end=True), "end = True: should be a valid number"),
    "not a number": (
        document(weight_kg=float("nan")),
        "weight_kg = nan: should be a finite number",
    ),
    "no list": (document(crt={"t": 1, "v": 2}), "crt: should be a valid list"),
    "no mapping": (document(crt=[2.0]), "crt[0] = 2.0: should be a mapping"),
    "unknown arm": (document(arm="usual_vp02"), "did you mean usual_vp03?"),
    "unknown trial": (document(trial="personalize"), "trial = 'personalize': should be "),
    "protocol file missing": (document(trial="x.toml"), "trial = 'x.toml': No such file"),
    "unknown parameter": (document(params={"flor": 55}), "did you mean floor?"),
    "parameter of a wrong kind": (
        document(params={"require_map_at_level": 1}),
        "params.require_map_at_level = 1: should be true or false",
    ),
    "parameter no number": (
        document(params={"floor": "high"}),
        "params.floor = 'high': should be a finite number",
    ),
    "unknown version": (
        document(versions=[{"t": -9, "version": "2020"}]),
        "versions[0].version = '2020': should be 2026-01-22.1",
    ),
    "no version in force": (
        document(versions=[{"t": 9, "version": "2026-01-22.1"}]),
        "versions: none is in force at randomisation, minute 0",
    ),
    "end before start": (document(start=60), "end 60 must be later than start 60"),
    "segment backwards": (
        document(map=[{"from": 9, "to": 9, "value": 66}]),
        "map[0]: from 9 must be earlier than to 9",
    ),
    "segment of two shapes": (
        document(map=[{"from": 0, "to": 9, "value": 66, "ramp": [60, 70]}]),
        "map[0]: give exactly one of value, pattern, ramp, none",
    ),
    "segment of no shape": (document(map=[{"from": 0, "to": 9}]), "map[0]: give exactly one of"),
    "ramp of three": (
        document(map=[{"from": 0, "to": 9, "ramp": [60, 70, 80]}]),
        "map[0].ramp = [60, 70, 80]: List should have at most 2 items",
    ),
    "none with a value beside it": (
        document(map=[{"from": 0, "to": 9, "none": True, "sys": 90, "dia": 50}]),
        "map[0]: none means no sample",
    ),
    "systolic alone": (
        document(map=[{"from": 0, "to": 9, "value": 66, "sys": 90}]),
        "map[0]: give sys and dia together",
    ),
    "unknown flag": (
        document(map=[{"from": 0, "to": 9, "flag": "flush"}]),
        "map[0].flag = 'flush': should be 'zeroing', 'lead_off' or 'static'",
    ),
    "unknown rate": (document(map_rate="2/s"), "map_rate = '2/s': should be '1/min' or '1/s'"),
    "negative rate": (
        document(ne=[{"t": 0, "rate": -1}]),
        "ne[0].rate = -1: should be greater than or equal to 0",
    ),
    "two events at once": (
        document(ne=[{"t": 0, "ch": "A", "rate": 1}], vp=[{"t": 0, "ch": "A", "rate": 2}]),
        "vp: channel A has two events at 0",
    ),
    "salt does not agree": (
        document(ne=[{"t": 0, "rate": 1, "conc": 100, "conc_salt": 100, "salt": "tartrate"}]),
        "ne[0]: conc 100 is not conc_salt 100 x 0.5016 = 50.16",
    ),
    "factor does not agree": (
        document(ne=[{"t": 0, "rate": 1, "conc": 50, "factor": 0.8, "salt": "tartrate"}]),
        "ne[0]: factor 0.8 is not that of tartrate (0.5016)",
    ),
    "unknown salt": (
        document(ne=[{"t": 0, "rate": 1, "conc": 50, "salt": "acetate"}]),
        "ne[0]: give factor, or as salt one of base, bitartrate",
    ),
    "salt strength alone": (
        document(ne=[{"t": 0, "rate": 1, "conc_salt": 100, "factor": 0.5}]),
        "ne[0]: conc_salt only describes the label: give conc",
    ),
    "another drug": (
        document(ne=[{"t": 0, "rate": 1, "drug": "EPINEPHRINE"}]),
        "ne: drug 'EPINEPHRINE' at 0 is epinephrine: move it to other",
    ),
    "units for a mass": (
        document(ne=[{"t": 0, "rate": 1, "conc": 1, "unit": "U/mL"}]),
        "ne: unit 'U/mL' at 0: norepinephrine is in ug/mL",
    ),
    "unknown unit": (document(ne=[{"t": 0, "rate": 1, "conc": 1, "unit": "mg"}]), "ne[0].unit"),
    "silent stranger": (
        document(pump_silent=[{"from": 0, "to": 9, "ch": "B"}]),
        "pump_silent[0].ch = 'B': no such channel; there are A",
    ),
    "entered before measured": (
        document(crt=[{"t": 9, "v": 2, "entered": 8}]),
        "crt[0]: entered 8 is before it was measured at 9",
    ),
    "weight without reason": (document(weight=[{"t": 9, "kg": 70}]), "weight[0].reason: missing"),
    "zero without offset": (
        document(clock={"zero": "2026-03-29T01:00:00"}),
        "clock: zero = '2026-03-29T01:00:00': give an offset",
    ),
    "zero no time": (document(clock={"zero": "noon"}), "clock: zero = 'noon': should be ISO 8601"),
    "zero no whole minute": (
        document(clock={"zero": "2026-03-29T01:00:30Z"}),
        "clock: zero = '2026-03-29T01:00:30Z': should be a whole minute",
    ),
    "unknown zone": (
        document(clock={"zone": "Mars/Base"}),
        "clock: zone = 'Mars/Base': should be an IANA name",
    ),
    "expected after the end": (
        document(expect=[{"t": 61, "raise": "MAP_LOW"}]),
        "document: expect raise MAP_LOW at 61: only 0 to 60 is judged",
    ),
    "two things on a line": (
        document(expect=[{"t": 1, "raise": "MAP_LOW", "clear": "MAP_LOW"}]),
        "expect[2]: give exactly one of raise, clear,",
    ),
    "misspelt in forbid": (
        document(forbid=["MAP_LWO"]),
        "forbid[0] = 'MAP_LWO': should be one of",
    ),
    "expected and forbidden": (
        document(forbid=["FLOOR"], expect=[{"t": 1, "raise": "FLOOR"}]),
        "document: FLOOR is both expected and forbidden",
    ),
    "correction without reason": (
        document(crt=[{"t": 20, "correct": 10, "v": 2}]),
        "crt[0]: a correction needs a reason",
    ),
    "correction before the measurement": (
        document(crt=[{"t": 9, "correct": 10, "v": 2, "reason": "typo"}]),
        "crt[0]: t 9 is before correct 10",
    ),
    "reason of an entry": (
        document(crt=[{"t": 9, "v": 2, "reason": "typo"}]),
        "crt[0]: reason belongs to a correction",
    ),
    "laboratory unit": (
        document(labs=[{"t": 0, "kind": "CI", "v": 2.5, "unit": "L/min"}]),
        "labs[0]: unit 'L/min': CI is in L/min/m2",
    ),
    "laboratory kind": (
        document(labs=[{"t": 0, "kind": "potassium", "v": 4}]),
        "labs[0].kind = 'potassium': should be 'lactate', 'CI', 'Na', 'CVP' or 'creatinine'",
    ),
    "result before its sample": (
        document(labs=[{"t": 5, "kind": "lactate", "v": 2, "available": 4}]),
        "labs[0]: available 4 is before t 5",
    ),
    "override of nothing": (
        document(override=[{"t": 5, "reason": "procedure"}]),
        "override[0]: give either target and reason, or lift: true",
    ),
    "association without bed": (document(associate=[{"t": 5}]), "associate[0].bed: missing"),
    "association ahead": (
        document(associate=[{"t": 5, "bed": "B2", "from": 6}]),
        "associate[0]: from 6 is later than t 5",
    ),
    "delivered before measured": (
        document(buffered=[{"from": 5, "to": 10, "deliver": 9}]),
        "buffered[0]: deliver 9 must not be earlier than to 10",
    ),
    "buffer of a stranger": (
        document(buffered=[{"from": 5, "to": 10, "deliver": 11, "ch": "B"}]),
        "buffered[0].ch = 'B': no such channel; there are A",
    ),
    "birthday": (
        document(birth_date="30.4.1958"),
        "birth_date = '30.4.1958': should be an ISO 8601 date",
    ),
    "verdict": (
        document(expect=[{"t": 1, "eligible": "perhaps"}]),
        "expect[2].eligible = 'perhaps': should be one of eligible, yes",
    ),
    "reason of a phase": (
        document(expect=[{"t": 1, "phase": "ACTIVE", "reason": "why"}]),
        "expect[2]: reason belongs to raise, clear, void, push, target, eligible",
    ),
    "end of a push": (
        document(expect=[{"t": 1, "push": "MAP_LOW", "to": 5}]),
        "expect[2]: to belongs to push (a role) or to retro (its end in minutes)",
    ),
    "channel of an alert": (
        document(expect=[{"t": 1, "raise": "MAP_LOW", "ch": "A"}]),
        "expect[2]: ch belongs to dose",
    ),
    "misspelt push": (
        document(expect=[{"t": 1, "no_push": "MAP_LWO"}]),
        "expect[2].no_push = 'MAP_LWO': should be one of",
    ),
    "unknown outcome": (document(outcomes={"free_days": 3}), "outcomes.free_days = 'free_days'"),
    "day": (document(days=[{"day": "D9", "hours": 24}]), "days[0].day"),
    "unknown minute class": (document(minutes={"INN": 3}), "minutes.INN = 'INN': should be 'IN',"),
    "endless": (document(end=1e9), "end = 1000000000.0: should be less than or equal to 200000"),
    "nobody is told": (
        document(expect=[{"t": 5, "push": "MAP_LOW", "to": "charge nurse"}]),
        "expect[2]: role 'charge nurse' is not known; did you mean charge_nurse?",
    ),
    "told for no reason": (
        document(expect=[{"t": 5, "push": "MAP_LOW", "reason": "escalate"}]),
        "expect[2]: reason of a push 'escalate' is not known; did you mean escalated?",
    ),
    "shift of nobody": (
        document(handover=[{"t": 5, "roles": ["nurse"]}]),
        "handover[0].roles[0] = 'nurse': role 'nurse' is not known; allowed: bedside,",
    ),
    "dose of a channel that is not there": (
        document(expect=[{"t": 5, "dose": "unknown", "ch": "B"}]),
        "expect[2].ch = 'B': no such channel; there are A",
    ),
    "no document": (None, "document = None: should be a mapping"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_document(name):
    made, sentence = WRONG[name]
    assert sentence in "\n".join(differences(made))


def test_a_protocol_file_beside_the_scenario(tmp_path):
    text = resources.text("protocols/personalise.toml")
    (tmp_path / "own.toml").write_text(text.replace('id = "personalise"', 'id = "own"'))
    assert differences(document(trial="own.toml"), tmp_path) == []


def test_a_wrong_protocol_file_is_named(tmp_path):
    (tmp_path / "own.toml").write_text("[protocol]\n")
    [sentence] = differences(document(trial="own.toml"), tmp_path)
    assert sentence.startswith("trial: own.toml")


def quiet_text(name):
    return msgspec.json.encode(document(id=name)).decode()


def run(tmp_path, *texts):
    paths = []
    for index, text in enumerate(texts):
        path = tmp_path / f"file{index}.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        paths.append(str(path))
    return CliRunner().invoke(app, paths)


def test_an_unreadable_document_fails_and_the_others_run(tmp_path):
    text = f"%YAML 1.2\n---\n{quiet_text('a')}\n---\nid: [broken\n---\n# only a comment\n"
    text += f"---\nid: b\n--- {quiet_text('c')}\n...\n"
    result = run(tmp_path, text, "", b"\xff\xfe", quiet_text("d"))
    lines = [line for line in result.stdout.splitlines() if not line.startswith("  ")]
    assert lines == [
        "PASS a", "FAIL file0.yaml", "FAIL b", "PASS c", "FAIL file1.yaml", "FAIL file2.yaml",
        "PASS d",
    ]  # fmt: skip
    assert result.exit_code == 1


def test_a_broken_document_keeps_its_line_numbers(tmp_path):
    result = run(tmp_path, f"{quiet_text('a')}\n---\nid: [broken\n")
    assert result.stdout.endswith(
        "FAIL file0.yaml\n  not YAML 1.2: line 3, column 5: while parsing a flow sequence; line 4,"
        " column 1: expected ',' or ']', but got '<stream end>'\n"
    )


def test_a_folder_is_named_and_no_scenario(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["."])
    assert result.stdout == "FAIL .\n  cannot be read: Is a directory\n"


def test_a_missing_file_fails(tmp_path):
    result = CliRunner().invoke(app, [str(tmp_path / "none.yaml")])
    assert result.stdout == "FAIL none.yaml\n  cannot be read: No such file or directory\n"
    assert result.exit_code == 1


def test_a_repeated_key_is_an_error(tmp_path):
    said = run(tmp_path, "id: a\nid: b\n").stdout
    assert 'line 2, column 1: found duplicate key "id"' in said
    assert "http" not in said  # how a programmer could switch that off helps nobody here


def test_words_stay_words(tmp_path):
    (tmp_path / "a.yaml").write_text("a: OFF\nb: ON\nc: NO\nd: 2026-01-22\ne: true\nf: 12:30\n")
    [made] = read_documents(tmp_path / "a.yaml")
    assert made == {"a": "OFF", "b": "ON", "c": "NO", "d": "2026-01-22", "e": True, "f": "12:30"}


def test_json_prints_what_was_observed_in_the_form_of_expect(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(quiet_text("a"))
    result = CliRunner().invoke(app, ["--json", str(path)])
    told = msgspec.json.decode(result.stdout)
    assert (told["id"], told["passed"], told["differences"]) == ("a", True, [])
    assert {"t": 0.0, "phase": "ACTIVE"} in told["observed"]
    assert told["minutes"] == {"IN": 60}


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(scalars, inner, max_size=3),
    max_leaves=8,
)
keys = [field.alias or name for name, field in Scenario.model_fields.items()]


@given(st.sampled_from(keys), anything)
@settings(max_examples=200, deadline=None)
def test_any_value_under_any_key_is_a_scenario_or_an_explained_error(key, value):
    try:
        told = make_scenario(document() | {key: value})
    except ScenarioError as error:
        told = error.problems
    assert told


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_any_file_is_read_or_explained(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    assert list(read_documents(path))


def test_directives_between_documents(tmp_path):
    text = f"%YAML 1.2\n---\n{quiet_text('a')}\n...\n%YAML 1.2\n---\n{quiet_text('b')}\n"
    assert run(tmp_path, text).stdout == "PASS a\nPASS b\n"


def test_the_example_of_the_manual_passes(tmp_path):
    page = MANUAL.read_text(encoding="utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]
    assert run(tmp_path, example).stdout == "PASS night-1\n"


def test_the_manual_names_every_key():
    page = MANUAL.read_text(encoding="utf-8")
    assert [name for name in sorted({*keys, *KINDS}) if f"`{name}" not in page] == []
