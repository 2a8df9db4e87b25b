"""What is a repeat, what is remembered, and how much of it."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.kit.contract import Message
from drivers.kit.repeats import Once, Repeatable
from monitor_daemon.core.errors import InvariantError


class Store:
    """A sink that stores at once."""

    def __init__(self):
        self.raw = []

    async def message(self, link, message, received):
        self.raw.append(message.raw)


async def hand(once, *raws, sender=b"GW"):
    for raw in raws:
        await once.message("link", Repeatable(raw, (), sender=sender), 0.0)


async def test_only_what_is_repeatable_is_taken_for_a_repeat():
    once = Once(store := Store())
    for _ in range(2):
        await once.message("link", Message(b"a", ()), 0.0)
        await hand(once, b"b")
    assert store.raw == [b"a", b"b", b"a"]
    assert once.repeats == 1


async def test_the_same_bytes_of_another_sender_are_another_message():
    once = Once(store := Store())
    await hand(once, b"a", sender=b"1")
    await hand(once, b"a", sender=b"2")
    assert store.raw == [b"a", b"a"]


async def test_who_sent_most_forgets_his_oldest_and_no_other_sender_suffers():
    once = Once(store := Store(), messages=3)
    await hand(once, b"x", sender=b"quiet")
    await hand(once, b"a", b"b", b"c", b"c", b"b", b"a")
    await hand(once, b"x", sender=b"quiet")
    assert store.raw == [b"x", b"a", b"b", b"c", b"a"]


async def test_a_day_of_an_intensive_care_unit_is_remembered():
    """hl7 gateways of 30 beds with two messages a minute: 86,400 in 24 hours."""
    once = Once(store := Store())
    raws = [b"%d" % n for n in range(86_400)]
    await hand(once, *raws)
    await hand(once, raws[0])
    assert len(store.raw) == len(raws)


async def test_the_sender_that_was_heard_least_lately_is_forgotten():
    once = Once(store := Store(), senders=2)
    for sender in (b"1", b"2", b"1", b"3", b"1", b"2"):
        await hand(once, b"a", sender=sender)
    assert len(store.raw) == 4
    assert once.repeats == 2


async def test_a_sink_that_has_stopped_says_so_and_nothing_is_remembered():
    class Stopped:
        def message(self, link, message, received):
            raise InvariantError("the engine has stopped", code="ENGINE_STOPPED")

    once = Once(Stopped())
    for _ in range(2):
        with pytest.raises(InvariantError):
            await hand(once, b"a")
    assert once.repeats == 0


async def test_who_gives_up_waiting_for_a_repeat_does_not_cancel_the_first():
    release = asyncio.Event()

    class Slow(Store):
        async def message(self, link, message, received):
            await release.wait()
            await super().message(link, message, received)

    once = Once(store := Slow())
    message = Repeatable(b"a", (), sender=b"GW")
    first = asyncio.ensure_future(once.message("link", message, 0.0))
    again = asyncio.ensure_future(once.message("link", message, 0.0))
    again.cancel()
    release.set()
    await first
    assert again.cancelled()
    assert store.raw == [b"a"]


@given(st.lists(st.tuples(st.sampled_from([b"1", b"2"]), st.sampled_from([b"a", b"b", b"c"]))))
def test_within_the_limits_everything_is_stored_exactly_once(messages):
    async def run():
        once = Once(store := Store())
        for sender, raw in messages:
            await hand(once, raw, sender=sender)
        return store.raw, once.repeats

    stored, repeats = asyncio.run(run())
    distinct = list(dict.fromkeys(messages))
    assert stored == [raw for _, raw in distinct]
    assert repeats == len(messages) - len(distinct)
