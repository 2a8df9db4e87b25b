"""`drivers explain`: messages of a file or standard input, part by part; honest exit codes."""

import base64
import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from monitor_daemon.cli.main import app
from monitor_daemon.hl7.oru_r40 import Envelope, heartbeat_message

#: Codes and unit of ISO/IEEE 11073-10101; 4711 is a made-up private code.
MONITOR = (
    b"MSH|^~\\&|GW|W|MD|W|20261121101503+0900||ORU^R01^ORU_R01|7|P|2.6\r"
    b"PID|||4711^^^W^MR||SATO^HANAKO\r"
    b"PV1||I|ICU2^R07^B07\r"
    b"OBR|1||9|182777000^monitoring of patient^SCT|||20261121101500+0900\r"
    b"OBX|1|NM|150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC|1.2.1.3|63|266016^MDC_DIM_MMHG^MDC|||||R\r"
    b"OBX|2|NM|4711^MNDRY_OTHER^99MNDRY|1.2.1.4|9|266016^MDC_DIM_MMHG^MDC|||||R\r"
)
CODES = """
[map]
title = "t"
source = "s"
[[code]]
system = "99MNDRY"
code = "4711"
signal = "cvp"
"""


def framed(message):
    return b"\x0b" + message + b"\x1c\r"


def explain(*args, data=b"", driver="hl7"):
    return CliRunner().invoke(app, ["drivers", "explain", driver, *map(str, args)], input=data)


def test_every_segment_of_a_message_is_told_with_its_fate(tmp_path):
    file = tmp_path / "one.hl7"
    file.write_bytes(MONITOR)
    done = explain(file)
    assert (done.exit_code, done.stderr) == (0, "")
    head, *lines = done.stdout.splitlines()
    assert head == "message 1, at byte 0"
    assert [line.split()[0] for line in lines] == ["MSH", "PID", "PV1", "OBR", "OBX", "OBX"]
    assert "|  used: art_map 63 mmHg, good; time 2026-11-21T10:15:00+09:00" in lines[4]
    assert lines[5].endswith("|  unmapped: nobody mapped this code; a code map may")
    assert "SATO" not in done.stdout


def test_messages_come_from_standard_input_with_frames_or_without():
    for data in (MONITOR * 2, framed(MONITOR) * 2):
        done = explain("-", data=data)
        heads = [line for line in done.stdout.splitlines() if line.startswith("message")]
        assert [head.split(",")[0] for head in heads] == ["message 1", "message 2"]
        assert done.exit_code == 0


def test_a_capture_is_explained_and_its_broken_lines_are_named(tmp_path):
    file = tmp_path / "night.cap.jsonl"
    chunks = [framed(MONITOR)[:50], framed(MONITOR)[50:]]
    lines = [
        json.dumps({"t": 1.0, "dir": "rx", "data": base64.b64encode(chunk).decode()})
        for chunk in chunks
    ]
    file.write_text("\n".join([lines[0], "not JSON", lines[1], ""]))
    done = explain(file)
    assert done.exit_code == 0
    assert "used: art_map 63 mmHg" in done.stdout
    assert done.stderr.startswith("CAPTURE_LINE: ")


def test_a_code_map_is_an_option_as_of_the_other_commands(tmp_path):
    codes = tmp_path / "codes.toml"
    codes.write_text(CODES)
    done = explain("-", "--option", f"code_map={codes}", data=MONITOR)
    assert "used: cvp 9 mmHg, good" in done.stdout


def test_a_readable_message_among_others_is_enough():
    done = explain("-", data=b"junk" + framed(MONITOR))
    assert done.exit_code == 0
    assert "  HL7_JUNK unreadable: " in done.stdout


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\n", framed(b"MSH|x")])
def test_without_a_readable_message_the_exit_code_is_1(data):
    done = explain("-", data=data)
    assert done.exit_code == 1
    assert done.stderr == "FRAME: -: no message that driver hl7 can read\n"


@pytest.mark.parametrize(
    ("driver", "args", "code", "said"),
    [
        ("edwards_ifmout", ["-"], 2, "USAGE: driver edwards_ifmout does not explain its messages"),
        ("nobody", ["-"], 2, "UNKNOWN_DRIVER: no driver 'nobody'"),
        ("hl7", ["/no/such/file"], 2, "FILE: "),
        ("hl7", ["-", "--option", "colour=1"], 2, "USAGE: option colour: driver hl7 knows only"),
        ("hl7", ["-", "--option", "max_bytes=0"], 1, "CONFIG: max_bytes = 0"),
        ("hl7", ["-", "--option", "code_map=/no.toml"], 1, "CONFIG_FILE: /no.toml: No such file"),
        ("hl7", ["-", "--option", "code_map=7"], 1, "CONFIG: code_map = '7': a path that ends"),
        ("hl7", ["-", "--option", "code_map=[7]"], 1, "CONFIG: code_map = [7]: a name, a path"),
    ],
)
def test_wrong_use_is_one_line_with_a_code(driver, args, code, said):
    done = explain(*args, driver=driver, data=MONITOR)
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == 1


def test_what_a_device_sends_steers_no_terminal():
    evil = MONITOR.replace(b"MNDRY_OTHER", b"\x1b[31mOTHER")
    assert "\x1b" not in explain("-", data=evil).stdout


def test_hl7apy_says_where_a_message_is_not_as_the_standard_has_it():
    # HL7 v2.6: OBX-3 and OBX-11 are required; table 0078 knows no flag of IHE or of a hospital.
    bad = MONITOR + b"OBX|3|NM|||9|||SATO\r"
    done = explain("-", "--validate", data=MONITOR + framed(bad))
    assert done.exit_code == 0
    first, second = done.stdout.split("message 2")
    assert "hl7apy" not in first
    found = [line.strip() for line in second.splitlines() if "hl7apy" in line]
    assert "OBX 3    hl7apy: Error: Missing required child OBX.OBX_3" in found
    assert "OBX 3    hl7apy: Error: Missing required child OBX.OBX_11" in found
    assert "SATO" not in done.stdout


def test_a_message_that_we_send_is_as_the_standard_has_it():
    # Its structure is checked elsewhere: hl7apy knows no ORU_R40.
    at = datetime(2026, 11, 21, 10, 15, 4, tzinfo=UTC)
    sent = heartbeat_message(Envelope("icu", ("MD",), ("icu",)), "alive-1", at, 60.0)
    done = explain("-", "--validate", data=sent)
    said = {line.split("hl7apy: ")[1] for line in done.stdout.splitlines() if "hl7apy" in line}
    # CWE, which IHE PCD-04 asks for in OBX-2, is not in hl7apy's table 0125 of v2.6.
    assert said == {"Warning: a value is not in table HL70125 in element OBX.OBX_2"}
    assert done.exit_code == 0


def test_a_version_that_hl7apy_does_not_know_is_said_for_each_segment():
    done = explain("-", "--validate", data=MONITOR.replace(b"|2.6", b"|9.9"))
    said = [line.split("hl7apy: ")[1] for line in done.stdout.splitlines() if "hl7apy" in line]
    assert set(said) == {"cannot be parsed (UnsupportedVersion)"}
    assert "used: art_map 63 mmHg" in done.stdout
