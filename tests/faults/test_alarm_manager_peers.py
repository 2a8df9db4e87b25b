"""Reports to other alarm managers: an independent server, TLS, and the whole daemon."""

import asyncio
import contextlib
import shutil
import ssl

import hl7.mllp
import pytest
from alarm_managers import (
    LOOPBACK,
    Manager,
    ReportOutbox,
    ack,
    committed,
    hurry,
    ids,
    report,
    reporting,
    settings_for,
    status,
)
from brokers import self_signed
from site_process import Site, tidy
from waiting import free_port, until

from monitor_daemon.journal.journal import Journal
from monitor_daemon.journal.rows import InputRow
from monitor_daemon.notify.broker import EmbeddedBroker


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    hurry(monkeypatch)


@pytest.fixture
async def manager():
    async with Manager() as there:
        yield there


async def test_an_independent_mllp_server_takes_the_reports():
    taken, outbox = [], committed(3)

    async def serve(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                message = await reader.readmessage()
                taken.append(str(message["MSH.10"]))
                writer.writemessage(message.create_ack())
                await writer.drain()
        writer.close()

    server = await hl7.mllp.start_hl7_server(serve, LOOPBACK, 0, encoding="utf-8")
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with reporting(settings_for(port), outbox):
            await outbox.empty()
    assert taken[0].startswith("alive-")
    assert taken[1:] == ids(1, 2, 3)


NODE_SERVER = """
const { Server } = require('node-hl7-server')
const server = new Server({ bindAddress: '127.0.0.1' })
server.createInbound({ port: Number(process.argv[1]) }, async (req, res) => {
  console.log(req.getMessage().get('MSH.10').toString())
  await res.sendResponse('AA')
}).on('listen', () => console.log('listening'))
"""


async def test_node_hl7_server_takes_the_reports():
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine")
    resolve = await asyncio.create_subprocess_exec(
        node, "-e", "require.resolve('node-hl7-server')", stderr=asyncio.subprocess.DEVNULL
    )
    if await resolve.wait():
        pytest.skip("the npm package node-hl7-server is not installed")
    port, outbox = free_port(), committed(2)
    server = await asyncio.create_subprocess_exec(
        node, "-e", NODE_SERVER, str(port), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert await asyncio.wait_for(server.stdout.readline(), 20) == b"listening\n"
        async with reporting(settings_for(port), outbox):
            await outbox.empty()
        said: list[str] = []
        while "a-2" not in said:
            line = await asyncio.wait_for(server.stdout.readline(), 20)
            said.append(line.decode().strip())
    finally:
        server.kill()
        await server.wait()
    # It answers what came before again with each message: those answers are late, and harmless.
    alive, *reports = dict.fromkeys(said)
    assert alive.startswith("alive-")
    assert reports == ids(1, 2)


@pytest.mark.expects_error("alarm manager unreachable")
async def test_tls_with_certificates_of_both_sides(tmp_path):
    theirs, ours = self_signed(tmp_path / "manager"), self_signed(tmp_path / "daemon")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*theirs)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ours[0])
    async with Manager(ssl=context) as there:
        files = {"tls_ca": theirs[0], "tls_cert": ours[0], "tls_key": ours[1]}
        outbox = committed(2)
        async with reporting(settings_for(there.port, **files), outbox):
            await outbox.empty()
        assert there.ids == ids(1, 2)
        unheard = committed(1)
        async with reporting(settings_for(there.port, tls_ca=ours[0]), unheard) as client:
            await until(lambda: client._failing_since is not None, "the alarm manager fails")
            assert unheard.done == []
        assert there.ids == ids(1, 2)


@pytest.mark.expects_error("alarm manager unreachable")
async def test_the_queue_and_its_bytes_outlive_a_restart(tmp_path, manager):
    row = InputRow(1, 1, 1000, b'{"input":"tick","minute":1}', None, None, None, b"x")
    journal = await Journal.open(tmp_path / "journal.db")
    rows = ReportOutbox().commit(*(report(number) for number in range(1, 4)))
    await journal.append([row], rows)
    manager.answer = lambda control_id, times: (
        None if control_id == "a-2" else ack("CA", control_id)
    )
    async with reporting(settings_for(manager.port), journal):
        await manager.until(lambda: "a-2" in manager.ids)
    await journal.close()
    journal = await Journal.open(tmp_path / "journal.db")
    manager.answer = lambda control_id, times: ack("CA", control_id)
    async with reporting(settings_for(manager.port), journal):
        await manager.until(lambda: "a-3" in manager.ids)
        await until(lambda: _empty(journal), "every report is marked")
    await journal.close()
    assert list(dict.fromkeys(manager.heard)) == [row.payload for row in rows]
    assert manager.ids.count("a-1") == 1


async def _empty(journal):
    return not await journal.reports(10)


# The whole daemon


SECTION = """
[alarm_manager]
connect = "127.0.0.1:{port}"
classes = ["urgent", "attention", "info"]
receipts = true
acknowledge_on = ["accepted"]
"""


async def test_a_silent_manager_holds_up_neither_mqtt_nor_judging(tmp_path):
    """A manager that takes everything and answers nothing; then it wakes up."""
    async with contextlib.AsyncExitStack() as stack:
        there = await stack.enter_async_context(Manager())
        there.answer_alive = lambda control_id: None
        broker = await stack.enter_async_context(EmbeddedBroker(tmp_path / "broker"))
        site = Site(
            tmp_path / "site", broker.settings, ("bed-1",), extra=SECTION.format(port=there.port)
        )
        stack.callback(lambda: tidy(site.process))
        await site.start()
        await there.until(lambda: there.alive)
        await site.enrol("S1", "bed-1", "usual_vp01")
        code, _, err = await site.command(
            "override", "S1", "--target", "70", "--reason", "procedure", "--actor", "dr-x"
        )
        assert (code, err) == (0, "")
        await until(lambda: _published(site), "MQTT has everything")
        assert await _manager(site) == (False, 1)
        there.answer_alive = lambda control_id: ack("CA", control_id)
        await until(lambda: bool(there.heard), "the report", 60.0)
        (start,) = there.ids
        await until(lambda: _is_taken(site, 1), "the report is marked")
        there.say(status(start, "PRT||UC|^Accepted|AAP|7731"))
        await until(lambda: _acknowledged(site), "the alert is acknowledged")
        code, _, err = await site.command("override", "S1", "--lift", "--actor", "dr-x")
        assert (code, err) == (0, "")
        await there.until(lambda: len(there.heard) >= 3)
        phases = [message.decode().split("MDC_ATTR_EVENT_PHASE^MDC|1.0.0.0.3|")[1].split("|")[0]
                  for message in there.heard]  # fmt: skip
        assert phases == ["start", "continue", "end"]
        assert b"usual_vp01" not in b"".join(there.heard)
        assert await site.stop() == 0


async def _published(site):
    found = (await site.status())["broker"]
    return found["connected"] and found["waiting"] == 0 and not found["more_in_outbox"]


async def _manager(site):
    found = (await site.status())["alarm_manager"]
    return found["connected"], found["waiting"]


async def _is_taken(site, count):
    return (await site.status())["alarm_manager"]["taken"] == count


async def _acknowledged(site):
    alert = (await site.status())["subjects"]["S1"]["alerts"]["TARGET_OVERRIDE"]
    return alert["acknowledged_by"] == "7731 (alarm manager)"
