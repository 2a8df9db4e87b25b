"""The serial link on real pseudo-terminals."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import echo_driver
import pytest
import structlog
from linking import Place, Recorder, bare_pty, cancel, echo_simulation, running, spec
from serial.tools import list_ports

from drivers.kit.contract import Alive, Option
from drivers.kit.link_state import LinkState
from drivers.kit.serial_link import SerialLink
from drivers.kit.simulate import run_pty
from monitor_daemon.core.errors import ConfigError


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
        port = await place.ready()
        link = SerialLink(spec(sink), port)
        async with running(link.run()):
            await sink.until(lambda: link.state is LinkState.LIVE)
            await cancel(device)
            reason = await sink.reach(LinkState.BACKING_OFF)
            assert reason == f"lost {port}: the port is gone"
            # The port is gone: the next attempt fails too, quietly.
            link.wake()
            gone = await sink.reach(LinkState.BACKING_OFF)
            assert gone == f"cannot open {port}: No such file or directory"
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


class Watched(SerialLink):
    """Lets a test wait until the link has looked at its silence."""

    def __init__(self, *given):
        super().__init__(*given)
        self.looked = asyncio.Event()

    def _check_silence(self):
        super()._check_silence()
        self.looked.set()

    async def looks(self):
        self.looked.clear()
        await self.looked.wait()


async def test_what_comes_after_the_silence_was_told_is_told_too():
    """A device is plugged in with wrong settings long after its port was opened."""
    sink = Recorder()
    with bare_pty() as (master, path), structlog.testing.capture_logs() as logs:
        link = Watched(spec(sink, period=0.05), path)
        async with running(link.run()), asyncio.timeout(20):
            assert "is open but silent" in await sink.reach(LinkState.SILENT)
            since = link.status()["since"]
            os.write(master, b"\x80\xf3\x0e" * 10)
            reason = await sink.reach(LinkState.SILENT)
            # The same once more is nothing new: nothing is told in the next two watches.
            os.write(master, b"\x80")
            while link.counters.bytes_in < 31:
                await link.looks()
            await link.looks()
            await link.looks()
            assert link.status()["since"] == since
    assert "30 bytes but no valid frame" in reason
    assert "wrong line settings" in reason
    assert [state for state, _ in sink.states].count(LinkState.SILENT) == 2
    loud = [entry["reason"] for entry in logs if entry["log_level"] == "warning"]
    assert len(loud) == 2
    assert loud[1] == reason


class Introducing(echo_driver.EchoSession):
    """Says who it is as soon as it is connected."""

    def connected(self, now):
        return [Alive("echo 7")]


async def test_a_device_that_once_answered_and_now_sends_garbage_does_not_answer():
    """Its line settings were changed while we were connected."""
    sink = Recorder()
    driver = replace(echo_driver.DRIVER, session=Introducing)
    with bare_pty() as (master, path):
        link = SerialLink(replace(spec(sink, period=0.05), driver=driver), path)
        async with running(link.run()):
            assert "device answers (echo 7)" in await sink.reach(LinkState.SILENT)
            os.write(master, echo_driver.line("MAP 65"))
            await sink.reach(LinkState.LIVE)
            os.write(master, b"\x80\xf3\x0e")
            reason = await sink.reach(LinkState.SILENT)
    assert "3 bytes but no valid frame" in reason


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
            began, now = link.status()["trouble_since"], link.status()["since"]
            assert began < now
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


@pytest.mark.expects_error("link.fault")
async def test_a_defect_of_ours_is_loud_and_the_link_tries_again(monkeypatch):
    """Whatever the system or a library does: the other links, and this one, go on."""
    sink = Recorder()
    with bare_pty() as (_, path), structlog.testing.capture_logs() as logs:
        answers = iter([RuntimeError("what nobody expected")])

        def comports():
            for error in answers:
                raise error
            return [SimpleNamespace(serial_number="A50285BI", device=path)]

        monkeypatch.setattr(list_ports, "comports", comports)
        async with running(SerialLink(spec(sink), "A50285BI").run()):
            reason = await sink.reach(LinkState.BACKING_OFF)
            await sink.reach(LinkState.WAITING)
    assert reason == "fault of ours with A50285BI: RuntimeError"
    [loud] = [entry for entry in logs if entry["event"] == "link.fault"]
    assert (loud["code"], loud["error"]) == ("INVARIANT", "RuntimeError")
    assert loud["place"].startswith("test_serial_link.py:")


@pytest.mark.expects_error("link.failed")
async def test_line_settings_that_cannot_be_are_never_retried():
    sink = Recorder()
    odd = replace(spec(sink), driver=replace(echo_driver.DRIVER, serial={"parity": "Q"}))
    with bare_pty() as (_, path):
        await SerialLink(odd, path).run()
    state, reason = sink.states[-1]
    assert state is LinkState.FAILED
    assert "'parity': 'Q'" in reason


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


async def test_a_passive_link_sends_nothing_whatever_its_driver_wants():
    sink = Recorder()
    driver = replace(
        echo_driver.DRIVER,
        options=(*echo_driver.DRIVER.options, Option("passive", True, "only listen")),
    )
    with bare_pty() as (master, path), structlog.testing.capture_logs() as logs:
        link = SerialLink(replace(spec(sink), driver=driver), path)
        async with running(link.run()):
            await sink.until(lambda: link.state is LinkState.WAITING)
            os.write(master, echo_driver.line("MAP 65"))
            await sink.until(lambda: sink.messages)
        os.set_blocking(master, False)
        with pytest.raises(BlockingIOError):
            os.read(master, 100)
    assert link.counters.bytes_out == 0
    assert link.counters.refused_sends >= 1
    assert {e["event"] for e in logs if e["log_level"] == "error"} == {"link.send_refused"}


async def test_a_simulated_device_takes_no_file_for_its_place_and_needs_a_folder(tmp_path):
    kept = tmp_path / "notes.txt"
    kept.write_text("do not lose me")
    with pytest.raises(ConfigError, match=r"notes\.txt is there and no link"):
        await run_pty(echo_simulation(), kept, Place())
    assert kept.read_text() == "do not lose me"
    with pytest.raises(ConfigError, match=r"none/port: No such file or directory"):
        await run_pty(echo_simulation(), tmp_path / "none" / "port", Place())


async def test_a_simulated_device_takes_the_name_of_no_real_port(tmp_path):
    """As under /dev/serial/by-id, where the names of adapters are symlinks too."""
    adapter = tmp_path / "usb-FTDI"
    adapter.symlink_to("/dev/null")
    with pytest.raises(ConfigError, match="usb-FTDI is there and no link to a pseudo-terminal"):
        await run_pty(echo_simulation(), adapter, Place())
    assert adapter.readlink() == Path("/dev/null")


async def test_a_simulated_device_that_ends_leaves_the_place_to_who_took_it(tmp_path):
    place, found = tmp_path / "port", Place()
    with bare_pty() as (_, path):
        place.symlink_to(path)  # as a simulation that was killed leaves it
        async with running(run_pty(echo_simulation(), place, found)):
            await found.ready()
            assert place.readlink() != Path(path)
            place.unlink()
            place.symlink_to(path)
        assert place.readlink() == Path(path)
