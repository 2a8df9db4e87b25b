"""A device that says again what a capture holds, with the same pauses."""

from collections.abc import Iterable, Sequence

from drivers.kit.capture import Chunk
from drivers.kit.playback import SimClock


class CapturePlayer:
    """Plays chunks to every reader from the first on and hears nothing of what is asked.

    The first chunk leaves as soon as a reader connects; the pauses are those of the capture divided
    by the clock's speed. Raises IndexError for no chunks.
    """

    def __init__(self, chunks: Sequence[Chunk], clock: SimClock) -> None:
        self._data = [chunk.data for chunk in chunks]
        first = chunks[0].t
        # A clock that was set back while the capture was made gives no negative pause.
        self._pauses = [max(0.0, chunk.t - first) / clock.speed for chunk in chunks]
        self._start: float | None = None
        self._next = 0

    def connected(self, now: float) -> Iterable[bytes]:
        """The reader connected: from the beginning."""
        self._start, self._next = now, 0
        return self.wake(now)

    def feed(self, data: bytes, now: float) -> Iterable[bytes]:
        """It does not listen."""
        return ()

    def due(self) -> float | None:
        """When the next chunk is due; None at the end."""
        if self._start is None or self._next == len(self._data):
            return None
        return self._start + self._pauses[self._next]

    def wake(self, now: float) -> Iterable[bytes]:
        """The chunks that are due."""
        found = []
        while (due := self.due()) is not None and due <= now:
            found.append(self._data[self._next])
            self._next += 1
        return found
