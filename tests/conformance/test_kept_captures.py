"""Every capture that was kept (`drivers keep`) still gives the rows that a person reviewed.

A capture is a regression test as soon as it lies anywhere under `tests/`; rows that nobody has
reviewed are compared too, but count as skipped: they are the driver's own opinion.
"""

from pathlib import Path

import pytest

from drivers.kit.kept import ROWS, differences, load_kept

TESTS = Path(__file__).parents[1]
KEPT = sorted(TESTS.rglob(f"*{ROWS}"))


@pytest.mark.parametrize("rows", KEPT, ids=lambda path: path.name.removesuffix(ROWS))
def test_a_kept_capture_gives_its_rows(rows):
    assert differences(rows) == []
    if not load_kept(rows).reviewed:
        pytest.skip("nobody has compared these rows with the device: see `reviewed` in the file")


def test_there_are_some():
    assert KEPT
