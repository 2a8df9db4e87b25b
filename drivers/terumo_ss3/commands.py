"""The XML and the commands inside a packet (Terumo TE-SS830P manual, external communication).

The manual fixes the XML to the letter: one declaration, no DOCTYPE, no white space between
elements, no entities. So a pattern reads it, and no XML parser has to be trusted with a network.
"""

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Final

from drivers.terumo_ss3.frames import encode

#: Sequence numbers of a network system; 80 to FE (hex) are those of the communication rack.
SEQUENCES: Final = range(0x7F)
#: Command 01 0000: basic operating status. The only one that is documented, and it only reads.
STATUS: Final = b"\x01\x00\x00"
#: Sequence, command, subcommand, result.
HEAD: Final = 5
DEVICE_ID: Final = re.compile("[0-9A-Fa-f]{24}")

_XML: Final = re.compile(
    rb'<\?xml version="1\.0"\?><(REQ|REP)><DEVID>([0-9A-Fa-f]{24}|)</DEVID>'
    rb"(?:<CMD>([A-Za-z0-9+/]*={0,2})</CMD>)?</\1>"
)


@dataclass(frozen=True, slots=True)
class Body:
    """What a packet says. `device` is empty only in a request for the id.

    `command` is None without CMD.
    """

    request: bool
    device: str
    command: bytes | None


def read(text: bytes) -> Body | str:
    """The body of a packet; the reason if the text is none."""
    found = _XML.fullmatch(text)
    if found is None:
        return "not the XML of a request or reply with a device id"
    command = found[3]
    if not found[2] and (found[1] == b"REP" or command is not None):
        return "no device id: nobody knows whose it is"
    if command is not None and len(command) % 4:
        return "CMD is not base64"
    return Body(
        request=found[1] == b"REQ",
        device=found[2].decode("ascii"),
        command=None if command is None else b64decode(command),
    )


def write(kind: str, device: str, command: bytes | None = None) -> bytes:
    """A whole packet; `kind` is REQ or REP. Raises ValueError for an id that is not 24 hex digits.

    Only a request without command may leave the id empty.
    """
    if not DEVICE_ID.fullmatch(device) and (kind, device, command) != ("REQ", "", None):
        raise ValueError(f"device id {device!r}: 24 hexadecimal digits")
    inner = "" if command is None else f"<CMD>{b64encode(command).decode('ascii')}</CMD>"
    text = f'<?xml version="1.0"?><{kind}><DEVID>{device}</DEVID>{inner}</{kind}>'
    return encode(text.encode("ascii"))


#: Asks the pump for its device id.
ASK_DEVICE: Final = write("REQ", "")


def ask_status(device: str, sequence: int) -> bytes:
    """The request for the basic operating status."""
    return write("REQ", device, bytes([sequence]) + STATUS)
