"""Which drivers there are: every package may announce one by an entry point."""

from importlib.metadata import EntryPoint, entry_points

from drivers.kit.contract import Driver
from monitor_daemon.core.errors import ConfigError

GROUP = "monitor_daemon.drivers"


def driver_names() -> list[str]:
    """The names of all announced drivers, sorted; nothing is imported."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def load_driver(name: str) -> Driver:
    """The driver called `name`.

    Raises ConfigError: UNKNOWN_DRIVER if nobody announces it, BROKEN_DRIVER if its module does not
    load, does not hold a Driver, or calls it by another name.
    """
    entries = [entry for entry in entry_points(group=GROUP) if entry.name == name]
    if not entries:
        known = ", ".join(driver_names()) or "none is installed"
        raise ConfigError(f"no driver {name!r}; there are: {known}", code="UNKNOWN_DRIVER")
    try:
        found = entries[0].load()
    except Exception as error:  # a third-party module may raise anything on import
        raise _broken(entries[0], f"{type(error).__name__}: {error}") from error
    if not isinstance(found, Driver):
        raise _broken(entries[0], f"expected a Driver, found {type(found).__name__}")
    if found.name != name:
        raise _broken(entries[0], f"the driver calls itself {found.name!r}")
    return found


def _broken(entry: EntryPoint, reason: str) -> ConfigError:
    return ConfigError(f"driver {entry.name} ({entry.value}): {reason}", code="BROKEN_DRIVER")
