"""What one instant brings to the ward, and what comes of it."""

from collections.abc import Callable

from monitor_daemon.core.decisions import Decision, Refused
from monitor_daemon.core.errors import MonitorError
from monitor_daemon.core.people import Word
from monitor_daemon.core.relive import Relived


class Instant:
    """What one instant brings: who is touched, what people said, and the answers.

    What follows for a subject belongs to the input that spoke of him last, else to the last one.
    """

    def __init__(self, now: int, last: int) -> None:
        self.now = now
        self.last = last
        self.minute: int | None = None
        self.touched: set[str] = set()
        self.words: dict[str, list[tuple[int, Word]]] = {}
        self.roles: tuple[str, ...] = ()
        self.late: dict[str, list[int]] = {}
        self.relived: dict[str, Relived] = {}
        self.owners: dict[str, int] = {}
        self.out: list[tuple[int, Decision]] = []

    def owner(self, subject: str) -> int:
        """The index of the input to which decisions about `subject` belong."""
        return self.owners.get(subject, self.last)

    def answer(self, index: int, work: Callable[..., object], *given: object) -> bool:
        """Carry out a command; a wrong one is answered with its code and reason."""
        try:
            work(*given)
        except MonitorError as error:
            self.out.append((index, Refused(error.code, str(error))))
            return False
        return True
