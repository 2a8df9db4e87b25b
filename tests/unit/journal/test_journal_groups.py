"""A commit group is whole or not there, whoever else writes; snapshots are few and of one core."""

import asyncio
import sqlite3

import pytest

from monitor_daemon.journal.journal import Journal
from monitor_daemon.journal.rows import InputRow, OutboxRow

BODY = b'{"input":"tick","minute":1}'
DECIDED = ((None, b'{"decision":"refused","code":"X","reason":"y"}'),)


def rows(first, count, group=1):
    return [
        InputRow(seq, group, seq, BODY, None, None, None, b"x", DECIDED)
        for seq in range(first, first + count)
    ]


def event(number):
    return OutboxRow("monitor/t/events", b"e", False, number, number)


@pytest.fixture
async def journal(tmp_path):
    opened = await Journal.open(tmp_path / "journal.db")
    yield opened
    await opened.close()


@pytest.fixture
def other(tmp_path, journal):
    """What another program counts in the file: inputs, decisions, messages."""
    connection = sqlite3.connect(tmp_path / "journal.db")

    tables = ("input", "decision", "outbox")
    counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)  # noqa: S608

    def count():
        return connection.execute(f"SELECT {counts}").fetchone()

    yield count
    connection.close()


async def test_a_receipt_booked_during_an_append_commits_no_half_of_it(journal, other):
    await journal.append(rows(1, 1), [event(1), event(2)])
    before, after = (1, 1, 2), (4001, 4001, 302)
    appending = asyncio.create_task(
        journal.append(rows(2, 4000, group=2), [event(n) for n in range(3, 303)])
    )
    booking = [asyncio.create_task(journal.sent([n], 5)) for n in (1, 2)]
    seen = []
    while not (appending.done() and all(task.done() for task in booking)):
        await asyncio.sleep(0)
        seen.append(other())
    assert set(seen) <= {before, after}
    assert other() == after
    assert [found.id for found in await journal.pending(1)] == [3]


async def test_a_group_that_fails_in_the_middle_leaves_nothing(journal, other, tmp_path):
    await journal.append(rows(1, 1), [event(1)])
    with pytest.raises(sqlite3.IntegrityError):
        await journal.append(rows(2, 3, group=2), [event(1)])
    await journal.sent([1], 5)
    await journal.close()
    assert other() == (1, 1, 1)
    again = await Journal.open(tmp_path / "journal.db")
    assert (await again.head()).seq == 1
    await again.close()


async def test_what_is_appended_after_a_failed_group_is_on_the_disk(journal, other):
    with pytest.raises(sqlite3.IntegrityError):
        await journal.append([*rows(1, 1), *rows(1, 1)], [event(1)])
    plain = InputRow(1, 1, 1, BODY, None, None, None, b"x")
    await journal.append([plain], [])
    assert other() == (1, 0, 0)


async def test_a_group_larger_than_one_statement_is_one_transaction(journal, other):
    appending = asyncio.create_task(journal.append(rows(1, 2500), []))
    seen = set()
    while not appending.done():
        await asyncio.sleep(0)
        seen.add(other())
    assert seen | {other()} <= {(0, 0, 0), (2500, 2500, 0)}
    assert other() == (2500, 2500, 0)


async def test_the_newest_three_snapshots_stay_and_only_this_core_s_is_used(journal):
    for seq in range(1, 6):
        await journal.append(rows(seq, 1), [], (seq, "mine" if seq < 5 else "other", b"%d" % seq))
    assert await journal.snapshot("mine") == (4, b"4")
    assert await journal.snapshot("other") == (5, b"5")
    assert await journal.snapshot("nobody's") is None
    kept = await journal._db.execute_fetchall("SELECT seq FROM snapshot ORDER BY seq")
    assert list(kept) == [(3,), (4,), (5,)]


async def test_an_empty_record_begins_at_nothing(journal):
    head = await journal.head()
    assert (head.seq, head.group, head.t, head.outbox, head.sequence) == (0, 0, 0, 0, 0)
    assert head.link == bytes(32)


async def test_commits_survive_a_power_cut(journal):
    for pragma, expected in (("journal_mode", "wal"), ("synchronous", 2)):
        assert list(await journal._db.execute_fetchall(f"PRAGMA {pragma}")) == [(expected,)]


async def test_only_its_owner_can_read_the_record(journal, tmp_path):
    for path in tmp_path.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path.name
