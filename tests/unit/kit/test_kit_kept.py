"""Captures that become tests: what is written, what counts, what is refused."""

import json

import pytest

from drivers.kit.kept import ROWS, differences, keep, load_kept
from drivers.kit.registry import load_driver
from monitor_daemon.core.errors import CommandError, ConfigError

#: Two records as the public drivers print them, in three reads; the clock is that of the recorder.
LINE = "!INF^8002-51740^-^SET^5.00^ml/h^^12.500^ml^17.91^mmHg^24+^EVENT^127904|E2CE\r"
CAPTURE = (
    '{"t":1700000000.5,"dir":"tx","data":"IUlORnw0OTYxDQ=="}\n'
    '{"t":1700000001.0,"dir":"rx","data":"IUlORl44MDAyLTUxNzQwXi1eU0VUXjUuMDBebWwvaF5eMTIuNTAwXm1sXjE3"}\n'
    '{"t":1700000001.25,"dir":"rx","data":"LjkxXm1tSGdeMjQrXkVWRU5UXjEyNzkwNHxFMkNFDQ=="}\n'
    '{"t":1700000100.0,"dir":"rx","data":"IUlORl44MDAyLTUx"}\n'
)


@pytest.fixture
def capture(tmp_path):
    file = tmp_path / "night.cap.jsonl"
    file.write_text(CAPTURE)
    return file


def kept(capture, into, **given):
    driver = load_driver("alaris_gh")
    return keep(driver, "serial", given.get("options", {}), capture, into, given.get("s", 60.0))


def test_the_devices_bytes_are_kept_without_the_date_and_without_ours(capture, tmp_path):
    rows, _ = kept(capture, tmp_path / "kept")
    lines = (tmp_path / "kept" / "night.cap.jsonl").read_text().splitlines()
    assert [(c["t"], c["dir"]) for c in map(json.loads, lines)] == [(0.0, "rx"), (0.25, "rx")]
    assert rows == tmp_path / "kept" / f"night{ROWS}"


def test_the_rows_say_what_stands_in_the_record_and_are_not_reviewed(capture, tmp_path):
    rows, found = kept(capture, tmp_path / "kept")
    assert found.reviewed == ""
    assert load_kept(rows) == found
    infusion, mode = json.loads(rows.read_text())["rows"]
    assert infusion == {
        "kind": "infusion",
        "channel": "8002-51740",
        "rate_ml_h": 5.0,
        "status": "unknown",
        "quality": "good",
        "volume_ml": 12.5,
    }
    assert mode == {"kind": "unmapped", "source": "INF mode", "value": "SET"}
    assert differences(rows) == []


def test_one_row_a_line(capture, tmp_path):
    rows, _ = kept(capture, tmp_path / "kept")
    assert len([line for line in rows.read_text().splitlines() if '"kind"' in line]) == 2


def test_a_row_that_a_person_corrects_and_one_he_adds_are_missed(capture, tmp_path):
    rows, _ = kept(capture, tmp_path / "kept")
    content = json.loads(rows.read_text())
    content["rows"][0]["rate_ml_h"] = 50.0
    content["rows"].append({"kind": "unmapped", "source": "X", "value": "1"})
    content["reviewed"] = "N. N., on the pump's display"
    rows.write_text(json.dumps(content))
    first, last = differences(rows)
    assert first.startswith("row 1: expected ")
    assert "'rate_ml_h': 50.0" in first
    assert last.startswith("row 3: expected ")
    assert last.endswith("found None")


def test_bytes_at_the_end_that_are_no_whole_frame_are_a_row_too(capture, tmp_path):
    _, found = kept(capture, tmp_path / "kept", s=1000.0)
    assert [row["kind"] for row in found.rows] == ["infusion", "unmapped", "error"]


def test_nothing_is_written_over(capture, tmp_path):
    kept(capture, tmp_path / "kept")
    with pytest.raises(CommandError, match=r"night\.cap\.jsonl exists: remove it, or rename"):
        kept(capture, tmp_path / "kept")
    with pytest.raises(CommandError, match="exists"):
        kept(capture, tmp_path)


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("", "CAPTURE_EMPTY", "nothing in it came from a device"),
        ('{"t":1,"dir":"tx","data":"eA=="}\n', "CAPTURE_EMPTY", "nothing in it came"),
        (CAPTURE + "not JSON\n", "CAPTURE_LINE", "line 5"),
    ],
)
def test_a_capture_that_cannot_be_kept(tmp_path, text, code, reason):
    file = tmp_path / "x.cap.jsonl"
    file.write_text(text)
    with pytest.raises(ConfigError, match=reason) as caught:
        kept(file, tmp_path / "kept")
    assert caught.value.code == code
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"driver": "hl7", "mode": 1}', '{"colour": "red"}']
)
def test_a_file_of_rows_that_cannot_be_read_is_named(tmp_path, text):
    file = tmp_path / f"x{ROWS}"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"x\.rows\.json: ") as caught:
        differences(file)
    assert caught.value.code == "KEPT_FILE"


def test_rows_without_their_capture(capture, tmp_path):
    rows, _ = kept(capture, tmp_path / "kept")
    (tmp_path / "kept" / "night.cap.jsonl").unlink()
    with pytest.raises(ConfigError, match=r"night\.cap\.jsonl: .*No such file"):
        differences(rows)
