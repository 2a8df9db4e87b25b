"""The hash chain: each row's link covers its content, its decisions and the link before."""

import hashlib
from collections.abc import Iterable
from typing import Final

GENESIS: Final = bytes(32)


def link(
    previous: bytes,
    t: int,
    body: bytes,
    original: tuple[bytes, int] | None,
    decisions: Iterable[bytes],
) -> bytes:
    """SHA-256 over the previous link, the input row and its decisions, each with its length.

    `original` is the digest of the vault's row and the place in it.
    """
    cited, part = original or (b"", 0)
    digest = hashlib.sha256(previous)
    digest.update(b"%d %d %d %d\n%b%b" % (t, len(body), len(cited), part, cited, body))
    for decision in decisions:
        digest.update(b"%d\n" % len(decision))
        digest.update(decision)
    return digest.digest()
