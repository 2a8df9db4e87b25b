"""`drivers ...` and `decode` with the echo driver announced as a third-party package would."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import echo_driver
import pytest
from typer import Typer
from typer.testing import CliRunner

from monitor_daemon.cli.decode import decode
from monitor_daemon.cli.drivers import app

HERE = Path(__file__).parent
runner = CliRunner()
decode_app = Typer()
decode_app.command()(decode)


@pytest.fixture(autouse=True)
def announced(tmp_path, monkeypatch):
    """The echo driver and one that does not load, as installed packages."""
    folder = tmp_path / "site"
    info = folder / "echo_driver-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: echo-driver\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[monitor_daemon.drivers]\necho = echo_driver:DRIVER\nbroken = no_such_module:DRIVER\n"
    )
    monkeypatch.syspath_prepend(folder)
    return folder


def rows(result):
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_decode_prints_every_key_and_goes_on_after_an_error(tmp_path):
    file = tmp_path / "raw.bin"
    file.write_bytes(echo_driver.line("MAP 65") + b"junk\n" + echo_driver.line("MAP 66"))
    reading, error, second = rows(runner.invoke(decode_app, ["--driver", "echo", str(file)]))
    assert reading == {
        "kind": "reading",
        "signal": "art_map",
        "value": 65.0,
        "unit": "mmHg",
        "quality": "good",
        "unvalidated": None,
        "device_time": None,
        "channel": None,
        "bed": None,
        "patient": None,
        "source": "MAP",
    }
    offset = len(echo_driver.line("MAP 65"))
    assert (error["kind"], error["code"], error["offset"]) == ("error", "CHECKSUM", offset)
    assert second["value"] == 66.0


def test_decode_reads_standard_input():
    data = echo_driver.line("MAP 65") + b"MAP"
    args = ["--driver", "echo", "--mode", "serial", "--jsonl", "-"]
    reading, error = rows(runner.invoke(decode_app, args, input=data))
    assert reading["value"] == 65.0
    assert error["code"] == "INCOMPLETE"


def test_decode_takes_what_came_from_the_device_out_of_a_capture(tmp_path):
    file = tmp_path / "bed.cap.jsonl"
    file.write_text(
        '{"t":1.5,"dir":"tx","data":"Pwo="}\n'
        '{"t":1.6,"dir":"rx","data":"TUFQIDY1"}\n'
        "not JSON\n"
        '{"t":1.7,"dir":"rx","data":"Cg=="}\n'
    )
    broken, line = rows(runner.invoke(decode_app, ["--driver", "echo", str(file)]))
    assert broken["code"] == "CAPTURE_LINE"
    assert "line 3" in broken["reason"]
    assert "b'MAP65" in line["reason"].replace(" ", "")


@pytest.mark.parametrize(
    ("args", "code", "reason"),
    [
        (["--driver", "nobody", "-"], "UNKNOWN_DRIVER", "no driver 'nobody'; there are: "),
        (["--driver", "echo", "--mode", "tcp", "-"], "USAGE", "has no mode 'tcp', only serial"),
        (["--driver", "echo", "--option", "x=1", "-"], "USAGE", "x: driver echo knows only"),
        (["--driver", "echo", "--option", "x", "-"], "USAGE", "expected name=value"),
        (["--driver", "echo", "/no/such/file"], "FILE", "No such file"),
    ],
)
def test_wrong_use_is_one_line_with_a_code_and_exit_2(args, code, reason):
    result = runner.invoke(decode_app, args)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"{code}: ")
    assert reason in line


def test_broken_driver_is_named_and_the_others_are_listed():
    result = runner.invoke(decode_app, ["--driver", "broken", "-"])
    assert result.exit_code == 1
    assert result.stderr.startswith("BROKEN_DRIVER: driver broken (no_such_module:DRIVER)")
    listed = runner.invoke(app, ["list"], env={"COLUMNS": "200"})
    assert listed.exit_code == 0
    assert "BROKEN_DRIVER" in listed.stdout
    assert "Line echo" in listed.stdout


def test_show_names_options_and_sources():
    result = runner.invoke(app, ["show", "echo"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    for words in ("made for these tests", "seconds between two polls", "baudrate 19200", "7001"):
        assert words in result.stdout


def test_probe_needs_one_place():
    result = runner.invoke(app, ["probe", "echo", "--port", "/dev/x", "--connect", "a:1"])
    assert result.exit_code == 2
    assert result.stderr.startswith("USAGE: give exactly one of --port, --connect, --listen")


def test_probe_of_a_device_that_is_not_there_is_exit_3():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{sock.getsockname()[1]}"
        result = runner.invoke(app, ["probe", "echo", "--connect", where, "--seconds", "0.3"])
    assert result.exit_code == 3
    assert f"NOT_HEARD: no valid message in 0.3 s: cannot open {where}" in result.stderr


def test_simulate_with_a_broken_play_file_is_exit_1(tmp_path):
    play = tmp_path / "play.yaml"
    play.write_text("title: x\nbeds: [{bed: A, colour: red}]\n")
    args = ["simulate", "echo", "--port", str(tmp_path / "p"), "--from", str(play)]
    result = runner.invoke(app, args)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"PLAY_FILE: {play}: beds.0.colour: ")


@pytest.fixture
def device(announced, tmp_path):
    """`drivers simulate` as its own process; gives the path of its pseudo-terminal."""
    port = tmp_path / "port"
    code = "from monitor_daemon.cli.drivers import app; app()"
    args = ["simulate", "echo", "--port", str(port), "--option", "period=0.05"]
    path = os.pathsep.join([str(announced), str(HERE), str(HERE.parents[1])])
    with subprocess.Popen(
        [sys.executable, "-c", code, *args],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"echo: a steady patient, at {port}, speed 1\n"
        yield port
        process.terminate()


def test_probe_prints_what_it_hears(device):
    args = ["probe", "echo", "--port", str(device), "--seconds", "1"]
    result = runner.invoke(app, args, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    for words in ("art_map", "mmHg", "good", "echo 1", "baudrate 19200", "65"):
        assert words in result.stdout


def test_record_then_replay(device, tmp_path):
    file = tmp_path / "bed.cap.jsonl"
    recorded = runner.invoke(
        app, ["record", "echo", str(file), "--port", str(device), "--seconds", "1"]
    )
    assert recorded.exit_code == 0, recorded.output
    replayed = runner.invoke(app, ["replay", "echo", str(file)])
    assert replayed.exit_code == 0, replayed.output
    lines = replayed.stdout.splitlines()
    assert lines
    assert all(line.endswith("MAP  art_map  65  mmHg  good") for line in lines)
