"""`check` names file, key and reason of every mistake; exit code 1, one line each."""

import pytest
from typer.testing import CliRunner

from monitor_daemon.cli.main import app

SITE = """
[site]
id = "icu"
zone = "Asia/Tokyo"
[store]
directory = "store"
vault_key_file = "vault.key"
[control]
socket = "control.sock"
[[protocols]]
id = "personalise"
[[beds]]
alias = "bed-1"
[[links]]
name = "gateway"
driver = "hl7"
listen = "127.0.0.1:2575"
[links.beds]
"W^R^1" = "bed-1"
"""


def check(path):
    return CliRunner().invoke(app, ["check", str(path)])


@pytest.fixture
def changed(tmp_path):
    """`check` of the configuration with one text replaced by another."""

    def change(old, new):
        assert old in SITE
        path = tmp_path / "site.toml"
        path.write_text(SITE.replace(old, new, 1), encoding="utf-8")
        return path, check(path)

    return change


def test_a_right_configuration_is_ok(changed):
    path, done = changed("icu", "icu")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"OK {path}: site icu, 1 beds, 1 links\n"


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ('alias = "bed-1"', 'alias = "bed 1"', "CONFIG_KEY", "beds.0.alias = 'bed 1': "),
        ('alias = "bed-1"', 'alias = "bed/1"', "CONFIG_KEY", "beds.0.alias = 'bed/1': "),
        ('alias = "bed-1"', 'alias = "bed-2"', "CONFIG_KEY", "bed 'bed-1' is not one of"),
        ('id = "icu"', 'id = "my icu"', "CONFIG_KEY", "site.id = 'my icu': "),
        ("Asia/Tokyo", "Asia/Edo", "CONFIG_KEY", "site.zone = 'Asia/Edo': no such time zone"),
        ("[control]", "[controll]", "CONFIG_KEY", "controll: no such key"),
        ('listen = "', 'conect = "', "CONFIG_KEY", "links.0.conect = '127.0.0.1:2575': no such"),
        ('listen = "127.0.0.1:2575"', "", "CONFIG_KEY", "exactly one of port, connect, listen"),
        ('listen = "127.0.0.1:2575"', 'port = "/dev/x"', "CONFIG_LINK", "links.gateway.port"),
        ('driver = "hl7"', 'driver = "hl8"', "UNKNOWN_DRIVER", "links.gateway.driver: "),
        ('id = "personalise"', 'id = "other"', "CONFIG_PROTOCOL", "protocols.id = 'other'"),
        ("[site]", "[site", "CONFIG_SYNTAX", "line 2"),
        ("[links.beds]", "[links.options]\nspeed = 1\n[links.beds]", "CONFIG_LINK", "speed"),
    ],
)
def test_a_mistake_is_named_by_file_key_and_reason(changed, old, new, code, said):
    path, done = changed(old, new)
    first = done.stderr.splitlines()[0]
    assert first.startswith(f"{code}: ")
    assert str(path) in first
    assert said in done.stderr
    assert done.exit_code == 1
    assert done.stdout == ""


def test_two_mistakes_are_two_lines(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace('"icu"', '"my icu"').replace("Tokyo", "Edo"))
    lines = check(path).stderr.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["CONFIG_KEY", "CONFIG_KEY"]


def test_a_wrong_file_does_not_hide_a_right_one(tmp_path):
    right, wrong = tmp_path / "right.toml", tmp_path / "wrong.toml"
    right.write_text(SITE)
    wrong.write_text("[drug.x]\n")
    done = CliRunner().invoke(app, ["check", str(wrong), str(right)])
    assert done.exit_code == 1
    assert str(wrong) in done.stderr
    assert done.stdout.startswith(f"OK {right}")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"x = 1\n"])
def test_a_file_of_no_kind_is_refused_by_name(tmp_path, content):
    path = tmp_path / "odd.toml"
    path.write_bytes(content)
    done = check(path)
    assert done.exit_code == 1
    assert str(path) in done.stderr.splitlines()[0]


def test_a_file_that_is_not_there_is_wrong_use(tmp_path):
    done = check(tmp_path / "none.toml")
    assert done.exit_code in {1, 2}
    assert str(tmp_path / "none.toml") in done.stderr
