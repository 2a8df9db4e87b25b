"""Capture files."""

import base64
import json

from hypothesis import given
from hypothesis import strategies as st

from drivers.kit.capture import Capture, Chunk, read_capture
from drivers.kit.contract import Message
from drivers.kit.link_state import LinkState
from monitor_daemon.core.vocabulary import Fault


def test_a_line_is_what_the_format_says(tmp_path):
    file = tmp_path / "x.cap.jsonl"
    with Capture(file, clock=lambda: 1790000000.25) as capture:
        capture.tap("rx", b"\x0bMSH\x1c\r")
    assert json.loads(file.read_text()) == {
        "t": 1790000000.25,
        "dir": "rx",
        "data": base64.b64encode(b"\x0bMSH\x1c\r").decode(),
    }


async def test_a_message_is_in_the_file_before_it_is_answered(tmp_path):
    file = tmp_path / "x.cap.jsonl"
    with Capture(file) as capture:
        capture.tap("rx", b"abc")
        await capture.message("link", Message(b"abc", ()), 0.0)
        (chunk,) = read_capture(file.read_bytes().splitlines(keepends=True))
    assert chunk.data == b"abc"


def test_bytes_that_nobody_can_read_are_in_the_file_at_once(tmp_path):
    """Whatever ends the recorder: no message follows that would make them durable."""
    file = tmp_path / "x.cap.jsonl"
    with Capture(file) as capture:
        capture.tap("rx", b"\x80\xf3")
        (chunk,) = read_capture(file.read_bytes().splitlines(keepends=True))
    assert chunk.data == b"\x80\xf3"


def test_that_it_tries_again_is_no_reason(tmp_path):
    with Capture(tmp_path / "x.cap.jsonl") as capture:
        capture.state("link", LinkState.BACKING_OFF, "cannot open it", 0.0)
        capture.state("link", LinkState.OPENING, "opening it", 1.0)
        capture.state("link", LinkState.CLOSED, "stopped", 2.0)
    assert capture.reason == "cannot open it"


@given(st.lists(st.tuples(st.sampled_from(["rx", "tx"]), st.binary())))
def test_what_is_written_is_read(tmp_path_factory, chunks):
    file = tmp_path_factory.mktemp("capture") / "x.cap.jsonl"
    with Capture(file) as capture:
        for direction, data in chunks:
            capture.tap(direction, data)
    with file.open("rb") as source:
        assert [(chunk.dir, chunk.data) for chunk in read_capture(source)] == chunks


@given(st.binary(max_size=200))
def test_any_file_is_read_to_its_end(data):
    good = b'{"t":1,"dir":"rx","data":"AA=="}\n'
    items = list(read_capture((data + b"\n" + good).splitlines(keepends=True)))
    assert items[-1] == Chunk(1.0, "rx", b"\x00")
    assert all(isinstance(item, Chunk | Fault) for item in items)
