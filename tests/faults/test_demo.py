"""The real command of the demonstration: it shows alerts, ends as asked, leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor_daemon.demo.plan import RECORDINGS, load

COMMAND = [sys.executable, "-m", "monitor_daemon.cli.main", "demo"]
ALERT = re.compile(r"^\d\d:\d\d  T\+(\d+) +([A-Z_]+) +Bed (ICU-\d)", re.MULTILINE)


@contextmanager
def demo(tmp_path: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command, with temporary files under `tmp_path`."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [*COMMAND, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    """Read lines until one holds `words`."""
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    pytest.fail(f"ended without {words!r}: {process.communicate()[1]}")


def test_alerts_come_until_the_time_is_over(tmp_path):
    with demo(tmp_path, "--speed", "240", "--for", "14") as process:
        out, err = process.communicate(timeout=38)
    assert (process.returncode, err) == (0, "")
    assert "Ended before the recordings" in out
    subjects = {patient.subject: patient.bed for patient in load().people.patients}
    expected = [(line.t, line.alert, subjects[line.subject]) for line in load().expected]
    found = [(int(t), alert, bed) for t, alert, bed in ALERT.findall(out)]
    came = [line for line in expected if any(_fits(line, event) for event in found)]
    assert came, out
    # Every way in which a device is read brought what an alert is made of.
    assert {bed for _, _, bed in found} == set(subjects.values()), out
    assert list(tmp_path.iterdir()) == []


def _fits(line: tuple[float, str, str], event: tuple[int, str, str]) -> bool:
    return line[1:] == event[1:] and abs(line[0] - event[0]) <= 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_and_cleanly(tmp_path, number):
    with demo(tmp_path) as process:
        wait_for(process, "Speed 60")
        broker = children(process.pid)
        process.send_signal(number)
        out, _ = process.communicate(timeout=15)
    assert process.returncode == 0
    assert "Ended before the recordings" in out
    assert broker
    assert not any(Path(f"/proc/{pid}").exists() for pid in broker)
    assert list(tmp_path.iterdir()) == []


def test_a_dead_broker_is_said_in_words_and_leaves_nothing_behind(tmp_path):
    with demo(tmp_path, "--speed", "240") as process:
        wait_for(process, "enrols DEMO-001")
        for pid in children(process.pid):
            os.kill(pid, signal.SIGKILL)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 3
    assert "BROKER" in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [["--speed", "0"], ["--speed", "601"], ["--for", "-1"]])
def test_wrong_use_is_refused(tmp_path, options):
    with demo(tmp_path, *options) as process:
        process.communicate(timeout=20)
    assert process.returncode == 2


def test_without_recordings_it_says_so_in_one_line(tmp_path):
    # As in a wheel: the packages without the folder of recordings beside them.
    root = RECORDINGS.parent
    for name in ("monitor_daemon", "drivers", "config"):
        (tmp_path / name).symlink_to(root / name)
    done = subprocess.run(
        COMMAND, capture_output=True, text=True, timeout=20, check=False, cwd=tmp_path
    )
    assert done.returncode == 2
    assert done.stderr.startswith("DEMO_RECORDINGS: ")
    assert done.stderr.count("\n") == 1
