"""The option `poll_period` of drivers that ask for values."""

from collections.abc import Mapping
from typing import Any, Final

from monitor_daemon.core.errors import ConfigError

#: No device is asked less often than once a day (s); a link expects a message as often.
LONGEST: Final = 86400.0


def checked_period(options: Mapping[str, Any], least: float) -> float:
    """The option `poll_period` (s). Raises ConfigError unless `least` <= it <= `LONGEST`."""
    period = options["poll_period"]
    # True is an int, and no time.
    if type(period) not in {int, float} or not least <= period <= LONGEST:
        raise ConfigError(
            f"poll_period = {period!r}: at least {least:g}, at most {LONGEST:g} (seconds)"
        )
    return float(period)
