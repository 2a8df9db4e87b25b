"""Links that we stop: what the device is told, and that it takes no longer than it may."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

import echo_driver
import pytest
from linking import Place, Recorder, running

from drivers.kit.conformance_play import ConformancePlay
from drivers.kit.contract import Close, Send
from drivers.kit.conversation import FAREWELL_S
from drivers.kit.exchange import Exchange
from drivers.kit.link import LinkSpec
from drivers.kit.links import dial_link, serial_link
from drivers.kit.playback import SimClock
from drivers.kit.registry import driver_names, load_driver
from drivers.kit.simulate import Simulation, run_pty, run_server

#: Release request and response of the Data Export Interface Programming Guide H.0.
RELEASE = bytes.fromhex("0918C116618030800201 01A08062808001 00000000000000 0000")
RELEASED = b"\x0a" + RELEASE[1:].replace(b"\x62", b"\x63", 1)
#: "Close session" of module 2, of module 1 and of the base: text, checksum as computed by hand.
CLOSED = [b"\x022FC44\x03", b"\x021FC45\x03", b"\x020FC46\x03"]


class Polite(echo_driver.EchoSession):
    """Says one thing more when the link is stopped; the device may answer BYE."""

    def farewell(self, now):
        return [Send(b"?\n")]


class Raising(Polite):
    def farewell(self, now):
        raise RuntimeError("a defect of the driver")


class Hasty(Polite):
    def farewell(self, now):
        return [Send(b"START\n"), Close("enough")]


def simulation(driver, **options):
    clock = SimClock(monotonic(), datetime(2026, 1, 1, tzinfo=UTC))
    return Simulation(driver, ConformancePlay(), clock, options)


async def stopped(link, sink, live):
    """Seconds that the link takes to stop once `live` holds."""
    task = asyncio.create_task(link.run())
    await sink.until(live)
    before = monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert link.status()["reason"] == "stopped"
    return monotonic() - before


async def test_a_philips_monitor_is_released_and_waited_for():
    driver = load_driver("philips_intellivue")
    sink, place, passed = Recorder(), Place(), []
    spec = LinkSpec("bed-1", driver, sink, tap=lambda *chunk: passed.append(chunk))
    async with running(run_server(simulation(driver), "127.0.0.1", 0, place)):
        link = dial_link(spec, await place.ready())
        assert await stopped(link, sink, lambda: sink.data) < FAREWELL_S
    assert ("tx", RELEASE) in passed
    assert passed[-1] == ("rx", RELEASED)


async def test_sessions_with_an_orchestra_base_are_closed_the_bases_last(tmp_path):
    driver = load_driver("fresenius_orchestra")
    sink, place, passed = Recorder(), Place(), []
    spec = LinkSpec("bed-1", driver, sink, tap=lambda *chunk: passed.append(chunk))
    async with running(run_pty(simulation(driver), tmp_path / "port", place)):
        link = serial_link(spec, await place.ready())
        assert await stopped(link, sink, lambda: len(sink.data) >= 2) < FAREWELL_S
    assert [data for way, data in passed if way == "tx" and data in CLOSED] == CLOSED


async def served(session, *answers):
    """A link to a device by hand that answers the first `?` with nothing, later ones as given."""
    driver = replace(echo_driver.DRIVER, session=session)
    sink, heard = Recorder(), []

    async def device(reader, writer):
        writer.write(echo_driver.line("MAP 65"))
        while data := await reader.readline():
            heard.append(data)
            if heard.count(b"?\n") > 1:
                writer.writelines(answers)
        writer.close()

    server = await asyncio.start_server(device, "127.0.0.1", 0)
    async with server:
        where = "{}:{}".format(*server.sockets[0].getsockname())
        link = dial_link(LinkSpec("bed-1", driver, sink), where)
        took = await stopped(link, sink, lambda: heard[-1:] == [b"+\n"])
    return took, heard, link


async def test_a_device_that_does_not_answer_is_left_after_half_a_second():
    took, heard, _ = await served(Polite)
    assert heard[-1] == b"?\n"
    assert FAREWELL_S <= took < 2 * FAREWELL_S


async def test_a_device_that_answers_is_left_at_once():
    took, _, _ = await served(Polite, echo_driver.line("BYE"))
    assert took < FAREWELL_S


async def test_a_session_with_nothing_to_say_costs_no_time():
    took, heard, _ = await served(echo_driver.EchoSession)
    assert heard.count(b"?\n") == 1
    assert took < FAREWELL_S


@pytest.mark.expects_error("link.send_refused")
async def test_a_farewell_that_the_manifest_does_not_allow_is_not_sent():
    _, heard, link = await served(Hasty)
    assert b"START\n" not in heard
    assert link.counters.refused_sends == 1


@pytest.mark.expects_error("link.driver_fault")
async def test_a_defect_in_the_farewell_stops_the_link_all_the_same():
    took, _, link = await served(Raising)
    assert took < FAREWELL_S
    assert link.counters.problems == {"DRIVER_FAULT": 1}


async def test_stopped_twice_the_connection_is_closed_at_once():
    driver = replace(echo_driver.DRIVER, session=Polite)
    gone = asyncio.Event()

    async def device(reader, writer):
        await reader.read()
        gone.set()
        writer.close()

    server = await asyncio.start_server(device, "127.0.0.1", 0)
    async with server:
        sink = Recorder()
        where = "{}:{}".format(*server.sockets[0].getsockname())
        link = dial_link(LinkSpec("bed-1", driver, sink), where)
        task = asyncio.create_task(link.run())
        await sink.until(lambda: link.counters.bytes_out)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(FAREWELL_S):
            await gone.wait()


@pytest.mark.parametrize("name", ["echo", *driver_names()])
def test_whenever_a_link_is_stopped_only_what_is_allowed_is_said(name):
    driver = echo_driver.DRIVER if name == "echo" else load_driver(name)
    for seconds in (0.0, 0.5, 1.0, 2.0, 30.0):
        exchange = Exchange(driver, ConformancePlay())
        exchange.run(seconds)
        exchange.farewell()  # an Exchange refuses what `may_send` refuses
        exchange.run(FAREWELL_S)
