"""A B. Braun station that says exactly what a test gives it (B. Braun BCC 4.0, request mode)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from drivers.bbraun_space.frames import Control, Frame, Framer, encode

#: The parameters of a pump that runs norepinephrine 60 ug/mL at 7.2 mL/h.
RUNNING = {
    "INRT": "7.20",
    "INSOL": "Norad",
    "INDCON": "60",
    "INDCONU": "32",
    "RUNSTATE": "2",
    "DSSTATUS": "00051",
}


class ScriptedStation:
    """`pumps` may be changed while it runs. `spoil` are bytes that go before the next answer.

    With `answer_only_alive` every later answer is noise: a station that is there and tells nothing.
    """

    def __init__(self, pumps: Mapping[str, Mapping[str, str]], bed: str = "STATION1") -> None:
        self.pumps = dict(pumps)
        self.bed = bed
        self.spoil = b""
        self.answer_only_alive = False
        self.polls = 0
        self.port = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["ScriptedStation"]:
        """Listen on a free port around a block."""
        await self.open()
        try:
            yield self
        finally:
            self.close()

    async def open(self) -> None:
        """Listen on a free port, see `port`."""
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Listen no more."""
        self._server.close()

    def answer(self, request: str) -> bytes:
        """What the station says to a request."""
        if self.answer_only_alive and request != "ADMIN:ALIVE":
            return b"noise"
        match request:
            case "ADMIN:ALIVE":
                records = ["50100,GNACK,0"]
            case "ADMIN:VERSION":
                records = ["50100,V3.30"]
            case _:
                self.polls += 1
                records = [
                    f"{address},{key},{value}"
                    for address, parameters in self.pumps.items()
                    for key, value in parameters.items()
                ]
        text = "\x1e".join(f"{self.polls},{record}" for record in records)
        return encode(self.bed, text, stuffed=False)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer, latest = Framer("auto"), b""
        try:
            while data := await reader.read(4096):
                for item in framer.feed(data):
                    if isinstance(item, Frame):
                        latest = self.answer(item.information.decode())
                        writer.write(self.spoil + latest)
                        self.spoil = b""
                    elif item is Control.NAK:
                        writer.write(latest)
        except ConnectionError:
            pass
        finally:
            writer.close()
