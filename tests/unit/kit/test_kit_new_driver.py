"""A new driver passes all that a driver must, in a package of its own and in a clone."""

import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from drivers.kit.conformance import CHECKS
from drivers.kit.new_driver import new_driver
from drivers.kit.registry import driver_names, load_driver
from drivers.kit.template.driver import DRIVER
from monitor_daemon.core.errors import CommandError

ROOT = Path(__file__).parents[3]
FILES = {"__init__.py", "frames.py", "decode.py", "driver.py", "simulator.py", "README.md",
         "sample.toml"}  # fmt: skip


@pytest.fixture
def announced(tmp_path, monkeypatch):
    """A package as `pip install` leaves it: on the path, with the entry point of its pyproject."""
    made = new_driver("ward_box", tmp_path)
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    points = project["entry-points"]["monitor_daemon.drivers"]
    info = tmp_path / "ward_box-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = "".join(f"{name} = {place}\n" for name, place in points.items())
    (info / "entry_points.txt").write_text(f"[monitor_daemon.drivers]\n{lines}")
    monkeypatch.syspath_prepend(tmp_path)
    yield made
    for name in [n for n in sys.modules if n.partition(".")[0] == "ward_box"]:
        del sys.modules[name]


def test_the_template_itself_keeps_the_contract():
    for check in CHECKS:
        check(DRIVER)


def test_a_package_of_its_own_is_found_by_its_entry_point_and_keeps_the_contract(announced):
    assert "ward_box" in driver_names()
    driver = load_driver("ward_box")
    assert (driver.name, driver.title) == ("ward_box", "Ward Box")
    assert driver.session({}).__class__.__module__ == "ward_box.driver"
    for check in CHECKS:
        check(driver)


def test_its_files_are_there_and_name_nothing_of_the_template(announced, tmp_path):
    assert {path.name for path in (tmp_path / "ward_box").iterdir()} >= FILES
    assert announced.announced
    for path in announced.files:
        text = path.read_text()
        assert "acme" not in text.lower()
        assert "template" not in text


def test_its_own_tests_pass(announced, tmp_path):
    """As somebody else would run them, without this project's settings."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:asyncio",
            "tests",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_its_sample_configuration_is_one(announced, tmp_path):
    [link] = tomllib.loads((tmp_path / "ward_box" / "sample.toml").read_text())["links"]
    driver = load_driver(link["driver"])
    driver.session(driver.settings(link["options"]))
    manual = (tmp_path / "ward_box" / "README.md").read_text()
    assert [o.name for o in driver.options if f"| `{o.name}` |" not in manual] == []


def test_in_a_clone_it_becomes_a_part_of_it(tmp_path, monkeypatch):
    clone = tmp_path / "drivers"
    (clone / "kit").mkdir(parents=True)
    (clone / "kit" / "contract.py").touch()
    made = new_driver("ward_box", clone)
    assert made.entry_point == 'ward_box = "drivers.ward_box.driver:DRIVER"'
    assert not made.announced
    assert {path.name for path in (clone / "ward_box").iterdir()} == FILES
    assert (tmp_path / "tests" / "unit" / "ward_box" / "test_ward_box.py").is_file()
    assert not (clone / "pyproject.toml").exists()
    monkeypatch.setattr(
        "drivers.__path__", [*importlib.import_module("drivers").__path__, str(clone)]
    )
    loaded = importlib.import_module("drivers.ward_box.driver").DRIVER
    for check in CHECKS:
        check(loaded)


@pytest.mark.parametrize("name", ["", "x", "Ward", "ward-box", "1box", "w" * 40, "hl7", "json"])
def test_a_name_that_cannot_be_or_is_taken(name, tmp_path):
    with pytest.raises(CommandError) as caught:
        new_driver(name, tmp_path / "new")
    assert caught.value.code == "USAGE"
    assert not (tmp_path / "new").exists()


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "pyproject.toml").touch()
    with pytest.raises(CommandError, match=r"pyproject\.toml exists: choose another"):
        new_driver("ward_box", tmp_path)
    assert not (tmp_path / "ward_box").exists()
