"""From the monitor's relative time to its wall clock (Programming Guide H.0, relative time)."""

from datetime import datetime, timedelta
from typing import Final

from drivers.philips_intellivue.wire import MICROSECONDS_PER_TICK, TICKS_PER_SECOND, TICKS_WRAP

#: A message that was overtaken may be so many ticks older than the newest; all else is progress,
#: also where the counter begins anew after 149 hours.
_OVERTAKEN: Final = 60 * TICKS_PER_SECOND
_ALMOST_A_SECOND: Final = timedelta(microseconds=1_000_000 - MICROSECONDS_PER_TICK)


class DeviceClock:
    """Knows the wall clock only after the monitor has told a pair of absolute and relative time."""

    def __init__(self) -> None:
        self._known: datetime | None = None
        self._ticks = 0

    def tell(self, moment: datetime, ticks: int) -> None:
        """The monitor says that it was `moment` at `ticks`.

        It says so in whole seconds: what is known already stays as far as it agrees with that.
        """
        known = self.at(ticks)
        if known is not None:
            known = min(max(known, moment), moment + _ALMOST_A_SECOND)
        self._known, self._ticks = known or moment, ticks

    def at(self, ticks: int) -> datetime | None:
        """The wall clock at the ticks of a message, local to the monitor; None while unknown."""
        if self._known is None:
            return None
        passed = (ticks - self._ticks) % TICKS_WRAP
        if passed >= TICKS_WRAP - _OVERTAKEN:
            return self._known - _span(TICKS_WRAP - passed)
        self._known += _span(passed)
        self._ticks = ticks
        return self._known


def sampled_at(moment: datetime, ticks: int, sampled: int) -> datetime:
    """The wall clock at the ticks `sampled`, before `moment` at `ticks` or a little after it."""
    passed = (ticks - sampled) % TICKS_WRAP
    if passed >= TICKS_WRAP - _OVERTAKEN:
        passed -= TICKS_WRAP
    return moment - _span(passed)


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 without an offset, to the millisecond."""
    if moment is None:
        return None
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


def _span(ticks: int) -> timedelta:
    return timedelta(microseconds=ticks * MICROSECONDS_PER_TICK)
