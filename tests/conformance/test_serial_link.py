"""The serial link on real pseudo-terminals."""

import asyncio
import os
import pty
import sys
import tty
from contextlib import contextmanager
from types import SimpleNamespace

import echo_driver
import pytest
import structlog
from linking import Place, Recorder, cancel, echo_simulation, running, spec
from serial.tools import list_ports

from drivers.kit import serial_link
from drivers.kit.link_state import LinkState
from drivers.kit.serial_link import SerialLink, find_port, holder
from drivers.kit.simulate import run_pty
from monitor_daemon.core.errors import LinkError


@contextmanager
def bare_pty():
    """A line with nobody at the other end: (master, path)."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    try:
        yield master, os.ttyname(slave)
    finally:
        os.close(master)
        os.close(slave)


async def test_hears_the_device_and_knows_what_it_is(tmp_path):
    sink, place = Recorder(), Place()
    async with running(run_pty(echo_simulation(), tmp_path / "port", place)):
        link = SerialLink(spec(sink), await place.ready())
        async with running(link.run()):
            await sink.until(lambda: len(sink.messages) >= 3 and link.detail)
    states = [state for state, _ in sink.states]
    assert states == [LinkState.OPENING, LinkState.WAITING, LinkState.LIVE, LinkState.CLOSED]
    assert {row.value for row in sink.data} <= {60.0 + step for step in range(20)}
    assert link.detail == "echo 1"
    assert sink.problems == []
    assert not (tmp_path / "port").is_symlink()


async def test_opens_a_port_with_even_parity_and_seven_bits(tmp_path):
    sink, place = Recorder(), Place()
    async with running(run_pty(echo_simulation(), tmp_path / "port", place)):
        line = {"parity": "E", "byte_size": 7, "baudrate": 9600}
        async with running(SerialLink(spec(sink), await place.ready(), line).run()):
            await sink.until(lambda: len(sink.messages) >= 2)


async def test_a_pty_with_even_parity_opens_a_second_time():
    """The kernel drops a pty's parity bit, and refuses what would change nothing else."""
    with bare_pty() as (_, path):
        for _ in range(2):
            sink = Recorder()
            link = SerialLink(spec(sink), path, {"parity": "E", "byte_size": 8})
            async with running(link.run()):
                await sink.reach(LinkState.WAITING)


async def test_unplugged_and_plugged_in_again(tmp_path):
    sink, place = Recorder(), Place()
    with structlog.testing.capture_logs() as logs:
        device = asyncio.create_task(run_pty(echo_simulation(), tmp_path / "port", place))
        link = SerialLink(spec(sink), await place.ready())
        async with running(link.run()):
            await sink.until(lambda: link.state is LinkState.LIVE)
            await cancel(device)
            reason = await sink.reach(LinkState.BACKING_OFF)
            assert reason
            # The port is gone: the next attempt fails too, quietly.
            link.wake()
            assert "cannot open" in await sink.reach(LinkState.BACKING_OFF)
            async with running(run_pty(echo_simulation(), tmp_path / "port", again := Place())):
                await again.ready()
                link.wake()
                await sink.reach(LinkState.LIVE)
    assert link.counters.reconnects >= 2
    loud = [entry["event"] for entry in logs if entry["log_level"] == "warning"]
    assert loud == ["link.trouble", "link.recovered"]
    assert next(entry for entry in logs if entry["event"] == "link.recovered")["after_s"] >= 0


async def test_open_but_silent():
    sink = Recorder()
    with bare_pty() as (_, path):
        async with running(SerialLink(spec(sink, period=0.02), path).run()):
            reason = await sink.reach(LinkState.SILENT)
    assert reason.startswith(f"{path} is open but silent for")


async def test_bytes_without_a_valid_frame_suggest_the_line_settings():
    sink = Recorder()
    with bare_pty() as (master, path):
        async with running(SerialLink(spec(sink, period=0.1), path).run()):
            await sink.until(lambda: sink.states[-1:] and sink.states[-1][0] is LinkState.WAITING)
            os.write(master, b"\x80\xf3\x0e" * 10)
            reason = await sink.reach(LinkState.SILENT)
    assert "30 bytes but no valid frame" in reason
    assert "wrong line settings (19200 baud 8N1), wrong driver or a damaged cable?" in reason


async def test_silence_is_told_within_three_periods_and_not_before():
    sink, period = Recorder(), 0.2
    with bare_pty() as (_, path):
        link = SerialLink(spec(sink, period=period), path)
        async with running(link.run()):
            await sink.reach(LinkState.WAITING)
            opened = link.status()["since"]
            await sink.reach(LinkState.SILENT)
            assert 3 * period <= link.status()["since"] - opened < 3.5 * period


async def test_trouble_is_loud_once_its_repeats_are_quiet_and_its_end_tells_how_long(tmp_path):
    sink = Recorder()
    port = tmp_path / "port"
    with structlog.testing.capture_logs() as logs:
        link = SerialLink(spec(sink), str(port))
        async with running(link.run()):
            for _ in range(3):
                await sink.reach(LinkState.BACKING_OFF)
                link.wake()
            async with running(run_pty(echo_simulation(), port, place := Place())):
                await place.ready()
                link.wake()
                await sink.reach(LinkState.LIVE)
    told = [entry for entry in logs if entry["event"] in {"link.trouble", "link.recovered"}]
    assert [entry["log_level"] for entry in told] == ["warning", "warning"]
    first, last = told
    assert (first["link"], first["state"]) == ("bed-1", "backing_off")
    assert f"cannot open {port}: " in first["reason"]
    assert last["after_s"] >= 0.0
    quiet = [e for e in logs if e["event"] == "link.state" and e["state"] == "backing_off"]
    assert len(quiet) >= 3
    assert {entry["log_level"] for entry in quiet} == {"debug"}


async def test_a_device_that_falls_silent_and_comes_back():
    sink = Recorder()
    with bare_pty() as (master, path):
        link = SerialLink(spec(sink, period=0.05), path)
        async with running(link.run()):
            await sink.until(lambda: link.state is LinkState.WAITING)
            os.write(master, echo_driver.line("MAP 65"))
            await sink.reach(LinkState.LIVE)
            await sink.reach(LinkState.SILENT)
            os.write(master, echo_driver.line("MAP 66"))
            await sink.reach(LinkState.LIVE)
    assert [row.value for row in sink.data] == [65.0, 66.0]
    assert link.counters.reconnects == 0


async def test_second_reader_is_told_who_holds_the_port():
    first, second = Recorder(), Recorder()
    with bare_pty() as (_, path):
        async with running(SerialLink(spec(first), path).run()):
            await first.until(lambda: LinkState.WAITING in dict(first.states))
            async with running(SerialLink(spec(second), path).run()):
                reason = await second.reach(LinkState.BACKING_OFF)
    assert f"{path} is in use by process {os.getpid()} (" in reason


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
        async with running(link.run()):
            reason = await sink.reach(LinkState.BACKING_OFF)
            other.stdin.close()
            await other.wait()
            link.wake()
            await sink.reach(LinkState.WAITING)
    assert f"{path} is in use by process {other.pid} (python" in reason


@pytest.mark.expects_error("link.failed")
async def test_line_settings_that_cannot_be_are_never_retried():
    sink = Recorder()
    with bare_pty() as (_, path):
        await SerialLink(spec(sink), path, {"parity": "Q"}).run()
    state, reason = sink.states[-1]
    assert state is LinkState.FAILED
    assert "'parity': 'Q'" in reason


async def test_adapter_that_is_not_plugged_in():
    sink = Recorder()
    async with running(SerialLink(spec(sink), "NO-SUCH-ADAPTER").run()):
        reason = await sink.reach(LinkState.BACKING_OFF)
    assert "no port with USB serial number NO-SUCH-ADAPTER" in reason


async def test_what_the_manifest_does_not_allow_is_never_sent():
    sink = Recorder()
    with bare_pty() as (master, path), structlog.testing.capture_logs() as logs:
        link = SerialLink(spec(sink, say="START 5\n"), path)
        async with running(link.run()):
            await sink.until(lambda: link.state is LinkState.WAITING)
            os.write(master, echo_driver.line("MAP 65"))
            await sink.until(lambda: sink.messages)
            loop = asyncio.get_running_loop()
            said = await loop.run_in_executor(None, os.read, master, 100)
    assert said == b"+\n"
    assert link.counters.refused_sends == 1
    assert [entry["code"] for entry in logs if entry["event"] == "link.send_refused"] == [
        "SEND_REFUSED"
    ]


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


async def test_a_port_is_found_by_its_by_id_name(monkeypatch, tmp_path):
    sink = Recorder()
    monkeypatch.setattr(serial_link, "BY_ID", tmp_path)
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


def test_a_port_that_nobody_locked_has_no_known_holder():
    with bare_pty() as (_, path):
        assert holder(path) == "another program"
