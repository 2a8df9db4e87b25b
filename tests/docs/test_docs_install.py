"""The unit, and the page that says how to install it, fit each other and systemd."""

import re
import shutil
import subprocess
import tomllib
from collections import defaultdict

import pytest
from docs_pages import ROOT, block

UNIT = ROOT / "systemd/monitor-daemon.service"
PAGE = ROOT / "docs/how-to/install.md"


@pytest.fixture(scope="module")
def unit():
    """Key to values: a key may stand there several times."""
    found = defaultdict(list)
    for key, value in re.findall(r"^(\w+)=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE):
        found[key].append(value)
    return found


def test_systemd_takes_the_unit(tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed; on Debian: apt-get install systemd")
    # The program need not be installed where the unit expects it.
    copy = tmp_path / UNIT.name
    program = f"ExecStart={shutil.which('true')} "
    copy.write_text(re.sub(r"ExecStart=\S+ ", program, UNIT.read_text(encoding="utf-8")))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_daemon_is_started_again_however_often_it_ends(unit):
    # systemd.unit(5): without this, five ends within 10 s are the last.
    assert unit["StartLimitIntervalSec"] == ["0"]
    assert unit["Restart"] == ["always"]
    assert unit["Type"] == ["notify"]


def test_serial_adapters_that_are_plugged_in_later_are_allowed(unit):
    # systemd.resource-control(5): DeviceAllow= is resolved when the unit starts.
    allowed = {value.split(" ")[0] for value in unit["DeviceAllow"]}
    assert allowed == {"char-ttyS", "char-ttyUSB", "char-ttyACM"}
    for key in ("Wants", "After"):
        listed = " ".join(unit[key])
        assert "modprobe@usbserial.service" in listed
        assert "modprobe@cdc_acm.service" in listed


def test_the_page_and_the_unit_mean_the_same_files(unit):
    page = PAGE.read_text(encoding="utf-8")
    config = tomllib.loads(block("docs/how-to/install.md", "toml"))
    program, _, _, file = unit["ExecStart"][0].split(" ")
    assert f"# {program} check {file}" in page
    name, source = unit["LoadCredential"][0].split(":")
    assert f"> {source})" in page
    assert config["store"] == {
        "directory": f"/var/lib/{unit['StateDirectory'][0]}",
        "vault_key_file": f"/run/credentials/{UNIT.name}/{name}",
    }
    assert config["control"]["socket"] == f"/run/{unit['RuntimeDirectory'][0]}/control.sock"
    sysusers = (ROOT / "systemd/monitor-daemon.sysusers").read_text(encoding="utf-8")
    assert sysusers.split(" ")[1] == unit["User"][0] == unit["Group"][0]
