"""What hl7apy, an independent implementation, has against the segments of a message.

It takes some 2 ms for a segment and blocks while it does, so it runs in a process of its own, and
only when a person asks. What it says of a message changes nothing that is read of it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_segment
from hl7apy.validation import Validator

from drivers.hl7.explain_groups import place
from drivers.kit.probe import Explained
from monitor_daemon.hl7.er7 import Er7Message, read

#: A value that is quoted may be a patient's.
_QUOTED: Final = re.compile(r"Value .* not in", re.DOTALL)
#: What hl7apy raises on segments that it does not expect, beside its own exceptions.
_SURPRISED: Final = (ValueError, AttributeError, LookupError, TypeError)


def validate(raws: Sequence[bytes], options: Mapping[str, Any], /) -> list[list[Explained]]:
    """For each message (without MLLP bytes) what is not as HL7 v2 has it, by its MSH-12.

    A message that cannot be read has no findings; `drivers explain` says why. Values are not
    quoted. A structure is not checked: hl7apy knows no ORU_R40.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as worker:
        return list(worker.map(_findings, [read(raw, options["charset"]) for raw in raws]))


def _findings(message: Er7Message | object) -> list[Explained]:
    """In the other process."""
    if not isinstance(message, Er7Message):
        return []
    marks = message.encoding
    delimiters = {
        "GROUP": "\r", "SEGMENT": "\r", "FIELD": marks.field, "COMPONENT": marks.component,
        "SUBCOMPONENT": marks.subcomponent, "REPETITION": marks.repetition, "ESCAPE": marks.escape,
    }  # fmt: skip
    version = message.msh(12).split(marks.component)[0].strip()
    found: list[Explained] = []
    for segment in message.segments:
        fields = segment if segment[0] != "MSH" else [segment[0], *segment[2:]]
        where = place(segment) if segment[0] == "OBX" else segment[0][:3]
        text = marks.field.join(fields)
        found += [
            Explained(where, "", f"hl7apy: {say}") for say in _said(text, version, delimiters)
        ]
    return found


def _said(segment: str, version: str, delimiters: Mapping[str, str]) -> Iterable[str]:
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        try:
            parsed = parse_segment(segment, version, encoding_chars=dict(delimiters))
            # It raises the first of what it has written.
            with suppress(HL7apyException):
                Validator.validate(parsed, report_file=str(report))
        except (HL7apyException, *_SURPRISED) as error:
            return [f"cannot be parsed ({type(error).__name__})"]
        lines = report.read_text(encoding="utf-8").splitlines()
    return [_QUOTED.sub("a value is not in", line) for line in lines]
