"""Links resolve, examples work, and what is shown as a command exists."""

import re
import shlex
import tomllib

import pytest
from command_tree import commands, options
from docs_pages import (
    PAGES,
    ROOT,
    anchors,
    block,
    blocks,
    first_cells,
    links,
    name,
    sections,
    ticked,
)
from ruamel.yaml import YAML

from drivers.kit.link_state import LinkState
from drivers.kit.play_file import make_play
from monitor_daemon.cli.check import check_file
from monitor_daemon.demo.plan import load
from monitor_daemon.notify.words import read

COMMANDS = commands()
#: A site in which a fragment of a configuration is tried.
FRAME = """
[site]
id = "frame"
zone = "UTC"
[store]
directory = "store"
vault_key_file = "vault.key"
[control]
socket = "control.sock"
[[protocols]]
id = "personalise"
"""


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_resolve(page):
    for target in links(page):
        path, _, anchor = target.partition("#")
        found = page if not path else (page.parent / path).resolve()
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


def test_every_page_can_be_reached_from_the_readme():
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page not in reached:
            reached.add(page)
            targets = [(page.parent / t.partition("#")[0]).resolve() for t in links(page)]
            ahead += [target for target in targets if target.suffix == ".md"]
    assert {p for p in PAGES if "docs" in p.parts} <= reached


def toml_examples():
    for page in PAGES:
        for number, code in enumerate(blocks(page, "toml"), 1):
            # A rule and the lines of a pyproject.toml are tried in test_docs_contributing.py.
            if {"links", "site", "protocol", "drug"} & tomllib.loads(code).keys():
                yield pytest.param(code, id=f"{name(page)}-{number}")
    for sample in sorted(ROOT.glob("drivers/*/sample.toml")):
        yield pytest.param(sample.read_text(encoding="utf-8"), id=name(sample))


@pytest.mark.parametrize("code", list(toml_examples()))
def test_a_toml_example_passes_check(code, tmp_path):
    document = tomllib.loads(code)
    if "links" in document and "site" not in document:
        code = code if "beds" in document else code + beds(document["links"])
        code = FRAME + code
    path = tmp_path / "example.toml"
    path.write_text(code, encoding="utf-8")
    assert check_file(path)


def beds(found):
    used = {link["bed"] for link in found if "bed" in link}
    used.update(*(link.get("beds", {}).values() for link in found))
    return "".join(f'\n[[beds]]\nalias = "{alias}"\n' for alias in sorted(used))


def test_the_example_of_a_play_file_is_one():
    play = make_play(
        YAML(typ="safe", pure=True).load(block("docs/how-to/simulate.md", "yaml")), ROOT
    )
    [bed] = play.at(16 * 60)
    assert bed.signals["art_map"] == 56
    assert bed.signals["art_sys"] == 91
    # 0.2 ug/kg/min x 70 kg x 60 min / 40 ug/mL
    assert bed.pumps[0].rate_ml_h == pytest.approx(21)


def shown():
    """Every command line of ours in a console block or in backticks."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found = [line[2:] for code in blocks(page, "console") for line in code.splitlines()
                 if line[:2] in {"$ ", "# "}]  # fmt: skip
        found += [word for word in ticked(text) if word.startswith(("monitor-daemon ", "./dev "))]
        yield from ((name(page), line) for line in found)


def test_a_command_that_is_shown_exists_with_its_options():
    seen = 0
    for page, line in shown():
        program, *words = shlex.split(line) or [""]
        if not program.endswith("monitor-daemon") or not words or words[0] == "COMMAND":
            continue
        path = " ".join(words[: 2 if words[0] == "drivers" else 1])
        given = {word.split("=")[0] for word in words if word.startswith("--")}
        assert path in COMMANDS, (page, line)
        assert given <= options(COMMANDS[path]) | {"--help"}, (page, line)
        seen += 1
    assert seen > 20


def test_the_commands_of_dev_that_are_shown_exist():
    script = (ROOT / "dev").read_text(encoding="utf-8")
    known = set(re.findall(r"^  ([a-z]+)\) install;", script, re.MULTILINE))
    used = {shlex.split(line)[1] for _, line in shown() if line.startswith("./dev ")}
    assert {"demo", "test"} <= used <= known


def test_the_picture_of_the_demonstration_shows_what_must_come():
    picture = next(code for code in blocks(ROOT / "README.md", "console") if "./dev demo" in code)
    plan = load()
    raised = {(e.t, bed(plan, e.subject), e.alert) for e in plan.expected}
    lines = re.findall(r"^\d\d:\d\d  T\+(\d+) +([A-Z_]+) +Bed (\S+): (.*)$", picture, re.MULTILINE)
    ends = {
        word for t in read("en").values() if "raised" in t for word in [t["raised"].split()[-1]]
    }
    came = [(float(t), bed, kind) for t, kind, bed, text in lines if text.split()[-1] in ends]
    assert came
    for t, place, kind in came:
        assert any(abs(t - due) <= 1 and (place, kind) == (b, k) for due, b, k in raised)
    assert f"{len(plan.expected)} of {len(plan.expected)} alerts" in picture


def bed(plan, subject):
    return next(p.bed for p in plan.people.patients if p.subject == subject)


def test_the_last_word_of_every_alert_is_explained_to_staff():
    page = (ROOT / "docs/how-to/icu-staff.md").read_text(encoding="utf-8")
    table = sections(page, 2)["What the last word asks"]
    explained = re.findall(r"^\| (\w+\.) \|", table, re.MULTILINE)
    used = {
        t["raised"].split()[-1] for n, t in read("en").items() if "raised" in t and n != "OTHER"
    }
    assert set(explained) == used


def test_every_state_of_a_link_has_a_line_for_the_engineer():
    page = (ROOT / "docs/how-to/connect-a-device.md").read_text(encoding="utf-8")
    assert set(first_cells(sections(page, 3)["Link states and reasons"])) == set(LinkState)
