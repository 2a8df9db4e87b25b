"""sd_notify(3) to a real datagram socket: alive is who commits, not who runs."""

import asyncio
import socket
from contextlib import suppress
from itertools import pairwise

import pytest

from monitor_daemon.watchdog import notify, watch


@pytest.fixture(params=["a file", "abstract"])
def systemd(request, tmp_path, monkeypatch):
    """What systemd listens on; both kinds of address are in sd_notify(3)."""
    path = str(tmp_path / "notify.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        abstract = request.param == "abstract"
        listener.bind("\0" + path if abstract else path)
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + path if abstract else path)
        yield listener


def heard(listener):
    """The datagrams that have come."""
    found = []
    with suppress(BlockingIOError):
        while True:
            found.append(listener.recv(100).decode())
    return found


class EnoughSeenError(Exception):
    """The test has seen what it wanted."""


async def said(systemd, *commits):
    """What was said after each look at the time of the newest commit."""
    looks, told = iter(commits), []

    def committed_at():
        told.append(heard(systemd))
        try:
            return next(looks)
        except StopIteration:
            raise EnoughSeenError from None

    with pytest.raises(EnoughSeenError):
        await watch(committed_at)
    return told[1:]


async def test_ready_with_the_first_commit_and_alive_with_each_new_one_only(systemd, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    commits = [None, None, 1000, 1000, 1000, 2000, 2000, 2000, 3000, 4000]
    assert await said(systemd, *commits) == [
        [], [], ["READY=1"], [], [], ["WATCHDOG=1"], [], [], ["WATCHDOG=1"], ["WATCHDOG=1"],
    ]  # fmt: skip


@pytest.mark.alone
async def test_it_looks_twice_in_each_period_of_the_watchdog(systemd, monkeypatch):
    """sd_watchdog_enabled(3) recommends a notification every half of WATCHDOG_USEC."""
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    loop, times = asyncio.get_running_loop(), []

    def committed_at():
        times.append(loop.time())
        if len(times) == 3:
            raise EnoughSeenError
        return len(times)

    with pytest.raises(EnoughSeenError):
        await watch(committed_at)
    steps = [later - earlier for earlier, later in pairwise(times)]
    assert steps == pytest.approx([0.2, 0.2], abs=0.15)


def test_fault_a_notify_socket_that_nobody_serves_ends_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify("READY=1")


def test_fault_a_full_notify_socket_holds_nobody_up(tmp_path, monkeypatch):
    path = str(tmp_path / "full")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        for _ in range(2000):
            notify("WATCHDOG=1")
        assert systemd.recv(100) == b"WATCHDOG=1"
