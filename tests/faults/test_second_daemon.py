"""A second daemon by mistake: it must say so and go, and the first one must not notice."""

import asyncio
import sys

import pytest
from site_process import Site, tidy
from waiting import free_port


@pytest.fixture
async def first(tmp_path, nats):
    site = Site(tmp_path / "first", nats.settings, ("bed-1",))
    await site.start()
    yield site
    tidy(site.process)
    await site.stop()


async def run_again(config):
    """Start `run` with a configuration; gives its exit code and errors, None if it stays."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor_daemon.cli.main", "run", "--config", str(config),
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(6):
            _, err = await process.communicate()
            return process.returncode, err.decode()
    except TimeoutError:
        return None, "it stays"
    finally:
        tidy(process)
        await process.wait()


async def still_alone(site, before):
    """The first daemon answers at its socket, its listener and its record."""
    status = await site.status()
    assert site.process.returncode is None, site.log()
    assert status["record"]["inputs"] >= before["record"]["inputs"]
    assert status["links"]["gateway"]["state"] == "waiting"
    assert status["site"] == before["site"]


async def test_a_second_daemon_on_the_same_configuration_refuses_to_start(first):
    before = await first.status()
    code, err = await run_again(first.folder / "monitor-daemon.toml")
    assert code not in {None, 0}, err
    assert "Traceback" not in err
    await still_alone(first, before)


async def test_a_second_daemon_does_not_take_the_socket_of_the_first(first, tmp_path, nats):
    before = await first.status()
    other = Site(tmp_path / "other", nats.settings, ("bed-1",), site_id="other", mllp=free_port())
    config = other.write()
    config.write_text(config.read_text().replace('"control.sock"', f'"{first.socket}"'))
    code, err = await run_again(config)
    assert code not in {None, 0}, err
    assert "Traceback" not in err
    await still_alone(first, before)


async def test_a_socket_left_behind_by_a_killed_daemon_is_no_obstacle(first):
    await first.kill()
    assert first.socket.exists()
    await first.start()
    assert (await first.status())["site"] == "test"
