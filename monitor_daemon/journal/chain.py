"""The hash chain: each row's link covers its content, its decisions and the link before."""

import hashlib
from typing import Final

from monitor_daemon.journal.rows import InputRow

GENESIS: Final = bytes(32)


def link(previous: bytes, row: InputRow) -> bytes:
    """SHA-256 over the previous link and everything the row says, each part with its length.

    `row.link` is what this makes and is not read.
    """
    cited = row.original_hash or b""
    head = (row.seq, row.group, row.t, row.original or 0, row.part or 0, len(cited), len(row.body))
    digest = hashlib.sha256(previous)
    digest.update(b"%d %d %d %d %d %d %d\n%b%b" % (*head, cited, row.body))
    for subject, body in row.decisions:
        name = (subject or "").encode()
        digest.update(b"%d %d\n%b%b" % (len(name), len(body), name, body))
    return digest.digest()
