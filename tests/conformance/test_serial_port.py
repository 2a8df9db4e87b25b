"""Which port is meant, with which settings, and who holds it: on real pseudo-terminals."""

import asyncio
import os
import sys
from dataclasses import replace
from types import SimpleNamespace

import echo_driver
import pytest
import structlog
from linking import Recorder, bare_pty, running, spec
from serial.tools import list_ports

from drivers.kit import serial_port
from drivers.kit.link_state import LinkState
from drivers.kit.serial_link import SerialLink, line_settings
from drivers.kit.serial_port import find_port, holder
from monitor_daemon.core.errors import ConfigError, LinkError


async def test_second_reader_is_told_who_holds_the_port():
    first, second = Recorder(), Recorder()
    with bare_pty() as (_, path):
        async with running(SerialLink(spec(first), path).run()):
            await first.until(lambda: LinkState.WAITING in dict(first.states))
            async with running(SerialLink(spec(second), path).run()):
                reason = await second.reach(LinkState.BACKING_OFF)
    assert reason.startswith(f"cannot open {path}: it is in use by process {os.getpid()} (")


async def test_another_program_on_the_port_is_named():
    sink = Recorder()
    locks = "import fcntl,sys,time; f=open(sys.argv[1]); fcntl.flock(f,2); print(flush=True); "
    with bare_pty() as (_, path):
        other = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            locks + "sys.stdin.read()",
            path,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        await other.stdout.readline()
        link = SerialLink(spec(sink), path)
        with structlog.testing.capture_logs() as logs:
            async with running(link.run()):
                reason = await sink.reach(LinkState.BACKING_OFF)
                other.stdin.close()
                await other.wait()
                link.wake()
                await sink.reach(LinkState.WAITING)
    assert f"cannot open {path}: it is in use by process {other.pid} (python" in reason
    assert [e["code"] for e in logs if e["event"] == "link.trouble"] == ["PORT_BUSY"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"baud": 9600}, "line.baud: no such setting; there are baudrate, byte_size, parity"),
        ({"baudrate": "9600"}, "line.baudrate = '9600': allowed: a whole number from 50 to"),
        ({"baudrate": 0}, "line.baudrate = 0: allowed"),
        ({"baudrate": True}, "line.baudrate = True: allowed"),
        ({"parity": "even"}, "line.parity = 'even': allowed: 'N', 'E', 'O'"),
        ({"byte_size": 9}, "line.byte_size = 9: allowed: 5, 6, 7, 8"),
        ({"stopbits": 3}, "line.stopbits = 3: allowed: 1, 2"),
        ({"rtscts": 1}, "line.rtscts = 1: allowed: False, True"),
        # Not settings of a line but of the library that opens it.
        ({"exclusive": False}, "line.exclusive: no such setting"),
    ],
)
def test_a_line_setting_that_cannot_be_is_named_before_anything_is_opened(line, reason):
    with pytest.raises(ConfigError, match=r"^link bed-1: line\.") as caught:
        SerialLink(spec(Recorder()), "/dev/ttyNOT", line)
    assert reason in str(caught.value)
    assert caught.value.code == "CONFIG_LINK"


def test_the_sites_line_settings_go_before_the_drivers():
    driver = replace(echo_driver.DRIVER, serial={"baudrate": 115200, "parity": "N"})
    line = line_settings(driver, {"parity": "E", "xonxoff": True})
    assert line == {"baudrate": 115200, "parity": "E", "xonxoff": True}


async def test_a_file_that_is_no_serial_port(tmp_path):
    sink = Recorder()
    (tmp_path / "file").touch()
    async with running(SerialLink(spec(sink), str(tmp_path / "file")).run()):
        reason = await sink.reach(LinkState.BACKING_OFF)
    assert reason == f"cannot open {tmp_path}/file: it is no serial port"


async def test_adapter_that_is_not_plugged_in():
    sink = Recorder()
    async with running(SerialLink(spec(sink), "NO-SUCH-ADAPTER").run()):
        reason = await sink.reach(LinkState.BACKING_OFF)
    assert "no port with USB serial number NO-SUCH-ADAPTER; plugged in: " in reason
    assert reason.endswith("(a path has a slash)")


async def test_a_port_is_found_by_its_usb_serial_number_whatever_its_path(monkeypatch):
    sink = Recorder()
    with bare_pty() as (_, before), bare_pty() as (_, path):
        plugged = [SimpleNamespace(serial_number="A50285BI", device=before)]
        monkeypatch.setattr(list_ports, "comports", lambda: plugged)
        link = SerialLink(spec(sink, period=60.0), "A50285BI")
        async with running(link.run()):
            await sink.reach(LinkState.WAITING)
            plugged[:] = [SimpleNamespace(serial_number=None, device=before)]
            assert find_port(before) == before
            with pytest.raises(LinkError, match="number A50285BI; plugged in: none"):
                find_port("A50285BI")
            plugged.append(SimpleNamespace(serial_number="A50285BI", device=path))
            assert find_port("A50285BI") == path
            assert link.where == "A50285BI"


def test_a_number_that_several_ports_share_is_none_of_them(monkeypatch):
    """The four sockets of one adapter have one serial number."""
    names = [f"/dev/ttyUSB{n}" for n in (2, 0, 1, 3)]
    plugged = [SimpleNamespace(serial_number="FT4XXXXX", device=name) for name in names]
    monkeypatch.setattr(list_ports, "comports", lambda: plugged)
    with pytest.raises(LinkError, match="name one of them as it is under /dev/serial") as caught:
        find_port("FT4XXXXX")
    assert caught.value.code == "NO_PORT"
    assert str(caught.value).startswith("/dev/ttyUSB0, /dev/ttyUSB1, /dev/ttyUSB2, /dev/ttyUSB3 ")


async def test_a_port_is_found_by_its_by_id_name(monkeypatch, tmp_path):
    sink = Recorder()
    monkeypatch.setattr(serial_port, "BY_ID", tmp_path)
    with bare_pty() as (master, path):
        (tmp_path / "usb-FTDI_A50285BI-if00-port0").symlink_to(path)
        link = SerialLink(spec(sink), "usb-FTDI_A50285BI-if00-port0")
        async with running(link.run()):
            await sink.until(lambda: link.state is LinkState.WAITING)
            os.write(master, echo_driver.line("MAP 65"))
            await sink.reach(LinkState.LIVE)


def test_no_pause_between_two_attempts_is_longer_than_two_seconds():
    backoff = SerialLink(spec(Recorder()), "/dev/ttyNOT")._backoff
    backoff.chance = lambda: 1.0
    assert max(backoff.pause() for _ in range(20)) < 2.0


def test_a_path_is_taken_as_it_is():
    assert find_port("/dev/ttyNOT") == "/dev/ttyNOT"
    assert find_port("./pumps.tty") == "./pumps.tty"


def test_a_port_that_nobody_locked_has_no_known_holder():
    with bare_pty() as (_, path):
        assert holder(path) == "another program"
