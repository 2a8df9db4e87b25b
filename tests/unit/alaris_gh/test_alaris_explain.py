"""What `drivers probe` and `explain` show of a line: every field, used or not."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.alaris_gh.driver import DRIVER
from drivers.alaris_gh.explain import explain, messages
from drivers.alaris_gh.frames import encode
from drivers.kit.probe import Explained, explainer

#: In the layout of a public driver's recorded strings.
INF = b"!INF^8002-51740^-^SET^5.00^ml/h^^12.500^ml^17.91^mmHg^24+^EVENT^127904|E2CE\r"


def test_every_field_of_inf_is_shown_whether_it_is_used_or_not():
    found = {part.place: (part.wire, part.use) for part in explain(INF, {})}
    assert len(found) == 13 + 2
    assert found["INF 4 rate"] == ("5.00", "used")
    assert found["INF 9 pressure"] == ("17.91", "ignored: not needed here")
    assert found["INF 11 time remaining"] == ("24+", "ignored: not needed here")
    assert found["-> infusion"] == ("8002-51740", "5 (unknown) mL/h good")
    assert found["-> unmapped"] == ("INF mode", "SET")
    assert explainer(DRIVER) is explain


def test_a_line_that_cannot_be_read_is_explained():
    [part] = explain(INF.replace(b"E2CE", b"E2CF"), {})
    assert part == Explained("line", "", "unreadable: CRC E2CF, computed E2CE")


def test_the_lines_of_a_file():
    first, (at, fault), last = messages(INF + INF[:9] + INF, {})
    assert (first, last) == ((0, INF), (len(INF) + 9, INF))
    assert (at, fault.code) == (len(INF), "FRAME")


@given(st.binary() | st.lists(st.text("INF5.-", max_size=6), min_size=1).map(lambda f: encode(*f)))
def test_any_bytes_are_explained(raw):
    assert all(isinstance(part, Explained) for part in explain(raw, {}))
