"""The vault: only the key opens it, every change shows, a missing row is said to be missing."""

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_daemon.core.errors import ConfigError, MonitorError
from monitor_daemon.vault.vault import Original, Sealer, Vault, load_key

KEY, OTHER = bytes(range(32)), bytes(32)
ORIGINALS = [
    Original("gateway", b"PID|||4711^^^W^MR||QUILLFEATHER"),
    Original("pumps", b"\x01\x04"),
]


@pytest.fixture
async def vault(tmp_path):
    opened = await Vault.open(tmp_path / "vault.db", KEY)
    yield opened
    await opened.close()


async def test_what_was_put_in_comes_out(vault):
    row = await vault.append(1000, ORIGINALS)
    assert [await vault.read(row.id, part) for part in (0, 1)] == ORIGINALS


async def test_nothing_can_be_read_with_another_key(vault):
    row = await vault.append(1000, ORIGINALS)
    with pytest.raises(MonitorError, match=f"vault row {row.id}: changed, or sealed") as raised:
        Sealer(OTHER).open(row.id, row.sealed)
    assert raised.value.code == "VAULT_ROW"


@pytest.mark.parametrize(("number", "part"), [(2, 0), (1, 2), (99, 0)])
async def test_a_row_or_part_that_is_missing_is_named(vault, number, part):
    await vault.append(1000, ORIGINALS)
    with pytest.raises(MonitorError, match=f"vault row {number}, part {part}: not there") as raised:
        await vault.read(number, part)
    assert raised.value.code == "VAULT_ROW"


async def test_a_row_in_the_place_of_another_is_refused(vault):
    first, second = [await vault.append(1000, [original]) for original in ORIGINALS]
    await vault._db.execute(
        "UPDATE original SET sealed = ? WHERE id = ?", (first.sealed, second.id)
    )
    with pytest.raises(MonitorError, match=f"vault row {second.id}"):
        await vault.read(second.id, 0)


async def test_it_holds_nothing_in_clear_and_is_its_owner_s_alone(vault, tmp_path):
    await vault.append(1000, ORIGINALS)
    for path in tmp_path.iterdir():
        assert b"QUILLFEATHER" not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0


async def test_a_row_is_on_the_disk_when_it_is_told_so(vault, tmp_path):
    row = await vault.append(1000, ORIGINALS)
    connection = sqlite3.connect(tmp_path / "vault.db")
    assert connection.execute("SELECT id, t, sealed FROM original").fetchall() == [
        (row.id, 1000, row.sealed)
    ]
    connection.close()
    assert list(await vault._db.execute_fetchall("PRAGMA synchronous")) == [(2,)]


async def test_numbers_go_on_over_a_restart(tmp_path):
    for expected in (1, 2):
        vault = await Vault.open(tmp_path / "vault.db", KEY)
        assert (await vault.append(1000, ORIGINALS)).id == expected
        await vault.close()


@settings(max_examples=200)
@given(st.data())
def test_any_changed_byte_of_a_sealed_row_is_refused(data):
    sealer = Sealer(KEY)
    sealed = sealer.seal(1, 1000, ORIGINALS).sealed
    at = data.draw(st.integers(0, len(sealed) - 1))
    flipped = sealed[at] ^ data.draw(st.integers(1, 255))
    with pytest.raises(MonitorError) as raised:
        sealer.open(1, sealed[:at] + bytes([flipped]) + sealed[at + 1 :])
    assert raised.value.code == "VAULT_ROW"


@settings(max_examples=100)
@given(st.data())
def test_a_cut_row_is_refused(data):
    sealer = Sealer(KEY)
    sealed = sealer.seal(1, 1000, ORIGINALS).sealed
    length = data.draw(st.integers(0, len(sealed) - 1))
    with pytest.raises(MonitorError) as raised:
        sealer.open(1, sealed[:length])
    assert raised.value.code == "VAULT_ROW"


@given(st.lists(st.builds(Original, st.text(), st.binary()), max_size=5), st.integers(1, 10**9))
def test_every_list_of_originals_comes_back(originals, number):
    sealer = Sealer(KEY)
    assert sealer.open(number, sealer.seal(number, 0, originals).sealed) == originals


def test_two_seals_of_the_same_bytes_differ():
    sealer = Sealer(KEY)
    assert sealer.seal(1, 1000, ORIGINALS).sealed != sealer.seal(1, 1000, ORIGINALS).sealed


def test_a_stand_in_is_the_same_each_time_and_needs_the_key():
    one, again, other = Sealer(KEY), Sealer(KEY), Sealer(OTHER)
    assert one.token("ICU^7") == again.token("ICU^7") != other.token("ICU^7")
    assert one.token("ICU^7") != one.token("ICU^8")
    assert "ICU" not in one.token("ICU^7")


@pytest.mark.parametrize("content", [KEY, KEY.hex().encode(), KEY.hex().upper().encode() + b"\n"])
def test_a_key_is_32_bytes_or_64_hex_digits(tmp_path, content):
    path = tmp_path / "key"
    path.write_bytes(content)
    assert load_key(path) == KEY


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 31, b"zz" * 32, "é".encode() * 32])
async def test_an_unusable_key_is_refused_without_being_shown(tmp_path, content):
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"vault.key") as raised:
        await Vault.open(tmp_path / "vault.db", load_key(path))
    assert raised.value.code == "CONFIG_VAULT_KEY"
    assert "zz" not in str(raised.value)


@pytest.mark.parametrize("digits", [2, 62, 66, 128])
def test_hex_digits_of_another_number_are_no_key(tmp_path, digits):
    path = tmp_path / "key"
    path.write_text("ab" * (digits // 2) + "\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"expected 32 bytes or 64 hex digits") as raised:
        load_key(path)
    assert raised.value.code == "CONFIG_VAULT_KEY"


def test_a_missing_key_file_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"store\.vault_key_file .*: No such file"):
        load_key(tmp_path / "none")


async def test_another_key_is_refused_at_the_start(tmp_path):
    vault = await Vault.open(tmp_path / "vault.db", bytes(32))
    await vault.append(1, [Original("link", b"bytes")])
    await vault.close()
    with pytest.raises(ConfigError, match="not the key with which"):
        await Vault.open(tmp_path / "vault.db", bytes(31) + b"x")
