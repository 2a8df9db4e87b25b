"""Every test is watched: an ERROR in the log that the test did not announce fails it.

Announce one with `@pytest.mark.expects_error("event")`, where "event" is the log line's event or a
part of its message.
"""

import logging
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import structlog

_BAD = {"error", "critical", "exception"}


class _Watcher(logging.Handler):
    """Collects error lines of structlog and of the standard library's logging."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()}")

    def structured(
        self, _logger: object, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        if method in _BAD:
            self.lines.append(repr(dict(event)))
        raise structlog.DropEvent


@pytest.fixture(autouse=True)
def _no_unexpected_errors(request: pytest.FixtureRequest) -> Iterator[None]:
    watcher = _Watcher()
    before = structlog.get_config()
    structlog.configure(
        processors=[watcher.structured],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=False,
    )
    logging.getLogger().addHandler(watcher)
    yield
    logging.getLogger().removeHandler(watcher)
    structlog.configure(**before)
    marks = request.node.iter_markers("expects_error")
    expected = [mark.args[0] for mark in marks]
    unexpected = [line for line in watcher.lines if not any(word in line for word in expected)]
    assert not unexpected, f"ERROR in the log: {unexpected}"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "expects_error(event): this test makes this ERROR line")
    config.addinivalue_line("markers", "alone: real time counts, so nothing runs beside this test")
