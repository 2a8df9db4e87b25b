"""An alarm manager on a real socket that does what a test wants, for tests of PCD-04."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC

from brokers import MemoryOutbox, running
from waiting import Watched

from monitor_daemon.clock import EngineClock
from monitor_daemon.core.ward import Ward
from monitor_daemon.journal.rows import ALARM_MANAGER, OutboxRow
from monitor_daemon.notify import mllp_client, pcd04
from monitor_daemon.notify.pcd04 import AlarmManager
from monitor_daemon.notify.pcd04_receipts import Receipts
from monitor_daemon.notify.pcd04_reports import Reports
from monitor_daemon.notify.pcd04_settings import AlarmManagerSettings

LOOPBACK = "127.0.0.1"


def framed(text):
    return b"\x0b" + text.encode() + b"\x1c\r"


def ack(code, control_id, *more):
    head = "MSH|^~\\&|ALERTMGR|ICU|MONITOR-DAEMON|icu1|20261121101505+0900||ACK^R40^ACK|A1|P|2.6"
    return framed("\r".join([head, f"MSA|{code}|{control_id}", *more, ""]))


def status(control_id, *recipients, number=1):
    """PCD-05 as HL7 v2.8 has it: MSH MSA PRT..."""
    head = (
        "MSH|^~\\&|ALERTMGR|ICU|MONITOR-DAEMON|icu1|20261121101509+0900||ORA^R41^ORA_R41"
        f"|S{number}|P|2.6|||AL|NE"
    )
    return framed("\r".join([head, f"MSA|AA|{control_id}", *recipients, ""]))


class Manager(Watched):
    """`answer(control_id, times)` gives what is sent back to a message that came for the nth time:
    bytes, None for silence, or "close" to end the connection.

    `heard` are the messages of alerts in order, `alive` those of heartbeats; `replies` what came
    back to what `say` sent.
    """

    def __init__(self, port=0, ssl=None):
        super().__init__()
        self.port, self.ssl = port, ssl
        self.answer = lambda control_id, times: ack("CA", control_id)
        self.answer_alive = lambda control_id: ack("CA", control_id)
        self.heard, self.alive, self.replies = [], [], []
        self.connections = 0
        self._open = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port, ssl=self.ssl)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info):
        self._server.close()
        self.hang_up()

    def hang_up(self):
        for writer in self._open:
            writer.transport.abort()

    def say(self, data):
        self._open[-1].write(data)

    @property
    def ids(self):
        return [control_id_of(message) for message in self.heard]

    async def _serve(self, reader, writer):
        self.connections += 1
        self._open.append(writer)
        self.changed()
        try:
            while True:
                block = await reader.readuntil(b"\x1c\r")
                self._take(block[1:-2], writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _take(self, message, writer):
        control_id = control_id_of(message)
        if b"\rMSA|" in message:
            self.replies.append(message.decode())
            self.changed()
            return
        if control_id.startswith("alive-"):
            self.alive.append(control_id)
            given = self.answer_alive(control_id)
        else:
            self.heard.append(message)
            given = self.answer(control_id, self.ids.count(control_id))
        if given == "close":
            writer.transport.abort()
        elif given is not None:
            writer.write(given)
        self.changed()


def control_id_of(message):
    return message.split(b"|")[9].decode()


class ReportOutbox(MemoryOutbox):
    """The same outbox, asked by the other consumer."""

    async def reports(self, limit):
        return await self.pending(limit)


def report(number, alert="a"):
    """A row as small as the client can read: it looks at MSH-10 only."""
    head = "MSH|^~\\&|MONITOR-DAEMON|icu1|||20261121101504+0900||ORU^R40^ORU_R40"
    return OutboxRow(ALARM_MANAGER, f"{head}|{alert}-{number}|P|2.6\r".encode(), retain=False)


def committed(count, alert="a"):
    outbox = ReportOutbox()
    outbox.commit(*(report(number, alert) for number in range(1, count + 1)))
    return outbox


def ids(*numbers):
    return [f"a-{number}" for number in numbers]


def hurry(monkeypatch):
    """Shorter patience and pauses, on this side of the wire."""
    monkeypatch.setattr(mllp_client, "ANSWER_S", 0.2)
    monkeypatch.setattr(pcd04, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(pcd04, "LONGEST_PAUSE_S", 0.1)
    monkeypatch.setattr(pcd04, "REJECTED_PAUSES_S", (0.01, 0.01))


def settings_for(port, **more):
    """Any numbers, also such as no site may choose."""
    settings = AlarmManagerSettings(connect=f"{LOOPBACK}:{port}")
    return settings.model_copy(update={"heartbeat_seconds": 3600.0} | more)


@asynccontextmanager
async def reporting(settings, outbox, *, standing=dict, receipts=None):
    clock = EngineClock()
    manager = AlarmManager(
        Reports(settings, "icu1", UTC),
        outbox,
        clock=clock,
        standing=standing,
        receipts=receipts or Receipts(Ward, lambda inputs: None),
    )
    async with running(manager.run()):
        yield manager
