"""The machine's wall clock is stepped: noticed once, written down, and engine time goes on."""

import asyncio
import time

import msgspec
import pytest
import structlog
from engine_room import engine_room, record

from monitor_daemon import clock
from monitor_daemon.clock import EngineClock

#: 2026-09-21T14:13:00Z
WALL = 1_789_999_980.0


class Machine:
    """The two clocks of a computer whose wall clock can be set."""

    def __init__(self):
        self.wall, self.running = WALL, 5000.0

    def time(self):
        return self.wall

    def monotonic(self):
        return self.running

    def passes(self, seconds, step=0.0):
        """Time passes, and meanwhile the wall clock is set by `step`."""
        self.running += seconds
        self.wall += seconds + step


@pytest.fixture
def machine(monkeypatch):
    made = Machine()
    monkeypatch.setattr(clock, "time", made)
    return made


@pytest.mark.parametrize("step", [3600.0, 1.1, -1.1, -3600.0])
def test_a_step_of_the_wall_clock_is_said_once_and_engine_time_goes_on(machine, step):
    ours = EngineClock()
    machine.passes(60, step)
    assert ours.wall_step() == pytest.approx(step)
    assert ours.wall_step() == 0.0
    assert ours.now() == round((WALL + 60) * 1000)
    machine.passes(60, -step)
    assert ours.wall_step() == pytest.approx(-step)


@pytest.mark.parametrize("step", [0.0, 0.9, -0.9])
def test_what_moves_by_less_than_a_second_was_not_stepped(machine, step):
    ours = EngineClock()
    machine.passes(60, step)
    assert ours.wall_step() == 0.0


class Settable:
    """This computer's clocks; `step` (s) is by how much somebody has set the wall clock."""

    step = 0.0
    monotonic = staticmethod(time.monotonic)

    def time(self):
        return time.time() + self.step


def steps(folder):
    """Seconds of each step that stands in the record."""
    inputs = [msgspec.json.decode(body) for (body,) in record(folder, "body")]
    return [given["seconds"] for given in inputs if given["input"] == "clock_stepped"]


async def test_a_step_while_the_engine_runs_is_an_input_of_the_record_once(tmp_path, monkeypatch):
    machine = Settable()
    monkeypatch.setattr(clock, "time", machine)
    with structlog.testing.capture_logs() as logs:
        async with engine_room(tmp_path, clock=EngineClock(speed=6000)) as room:
            ticking = asyncio.create_task(room.engine.ticks())
            await room.settle()
            machine.step = -7.5
            async with asyncio.timeout(10):
                while not steps(tmp_path):
                    await room.settle()
                # Another whole minute, in which nothing more is said.
                minute = room.engine.ward.state.minute
                while room.engine.ward.state.minute <= minute + 1:
                    await room.settle()
            ticking.cancel()
            await asyncio.wait([ticking])
    assert steps(tmp_path) == [pytest.approx(-7.5, abs=0.5)]
    (told,) = [entry for entry in logs if entry["event"] == "wall clock stepped"]
    assert (told["log_level"], told["seconds"]) == ("warning", pytest.approx(-7.5, abs=0.5))
