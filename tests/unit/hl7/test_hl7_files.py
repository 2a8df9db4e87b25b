"""Files of messages: bare, framed, batched, one after another; and mutations of real ones."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.hl7.driver import DRIVER
from monitor_daemon.core.vocabulary import Fault, Reading, Row, Unmapped
from monitor_daemon.hl7.mllp import framed

DATA = Path(__file__).parents[2] / "data" / "hl7"
SAMPLES = {path.stem: path.read_bytes() for path in sorted(DATA.glob("*.hl7"))}
MONITOR, PUMP = SAMPLES["composed-pcd01-monitor"], SAMPLES["composed-pcd01-pump"]


def decode(*chunks):
    decoder = DRIVER.decoder("mllp", DRIVER.settings({}))
    rows = [row for chunk in chunks for row in decoder.feed(chunk)]
    return rows + list(decoder.finish())


ONE, TWO = decode(MONITOR), decode(PUMP)


def test_the_samples_are_there():
    assert len(SAMPLES) == 12


@pytest.mark.parametrize(
    "data",
    [
        MONITOR + PUMP,
        MONITOR + b"\n" + PUMP.removesuffix(b"\r"),
        MONITOR.replace(b"\r", b"\r\n") + PUMP.replace(b"\r", b"\n"),
        framed(MONITOR) + framed(PUMP),
        b"\r\n" + framed(MONITOR) + b"\n" + framed(PUMP),
        b"\xef\xbb\xbf" + MONITOR + PUMP,
        b"FHS|^~\\&|GW\rBHS|^~\\&|GW\r" + MONITOR + PUMP + b"BTS|2\rFTS|1\r",
        framed(b"FHS|^~\\&|GW\rBHS|^~\\&|GW\r" + MONITOR + PUMP + b"BTS|9\rFTS|1\r"),
        framed(b"\xef\xbb\xbfBHS|^~\\&|GW\r\n" + MONITOR) + framed(b"\r" + PUMP + b"BTS|1\r"),
        framed(MONITOR + PUMP),
        MONITOR + b"\r" + framed(PUMP),
    ],
)
def test_the_ways_to_put_two_messages_into_a_file(data):
    assert decode(data) == ONE + TWO
    assert decode(*(data[at : at + 1] for at in range(len(data)))) == ONE + TWO


def test_a_file_that_holds_no_message_says_so():
    [fault] = decode(b"%PDF-1.4\nabc\n")
    assert (fault.code, fault.offset) == ("HL7_JUNK", 0)
    assert decode(b"") == []


def test_offsets_count_from_the_start_of_the_file():
    faults = decode(b"junk\r" + MONITOR + framed(b"PID|1"))
    assert [(row.code, row.offset) for row in faults if isinstance(row, Fault)] == [
        ("HL7_JUNK", 0),
        ("HL7_HEADER", 5 + len(MONITOR)),
    ]


def test_a_message_larger_than_the_limit_is_reported_and_the_next_is_read():
    decoder = DRIVER.decoder("mllp", DRIVER.settings({"max_bytes": 2200}))
    rows = [*decoder.feed(MONITOR + PUMP), *decoder.finish()]
    assert isinstance(rows[0], Fault)
    assert rows[0].code == "HL7_TOO_LONG"
    assert rows[1:] == TWO


BYTES = st.sampled_from(b'|^~\\&\r\n0123456789.-XRF\x0b\x1c "') | st.integers(0, 255)


@given(
    st.sampled_from(sorted(SAMPLES.values())),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 3), st.lists(BYTES, max_size=4)),
             max_size=6),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_mutated_messages_never_raise_and_never_invent_a_value(sample, changes):
    data = bytearray(sample)
    for place, removed, inserted in changes:
        at = place % (len(data) + 1)
        data[at : at + removed] = bytes(inserted)
    rows = decode(bytes(data))
    numbers = {float(text.replace(b",", b".")) for text in _decimals(bytes(data))}
    for row in rows:
        assert isinstance(row, Row)
        # Converted values are left out: the samples have none, a mutation makes them rarely.
        if isinstance(row, Reading) and row.value is not None and row.unit == "mmHg":
            assert row.value in numbers or b"H2O" in data or b"kPa" in data


def _decimals(data):
    """Every decimal that stands between two delimiters or line ends, blanks aside."""
    for text in re.split(rb"[|^~\\&\r\n\x0b\x1c!*=]", data):
        if re.fullmatch(rb"[+-]?([0-9]+([.,][0-9]*)?|\.[0-9]+)", text.strip()):
            yield text.strip()


@given(st.binary() | st.text().map(str.encode), st.data())
def test_any_bytes_decode_the_same_however_they_are_cut(data, draw):
    data = draw.draw(st.sampled_from([b"", MONITOR, b"\x0b", b"MSH|^~\\&|A|B\rOBX|"])) + data
    cuts = draw.draw(st.lists(st.integers(0, len(data)), max_size=6).map(sorted))
    chunks = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert decode(*chunks) == decode(data)


@given(st.lists(st.text(alphabet="|^~\\&0123456789.ABNXM \r", max_size=12), max_size=12))
def test_any_observation_gives_rows_and_no_exception(fields):
    text = "MSH|^~\\&|A|B|||20261121||ORU^R01|1|P|2.6\rOBR|1\rOBX|" + "|".join(fields)
    pump = "\rOBX|1|NM|157784^MDC_FLOW_FLUID_PUMP^MDC|" + "|".join(fields)
    for row in decode((text + pump).encode()):
        assert isinstance(row, Row)


def test_an_unknown_value_keeps_its_text_unescaped():
    data = b"MSH|^~\\&|A|B|||20261121||ORU^R01|1|P|2.6\rOBX|1|ST|X^Y^L||a\\T\\b|\r"
    assert decode(data) == [Unmapped("X^Y^L", "a&b", None)]
