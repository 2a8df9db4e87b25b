"""Other people's HL7 programs as senders, on real sockets."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import hl7
import hl7.client
import hl7.mllp
import hl7apy.core
import hl7apy.parser
import pytest
from linking import Recorder, listening, peer, running

from drivers.hl7.driver import DRIVER
from drivers.kit.link import LinkSpec
from drivers.kit.links import dial_link, listen_link
from monitor_daemon.core.vocabulary import Reading

LOCAL = "127.0.0.1"
DATA = Path(__file__).parents[1] / "data" / "hl7"
MONITOR = (DATA / "composed-pcd01-monitor.hl7").read_bytes()
NODE_SENDER = """
const { Client, Message } = require('node-hl7-client')
const text = require('fs').readFileSync(0, 'utf8')
const client = new Client({ host: '127.0.0.1' })
const connection = client.createConnection({ port: Number(process.argv[1]) }, async (answer) => {
  const message = answer.getMessage()
  console.log(message.get('MSA.1').toString(), message.get('MSA.2').toString())
  process.exit(0)
})
connection.sendMessage(new Message({ text }))
"""


def spec(sink):
    return LinkSpec("gateway", DRIVER, sink, expected_period=60.0)


def pressures(sink):
    return [
        row.value
        for message in sink.messages
        for row in message.rows
        if isinstance(row, Reading) and row.signal == "art_map"
    ]


async def test_python_hl7_client():
    def send(host, port):
        with hl7.client.MLLPClient(host, port) as client:
            return [hl7.parse(client.send_message(MONITOR)[1:-2]) for _ in range(2)]

    sink = Recorder()
    async with listening(listen_link(spec(sink), f"{LOCAL}:0"), sink) as address:
        answers = await asyncio.to_thread(send, *address)
    for answer in answers:
        assert str(answer["MSA.1"]) == "CA"
        assert str(answer["MSA.2"]) == "MON-20261121-000417"
    assert pressures(sink) == [63.0]


async def test_the_command_mllp_send(tmp_path):
    second = MONITOR.replace(b"000417", b"000418").replace(b"|63|", b"|64|")
    file = tmp_path / "messages.hl7"
    file.write_bytes(MONITOR + b"\r" + second)
    command = Path(sys.executable).with_name("mllp_send")
    sink = Recorder()
    async with listening(listen_link(spec(sink), f"{LOCAL}:0"), sink) as (host, port):
        done = await asyncio.to_thread(
            subprocess.run,
            [command, "--loose", "--file", file, "--port", str(port), host],
            capture_output=True,
            check=True,
            timeout=60,
        )
    assert done.stdout.count(b"MSA|CA|MON-20261121-00041") == 2
    assert pressures(sink) == [63.0, 64.0]


async def test_a_message_that_hl7apy_built_and_the_answer_that_it_reads():
    message = hl7apy.core.Message("ORU_R01", version="2.5")
    message.msh.msh_7, message.msh.msh_9 = "20261121101503", "ORU^R01^ORU_R01"
    message.msh.msh_10, message.msh.msh_11 = "A1", "P"
    observation = message.add_group("ORU_R01_PATIENT_RESULT").add_group("ORU_R01_ORDER_OBSERVATION")
    observation.obr.obr_4 = "182777000^monitoring of patient^SCT"
    obx = observation.add_group("ORU_R01_OBSERVATION").obx
    obx.obx_2, obx.obx_3 = "NM", "150039^MDC_PRESS_BLD_ART_ABP_MEAN^MDC"
    obx.obx_5, obx.obx_6, obx.obx_11 = "63", "266016^MDC_DIM_MMHG^MDC", "R"
    sink = Recorder()
    async with (
        listening(listen_link(spec(sink), f"{LOCAL}:0"), sink) as address,
        peer(address) as (reader, writer),
    ):
        writer.write(message.to_mllp().encode())
        block = await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 20)
    answer = hl7apy.parser.parse_message(block[1:-2].decode())
    assert (answer.msa.msa_1.value, answer.msa.msa_2.value) == ("AA", "A1")
    assert pressures(sink) == [63.0]


async def test_python_hl7_as_a_station_that_we_dial():
    async def station(reader, writer):
        for _ in range(2):
            writer.writemessage(hl7.parse(MONITOR))
            answer = await reader.readmessage()
            answers.append((str(answer["MSA.1"]), str(answer["MSA.2"])))
        writer.close()

    answers = []
    server = await hl7.mllp.start_hl7_server(station, LOCAL, 0, encoding="utf-8")
    async with server:
        sink = Recorder()
        where = f"{LOCAL}:{server.sockets[0].getsockname()[1]}"
        async with running(dial_link(spec(sink), where).run()):
            await sink.until(lambda: len(answers) == 2 or sink.problems)
    assert answers == [("CA", "MON-20261121-000417")] * 2
    assert pressures(sink) == [63.0]


async def test_node_hl7_client():
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine")
    resolve = [node, "-e", "require.resolve('node-hl7-client')"]
    found = await asyncio.to_thread(subprocess.run, resolve, capture_output=True, check=False)
    if found.returncode:
        pytest.skip("the npm package node-hl7-client is not installed")
    sink = Recorder()
    async with listening(listen_link(spec(sink), f"{LOCAL}:0"), sink) as (_, port):
        done = await asyncio.to_thread(
            subprocess.run,
            [node, "-e", NODE_SENDER, str(port)],
            input=MONITOR,
            capture_output=True,
            check=True,
            timeout=60,
        )
    assert done.stdout.split() == [b"CA", b"MON-20261121-000417"]
    assert pressures(sink) == [63.0]
