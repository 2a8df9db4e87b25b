"""Exit codes without a daemon: 2 for wrong use, 3 for a daemon that is not there."""

import pytest
from typer.testing import CliRunner

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
