"""What a log line tells of an exception: where it was raised, and nothing of what lay there."""

import json

import structlog

from monitor_daemon.cli import logs

NAME = "QUILLFEATHER^OTTOKARIUS"


def decode(wire):
    name = wire.partition("|")[2]
    return float(f"{len(name)} is no pressure")


def test_a_log_line_of_an_exception_holds_no_value_of_its_frames(capsys):
    logs.configure()
    log = structlog.get_logger()
    try:
        decode(f"PID|{NAME}")
    except ValueError:
        log.exception("link failed", link="ward")
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["event"], said["level"], said["link"]) == ("link failed", "error", "ward")
    # It tells where all the same.
    assert [frame["name"] for frame in said["exception"][0]["frames"]][-1] == "decode"
    assert "QUILLFEATHER" not in line
    assert "OTTOKARIUS" not in line
