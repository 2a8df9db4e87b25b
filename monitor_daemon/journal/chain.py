"""The hash chain: each row's link covers its content, its decisions and the link before."""

import hashlib
from collections.abc import Iterable
from typing import Final

GENESIS: Final = bytes(32)


def link(
    previous: bytes, t: int, body: bytes, original_hash: bytes | None, decisions: Iterable[bytes]
) -> bytes:
    """SHA-256 over the previous link, the input row and its decisions, each with its length."""
    digest = hashlib.sha256(previous)
    digest.update(b"%d %d %d\n" % (t, len(body), len(original_hash or b"")))
    digest.update(body)
    digest.update(original_hash or b"")
    for decision in decisions:
        digest.update(b"%d\n" % len(decision))
        digest.update(decision)
    return digest.digest()
