"""Our reader against hl7apy, segment by segment and field by field.

hl7apy knows each segment's definition and writes some fields back otherwise than they came: fields
that a version withdrew stand at the end, set ids lose their zeros, dates their blanks, telephone
numbers move to another component. So MSH and OBX up to OBX-18 are compared exactly, everything else
by the values that it holds.
"""

import re
from pathlib import Path

import hl7apy.parser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_daemon.hl7.er7 import Er7Message, read

DATA = Path(__file__).parents[2] / "data" / "hl7"
SAMPLES = {path.stem: path.read_bytes() for path in sorted(DATA.glob("*.hl7"))}
#: MSH-18 of those samples that are not UTF-8 or ASCII.
CODECS = {"ihe-pcd01-philips-monitor": "latin-1"}
EXACT = {"OBX", "MSH"}


def theirs(text):
    """Segments as hl7apy writes them back, without what is empty at their end."""
    normal = re.sub(r"\r\n?|\n", "\r", text).rstrip("\r")
    message = hl7apy.parser.parse_message(normal, find_groups=False)
    return [child.to_er7() for child in message.children]


def ours(payload):
    found = read(payload)
    assert isinstance(found, Er7Message)
    assert not found.damaged
    bar = found.encoding.field
    first, *others = found.segments
    return [bar.join([first[0], *first[2:]]), *map(bar.join, others)], found.encoding


def comparable(segment, encoding):
    bar = encoding.field
    if segment[:3] in EXACT:
        return segment.split(bar)[:19]
    marks = re.escape(bar + encoding.component + encoding.repetition + encoding.subcomponent)
    leaves = [leaf.strip() for leaf in re.split(f"[{marks}]", segment) if leaf]
    return sorted(leaf.lstrip("0") if leaf.isdecimal() else leaf for leaf in leaves)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_segment_of_every_sample_is_what_hl7apy_reads(name):
    mine, encoding = ours(SAMPLES[name])
    text = SAMPLES[name].decode(CODECS.get(name, "utf-8"))
    expected = theirs(text)
    assert len(mine) == len(expected)
    for segment, other in zip(mine, expected, strict=True):
        assert comparable(segment, encoding) == comparable(other, encoding)


LEAF = st.text(
    alphabet=st.sampled_from("ABCxyz0189.-+ %Bjørk") | st.sampled_from("病院功能"), max_size=6
).map(str.strip) | st.sampled_from(['""', r"a\T\b", r"\F\\S\x", "-1", "66"])
DELIMITERS = st.sampled_from(["|^~\\&", "|^~\\&", "*!:/%", "#@+$;"])


@st.composite
def messages(draw):
    """A message of OBX whose codes, values and units are any text: (bytes, values by OBX)."""
    bar, hat, tilde, escape, ampersand = draw(DELIMITERS)
    allowed = LEAF.map(
        lambda leaf: (
            "".join(c for c in leaf.replace("\\", escape) if c not in "*!:/%#@+$;")
            if bar != "|"
            else leaf
        )
    )
    component = st.lists(allowed, min_size=1, max_size=2).map(ampersand.join)
    field = st.lists(component, min_size=1, max_size=3).map(hat.join)
    values = draw(
        st.lists(
            st.tuples(field, st.lists(field, min_size=1, max_size=2).map(tilde.join), field),
            min_size=1,
            max_size=4,
        )
    )
    head = f"MSH{bar}{hat}{tilde}{escape}{ampersand}{bar}A{bar}B{bar}{bar}{bar}20261121{bar}{bar}"
    head += f"ORU{hat}R01{hat}ORU_R01{bar}1{bar}P{bar}2.6{bar * 6}UNICODE UTF-8"
    lines = [
        bar.join(["OBX", str(n), "CWE", code, "", value, unit, "", "", "", "", "R"])
        for n, (code, value, unit) in enumerate(values, 1)
    ]
    end = draw(st.sampled_from(["\r", "\r\n", "\n"]))
    return end.join([head, *lines, ""]), values


def trimmed(field, encoding):
    """Empty components and subcomponents at the end of a field mean nothing."""
    tidy = [
        encoding.component.join(
            component.rstrip(encoding.subcomponent)
            for component in repetition.split(encoding.component)
        ).rstrip(encoding.component)
        for repetition in field.split(encoding.repetition)
    ]
    return encoding.repetition.join(tidy)


@given(messages())
@settings(max_examples=60, deadline=None)
def test_generated_messages_are_read_as_they_were_written_and_as_hl7apy_reads_them(given_message):
    text, values = given_message
    payload = text.encode()
    found = read(payload)
    assert isinstance(found, Er7Message)
    encoding = found.encoding
    observations = found.segments[1:]
    assert [(obx[3], obx[5], obx[6]) for obx in observations] == values
    other = theirs(text)[1:]
    assert len(other) == len(observations)
    for obx, segment in zip(observations, other, strict=True):
        fields = segment.split(encoding.field)
        for number in (3, 5, 6):
            assert trimmed(obx[number], encoding) == trimmed(fields[number], encoding)
