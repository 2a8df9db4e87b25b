"""Free text is a leak of a blinded trial: what may tell the allocation is held back for review.

A text with one of the protocol's held words goes to the vault with the command that held it, and
the record gets the word of `HELD` in its place (reference 2.5 rule 8).
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from monitor_daemon.core.drugs import normalise
from monitor_daemon.core.people import Command
from monitor_daemon.core.ward import Ward

HELD: Final = "(held for review)"
#: How the vault names the source of such an original.
SOURCE: Final = "notes"
#: What people type freely; a name that nobody checks before the record is text too.
_TEXTS: Final = ("reason", "text", "action", "told", "alert", "rule", "channel", "kind")
#: A word may stand in the plural or be inflected, and a letter or number of an arm may follow.
_ENDING: Final = r"(?:[A-Z]|ES|ED|ING)?"


def screened(given: Command, ward: Ward) -> tuple[Command, tuple[str, bytes] | None]:
    """The command as it may stand in the record, and the original that holds the rest, if any."""
    words = _held_words(given.subject, ward)
    found = _pattern(words) if words else None
    if found is None:
        return given, None
    texts = {name: getattr(given, name, None) for name in _TEXTS}
    held = {name: HELD for name, text in texts.items() if text and found.search(normalise(text))}
    if not held:
        return given, None
    return msgspec.structs.replace(given, **held), (SOURCE, msgspec.json.encode(given))


def _held_words(subject: str, ward: Ward) -> tuple[str, ...]:
    """The held words of a subject's protocol; of every blinded one if nobody knows the subject."""
    known = ward.state.subjects.get(subject)
    protocols = ward.protocols.values() if known is None else [ward.protocol(known)]
    return tuple(sorted({word for p in protocols if p.blinded for word in p.held_words}))


@lru_cache(maxsize=16)
def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    """Finds a whole word; in a script without spaces a word wherever it stands."""
    forms = []
    for word in map(normalise, words):
        form = re.escape(word)
        forms.append(rf"(?<![A-Z]){form}{_ENDING}(?![A-Z])" if word.isascii() else form)
    return re.compile("|".join(forms))
