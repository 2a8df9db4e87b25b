"""`check` looks at the key, password and TLS files that a site configuration names."""

import pytest
from typer.testing import CliRunner

from monitor_daemon.cli.main import app

SITE = """\
[site]
id = "icu"
zone = "Asia/Tokyo"
[store]
directory = "store"
vault_key_file = "vault.key"
[broker]
username = "u"
password_file = "broker.password"
tls_ca = "ca.pem"
[alarm_manager]
connect = "alarms:2575"
tls_ca = "alarms.pem"
[control]
socket = "control.sock"
[[protocols]]
id = "personalise"
[[beds]]
alias = "bed-1"
[[links]]
name = "plain"
driver = "hl7"
listen = "127.0.0.1:2575"
bed = "bed-1"
[[links]]
name = "secured"
driver = "hl7"
listen = "127.0.0.1:2576"
bed = "bed-1"
tls_cert = "our.pem"
tls_key = "our.key"
"""
FILES = {
    "vault.key": (6, 18),
    "broker.password": (9, 17),
    "ca.pem": (10, 10),
    "alarms.pem": (13, 10),
    "our.pem": (30, 12),
    "our.key": (31, 11),
}


@pytest.fixture
def check(tmp_path):
    """`check` of the site with these files beside it."""

    def checked(site=SITE, **files):
        path = tmp_path / "site.toml"
        path.write_text(site)
        for name, content in files.items():
            (tmp_path / name.replace("_", ".")).write_text(content)
        return CliRunner().invoke(app, ["check", str(path)])

    return checked


def test_every_file_that_is_not_there_is_a_warning_at_its_place(check, tmp_path):
    done = check()
    said = [line for line in done.stderr.splitlines() if line.startswith("warning")]
    for name, (line, column) in FILES.items():
        key = {"our.pem": "links[1].tls_cert", "our.key": "links[1].tls_key"}.get(name, "")
        start = f"warning CONFIG_FILE: {tmp_path}/site.toml:{line}:{column}: {key}"
        end = f' = "{name}": {tmp_path}/{name}: No such file or directory; the daemon must be able'
        assert any(w.startswith(start) and end in w for w in said), name
    assert len(said) == len(FILES)
    assert done.exit_code == 0  # systemd may make them when it starts the daemon
    assert done.stdout.startswith("OK ")


def test_a_folder_in_the_place_of_a_file_is_told(check, tmp_path):
    (tmp_path / "vault.key").mkdir()
    assert f"{tmp_path}/vault.key: Is a directory; the daemon must be" in check().stderr


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        ({"vault_key": "no key"}, "CONFIG_VAULT_KEY", "expected 32 bytes or 64 hex digits"),
        ({"ca_pem": "no certificate"}, "CONFIG_BROKER", "broker TLS files"),
        ({"alarms_pem": "no certificate"}, "CONFIG_ALARM_MANAGER", "alarm_manager TLS files"),
        ({"our_pem": "none", "our_key": "none"}, "CONFIG_LINK", "our.pem"),
    ],
    ids=str,
)
def test_a_file_of_no_use_is_a_mistake(check, files, code, said, tmp_path):
    done = check(**files)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{code}: {tmp_path}/site.toml: ")
    assert said in done.stderr


def test_an_embedded_broker_needs_none_of_the_brokers_files(check):
    site = SITE.replace("[broker]", "[broker]\nembedded = true")
    assert ": broker." not in check(site).stderr


def test_files_that_can_be_used_are_not_mentioned(check):
    begin, end = SITE.index("[alarm_manager]"), SITE.index("[control]")
    site = SITE[:begin] + SITE[end : SITE.index("[[links]]")]
    files = {"vault_key": "5a" * 32, "broker_password": "s3cret\n"}
    done = check(site.replace('tls_ca = "ca.pem"\n', ""), **files)
    assert (done.exit_code, done.stderr) == (0, "")
