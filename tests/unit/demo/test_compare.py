"""The verdict of the demonstration: what is missing, unexpected, or at another minute."""

from hypothesis import given
from hypothesis import strategies as st

from monitor_daemon.demo.compare import TOLERANCE, Came, compare
from monitor_daemon.demo.plan import Expected

LOW = Expected(28, "DEMO-001", "MAP_LOW", "")
DUE = Expected(35, "DEMO-001", "VP_DUE", "")
AGAIN = Expected(95, "DEMO-001", "MAP_LOW", "")


def came(expected: Expected, t: float | None = None) -> Came:
    return Came(expected.t if t is None else t, expected.subject, expected.alert)


def test_all_came():
    verdict = compare([LOW, DUE], [came(LOW, 28.4), came(DUE, 34)], until=100)
    assert verdict.passed
    assert verdict.lines() == ["2 of 2 alerts that were due came at the right minute"]


def test_a_missing_alert_fails():
    verdict = compare([LOW, DUE], [came(LOW)], until=100)
    assert not verdict.passed
    assert (verdict.due, verdict.right, verdict.missing) == (2, 1, (DUE,))
    assert "missing: VP_DUE of DEMO-001 at T+35" in verdict.lines()


def test_an_unexpected_alert_fails():
    stranger = Came(50, "DEMO-002", "FLOOR")
    verdict = compare([LOW], [came(LOW), stranger], until=100)
    assert not verdict.passed
    assert verdict.unexpected == (stranger,)
    assert "unexpected: FLOOR of DEMO-002 at T+50" in verdict.lines()


def test_the_same_alert_of_another_subject_does_not_count():
    verdict = compare([LOW], [Came(28, "DEMO-002", "MAP_LOW")], until=100)
    assert verdict.missing == (LOW,)
    assert len(verdict.unexpected) == 1


def test_a_late_alert_fails_and_is_not_called_missing():
    late = came(LOW, 30.5)
    verdict = compare([LOW], [late], until=100)
    assert not verdict.passed
    assert (verdict.missing, verdict.unexpected, verdict.moved) == ((), (), ((LOW, late),))
    assert "at another minute: MAP_LOW of DEMO-001 at T+28, came T+30.5" in verdict.lines()


def test_a_minute_early_or_late_is_right():
    for t in (27, 29):
        assert compare([LOW], [came(LOW, t)], until=100).passed
    for t in (26.9, 29.1):
        assert not compare([LOW], [came(LOW, t)], until=100).passed


def test_a_second_raise_of_one_alert_is_unexpected():
    assert compare([LOW], [came(LOW), came(LOW, 28.5)], until=100).unexpected


def test_two_episodes_are_told_apart():
    verdict = compare([LOW, AGAIN], [came(AGAIN)], until=100)
    assert verdict.missing == (LOW,)
    assert verdict.right == 1


def test_what_is_not_yet_due_is_not_missed():
    assert compare([LOW, DUE], [came(LOW)], until=34) == compare([LOW], [came(LOW)], until=34)
    assert compare([LOW], [], until=28.5).passed
    assert not compare([LOW], [], until=29.1).passed


def test_nothing_is_due_before_the_first_alert():
    assert compare([LOW], [], until=-3).lines()[0].startswith("0 of 0")


def test_what_came_after_the_end_is_not_judged():
    assert compare([LOW], [came(LOW), Came(101, "DEMO-002", "MAP_GAP")], until=100).passed


_lines = st.lists(
    st.builds(
        Expected,
        t=st.integers(0, 170).map(float),
        subject=st.sampled_from(["DEMO-001", "DEMO-002"]),
        alert=st.sampled_from(["MAP_LOW", "VP_DUE"]),
        why=st.just(""),
    ),
    max_size=12,
)


@given(_lines, st.floats(0, 200))
def test_a_run_that_gives_exactly_the_list_passes_whenever_it_is_cut(lines, until):
    assert compare(lines, [came(line) for line in lines if line.t <= until], until).passed


@given(_lines, _lines, st.floats(0, 200))
def test_every_event_and_every_due_alert_is_accounted_for(lines, others, until):
    events = [came(line) for line in others]
    verdict = compare(lines, events, until)
    assert verdict.due == verdict.right + len(verdict.missing) + len(verdict.moved)
    judged = sum(event.t <= until for event in events)
    assert judged == verdict.right + len(verdict.moved) + len(verdict.unexpected)
    assert verdict.due >= sum(line.t + TOLERANCE < until for line in lines)
