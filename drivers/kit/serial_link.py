"""A serial port, opened exclusively with the line settings of the driver or the site.

The only file that imports serialx. It opens ptys with parity, locks the port (`flock`) and reports
a pulled adapter at once.
"""

import asyncio
import errno
from collections.abc import Mapping, Sequence
from typing import Any, Final

import serialx

from drivers.kit.contract import Driver
from drivers.kit.conversation import Conversation
from drivers.kit.link import Link, LinkSpec
from drivers.kit.link_state import Backoff
from drivers.kit.serial_port import find_port, holder, is_pty
from monitor_daemon.core.errors import ConfigError, LinkError

#: What may be set of a line, and to what; rates beyond any adapter's are slips of the pen.
_LINE: Final[Mapping[str, Sequence[Any]]] = {
    "baudrate": range(50, 4_000_001),
    "byte_size": (5, 6, 7, 8),
    "parity": ("N", "E", "O"),
    "stopbits": (1, 2),
    "xonxoff": (False, True),
    "rtscts": (False, True),
}


def line_settings(driver: Driver, given: Mapping[str, Any]) -> dict[str, Any]:
    """The driver's line settings with those of the site (`given`) in their place.

    Raises ConfigError naming a setting that there is not, or a value that it cannot have.
    """
    for name, value in given.items():
        choices = _LINE.get(name)
        if choices is None:
            raise ConfigError(
                f"line.{name}: no such setting; there are {', '.join(_LINE)}", code="CONFIG_LINK"
            )
        if type(value) is not type(choices[0]) or value not in choices:
            words = ", ".join(map(repr, choices))
            if isinstance(choices, range):
                words = f"a whole number from {choices[0]} to {choices[-1]}"
            raise ConfigError(f"line.{name} = {value!r}: allowed: {words}", code="CONFIG_LINK")
    return {"baudrate": 9600, **driver.serial, **given}


class SerialLink(Link):
    """A link over a serial port.

    `port` is a path (with a slash), a name under /dev/serial/by-id, or a USB serial number. `line`
    are the site's settings, as `line_settings` takes them. Raises ConfigError for a wrong one.
    """

    def __init__(self, spec: LinkSpec, port: str, line: Mapping[str, Any] | None = None) -> None:
        # Opening a local file costs nothing, so a replugged adapter is found within two seconds.
        super().__init__(spec, port, Backoff(cap=1.5))
        try:
            self.line = line_settings(spec.driver, line or {})
        except ConfigError as error:
            raise ConfigError(f"link {spec.name}: {error}", code=error.code) from error
        framing = "".join(
            str(self.line.get(key, "?")) for key in ("byte_size", "parity", "stopbits")
        )
        self.doubt = (
            f"wrong line settings ({self.line['baudrate']} baud {framing}), wrong driver or a "
            "damaged cable"
        )

    async def _hold(self) -> str:
        path = await asyncio.to_thread(find_port, self.where)
        conversation = Conversation(self, self._begin)
        try:
            await self._open(path, conversation)
            return await asyncio.shield(conversation.ended)
        except OSError as error:
            if error.errno == errno.EBUSY:
                raise LinkError(f"it is in use by {holder(path)}", code="PORT_BUSY") from error
            if error.errno == errno.ENOTTY:
                raise LinkError("it is no serial port") from error
            raise
        except (serialx.SerialException, TypeError, ValueError) as error:
            raise ConfigError(f"{path}: line settings {self.line}: {error}") from error
        finally:
            await conversation.stop()

    async def _open(self, path: str, conversation: Conversation) -> None:
        loop, line = asyncio.get_running_loop(), self.line
        try:
            await serialx.create_serial_connection(
                loop, lambda: conversation, path, exclusive=True, **line
            )
        except OSError as error:
            # A pty drops the parity bit, and refuses a second opening that changes nothing else.
            if error.errno != errno.EINVAL or not is_pty(path):
                raise
            await serialx.create_serial_connection(
                loop, lambda: conversation, path, exclusive=True, **{**line, "parity": "N"}
            )

    def _begin(self, _conversation: Conversation) -> None:
        self._opened(f"{self.where} is open, nothing heard yet")
