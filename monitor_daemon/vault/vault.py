"""The vault: wire bytes sealed with AES-256-GCM, synced before the journal cites them.

Nothing that names a patient stands outside it. The journal cites a row by number and by the SHA-256
of its sealed bytes, so that anyone can check a citation and only the holder of the key can read it.
"""

import asyncio
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
    link TEXT NOT NULL,      -- which link brought it
    sealed BLOB NOT NULL     -- nonce, then AES-256-GCM of the bytes; the row's number and link are
)                            -- authenticated with it
"""


class SealedRow(msgspec.Struct, frozen=True):
    """One original, sealed. `digest` is what the journal cites."""

    id: int
    t: int
    link: str
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

    def seal(self, number: int, t: int, link: str, raw: bytes) -> SealedRow:
        """Encrypt one original as row `number`."""
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._aead.encrypt(nonce, raw, _bound(number, link))
        return SealedRow(number, t, link, sealed, hashlib.sha256(sealed).digest())

    def open(self, number: int, link: str, sealed: bytes) -> bytes:
        """The original bytes. Raises MonitorError if the row was changed or the key is another."""
        try:
            return self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(number, link))
        except InvalidTag:
            raise MonitorError(
                f"vault row {number}: changed, or sealed with another key", code="VAULT_ROW"
            ) from None

    def token(self, secret: str) -> str:
        """A short stand-in for an identifier, the same each time, useless without the key."""
        return hmac.digest(self._token_key, secret.encode(), "sha256").hex()[:8]


def _bound(number: int, link: str) -> bytes:
    return f"{number} {link}".encode()


def load_key(path: Path) -> bytes:
    """The key from its file (32 raw bytes or 64 hex digits). Raises ConfigError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"vault key file: {error.strerror}", code="CONFIG_VAULT_KEY") from None
    if len(content) == _KEY:
        return content
    try:
        return bytes.fromhex(content.decode().strip())
    except ValueError:
        raise ConfigError(
            f"vault key file: expected {_KEY} bytes or {2 * _KEY} hex digits",
            code="CONFIG_VAULT_KEY",
        ) from None


class Vault:
    """The store of sealed rows."""

    def __init__(self, connection: aiosqlite.Connection, sealer: Sealer, next_id: int) -> None:
        self._db = connection
        self.sealer = sealer
        self.next_id = next_id

    @classmethod
    async def open(cls, path: Path, key: bytes) -> Self:
        """Open or create the vault. Raises sqlite3.Error, ConfigError."""
        sealer = Sealer(key)
        connection = await open_store(path, (_SCHEMA,))
        await asyncio.to_thread(path.chmod, 0o600)
        rows = list(await connection.execute_fetchall("SELECT max(id) FROM original"))
        return cls(connection, sealer, (rows[0][0] or 0) + 1)

    def seal(self, t: int, link: str, raw: bytes) -> SealedRow:
        """Seal an original under the next number."""
        row = self.sealer.seal(self.next_id, t, link, raw)
        self.next_id += 1
        return row

    async def append(self, rows: Sequence[SealedRow]) -> None:
        """Store rows; returns when they are on the disk. Raises sqlite3.Error."""
        await self._db.executemany(
            "INSERT INTO original VALUES (?, ?, ?, ?)",
            [(row.id, row.t, row.link, row.sealed) for row in rows],
        )
        await self._db.commit()

    async def read(self, number: int) -> bytes:
        """The original of row `number`. Raises MonitorError."""
        rows = list(
            await self._db.execute_fetchall(
                "SELECT link, sealed FROM original WHERE id = ?", (number,)
            )
        )
        if not rows:
            raise MonitorError(f"vault row {number}: not there", code="VAULT_ROW")
        return self.sealer.open(number, rows[0][0], rows[0][1])

    async def close(self) -> None:
        """Close the connection."""
        await self._db.close()
