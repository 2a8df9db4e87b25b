"""`drivers ...` and `decode` with the echo driver announced as a third-party package would."""

import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import echo_driver
import msgspec
import pytest
from typer import Typer
from typer.testing import CliRunner

from drivers.kit.capture import Chunk, read_capture
from drivers.kit.kept import differences
from drivers.kit.registry import load_driver
from monitor_daemon.cli.decode import decode, driver_options, driver_settings
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


def test_who_reads_only_the_beginning_is_no_error(tmp_path):
    """As `decode ... | head -1`."""
    file = tmp_path / "raw.bin"
    file.write_bytes(echo_driver.line("MAP 65") * 100_000)
    code = "from monitor_daemon.cli.main import main; main()"
    # The pipe holds 64 kB, far less than is printed.
    with subprocess.Popen(
        [sys.executable, "-c", code, "decode", "--driver", "ge_dri", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert b"bytes outside frames" in process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_an_option_that_is_a_word_stays_one_whatever_it_looks_like():
    """A bed may be called 12, or true."""
    driver = load_driver("ge_dri")
    pairs = ["bed=12", "interval=10", "passive=true", 'arterial_labels=["FEM"]', "label=ABP"]
    assert driver_options(driver, pairs) == {
        "bed": "12",
        "interval": 10,
        "passive": True,
        "arterial_labels": ["FEM"],
        "label": "ABP",
    }
    assert driver_settings(driver, ['bed="12"'])["bed"] == "12"


def test_a_capture_is_recorded_under_a_name_by_which_it_is_known(tmp_path):
    file = tmp_path / "night.txt"
    result = runner.invoke(app, ["record", "echo", str(file), "--port", "/dev/x"])
    assert result.exit_code == 2
    assert result.stderr == f"USAGE: {file}: the name of a capture ends in .cap.jsonl\n"
    assert not file.exists()


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


def test_line_settings_of_what_is_no_line_are_not_ignored_in_silence():
    args = ["probe", "echo", "--connect", "127.0.0.1:1", "--line", "baudrate=9600"]
    result = runner.invoke(app, args)
    assert result.exit_code == 2
    assert result.stderr == "USAGE: --line: only a serial port (--port) has line settings\n"


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


def test_probe_shows_options_and_how_often_each_parameter_comes(device):
    args = ["probe", "echo", "--port", str(device), "--seconds", "1", "--option", "poll=0.5"]
    result = runner.invoke(app, args, env={"COLUMNS": "200"})
    assert "poll 0.5" in result.stdout
    [line] = [line for line in result.stdout.splitlines() if "art_map" in line]
    code, *_, count, every = [word.strip() for word in line.strip("│ ").split("│")]
    assert code == "MAP"
    assert int(count) > 5
    assert every == "0.1 s"  # 0.05 s, in one decimal


def test_probe_that_understands_nothing_shows_the_first_bytes(device):
    args = ["probe", "ge_dri", "--port", str(device), "--seconds", "1", "--option", "passive=true"]
    result = runner.invoke(app, args, env={"COLUMNS": "300"})
    assert result.exit_code == 3
    assert echo_driver.line("MAP 65.0").hex(" ") in result.stdout
    # Said at once, although the link itself would wait for three periods of 5 s.
    assert "no valid message in 1 s: " in result.stderr
    assert "bytes but no valid frame in 1 s: wrong line settings (19200 baud 8E1)" in result.stderr


CAPTURED = [echo_driver.line(f"MAP {value}") for value in (61, 62, 63)]


@pytest.fixture
def capture(tmp_path):
    """What an echo device said in a fifth of a second, and what was said to it."""
    file = tmp_path / "night.cap.jsonl"
    chunks = [Chunk(1000.0 + 0.1 * n, "rx", data) for n, data in enumerate(CAPTURED)]
    chunks.insert(1, Chunk(1000.05, "tx", b"+\n"))
    file.write_bytes(b"".join(msgspec.json.encode(chunk) + b"\n" for chunk in chunks))
    return file


@contextmanager
def simulated(announced, *args):
    """`drivers simulate` beside the block; gives the place and the line that it prints."""
    code = "from monitor_daemon.cli.drivers import app; app()"
    path = os.pathsep.join([str(announced), str(HERE), str(HERE.parents[1])])
    with subprocess.Popen(
        [sys.executable, "-c", code, "simulate", *args],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
    ) as process:
        said = process.stdout.readline()
        yield said.rpartition(" at ")[2].partition(", speed")[0], said
        process.terminate()


def received(file):
    with file.open("rb") as lines:
        return [chunk for chunk in read_capture(lines) if chunk.dir == "rx"]


@pytest.mark.parametrize("way", ["port", "connect"])
def test_a_capture_is_played_back_as_the_device_sent_it(announced, capture, tmp_path, way):
    place = ["--port", str(tmp_path / "p")] if way == "port" else ["--listen", "127.0.0.1:0"]
    # The delay gives the reader of a serial line time to come.
    late = ["--option", "delay=1.5"] if way == "port" else []
    again = tmp_path / "again.cap.jsonl"
    args = ["echo", *place, "--from", str(capture), *late]
    with simulated(announced, *args) as (where, said):
        assert said.startswith(f"echo: {capture}, at ")
        runner.invoke(app, ["record", "echo", str(again), f"--{way}", where, "--seconds", "2.5"])
    heard = received(again)
    assert b"".join(chunk.data for chunk in heard) == b"".join(CAPTURED)
    assert 0.19 < heard[-1].t - heard[0].t < 1.0


def test_a_capture_is_played_back_over_udp(announced, tmp_path):
    """Philips messages are datagrams: those of a simulated monitor, recorded and played again."""
    first, second = tmp_path / "first.cap.jsonl", tmp_path / "second.cap.jsonl"
    for source, file in ([], first), (["--from", str(first)], second):
        args = ["philips_intellivue", "--listen", "127.0.0.1:0", *source]
        with simulated(announced, *args) as (where, _):
            args = ["record", "philips_intellivue", str(file), "--connect", where]
            assert runner.invoke(app, [*args, "--seconds", "1.5"]).exit_code == 0
    sent = [chunk.data for chunk in received(first)]
    heard = [chunk.data for chunk in received(second)]
    assert len(heard) >= 3
    assert heard == sent[: len(heard)]


def test_a_capture_that_holds_nothing_is_not_played(tmp_path):
    file = tmp_path / "x.cap.jsonl"
    file.touch()
    args = ["simulate", "echo", "--port", str(tmp_path / "p"), "--from", str(file)]
    result = runner.invoke(app, args)
    assert result.exit_code == 1
    assert result.stderr == f"CAPTURE_EMPTY: {file}: nothing in it came from a device\n"


def test_a_capture_is_kept_and_its_rows_shown_for_review(capture, tmp_path):
    into = tmp_path / "kept"
    result = runner.invoke(app, ["keep", "echo", str(capture), "--into", str(into)])
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 3
    assert "signal=art_map  value=61.0  unit=mmHg" in result.stdout
    assert f"3 rows in {into / 'night.rows.json'}, NOT REVIEWED" in result.stderr
    assert differences(into / "night.rows.json") == []
    again = runner.invoke(app, ["keep", "echo", str(capture), "--into", str(into)])
    assert again.exit_code == 2
    assert again.stderr.startswith("FILE: ")


def test_of_a_long_capture_the_beginning_is_kept(capture, tmp_path):
    args = ["keep", "echo", str(capture), "--into", str(tmp_path / "kept"), "--seconds", "0.15"]
    assert len(runner.invoke(app, args).stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["--mode", "tcp"], "USAGE: driver echo has no mode 'tcp', only serial"),
        (["--option", "colour=1"], "USAGE: option colour: driver echo knows only"),
    ],
)
def test_wrong_use_of_keep(capture, tmp_path, args, reason):
    into = ["--into", str(tmp_path / "kept")]
    result = runner.invoke(app, ["keep", "echo", str(capture), *into, *args])
    assert result.exit_code == 2
    assert result.stderr.startswith(reason)


def test_a_new_driver_is_laid_out(tmp_path):
    result = runner.invoke(app, ["new", "ward_box", "--into", str(tmp_path / "mine")])
    assert result.exit_code == 0
    assert str(tmp_path / "mine" / "ward_box" / "driver.py") in result.stdout.splitlines()
    taken = runner.invoke(app, ["new", "hl7", "--into", str(tmp_path / "other")])
    assert taken.exit_code == 2
    assert taken.stderr == "USAGE: the name 'hl7' is taken: choose another\n"
