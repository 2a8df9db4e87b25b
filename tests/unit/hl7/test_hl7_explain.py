"""`drivers probe hl7` explains a message: every segment, what it was used for, or why not."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from drivers.hl7.driver import DRIVER
from drivers.hl7.explain import explain
from drivers.kit.probe import explainer
from drivers.kit.registry import load_driver
from monitor_daemon.cli.drivers import app
from monitor_daemon.core.vocabulary import Reading, Unmapped

DATA = Path(__file__).parents[2] / "data" / "hl7"
SAMPLES = {path.stem: path.read_bytes() for path in sorted(DATA.glob("*.hl7"))}
OPTIONS = DRIVER.settings({})


def lines(*segments):
    head = "MSH|^~\\&|A|B|||20261121||ORU^R01^ORU_R01|1|P|2.6"
    return list(explain("\r".join([head, *segments]).encode(), OPTIONS))


def use(obx):
    return lines(f"OBX|1|{obx}")[1].use


def test_the_probe_finds_the_explanation_of_this_driver_and_none_of_others():
    assert explainer(DRIVER) is explain
    assert explainer(load_driver("bbraun_space")) is None


@pytest.mark.parametrize("name", SAMPLES)
def test_every_segment_of_a_sample_has_a_line(name):
    told = list(explain(SAMPLES[name], OPTIONS))
    segments = [line for line in SAMPLES[name].replace(b"\n", b"\r").split(b"\r") if line]
    places = [line.place.split(" ")[0] for line in told if not line.place.startswith("->")]
    assert places == [segment[:3].decode() for segment in segments]
    assert all(line.use for line in told)


@pytest.mark.parametrize("name", SAMPLES)
def test_no_number_and_no_name_of_a_patient_is_quoted(name):
    text = " ".join(f"{line.wire} {line.use}" for line in explain(SAMPLES[name], OPTIONS))
    for word in ("HO2009001", "ICU-48213", "SATO", "PATID1234", "EVERYMAN", "TEDSONS", "Hon^"):
        assert word not in text


def test_it_says_what_the_decoder_says():
    data = SAMPLES["composed-pcd01-monitor"]
    decoder = DRIVER.decoder("mllp", OPTIONS)
    rows = [*decoder.feed(data), *decoder.finish()]
    told = [line.use for line in explain(data, OPTIONS) if line.place.startswith("OBX")]
    for row in rows:
        if isinstance(row, Reading):
            assert any(use.startswith(f"{row.signal} {row.value:g} {row.unit}") for use in told)
    assert sum(use.startswith("unmapped") for use in told) == sum(
        isinstance(row, Unmapped) for row in rows
    )


@pytest.mark.parametrize(
    ("obx", "words"),
    [
        ("NM|4711^X^Y||1|mmHg", "nobody mapped this code"),
        ("NM|150456^CO2^MDC||36|%", "the code is that of spo2, the name is not"),
        ("NM|2524-7^Lactate^LN||18|", "lactate has no unit"),
        ("NM|2524-7^Lactate^LN||18|mmHg", "cannot be converted to mmol/L"),
        ("NM|2524-7^Lactate^LN||1,8|mmol/L", "not one number with a decimal point"),
        ("NA|150036^MDC_PRESS_BLD_ART_ABP^MDC||1^2|mmHg", "a waveform or a document"),
        ("|69965^MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS^MDC|1.0.0.0|", "a part of the device"),
        ("NM|150039^^MDC|1.2.1.3|63|mmHg||QUES|||R", "art_map 63 mmHg, questionable: OBX-8 = QUES"),
        ("NM|150039^^MDC|1.2.1.3|63|mmHg|||||X", "unvalidated (OBX-11 = X)"),
        ("NM|150039^^MDC|1.2.1.3||mmHg|||||X", "art_map - mmHg, no_value: OBX-8 = empty"),
        ("NM|150039^^MDC|1.2.1.3|63|mmHg|||||F|||20261121", "time 2026-11-21 (OBX-14)"),
        ("NM|157784^^MDC|1.1.1.1|5|mL/h", "flow of a pump"),
        ("NM|157884^^MDC|1.1.1.1|50|mL", "ignored: not needed of a pump"),
        ("ST|2^Yellow Alarm^MDIL-ALERT|0|** LOW", "alarm"),
    ],
)
def test_the_reason_of_each_fate(obx, words):
    assert words in use(obx)


def test_an_infusion_stands_where_its_group_ends():
    told = lines("OBR|1", "OBX|1|NM|157784^^MDC|1.1.1.1|5|mL/h", "OBR|2")
    assert [line.place for line in told] == ["MSH", "OBR", "OBX 1", "-> infusion", "OBR"]


def test_messages_that_are_not_read():
    [head, *_] = explain(b"MSH|^~\\&|A|B|||1||RGV^O15|1|P|2.6\rPID|||1", OPTIONS)
    assert head.use == "ignored: only ADT, ORU, OUL are read"
    [line] = explain(b"PID|||1", OPTIONS)
    assert line.use == "unreadable: does not start with MSH"
    [head] = explain(b"MSH|^~\\&|A|B|||1||ORU^R01|1|T|2.6", OPTIONS)
    assert "a test" in head.use


@given(
    st.sampled_from(sorted(SAMPLES.values())),
    st.lists(st.tuples(st.integers(0, 4000), st.sampled_from(b"|^~\\&\r0.XR ")), max_size=8),
)
def test_a_damaged_message_is_explained_without_an_exception(data, changes):
    damaged = bytearray(data)
    for place, byte in changes:
        damaged[place % len(damaged)] = byte
    assert list(explain(bytes(damaged), OPTIONS))


def test_the_probe_prints_the_newest_message_part_by_part():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{sock.getsockname()[1]}"
    code = "from monitor_daemon.cli.drivers import app; app()"
    args = ["simulate", "hl7", "--connect", place, "--option", "period=0.5"]
    with subprocess.Popen([sys.executable, "-c", code, *args], stdout=subprocess.PIPE) as gateway:
        try:
            probe = ["probe", "hl7", "--listen", place, "--seconds", "5"]
            result = CliRunner().invoke(app, probe, env={"COLUMNS": "240"})
        finally:
            gateway.terminate()
    assert result.exit_code == 0, result.output
    assert "the newest message" in result.stdout
    assert "art_map 65 mmHg, good; time" in result.stdout
    assert "a part of the device, at 1.0.0.0" in result.stdout
