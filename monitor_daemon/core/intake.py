"""When a value was measured: the running offset between a device's clock and ours (reference 0.7).

A survey found hospital device clocks 24 minutes wrong on average, so device time is only ever used
through an offset, and the offset is watched: a clock may be set, and a gateway may deliver late.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from monitor_daemon.core.events import MINUTE, SECOND

#: An offset that moves by more than this is a clock that jumped, or data that come late.
JUMP: Final = 60 * SECOND


def first_missed(judged: int, now: int, speed: float = 1.0) -> int:
    """The minute to judge first after a stop: `judged` is the last one, `now` the present minute.

    A stop that is no longer than ordinary lateness (120 s, at least 5 s of real time) is caught up
    minute by minute. After a longer one what happened meanwhile came late (reference 0.7): only
    what still holds is raised now.
    """
    lateness = max(2 * MINUTE, round(5 * speed) * SECOND) // MINUTE
    return judged + 1 if now - judged <= lateness + 1 else now


class Jump(msgspec.Struct, frozen=True):
    """A device's clock that was set by so many seconds, noticed at `at` (ms)."""

    at: int
    link: str
    seconds: float


class DeviceClock(msgspec.Struct):
    """Offset (ms) of one device: server time minus device time, at the smallest delay seen."""

    offset: int
    device: int
    received: int

    def repeats(self, now: int, limit: int) -> bool:
        """Whether its device, heard a moment ago, told what was older than `limit` (ms)."""
        return now - self.received <= JUMP and self.received - self.device - self.offset > limit

    def place(
        self, device: int, received: int, limit: int, *, at_once: bool = True
    ) -> tuple[int, int | None]:
        """True time (ms) of a value stamped `device`, and the jump if the clock was set.

        A shift that goes on at live rate is a clock jump; values that continue the device's own
        time after a silence are late data. A single step back is taken for a jump `at_once` where a
        gap is worse than a misplaced value (pressures), and only when a second value confirms it
        where an old value must not undo a newer one (doses). `limit` (ms) is at least `JUMP`.
        """
        residual = received - device - self.offset
        device_step, server_step = device - self.device, received - self.received
        if device_step == 0:
            return device + self.offset, None
        set_back = server_step - device_step > limit and (server_step <= limit or device_step < 0)
        # After a silence one value tells nothing of the rate.
        live = 0 < device_step <= 2 * server_step <= 4 * device_step
        live = live and abs(server_step - device_step) <= JUMP
        jumped = residual < -limit or (residual > limit and ((set_back and at_once) or live))
        jump = residual if jumped else None
        if jumped or residual < 0:
            self.offset += residual
        elif residual <= limit and device_step > 0:
            # A slow device clock drifts away: follow by at most 0.1 %.
            self.offset += min(residual, server_step // 1000)
        self.device, self.received = device, received
        return device + self.offset, jump

    def goes_on(self, device: int, received: int, limit: int) -> bool:
        """Whether a value of this device time is the next one, no sooner or later than is usual."""
        step = device - self.device
        lag = received - device - self.offset
        return step > 0 and abs(step - (received - self.received)) <= SECOND and abs(lag) <= limit

    def place_steady(
        self, stamps: Sequence[tuple[int | None, int]], limit: int
    ) -> list[int] | None:
        """`place` for (device, received) of many values, if the device's time goes on with ours.

        None, and nothing is changed, if it does not: then each value is to be placed by itself.
        """
        offset, device, received = self.offset, self.device, self.received
        times = []
        for stamped, now in stamps:
            if stamped is None:
                return None
            device_step, server_step = stamped - device, now - received
            residual = now - stamped - offset
            if device_step <= 0 or abs(device_step - server_step) > SECOND or abs(residual) > limit:
                return None
            offset += residual if residual < 0 else min(residual, server_step // 1000)
            device, received = stamped, now
            times.append(stamped + offset)
        self.offset, self.device, self.received = offset, device, received
        return times
