"""Packets to rows."""

from drivers.terumo_ss3.commands import HEAD, STATUS, Body, read
from drivers.terumo_ss3.frames import Framer, Packet
from drivers.terumo_ss3.record import KNOWN, status_rows
from monitor_daemon.core.vocabulary import Fault, Row

#: Result byte of a reply (Terumo TE-SS830P manual).
_RESULTS = {
    0x11: "unknown command",
    0x12: "cannot be executed now",
    0x13: "request too short",
    0x14: "request too long",
    0x15: "out of range",
}


def body_of(packet: Packet) -> Body | Fault:
    """What a packet says; a `Fault` with code RECORD if it cannot be read."""
    body = read(packet.text)
    return Fault("RECORD", packet.offset, body) if isinstance(body, str) else body


def body_rows(body: Body, offset: int, dilution_unit: str | None) -> tuple[Row, ...]:
    """The rows of a reply; requests and device ids give none.

    A refusal becomes a `Fault` with code REFUSED, a reply to another command or one that is too
    short a `Fault` with code RECORD.
    """
    reply = body.command
    if body.request or reply is None:
        return ()
    if len(reply) < HEAD or reply[1:4] != STATUS:
        shown = reply[1:4].hex(" ").upper()
        return (Fault("RECORD", offset, f"a reply to command {shown or 'none'}, not 01 00 00"),)
    if reply[4]:
        meaning = _RESULTS.get(reply[4], "undocumented")
        return (Fault("REFUSED", offset, f"result {reply[4]:02X}: {meaning}"),)
    if len(reply) < KNOWN:
        reason = f"a status record of {len(reply)} bytes: at least {KNOWN} expected"
        return (Fault("RECORD", offset, reason),)
    return tuple(status_rows(body.device, reply, dilution_unit))


class TerumoDecoder:
    """Framer and decoder without a session. `dilution_unit` as in `status_rows`."""

    def __init__(self, dilution_unit: str | None) -> None:
        self._framer = Framer()
        self._dilution_unit = dilution_unit

    def feed(self, data: bytes) -> list[Row]:
        """The rows of the packets that `data` completes."""
        return [row for item in self._framer.feed(data) for row in self._rows(item)]

    def finish(self) -> list[Row]:
        """What was left incomplete."""
        return list(self._framer.finish())

    def _rows(self, item: Packet | Fault) -> tuple[Row, ...]:
        if isinstance(item, Fault):
            return (item,)
        body = body_of(item)
        if isinstance(body, Fault):
            return (body,)
        return body_rows(body, item.offset, self._dilution_unit)
