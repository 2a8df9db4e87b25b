"""The vault: wire bytes sealed with AES-256-GCM, synced before the journal cites them.

Nothing that names a patient stands outside it. One row holds the originals of one commit group. The
journal cites row, place in it and the SHA-256 of its sealed bytes, so that anyone can check a
citation and only the holder of the key can read it.
"""

import hashlib
import hmac
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import aiosqlite
import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from monitor_daemon.core.errors import ConfigError, MonitorError
from monitor_daemon.journal.schema import open_store

_NONCE = 12
_KEY = 32
_SCHEMA = """
CREATE TABLE original (
    id INTEGER PRIMARY KEY,
    t INTEGER NOT NULL,      -- engine time, ms since 1970 UTC
    sealed BLOB NOT NULL     -- nonce, then AES-256-GCM of a list of (link, bytes), bound to the id
)
"""


class Original(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One wire message as received, and the link that brought it."""

    link: str
    raw: bytes


class SealedRow(msgspec.Struct, frozen=True):
    """Originals, sealed. `digest` is what the journal cites."""

    id: int
    t: int
    sealed: bytes
    digest: bytes


class Sealer:
    """The vault's key at work. Raises ConfigError for a key that is not 32 bytes."""

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY:
            raise ConfigError(
                f"vault key: {len(key)} bytes, expected {_KEY}", code="CONFIG_VAULT_KEY"
            )
        self._aead = AESGCM(key)
        self._token_key = hmac.digest(key, b"token", "sha256")

    def seal(self, number: int, t: int, originals: Sequence[Original]) -> SealedRow:
        """Encrypt originals as row `number`."""
        nonce = os.urandom(_NONCE)
        plain = msgspec.msgpack.encode(originals)
        sealed = nonce + self._aead.encrypt(nonce, plain, b"%d" % number)
        return SealedRow(number, t, sealed, hashlib.sha256(sealed).digest())

    def open(self, number: int, sealed: bytes) -> list[Original]:
        """The originals. Raises MonitorError if the row was changed or the key is another."""
        try:
            plain = self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], b"%d" % number)
        except (InvalidTag, ValueError):  # ValueError: cut shorter than a nonce
            raise MonitorError(
                f"vault row {number}: changed, or sealed with another key", code="VAULT_ROW"
            ) from None
        return msgspec.msgpack.decode(plain, type=list[Original])

    def token(self, secret: str) -> str:
        """A short stand-in for an identifier, the same each time, useless without the key."""
        return hmac.digest(self._token_key, secret.encode(), "sha256").hex()[:16]


def load_key(path: Path) -> bytes:
    """The key from its file (32 raw bytes or 64 hex digits). Raises ConfigError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"store.vault_key_file {path}: {error.strerror}", code="CONFIG_VAULT_KEY"
        ) from None
    if len(content) == _KEY:
        return content
    try:
        key = bytes.fromhex(content.decode().strip())
    except ValueError:
        key = b""
    if len(key) != _KEY:
        raise ConfigError(
            f"store.vault_key_file {path}: expected {_KEY} bytes or {2 * _KEY} hex digits",
            code="CONFIG_VAULT_KEY",
        )
    return key


class Vault:
    """The store of sealed rows."""

    def __init__(self, connection: aiosqlite.Connection, sealer: Sealer, next_id: int) -> None:
        self._db = connection
        self.sealer = sealer
        self._next_id = next_id

    @classmethod
    async def open(cls, path: Path, key: bytes) -> Self:
        """Open or create the vault. Raises sqlite3.Error, ConfigError."""
        sealer = Sealer(key)
        connection = await open_store(path, (_SCHEMA,))
        rows = list(
            await connection.execute_fetchall(
                "SELECT id, sealed FROM original ORDER BY id DESC LIMIT 1"
            )
        )
        try:
            for number, sealed in rows:
                sealer.open(number, sealed)
        except MonitorError:
            await connection.close()
            raise ConfigError(
                f"vault key file: not the key with which {path.name} was written",
                code="CONFIG_VAULT_KEY",
            ) from None
        return cls(connection, sealer, (rows[0][0] if rows else 0) + 1)

    async def append(self, t: int, originals: Sequence[Original]) -> SealedRow:
        """Seal and store originals; returns when they are on the disk. Raises sqlite3.Error."""
        row = self.sealer.seal(self._next_id, t, originals)
        self._next_id += 1
        await self._db.execute("INSERT INTO original VALUES (?, ?, ?)", (row.id, row.t, row.sealed))
        return row

    async def read(self, number: int, part: int) -> Original:
        """The original at place `part` of row `number`. Raises MonitorError."""
        rows = list(
            await self._db.execute_fetchall("SELECT sealed FROM original WHERE id = ?", (number,))
        )
        originals = self.sealer.open(number, rows[0][0]) if rows else []
        if part >= len(originals):
            raise MonitorError(f"vault row {number}, part {part}: not there", code="VAULT_ROW")
        return originals[part]

    async def close(self) -> None:
        """Close the connection."""
        await self._db.close()
