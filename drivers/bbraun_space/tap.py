"""The session of a tap: it hears a station that another recorder asks, and says nothing.

Of that recorder nothing is heard: neither what it asks for nor whether it got it. A block that it
wants once more (NAK) comes again as it was (B. Braun BCC 4.0, link layer). What it asks for may be
one pump (MEM:GETSLOT) as well as all, so that a pump which is not listed says nothing.
"""

from typing import Final

from drivers.bbraun_space.decode import block_rows, read_block
from drivers.bbraun_space.frames import Broken, Frame, Framer, Stuffing
from drivers.bbraun_space.notes import Notes
from drivers.bbraun_space.slots import Slots
from drivers.kit.contract import Alive, Effect, Message, Problem

#: The same bytes once more within this time (s) are a repeat. It is longer than a long block takes
#: at 9600 baud, and short enough that a station whose time stands still does not fall silent.
REPEAT_S: Final = 3.0


class BccTap:
    """One connection on which nothing is ever sent, whatever comes or does not come."""

    def __init__(self, stuffing: Stuffing) -> None:
        self._framer = Framer(stuffing)
        self._notes = Notes()
        self._slots = Slots()
        #: The blocks of the last moments, with the time at which each came first.
        self._recent: dict[bytes, float] = {}

    def connected(self, now: float) -> list[Effect]:
        """Another recorder speaks first."""
        return []

    def feed(self, data: bytes, now: float) -> list[Effect]:
        """Blocks, whoever asked for them; ACK and NAK between them say nothing."""
        effects: list[Effect] = []
        for item in self._framer.feed(data):
            if isinstance(item, Frame):
                effects += self._block(item, now)
            elif isinstance(item, Broken):
                effects.append(Problem(item.fault))
        return effects

    def stored(self, message: Message, now: float) -> list[Effect]:
        """The other recorder acknowledges."""
        return []

    def lost(self, now: float) -> list[Effect]:
        """A frame that was cut off is said."""
        return [Problem(broken.fault) for broken in self._framer.finish()]

    def due(self) -> float | None:
        """Never: silence is the other recorder's, or that it was switched off."""
        return None

    def wake(self, now: float) -> list[Effect]:
        """Nothing is waited for."""
        return []

    def _block(self, frame: Frame, now: float) -> list[Effect]:
        self._recent = {raw: at for raw, at in self._recent.items() if now - at <= REPEAT_S}
        if frame.raw in self._recent:
            return []
        self._recent[frame.raw] = now
        block = read_block(frame)
        rows = (*self._slots.left(block, now - REPEAT_S, now), *block_rows(block))
        return [*map(Alive, self._notes.of(block)), Message(frame.raw, rows)]
