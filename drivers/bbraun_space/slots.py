"""Which pump stands in which slot: those that were taken out, those that moved to another slot.

A pump is known again by its unique id and serial number (B. Braun BCC 4.0: INNR, INSERNUM, INDTNR,
on by default). It runs on in the hand of whoever carries it, so a slot that is empty proves no stop
until the same pump speaks from another slot; from then on the old one must not count beside it.
"""

from collections.abc import Mapping
from typing import Final

from drivers.bbraun_space.decode import Block
from drivers.bbraun_space.pump import ABSENT, empty_slot, missing_pump
from monitor_daemon.core.vocabulary import Row

#: Unique id, serial number and type number. Each type number has serial numbers of its own.
IDENTITY: Final = ("INNR", "INSERNUM", "INDTNR")

_Identity = tuple[str, ...]


class Slots:
    """What the blocks of one connection tell of slots; addresses are those on the wire."""

    def __init__(self) -> None:
        #: The pump that was heard at an address, and when (s).
        self._heard: dict[str, tuple[_Identity, float]] = {}
        #: What two pumps of one round call themselves: it tells no pump from another.
        self._shared: set[_Identity] = set()
        #: The addresses of the last poll, and of the one under way, in their order.
        self._listed: dict[str, None] = {}
        self._listing: dict[str, None] = {}

    def begin(self) -> None:
        """A poll of all pumps begins."""
        self._listing = {}

    def left(self, block: Block, since: float, now: float) -> list[Row]:
        """A row for each slot that a pump of `block`, heard at `now`, has left for another one.

        `since` is the beginning of the round (s): what was heard after it is there still.
        """
        rows: list[Row] = []
        for address, parameters in block.pumps.items():
            self._listing[address] = None
            self._heard.pop(address, None)
            identity = _identity(parameters)
            if identity is None or identity in self._shared:
                continue
            former = {at: heard for at, (pump, heard) in self._heard.items() if pump == identity}
            if any(heard >= since for heard in former.values()):
                self._shared.add(identity)
                continue
            rows += [empty_slot(at, block.bed) for at in former]
            for at in former:
                del self._heard[at]
            self._heard[address] = identity, now
        return rows

    def end(self, bed: str) -> list[Row]:
        """A poll is complete: a row for each pump that the one before listed and this one not."""
        gone = [address for address in self._listed if address not in self._listing]
        self._listed = self._listing
        return [missing_pump(address, bed) for address in gone]


def _identity(parameters: Mapping[str, str]) -> _Identity | None:
    unique, serial, kind = (parameters.get(key, "").strip() for key in IDENTITY)
    known = [value for value in (unique, serial) if value not in ABSENT and value.strip("0")]
    return (unique, serial, kind) if known else None
