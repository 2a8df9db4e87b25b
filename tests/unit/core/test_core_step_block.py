"""A run of pressures taken as one block leaves what the live path leaves."""

from bedside import ZERO, ZERO_MINUTE, Bedside, enrolment, pressure, pump
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_daemon.core.events import Tick
from monitor_daemon.engine.replay import judge_in_blocks

MEANS = st.one_of(
    st.floats(55, 75).map(lambda mean: round(mean, 1)), st.sampled_from([0.0, 31.0, 184.3, 270.0])
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["triplet"] * 4 + ["same"] * 3 + ["mean", "flagged", "pump"]),
        MEANS,
        # Milliseconds since the message before, and how far the device's stamp lies back.
        st.sampled_from([250, 1000, 1000, 1000, 5000, 61_000]),
        st.sampled_from([0, 0, 0, 40, 300_000, -90_000]),
        st.sampled_from(["B1", "B1", "B1", "B2"]),
    ),
    max_size=150,
)


def message(kind, mean, at, bed):
    if kind == "same":
        return pump(6.0, bed=bed, at=at)
    if kind == "pump":
        return pump(round(mean / 10, 1), bed=bed, at=at)
    if kind == "flagged":
        return pressure(None, quality="calibrating", bed=bed, at=at)
    if kind == "mean":
        return pressure(mean, bed=bed, at=at)
    return pressure(mean, systolic=mean + 40, diastolic=mean - 15, bed=bed, at=at)


def record(steps):
    """(t, inputs) of the steps, with the ticks that fall due between them."""
    now, minute = ZERO + 1000, ZERO_MINUTE + 1
    for kind, mean, gap, back, bed in steps:
        now += gap
        while minute * 60_000 + 2000 <= now:
            yield minute * 60_000 + 2000, [Tick(minute)]
            minute += 1
        yield now, [message(kind, mean, now - back, bed)]


def site():
    bedside = Bedside(periods={"monitor": 1.0})
    bedside.give(0, enrolment(), enrolment("S2", "B2"))
    return bedside.ward


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_blocks_leave_the_state_and_the_decisions_of_the_live_path(steps):
    live, blocks = site(), site()
    one_by_one = [(t, d) for t, inputs in record(steps) for _, d in live.step(inputs, t)]
    assert list(judge_in_blocks(blocks, record(steps))) == one_by_one
    assert blocks.snapshot() == live.snapshot()


def test_a_pump_whose_clock_is_set_among_pressures_speaks_in_its_turn():
    steps = [
        ("triplet", 60.0, 1000, 0, "B1"),
        ("pump", 60.0, 1000, 0, "B1"),
        ("triplet", 60.0, 1000, 300_000, "B1"),
        ("triplet", 60.0, 1000, 300_000, "B1"),
        ("triplet", 60.0, 1000, 0, "B1"),
        ("pump", 60.0, 1000, 300_000, "B1"),
        ("pump", 60.0, 1000, 300_000, "B1"),
    ]
    said = [t for t, _ in judge_in_blocks(site(), record(steps))]
    assert len(said) > 1
    assert said == sorted(said)
