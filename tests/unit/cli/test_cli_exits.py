"""Exit codes without a daemon: 2 for wrong use, 3 for a daemon that is not there."""

import os
import socket
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from monitor_daemon.cli.client import login
from monitor_daemon.cli.main import app

COMMANDS = [
    ["status"],
    ["status", "--json"],
    ["enrol", "S1", "--bed", "b", "--arm", "a", "--weight", "60"],
    ["observe", "S1", "crt", "2.1"],
    ["ack", "S1", "FLOOR"],
    ["end", "S1", "--reason", "discharge"],
]


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_without_a_daemon_every_command_says_so_in_one_line(words, tmp_path):
    done = run(*words, "--socket", tmp_path / "none.sock")
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr.startswith(f"DAEMON: daemon at {tmp_path / 'none.sock'}: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [["dance"], ["observe", "S1", "crt", "two"], ["enrol", "S1"], ["ack"], ["status", "--xml"]],
    ids=" ".join,
)
def test_wrong_use_is_told_apart(words):
    done = run(*words)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr


def typed(*words):
    """`monitor-daemon WORDS` as a person types it."""
    return subprocess.run(
        [sys.executable, "-m", "monitor_daemon.cli.main", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "said", "command"),
    [
        (["dance"], "No such command 'dance'", "monitor-daemon"),
        (["status", "--xml"], "No such option: --xml", "monitor-daemon status"),
        (["run"], "Missing option '--config'", "monitor-daemon run"),
        (["run", "--config", "x", "--log-level", "loud"], "'loud'", "monitor-daemon run"),
        (["ack", "S1", "FLOOR", "--reason"], "'--reason'", ""),
        (["observe", "S1", "crt", "2", "--raeson", "x"], "--raeson", "monitor-daemon observe"),
    ],
    ids=lambda words: "-".join(words) if isinstance(words, list) else "",
)
def test_wrong_use_is_one_line_with_its_code(words, said, command):
    done = typed(*words)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("USAGE: ")
    assert said in line
    assert "Value error" not in line
    assert f"{command} --help" in line


def test_without_words_the_help_is_shown():
    done = typed()
    assert (done.returncode, done.stderr) == (2, "")
    assert "Usage: monitor-daemon" in done.stdout


@pytest.mark.parametrize("words", [["observe"], ["correct", "--at", "-5", "--reason", "misread"]])
def test_a_negative_value_is_a_value_and_no_option(words, tmp_path):
    nowhere = tmp_path / "none.sock"
    done = run(*words, "S1", "cvp", "-2", "--socket", nowhere)
    assert done.exit_code == 3, done.stderr


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_what_is_no_number_is_refused_before_it_is_sent(value, tmp_path):
    done = run("observe", "S1", "cvp", value, "--socket", tmp_path / "none.sock")
    assert done.exit_code == 2
    assert done.stderr == f"BAD_VALUE: value {value}: expected a number\n"


def test_a_request_longer_than_the_daemon_reads_is_refused_before_it_is_sent(tmp_path):
    reason = "x" * 70_000
    done = run("ack", "S1", "FLOOR", "--reason", reason, "--socket", tmp_path / "none.sock")
    assert done.exit_code == 2
    assert done.stderr.startswith("BAD_REQUEST: request: 70")
    assert done.stderr.count("\n") == 1


SITE = """
[site]
id = "s"
zone = "UTC"
[store]
directory = "{store}"
vault_key_file = "vault.key"
[broker]
embedded = {embedded}
port = {port}
[control]
socket = "{socket}"
[[protocols]]
id = "personalise"
[[beds]]
alias = "b1"
"""


def daemon_on(folder, *, port, store="store", socket="control.sock", embedded="false"):
    """What a daemon says that cannot start."""
    (folder / "vault.key").write_text("5a" * 32)
    config = folder / "site.toml"
    config.write_text(SITE.format(store=store, socket=socket, embedded=embedded, port=port))
    return typed("run", "--config", config, "--log-level", "error")


@pytest.fixture
def taken():
    """A port on which somebody else listens, who speaks no MQTT."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_a_store_that_cannot_be_is_named_in_one_line(tmp_path, taken):
    done = daemon_on(tmp_path, port=taken, store="vault.key")
    assert done.returncode != 0
    assert str(tmp_path / "vault.key") in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["journal.db", "vault.db"])
@pytest.mark.parametrize("content", [None, b"no database, but long enough to have been one" * 99])
def test_a_record_that_cannot_be_opened_is_said_in_one_line(tmp_path, taken, name, content):
    (tmp_path / "store").mkdir()
    if content is None:
        (tmp_path / "store" / name).mkdir()
    else:
        (tmp_path / "store" / name).write_bytes(content)
    done = daemon_on(tmp_path, port=taken)
    assert done.returncode == 1
    assert done.stderr.startswith("STORAGE: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("path", ["x" * 120, "vault.key", "vault.key/control.sock"])
def test_a_control_socket_that_cannot_be_is_named_and_no_file_is_lost(path, tmp_path, taken):
    done = daemon_on(tmp_path, port=taken, socket=path)
    assert done.returncode == 1
    assert f"CONFIG_SOCKET: control.socket {tmp_path / path}: " in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "vault.key").read_text() == "5a" * 32


def test_an_embedded_broker_without_its_port_is_said_and_no_traceback(tmp_path, taken):
    done = daemon_on(tmp_path, port=taken, embedded="true")
    assert done.returncode == 3
    assert "BROKER_START: " in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_user_without_a_name_can_ask_too(monkeypatch):
    # As in a container that runs under a number of its own.
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 987_654_321)
    assert login() == "uid 987654321"


def test_a_record_that_is_not_there_or_is_none_is_wrong_use(tmp_path):
    other = tmp_path / "other.db"
    other.write_text("this is no database, but long enough to be taken for one at first sight")
    for path in (tmp_path / "none.db", other):
        done = run("verify", path)
        assert done.exit_code == 2
        assert done.stderr.startswith(f"JOURNAL: {path}: ")


def test_an_anchor_file_that_cannot_be_read_is_said_in_one_line(tmp_path):
    for content in (None, ""):
        anchor = tmp_path / "anchor"
        if content is not None:
            anchor.write_text(content)
        done = run("verify", tmp_path / "none.db", "--anchor", anchor)
        assert isinstance(done.exception, SystemExit), repr(done.exception)
        assert done.exit_code == 2
        assert done.stderr.count("\n") == 1


def test_run_with_a_configuration_that_is_not_there_is_said_in_one_line(tmp_path):
    done = run("run", "--config", tmp_path / "none.toml")
    assert done.exit_code == 1
    assert done.stderr == f"CONFIG_FILE: {tmp_path / 'none.toml'}: No such file or directory\n"
