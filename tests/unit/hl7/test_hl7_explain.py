"""Messages are explained: every segment, what it was used for, or why not."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from drivers.hl7.driver import DRIVER
from drivers.hl7.explain import explain, messages
from drivers.kit.probe import explainer, splitter
from drivers.kit.registry import load_driver
from monitor_daemon.cli.drivers import app
from monitor_daemon.core.vocabulary import SIGNAL_UNITS, Fault, Reading, Unmapped

DATA = Path(__file__).parents[2] / "data" / "hl7"
SAMPLES = {path.stem: path.read_bytes() for path in sorted(DATA.glob("*.hl7"))}
OPTIONS = DRIVER.settings({})


def parts(data, **options):
    """The parts of the one message in `data`."""
    return list(explain(data, {**OPTIONS, **options}))


def lines(*segments, kind="ORU^R01^ORU_R01"):
    head = f"MSH|^~\\&|A|B|||20261121||{kind}|1|P|2.6"
    return parts("\r".join([head, *segments]).encode())


def use(obx):
    return lines(f"OBX|1|{obx}")[1].use


def test_the_probe_finds_the_explanation_of_this_driver_and_none_of_others():
    assert explainer(DRIVER) is explain
    assert splitter(DRIVER) is messages
    assert explainer(load_driver("edwards_ifmout")) is None
    assert list(splitter(load_driver("edwards_ifmout"))(b"x", {})) == [(0, b"x")]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_segment_of_a_sample_has_a_line(name):
    told = parts(SAMPLES[name])
    segments = [line for line in SAMPLES[name].replace(b"\n", b"\r").split(b"\r") if line]
    places = [line.place.split(" ")[0] for line in told if not line.place.startswith("->")]
    assert places == [segment[:3].decode() for segment in segments]
    fates = ("used", "ignored", "unmapped", "unreadable")
    assert all(line.use.startswith(fates) or line.place.startswith("->") for line in told)


@pytest.mark.parametrize("name", SAMPLES)
def test_no_number_and_no_name_of_a_patient_is_quoted(name):
    text = " ".join(f"{line.wire} {line.use}" for line in parts(SAMPLES[name]))
    for word in ("HO2009001", "ICU-48213", "SATO", "PATID1234", "EVERYMAN", "TEDSONS", "Hon^"):
        assert word not in text


def test_it_says_what_the_decoder_says():
    data = SAMPLES["composed-pcd01-monitor"]
    decoder = DRIVER.decoder("mllp", OPTIONS)
    rows = [*decoder.feed(data), *decoder.finish()]
    told = [line.use for line in parts(data) if line.place.startswith("OBX")]
    for row in rows:
        if isinstance(row, Reading):
            assert any(
                use.startswith(f"used: {row.signal} {row.value:g} {row.unit}") for use in told
            )
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
    head, patient = lines("PID|||1", kind="RGV^O15")
    assert head.use == "ignored: only ADT, ORU, OUL are read; refused over a connection"
    assert patient.use == "ignored: as its message is"
    assert lines("MSA|AA|1", kind="ACK")[0].use == "ignored: an answer"
    [head] = parts(b"MSH|^~\\&|A|B|||1||ORU^R01|1|T|2.6")
    assert "a test" in head.use
    assert "refused over a connection: DSC-1" in lines("OBR|1", "DSC|7")[0].use


def test_an_event_that_moves_nobody_and_a_sign_of_life_use_nothing():
    told = lines("EVN||20261121", "PID|||1", "PV1||I|ICU^1^1", kind="ADT^A31")
    assert told[0].use == "ignored: A31 moves nobody"
    assert {line.use for line in told[1:]} == {"ignored: as its message is"}
    active = "OBX|1|CWE|196616^MDC_EVT_ALARM^MDC|1.0.0.0.1|196614^MDC_EVT_ACTIVE^MDC"
    told = lines("OBR|1||9", active, "OBX|2|ST|68481^^MDC|1.0.0.0.3|continue", kind="ORU^R40")
    assert told[0].use == "ignored: no alarm in it; a sign of life"


def test_of_an_alarm_its_event_and_what_it_says_are_used():
    told = parts(SAMPLES["composed-pcd04-r40-deviation"])
    used = [line.place for line in told if line.use.startswith("used") and "OBX" in line.place]
    # Event, source, phase, state, priority and type; the devices above, the value and whether it
    # is silenced are not.
    assert used == ["OBX 5", "OBX 6", "OBX 7", "OBX 8", "OBX 10", "OBX 11"]
    assert told[-1].place == "-> alarm"


def test_bytes_that_fit_no_character_set_are_named():
    data = b"MSH|^~\\&|A|B|||1||ORU^R01|1|P|2.6||||||UNICODE UTF-8\rNTE|1||" + b"\xff\xfe"
    assert parts(data)[1].use == "unreadable: bytes that do not fit this character set"


BARE = SAMPLES["composed-pcd01-monitor"], SAMPLES["composed-pcd04-r40-deviation"]


def framed(message):
    return b"\x0b" + message + b"\x1c\r"


@pytest.mark.parametrize(
    ("data", "offsets"),
    [
        (b"".join(BARE), [0, len(BARE[0])]),
        (b"".join(map(framed, BARE)), [0, len(BARE[0]) + 3]),
        (BARE[0] + framed(BARE[1]), [0, len(BARE[0])]),
        (b"FHS|^~\\&\rBHS|^~\\&\r" + b"".join(BARE) + b"BTS|2\rFTS|1\r", [18, 18 + len(BARE[0])]),
        (framed(b"BHS|^~\\&\r" + b"".join(BARE) + b"BTS|2\r"), [10, 10 + len(BARE[0])]),
    ],
    ids=["bare", "framed", "bare and framed", "batch", "framed batch"],
)
def test_messages_with_and_without_frames_are_found_and_batches_taken_apart(data, offsets):
    found = list(messages(data, OPTIONS))
    assert [offset for offset, _ in found] == offsets
    assert [parts(message) for _, message in found] == [parts(message) for message in BARE]


def test_bytes_that_are_no_message_are_named_and_the_next_one_is_found():
    cut = BARE[0][:300]
    junk, truncated, whole = messages(b"junk" + b"\x0b" + cut + framed(BARE[1]), OPTIONS)
    assert (junk[0], junk[1].code) == (0, "HL7_JUNK")
    assert (truncated[0], truncated[1].code) == (4, "HL7_TRUNCATED")
    assert whole == (305, BARE[1])
    assert list(messages(b"", OPTIONS)) == []


def test_a_code_map_counts(tmp_path):
    file = tmp_path / "codes.toml"
    entry = '[[code]]\nsystem = "99MNDRY"\ncode = "4711"\nsignal = "art_map"\n'
    file.write_text(f'[map]\ntitle = "t"\nsource = "s"\n{entry}')
    data = b"MSH|^~\\&|A|B|||1||ORU^R01|1|P|2.6\rOBX|1|NM|4711^X^99MNDRY|1.2.1.3|63|mmHg|||||F"
    assert parts(data)[1].use.startswith("unmapped: nobody mapped this code")
    assert parts(data, code_map=str(file))[1].use == "used: art_map 63 mmHg, good; no time"


@given(
    st.sampled_from(sorted(SAMPLES.values())),
    st.lists(st.tuples(st.integers(0, 4000), st.sampled_from(b"|^~\\&\r0.XR ")), max_size=8),
)
def test_a_damaged_message_is_explained_without_an_exception(data, changes):
    damaged = bytearray(data)
    for place, byte in changes:
        damaged[place % len(damaged)] = byte
    assert list(explain(bytes(damaged), OPTIONS))


@given(
    st.lists(st.sampled_from([*BARE, b"\x0b", b"\x1c\r", b"MSH|^~\\&|", b"\r", b"OBX|1|", b"x"]))
)
def test_any_bytes_have_as_many_messages_as_the_decoder_finds(pieces):
    data = b"".join(pieces)
    decoder = DRIVER.decoder("mllp", OPTIONS)
    rows = [*decoder.feed(data), *decoder.finish()]
    found = list(messages(data, OPTIONS))
    told = [(offset, explain(each, OPTIONS)) for offset, each in found if isinstance(each, bytes)]
    uses = [(offset, part) for offset, each in told for part in each]
    unreadable = {offset for offset, part in uses if part.place == "message"}
    unreadable |= {offset for offset, each in found if isinstance(each, Fault)}
    assert unreadable == {
        row.offset for row in rows if isinstance(row, Fault) and row.offset is not None
    }
    read_as = tuple(f"used: {signal} " for signal in SIGNAL_UNITS)
    readings = sum(
        part.place.startswith("OBX") and part.use.startswith(read_as) for _, part in uses
    )
    assert readings == sum(isinstance(row, Reading) for row in rows)


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


def test_a_merge_without_a_bed_is_explained_in_words():
    told = lines("EVN||20261121", "PID|||1", "MRG|2", kind="ADT^A40")
    assert (told[-1].place, told[-1].use) == ("-> identity", "no more is said")


def test_a_device_that_a_participation_segment_names_is_used_and_not_shown():
    prt = "PRT|1|UC||EQUIP^Equipment^HL70912||||||P7^^1^EUI-64"
    told = lines("OBR|1", prt, "OBX|1||70053^MDC_DEV_PUMP_INFUS_SYRINGE_MDS^MDC|1.0.0.0", prt)
    assert [(line.wire, line.use) for line in told if line.place == "PRT"] == [
        ("", "ignored: not needed here"),
        ("not shown", "used: PRT-10 names the device above"),
    ]
