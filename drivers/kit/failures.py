"""What went wrong on a link, in words for people who do not read Python."""

import errno
import os
import traceback
from pathlib import Path
from typing import Final

#: What the system says of a serial port whose adapter was pulled.
_GONE: Final = frozenset({errno.EIO, errno.ENXIO, errno.ENODEV})


def place(error: Exception) -> str:
    """Where an exception came from: file and line, without its text, which may quote the wire."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"


def in_words(error: Exception) -> str:
    """What went wrong, as people say it: without the error's number and the path once more."""
    if isinstance(error, OSError) and error.errno in _GONE:
        return "the port is gone"
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
