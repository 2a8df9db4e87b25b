"""A message whose storing failed is not known: what its sender repeats is stored again."""

import asyncio

import pytest

from drivers.kit.repeats import Once, Repeatable


class Held:
    """A sink that stores when a test says so; `handed` are (raw, what is waited for)."""

    def __init__(self):
        self.handed = []

    def message(self, link, message, received):
        storing = asyncio.get_running_loop().create_future()
        self.handed.append((message.raw, storing))
        return storing

    @property
    def raw(self):
        return [raw for raw, _ in self.handed]


@pytest.fixture
def sink():
    return Held()


@pytest.fixture
def once(sink):
    return Once(sink)


def send(once, raw, sender=b"GW"):
    return asyncio.ensure_future(once.message("link", Repeatable(raw, (), sender=sender), 0.0))


def fail(storing):
    storing.set_exception(OSError("disk full"))


async def test_fault_what_could_not_be_stored_is_stored_when_it_is_repeated(once, sink):
    first = send(once, b"a")
    fail(sink.handed[0][1])
    with pytest.raises(OSError, match="disk full"):
        await first
    again = send(once, b"a")
    assert sink.raw == [b"a", b"a"]
    assert once.repeats == 0
    sink.handed[1][1].set_result(None)
    await again
    # Now it is stored: the next one is a repeat.
    await send(once, b"a")
    assert (sink.raw, once.repeats) == ([b"a", b"a"], 1)


async def test_fault_a_repeat_during_the_storing_that_fails_fails_with_it(once, sink):
    waiting = [send(once, b"a"), send(once, b"a")]
    fail(sink.handed[0][1])
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [OSError, OSError]
    assert sink.raw == [b"a"]


async def test_fault_a_failure_behind_a_storing_that_goes_on_is_a_failure_too(once, sink):
    slow, failed = send(once, b"slow"), send(once, b"a")
    fail(sink.handed[1][1])
    with pytest.raises(OSError, match="disk full"):
        await failed
    again = send(once, b"a")
    assert sink.raw == [b"slow", b"a", b"a"]
    # The old failure is settled only now, and takes nothing away from the storing that goes on.
    sink.handed[0][1].set_result(None)
    await slow
    repeat = send(once, b"a")
    assert sink.raw == [b"slow", b"a", b"a"]
    assert not repeat.done()
    sink.handed[2][1].set_result(None)
    await asyncio.gather(again, repeat)
    assert once.repeats == 1


async def test_fault_a_storing_that_was_cancelled_is_one_that_failed(once, sink):
    first = send(once, b"a")
    sink.handed[0][1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    again = send(once, b"a")
    assert sink.raw == [b"a", b"a"]
    sink.handed[1][1].set_result(None)
    await again


@pytest.mark.parametrize(("senders", "known"), [(64, True), (65, False)])
async def test_no_more_than_64_senders_are_remembered(once, sink, senders, known):
    """A sender that takes a new name for each message fills no memory."""
    for number in range(senders):
        stored = send(once, b"a", b"%d" % number)
        sink.handed[-1][1].set_result(None)
        await stored
    repeat = send(once, b"a", b"0")
    assert (once.repeats == 1) is known
    if not known:
        sink.handed[-1][1].set_result(None)
    await repeat
