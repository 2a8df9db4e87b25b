"""`verify` finds every change of the record: bytes, order, missing rows, a shortened end."""

import asyncio
import hashlib
import shutil
import sqlite3

import pytest
from engine_room import ZERO, HandClock, engine_room, record
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from monitor_daemon.core.events import MINUTE, Data, Sample, Tick
from monitor_daemon.core.people import Acknowledge, Enrol, Observe
from monitor_daemon.engine.replay import Verification, verify
from monitor_daemon.journal.chain import GENESIS, link
from monitor_daemon.journal.reader import read_only
from monitor_daemon.journal.reader import rows as all_rows

tampering = settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


async def make_record(folder):
    """Twelve minutes of a severe hypotension, with entries and originals."""
    clock = HandClock()
    async with engine_room(folder, clock=clock) as room:
        await room.engine.submit([Enrol("S1", "B1", "personalise", "usual_vp01", 60.0, "nurse")])
        for minute in range(12):
            clock.at = ZERO + minute * MINUTE
            pressure = Data("monitor", "B1", (Sample("art_map", 34.0, "good"),))
            await room.engine.submit([pressure], ("monitor", b"wire %d" % minute))
            clock.at += 2000
            await room.engine.submit([Tick(clock.at // MINUTE)])
        await room.engine.submit([Observe("S1", "weight", 61.0, "nurse", reason="重さ")])
        await room.engine.submit([Acknowledge("S1", "SEVERE_LOW", "nurse")])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A record of which nothing was changed."""
    folder = tmp_path_factory.mktemp("record")
    asyncio.run(make_record(folder))
    connection = sqlite3.connect(folder / "journal.db")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return folder / "journal.db"


@pytest.fixture
def changed(whole, tmp_path):
    """A function that runs SQL on a copy of the record and gives what `verify` says of it."""

    def change(*statements):
        copy = tmp_path / "copy.db"
        shutil.copy(whole, copy)
        connection = sqlite3.connect(copy)
        count = sum(connection.execute(sql, values).rowcount for sql, values in statements)
        connection.commit()
        connection.close()
        assert count >= 1
        return [finding.seq for finding in verify(copy, Verification())]

    return change


def column(path, sql):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def another(text, data):
    """`text` with one character changed."""
    at = data.draw(st.integers(0, len(text) - 1))
    allowed = st.characters(exclude_categories=["Cs"], exclude_characters="\0" + text[at])
    return text[:at] + data.draw(allowed) + text[at + 1 :]


def another_byte(content, data):
    at = data.draw(st.integers(0, len(content) - 1))
    return content[:at] + bytes([content[at] ^ data.draw(st.integers(1, 255))]) + content[at + 1 :]


def test_an_unchanged_record_is_whole(whole):
    result = Verification()
    assert list(verify(whole, result)) == []
    assert result.inputs == len(record(whole.parent))
    assert result.decisions == column(whole, "SELECT count(*) FROM decision")[0][0] > 3
    assert result.head == column(whole, "SELECT link FROM input ORDER BY seq DESC LIMIT 1")[0][0]


def test_the_chain_is_the_published_formula(whole):
    """SHA-256 of the previous link, seven numbers, LF, digest, body; then of each decision.

    The numbers: seq, group, t, row of the vault, part, length of the digest, length of the body.
    Before a decision: the lengths of its subject and of itself, LF.
    """
    rows = column(
        whole,
        "SELECT seq, grp, t, original, part, original_hash, body, link FROM input ORDER BY seq",
    )
    decisions = column(whole, "SELECT seq, subject, body FROM decision ORDER BY seq, n")
    previous = bytes(32)
    for seq, group, t, original, part, cited, body, found in rows:
        text, digest = body.encode(), cited or b""
        numbers = [seq, group, t, original or 0, part or 0, len(digest), len(text)]
        hashed = previous + " ".join(map(str, numbers)).encode() + b"\n" + digest + text
        for of, subject, decision in decisions:
            if of == seq:
                name, said = (subject or "").encode(), decision.encode()
                hashed += f"{len(name)} {len(said)}\n".encode() + name + said
        previous = hashlib.sha256(hashed).digest()
        assert previous == found
    assert bytes(32) == GENESIS


@tampering
@given(st.data())
def test_any_changed_character_of_an_input_is_found(whole, changed, data):
    seq, body = data.draw(st.sampled_from(column(whole, "SELECT seq, body FROM input")))
    sql = "UPDATE input SET body = ? WHERE seq = ?"
    assert seq in changed((sql, (another(body, data), seq)))


@tampering
@given(st.data())
def test_any_changed_character_of_a_decision_is_found(whole, changed, data):
    seq, n, body = data.draw(st.sampled_from(column(whole, "SELECT seq, n, body FROM decision")))
    sql = "UPDATE decision SET body = ? WHERE seq = ? AND n = ?"
    assert seq in changed((sql, (another(body, data), seq, n)))


@tampering
@given(st.data())
def test_any_changed_byte_of_a_hash_is_found(whole, changed, data):
    name = data.draw(st.sampled_from(["link", "original_hash"]))
    rows = column(whole, f"SELECT seq, {name} FROM input WHERE {name} IS NOT NULL")  # noqa: S608
    seq, content = data.draw(st.sampled_from(rows))
    sql = f"UPDATE input SET {name} = ? WHERE seq = ?"  # noqa: S608
    assert seq in changed((sql, (another_byte(content, data), seq)))


@tampering
@given(st.data())
def test_a_changed_time_or_place_of_an_original_is_found(whole, changed, data):
    name = data.draw(st.sampled_from(["t", "part"]))
    rows = column(whole, f"SELECT seq FROM input WHERE {name} IS NOT NULL")  # noqa: S608
    (seq,) = data.draw(st.sampled_from(rows))
    by = data.draw(st.integers(-100_000, 100_000).filter(bool))
    assert seq in changed((f"UPDATE input SET {name} = {name} + ? WHERE seq = ?", (by, seq)))  # noqa: S608


@tampering
@given(st.data())
def test_a_deleted_row_is_found(whole, changed, data):
    last = record(whole.parent, "max(seq)")[0][0]
    seq = data.draw(st.integers(1, last - 1))
    found = changed(
        ("DELETE FROM input WHERE seq = ?", (seq,)),
        ("DELETE FROM decision WHERE seq = ?", (seq,)),
    )
    assert seq + 1 in found


@tampering
@given(st.data())
def test_a_deleted_decision_is_found(whole, changed, data):
    seq, n = data.draw(st.sampled_from(column(whole, "SELECT seq, n FROM decision")))
    assert seq in changed(("DELETE FROM decision WHERE seq = ? AND n = ?", (seq, n)))


@tampering
@given(st.data())
def test_two_rows_that_changed_places_are_found(whole, changed, data):
    last = record(whole.parent, "max(seq)")[0][0]
    first = data.draw(st.integers(1, last - 1))
    second = data.draw(st.integers(first + 1, last))
    swap = "UPDATE {0} SET seq = ? WHERE seq = ?"
    found = changed(
        *(
            (swap.format(table), places)
            for table in ("input", "decision")
            for places in ((-1, first), (first, second), (second, -1))
        )
    )
    assert first in found


@pytest.mark.parametrize("after_the_end", [False, True])
def test_an_added_decision_is_found_wherever_it_stands(whole, changed, after_the_end):
    seq = record(whole.parent, "max(seq)")[0][0] + 7 if after_the_end else 2
    text = '{"decision":"refused","code":"X","reason":"y"}'
    assert changed(("INSERT INTO decision VALUES (?, 99, NULL, ?)", (seq, text)))


def test_a_record_made_up_from_the_middle_on_is_found_by_judging_it_again(whole, changed):
    """Whoever can compute the chain anew still cannot make the rules say something else."""
    seq, n, body = column(
        whole, "SELECT seq, n, body FROM decision WHERE body LIKE '%SEVERE_LOW%' ORDER BY seq"
    )[0]
    false = body.replace("SEVERE_LOW", "MAP_HIGH__")
    connection = read_only(whole)
    rows = list(all_rows(connection))
    connection.close()
    statements = [("UPDATE decision SET body = ? WHERE seq = ? AND n = ?", (false, seq, n))]
    previous = GENESIS
    for row in rows:
        if row.seq == seq:
            forged = list(row.decisions)
            forged[n] = (forged[n][0], false.encode())
            row.decisions = tuple(forged)
        previous = link(previous, row)
        statements.append(("UPDATE input SET link = ? WHERE seq = ?", (previous, row.seq)))
    assert changed(*statements) == [seq]


def test_an_anchor_shows_a_record_that_was_shortened(whole, tmp_path):
    anchor = column(whole, "SELECT link FROM input ORDER BY seq DESC LIMIT 1")[0][0].hex()
    result = Verification()
    assert list(verify(whole, result, anchor)) == []
    assert result.anchored
    copy = tmp_path / "short.db"
    shutil.copy(whole, copy)
    connection = sqlite3.connect(copy)
    for table in ("decision", "input"):
        connection.execute(f"DELETE FROM {table} WHERE seq = (SELECT max(seq) FROM input)")  # noqa: S608
    connection.commit()
    connection.close()
    short = Verification()
    assert list(verify(copy, short, anchor)) == []
    assert not short.anchored
