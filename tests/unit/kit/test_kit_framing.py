"""The cutter that all framers share, with the smallest protocol: `[` letters `]`."""

import re

from hypothesis import given
from hypothesis import strategies as st

from drivers.kit.framing import NOISE_LIMIT, FaultCutter
from monitor_daemon.core.vocabulary import Fault

LONGEST = 20


class Brackets(FaultCutter[bytes]):
    unit = "word"
    begins = re.compile(rb"\[")

    def _first(self):
        end = re.compile(rb"[][]").search(self._buffer, self._searched, LONGEST)
        self._searched = len(self._buffer)
        if end is None:
            full = len(self._buffer) >= LONGEST
            return (self._broken("no end"), LONGEST) if full else (None, 0)
        if end[0] == b"[":
            return self._broken("begins again"), end.start()
        word = bytes(self._buffer[: end.end()])
        return (None if word == b"[]" else word), end.end()


def test_noise_is_counted_with_its_place_and_an_empty_word_is_passed_over():
    cutter = Brackets()
    assert cutter.feed(b"ab[one][]") == [Fault("FRAME", 0, "2 bytes outside words"), b"[one]"]
    assert cutter.feed(b"x[two") == [Fault("FRAME", 9, "1 bytes outside words")]
    assert cutter.feed(b"]") == [b"[two]"]
    assert cutter.finish() == []


def test_what_is_cut_off_is_said_once():
    cutter = Brackets()
    assert cutter.feed(b"[a") == []
    assert cutter.finish() == [Fault("FRAME", 0, "the bytes end within a word")]
    assert cutter.finish() == []
    assert cutter.feed(b"xx") == []
    assert cutter.finish() == [Fault("FRAME", 2, "2 bytes outside words")]


def test_a_damaged_word_costs_itself():
    assert Brackets().feed(b"[on[two]") == [Fault("FRAME", 0, "begins again"), b"[two]"]
    assert Brackets().feed(b"[" + b"o" * 30 + b"[two]")[-1] == b"[two]"


def test_endless_noise_is_reported_on_the_way_and_not_kept():
    cutter = Brackets()
    found = [item for _ in range(5000) for item in cutter.feed(b"x")]
    assert [fault.offset for fault in found] == [0, NOISE_LIMIT, 2 * NOISE_LIMIT, 3 * NOISE_LIMIT]
    assert len(cutter._buffer) == 0


streams = st.lists(
    st.sampled_from([b"[", b"]", b"[]", b"[one]", b"x" * 1100]) | st.binary(max_size=30)
)


@given(streams)
def test_the_same_however_split_and_every_byte_has_its_place(chunks):
    data = b"".join(chunks)
    whole, by_byte, by_chunk = Brackets(), Brackets(), Brackets()
    expected = whole.feed(data) + whole.finish()
    assert [i for b in data for i in by_byte.feed(bytes([b]))] + by_byte.finish() == expected
    assert [i for c in chunks for i in by_chunk.feed(c)] + by_chunk.finish() == expected
    words = re.findall(rb"\[[^][]{1,18}\]", data)
    assert [item for item in expected if isinstance(item, bytes)] == words
    places = [item.offset for item in expected if isinstance(item, Fault)]
    assert places == sorted(places)
    assert all(place < len(data) for place in places)
