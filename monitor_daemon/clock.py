"""The daemon's clock. Engine time: UTC anchored at start, advanced monotonically."""

import time
from datetime import UTC, datetime

from monitor_daemon.core.events import SECOND

#: A wall clock that moves by more than this against the monotonic clock has been stepped.
STEP = 1.0


class EngineClock:
    """Engine time in ms. It never goes backwards; `speed` scales it for demonstrations.

    Transport timers (polls, back-off, MQTT) stay real: they use `monotonic`. Clocks of one speed
    and one `origin` (Unix seconds at which engine time is true time) agree, also over a restart.
    """

    def __init__(self, speed: float = 1.0, origin: float | None = None) -> None:
        self.speed = speed
        self.anchor = time.monotonic()
        wall = time.time()
        since = wall if origin is None else origin
        self.start = round((since + (wall - since) * speed) * SECOND)
        self._wall = time.time() - self.anchor

    def now(self) -> int:
        """Engine time (ms since 1970, UTC)."""
        return self.start + int((time.monotonic() - self.anchor) * self.speed * SECOND)

    def not_before(self, engine_ms: int) -> None:
        """Move engine time forward to `engine_ms` if it is behind: it never goes back."""
        self.start += max(0, engine_ms - self.now())

    def until(self, engine_ms: int) -> float:
        """Real seconds from now until engine time `engine_ms`; 0 if it has passed."""
        return max(0.0, (engine_ms - self.now()) / SECOND / self.speed)

    def wall_step(self) -> float:
        """Seconds by which the wall clock was stepped since the last call that said so; else 0."""
        offset = time.time() - time.monotonic()
        step = offset - self._wall
        if abs(step) <= STEP:
            return 0.0
        self._wall = offset
        return step


def monotonic() -> float:
    """Seconds of the machine's monotonic clock, for transport timers."""
    return time.monotonic()


def iso(engine_ms: int) -> str:
    """Engine time as ISO 8601 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(engine_ms / SECOND, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
