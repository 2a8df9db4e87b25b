"""The outbox: what waits, in order; what is replaced, sent and set aside."""

import pytest

from monitor_daemon.journal import journal as module
from monitor_daemon.journal.journal import Journal
from monitor_daemon.journal.rows import InputRow, OutboxRow


def row(seq):
    return InputRow(seq, seq, 1000 + seq, b'{"input":"tick","minute":1}', None, None, None, b"x")


def event(number, sequence):
    return OutboxRow("monitor/t/events", b"e%d" % number, False, sequence, number)


def state(number, subject="S1", payload=None):
    topic = f"monitor/t/subjects/{subject}/state"
    return OutboxRow(topic, payload if payload is not None else b"s%d" % number, True, 0, number)


@pytest.fixture
async def journal(tmp_path):
    opened = await Journal.open(tmp_path / "journal.db")
    yield opened
    await opened.close()


async def waiting(journal):
    return [(row.id, row.payload) for row in await journal.pending(100)]


async def test_messages_wait_in_the_order_of_their_ids_whatever_the_group(journal):
    await journal.append([row(1)], [event(1, 1), state(2), event(3, 2)])
    await journal.append([row(2)], [event(4, 3), state(5, "S2")])
    assert [id_ for id_, _ in await waiting(journal)] == [1, 2, 3, 4, 5]
    assert [found.id for found in await journal.pending(2)] == [1, 2]


async def test_a_row_comes_back_as_it_went_in(journal):
    rows = [event(1, 7), state(2, payload="重さ".encode()), state(3, "S2", b"")]
    await journal.append([row(1)], rows)
    assert await journal.pending(10) == rows


async def test_a_retained_row_replaces_the_one_of_its_topic_that_waits_and_no_other(journal):
    await journal.append([row(1)], [state(1), state(2, "S2"), event(3, 1)])
    await journal.append([row(2)], [state(4)])
    assert await waiting(journal) == [(2, b"s2"), (3, b"e3"), (4, b"s4")]


async def test_an_empty_retained_row_replaces_too_and_is_sent(journal):
    await journal.append([row(1)], [state(1)])
    await journal.append([row(2)], [state(2, payload=b"")])
    assert await waiting(journal) == [(2, b"")]


async def test_what_was_sent_or_set_aside_waits_no_more(journal):
    await journal.append([row(1)], [event(n, n) for n in range(1, 6)])
    await journal.sent([1, 2], 5000)
    await journal.refuse(3, "the broker answered: Not authorized")
    assert [id_ for id_, _ in await waiting(journal)] == [4, 5]
    assert await journal.refused() == 1


async def test_a_row_that_was_replaced_meanwhile_can_be_marked_as_sent(journal):
    await journal.append([row(1)], [state(1)])
    await journal.append([row(2)], [state(2)])
    await journal.sent([1], 5000)
    assert await waiting(journal) == [(2, b"s2")]


async def test_many_receipts_are_booked_at_once(journal):
    await journal.append([row(1)], [event(n, n) for n in range(1, 2502)])
    await journal.sent(list(range(1, 2501)), 5000)
    assert [id_ for id_, _ in await waiting(journal)] == [2501]


async def test_what_waits_is_there_after_a_restart(journal, tmp_path):
    await journal.append([row(1)], [event(1, 1), event(2, 2)])
    await journal.sent([1], 5000)
    again = await Journal.open(tmp_path / "journal.db")
    assert await waiting(again) == [(2, b"e2")]
    head = await again.head()
    assert (head.seq, head.group, head.t, head.outbox, head.sequence) == (1, 1, 1001, 2, 2)
    await again.close()


async def test_receipts_are_kept_only_so_long_and_unsent_events_always(journal, monkeypatch):
    monkeypatch.setattr(module, "_RECEIPTS", 3)
    await journal.append([row(1)], [event(n, n) for n in range(1, 11)])
    await journal.sent([1, 2, 3, 4, 6], 5000)
    await journal.append([row(2)], [], (2, "core", b"state"))
    assert [id_ for id_, _ in await waiting(journal)] == [5, 7, 8, 9, 10]
    (left,) = await journal._db.execute_fetchall("SELECT count(*) FROM outbox")
    assert left == (5,)


async def test_the_number_of_events_goes_on_when_their_receipts_are_gone(journal, monkeypatch):
    """A quiet ward: many states after the last alert. A number used twice hides an alert."""
    monkeypatch.setattr(module, "_RECEIPTS", 3)
    await journal.append([row(1)], [event(1, 1), event(2, 2)])
    await journal.sent([1, 2], 5000)
    for number in range(3, 20):
        await journal.append([row(number)], [state(number)], (number, "core", b"state"))
    assert (await journal.head()).sequence == 2
