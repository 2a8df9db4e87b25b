"""`drivers probe` shows all that a device said of itself, its version beside its pumps."""

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("monitor-daemon")


@pytest.fixture
def station(tmp_path):
    """A simulated station behind a pseudo-terminal; gives the path."""
    port = tmp_path / "port"
    args = [COMMAND, "drivers", "simulate", "bbraun_space", "--port", port]
    with subprocess.Popen(args, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("bbraun_space: ")
        yield port
        process.terminate()


def test_a_pump_s_model_does_not_hide_the_version_of_its_station(station):
    done = subprocess.run(
        [COMMAND, "drivers", "probe", "bbraun_space", "--port", station, "--seconds", "2"],
        capture_output=True,
        check=True,
        text=True,
        env={"COLUMNS": "200"},
    )
    row = done.stdout.partition("says of itself")[2].partition("last state")[0]
    said = [words for part in row.split("│") if (words := part.strip())]
    assert said[0] == "station answered"
    assert said[1].startswith("BCC V")
    assert said[2].startswith("pump 50111: Perfusor Space")
