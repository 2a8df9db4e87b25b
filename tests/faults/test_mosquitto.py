"""The whole daemon with mosquitto: an alert, a kill and a return as a subscriber sees them."""

import sqlite3
from contextlib import closing

import pytest
from brokers import ROOT, SITE, die, make_broker, observing
from site_process import Gateway, Site, arterial, message, tidy
from waiting import until


@pytest.fixture
async def mosquitto(tmp_path):
    async with make_broker("mosquitto", tmp_path) as broker:
        yield broker


@pytest.fixture
async def site(tmp_path, mosquitto):
    made = Site(tmp_path / "site", mosquitto.settings, ("bed-1",), speed=60.0, site_id=SITE)
    yield made
    tidy(made.process)
    await made.stop()


async def open_alert(site):
    """Start, and make MAP 34 of subject S1 an open alert; gives its id."""
    await site.start()
    await site.enrol("S1", "bed-1", "usual_vp01")
    async with Gateway(site.mllp) as gateway:

        async def raised():
            assert b"MSA|CA|" in await gateway.send(
                message("M1", "WARD^ROOM^bed-1", "", *arterial(34))
            )
            return (await site.status())["subjects"]["S1"]["alerts"].get("SEVERE_LOW")

        return (await until(raised, "the alert"))["id"]


async def test_an_alert_reaches_who_listens_and_who_comes_later(site, mosquitto):
    async with observing(mosquitto.settings) as observer:
        alert = await open_alert(site)
        await observer.sees_it_running()
        await observer.until(lambda: observer.events)
        assert observer.events[0] == 1
        topic = f"{ROOT}/subjects/S1/alerts/{alert}"
        await observer.sees(topic, kind="SEVERE_LOW", bed="bed-1")
    async with observing(mosquitto.settings) as later:
        await later.sees(topic, alert_id=alert)
        await later.sees(f"{ROOT}/subjects/S1/state", bed="bed-1", phase="RESUS")
        await later.sees(f"{ROOT}/links/gateway", link="gateway")


async def test_a_kill_is_told_by_the_will_and_a_return_by_the_same_alert(site, mosquitto):
    async with observing(mosquitto.settings) as observer:
        alert = await open_alert(site)
        topic = f"{ROOT}/subjects/S1/alerts/{alert}"
        await observer.sees(topic, kind="SEVERE_LOW")
        await site.kill()
        await observer.sees(f"{ROOT}/status", state="offline", since=None)
        assert observer.held[topic]["kind"] == "SEVERE_LOW"
        await site.start()
        await observer.sees_it_running()
        assert "SEVERE_LOW" in (await site.status())["subjects"]["S1"]["alerts"]
        assert await site.stop() == 0
        await observer.sees(f"{ROOT}/status", state="offline", next_due=None)
    assert observer.first_receipts == sorted(observer.first_receipts)


def unsent(site):
    """How many messages the record does not know as sent."""
    with closing(sqlite3.connect(f"{site.journal.as_uri()}?mode=ro", uri=True)) as journal:
        return journal.execute("SELECT count(*) FROM outbox WHERE sent IS NULL").fetchone()[0]


async def test_after_a_power_cut_a_broker_that_forgot_is_told_what_stands(site, mosquitto):
    site.speed = 1.0  # so that no reminder tells it
    await site.start()
    await site.enrol("S1", "bed-1", "usual_vp01")
    code, *_ = await site.command("override", "S1", "--target", "70", "--reason", "procedure")
    assert code == 0
    alert = (await site.status())["subjects"]["S1"]["alerts"]["TARGET_OVERRIDE"]["id"]
    await until(lambda: not unsent(site), "the broker has acknowledged everything")
    await site.kill()
    await die(mosquitto)
    await mosquitto.__aenter__()
    async with observing(mosquitto.settings) as observer:
        await site.start()
        topic = f"{ROOT}/subjects/S1/alerts/{alert}"
        await observer.sees(topic, kind="TARGET_OVERRIDE", bed="bed-1", target=70.0)
        await observer.sees(f"{ROOT}/subjects/S1/state", bed="bed-1", phase="RESUS")
        assert await site.stop() == 0
