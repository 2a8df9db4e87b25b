"""The one error taxonomy: who is at fault decides what happens next.

Every error carries a stable code that stands in the documentation and in the log.
"""


class MonitorError(Exception):
    """Base of every error this program raises on purpose.

    `code` is the stable name a person can look up in docs/reference/errors.md.
    """

    code = "ERROR"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class ConfigError(MonitorError):
    """A file a person wrote is wrong: say what and exit, never retry."""

    code = "CONFIG"


class LinkError(MonitorError):
    """A device or broker cannot be reached: retry with back-off."""

    code = "LINK"


class FrameError(MonitorError):
    """The other side sent bytes that break its protocol: count and resynchronise."""

    code = "FRAME"


class MappingError(MonitorError):
    """A parameter, unit or drug nobody mapped: count and report."""

    code = "MAPPING"


class CommandError(MonitorError):
    """A person asked for something that cannot be done: answer the person."""

    code = "COMMAND"


class InvariantError(MonitorError):
    """Our own fault: stop that task loudly."""

    code = "INVARIANT"
