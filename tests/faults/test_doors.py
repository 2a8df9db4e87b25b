"""What the daemon keeps out, or in: names by MQTT, old commands, its files, its word to systemd."""

import asyncio
import json
import os
import socket
import stat

import aiomqtt
import pytest
import structlog
from brokers import ROOT, SITE, MemoryOutbox, observing, publishing, said, settings_of
from secrets_search import files, leaks
from site_process import Site, tidy, until

RECORD = "MRN-77120934"
ENROL = {
    "actor": "dr-x", "subject": "S1", "bed": "bed-1", "protocol": "personalise",
    "arm": "usual_vp01", "weight_kg": 60.0,
}  # fmt: skip
SCREEN = {key: ENROL[key] for key in ("actor", "subject", "bed", "protocol")}


@pytest.fixture
async def site(tmp_path, nats):
    made = Site(tmp_path / "site", nats.settings, ("bed-1",), site_id=SITE)
    yield made
    await made.stop()
    tidy(made.process)


def person(settings):
    """Somebody else at the same broker."""
    return aiomqtt.Client(
        settings.host, settings.port, username=settings.username, password=settings.password()
    )


async def order(client, command, *, retain=False, **fields):
    payload = json.dumps(fields).encode()
    await client.publish(f"{ROOT}/commands/{command}", payload, qos=1, retain=retain)


async def test_who_the_patient_is_is_refused_by_mqtt_and_kept_nowhere(site, nats):
    """Every subscriber of the broker reads it: masking comes too late (reference 6.7)."""
    await site.start()
    async with observing(nats.settings) as observer, person(nats.settings) as client:
        await observer.sees_it_running()
        for command, fields in (("screen", SCREEN), ("enrol", ENROL)):
            await order(client, command, **fields, patient=RECORD, request_id=command)
            await observer.sees(f"{ROOT}/replies/{command}", ok=False, code="BAD_REQUEST")
            reason = observer.held[f"{ROOT}/replies/{command}"]["reason"]
            assert "patient" in reason
            assert RECORD not in reason
        assert (await site.status())["subjects"] == {}
        # Without it the same request is carried out.
        await order(client, "screen", **SCREEN, request_id="again")
        await observer.sees(f"{ROOT}/replies/again", ok=True)
    assert await site.stop() == 0
    stored = files(site.folder / "store")
    assert leaks([RECORD], [*stored, ("log", (site.folder / "log").read_bytes())]) == []


async def test_a_command_that_the_broker_retained_is_not_carried_out_at_the_start(site, nats):
    """It would be again at every connection: a patient who has left would be enrolled anew."""
    async with observing(nats.settings) as observer, person(nats.settings) as client:
        await order(client, "enrol", retain=True, **ENROL, request_id="old")
        await site.start()
        await until(lambda: '"command ignored"' in site.log(), "the log says so")
        # What is sent now is done, so the old one has had its turn.
        await order(client, "enrol", **{**ENROL, "subject": "S2"}, request_id="new")
        await observer.sees(f"{ROOT}/replies/new", ok=True)
        assert f"{ROOT}/replies/old" not in observer.held
    assert list((await site.status())["subjects"]) == ["S2"]
    lines = [json.loads(line) for line in site.log().splitlines() if "command ignored" in line]
    assert [(e["level"], e["command"], e["retained"]) for e in lines] == [
        ("warning", "enrol", True)
    ]


async def test_no_broker_has_a_retained_command_carried_out(kind_and_broker):
    kind, broker = kind_and_broker
    settings = settings_of(kind, broker)
    carried_out = []

    async def handle(command, payload):
        carried_out.append(command)
        request = json.loads(payload)["request_id"]
        return request, b"{}"

    with structlog.testing.capture_logs() as logs:
        async with observing(broker.settings) as observer, person(broker.settings) as client:
            await order(client, "enrol", retain=True, request_id="old")
            async with publishing(settings, MemoryOutbox(), on_command=handle):
                await until(lambda: said(logs, "command ignored"), "the log says so")
                await order(client, "withdraw", request_id="new")
                await observer.until(lambda: f"{ROOT}/replies/new" in observer.held)
    assert carried_out == ["withdraw"]
    (ignored,) = said(logs, "command ignored")
    assert (ignored["command"], ignored["retained"]) == ("enrol", True)


@pytest.fixture
def careless():
    """A process that leaves all its files open to everybody."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("careless")
async def test_nobody_else_may_look_into_the_store_whatever_the_umask_is(site):
    await site.start()
    store = site.folder / "store"
    assert stat.S_IMODE(store.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store.glob("*.db*")}
    modes["lock"] = stat.S_IMODE((store / "lock").stat().st_mode)
    assert modes.keys() >= {"journal.db", "vault.db"}
    assert set(modes.values()) == {0o600}


async def test_systemd_is_told_ready_and_then_alive_with_what_is_committed(
    site, tmp_path, monkeypatch
):
    """sd_notify(3): the unit is of Type=notify, and its WatchdogSec ends a daemon that hangs."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify.sock"))
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify.sock"))
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        loop = asyncio.get_running_loop()
        await site.start()
        async with asyncio.timeout(20):
            assert await loop.sock_recv(systemd, 100) == b"READY=1"
            await site.enrol("S1", "bed-1", "usual_vp01")
            assert await loop.sock_recv(systemd, 100) == b"WATCHDOG=1"
